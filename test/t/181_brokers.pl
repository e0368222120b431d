# once: brokers have nothing to do with PostgreSQL's version
# check-all: brokers must be installed
# Subscriptions end at real brokers: NATS (JetStream), RabbitMQ, MQTT and Apache Kafka.  What the broker has is the account: while the broker, the helper
# program and the worker are killed under load, nothing is lost, each key is in order, and the bytes are the event's.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooBroker;
use OdooEvents;
use OdooProgram;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('brokers', "odoo_events.restart_delay = '100ms'\n");
my $db = 'plant';
my $keys = 20;
my $emitted = 0;
mkdir $node->data_dir . '/oe_faults';
append_to_file($node->data_dir . '/oe_faults/probe-ms', '100');
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
$node->safe_psql($db, 'CREATE EXTENSION odoo_events; SELECT odoo_events.arm()');
my $started = $node->safe_psql($db, 'SELECT pg_postmaster_start_time()');

sub emit
{
	my ($n) = @_;
	$node->safe_psql($db, "SELECT odoo_events.emit('acme.logistics.parcel.moved.v1', 'parcel/' || i, jsonb_build_object('n', i), key => 'parcel:' || i % $keys)
		FROM generate_series($emitted + 1, $emitted + $n) i");
	$emitted += $n;
	return;
}

# The helper program that the worker runs.
sub helpers
{
	my ($kind) = @_;
	my $worker = $node->safe_psql($db, 'SELECT pid FROM odoo_events.worker_status') || 0;
	return grep { OdooBroker::read_file("/proc/$_/cmdline") =~ /odoo_events_$kind/ } split ' ', OdooBroker::read_file("/proc/$worker/task/$worker/children");
}

# The whole story with one broker.  $contents answers the bodies that it has, in the order in which it got them.
sub story
{
	my ($kind, $broker, $url, $more, $contents) = @_;
	my ($name, $begin) = ("to_$kind", $emitted);
	$more = $more ? ", $more" : '';
	$node->safe_psql($db, "SELECT odoo_events.subscribe('$name', '$url', types => '{acme.logistics.*}', allow_networks => '{127.0.0.0/8}', timeout => '5s'$more)");
	emit(100);
	ok(OdooEvents::delivered($node, $db, $name), "$kind: the first hundred are acknowledged");
	my $killed = 0;
	foreach my $what (qw(program broker worker program))
	{
		emit(300);
		if ($what eq 'broker') { $broker->kill9; emit(100); $broker->start; }
		elsif ($what eq 'worker') { $node->safe_psql($db, 'SELECT pg_terminate_backend(pid, 10000) FROM odoo_events.worker_status') }
		else
		{
			OdooEvents::Receiver::wait_until(sub { helpers($kind) }, 'the helper program runs');
			$killed += kill 9, helpers($kind);
		}
		emit(100);
	}
	cmp_ok($killed, '>=', 2, "$kind: the helper program was killed under load");
	ok(OdooEvents::delivered($node, $db, $name), "$kind: all is acknowledged");
	is($node->safe_psql($db, "SELECT count(*) FROM odoo_events.dead_letter WHERE subscription = '$name'"), 0, "$kind: nothing was given up");

	my %event = map { my ($id, $event) = split /\|/, $_, 2; $id => $event } split /\n/,
	  $node->safe_psql($db, "SELECT id, event FROM odoo_events.outbox WHERE type LIKE 'acme.logistics.%' AND (event::jsonb #>> '{data,n}')::int > $begin");
	my (%seen, %last, @wrong);
	my $copies = 0;
	foreach my $body ($contents->())
	{
		my $e = decode_json($body);
		$copies++;
		push @wrong, "other bytes: $e->{id}" if $body ne ($event{ $e->{id} } // '');
		next if $seen{ $e->{id} }++;
		push @wrong, "$e->{partitionkey}: $e->{sequence} after $last{ $e->{partitionkey} }" if $e->{sequence} lt ($last{ $e->{partitionkey} } // '');
		$last{ $e->{partitionkey} } = $e->{sequence};
	}
	is(scalar(grep { !$seen{$_} } keys %event), 0, "$kind: the broker has each event");
	is_deeply(\@wrong, [], "$kind: with the event's bytes, each key in order");
	note("$kind: $copies messages of " . scalar(keys %event) . ' events');
	is($node->safe_psql($db, 'SELECT pg_postmaster_start_time()'), $started, "$kind: the server has not restarted");
	$node->safe_psql($db, "SELECT odoo_events.unsubscribe('$name')");
	return;
}

sub fit
{
	my ($kind, $broker, $server) = @_;
	my $lacks = !OdooProgram::path($kind) ? "odoo_events_$kind is not installed" : !$broker ? "$server is not installed" : undef;
	plan skip_all => $lacks if $lacks;
	return;
}

subtest 'NATS' => sub {
	my $broker = OdooBroker->nats;
	fit('nats', $broker, 'nats-server');
	$broker->nats_request('$JS.API.STREAM.CREATE.ACME', '{"name":"ACME","storage":"file","subjects":["acme.>"]}');
	my $url = 'nats://127.0.0.1:' . $broker->port . '/acme.{entity}.{verb}';
	story('nats', $broker, $url, q{transport => '{"stream": "ACME"}'}, sub { map { $_->{body} } $broker->nats_stream('ACME') });
	my ($first) = $broker->nats_stream('ACME');
	is($first->{subject}, 'acme.parcel.moved', 'the subject is made of the type');

	# what the server does not keep, and pings
	$node->safe_psql($db, "SELECT odoo_events.subscribe('$_', '" . ($url =~ s/acme/$_/r) . "', types => '{acme.other.*}', allow_networks => '{127.0.0.0/8}')") foreach qw(acme nowhere);
	$node->safe_psql($db, q{SELECT odoo_events.ping('acme'); SELECT odoo_events.ping('nowhere')});
	ok(OdooEvents::status($node, $db, 'nowhere', 'dead_letters = 1'), 'a ping of a subject that no stream keeps fails');
	like($node->safe_psql($db, q{SELECT last_error FROM odoo_events.dead_letter WHERE subscription = 'nowhere'}), qr/no JetStream stream keeps the subject nowhere/, 'and says why');
	ok(OdooEvents::status($node, $db, 'acme', 'delivered_total = 1'), 'the other one is acknowledged');
	is(scalar(grep { $_->{body} =~ /pinged/ } $broker->nats_stream('ACME')), 0, 'without publishing anything');
	$node->safe_psql($db, q{SELECT odoo_events.unsubscribe('acme'); SELECT odoo_events.unsubscribe('nowhere')});

	# attributes as headers
	$node->safe_psql($db, "SELECT odoo_events.subscribe('binary', '$url', format => 'binary', types => '{acme.other.*}', allow_networks => '{127.0.0.0/8}')");
	$node->safe_psql($db, q{SELECT odoo_events.emit('acme.other.thing.made.v1', 'thing/é', '{"n": 1}')});
	ok(OdooEvents::delivered($node, $db, 'binary'), 'binary format');
	my $last = ($broker->nats_stream('ACME'))[-1];
	like($last->{headers}, qr/^ce-subject: ?thing\/%C3%A9\r$/m, 'a header per attribute, percent-encoded');
	like($last->{headers}, qr/^content-type: ?application\/json\r$/mi, 'the type of the data');
	is($last->{body}, '{"n": 1}', 'the data');
	$node->safe_psql($db, q{SELECT odoo_events.unsubscribe('binary')});
};

subtest 'RabbitMQ' => sub {
	my $broker = OdooBroker->rabbitmq;
	fit('amqp', $broker, 'rabbitmq-server');
	plan skip_all => 'python3-pika is not installed' if system("/usr/bin/python3 -c 'import pika' 2>/dev/null");
	$broker->rabbit('setup', 'acme', 'ledger', 'acme.#');
	story('amqp', $broker, 'amqp://127.0.0.1:' . $broker->port . '/%2F', q{transport => '{"exchange": "acme"}', auth => '{"type": "basic", "username": "guest", "password": "guest"}'},
		sub { map { decode_json($_)->{body} } split /\n/, $broker->rabbit('read', 'ledger') });
};

subtest 'MQTT' => sub {
	my $broker = OdooBroker->mosquitto;
	fit('mqtt', $broker, 'mosquitto');
	plan skip_all => 'mosquitto-clients is not installed' unless OdooBroker::installed('mosquitto_sub');
	my $port = $broker->port;
	# the account of a session that lasts, since a subscriber would be cut off as well
	my $some = sub { return split /\n/, `mosquitto_sub -V 5 -h 127.0.0.1 -p $port -t 'acme/#' -F '%p' -q 1 -c -i ledger -x 600 -W 2 2>/dev/null` };
	my $read = sub { my (@all, @more); push @all, @more while @more = $some->(); return @all };
	$read->();
	# mosquitto acknowledges before it has written to its disk, so it is not killed, but its connections are
	my $proxy = $broker->proxy;
	story('mqtt', $proxy, 'mqtt://127.0.0.1:' . $proxy->port . '/acme/{entity}/{verb}', '', $read);

	# a state per topic
	$node->safe_psql($db, qq{SELECT odoo_events.subscribe('states', 'mqtt://127.0.0.1:$port/state/{warehouse}/{key}', types => '{acme.state.*}', transport => '{"retain": true}', allow_networks => '{127.0.0.0/8}')});
	$node->safe_psql($db, q{SELECT odoo_events.emit('acme.state.order.changed.v1', 'order/' || k, jsonb_build_object('n', i), 'order:' || k) FROM generate_series(1, 3) i, generate_series(1, 2) k});
	ok(OdooEvents::delivered($node, $db, 'states'), 'states are delivered');
	my $states = sub { return { map { /^(\S+) .*"n": ?(\d)/ ? ($1 => $2) : () } split /\n/, `mosquitto_sub -V 5 -h 127.0.0.1 -p $port -t 'state/#' -F '%t %p' -W 1 2>/dev/null` } };
	is_deeply($states->(), { 'state/none/order:1' => 3, 'state/none/order:2' => 3 }, 'who connects later has the latest state of each');
	is($node->safe_psql($db, q{SELECT odoo_events.replay('states', from_position => 0)}), 2, 'a replay is of the latest ones only');
	ok($node->poll_query_until($db, q{SELECT bool_and(state = 'done') FROM odoo_events.replay_status}), 'it ends');
	is_deeply($states->(), { 'state/none/order:1' => 3, 'state/none/order:2' => 3 }, 'and brings no old state back');
	$node->safe_psql($db, q{SELECT odoo_events.unsubscribe('states')});
};

subtest 'Kafka' => sub {
	my $broker = OdooProgram::path('kafka') ? OdooBroker->kafka : undef;
	fit('kafka', $broker, 'Apache Kafka');
	plan skip_all => 'python3-confluent-kafka is not installed' if system("/usr/bin/python3 -c 'import confluent_kafka' 2>/dev/null");
	my $url = 'kafka://127.0.0.1:' . $broker->port;
	my $read = sub { my ($topic) = @_; return map { decode_json($_) } split /\n/, $broker->kafka_admin('read', $topic) };
	$broker->kafka_admin('create', 'acme.parcel', 3);
	story('kafka', $broker, "$url/acme.{entity}", '', sub { map { $_->{value} } $read->('acme.parcel') });
	my %partition;
	$partition{ $_->{key} }{ $_->{partition} } = 1 foreach $read->('acme.parcel');
	is(scalar(grep { keys %$_ > 1 } values %partition), 0, 'each key is in one partition');

	# a topic of states, and what is too large for it
	$broker->kafka_admin('create', 'states', 1, 'cleanup.policy=compact', 'max.message.bytes=20000');
	$node->safe_psql($db, qq{SELECT odoo_events.subscribe('states', '$url/states', types => '{acme.state.*}', transport => '{"compacted": true, "key": "{source}/{key}"}', allow_networks => '{127.0.0.0/8}')});
	$node->safe_psql($db, q{SELECT odoo_events.emit('acme.state.product.' || v || '.v1', 'product/42', jsonb_build_object('pad', repeat('x', p)), 'product:42')
		FROM (VALUES ('changed', 1), ('changed', 100000), ('deleted', 1)) x(v, p)});
	ok(OdooEvents::delivered($node, $db, 'states'), 'states are delivered');
	my @states = $read->('states');
	is(scalar(@states), 3, 'two events and a tombstone');
	is_deeply([ map { $_->{key} } @states ], [ (decode_json($states[0]{value})->{source} =~ s!^/!!r . '/product:42') x 3 ], 'under one key');
	is($states[2]{value}, undef, 'the tombstone ends it');
	like($node->safe_psql($db, q{SELECT last_error FROM odoo_events.dead_letter WHERE subscription = 'states'}), qr/too large/i, 'what is too large is a dead letter with the broker\'s words');
	$node->safe_psql($db, q{SELECT odoo_events.unsubscribe('states')});
};

$node->stop;
done_testing();
