# once: brokers have nothing to do with PostgreSQL's version
# check-all: brokers must be installed
# docs/examples/bridge.py feeds real brokers: NATS (JetStream), RabbitMQ, and the Kafka that librdkafka has for tests. Killed again and again it loses
# nothing, and keeps the order of each key. What is not installed is skipped.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $bridge = File::Spec->rel2abs("$FindBin::RealBin/../../docs/examples/bridge.py");
my $consume = File::Spec->rel2abs("$FindBin::RealBin/../stream/consume.py");
my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
my $tmp = PostgreSQL::Test::Utils::tempdir;
sub installed { my ($program) = @_; return (grep { -x } map { "$_/$program" } split(/:/, $ENV{PATH}), '/usr/sbin')[0] }
sub imports { my ($module) = @_; return IPC::Run::run([ $python, '-c', "import $module" ], '>', File::Spec->devnull, '2>&1') }
plan skip_all => 'python3-psycopg2 is not installed' unless imports('psycopg2');

my $node = OdooEvents->node('brokers', "odoo_events.restart_delay = '200ms'\nmax_wal_senders = 4\nmax_replication_slots = 8\n");
$node->append_conf('postgresql.conf', "output_plugin_libraries = 'odoo_events'\n")
  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'});
$node->reload;
$node->safe_psql('postgres', 'CREATE DATABASE plant');
$node->safe_psql('plant', 'CREATE EXTENSION odoo_events');
my (@running, $epmd_port);

sub start
{
	my (@command) = @_;
	my $log = "$tmp/log" . @running;
	push @running, IPC::Run::start(\@command, '<', \'', '>', $log, '2>&1');
	return ($running[-1], $log);
}

# What the broker has: ids in the order of arrival; empty while it cannot say.
sub stored
{
	my ($broker) = @_;
	my ($out, $err);
	return [] unless IPC::Run::run([ $python, $consume, $broker ], '>', \$out, '2>', \$err);
	return [ map { decode_json($_) } split /\n/, $out ];
}

my $keys = 7;
my $emitted = 0;

sub emit
{
	my ($n) = @_;
	$node->safe_psql('plant', "SELECT odoo_events.emit('acme.logistics.parcel.moved.v1', 'parcel/' || i, jsonb_build_object('n', i), key => 'parcel:' || i % $keys)
		FROM generate_series($emitted + 1, $emitted + $n) i");
	$emitted += $n;
	$node->poll_query_until('plant', "SELECT count(*) = $emitted FROM odoo_events.outbox WHERE type LIKE 'acme.%'") or die 'not published';
	return;
}

# The whole story with one broker; $broker is what bridge.py gets.
sub story
{
	my ($name, $broker) = @_;
	$node->safe_psql('plant', "SELECT pg_create_logical_replication_slot('$name', 'odoo_events')");
	my $begin = $emitted;
	my @command = ($python, $bridge, $node->connstr('plant'), $name, $broker, 'acme.*');
	my $rounds = 3;
	foreach my $round (1 .. $rounds)
	{
		emit(200);
		my %had = map { $_->{id} => 1 } @{ stored($broker) };
		my $want = $round == $rounds ? $emitted - $begin : keys(%had) + 40;
		my ($run, $log) = start(@command);
		ok(OdooEvents::Receiver::wait_until(sub { my %seen = map { $_->{id} => 1 } @{ stored($broker) }; keys %seen >= $want }, "$want events are there"),
			"$name: events arrive, start $round") or die("$name: " . slurp_file($log));
		# in the middle of it, wherever it is
		$run->kill_kill if $round < $rounds;
		$node->poll_query_until('plant', "SELECT NOT active FROM pg_replication_slots WHERE slot_name = '$name'") if $round < $rounds;
	}
	my @got = @{ stored($broker) };
	my (%seen, %last, @wrong);
	foreach my $event (grep { !$seen{ $_->{id} }++ } @got)
	{
		push @wrong, "$event->{partitionkey}: $event->{sequence} after $last{$event->{partitionkey}}"
		  if exists $last{ $event->{partitionkey} } && $event->{sequence} le $last{ $event->{partitionkey} };
		$last{ $event->{partitionkey} } = $event->{sequence};
	}
	is(join("\n", sort keys %seen), $node->safe_psql('plant', qq{SELECT string_agg(id::text, E'\\n' ORDER BY id::text COLLATE "C") FROM odoo_events.outbox
		WHERE type LIKE 'acme.%' AND subject IN (SELECT 'parcel/' || i FROM generate_series($begin + 1, $emitted) i)}), "$name: every event, though the bridge was killed");
	is_deeply(\@wrong, [], "$name: in the order of each key");
	is(scalar @got, scalar keys %seen, "$name: the broker dropped what came twice, by its id") if $name eq 'nats';
	note(sprintf '%s: %d events, %d messages', $name, scalar keys %seen, scalar @got);
	# what is filtered away moves the position too
	my $before = $node->safe_psql('plant', 'SELECT pg_current_wal_insert_lsn()');
	$node->safe_psql('plant', q{SELECT odoo_events.emit('other.logistics.parcel.moved.v1', 'parcel/0', '{}')});
	ok($node->poll_query_until('plant', "SELECT confirmed_flush_lsn >= '$before' FROM pg_replication_slots WHERE slot_name = '$name'"),
		"$name: the position is confirmed, past what nobody wants too");
	$running[-1]->kill_kill;
	$node->poll_query_until('plant', "SELECT NOT active FROM pg_replication_slots WHERE slot_name = '$name'");
	$node->safe_psql('plant', "SELECT pg_drop_replication_slot('$name')");
	return;
}

# RabbitMQ needs the longest to start, so it does while the others are tried; undef where it is not installed. Not Debian's wrapper, which wants to be root.
sub start_rabbitmq
{
	my ($server) = grep { -x } '/usr/lib/rabbitmq/bin/rabbitmq-server' or return undef;
	my ($port, $dist, $epmd) = map { PostgreSQL::Test::Cluster::get_free_port() } 1 .. 3;
	append_to_file("$tmp/rabbitmq.conf", "listeners.tcp.1 = 127.0.0.1:$port\nloopback_users.guest = true\n");
	append_to_file("$tmp/plugins", '[].');
	local %ENV = (%ENV, HOME => $tmp, RABBITMQ_NODENAME => "oe$port\@localhost", RABBITMQ_DIST_PORT => $dist, RABBITMQ_MNESIA_BASE => "$tmp/mnesia",
		RABBITMQ_LOG_BASE => "$tmp/rabbitmq-log", RABBITMQ_CONFIG_FILE => "$tmp/rabbitmq.conf", RABBITMQ_ENABLED_PLUGINS_FILE => "$tmp/plugins",
		RABBITMQ_PID_FILE => "$tmp/rabbitmq.pid", ERL_EPMD_ADDRESS => '127.0.0.1', ERL_EPMD_PORT => $epmd, RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS => '+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}');
	$epmd_port = $epmd;
	start($server);
	return "amqp://guest:guest\@127.0.0.1:$port/%2F?odoo";
}
my $rabbitmq = imports('pika') ? start_rabbitmq() : undef;

SKIP:
{
	my $server = installed('nats-server') or skip 'nats-server is not installed', 1;
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	start($server, '-a', '127.0.0.1', '-p', $port, '-js', '-sd', "$tmp/jetstream");
	my $broker = "nats://127.0.0.1:$port";
	OdooEvents::Receiver::wait_until(sub { IPC::Run::run([ $python, $consume, $broker, 'create' ], '>', File::Spec->devnull, '2>&1') }, 'the stream is made');
	story('nats', $broker);
}
SKIP:
{
	imports('confluent_kafka') or skip 'python3-confluent-kafka is not installed', 1;
	my ($run, $log) = start($python, $consume, 'mock');
	OdooEvents::Receiver::wait_until(sub { -e $log && slurp_file($log) =~ /BROKERS=\S+/ }, 'the mock cluster listens');
	my ($servers) = slurp_file($log) =~ /BROKERS=(\S+)/;
	story('kafka', "kafka://$servers/odoo");
}
SKIP:
{
	my $broker = $rabbitmq or skip 'rabbitmq-server or python3-pika is not installed', 1;
	OdooEvents::Receiver::wait_until(sub { IPC::Run::run([ $python, $consume, $broker, 'create' ], '>', File::Spec->devnull, '2>&1') }, 'the queue is made');
	story('rabbitmq', $broker);
}
$node->stop;
done_testing();

# Also after a failure. RabbitMQ's script does not take its server along; the server's own pid is in its file.
END
{
	my $status = $?;
	if (-s "$tmp/rabbitmq.pid" && slurp_file("$tmp/rabbitmq.pid") =~ /(\d+)/)
	{
		kill 'KILL', $1;
	}
	# which it refuses while it has not noticed that
	foreach my $try (1 .. ($epmd_port ? 50 : 0))
	{
		my $said = '';
		IPC::Run::run([ 'epmd', '-port', $epmd_port, '-kill' ], '>', \$said, '2>&1');
		last if $said !~ /not allowed/;
		select undef, undef, undef, 0.1;
	}
	$_->kill_kill foreach @running;
	$? = $status;
}
