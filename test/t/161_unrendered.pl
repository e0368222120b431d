# once: what is rendered has nothing to do with PostgreSQL's version
# An event whose bytes cannot be made for a subscription is a dead letter of that subscription: single, in a batch, replayed, behind OAuth.  Everybody
# else, and every other event, goes on.  The rows of the outbox are damaged by hand.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('unrendered', "odoo_events.restart_delay = '100ms'\n");
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
sub sql { return $node->safe_psql($db, $_[0]) }
my $receiver = OdooEvents->receiver;
sql(q{CREATE EXTENSION odoo_events; SELECT odoo_events.arm()});
my %subscriptions = (
	asis => q{},
	binary => q{format => 'binary'},
	thin => q{payload => 'thin'},
	batch => q{format => 'batch', clearance => '{public}', batch_size => 10, batch_wait => '100ms'});
$receiver->subscribe($node, $db, $_, "/$_", join(', ', q{types => '{acme.*}'}, grep { length } $subscriptions{$_})) foreach sort keys %subscriptions;
sql(q{SELECT odoo_events.pause(name) FROM odoo_events.subscription});
sql(q{SELECT odoo_events.emit('acme.x.thing.made.v1', 'thing/' || n, jsonb_build_object('n', n)) FROM generate_series(1, 5) n});
ok($node->poll_query_until($db, q{SELECT count(*) = 5 FROM odoo_events.outbox WHERE type LIKE 'acme%'}), 'five events are published');
sql(qq{UPDATE odoo_events.outbox_$_ SET event = '{"specversion": "1.0"}' WHERE subject = 'thing/3'}) foreach 0 .. 7;
my $log = -s $node->logfile;
sql(q{SELECT odoo_events.resume(name) FROM odoo_events.subscription});

foreach my $name ('binary', 'thin', 'batch')
{
	subtest "subscription $name goes on past it" => sub {
		ok(OdooEvents::status($node, $db, $name, 'lag_events = 0 AND delivered_total >= 4 AND dead_letters = 1'), 'the other four are accepted, it is a dead letter');
		like(sql(qq{SELECT subject || ' ' || attempts || ' ' || last_error FROM odoo_events.dead_letter WHERE subscription = '$name'}),
			qr{^thing/3 0 the event could not be rendered: event \S+ cannot be read$}, 'which says why, and that it was never sent');
		is(sql(qq{SELECT count(*) FROM odoo_events.attempt WHERE subscription = '$name' AND error IS NOT NULL}), '0', 'the endpoint is not blamed');
		is(sql(qq{SELECT state FROM odoo_events.subscription_status WHERE name = '$name'}), 'active', 'and the subscription stays as it is');
	};
}
subtest 'who gets the bytes as they are stored gets them' => sub {
	ok(OdooEvents::status($node, $db, 'asis', 'lag_events = 0 AND delivered_total >= 5 AND dead_letters = 0'), 'all five are accepted');
};
subtest 'a replay of it fails, and nothing else' => sub {
	sql(q{SELECT odoo_events.replay('binary', from_position => 0)});
	ok(OdooEvents::status($node, $db, 'binary', 'delivered_total >= 8'), 'the four are sent again');
	ok($node->poll_query_until($db, q{SELECT bool_and(state = 'done') FROM odoo_events.replay_status}), 'the replay ends');
	sql(q{SELECT odoo_events.replay('binary', dead_letters => true)});
	ok($node->poll_query_until($db, q{SELECT bool_and(state = 'done') FROM odoo_events.replay_status}), 'so does one of the dead letter');
	is(sql(q{SELECT count(*) FROM odoo_events.dead_letter WHERE subscription = 'binary'}), '1', 'which stays one');
};
unlike(slurp_file($node->logfile, $log), qr/delivering failed/, 'no step of delivery failed');
$node->stop;
done_testing();
