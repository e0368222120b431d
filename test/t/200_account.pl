# once: SQL over the outbox, and one row that the worker writes
# What trace(), replay(missed => true), skip() and explain() say of events that did and did not reach a subscription.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('account');
my $db = 'plant';
my $receiver = OdooEvents->receiver;
OdooEvents->load($node, $db, 'odoo19');
$node->safe_psql($db, q{SELECT odoo_events.attach(); CREATE ROLE alice SUPERUSER LOGIN; CREATE ROLE bob SUPERUSER LOGIN});
sub sql { my ($sql, $who) = @_; return $node->safe_psql($db, $sql, $who ? (connstr => $node->connstr($db) . " user=$who") : ()) }
sub event { my ($n) = @_; return sql(qq{SELECT odoo_events.emit('test.plant.thing.done.v1', 'thing/$n', '{"n": $n}', key => 'thing:$n')}) }
sub settled { return OdooEvents::delivered($node, $db, 'wms') }
sub fate { my ($id) = @_; return sql(qq{SELECT step FROM odoo_events.trace(event_id => '$id') WHERE subscription = 'wms' ORDER BY step NOT LIKE 'attempt%' DESC LIMIT 1}) }
sub why { my ($id) = @_; return sql(qq{SELECT detail FROM odoo_events.trace(event_id => '$id') WHERE subscription = 'wms' AND step NOT LIKE 'attempt%'}) }
sub got { my ($n) = @_; return scalar grep { $_->{subject} eq "thing/$n" } $receiver->events('/wms') }

my $early = event(0);
ok($node->poll_query_until($db, 'SELECT odoo_events._last_position() > 0'), 'an event is there before anybody subscribes');
my $secret = sql(q{SELECT odoo_events.subscribe('wms', '} . $receiver->url('/wms') . q{', types => '{test.*}', allow_networks => '{127.0.0.0/8}')}, 'alice');
$receiver->knows($secret, '/wms');
ok(settled(), 'wms begins');
my $first = event(1);
ok(settled(), 'the first event is delivered');
sql(q{SELECT odoo_events.alter_subscription('wms', filter => '$.data.n > 100')}, 'bob');
my $missed = event(2);
ok(settled(), 'the second is passed over');
sql(q{SELECT odoo_events.alter_subscription('wms', filter => 'true')}, 'alice');
my $last = event(3);
ok(settled() && $receiver->wait_for(sub { got(3) }, 'the third is delivered'), 'the third is delivered');

subtest 'trace says what became of each event, and who decided it' => sub {
	is(fate($early), 'before its start', 'what was published before it subscribed is not for it');
	is(fate($first), 'acknowledged', 'what was delivered is acknowledged');
	is(fate($missed), 'passed over', 'what an alteration kept back is passed over');
	like(why($missed), qr/its filter is false: .*"n" > 100.*altered by bob at 20/, 'by the filter of then and whoever had given it, though another holds now');
	is(fate($last), 'acknowledged', 'the alteration of alice lets the next one pass');
	sql(q{TRUNCATE odoo_events.attempt_0, odoo_events.attempt_1});
	is(fate($first), 'delivered', 'what was delivered stays so when its attempts have expired');
	is(fate($missed), 'passed over', 'and what was passed over too');
	sql(q{SELECT odoo_events.pause('wms')});
	my $later = event(4);
	ok($node->poll_query_until($db, qq{SELECT count(*) = 1 FROM odoo_events.outbox WHERE id = '$later'}), 'one more is published while wms is paused');
	is(fate($later), 'not reached', 'which it has not reached');
	sql(q{SELECT odoo_events.resume('wms')});
	ok(settled(), 'it gets it when resumed');
};

subtest 'replay(missed => true) sends what was passed over and nothing that had arrived' => sub {
	is(sql(q{SELECT odoo_events.replay('wms', missed => true, dry_run => true)}), 1, 'one event was missed');
	is(sql(q{SELECT odoo_events.replay('wms', missed => true)}), 1, 'it is sent');
	ok($receiver->wait_for(sub { got(2) }, 'it arrives'), 'it arrives');
	ok($node->poll_query_until($db, q{SELECT bool_and(state <> 'running') FROM odoo_events.replay_status}), 'the replay ends');
	is(join(' ', map { got($_) } 0 .. 4), '0 1 1 1 1', 'each event that is for it once');
	is(fate($missed), 'acknowledged', 'trace says that it has arrived');
	sql(q{TRUNCATE odoo_events.attempt_0, odoo_events.attempt_1});
	is(sql(q{SELECT odoo_events.replay('wms', missed => true)}), 0, 'nothing is missed any more');
	my ($status, $out, $err) = $node->psql($db, q{SELECT odoo_events.replay('wms', missed => true, dead_letters => true)});
	like($err, qr/exclude one another/, 'dead letters were not missed');
};

subtest 'the boundary is where the worker took the alteration up, also after a crash' => sub {
	sql(q{SELECT odoo_events.alter_subscription('wms', filter => '$.data.n > 100')}, 'bob');
	my @kept = map { event($_) } 10 .. 29;
	ok(settled(), 'twenty are passed over');
	$node->stop('immediate');
	$node->start;
	sql(q{SELECT odoo_events.alter_subscription('wms', filter => 'true')}, 'alice');
	my @wanted = map { event($_) } 30 .. 49;
	ok(settled(), 'twenty are delivered');
	is(sql(q{SELECT odoo_events.replay('wms', missed => true)}), 20, 'twenty were missed');
	ok($receiver->wait_for(sub { !grep { !got($_) } 10 .. 49 }, 'all arrive'), 'all arrive');
	is(scalar(grep { got($_) != 1 } 10 .. 49), 0, 'each once');
};

subtest 'skip keeps what the event failed with' => sub {
	$receiver->misbehave({ path => '/wms', status => 422 });
	my $bad = event(60);
	ok($node->poll_query_until($db, qq{SELECT count(*) = 1 FROM odoo_events.waiting WHERE event_id = '$bad' AND state = 'retry'}), 'an event is refused');
	sql(qq{SELECT odoo_events.skip('wms', '{$bad}')}, 'bob');
	$receiver->misbehave();
	ok($node->poll_query_until($db, qq{SELECT last_error ~ '^skipped by bob: .*422' FROM odoo_events.dead_letter WHERE event_id = '$bad'}), 'the dead letter has both');
	is(fate($bad), 'dead letter', 'trace calls it a dead letter');
	sql(qq{SELECT odoo_events.discard('wms', '{$bad}')}, 'alice');
	is(fate($bad) . ': ' . why($bad), 'discarded: its dead letter was discarded by alice', 'and says who discarded it');
};

subtest 'publish_lag tells of what waits while the worker gets on with a burst' => sub {
	$node->safe_psql($db, q{DO $$ BEGIN FOR i IN 1..3000 LOOP PERFORM odoo_events.emit('test.burst.thing.done.v1', 'burst/' || i, '{}'); COMMIT; END LOOP; END $$});
	my ($pid) = sql('SELECT pid FROM odoo_events.worker_status');
	kill 'STOP', $pid;
	event(70);
	ok($node->poll_query_until($db, q{SELECT publish_lag > '0' FROM odoo_events.worker_status}), 'a commit waits');
	is(sql(q{SELECT publish_lag <= clock_timestamp() - (SELECT max(at) FROM odoo_events.journal) + interval '60 s' FROM odoo_events.worker_status}), 't', 'and its age is told');
	kill 'CONT', $pid;
	ok($node->poll_query_until($db, q{SELECT publish_lag = '0' FROM odoo_events.worker_status}), 'nothing waits when all is published');
};

subtest 'explain begins with its verdict' => sub {
	OdooEvents->replay($node, $db, 'odoo19-sales');
	ok($node->poll_query_until($db, q{SELECT publish_lag = '0' FROM odoo_events.worker_status}), 'a day of sales is published');
	my $record = sql(q{SELECT record_id FROM odoo_events.outbox WHERE entity = 'sales_order' ORDER BY position DESC LIMIT 1});
	like(sql("SELECT step, verdict, detail FROM odoo_events.explain('sales_order', $record) LIMIT 1"), qr/^verdict\|told\|\d+ of its events are in the outbox, the latest is odoo\.sales/, 'what was told');
	like(sql(q{SELECT step, verdict, detail FROM odoo_events.explain('sales_order', 999999) LIMIT 1}), qr/^verdict\|not told\|no event: /, 'what was not');
	sql('ALTER TABLE sale_order DISABLE TRIGGER odoo_events_capture');
	like(sql("SELECT step, verdict, detail FROM odoo_events.explain('sales_order', $record) LIMIT 1"), qr/^verdict\|not captured\|/, 'what stands in the way comes first');
};
is_deeply([ $receiver->problems ], [], 'signed, in order, same bytes');
$node->stop;
done_testing();
