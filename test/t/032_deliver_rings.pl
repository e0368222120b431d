# The rings of progress and attempts: the full member is emptied once the other one says all, what is kept is kept, deliveries go on.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('rings', '');
my $receiver = OdooEvents->receiver;
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
$node->safe_psql($db, 'CREATE EXTENSION odoo_events; SELECT odoo_events.arm()');
$receiver->subscribe($node, $db, 'one', '/one');
$receiver->subscribe($node, $db, 'two', '/two');
$node->safe_psql($db, q{SELECT odoo_events.pause('two')});

# As after days of work: rows of before, which do not hold any more, and attempts older than their retention.
$node->safe_psql($db, q{
  INSERT INTO odoo_events.progress_0 (subscription_id, n, at, cursor)
  SELECT c.id, -i, now(), 0 FROM odoo_events.subscription_config c, generate_series(1, 30000) i;
  INSERT INTO odoo_events.attempt_0 (n, subscription_id, first_position, last_position, attempt, at, duration)
  SELECT -i, 1, 1, 1, 1, now() - interval '20 days', 0 FROM generate_series(1, 1000) i});

# The worker looks at its rings some seconds after it has worked.
$node->safe_psql($db, q{SELECT odoo_events.ping('one')});
$receiver->wait_for(sub { @_ >= 1 }, 'the first ping arrives', '/one');
ok($node->poll_query_until($db, 'SELECT NOT EXISTS (SELECT 1 FROM odoo_events.progress_0)'), 'the full member of progress is emptied');
is($node->safe_psql($db, 'SELECT count(DISTINCT subscription_id) FROM odoo_events.progress_1'), '2', 'the other one knows all, the paused one too');
foreach my $n (2 .. 3)
{
	$node->safe_psql($db, q{SELECT odoo_events.ping('one')});
	$receiver->wait_for(sub { @_ >= $n }, 'the next ping arrives', '/one');
}
ok($node->poll_query_until($db, q{SELECT EXISTS (SELECT 1 FROM odoo_events.attempt_1) OR NOT EXISTS
	(SELECT 1 FROM odoo_events.attempt_0 WHERE n < 0)}), 'attempts go to the other member');
ok($node->poll_query_until($db, q{SELECT count(*) = 3 FROM odoo_events.attempt WHERE subscription = 'one' AND at > now() - interval '1 day'}), 'none is lost');
$node->restart;
$node->safe_psql($db, q{SELECT odoo_events.resume('two'); SELECT odoo_events.ping('one'); SELECT odoo_events.ping('two')});
$receiver->wait_for(sub { @_ >= 1 }, 'the ping to two arrives', '/two');
$receiver->wait_for(sub { @_ >= 4 }, 'the ping to one arrives', '/one');
is(join(',', map { $_->{duplicate} ? 'again' : 'new' } $receiver->ledger('/one')), 'new,new,new,new', 'nothing is sent twice after a restart');
is_deeply([ $receiver->problems ], [], 'all signed');
$node->stop;
done_testing();
