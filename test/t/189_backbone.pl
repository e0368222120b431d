# once: brokers have nothing to do with PostgreSQL's version
# check-all: brokers must be installed
# From the outbox to a real broker, through all of the way: program, broker, worker and server are killed under load, and what the broker has, as the
# independent account, is each event, in the order of its key; in NATS JetStream, which drops what it gets twice, once.  A subject's refusal reaches the
# operator in the broker's words.  BROKER=nats|kafka|amqp, ROUNDS=n kills at random moments (make check-long); SEED=n repeats a run's choices.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use List::Util qw(min);
use OdooBroker;
use OdooEvents;
use OdooProgram;
use PostgreSQL::Test::Utils;
use Test::More;

my $kind = $ENV{BROKER} || 'nats';
my $rounds = $ENV{ROUNDS} || 4;
my $seed = $ENV{SEED} || time;
plan skip_all => "the helper program for $kind is not installed" unless OdooProgram::path($kind);
my %real = (
	nats => sub {
		my $real = OdooBroker->nats or return;
		my $answer = $real->nats_request('$JS.API.STREAM.CREATE.ODOO', '{"name":"ODOO","subjects":["acme.>"],"storage":"file","duplicate_window":3600000000000}');
		die $answer if $answer =~ /"error"/;
		return ($real, 'nats://127.0.0.1:' . $real->port, '/acme.{entity}.{verb}', '"stream": "ODOO"', sub { map { $_->{body} } $real->nats_stream('ODOO') });
	},
	kafka => sub {
		my $real = OdooBroker->kafka or return;
		$real->kafka_admin('create', 'acme', 3);
		return ($real, 'kafka://127.0.0.1:' . $real->port, '/acme', '', sub { map { $_->{value} } sort { $a->{partition} <=> $b->{partition} || $a->{offset} <=> $b->{offset} } map { decode_json($_) } split /\n/, $real->kafka_admin('read', 'acme') });
	},
	amqp => sub {
		my $real = OdooBroker->rabbitmq or return;
		$real->rabbit('setup', 'acme', 'ledger', '#');
		return ($real, 'amqp://127.0.0.1:' . $real->port, '/%2F', '"exchange": "acme"', sub { map { decode_json($_)->{body} } split /\n/, $real->rabbit('read', 'ledger') });
	});
my ($broker, $url, $topic, $transport, $read) = $real{$kind}->();
plan skip_all => "the broker of $kind is not installed" unless $broker;
my $node = OdooEvents->node('backbone', "odoo_events.restart_delay = '100ms'\n");
$node->safe_psql('postgres', 'CREATE DATABASE plant');
$node->safe_psql('plant', 'CREATE EXTENSION odoo_events; SELECT odoo_events.arm()');
my $auth = $kind eq 'amqp' ? q{, auth => '{"type": "basic", "username": "guest", "password": "guest"}'} : '';
sub subscribe { my ($name, $rest) = @_; return $node->safe_psql('plant', "SELECT odoo_events.subscribe('$name', $rest, allow_networks => '{127.0.0.0/8}'$auth)") }

subtest "each event is in $kind and in order, though everything on its way was killed" => sub {
	subscribe('mesh', qq{'$url$topic', types => '{acme.moved.*}', retry_schedule => array_fill('200ms'::interval, ARRAY[100]), transport => '{$transport}'});
	my ($keys, $n, $each) = (20, 0, 300);
	my %disturb = (
		'the program' => sub { my ($pid) = $node->safe_psql('plant', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'odoo_events worker' LIMIT 1}); system('pkill', '-KILL', '-P', $pid) if $pid },
		'the broker' => sub { $broker->kill9; $broker->start },
		'the worker' => sub { $node->safe_psql('plant', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'odoo_events worker'}) },
		'the server' => sub { $node->stop('immediate'); $node->start });
	my @what = sort keys %disturb;
	srand($seed);
	note("BROKER=$kind ROUNDS=$rounds SEED=$seed");
	foreach my $round (0 .. $rounds - 1)
	{
		my $what = $round < @what ? $what[$round] : $what[ rand @what ];
		my $before = $n;
		$n += $each;
		$node->safe_psql('plant', "SELECT odoo_events.emit('acme.moved.parcel.made.v1', 'parcel/' || i, jsonb_build_object('n', i), key => 'parcel:' || i % $keys) FROM generate_series($before + 1, $n) i");
		$node->poll_query_until('plant', "SELECT odoo_events._last_position() > $before") or die 'not published';
		select(undef, undef, undef, rand 0.1);
		$disturb{$what}->();
		# not each round waits, so that accidents meet what others have left
		next if $round >= @what && $round < $rounds - 1 && rand() < 0.5;
		ok($node->poll_query_until('plant', "SELECT odoo_events._last_position() >= $n"), "$what was killed: published");
		ok($node->poll_query_until('plant', q{SELECT lag_events = 0 AND in_flight = 0 AND dead_letters = 0 FROM odoo_events.subscription_status WHERE name = 'mesh'}), "$what was killed: delivered")
		  or diag($node->safe_psql('plant', 'SELECT * FROM odoo_events.subscription_status'));
	}
	my @numbers = map { decode_json($_)->{data}{n} } $read->();
	my %again = $kind eq 'nats' ? () : map { $_ => $rounds } @numbers;
	my @wrong = OdooProgram::judge(\@numbers, $n, $keys, \%again);
	is_deeply(\@wrong, [], 'the broker has each event, in order of its key' . ($kind eq 'nats' ? ', once' : ''));
	# the messages around what is wrong, and what the worker noted of them
	foreach my $i (map { /^(\d+)/ ? $1 : () } @wrong[ 0 .. min(2, $#wrong) ])
	{
		diag(join "\n", $broker->kafka_admin('read', 'acme') =~ /^.*\\"n\\": (?:@{[ join '|', $i, $i - $keys, $i + $keys ]})\}.*$/mg) if $kind eq 'kafka';
		diag($node->safe_psql('plant', "SELECT a.* FROM odoo_events.attempt a JOIN odoo_events.outbox o ON o.id = a.event_id WHERE o.partitionkey = 'parcel:' || $i % $keys ORDER BY a.at DESC LIMIT 12"));
	}
	note(scalar(@numbers) - $n . " of $n came twice");
};

subtest 'what the broker refuses is a dead letter in its words' => sub {
	plan skip_all => 'only NATS keeps no subject' if $kind ne 'nats';
	subscribe('nowhere', qq{'$url/elsewhere.{entity}', types => '{acme.lost.*}'});
	$node->safe_psql('plant', q{SELECT odoo_events.emit('acme.lost.parcel.made.v1', 'parcel/1', '{}', key => 'parcel:1')});
	ok($node->poll_query_until('plant', q{SELECT dead_letters = 1 FROM odoo_events.subscription_status WHERE name = 'nowhere'}), 'a subject that no stream keeps: a dead letter');
	like($node->safe_psql('plant', q{SELECT last_error FROM odoo_events.subscription_status WHERE name = 'nowhere'}), qr/no JetStream stream keeps the subject elsewhere\.parcel/, 'which says why');
};
$node->stop;
done_testing();
