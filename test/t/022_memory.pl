# once: the worker's memory, the same for every version
# check-all: it watches memory under load
# The worker's own memory and its descriptors do not grow: MINUTES of load, among endpoints that answer, fail, refuse and hang, reloads and
# changes of configuration.  Part of "make check-long"; without MINUTES it only sees that the measurement works.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $minutes = $ENV{MINUTES} // 0;
my $node = OdooEvents->node('memory', "odoo_events.retention = '1h'\nlog_min_messages = warning\n");
my $receiver = OdooEvents->receiver;
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
$node->safe_psql($db, q{
  CREATE TABLE ir_module_module (id int PRIMARY KEY);
  ALTER TABLE ir_module_module OWNER TO odoo;
  CREATE TABLE stock_picking (id int PRIMARY KEY, name text, state text, origin text, company_id int);
  ALTER TABLE stock_picking OWNER TO odoo;
  INSERT INTO stock_picking SELECT i, 'T/' || i, 'confirmed', repeat('x', 300) FROM generate_series(1, 500) i;
  CREATE EXTENSION odoo_events});
$node->safe_psql($db, q{SELECT count(*) FROM odoo_events.attach()});
my $retries = q{retry_schedule => '{100ms,100ms}'};
$receiver->subscribe($node, $db, 'good', '/good');
$receiver->subscribe($node, $db, 'batches', '/batches', q{format => 'batch', batch_size => 50});
$receiver->subscribe($node, $db, 'fails', '/status/500', $retries);
$receiver->subscribe($node, $db, 'resets', '/reset', $retries);
$receiver->subscribe($node, $db, 'hangs', '/hang', "$retries, timeout => '1s'");
$node->safe_psql($db, qq{SELECT odoo_events.subscribe('refuses', 'http://127.0.0.1:1/x', allow_networks => '{127.0.0.0/8}', $retries)});
my $pid = $node->safe_psql($db, 'SELECT pid FROM odoo_events.worker_status');

# Anonymous memory of the process itself in kB, without what it shares with others; and its open descriptors
sub measure
{
	my ($kb) = slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m;
	opendir my $dir, "/proc/$pid/fd" or die "/proc/$pid/fd: $!";
	my $fds = grep { !/^\./ } readdir $dir;
	return ($kb, $fds);
}

# One round of a few seconds: changes, deliveries, and something that happens to the configuration
my @happens = (
	sub { $node->reload },
	sub { $node->safe_psql($db, q{SELECT odoo_events.alter_subscription('good', max_in_flight => 8); SELECT odoo_events.alter_subscription('good', max_in_flight => 16)}) },
	sub { $node->safe_psql($db, q{SELECT odoo_events.pause('batches')}) },
	sub { $node->safe_psql($db, q{SELECT odoo_events.resume('batches'); SELECT odoo_events.resume('fails'); SELECT odoo_events.retry_now('refuses')}) },
	sub { $node->safe_psql($db, qq{SELECT odoo_events.subscribe('briefly', 'http://127.0.0.1:$receiver->{port}/briefly', allow_networks => '{127.0.0.0/8}')}) },
	sub { $node->safe_psql($db, q{SELECT odoo_events.unsubscribe('briefly')}) },
	sub { $node->safe_psql($db, q{SELECT odoo_events.rotate_secret('fails', overlap => '1s'); SELECT odoo_events.ping('good')}) },
	sub { $node->safe_psql($db, q{SELECT odoo_events.discard(s, ARRAY(SELECT event_id FROM odoo_events.dead_letter d WHERE d.subscription = s))
		FROM unnest('{fails,resets,hangs,refuses}'::text[]) s}) });
sub round
{
	my ($n) = @_;
	$node->safe_psql($db, q{DO $$ BEGIN FOR i IN 0 .. 9 LOOP
	  UPDATE stock_picking SET state = CASE state WHEN 'confirmed' THEN 'assigned' ELSE 'confirmed' END WHERE id % 10 = i; COMMIT; END LOOP; END $$});
	$happens[ $n % @happens ]->();
	$node->poll_query_until($db, q{SELECT lag_events = 0 FROM odoo_events.subscription_status WHERE name = 'good'}) or die 'the good endpoint waits';
	return;
}

my $n = 0;
my $end = time + 60 * $minutes;
# connections come and go: of descriptors the most that there were is compared
my ($warm, $warm_fds) = (0, 0);
while ($n < @happens || time < $end - 0.7 * 60 * $minutes)
{
	round($n++);
	($warm, my $fds) = measure();
	$warm_fds = $fds if $fds > $warm_fds;
}
my ($most, $most_fds) = ($warm, $warm_fds);
my $warmed_up = $n;
while (time < $end)
{
	round($n++);
	my ($kb, $fds) = measure();
	$most = $kb if $kb > $most;
	$most_fds = $fds if $fds > $most_fds;
}
my ($last, $last_fds) = measure();
is($node->safe_psql($db, 'SELECT pid FROM odoo_events.worker_status'), $pid, 'the worker is the same');
my $published = $node->safe_psql($db, 'SELECT odoo_events._last_position()');
note "$warmed_up rounds of warm-up, $n in all, $published events: $warm kB, then at most $most, at last $last kB; descriptors at most $warm_fds, then at most $most_fds, at last $last_fds";
cmp_ok($warm, '>', 1000, 'memory is measured');
cmp_ok($last - $warm, '<', $ENV{OE_SANITIZER} ? 1024 * 1024 : 2048, 'memory after warm-up grows by less than 2 MB');
cmp_ok($most_fds, '<=', $warm_fds + 20, 'descriptors do not grow');
# a table or an index of the extension's takes one at most, and they are some four hundred
cmp_ok($most_fds, '<', 500, 'and are bounded');
$node->stop;
done_testing();
