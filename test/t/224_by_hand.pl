# A partner's interface is dead: what it has still to get goes into a file by hand, and is settled without being sent, wherever it is: at the head of its
# key, behind it, in a frozen batch, in a request, not reached yet, or given up.
# once: HTTP, not PostgreSQL
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use Test::More;

my $node = OdooEvents->node('by_hand', "odoo_events.restart_delay = '200ms'\n");
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db");
$node->safe_psql($db, 'CREATE EXTENSION odoo_events; SELECT odoo_events.arm()');
my $receiver = OdooEvents->receiver;
sub sql { return $node->safe_psql($db, $_[0]) }
sub awaits { my ($query, $what) = @_; return ok($node->poll_query_until($db, $query), $what) }
sub emit { my ($kind, $subject, $key) = @_; return sql(sprintf q{SELECT odoo_events.emit('acme.%s.order.placed.v1', '%s', '{"order": {"id": 1, "note": "hush", "ref": "r"}}', key => '%s')}, $kind, $subject, $key) }
sub by_hand { my ($name, @ids) = @_; return sql(sprintf q{SELECT odoo_events.acknowledge('%s', '{%s}', note => 'file of 31 January')}, $name, join(',', @ids)) }
sub sent { my ($path) = @_; my %s = map { JSON::PP::decode_json($_->{body})->{subject} => 1 } $receiver->ledger($path); return join ' ', sort keys %s }
sub settled { my ($name) = @_; return awaits("SELECT lag_events = 0 AND dead_letters = 0 FROM odoo_events.subscription_status WHERE name = '$name'", "$name: nothing is left, and nothing is a dead letter") }

subtest 'one event after the other' => sub {
	$receiver->misbehave({ path => '^/wms$', status => 503 });
	$receiver->subscribe($node, $db, 'wms', '/wms', q{types => '{acme.wms.*}', fields => '{order.ref}', retry_schedule => '{1h}'});
	my %id = map { ($_ => emit('wms', $_, substr($_, 0, 1))) } 'a1', 'a2', 'a3', 'a4', 'b1', 'b2';
	awaits(q{SELECT count(*) = 6 AND count(*) FILTER (WHERE state = 'retry') = 2 FROM odoo_events.pending('wms')}, 'two wait for a retry, four behind them');
	is(sql(q{SELECT event -> 'data' FROM odoo_events.pending('wms', max => 1)}), '{"order":{"id":1,"ref":"r"}}', 'the file has what the partner would get');
	is(by_hand('wms', @id{ 'a1', 'a3' }), '2', 'two go by hand: the first of a key, and one behind');
	awaits(q{SELECT string_agg(subject, ' ' ORDER BY position) = 'a2 a4 b1 b2' FROM odoo_events.pending('wms')}, 'they are not pending any more');
	is(sql("SELECT step || ' ' || detail FROM odoo_events.trace(event_id => '$id{$_}') WHERE subscription = 'wms' AND step !~ 'attempt'"), 'acknowledged by hand by postgres: file of 31 January', "trace() says so of $_")
	  foreach 'a1', 'a3';
	$node->restart('immediate');
	$receiver->misbehave();
	sql(q{SELECT odoo_events.retry_now('wms')});
	settled('wms');
	my %got = map { $_->{subject} => 1 } map { JSON::PP::decode_json($_->{body}) } grep { $_->{status} == 204 } $receiver->ledger('/wms');
	is(join(' ', sort keys %got), 'a2 a4 b1 b2', 'also over a crash, the others arrive, and they do not');
	is(sql(q{SELECT new ->> 'note' FROM odoo_events.audit_log WHERE what = 'acknowledge'}), 'file of 31 January', 'the audit has it');
};

subtest 'what is not reached, what is in a request, what was given up' => sub {
	$receiver->misbehave({ path => '^/slow$', hold => 1, status => 500 });
	$receiver->subscribe($node, $db, 'slow', '/slow', q{types => '{acme.slow.*}', max_in_flight => 1});
	my %id = map { ($_ => emit('slow', $_, $_)) } 'first', 'second';
	awaits(q{SELECT requests > 0 FROM odoo_events.subscription_progress WHERE name = 'slow'}, 'the first is in a request');
	is(by_hand('slow', @id{ 'first', 'second' }), '2', 'both are settled');
	$receiver->misbehave();
	settled('slow');
	is(sent('/slow'), 'first', 'the request failed, and was the last');
	sql(q{SELECT odoo_events.pause('slow')});
	my $later = emit('slow', 'later', 'l');
	awaits(q{SELECT state = 'not reached' FROM odoo_events.pending('slow')}, 'what comes while it is paused is pending');
	is(by_hand('slow', $later), '1', 'and can be settled before it is reached');
	sql(q{SELECT odoo_events.resume('slow')});
	$receiver->misbehave({ path => '^/slow$', status => 422 });
	sql(q{SELECT odoo_events.alter_subscription('slow', on_reject => 'dead')});
	my $dead = emit('slow', 'dead', 'd');
	awaits("SELECT state = 'dead letter' FROM odoo_events.pending('slow') WHERE event_id = '$dead'", 'a dead letter is pending, too');
	is(by_hand('slow', $dead), '1', 'and is settled');
	settled('slow');
	is(sent('/slow'), 'dead first', 'what was settled before it was reached was never sent');
};

subtest 'a frozen batch goes on without it' => sub {
	$receiver->misbehave({ path => '^/batch$', status => 503, times => 1 });
	$receiver->subscribe($node, $db, 'batch', '/batch', q{types => '{acme.batch.*}', format => 'batch', batch_size => 4, batch_wait => '1min', retry_schedule => '{1h}'});
	my %id = map { ($_ => emit('batch', $_, 'k')) } 'b1', 'b2', 'b3', 'b4';
	awaits(q{SELECT count(*) = 4 FROM odoo_events.pending('batch') WHERE state = 'retry'}, 'four wait in a batch');
	is(by_hand('batch', $id{b2}), '1', 'one goes by hand');
	sql(q{SELECT odoo_events.alter_subscription('batch', batch_wait => '0')});
	settled('batch');
	is(join(' ', map { $_->{subject} } map { @{ JSON::PP::decode_json($_->{body}) } } grep { $_->{status} == 204 } $receiver->ledger('/batch')), 'b1 b3 b4', 'the others arrive, in order');
};

subtest 'whose it is not, and what it is not' => sub {
	sql(q{CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA odoo_events TO clerk; GRANT EXECUTE ON FUNCTION odoo_events.pending, odoo_events.acknowledge TO clerk;
		SELECT odoo_events.set_policy('clerk', may => '{operate,read}', subscriptions => '{wms}')});
	my $as = sub { return ($node->psql($db, $_[0], extra_params => [ '-U', 'clerk' ]))[0] };
	is($as->(q{SELECT * FROM odoo_events.pending('wms')}), 0, 'a policy that has the subscription lets see it');
	isnt($as->(q{SELECT * FROM odoo_events.pending('batch')}), 0, 'and no other');
	isnt($as->(q{SELECT odoo_events.acknowledge('batch', '{}')}), 0, 'nor settle it');
	like(($node->psql($db, q{SELECT odoo_events.acknowledge('wms', ARRAY[gen_random_uuid()])}))[2], qr/which subscription "wms" has not to get any more/, 'an unknown id is refused');
	is(sql(q{SELECT odoo_events.acknowledge('wms', '{}')}), '0', 'none is none');
};

$node->stop;
done_testing();
