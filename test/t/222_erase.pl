# A person is erased: his name is in no table of the extension any more, in no dump, and in nothing that is sent or sent again afterwards; not
# even where a worker had read it before, in a frozen batch or for a retry.  The events stay, with their ids and their order.
# once: nothing here depends on the version of PostgreSQL
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('erase', "odoo_events.restart_delay = '200ms'\n");
my $db = 'plant';
OdooEvents->load($node, $db, 'odoo19');
my $receiver = OdooEvents->receiver;
my $all = q{types => '{*}', clearance => '{public,internal,confidential,personal}'};
my $name = 'Zacharias Quittenbaum';
my ($partner, $other) = split /\n/, $node->safe_psql($db, q{SELECT id FROM res_partner ORDER BY id DESC LIMIT 2});
$node->safe_psql($db, qq{UPDATE res_partner SET name = '$name', email = 'zq\@example.com' WHERE id = $partner; UPDATE res_partner SET name = 'Berta Bleibtreu' WHERE id = $other});
$node->safe_psql($db, q{SELECT odoo_events.enable_event('odoo.master_data.partner.changed.v1'); SELECT odoo_events.attach()});
OdooEvents->replay($node, $db, 'odoo19-sales');
$receiver->misbehave({ path => '/retry', key => "^partner:$partner\$", status => 503, body => "sorry, $name" }, { path => '/retry', status => 503 }, { path => '/batch', status => 503 }, { path => '/dead', key => "^partner:$partner\$", status => 422, body => $name }, { path => '/dead', status => 422 });
$receiver->subscribe($node, $db, 'good', '/good', $all);
$receiver->subscribe($node, $db, 'retry', '/retry', "$all, retry_schedule => '{1h}'");
$receiver->subscribe($node, $db, 'batch', '/batch', "$all, format => 'batch', batch_size => 100, retry_schedule => '{1h}'");
$receiver->subscribe($node, $db, 'dead', '/dead', "$all, on_reject => 'dead'");
$receiver->subscribe($node, $db, 'late', '/late', "$all");
$node->safe_psql($db, q{SELECT odoo_events.pause('late')});
$node->safe_psql($db, qq{UPDATE stock_picking SET partner_id = CASE id % 2 WHEN 0 THEN $partner ELSE $other END, state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id <= 6});
$node->safe_psql($db, qq{UPDATE res_partner SET city = CASE id WHEN $partner THEN 'Quittenhausen' ELSE 'Bergen' END WHERE id IN ($partner, $other)});
my $settled = q{SELECT count(*) = 4 FROM odoo_events.subscription_status WHERE position = odoo_events._last_position() AND name <> 'late'};
$node->poll_query_until($db, qq{SELECT count(*) > 0 FROM odoo_events.outbox_all WHERE event LIKE '%$name%' AND type LIKE 'odoo.master_data.partner%'}) or die 'no event of the partner';
ok($node->poll_query_until($db, $settled), 'all that is wanted was tried');

sub places { return map { split /\|/, $_, 2 } split /\n/, $node->safe_psql($db, qq{SELECT place, rows FROM odoo_events.erase('partner', $partner, 'ticket 1', dry_run => $_[0])}) }
sub named
{
	return $node->safe_psql($db, qq{SELECT string_agg(DISTINCT c.relname, ' ') FROM pg_class c, LATERAL (SELECT query_to_xml(format('SELECT * FROM odoo_events.%I', c.relname), true, false, '')::text AS x) t
		WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relkind = 'r' AND t.x ~ '$name|zq.example|Quittenhausen' AND NOT t.x ~ '^\$'});
}
my $before = $node->safe_psql($db, q{SELECT string_agg(position || ' ' || id, ',' ORDER BY position) FROM odoo_events.outbox_all WHERE type NOT LIKE 'odoo.platform%'});
my $others = $node->safe_psql($db, qq{SELECT count(*) FROM odoo_events.outbox_all WHERE event LIKE '%Bleibtreu%'});
my %dry = places('true');
cmp_ok($dry{outbox}, '>=', 4, 'a dry run counts the events that name him');
cmp_ok($dry{dead_letter}, '>=', 4, 'and the dead letters');
cmp_ok($dry{attempt}, '>=', 2, 'and the answers that were kept');
isnt(named(), '', 'and changes nothing');
my $pid = $node->safe_psql($db, 'SELECT pid FROM odoo_events.worker_status');
my %done = places('false');
is($done{outbox}, $dry{outbox}, 'it erases what it has counted');
ok(exists $done{q{not reached: WAL, backups, standbys' archives, consumers; old row versions until VACUUM}}, 'and says what it does not reach');
ok($node->poll_query_until($db, 'SELECT acknowledged_at IS NOT NULL FROM odoo_events.erasure'), 'the worker has forgotten');
isnt($node->safe_psql($db, 'SELECT pid FROM odoo_events.worker_status'), $pid, 'it is another process');
unlike($node->safe_psql($db, qq{SELECT string_agg(event, ' ') FROM (SELECT event FROM odoo_events.outbox_all UNION ALL SELECT event FROM odoo_events.dead UNION ALL SELECT subject FROM odoo_events.outbox_all UNION ALL SELECT subject FROM odoo_events.dead) x}),
	qr/$name|zq.example/, 'his name is in no event');
is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.attempt WHERE response LIKE '%Quittenbaum%' AND at < (SELECT at FROM odoo_events.erasure)}), '0', 'nor in an answer that came before');
unlike(named() =~ s/\battempt_\d\b//gr, qr/\w/, 'nor in any other table');
is($node->safe_psql($db, q{SELECT string_agg(position || ' ' || id, ',' ORDER BY position) FROM odoo_events.outbox_all WHERE type NOT LIKE 'odoo.platform%'}), $before, 'every event is there, with its id and position');
is($node->safe_psql($db, qq{SELECT count(*) FROM odoo_events.outbox_all WHERE event LIKE '%Bleibtreu%' AND NOT event::jsonb ? 'erasedtime'}), $others, 'events that name others only are as they were');
is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.outbox WHERE NOT event::jsonb ? 'erasedtime' AND event::jsonb ->> 'erasedtime' IS NOT NULL}), '0', 'the events are valid JSON');
my ($dump) = run_command([ 'pg_dump', '-d', $node->connstr($db), '-n', 'odoo_events' ]);
unlike($dump, qr/Quittenbaum/, 'nor in a dump');

# what is sent from now on
my $from = () = $receiver->ledger;
$receiver->misbehave();
$node->safe_psql($db, q{SELECT odoo_events.resume('late'); SELECT odoo_events.retry_now('retry'); SELECT odoo_events.retry_now('batch'); SELECT odoo_events.replay('dead', dead_letters => true); SELECT odoo_events.replay('good', from_position => 1)});
ok($node->poll_query_until($db, q{SELECT count(*) = 5 AND sum(dead_letters) = 0 FROM odoo_events.subscription_status WHERE lag_events = 0 AND (SELECT count(*) FROM odoo_events.replay_status WHERE state = 'done') = 2}), 'all of it is sent, retried and replayed');
my @sent = $receiver->ledger;
my $bytes = join ' ', map { $_->{body} } @sent[ $from .. $#sent ];
unlike($bytes, qr/$name|zq.example/, 'without him');
like($bytes, qr/"erasedtime":"20/, 'saying so');
like($bytes, qr/Berta Bleibtreu/, 'the other one is there');
is(scalar(grep { $_->{type} eq 'odoo.platform.person.erased.v1' && $_->{data}{person}{id} == $partner } $receiver->events('/good')) > 0, 1, 'consumers are told, by id');
is($node->safe_psql($db, q{SELECT what || ' ' || object || ' ' || (new ->> 'reason') FROM odoo_events.audit_log WHERE what = 'erase'}), "erase partner:$partner ticket 1", 'audited');
$node->stop;
done_testing();
