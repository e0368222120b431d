#!/usr/bin/env perl
# Starts a real broker for a program that is not written in Perl, and prints its port; the broker ends when standard input is closed.
#
#   broker.pl kafka|nats|mosquitto|rabbitmq
#
# NATS has a stream "BENCH" of the subject "bench", RabbitMQ an exchange "bench" whose queue takes everything; topics of Kafka are up to the caller.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use OdooBroker;

my ($kind) = @ARGV;
my $broker = OdooBroker->$kind or die "$kind is not installed\n";
$broker->nats_request('$JS.API.STREAM.CREATE.BENCH', '{"name":"BENCH","storage":"file","subjects":["bench"],"max_bytes":1000000000}') if $kind eq 'nats';
$broker->rabbit('setup', 'bench', 'bench', '#') if $kind eq 'rabbitmq';
$| = 1;
print $broker->port, ' ', $broker->{pid}, "\n";
1 while <STDIN>;
