# Several hosts of a broker: the next is tried when one is away, and nothing is lost.  The outcome of what a broker took comes by SQL or by event.
# once: brokers have nothing to do with PostgreSQL's version
# check-all: brokers must be installed
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

my $node = OdooEvents->node('hosts', "odoo_events.program_memory = '2GB'\n");
my ($db, $keys, $emitted) = ('plant', 10, 0);
$node->safe_psql('postgres', "CREATE DATABASE $db");
$node->safe_psql($db, 'CREATE EXTENSION odoo_events; SELECT odoo_events.arm()');
mkdir $node->data_dir . '/oe_faults';
append_to_file($node->data_dir . '/oe_faults/probe-ms', '100');
sub subscribe { my ($name, $rest) = @_; return $node->safe_psql($db, "SELECT odoo_events.subscribe('$name', $rest, types => '{acme.*}', allow_networks => '{127.0.0.0/8}', retry_schedule => array_fill('200ms'::interval, ARRAY[50]))") }

sub emit
{
	my ($n) = @_;
	$node->safe_psql($db, "SELECT odoo_events.emit('acme.moved.parcel.made.v1', 'parcel/' || i, jsonb_build_object('n', i), key => 'parcel:' || i % $keys) FROM generate_series($emitted + 1, $emitted + $n) i");
	$emitted += $n;
	return;
}

# Each of two ways to one broker is cut in turn.  $read answers the bodies that the broker has.
sub story
{
	my ($name, $broker, $url, $more, $read) = @_;
	my @ways = map { $broker->proxy } 1, 2;
	my ($begin, $hosts) = ($emitted, join(',', map { '127.0.0.1:' . $_->port } @ways));
	subscribe($name, sprintf("'$url'$more", $hosts));
	emit(50);
	ok(OdooEvents::delivered($node, $db, $name), 'with both');
	foreach my $away (0, 1)
	{
		$ways[$away]->kill9;
		emit(50);
		ok(OdooEvents::delivered($node, $db, $name), 'without the ' . ($away ? 'second' : 'first'));
		$ways[$away]->start;
	}
	my %times;
	$times{$_}++ foreach my @numbers = map { decode_json($_)->{data}{n} } $read->();
	my @wrong = OdooProgram::judge([ map { $_ - $begin } @numbers ], 150, $keys, { map { $_ - $begin => 9 } keys %times });
	is_deeply(\@wrong, [], 'the broker has each event, in order of its key');
	$node->safe_psql($db, "SELECT odoo_events.unsubscribe('$name')");
	return;
}

subtest 'MQTT' => sub {
	my $broker = OdooProgram::path('mqtt') && OdooBroker::installed('mosquitto_sub') ? OdooBroker->mosquitto : undef;
	plan skip_all => 'mosquitto is not installed' unless $broker;
	my $port = $broker->port;
	my $some = sub { return split /\n/, `mosquitto_sub -V 5 -h 127.0.0.1 -p $port -t 'acme/#' -F '%p' -q 1 -c -i ledger -x 600 -W 2 2>/dev/null` };
	my $read = sub { my (@all, @more); push @all, @more while @more = $some->(); return @all };
	$some->();
	story('floor', $broker, 'mqtt://%s/acme/{entity}/{verb}', '', $read);
};

subtest 'RabbitMQ' => sub {
	my $broker = OdooProgram::path('amqp') ? OdooBroker->rabbitmq : undef;
	plan skip_all => 'rabbitmq-server is not installed' unless $broker;
	plan skip_all => 'python3-pika is not installed' if system("/usr/bin/python3 -c 'import pika' 2>/dev/null");
	$broker->rabbit('setup', 'acme', 'ledger', 'acme.#');
	story('erp', $broker, 'amqp://%s/%%2F', q{, transport => '{"exchange": "acme"}', auth => '{"type": "basic", "username": "guest", "password": "guest"}'},
		sub { map { decode_json($_)->{body} } split /\n/, $broker->rabbit('read', 'ledger') });
};

subtest 'NATS, and the outcome of what it took' => sub {
	my $broker = OdooProgram::path('nats') ? OdooBroker->nats : undef;
	plan skip_all => 'nats-server is not installed' unless $broker;
	$broker->nats_request('$JS.API.STREAM.CREATE.ACME', '{"name":"ACME","storage":"file","subjects":["acme.>"]}');
	story('mesh', $broker, 'nats://%s/acme.{entity}.{verb}', '', sub { map { $_->{body} } $broker->nats_stream('ACME') });
	my $url = 'nats://127.0.0.1:' . $broker->port . '/acme.{entity}';
	subscribe('limited', "'$url'");
	emit(1);
	ok(OdooEvents::delivered($node, $db, 'limited'), 'a program runs');
	my $worker = $node->safe_psql($db, 'SELECT pid FROM odoo_events.worker_status');
	my ($program) = split ' ', OdooBroker::read_file("/proc/$worker/task/$worker/children");
	my %limit = OdooBroker::read_file("/proc/$program/limits") =~ /^(Max address space|Max data size)\s+(\S+)/mg;
	is_deeply(\%limit, { 'Max address space' => 2147483648, 'Max data size' => 'unlimited' }, 'its limit of memory is the one of odoo_events.program_memory and no other');
	$node->safe_psql($db, q{SELECT odoo_events.unsubscribe('limited')});
	subscribe('asked', "'$url', outcomes => 'sql', outcome_within => '1 h'");
	subscribe('told', "'$url', outcomes => 'event', outcome_types => '{acme.moved.parcel.arrived.v1}'");
	emit(1);
	ok(OdooEvents::delivered($node, $db, $_), "$_ is delivered") foreach qw(asked told);
	ok($node->poll_query_until($db, q{SELECT count(*) = 2 AND bool_and(state = 'pending') FROM odoo_events.outcome}), 'the broker has it, and its outcome is awaited');
	$node->safe_psql($db, q{SELECT odoo_events.confirm('asked', event_id, 'processed', reference => 'WMS 4711') FROM odoo_events.outcome WHERE subscription = 'asked'});
	is($node->safe_psql($db, q{SELECT state || ' ' || reference FROM odoo_events.outcome WHERE subscription = 'asked'}), 'processed WMS 4711', 'it came by SQL');
	$node->safe_psql($db, "SELECT odoo_events.emit('acme.moved.parcel.arrived.v1', 'parcel/$emitted', '{}', key => 'parcel:' || $emitted % $keys)");
	ok($node->poll_query_until($db, qq{SELECT state = 'processed' FROM odoo_events.outcome o WHERE subscription = 'told' AND subject = 'parcel/$emitted' AND type LIKE '%.made.v1'}), 'it came by event');
};

$node->stop;
done_testing();
