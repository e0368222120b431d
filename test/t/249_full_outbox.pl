# once: nothing here depends on PostgreSQL's version
# check-all: it fills an outbox
# An outbox that is full: kept, or the oldest dropped, told and counted.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooDispatch;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my ($node, $receiver) = OdooDispatch::start('full_outbox');
my $db = 'plant';

subtest 'only undelivered events are lost, and everybody who should know is told' => sub {
	subscribe('behind', q{});
	subscribe('reader', q{});
	subscribe('letters2', q{retry_schedule => '{}', filter => '$.data.n == 3'});
	subscribe('oncall', q{types => '{odoo.platform.subscription.*}'});
	$node->safe_psql($db, q{SELECT odoo_events.subscribe('pulls', NULL); SELECT odoo_events.pause('behind')});
	$receiver->misbehave({ path => '^/letters2$', status => 500 });
	my $size = q{(SELECT bytes FROM odoo_events.storage WHERE part = 'outbox')};
	$node->safe_psql('postgres', q{ALTER SYSTEM SET odoo_events.max_outbox_size = '4MB'});
	$node->reload;
	$node->safe_psql($db, 'SELECT make(300, 300, 4000)') foreach 1 .. 6;
	ok(delivered('reader'), 'a lot of events');
	ok($node->poll_query_until($db, qq{SELECT $size > 4 * 1024 * 1024}), 'more than may be kept');
	ok(status('letters2', 'dead_letters > 0'), 'dead letters');
	$receiver->misbehave();
	ok(delivered('letters2'), 'which are few');
	my $letters = $node->safe_psql($db, q{SELECT count(*) FROM odoo_events.dead});
	is($node->safe_psql($db, q{SELECT status FROM odoo_events.health() WHERE "check" = 'outbox'}), 'critical', 'health says so');
	like($node->safe_psql($db, q{SELECT held_by FROM odoo_events.storage WHERE part = 'outbox'}), qr/^subscription (behind|pulls)$/, 'and storage who holds it');
	is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.overrun}), '0', 'kept all the same');
	# that it is told a minute before is what 160_outbox_limit.pl looks at
	mkdir $node->data_dir . '/oe_faults';
	append_to_file($node->data_dir . '/oe_faults/drop-grace-ms', '1');
	$node->safe_psql('postgres', q{ALTER SYSTEM SET odoo_events.on_full = 'drop'});
	$node->reload;
	# a member is left when the worker next looks, and dropped once another is being filled
	ok(OdooEvents::Receiver::wait_until(sub { $node->safe_psql($db, 'SELECT make(5, 5)'); $node->safe_psql($db, q{SELECT count(DISTINCT c.name) = 2 FROM odoo_events.overrun o JOIN odoo_events.subscription_config c ON c.id = o.subscription_id WHERE c.name IN ('behind', 'pulls')}) eq 't' },
		'two have lost events'), 'the oldest go');
	ok($node->poll_query_until($db, qq{SELECT $size <= 4 * 1024 * 1024}), 'until it is small enough');
	ok($node->safe_psql($db, q{SELECT bool_and(o.last_position < (SELECT min(position) FROM odoo_events.outbox)) FROM odoo_events.overrun o}) eq 't', 'only what is gone is lost');
	is($node->safe_psql($db, q{SELECT state FROM odoo_events.subscription_status WHERE name = 'pulls'}), 'overrun', 'its status says so');
	is($node->safe_psql($db, q{SELECT count(*) > 0 FROM odoo_events.audit_log WHERE what = 'overrun' AND object = 'behind' AND who = 'odoo_events worker'}), 't', 'the audit too');
	is($node->safe_psql($db, q{SELECT count(*) > 0 FROM odoo_events.health() WHERE "check" = 'subscription behind' AND status = 'critical' AND detail LIKE 'has lost%'}), 't', 'and health');
	is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.dead}), $letters, 'dead letters are unaffected');
	is($node->safe_psql($db, q{SELECT labels ->> 'subscription' FROM odoo_events.metrics() WHERE name = 'odoo_events_subscription_state' AND labels ->> 'state' = 'overrun' AND value = 1 ORDER BY 1 DESC LIMIT 1}),
		'pulls', 'and metrics');
	$receiver->wait_for(sub { my %told = map { /subscription\/(\w+)"/ ? ($1 => 1) : () } map { $_->{body} } grep { $_->{body} =~ /overrun/ } @_; $told{behind} && $told{pulls} }, 'whoever subscribes is told', '/oncall');
	my ($told) = grep { $_->{type} eq 'odoo.platform.subscription.overrun.v1' && $_->{subject} eq 'subscription/behind' } $receiver->events('/oncall');
	ok($told->{data}{subscription}{name} eq 'behind' && $told->{data}{first_position} <= $told->{data}{last_position}, 'by an event that says what was lost');
	$node->safe_psql($db, q{SELECT odoo_events.resume('behind')});
	ok(delivered('behind'), 'it goes on with what is left');
	is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.overrun o JOIN odoo_events.subscription_config c ON c.id = o.subscription_id WHERE c.name = 'behind'}), '0', 'resume() took note');
	done_with();
};

OdooDispatch::finish();
done_testing();
