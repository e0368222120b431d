# once: nothing here depends on PostgreSQL's version
# What an operator commands holds for events that come after it, and for those that are already on their way.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooDispatch;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my ($node, $receiver) = OdooDispatch::start('operators_commands');
my $db = 'plant';

subtest 'an event that is published after pause() is not sent, even if the worker has just looked for commands' => sub {
	mkdir $node->data_dir . "/oe_faults";
	my $held = $node->data_dir . '/oe_faults/hold-turn.held';
	subscribe($_, '') foreach 'ordered', 'beside';
	$node->safe_psql($db, 'SELECT make(1, 1)');
	ok(delivered('ordered') && delivered('beside'), 'both get an event');
	append_to_file($held =~ s/[.]held$//r, 'wait');
	$node->safe_psql($db, 'SELECT make(1, 1)');
	ok(OdooEvents::Receiver::wait_until(sub { -e $held }, 'the worker is held'), 'the worker has looked');
	$node->safe_psql($db, $_) foreach q{SELECT odoo_events.pause('ordered')}, 'SELECT make(2, 2)';
	unlink $held;
	ok(status('beside', 'delivered_total = 4') && status('ordered', 'in_flight = 0'), 'the others come');
	is($node->safe_psql($db, q{SELECT state, delivered_total FROM odoo_events.subscription_status WHERE name = 'ordered'}), 'paused|1', 'not where they were not wanted');
	done_with();
};

subtest 'skip() takes one event out of a batch, and the others are gathered anew' => sub {
	subscribe('members', q{format => 'batch', batch_size => 10, retry_schedule => '{1h}', timeout => '10min'});
	$receiver->misbehave({ path => '^/members$', type => '\.poison\.', status => 500 });
	$node->safe_psql($db, q{BEGIN; SELECT make(3, 3); SELECT make(1, 1, 0, 'poison'); SELECT make(4, 4); COMMIT});
	ok($node->poll_query_until($db, q{SELECT count(*) FILTER (WHERE state = 'retry') >= 1 FROM odoo_events.waiting WHERE type LIKE '%.poison.%'}),
		'a batch with a poison event is retried');
	my $bad = $node->safe_psql($db, q{SELECT event_id FROM odoo_events.waiting WHERE type LIKE '%.poison.%'});
	$node->safe_psql($db, qq{SELECT odoo_events.skip('members', '{$bad}')});
	ok(delivered('members'), 'the others go on');
	is($node->safe_psql($db, q{SELECT event_id, last_error FROM odoo_events.dead_letter}), "$bad|skipped by postgres: HTTP status 500", 'without the one');
	is(scalar(() = $receiver->events('/members')), 7, 'all of them');
};

subtest 'skip() of an event that is on its way again counts when that fails' => sub {
	$receiver->misbehave({ path => '^/members$', type => '\.poison\.', status => 500, times => 1 },
		{ path => '^/members$', type => '\.poison\.', status => 500, hold => JSON::PP::true });
	$node->safe_psql($db, q{BEGIN; SELECT make(1, 1, 0, 'poison'); SELECT make(4, 4); COMMIT});
	ok(status('members', q{failed_total = 2}), 'another one');
	$node->safe_psql($db, q{SELECT odoo_events.retry_now('members')});
	ok(status('members', 'in_flight = 1'), 'is on its way again');
	$node->safe_psql($db, q{SELECT odoo_events.skip('members', ARRAY(SELECT event_id FROM odoo_events.waiting WHERE type LIKE '%.poison.%'))});
	$node->safe_psql($db, q{SELECT odoo_events.retry_now('members')});
	ok($node->poll_query_until($db, q{SELECT array_agg(what) = '{skip}' FROM odoo_events.command}), 'while it is, it is skipped');
	$receiver->misbehave({ path => '^/members$', type => '\.poison\.', status => 500 });
	ok(delivered('members') && status('members', 'dead_letters = 2'), 'and dies when that fails');
	is(scalar(() = $receiver->events('/members')), 11, 'alone');
	done_with();
};

OdooDispatch::finish();
done_testing();
