# once: what a subscription chooses has nothing to do with PostgreSQL's version
# Which events a subscription gets, and in which requests: companies, warehouses, where it starts, what a replay chooses, batches by size and by wait,
# how many at once; sent by the worker and counted at the endpoint.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('choices', "odoo_events.restart_delay = '100ms'\n");
my $receiver = OdooEvents->receiver;
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
$node->safe_psql($db, q{CREATE EXTENSION odoo_events; SELECT odoo_events.arm();
CREATE FUNCTION make(i int) RETURNS void LANGUAGE sql AS $$
  SELECT odoo_events._emit('odoo.platform.test.made.v1', 'test/' || i % 4, jsonb_build_object('n', i), 'test:' || i % 4) $$});

sub sql { return $node->safe_psql($db, $_[0]) }
sub make { my ($from, $to) = @_; return sql(join ';', map { "SELECT make($_)" } $from .. $to) }    # a transaction each: in this order
sub subscribe { my ($name, $more) = @_; return $receiver->subscribe($node, $db, $name, "/$name", $more) }
sub numbers { my ($path, $from) = @_; my @n = map { $_->{data}{n} } $receiver->events("/$path"); return join ',', sort { $a <=> $b } @n[ ($from // 0) .. $#n ] }
sub status { return OdooEvents::status($node, $db, @_) }
sub delivered { return OdooEvents::delivered($node, $db, @_) }

# twelve events: number = position; companies 0 to 2, warehouses 0 and 1, none where the number is 12; a minute apart
make(1, 12);
ok($node->poll_query_until($db, 'SELECT odoo_events._last_position() = 12'), 'published');
sql(q{DO $$ BEGIN FOR i IN 0..7 LOOP
	EXECUTE format($f$UPDATE odoo_events.outbox_%s SET company_id = CASE WHEN position < 12 THEN position %% 3 END, warehouse_id = CASE WHEN position < 12 THEN position %% 2 END,
		"time" = timestamptz '2026-01-01 00:00Z' + position * interval '1 min', recordedtime = timestamptz '2026-01-01 00:00Z' + position * interval '1 min'$f$, i);
	END LOOP; END $$});

# --- who gets what, and from where on
my %want = (
	company => [ q{companies => '{1}', start_from => 'earliest'}, '1,4,7,10,12' ],
	companies => [ q{companies => '{1,2}', start_from => 'earliest'}, '1,2,4,5,7,8,10,11,12' ],
	unshared => [ q{companies => '{1}', shared_rows => false, start_from => 'earliest'}, '1,4,7,10' ],
	warehouse => [ q{warehouses => '{0}', start_from => 'earliest'}, '2,4,6,8,10' ],
	both => [ q{companies => '{1}', warehouses => '{0}', filter => '$.data.n > 4', start_from => 'earliest'}, '10' ],
	all => [ q{start_from => 'earliest'}, '1,2,3,4,5,6,7,8,9,10,11,12' ],
	nine => [ q{start_from => '9'}, '9,10,11,12' ],
	ten => [ q{start_from => '2026-01-01 00:10Z'}, '10,11,12' ],
	now => [ q{}, '' ],
	types => [ q{types => '{odoo.platform.test.other.v1}', start_from => 'earliest'}, '' ]);
subscribe($_, $want{$_}[0]) foreach sort keys %want;
foreach my $name (sort keys %want)
{
	ok(delivered($name), "$name: is at the end");
	is(numbers($name), $want{$name}[1], "$name: gets these");
}
make(13, 13);
ok(delivered($_), "$_: goes on") foreach 'all', 'now', 'company', 'unshared';
is(numbers('now'), '13', 'from now on means from now on');
is(numbers('company'), '1,4,7,10,12,13', 'an event without a company goes to a subscription of one company');
is(numbers('unshared'), '1,4,7,10', 'and does not where shared_rows is off');
subtest 'trace, replay, fetch and the switch agree about events without a company' => sub {
	my $id = sql(q{SELECT id FROM odoo_events.outbox WHERE position = 13});
	like(sql("SELECT step || ': ' || detail FROM odoo_events.trace(event_id => '$id') WHERE subscription = 'unshared'"), qr/^passed over: its companies are \{1\}, without what companies share/,
		'trace says why the event was not sent');
	is(sql("SELECT odoo_events.replay('company', from_position => 12, dry_run => true)"), '2', 'a replay has both');
	is(sql("SELECT odoo_events.replay('unshared', from_position => 12, dry_run => true)"), '0', 'a replay without shared rows has none');
	sql(q{SELECT odoo_events.subscribe('pull', NULL, companies => '{1}', start_from => 'earliest')});
	is(sql(q{SELECT string_agg(position::text, ',') FROM odoo_events.fetch('pull')}), '1,4,7,10,12,13', 'fetch() answers them');
	sql(q{SELECT odoo_events.alter_subscription('pull', shared_rows => false)});
	is(sql(q{SELECT string_agg(position::text, ',') FROM odoo_events.fetch('pull')}), '1,4,7,10', 'and does not after the switch was turned');
	is(sql(q{SELECT shared_rows FROM odoo_events.subscription WHERE name = 'pull'}), 'f', 'the view shows the switch');
	is(sql(q{SELECT new FROM odoo_events.audit_log WHERE what = 'alter_subscription' AND object = 'pull'}), '{"shared_rows": false}', 'so does the audit');
};
ok(status('all', 'p50 <= p95 AND last_status = 204 AND last_success_at <= now()'), 'how long requests take');

# --- a replay chooses by position, time, type, key, subject and id, alone and together
my %replays = (
	'from_position => 3, to_position => 5' => '3,4,5',
	q{since => '2026-01-01 00:10Z', until => '2026-01-01 00:12Z'} => '10,11',
	q{types => '{*.test.made.*}', from_position => 12} => '12,13',
	q{types => '{*.other.*}'} => '',
	q{keys => '{test:1}'} => '1,5,9,13',
	q{subject => 'test/2'} => '2,6,10',
	q{ids => ARRAY(SELECT id FROM odoo_events.outbox WHERE position IN (4, 7))} => '4,7',
	q{keys => '{test:1,test:2}', from_position => 6, until => '2026-01-01 00:10Z'} => '6,9');
foreach my $how (sort keys %replays)
{
	my $before = () = $receiver->events('/all');
	my $n = () = $replays{$how} =~ /\d+/g;
	is(sql("SELECT odoo_events.replay('all', $how, dry_run => true)"), $n, "$how: so many would be sent");
	is(sql("SELECT odoo_events.replay('all', $how)"), $n, 'so many will be');
	ok($node->poll_query_until($db, q{SELECT NOT EXISTS (SELECT FROM odoo_events.replay_status WHERE state = 'running')}), 'it ends');
	is(numbers('all', $before), $replays{$how}, 'and it was these');
}
is(sql(q{SELECT count(*) FROM odoo_events.replay_status WHERE sent <> matched OR state <> 'done' OR finished_at IS NULL}), '0', 'replay_status agrees');
# who starts in the past is sent events before the receiver has learned the secret, which it refuses
is_deeply([ grep { !/^(?:out of order|signature: no secret is known)/ } $receiver->problems ], [], 'same bytes');
sql('SELECT odoo_events.unsubscribe(name) FROM odoo_events.subscription');

# --- batches: by size, by wait, with an id that their members determine
subscribe('size', q{format => 'batch', ordering => 'none', batch_size => 5, batch_wait => '1 hour'});
subscribe('twin', q{format => 'batch', ordering => 'none', batch_size => 5, batch_wait => '1 hour'});
subscribe('wait', q{format => 'batch', ordering => 'none', batch_size => 5, batch_wait => '100ms'});
make(1, 13);
$receiver->wait_for(sub { @_ == 2 }, 'two batches are full', "/$_") foreach 'size', 'twin';
ok(delivered('wait'), 'what has waited long enough goes in a smaller one');
is(numbers($_), '1,2,3,4,5,6,7,8,9,10', "$_: three wait for more") foreach 'size', 'twin';
is(numbers('wait'), '1,2,3,4,5,6,7,8,9,10,11,12,13', 'wait: all of them');
is(scalar(grep { @{ $_->{ids} } > 5 } $receiver->ledger), 0, 'none is larger than it may be');
my %id = map { my $path = $_; $path => join ' ', map { $_->{webhook_id} } sort { $a->{body} cmp $b->{body} } $receiver->ledger("/$path") } 'size', 'twin';
is($id{size}, $id{twin}, 'the same members make the same id');
make(14, 15);
$receiver->wait_for(sub { @_ == 3 }, 'two more make the third full', '/size');
is(numbers('size'), join(',', 1 .. 15), 'by size');
sql(q{SELECT odoo_events.unsubscribe(name) FROM odoo_events.subscription});

# --- how many at once: of one subscription, and over all
sql(q{ALTER SYSTEM SET odoo_events.max_in_flight = 8});
$node->reload;
ok($node->poll_query_until($db, q{SELECT current_setting('odoo_events.max_in_flight') = '8'}), 'eight over all');
$receiver->misbehave({ hold => JSON::PP::true });
subscribe('three', q{max_in_flight => 3, ordering => 'none', timeout => '1h'});
subscribe('many', q{max_in_flight => 100, ordering => 'none', timeout => '1h'});
make(1, 40);
ok(status('three', 'in_flight = 3'), 'three, and no more');
ok(status('many', 'in_flight BETWEEN 3 AND 5'), 'as many as there is room for');
is(sql(q{SELECT value <= 8 FROM odoo_events.metrics() WHERE name = 'odoo_events_in_flight'}), 't', 'eight over all');
$receiver->misbehave();
ok(delivered($_), "$_: gets all") foreach 'three', 'many';
is(numbers('three'), join(',', 1 .. 40), 'once');
sql(q{SELECT odoo_events.unsubscribe(name) FROM odoo_events.subscription});

# --- retention by age: what is old and passed by all goes; what somebody lags behind stays, however old; dead letters outlive both
my $faults = $node->data_dir . '/oe_faults';
mkdir $faults;
append_to_file("$faults/maintain-ms", 20);
sql(q{ALTER SYSTEM SET odoo_events.retention = '1h'});
$node->reload;
# one more event, and as if a day had passed
sub older
{
	return sql(q{SELECT make(0); DO $$ BEGIN FOR i IN 0..7 LOOP EXECUTE format('UPDATE odoo_events.outbox_%s SET recordedtime = now() - interval ''1 day'' WHERE recordedtime > now() - interval ''12 h''', i); END LOOP; END $$});
}
subscribe('lags', q{});
subscribe('letters', q{retry_schedule => '{}', filter => '$.data.n == 3'});
$receiver->misbehave({ path => '^/letters$', status => 500 });
sql(q{SELECT odoo_events.pause('lags')});
make(1, 12);
ok(status('letters', 'dead_letters = 1 AND lag_events = 0'), 'one is a dead letter, eleven are not wanted');
my $last = sql('SELECT odoo_events._last_position()');
my $members = q{(SELECT count(DISTINCT o.tableoid) FROM (} . join(' UNION ALL ', map { "SELECT tableoid FROM odoo_events.outbox_$_" } 0 .. 7) . ') o)';
OdooEvents::Receiver::wait_until(sub { older(); sql("SELECT $members >= 3") eq 't' }, 'three segments are in use');
is(sql("SELECT count(*) FROM odoo_events.outbox WHERE position BETWEEN $last - 11 AND $last"), '12', 'what somebody lags behind is there, though it is old');
is(sql(q{SELECT held_by FROM odoo_events.storage WHERE part = 'outbox'}), 'subscription lags', 'storage says for whom');
sql(q{SELECT odoo_events.resume('lags')});
ok(delivered('lags'), 'it gets all');
is(join(',', (split /,/, numbers('lags') =~ s/^(?:0,)+//r)[ 0 .. 11 ]), join(',', 1 .. 12), 'nothing is lost by lag');
OdooEvents::Receiver::wait_until(sub { older(); sql("SELECT min(position) > $last FROM odoo_events.outbox") eq 't' }, 'then it goes');
$receiver->misbehave();
is(sql(q{SELECT odoo_events.replay('letters', dead_letters => true)}), '1', 'the dead letter has its own bytes');
ok(status('letters', 'dead_letters = 0 AND delivered_total = 1'), 'and arrives');
is(numbers('letters'), '3', 'as it was');
is_deeply([ grep { !/^(?:out of order|signature: no secret is known)/ } $receiver->problems ], [], 'signed, same bytes');
$node->stop;
done_testing();
