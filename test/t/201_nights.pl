# once: SQL over what the worker has written
# The nights of an operator, each answered by one call of diagnose(), with real receivers.  health() tells of them, too.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Spec;
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('nights', "odoo_events.connect_timeout = '2s'\n");
my $db = 'plant';
my $receiver = OdooEvents->receiver;
OdooEvents->load($node, $db, 'odoo19');
$node->safe_psql($db, q{SELECT odoo_events.attach(); CREATE ROLE bob SUPERUSER LOGIN});
sub sql { my ($sql, $who) = @_; return $node->safe_psql($db, $sql, $who ? (connstr => $node->connstr($db) . " user=$who") : ()) }
sub subscribe { my ($name, $more) = @_; return $receiver->subscribe($node, $db, $name, "/$name", $more) }
sub event
{
	my ($type, $name, $data) = @_;
	return sql(qq{SELECT odoo_events.emit('test.plant.$type.done.v1', '$type/$name', '} . ($data // '{}') . qq{', key => '$type:$name')});
}
sub quote { my ($text) = @_; $text =~ s/'/''/g; return "'$text'" }

# The first row of diagnose() as a hash.
sub diagnose
{
	my ($what) = @_;
	my $row = sql('SELECT row_to_json(d) FROM odoo_events.diagnose(' . (defined $what ? quote($what) : '') . ') d LIMIT 1');
	return $row eq '' ? {} : JSON::PP::decode_json($row);
}

# A row of diagnose() whose finding is like this.
sub found
{
	my ($like) = @_;
	my ($row) = grep { $_->{finding} =~ $like } map { JSON::PP::decode_json($_) } split /\n/, sql('SELECT row_to_json(d) FROM odoo_events.diagnose() d');
	return $row // {};
}

# What comes next can be executed as it stands.
sub executes
{
	my ($row) = @_;
	my ($status, $out, $err) = $node->psql($db, $row->{next}, on_error_stop => 1);
	is($status, 0, "executed: $row->{next}") or diag $err;
	return $out;
}
sub is_row
{
	my ($row, $verdict, $layer, $finding) = @_;
	is(($row->{verdict} // '') . ' ' . ($row->{layer} // ''), "$verdict $layer", "the verdict is $verdict, the layer $layer");
	like($row->{finding} // '', $finding, 'the finding says it with figures');
	return;
}

sql(q{SELECT odoo_events.set_care(types => '{test.*}', owner => 'Plant IT', contact => 'it@example.com')});

subtest '(a) the endpoint answers 200 and does not process' => sub {
	subscribe('portal', q{types => '{test.plant.order.*}'});
	my $id = event('order', 'S00042');
	ok(OdooEvents::delivered($node, $db, 'portal'), 'it is acknowledged');
	my $row = diagnose('S00042');
	is_row($row, 'unknown', 'receiver', qr/^order\/S00042 .* was sent once to portal and acknowledged at .*: whether it was processed then only the receiver knows/);
	is($row->{evidence}{attempts}[0]{status}, 204, 'the answer is evidence');
	is("$row->{owner} $row->{contact}", 'Plant IT it@example.com', 'it says who looks after it');
	like(executes($row), qr/acknowledged/, 'trace shows the way');
	is(diagnose('order:S00042')->{finding}, $row->{finding}, 'the key finds the same document');
	is(diagnose($id)->{finding}, $row->{finding}, 'so does the id of the event');
	is_row(diagnose('S99999'), 'unknown', 'odoo', qr/nothing is known of "S99999"/);
};

subtest '(b) a fifth of the requests to a carrier takes three seconds' => sub {
	subscribe('carrier', q{types => '{test.plant.parcel.*}', ordering => 'none'});
	sql(q{SELECT odoo_events.set_care(subscriptions => '{carrier}', owner => 'Carrier desk', contact => 'desk@example.com')});
	$receiver->misbehave({ path => '^/carrier', probability => 0.2, seed => 7, delay => 2.1, status => 204 });
	sql(q{SELECT odoo_events.emit('test.plant.parcel.done.v1', 'parcel/' || i, '{}') FROM generate_series(1, 60) i});
	ok(OdooEvents::delivered($node, $db, 'carrier'), 'all are delivered');
	$receiver->misbehave();
	my $row = diagnose('carrier');
	is_row($row, 'late', 'endpoint', qr/^carrier is slow: \d+ of its latest 60 requests took longer than a second \(median 0\.\d+ s, 95th percentile [23]\.\d+ s\)/);
	is("$row->{owner} $row->{contact}", 'Carrier desk desk@example.com', 'it is the desk\'s');
	ok($row->{since}, 'it says since when');
	executes($row);
	like(sql(q{SELECT status, detail FROM odoo_events.health() WHERE "check" = 'endpoint carrier'}), qr/^warn\|is slow: .*; owner Carrier desk, contact desk/, 'health() warns of it');
	sql(q{SELECT odoo_events.unsubscribe('carrier')});
};

subtest '(d) 422 for one event type only' => sub {
	subscribe('wms', q{types => '{test.plant.*}'});
	$receiver->misbehave({ path => '^/wms', type => 'tracking', status => 422 });
	event('tracking', $_) foreach 1 .. 3;
	event($_, 1) foreach 'pick', 'pack', 'ship';
	ok($node->poll_query_until($db, q{SELECT count(*) = 3 FROM odoo_events.waiting WHERE subscription = 'wms' AND state = 'retry'}), 'three wait for a retry');
	ok($node->poll_query_until($db, q{SELECT delivered_total >= 3 FROM odoo_events.subscription_status WHERE name = 'wms'}), 'the others are accepted');
	my $row = diagnose('wms');
	is_row($row, 'wrong', 'receiver', qr/^wms answers 422 to test\.plant\.tracking\.done\.v1 only: 3 events, \d+ requests; 3 other types are accepted/);
	is($row->{evidence}{status}, 422, 'the status is evidence');
	like(executes($row), qr/tracking\/1/, 'the events that wait are listed');
	is_row(found(qr/^wms answers 422/), 'wrong', 'receiver', qr/tracking/);
	is_row(diagnose('tracking:2'), 'late', 'endpoint', qr/^tracking\/2 .* is at wms: retry, .*422/);
	$receiver->misbehave();
	sql(q{SELECT odoo_events.retry_now('wms')});
	ok(OdooEvents::delivered($node, $db, 'wms'), 'the receiver takes them in the end');
	is(sql(q{SELECT count(*) FROM odoo_events.diagnose('wms') WHERE verdict = 'wrong'}), 0, 'what was accepted since is over');
	sql(q{SELECT odoo_events.unsubscribe('wms')});
};

subtest '(e) the disk will be full in five hours' => sub {
	ok($node->poll_query_until($db, q{SELECT count(DISTINCT part) = 2 FROM odoo_events.disk_sample}), 'the worker has sampled both file systems');
	# what the worker would have sampled during the last hour, a sixtieth less each minute
	sql(q{WITH d AS (SELECT * FROM odoo_events._disk_space())
	  INSERT INTO odoo_events.disk_sample SELECT d.part, clock_timestamp() - i * interval '1 min', d.free + d.free / 300 * i, d.total FROM d, generate_series(1, 59) i ON CONFLICT DO NOTHING});
	my $row = found(qr/^disk:/);
	is_row($row, 'waiting', 'configuration', qr/^disk: data directory.* free, full in [45]\.\d hours, held by/);
	ok($row->{due_at}, 'it says when');
	executes($row);
	like(sql(q{SELECT status FROM odoo_events.health() WHERE "check" = 'disk'}), qr/^critical/, 'health() calls it critical');
	sql('TRUNCATE odoo_events.disk_sample');
	is(sql(q{SELECT count(*) FROM odoo_events.health() WHERE "check" = 'disk' AND status <> 'ok'}), 0, 'without a trend nothing is wrong');
};

subtest '(f) the certificate of the partner\'s server ends in three days' => sub {
	my $dir = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir);
	chmod 0755, $dir;
	append_to_file("$dir/ext", "subjectAltName = IP:127.0.0.1\n");
	run_log([ 'openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=partner', '-addext', 'subjectAltName = IP:127.0.0.1',
			'-days', '2', '-keyout', "$dir/key.pem", '-out', "$dir/cert.pem" ]);
	my $partner = OdooEvents->receiver('python', '--cert', "$dir/cert.pem", '--key', "$dir/key.pem");
	(my $url = $partner->url('/partner')) =~ s/^http:/https:/;
	my $ca = JSON::PP->new->canonical->encode({ ca => slurp_file("$dir/cert.pem") });
	$partner->knows(sql(qq{SELECT odoo_events.subscribe('partner', '$url', types => '{test.plant.invoice.*}', allow_networks => '{127.0.0.0/8}', tls => '$ca')}), '/partner');
	event('invoice', 1);
	ok(OdooEvents::delivered($node, $db, 'partner'), 'an event is delivered by TLS');
	ok($node->poll_query_until($db, q{SELECT peer_expires_at BETWEEN now() + interval '1 day' AND now() + interval '2 days' FROM odoo_events.subscription_status WHERE name = 'partner'}),
		'peer_expires_at is the end of the server\'s certificate');
	my $row = found(qr/^endpoint partner/);
	is_row($row, 'waiting', 'endpoint', qr/its server's certificate ends 20/);
	is($row->{due_at}, JSON::PP::decode_json(sql(q{SELECT json_build_object('e', peer_expires_at) FROM odoo_events.subscription_status WHERE name = 'partner'}))->{e}, 'it is due when it ends');
	executes($row);
	sql(q{SELECT odoo_events.unsubscribe('partner')});
};

subtest '(g) an inactive slot keeps WAL' => sub {
	sql(q{SELECT pg_create_logical_replication_slot('lake', 'test_decoding')});
	sql(q{SELECT pg_switch_wal() FROM (SELECT pg_logical_emit_message(false, 'x', 'y')) x}) foreach 1 .. 17;
	my $row = found(qr/^slots:/);
	is_row($row, 'waiting', 'configuration', qr/replication slot lake is inactive and keeps 2\d\d MB of WAL/);
	like(executes($row), qr/^lake\|test_decoding/, 'the slot is shown');
	sql(q{SELECT pg_drop_replication_slot('lake')});
	is(found(qr/^slots:/)->{finding}, undef, 'without the slot nothing is wrong');
};

subtest '(h) a subscription was altered and plant 2 has been silent since' => sub {
	OdooEvents->replay($node, $db, 'odoo19-sales');
	ok($node->poll_query_until($db, q{SELECT publish_lag = '0' AND EXISTS (SELECT FROM odoo_events.outbox WHERE type LIKE 'odoo.inventory.%') FROM odoo_events.worker_status}), 'a day of two plants is published');
	my $home = 2;
	subscribe('mes', qq{types => '{odoo.inventory.*}', warehouses => '{1,$home}'});
	ok(OdooEvents::delivered($node, $db, 'mes'), 'it begins');
	sql(q{SELECT odoo_events.alter_subscription('mes', warehouses => '{1}')}, 'bob');
	ok($node->poll_query_until($db, q{SELECT bool_and(position IS NOT NULL) FROM odoo_events.subscription_version}), 'the worker has taken the alteration up');
	sql(qq{SELECT odoo_events.backfill('stock_move', 'state = ''done''')});
	ok($node->poll_query_until($db, qq{SELECT count(*) > 0 FROM odoo_events.outbox WHERE type LIKE 'odoo.inventory.%.snapshot.v1' AND warehouse_id = $home}), 'events of the plant come');
	ok(OdooEvents::delivered($node, $db, 'mes'), 'the subscription passes them over');
	my $row = diagnose('mes');
	is_row($row, 'lost', 'configuration', qr/^mes was altered by bob at .*: since then it has passed over \d+ of \d+ events that it wanted before, all of warehouse $home \(its warehouses are \{1\}\)/);
	is($row->{evidence}{altered_by}, 'bob', 'the audit names bob');
	is_deeply($row->{evidence}{audit}{new}, { warehouses => [1] }, 'its line is evidence');
	is(found(qr/^mes was altered/)->{verdict}, 'lost', 'it is among what is open');
	my $kept = $row->{evidence}{kept_back};
	$receiver->misbehave();
	like(executes($row), qr/^$kept$/m, 'what comes next takes the alteration back and sends what was kept back');
	ok($receiver->wait_for(sub { scalar($receiver->events('/mes')) >= $kept }, 'it arrives'), 'it arrives');
	sql(q{SELECT odoo_events.unsubscribe('mes')});
};

subtest '(j) a customer claims duplicates' => sub {
	subscribe('edi', q{types => '{test.plant.asn.*}', timeout => '1s'});
	my $once = event('asn', 'A1');
	ok(OdooEvents::delivered($node, $db, 'edi'), 'one is sent once');
	is(sql(qq{SELECT count(*) FROM odoo_events.diagnose('$once') WHERE verdict = 'duplicate'}), 0, 'which is no duplicate');
	$receiver->misbehave({ path => '^/edi', times => 1, delay => 1.5 });
	my $twice = event('asn', 'A2');
	ok(OdooEvents::delivered($node, $db, 'edi'), 'another is answered too late, and sent again');
	my $row = diagnose('A2');
	is_row($row, 'duplicate', 'receiver', qr/^asn\/A2 .* was sent 2 times to edi, with one id: 1 requests had no acknowledgement in time and may have been processed all the same/);
	is(scalar @{ $row->{evidence}{attempts} }, 2, 'both requests are evidence');
	executes($row);
	sql(qq{SELECT odoo_events.replay('edi', ids => '{$once}')});
	ok($node->poll_query_until($db, q{SELECT bool_and(state <> 'running') FROM odoo_events.replay_status}), 'somebody sends the first again');
	is_row(diagnose('A1'), 'duplicate', 'receiver', qr/was acknowledged 2 times by edi, with one id each time/);
};

subtest 'an operator may ask, and sees no payload' => sub {
	sql(q{CREATE ROLE operator LOGIN IN ROLE pg_monitor; GRANT EXECUTE ON FUNCTION odoo_events.diagnose TO operator});
	event('order', 'S00043', '{"secret": "Rezeptur 7"}');
	ok(OdooEvents::delivered($node, $db, 'portal'), 'an order is delivered');
	my $seen = join "\n", map { sql("SELECT row_to_json(d) FROM odoo_events.diagnose($_) d", 'operator') } '', "'S00043'", "'portal'";
	like($seen, qr/S00043/, 'it sees the name of the document');
	unlike($seen, qr/Rezeptur/, 'and not what is in it');
	cmp_ok(sql('SELECT count(*) FROM odoo_events.diagnose()'), '<=', 100, 'there are at most 100 rows');
};

subtest 'diagnose and health answer while Odoo\'s tables and ours are locked' => sub {
	my $lock = $node->background_psql($db);
	$lock->query_safe('BEGIN; LOCK TABLE stock_picking, sale_order, odoo_events.held IN ACCESS EXCLUSIVE MODE;');
	my ($status, $out, $err) = $node->psql($db, q{SELECT count(*) > 0 FROM odoo_events.health()});
	is($out, 't', 'health() answers');
	$lock->query_safe('ROLLBACK');
	$lock->quit;
};
is_deeply([ $receiver->problems ], [], 'signed, in order, same bytes');
$node->stop;
done_testing();
