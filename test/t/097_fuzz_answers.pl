# once: what answers is taken apart by libcurl and by us, the same for every version of PostgreSQL
# check-all: random answers
# Endpoints whose answers come out of a random generator, through a real socket: of webhooks, of the token endpoint, of the validation
# handshake.  The worker stays the same process, what it keeps of an answer can be read, and a neighbour gets everything.  ANSWERS=n, SEED=n.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $answers = $ENV{ANSWERS} // ($ENV{ROUNDS} ? 20000 : 600);
my $seed = $ENV{SEED} // time;
note "SEED=$seed";
my $node = OdooEvents->node('answers', "odoo_events.restart_delay = '100ms'\n");
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
$node->safe_psql($db, 'CREATE EXTENSION odoo_events');
mkdir $node->data_dir . '/oe_faults';
PostgreSQL::Test::Utils::append_to_file($node->data_dir . '/oe_faults/backoff-ms', 50);
$node->safe_psql($db, 'SELECT odoo_events.arm()');
my $receiver = OdooEvents->receiver;
# on a port of its own: who answers at one address is one party, whose answers to different paths go over the same connections
my $neighbour = OdooEvents->receiver;
my $token = $receiver->url('/token-fuzz');
my $often = q{retry_schedule => '{1ms,1ms}', timeout => '1s', max_in_flight => 32};
# libcurl before 8.3.0 wrote where nothing was any more when a handle's second answer began with a folded line
$neighbour->misbehave({ path => '^/folded', headers => { "\tX-Folded" => '1' } });
$receiver->misbehave({ path => 'fuzz', fuzz => JSON::PP::true, seed => $seed });
$neighbour->subscribe($node, $db, 'good', '/good');
$neighbour->subscribe($node, $db, 'folded', '/folded', 'max_in_flight => 1');
$receiver->subscribe($node, $db, 'fuzz', '/fuzz', $often);
$receiver->subscribe($node, $db, 'batches', '/fuzz-batches', "$often, format => 'batch', batch_size => 5");
$receiver->subscribe($node, $db, 'oauth', '/oauth', qq{$often, auth => '{"type": "oauth2", "token_url": "$token", "client_id": "client", "client_secret": "s3cret"}'});
$receiver->subscribe($node, $db, 'handshake', '/fuzz-handshake', "$often, handshake => true");
my $worker = q{SELECT pid FROM odoo_events.worker_status WHERE pid IS NOT NULL};
ok($node->poll_query_until($db, "SELECT count(*) = 1 FROM ($worker) w"), 'a worker');
my $pid = $node->safe_psql($db, $worker);

# what was disabled, what waits behind a breaker: once more
my $once_more = q{SELECT odoo_events.resume(name) FROM odoo_events.subscription_status WHERE state <> 'active';
	SELECT odoo_events.retry_now(name) FROM odoo_events.subscription_status WHERE name <> 'good'};
my $n = 0;
my $end = time + $PostgreSQL::Test::Utils::timeout_default * ($answers > 1000 ? 30 : 1);
while (1)
{
	$node->safe_psql($db, qq{SELECT count(odoo_events.emit('acme.test.thing.done.v1', 'thing/' || i, '{"thing": {}}')) FROM generate_series(1, 20) i; $once_more});
	$n += 20;
	my %asked;
	$asked{ $_->{path} }++ foreach $receiver->ledger;
	my $all = 0;
	$all += $asked{$_} // 0 foreach '/fuzz', '/fuzz-batches', '/token-fuzz', '/fuzz-handshake';
	last if $all >= $answers && !grep { !$asked{$_} } '/fuzz', '/fuzz-batches', '/token-fuzz', '/fuzz-handshake';
	fail("only $all answers in time"), last if time > $end;
}
my %good;
ok($neighbour->wait_for(sub { %good = map { $_->{id} => 1 } grep { $_->{type} =~ /^acme/ } $neighbour->events('/good'); keys %good >= $n }), 'the neighbour gets everything');
is(scalar(keys %good), $n, "all $n");
ok($neighbour->wait_for(sub { my %got = map { $_->{id} => 1 } grep { $_->{type} =~ /^acme/ } $neighbour->events('/folded'); keys %got >= $n }),
	'and so does one whose answers begin with a folded line');
is_deeply([ $neighbour->problems('/good') ], [], 'in order, the same bytes');
is($node->safe_psql($db, $worker), $pid, 'the worker is the same');
cmp_ok($node->safe_psql($db, q{SELECT count(DISTINCT error) + count(DISTINCT status) FROM odoo_events.attempt WHERE subscription IN ('fuzz', 'batches')}), '>', 10,
	'it was answered in many ways');
is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.attempt WHERE octet_length(response) > 8192 OR response ~ '[\x01-\x08\x0b\x0c\x0e-\x1f]' OR octet_length(error) > 1000}),
	'0', 'what is kept of an answer is bounded and can be shown');
foreach my $view (qw(attempt subscription_status dead_letter waiting health() metrics_text() worker_status))
{
	my ($status) = $node->psql($db, "SELECT * FROM odoo_events.$view");
	is($status, 0, "$view can be read");
}
opendir my $dir, "/proc/$pid/fd";
cmp_ok(scalar(() = readdir $dir), '<', 300, 'descriptors are bounded');
my $log = slurp_file($node->logfile);
unlike($log, qr/terminated by signal|PANIC|TRAP|odoo_events worker.*ERROR/, 'no error of the worker');
$node->stop;
done_testing();
