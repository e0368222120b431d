# once: the program has nothing to do with PostgreSQL's version
# check-all: Apache Kafka must be fetched
# odoo_events_kafka against three nodes of Apache Kafka: a leader that is killed or hangs under load, too few replicas, a topic that is deleted and made
# again.  The library's mock cluster has none of this.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooBroker;
use OdooProgram;
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'librdkafka-dev is not installed' unless OdooProgram::path('kafka');
plan skip_all => 'python3-confluent-kafka is not installed' if system("/usr/bin/python3 -c 'import confluent_kafka' 2>/dev/null");
my @node = OdooBroker->kafka_cluster(3);
plan skip_all => 'Apache Kafka (java, mvn) is not installed' unless @node;
my $url = 'kafka://' . join(',', map { '127.0.0.1:' . $_->plain_port } @node);
my %config = (url => $url, policy => { allow_networks => ['127.0.0.0/8'] }, connect_timeout_ms => 5000, send_timeout_ms => 60000);
my $program = OdooProgram->start('kafka');
my $admin = sub { my ($running) = grep { $_->{pid} } @node; return $running->kafka_admin(@_) };
sub topic_has { my ($topic) = @_; return map { $_->{value} } sort { $a->{partition} <=> $b->{partition} || $a->{offset} <=> $b->{offset} } map { decode_json($_) } split /\n/, $admin->('read', $topic) }

sub leader { my ($topic) = @_; my ($id) = split ' ', $admin->('leader', $topic); return $id > 0 ? $node[ $id - 1 ] : undef }

$program->configure(1, \%config);
$program->wait_state(1, 1);

subtest 'while leaders are killed and hang under load, nothing is lost, doubled or out of order' => sub {
	my $rounds = $ENV{ROUNDS} || 2;
	my ($n, $keys, $done_with) = ($rounds * 1000 + 1000, 100, 0);
	$admin->('create', 'ledger', 3, 'replicas=3', 'min.insync.replicas=2');
	my ($away, $since);
	my $again = $program->campaign(1, $n, $keys, sub { my ($i) = @_; return (topic => 'ledger', key => 'k' . $i % $keys, body => $i, headers => { ce_id => "ledger-$i" }) },
		sub {
			my ($done) = @_;
			if ($away && time > $since + 3) { $done_with % 2 ? $away->start : $away->wake; $away = undef; }
			return if $away || $done_with == $rounds || $done < ($done_with + 1) * 800;
			$away = leader('ledger') or return;
			$done_with++;
			$since = time;
			$done_with % 2 ? $away->kill9 : $away->hang;
		});
	if ($away) { $away->{pid} ? $away->wake : $away->start }
	is($done_with, $rounds, 'leaders were killed or stopped');
	is(scalar(keys %$again), 0, 'the library kept what was under way');
	is_deeply([ OdooProgram::judge([ topic_has('ledger') ], $n, $keys, {}) ], [], 'the topic has each message once, in order of its key');
};

subtest 'with one node of three nothing is acknowledged, and what waits goes on with the second' => sub {
	$program->configure(2, { %config, send_timeout_ms => 3000 });
	$program->wait_state(2, 1);
	$admin->('create', 'few', 1, 'replicas=3', 'min.insync.replicas=2');
	is($program->answer($program->send(2, topic => 'few', key => 'a', body => '1')), 'K', 'with all three');
	# without its quorum a cluster cannot say who leads, so two are stopped only
	my $leader = leader('few');
	my @others = grep { $_ != $leader } @node;
	$_->hang foreach @others;
	my ($kind, $text) = $program->answer($program->send(2, topic => 'few', key => 'a', body => '2'));
	is($kind, 'T', "to be retried: $text");
	my $item = $program->send(1, topic => 'few', key => 'a', body => '3');
	$program->step(0.2);
	$_->wake foreach @others;
	is($program->answer($item), 'K', 'acknowledged when two have it');
	like(join(',', topic_has('few')), qr/^1,(2,)?3$/, 'in their order');
};

subtest 'a topic that was deleted is a dead letter, and goes on when it is made again' => sub {
	$admin->('create', 'gone', 1, 'replicas=3');
	is($program->answer($program->send(1, topic => 'gone', key => 'a', body => '1')), 'K', 'it is there');
	$admin->('delete', 'gone');
	my ($kind, $text);
	$program->wait(sub { ($kind, $text) = $program->answer($program->send(1, topic => 'gone', key => 'a', body => '2')); $kind ne 'K' }, 'it is gone');
	like("$kind: $text", qr/^F: gone: (Broker: Unknown topic or partition|the cluster has no such topic, or no longer)/, 'refused, and it is said why');
	$admin->('create', 'gone', 1, 'replicas=3');
	$program->wait(sub { $program->answer($program->send(1, topic => 'gone', key => 'a', body => '3')) eq 'K' }, 'it is there again');
	is((topic_has('gone'))[-1], '3', 'what comes later is in the new one');
};

subtest 'the program ends with its socket while a node hangs' => sub {
	$node[0]->hang;
	$program->send(1, topic => 'ledger', body => 'x' x 1000) foreach 1 .. 100;
	$program->step(0.1);
	cmp_ok($program->stop, '<', 2, 'at once');
	$node[0]->wake;
};
done_testing();
