# check-all: ten weeks of flows
# Flows: counted five minutes by five minutes as the outbox says, once each whatever is broken off; what is unusual is told by an event,
# in health(), metrics() and diagnose(), with its numbers; ten weeks with what was planted in them, and no false alarm.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooEvents;
use POSIX ();
use Test::More;

my $node = OdooEvents->node('flows', "odoo_events.restart_delay = '100ms'\nrestart_after_crash = on\nodoo_events.databases = 'plant'\nodoo_events.flow_timezone = 'UTC'\n");
my $faults = $node->data_dir . '/oe_faults';
mkdir $faults;
sub fault
{
	my ($name, $value) = @_;
	open my $file, '>', "$faults/$name" or die $!;
	print $file $value;
	close $file;
	chmod 0666, "$faults/$name";
	return;
}
my $db = 'plant';
sub sql { my ($sql, $where) = @_; return $node->safe_psql($where // $db, $sql) }
sub until_true { my ($sql) = @_; return $node->poll_query_until($db, $sql) }

subtest 'ten weeks of a hundred flows: what was planted is found within two buckets, and nothing else' => sub {
	$node->safe_psql('postgres', 'CREATE DATABASE weeks');
	sql('CREATE EXTENSION odoo_events', 'weeks');
	# a Monday, 70 to 76 days ago
	my $base = sql(q{SELECT to_char(date_trunc('week', now() AT TIME ZONE 'UTC' - interval '70 days'), 'YYYY-MM-DD')}, 'weeks');
	system("python3 '$FindBin::RealBin/../lib/flows.py' 1 $base > '" . $node->basedir . "/weeks.sql'") == 0 or die 'flows.py';
	$node->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('weeks'), '-f', $node->basedir . '/weeks.sql' ], 'ten weeks are there');
	# of the ninth week a day, the holiday and the night behind it, the weekend's beginning; of the tenth the days with plants
	sql(q{ANALYZE; CREATE TABLE found AS SELECT b.bucket AS judged, j.* FROM odoo_events.flow_bucket b, LATERAL odoo_events._flow_judge(b.bucket) j,
	         (SELECT min(bucket) AS base FROM odoo_events.flow_bucket) m
	  WHERE b.bucket >= m.base + interval '56 days' AND b.bucket < m.base + interval '67 days'
	    AND (extract(isodow FROM b.bucket AT TIME ZONE 'UTC') = 1 OR extract(hour FROM b.bucket AT TIME ZONE 'UTC') IN (0, 6) OR EXISTS (SELECT FROM planted p WHERE b.bucket BETWEEN p.bucket AND p.bucket + interval '30 min'))}, 'weeks');
	is(sql(q{SELECT p.flow, p.kind FROM planted p WHERE NOT EXISTS (SELECT FROM found f WHERE f.flow = p.flow AND f.kind = p.kind AND f.judged = p.bucket + interval '5 min' AND f.since = p.bucket)}, 'weeks'), '',
		'silence, a drop by 60 %, three times as much, and slowness are found by the end of the second bucket');
	is(sql(q{SELECT * FROM found f WHERE NOT EXISTS (SELECT FROM planted p WHERE p.flow = f.flow AND f.judged BETWEEN p.bucket AND p.bucket + interval '90 min')}, 'weeks'), '', 'nothing else is unusual');
	is(sql(q{SELECT count(*) FROM found WHERE n BETWEEN low AND high AND kind IN ('drop', 'silence', 'spike')}, 'weeks'), '0', 'the numbers say so: n is outside of what is usual');
	my $holiday = sql(q{SELECT since + interval '10 hours' FROM odoo_events.announcement}, 'weeks');
	sql('DELETE FROM odoo_events.announcement', 'weeks');
	is(sql(qq{SELECT string_agg(flow || ' ' || kind, ',') FROM odoo_events._flow_judge('$holiday') WHERE kind IN ('drop', 'silence')}, 'weeks'), '0 drop', 'a holiday that nobody announced is one finding, not a hundred');
	sql(qq{SELECT odoo_events._flow_compare('$holiday')}, 'weeks');
	like(sql(q{SELECT detail FROM odoo_events.health() WHERE "check" = 'flows'}, 'weeks'), qr/^the plant \(most flows of events\) shows a drop since .*: \d+\.00 events, expected \d+/, 'health() says so');
};

# from here on a bucket has a second
fault('flow-bucket-ms', 1000);
fault('flow-grace-ms', 100);
my $receiver = OdooEvents->receiver;
OdooEvents->load($node, $db, 'odoo19');
sql(q{SELECT odoo_events.attach()});
$receiver->subscribe($node, $db, 'watch', '/watch', q{types => '{odoo.platform.flow.*}'});
$receiver->subscribe($node, $db, 'carrier', '/carrier', q{types => '{test.plant.parcel.*}', ordering => 'none', max_in_flight => 16});
my $calls = 0;
sub events
{
	my ($type, $n) = @_;
	$calls++;
	sql(qq{SELECT odoo_events.emit('test.plant.$type.done.v1', '$type/$calls-' || i, '{}') FROM generate_series(1, $n) i});
	return;
}

# What the outbox says of the buckets that are closed.
my $differs = q{WITH account AS (SELECT o.type, COALESCE(o.warehouse_id, 0) AS warehouse, to_timestamp(floor(extract(epoch FROM o.time))) AS bucket, count(*) AS n FROM odoo_events.outbox_all o
    WHERE o.type !~ '^odoo[.]platform|[.]snapshot[.]' AND EXISTS (SELECT FROM odoo_events.flow_bucket b WHERE b.bucket = to_timestamp(floor(extract(epoch FROM o.time)))) GROUP BY 1, 2, 3),
  kept AS (SELECT f.type, COALESCE(f.warehouse_id, 0), s.bucket, s.n FROM odoo_events.flow_stat f JOIN odoo_events.flow_stat_row s ON s.bucket = f.bucket
            AND odoo_events._flow_name((SELECT x FROM odoo_events.flow x WHERE x.id = s.flow)) = f.flow WHERE f.type IS NOT NULL)
  SELECT count(*) FROM ((TABLE account EXCEPT ALL TABLE kept) UNION ALL (TABLE kept EXCEPT ALL TABLE account)) x};
sub closed { my $now = sql('SELECT clock_timestamp()'); return until_true(qq{SELECT max(bucket) > '$now' FROM odoo_events.flow_bucket}) }

subtest 'the statistics say what the outbox says, also when the worker dies' => sub {
	ok(closed(), 'a bucket is closed although nothing happens');
	events('pick', 40);
	OdooEvents->replay($node, $db, 'odoo19-sales');
	ok(closed(), 'buckets are closed');
	is(sql($differs), 0, 'each event is counted in the bucket of its commit');
	cmp_ok(sql(q{SELECT count(*) FROM odoo_events.flow_stat WHERE warehouse_id IS NOT NULL}), '>', 3, 'by type and warehouse');
	cmp_ok(sql(q{SELECT max(p95) FROM odoo_events.flow_stat WHERE type IS NOT NULL}), '>', 0, 'with the time from commit to publication');
	foreach ([ 'flow-closed', 'kill' ], [ 'reader-written', 'error' ], [ 'reader-committed', 'kill' ])
	{
		my ($point, $action) = @$_;
		events('pick', 7);
		fault($point, $action);
		eval { events('pick', 11) };
		OdooEvents::Receiver::wait_until(sub { !-e "$faults/$point" }, "$point is passed");
		$node->poll_query_until('postgres', 'SELECT true');
		ok(closed(), 'it goes on');
		is(sql($differs), 0, "$point: $action: each once");
	}
	is(sql(q{SELECT count(*) FROM odoo_events.flow_stat WHERE type LIKE 'odoo.platform.%'}), 0, 'what it tells of itself is not counted');
};

# The weeks before, as if each of their seconds had been like this, for the flow of this condition.
sub history
{
	my ($flow, $n, $p95) = @_;
	sql(qq{INSERT INTO odoo_events.flow_bucket SELECT b, 0, true FROM generate_series(1, 8) w, generate_series(date_trunc('second', now()) - w * interval '7 days' - interval '30 s', now() - w * interval '7 days' + interval '10 min', '1 s') b ON CONFLICT DO NOTHING;
	  INSERT INTO odoo_events.flow_stat_0 SELECT b.bucket, f.id, $n, CASE WHEN f.type IS NULL THEN $n END, CASE WHEN f.type IS NULL THEN 0 END, $p95, $p95 FROM odoo_events.flow_bucket b, odoo_events.flow f
	   WHERE b.bucket < now() - interval '1 day' AND $flow;
	  UPDATE odoo_events.flow f SET since = now() - interval '60 days' WHERE $flow});
	return;
}
my $care = q{SELECT odoo_events.set_care(types => '{test.plant.pick.*}', owner => 'Picking', contact => 'pick@example.com')};

subtest 'a flow that falls silent is told, once, with the numbers that say so' => sub {
	sql($care);
	history(q{f.type = 'test.plant.pick.done.v1'}, 50, 0.01);
	ok($receiver->wait_for(sub { scalar(() = $receiver->events('/watch')) > 0 }, 'an event comes'), 'an event comes');
	my ($event) = $receiver->events('/watch');
	my $flow = $event->{data}{flow};
	is("$event->{type} $flow->{name} $flow->{kind} $flow->{unit}", 'odoo.platform.flow.unusual.v1 test.plant.pick.done.v1 silence events', 'it says which flow, and how');
	is("$flow->{n} $flow->{expected} $flow->{low} $flow->{high}", '0 50 25 100', 'with its numbers');
	is($event->{data}{care}{owner}, 'Picking', 'and who looks after it');
	my ($check) = map { [ split /\|/ ] } sql(q{SELECT status, detail, hint FROM odoo_events.health() WHERE "check" = 'flows'});
	like("@$check[0, 1]", qr/^warn test\.plant\.pick\.done\.v1 shows a silence since .*: 0\.00 events, expected 50\.00, usual are 25\.0 to 100\.0$/, 'health() warns');
	is($node->psql($db, $check->[2]), 0, 'its hint can be executed');
	like(sql(q{SELECT verdict || ' ' || layer || ' ' || finding FROM odoo_events.diagnose() WHERE finding LIKE 'flows:%'}), qr/^unknown odoo flows: test\.plant\.pick/, 'diagnose() knows it');
	like(sql('SELECT odoo_events.metrics_text()'), qr/^odoo_events_flows_unusual\{database="plant",kind="silence"\} 1$/m, 'metrics() count it');
	like(sql('SELECT odoo_events.metrics_text()'), qr/^odoo_events_flow_threshold\{database="plant",setting="flow_score"\} 3$/m, 'and show the thresholds');
	ok(closed() && closed(), 'buckets go by');
	is(scalar(() = $receiver->events('/watch')), 1, 'it is told once');
	sql(q{SELECT odoo_events.announce('stocktake', now() - interval '1 min', now() + interval '1 hour')});
	ok(until_true(q{SELECT bool_and(until IS NOT NULL) FROM odoo_events.anomaly}), 'it is over when a stocktake is announced');
	is(sql(q{SELECT count(*) FROM odoo_events.health() WHERE "check" = 'flows'}), 0, 'and health() is quiet');
	sql(q{SELECT odoo_events.end_announcement(max(id)) FROM odoo_events.announcement; DELETE FROM odoo_events.announcement; DELETE FROM odoo_events.flow_stat_0 WHERE bucket < now() - interval '1 day'});
};

subtest 'a subscription whose requests become slow is told' => sub {
	events('parcel', 5);
	ok(OdooEvents::delivered($node, $db, 'carrier'), 'requests are sent');
	ok(until_true(q{SELECT count(*) > 0 FROM odoo_events.flow_stat WHERE subscription = 'carrier' AND n > 0 AND requests >= n AND failures = 0}), 'and counted');
	$receiver->misbehave({ path => '^/carrier', delay => 1.5, status => 204 });
	history('f.subscription_id IS NOT NULL', 6, 0.05);
	my $slow = q{SELECT EXISTS (SELECT FROM odoo_events.anomaly WHERE flow = 'subscription:carrier' AND kind = 'slow')};
	OdooEvents::Receiver::wait_until(sub { events('parcel', 6); sql($slow) eq 't' }, 'it is noticed');
	like(sql(q{SELECT detail FROM odoo_events.health() WHERE "check" = 'flows' AND detail LIKE '%carrier is slow%'}), qr/^subscription:carrier is slow since .*: 95th percentile 1\.\d+ s, expected 0\.05 s, at most 0\.[56]/, 'health() says how slow');
	ok($receiver->wait_for(sub { grep { $_->{data}{flow}{kind} eq 'slow' && $_->{data}{flow}{subscription} eq 'carrier' && $_->{data}{flow}{unit} eq 'seconds' } $receiver->events('/watch') }, 'an event comes'), 'an event tells it');
	$receiver->misbehave();
	sql(q{SELECT odoo_events.unsubscribe('carrier')});
	ok(closed() && closed() && until_true(q{SELECT bool_and(until IS NOT NULL) FROM odoo_events.flow_anomaly a JOIN odoo_events.flow f ON f.id = a.flow WHERE f.subscription_id IS NOT NULL
		  AND NOT EXISTS (SELECT FROM odoo_events.subscription_config c WHERE c.id = f.subscription_id)}),
		'the silence of a subscription that is gone is none');
};

subtest 'a role under a policy sees what it allows' => sub {
	sql(q{CREATE ROLE picker LOGIN; GRANT USAGE ON SCHEMA odoo_events TO picker; GRANT SELECT ON odoo_events.flow_stat, odoo_events.anomaly TO picker;
	  SELECT odoo_events.set_policy('picker', may => '{read}', types => '{test.plant.pick.*}')});
	my $seen = $node->safe_psql($db, q{SELECT string_agg(DISTINCT flow, ',') FROM odoo_events.flow_stat WHERE type IS NOT NULL UNION ALL SELECT string_agg(DISTINCT flow, ',') FROM odoo_events.anomaly WHERE type IS NOT NULL},
		connstr => $node->connstr($db) . ' user=picker');
	is($seen, "test.plant.pick.done.v1\ntest.plant.pick.done.v1", 'of the flows of events those of its types, and their anomalies');
};
is_deeply([ $receiver->problems ], [], 'signed, in order, same bytes');
$node->stop;
done_testing();
