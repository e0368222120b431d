#!/usr/bin/env perl
# How many messages of 1 kB a second a helper program gets acknowledged, beside its client library alone, in one run against the same real broker on
# this machine. Prints a table. Runs alternate, because the machine is not quiet; the best of ROUNDS (3) counts.
#
#   test/bench/broker.pl [kafka] [nats] [amqp]
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooBroker;
use OdooProgram;

my $top = "$FindBin::RealBin/../..";
my $bench = File::Temp->new(TEMPLATE => 'oe-bench-XXXXXX', TMPDIR => 1) . '.bin';
system("gcc -O2 -I$top/src -o $bench $top/test/bench/broker.c \$(pkg-config --cflags --libs rdkafka libnats librabbitmq libmosquitto)") == 0 or die 'cannot compile broker.c';
my ($rounds, $size) = ($ENV{ROUNDS} || 3, 1000);
sub run { my $out = `@{[ map { qq{'$_'} } $bench, @_ ]}`; die "@_ failed" if $?; return 0 + $out }

sub compare
{
	my ($kind, $n, $window, $url, $topic, $transport, @alone) = @_;
	my $config = encode_json({ url => $url, policy => { allow_networks => ['127.0.0.0/8'] }, send_timeout_ms => 60000, max_pending => $window + 1, transport => $transport });
	my %best = (alone => 0, program => 0);
	foreach (1 .. $rounds)
	{
		my %now = (alone => run($kind, @alone), program => run('program', OdooProgram::path($kind), $config, $topic, $n, $size, $window));
		$best{$_} = $now{$_} > $best{$_} ? $now{$_} : $best{$_} foreach keys %now;
	}
	printf "%-6s window %5d: library alone %7.0f/s, program %7.0f/s, %.2f\n", $kind, $window, $best{alone}, $best{program}, $best{program} / $best{alone};
	return;
}

my %want = map { $_ => 1 } @ARGV ? @ARGV : qw(kafka nats amqp);
if ($want{kafka} && (my $broker = OdooBroker->kafka))
{
	$broker->kafka_admin('create', 'bench', 3);
	compare('kafka', 200000, 4000, 'kafka://127.0.0.1:' . $broker->port, 'bench', {}, '127.0.0.1:' . $broker->port, 'bench', 200000, $size);
	$broker->kill9;
}
if ($want{nats} && (my $broker = OdooBroker->nats))
{
	$broker->nats_request('$JS.API.STREAM.CREATE.BENCH', '{"name":"BENCH","storage":"file","subjects":["bench"],"max_bytes":500000000}');
	compare('nats', 100000, 4000, 'nats://127.0.0.1:' . $broker->port, 'bench', {}, 'nats://127.0.0.1:' . $broker->port, 'bench', 100000, $size, 4000);
	$broker->kill9;
}
if ($want{amqp} && (my $broker = OdooBroker->rabbitmq))
{
	$broker->rabbit('setup', 'bench', 'bench', '#');
	compare('amqp', 20000, 2000, 'amqp://127.0.0.1:' . $broker->port . '/%2F', 'a', { exchange => 'bench' }, $broker->port, 'bench', 'a', 20000, $size, 2000);
	$broker->kill9;
}
unlink $bench;
