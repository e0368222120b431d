# once: a slot in shared memory is the same for every version of PostgreSQL
# A database that takes the place of a dropped one in shared memory begins with nothing of it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use Test::More;

my $node = OdooEvents->node('slots', "odoo_events.max_databases = 1\nodoo_events.restart_delay = '100ms'\n");
my $setup = q{CREATE EXTENSION odoo_events; SELECT odoo_events.arm(); SELECT odoo_events.subscribe('wms', 'https://203.0.113.7/x')};
my $state = q{SELECT state || ' ' || COALESCE(state_reason, '') FROM odoo_events.subscription_status};
$node->safe_psql('postgres', 'CREATE DATABASE one OWNER odoo');
$node->safe_psql('one', $setup);
ok($node->poll_query_until('one', q{SELECT pid IS NOT NULL FROM odoo_events.worker_status}), 'the first database has a worker');
$node->safe_psql('one', 'SELECT odoo_events.disarm()');
ok($node->poll_query_until('one', q{SELECT state = 'unarmed' FROM odoo_events.subscription_status}), 'which does not send');
$node->safe_psql('postgres', 'ALTER SYSTEM SET odoo_events.databases = \'none-such\'');
$node->reload;
$node->safe_psql('postgres', 'DROP DATABASE one WITH (FORCE)');
$node->safe_psql('postgres', 'CREATE DATABASE two OWNER odoo');
$node->safe_psql('two', $setup);
is($node->safe_psql('two', q{SELECT databases FROM odoo_events._limits()}), '1', 'the second database has taken its place');
is($node->safe_psql('two', $state), 'active ', 'its subscription does not tell why the first one did not send');
is($node->safe_psql('two', q{SELECT count(*) FROM odoo_events.worker_status WHERE last_error IS NOT NULL OR restarts > 0}), '0', 'nor what went wrong there');
$node->stop;
done_testing();
