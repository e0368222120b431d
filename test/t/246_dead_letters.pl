# once: nothing here depends on PostgreSQL's version
# check-all: half a minute of waiting
# What becomes of events that are given up: expiry, and replays of dead letters.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooDispatch;
use OdooEvents;
use Test::More;

my ($node, $receiver) = OdooDispatch::start('dead_letters');
my $db = 'plant';

subtest 'an event that is too old becomes a dead letter, whether it was tried or not, and its key goes on' => sub {
	subscribe('old', q{filter => '$.data.n > 0', expire_after => '1h', retry_schedule => '{2h}'});
	subscribe('oldbatch', q{filter => '$.data.n > 0', expire_after => '1h', retry_schedule => '{2h}', format => 'batch', batch_size => 10});
	$node->safe_psql($db, q{SELECT odoo_events.pause('old'); SELECT odoo_events.pause('oldbatch'); SELECT make(6, 3)});
	ok(status('old', 'lag_events >= 6'), 'six wait');
	age('old', 'n <= 4');
	$node->safe_psql($db, q{SELECT odoo_events.resume('old'); SELECT odoo_events.resume('oldbatch')});
	foreach my $name ('old', 'oldbatch')
	{
		ok(delivered($name) && status($name, 'dead_letters = 4 AND delivered_total = 2'), "$name: four are too old");
		is($node->safe_psql($db, qq{SELECT DISTINCT attempts, last_error FROM odoo_events.dead_letter WHERE subscription = '$name'}), '0|expired', "$name: expired, untried");
	}
	$receiver->misbehave({ path => '^/old', status => 500 });
	$node->safe_psql($db, q{SELECT make(1, 1)});
	ok(status('old', 'blocked_keys = 1') && status('oldbatch', 'failed_total > 0'), 'one is tried');
	age('old', 'true');
	$node->safe_psql($db, q{SELECT odoo_events.retry_now('old'); SELECT odoo_events.retry_now('oldbatch')});
	ok(status('old', 'dead_letters = 5 AND lag_events = 0') && status('oldbatch', 'dead_letters = 5 AND lag_events = 0'), 'and is not tried any more');
	is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.dead_letter WHERE attempts = 1 AND last_error = 'expired'}), '2', 'expired, tried once');
	$receiver->misbehave();
	is($node->safe_psql($db, q{SELECT odoo_events.replay('old', dead_letters => true)}), '5', 'dead letters are replayed, whatever their age');
	ok(status('old', 'dead_letters = 0 AND delivered_total = 7'), 'and delivered');
	done_with();
};

subtest 'a dead letter is sent with its own bytes when the outbox has them no more' => sub {
	subscribe('letters', q{filter => '$.data.n > 0', retry_schedule => '{}'});
	$receiver->misbehave({ path => '^/letters$', status => 500 });
	$node->safe_psql($db, 'SELECT make(5, 5)');
	ok(status('letters', 'dead_letters = 5 AND lag_events = 0'), 'five dead letters');
	my %first = map { $_->{webhook_id} => $_->{sha256} } $receiver->ledger('/letters');
	is($node->safe_psql($db, q{SELECT odoo_events.replay('letters', dead_letters => true, dry_run => true)}), '5', 'a dry run counts');
	is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.replay_status}), '0', 'and does nothing');
	$node->safe_psql($db, q{SELECT odoo_events.replay('letters', dead_letters => true)});
	ok($node->poll_query_until($db, q{SELECT state = 'done' AND sent = 0 AND failed = 5 FROM odoo_events.replay_status}), 'it fails again');
	is($node->safe_psql($db, q{SELECT DISTINCT attempts FROM odoo_events.dead_letter}), '2', 'and the letters say so');
	$receiver->misbehave();
	$node->safe_psql($db, q{DO $$ BEGIN FOR i IN 0..7 LOOP EXECUTE format('TRUNCATE odoo_events.outbox_%s', i); END LOOP; END $$});
	$node->safe_psql($db, q{SELECT odoo_events.replay('letters', dead_letters => true)});
	ok(status('letters', 'dead_letters = 0 AND delivered_total = 5'), 'the outbox is empty, they have their own bytes');
	is_deeply({ map { $_->{webhook_id} => $_->{sha256} } grep { $_->{status} == 204 } $receiver->ledger('/letters') }, \%first, 'the same as ever');
};

subtest 'a replay that is cancelled is in nobody\'s way' => sub {
	$node->safe_psql($db, 'SELECT make(300, 1)');
	ok(delivered('letters'), 'three hundred of one key');
	$receiver->misbehave({ path => '^/letters$', hold => JSON::PP::true });
	my $replay = $node->safe_psql($db, q{SELECT odoo_events.replay('letters', keys => '{test:0}'); SELECT max(id) FROM odoo_events.replay_status});
	$replay =~ s/.*\n//s;
	ok(status('letters', 'in_flight = 1'), 'a replay is under way');
	$node->safe_psql($db, qq{SELECT odoo_events.cancel_replay($replay)});
	$receiver->misbehave();
	$node->safe_psql($db, 'SELECT make(1, 1)');
	ok(delivered('letters'), 'cancelled, it is in nobody\'s way');
	is($node->safe_psql($db, qq{SELECT state, sent < 300 FROM odoo_events.replay_status WHERE id = $replay}), 'cancelled|t', 'and is not finished');
	done_with();
};

OdooDispatch::finish();
done_testing();
