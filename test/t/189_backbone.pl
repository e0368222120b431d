# once: brokers have nothing to do with PostgreSQL's version
# check-all: brokers must be installed
# From the outbox to a real NATS JetStream, through all of the way: program, broker, worker and server are killed under load, and the stream, as the
# independent account, has each event once, in the order of its key. A certificate's and a subject's refusal reach the operator in the broker's words.
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

plan skip_all => 'libnats-dev is not installed' unless OdooProgram::path('nats');
my $broker = OdooBroker->nats or plan skip_all => 'nats-server is not installed';
my $answer = $broker->nats_request('$JS.API.STREAM.CREATE.ODOO', '{"name":"ODOO","subjects":["acme.>"],"storage":"file","duplicate_window":3600000000000}');
die $answer if $answer =~ /"error"/;
my $node = OdooEvents->node('backbone', "odoo_events.restart_delay = '100ms'\n");
my $url = 'nats://127.0.0.1:' . $broker->port;
$node->safe_psql('postgres', 'CREATE DATABASE plant');
$node->safe_psql('plant', 'CREATE EXTENSION odoo_events; SELECT odoo_events.arm()');
sub subscribe { my ($name, $rest) = @_; return $node->safe_psql('plant', "SELECT odoo_events.subscribe('$name', $rest, allow_networks => '{127.0.0.0/8}')") }
sub stored { return map { decode_json($_->{body}) } $broker->nats_stream('ODOO') }

subtest 'each event is in the stream once and in order, though everything on its way was killed' => sub {
	subscribe('mesh', qq{'$url/acme.{entity}.{verb}', types => '{acme.moved.*}', retry_schedule => '{200ms,200ms,1s}', transport => '{"stream": "ODOO"}'});
	my ($keys, $n) = (20, 0);
	my %disturb = (
		'the program' => sub { my ($pid) = $node->safe_psql('plant', q{SELECT pid FROM pg_stat_activity WHERE backend_type = 'odoo_events worker' LIMIT 1}); system('pkill', '-KILL', '-P', $pid) if $pid },
		'the broker' => sub { $broker->kill9; $broker->start },
		'the worker' => sub { $node->safe_psql('plant', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'odoo_events worker'}) },
		'the server' => sub { $node->stop('immediate'); $node->start });
	foreach my $what ('the program', 'the broker', 'the worker', 'the server')
	{
		my $before = $n;
		$n += 400;
		$node->safe_psql('plant', "SELECT odoo_events.emit('acme.moved.parcel.made.v1', 'parcel/' || i, jsonb_build_object('n', i), key => 'parcel:' || i % $keys) FROM generate_series($before + 1, $n) i");
		$node->poll_query_until('plant', "SELECT count(*) > $before FROM odoo_events.outbox") or die 'not published';
		$disturb{$what}->();
		ok($node->poll_query_until('plant', "SELECT count(*) = $n FROM odoo_events.outbox"), "$what was killed: published");
		ok($node->poll_query_until('plant', q{SELECT lag_events = 0 AND in_flight = 0 AND dead_letters = 0 FROM odoo_events.subscription_status WHERE name = 'mesh'}), "$what was killed: delivered")
		  or diag($node->safe_psql('plant', 'SELECT * FROM odoo_events.subscription_status'));
	}
	my @numbers = map { $_->{data}{n} } stored();
	is_deeply([ OdooProgram::judge(\@numbers, $n, $keys, {}) ], [], 'the stream has each event once, in order of its key');
};

subtest 'what the broker refuses is a dead letter in its words' => sub {
	subscribe('nowhere', qq{'$url/elsewhere.{entity}', types => '{acme.lost.*}'});
	$node->safe_psql('plant', q{SELECT odoo_events.emit('acme.lost.parcel.made.v1', 'parcel/1', '{}', key => 'parcel:1')});
	ok($node->poll_query_until('plant', q{SELECT dead_letters = 1 FROM odoo_events.subscription_status WHERE name = 'nowhere'}), 'a subject that no stream keeps: a dead letter');
	like($node->safe_psql('plant', q{SELECT last_error FROM odoo_events.subscription_status WHERE name = 'nowhere'}), qr/no JetStream stream keeps the subject elsewhere\.parcel/, 'which says why');
};
$node->stop;
done_testing();
