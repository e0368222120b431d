# The pages: valid, accessible, without scripts, whatever names the data has, and every figure's statement can be pasted into psql.
# once: HTML that SQL functions make; no version of PostgreSQL makes a difference
# check-all: a browser and public libraries for Node judge
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir;
my $node = OdooEvents->node('pages');
my $db = 'plant';
my $receiver = OdooEvents->receiver;
OdooEvents->load($node, $db, 'odoo19');

# Names as hostile as Odoo's users can make them.
my $hostile = qq{</title><script>alert("1")</script> <b onclick='x()'>&amp; \x{202e}\x{5d0}\x{5d1} \x{1f69a}};
utf8::encode($hostile);
(my $literal = $hostile) =~ s/'/''/g;

# Writes a page to a file; answers its text.
sub page
{
	my ($file, $call) = @_;
	my $text = $node->safe_psql($db, "SELECT odoo_events.$call");
	open my $fh, '>', "$dir/$file.html" or die "$file: $!";
	print $fh "$text\n";
	close $fh;
	return $text;
}

sub judge
{
	my @files = @_;
	my $output = '';
	IPC::Run::run([ 'node', "$FindBin::RealBin/../pages/judge.mjs", map { "$dir/$_.html" } @files ], '<', File::Spec->devnull, '>', \$output, '2>&1');
	return $? == 0 ? 'nothing' : $output;
}

# Statements that a page shows, as somebody would paste them.
sub statements
{
	my ($text) = @_;
	my @found = $text =~ m{<pre><code>(.*?)</code></pre>}gs;
	foreach (@found) { s/&lt;/</g; s/&gt;/>/g; s/&quot;/"/g; s/&#39;/'/g; s/&amp;/&/g; }
	return @found;
}

$node->safe_psql($db, q{
SELECT odoo_events.attach();
SELECT odoo_events.define_calendar('plant', 'Asia/Kathmandu', '{"mon": ["00:00-24:00"], "tue": ["00:00-24:00"], "wed": ["00:00-24:00"], "thu": ["00:00-24:00"], "fri": ["00:00-24:00"], "sat": ["00:00-24:00"], "sun": ["00:00-24:00"]}', warehouses => '{1}');
SELECT odoo_events.define_sla('order-to-shipment', '{odoo.sales.sales_order.confirmed.v1}', '{odoo.logistics.shipment.dispatched.v1}', within => '1 ms', owner => 'Dock');
SELECT odoo_events.define_sla('pick', '{odoo.logistics.*.confirmed.v1}', '{odoo.logistics.*.dispatched.v1,odoo.logistics.*.completed.v1}', document => 'key', within => '1 hour', calendar => 'warehouse')});
$receiver->subscribe($node, $db, 'wms', '/wms');
$receiver->subscribe($node, $db, 'carrier', '/carrier', qq{types => '{odoo.logistics.*,test.*}', owner => '$literal', contact => '$literal'});
$receiver->misbehave({ path => '/carrier', type => 'dispatched', status => 422, body => $hostile }, { path => '/carrier', type => 'confirmed', status => 503 });
OdooEvents->replay($node, $db, 'odoo19-sales');
my $long = 'x' x 240;
$node->safe_psql($db, qq{SELECT odoo_events.emit('test.plant.thing.done.v1', '$literal', '{"n": 1}'), odoo_events.emit('test.plant.thing.done.v1', 'thing/$long', '{"n": 2}')});
$node->safe_psql($db, 'SELECT odoo_events.publish()');
ok(OdooEvents::delivered($node, $db, 'wms'), 'everything is delivered to one subscription');
ok($node->poll_query_until($db, q{SELECT count(*) > 0 FROM odoo_events.waiting WHERE subscription = 'carrier' AND attempts > 0}), 'and waits at the other');

my @roles = qw(operations integration warehouse business document);
my %pages;
foreach my $role (@roles)
{
	foreach my $language (qw(en de fr))
	{
		my $file = "$role-$language";
		$pages{$file} = page($file, "page('$role', what => 'WH/OUT/00001', language => '$language')");
		cmp_ok(length $pages{$file}, '<', 200_000, "$file is smaller than 200 kB");
	}
}
$pages{hostile} = page('hostile', "page('document', what => '$literal')");
$pages{long} = page('long', "page('document', what => '$long')");
$pages{nobody} = page('nobody', "page('document', what => 'no such document')");
$pages{catalog} = page('catalog', 'event_catalog()');

subtest 'a browser, html-validate and axe-core find nothing' => sub {
	is(judge(grep { !/-fr$/ } sort keys %pages), 'nothing', 'in all pages');
};

subtest 'the judge finds what is wrong' => sub {
	append_to_file("$dir/bad.html", '<!DOCTYPE html><html><head><title>x</title></head><body><img src="http://127.0.0.1:9/x.png"><script>1</script></body></html>');
	my $found = judge('bad');
	like($found, qr/contains a script/, 'a script');
	like($found, qr/refers to http/, 'a reference');
	like($found, qr/image-alt/, 'an image without a text');
};

subtest 'names are shown and never obeyed' => sub {
	like($pages{'integration-en'}, qr/&lt;script&gt;alert\(&quot;1&quot;\)/, 'the hostile owner is shown');
	unlike($pages{$_}, qr/<script|<b onclick/, "$_ holds no markup of data") foreach sort keys %pages;
	like($pages{long}, qr/x{40}/, 'a name of 240 characters is shown');
};

subtest 'each statement can be pasted' => sub {
	my ($n, @failed) = (0);
	foreach my $statement (map { statements($pages{$_}) } grep { $_ ne 'catalog' } sort keys %pages)
	{
		my ($status, undef, $error) = $node->psql($db, $statement);
		push @failed, "$statement: $error" if $status != 0;
		$n++;
	}
	cmp_ok($n, '>', 60, "$n statements are shown");
	is("@failed", '', 'none fails');
};

subtest 'figures are those of the views' => sub {
	my $dispatched = $node->safe_psql($db, q{SELECT count(*) FROM odoo_events.dead_letter WHERE subscription = 'carrier' AND last_status = 422});
	like($pages{'integration-en'}, qr{<td class="n">422</td><td>.*?dispatched.*?<td class="n">$dispatched</td>}s, 'dead letters by answer and type') if $dispatched > 0;
	my $total = $node->safe_psql($db, 'SELECT odoo_events._last_position()');
	like($pages{'operations-en'}, qr/aria-label="Events published: $total,/, "the curve counts all $total events");
	is($node->safe_psql($db, q{SELECT sum(n) FROM odoo_events.requests(now() - interval '1 day', now()) WHERE name = 'wms'}),
		$node->safe_psql($db, q{SELECT count(*) FROM odoo_events.attempt WHERE subscription = 'wms'}), 'requests() counts the attempts');
	like($pages{'operations-de'}, qr/lang="de".*<h1>Betrieb/s, 'German is spoken');
	my ($kept, $broken) = split /\|/, $node->safe_psql($db, q{SELECT count(*) FILTER (WHERE state = 'met'), count(*) FILTER (WHERE state IN ('breached', 'met_late')) FROM odoo_events.promise WHERE sla = 'order-to-shipment'});
	cmp_ok($broken, '>', 0, "$broken promises are broken");
	like($pages{$_}, qr{<td><bdi>order-to-shipment</bdi></td><td class="n">$kept</td><td class="n">$broken</td>}, "$_ counts them") foreach qw(warehouse-en business-en);
	my $n = $node->safe_psql($db, q{SELECT count(*) FROM odoo_events.promise WHERE state IN ('at_risk', 'breached')});
	my ($table) = $pages{'warehouse-en'} =~ m{<h2>Promises at risk and broken</h2>(.*?)</section>}s;
	is(scalar(() = $table =~ /<td class="b (?:bad|warn)">/g), $n, "the warehouse's page names all $n that are open");
	like($pages{'document-en'}, qr{<h2>Verdict</h2>.*?<td class="b warn"><bdi>late</bdi></td>}s, 'the verdict of the document is that its promise was broken');
};

# Shipments of both warehouses; the recordings have none of the second.
sub shipment { my ($id, $kind) = @_; return qq{INSERT INTO stock_picking SELECT (jsonb_populate_record(p, '{"id": $id, "name": "LOAD/$id", "picking_type_id": $kind, "state": "assigned", "backorder_id": null, "sale_id": null}')).* FROM stock_picking p ORDER BY p.id LIMIT 1;}; }
$node->safe_psql($db, q{SELECT odoo_events.define_sla('load', '{odoo.logistics.shipment.ready.v1}', '{odoo.logistics.shipment.dispatched.v1}', document => 'key', within => '1 ms')});
$node->safe_psql($db, $_) foreach shipment(9001, 2), shipment(9002, 18), shipment(9003, 18), q{UPDATE stock_picking SET state = 'done' WHERE id = 9003}, 'SELECT odoo_events.publish()';
ok($node->poll_query_until($db, q{SELECT array_agg(state ORDER BY document) = '{breached,breached,met_late}' FROM odoo_events.promise WHERE sla = 'load'}), 'promises of two warehouses');

subtest 'company and warehouse choose what warehouse and business show' => sub {
	my $one = page('warehouse-1', q{page('warehouse', warehouse_id => 1)});
	my $two = page('warehouse-2', q{page('warehouse', company_id => 1, warehouse_id => 2)});
	my $business = page('business-2', q{page('business', warehouse_id => 2)});
	like($one, qr/transfer:9001/, 'what is of the warehouse');
	unlike($one, qr/transfer:9002/, 'and nothing of the other');
	like($two, qr/transfer:9002/, 'and the other way round');
	unlike($two, qr/transfer:9001/, 'nothing of the first');
	like($two, qr{<td><bdi>load</bdi></td><td class="n">0</td><td class="n">2</td>}, 'figures, too');
	like($business, qr{<td><bdi>promise broken</bdi></td><td><bdi>load</bdi></td><td class="n">1</td><td><bdi>transfer:9002}, 'exceptions as well');
	like($one, qr/warehouse 1, .*times in Asia\/Kathmandu/, 'times are those of the calendar');
	unlike(page('business-3', q{page('business', company_id => 3)}), qr/transfer:9/, 'another company has promised nothing');
	is(judge(qw(warehouse-1 warehouse-2 business-2)), 'nothing', 'nothing is found');
	my $failed = join ' ', grep { ($node->psql($db, $_))[0] != 0 } map { statements($_) } $one, $two, $business;
	is($failed, '', 'their statements can be pasted');
};

subtest 'under a policy a page shows what that allows' => sub {
	$node->safe_psql($db, q{CREATE ROLE dock LOGIN; GRANT USAGE ON SCHEMA odoo_events TO dock; GRANT EXECUTE ON FUNCTION odoo_events.page TO dock;
		SELECT odoo_events.set_policy('dock', may => '{operate}', warehouses => '{2}')});
	my $as = sub { return $node->safe_psql($db, "SELECT odoo_events.page($_[0])", extra_params => [ '-U', 'dock' ]) };
	my $page = $as->(q{'warehouse'});
	like($page, qr/transfer:9002/, 'his warehouse');
	unlike($page, qr/transfer:9001/, 'no other');
	like($page, qr{Shortages</h2><p class="warn">left out: no policy of yours lets you read events}, 'and no events');
	my $order = $node->safe_psql($db, q{SELECT document FROM odoo_events.promise WHERE sla = 'order-to-shipment' AND warehouse_id = 1 LIMIT 1});
	unlike($as->(qq{'document', what => '$order'}), qr/is breached|is met late/, 'nor documents of others');
	my $operations = $as->(q{'operations'});
	like($operations, qr{$_</h2><p class="warn">left out: it is about everything}, "$_ is left out") foreach 'Storage', 'Events published';
	open my $fh, '>', "$dir/dock.html";
	print $fh "$operations\n";
	close $fh;
	is(judge('dock'), 'nothing', 'nothing is found');
};

subtest 'a page does not wait for a lock' => sub {
	my $session = $node->background_psql($db, on_error_stop => 0);
	$session->query_safe('BEGIN; LOCK TABLE odoo_events.audit IN ACCESS EXCLUSIVE MODE');
	like(page('locked', q{page('operations')}), qr/Last changes of the configuration<\/h2><p class="warn">cannot be shown/, 'a section says that it is locked');
	$session->query_safe('ROLLBACK');
	$session->quit;
};

subtest 'wrong arguments are named, with what is right' => sub {
	my %wrong = (
		q{page('boss')} => qr/no page "boss" \(argument "role"\)/,
		q{page(period => '-1 h')} => qr/argument "period" is -01:00:00/,
		q{page(period => '1 year')} => qr/at most 92 days/,
		q{page('document')} => qr/argument "what" says no document/,
		q{page(company_id => 1)} => qr/argument "company_id" has no effect/,
		q{page(language => 'tlh')} => qr/argument "language" is "tlh": pages speak en, de, fr/);
	foreach my $call (sort keys %wrong)
	{
		my (undef, undef, $error) = $node->psql($db, "SELECT odoo_events.$call");
		like($error, $wrong{$call}, $call);
		my ($hint) = $error =~ /HINT:  (.*)/;
		is(($node->psql($db, $hint))[0], 0, "pasted: $hint");
	}
};

$node->stop;
done_testing;
