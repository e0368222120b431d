# once: the statements of docs/security.md, the same for every version of PostgreSQL
# The roles of docs/security.md, by its own statements: each may do what is its task, and nothing else.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('privileges');
my $db = 'plant';
OdooEvents->load($node, $db, 'odoo19');
$node->safe_psql($db, q{CREATE ROLE mes; SELECT odoo_events.attach()});
my $text = slurp_file("$FindBin::RealBin/../../docs/security.md");
foreach my $sql ($text =~ /^```sql\n(.*?)^```/msg)
{
	$node->safe_psql($db, $sql);
}
foreach my $role ('administrator', 'operator', 'auditor', 'reader')
{
	$node->safe_psql($db, "CREATE ROLE $role LOGIN IN ROLE events_$role");
}
$node->safe_psql($db, q{
  SELECT odoo_events.subscribe('wms', 'https://203.0.113.7/x', secret => 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=', headers => '{"X-Key": "topsecret"}');
  SELECT odoo_events.emit('test.plant.thing.done.v1', 'thing/1', '{"n": 1}')});
ok($node->poll_query_until($db, 'SELECT odoo_events._last_position() > 0'), 'an event is there');

# what can be tried, and who may
my %may = (
	q{SELECT odoo_events.subscribe('mine', 'https://203.0.113.8/x') IS NOT NULL} => 'administrator',
	q{SELECT odoo_events.alter_subscription('wms', max_in_flight => 2)} => 'administrator',
	q{SELECT odoo_events.rotate_secret('wms') IS NOT NULL} => 'administrator',
	q{SELECT odoo_events.set_secret('wms') IS NOT NULL} => 'administrator',
	q{SELECT odoo_events.ping('wms')} => 'administrator',
	q{SELECT odoo_events.pause('wms')} => 'administrator operator',
	q{SELECT odoo_events.resume('wms')} => 'administrator operator',
	q{SELECT odoo_events.retry_now('wms')} => 'administrator operator',
	q{SELECT odoo_events.replay('wms', from_position => 0, dry_run => true)} => 'administrator operator',
	q{SELECT odoo_events.discard('wms', '{}')} => 'administrator',
	q{SELECT odoo_events.skip('wms', '{}')} => 'administrator',
	q{SELECT odoo_events.requeue()} => 'administrator',
	q{SELECT odoo_events.disarm()} => 'administrator',
	q{SELECT odoo_events.arm()} => 'administrator',
	q{SELECT * FROM odoo_events.arming} => 'administrator',
	q{SELECT * FROM odoo_events.subscription} => 'administrator operator auditor',
	q{SELECT * FROM odoo_events.subscription_status} => 'administrator operator',
	q{SELECT * FROM odoo_events.worker_status} => 'administrator operator',
	q{SELECT * FROM odoo_events.health()} => 'administrator operator',
	q{SELECT * FROM odoo_events.metrics()} => 'administrator operator',
	q{SELECT * FROM odoo_events.waiting} => 'administrator operator reader',
	q{SELECT * FROM odoo_events.dead_letter} => 'administrator operator reader',
	q{SELECT * FROM odoo_events.replay_status} => 'administrator operator auditor',
	q{SELECT * FROM odoo_events.quarantine} => 'administrator',
	q{SELECT subscription, event_id, at, status, error FROM odoo_events.attempt} => 'operator reader',
	q{SELECT response FROM odoo_events.attempt} => 'reader',
	q{SELECT * FROM odoo_events.audit_log} => 'administrator auditor',
	q{SELECT * FROM odoo_events.event_type} => 'administrator auditor reader',
	q{SELECT event FROM odoo_events.outbox} => 'reader',
	q{SELECT * FROM odoo_events.trace(subject => 'thing/1')} => 'reader',
	q{SELECT * FROM odoo_events.outbox_all} => '',
	q{SELECT * FROM odoo_events.journal_0} => '',
	q{SELECT * FROM odoo_events.dead} => '',
	q{SELECT * FROM odoo_events.subscription_secret} => '',
	q{SELECT * FROM odoo_events.subscription_config} => '',
	q{SELECT * FROM odoo_events.attach()} => '',
	q{SELECT * FROM odoo_events.detach()} => '',
	q{SELECT odoo_events.emit('test.plant.thing.done.v1', 'thing/1', '{}')} => '',
	q{SELECT odoo_events._emit('odoo.platform.x.y.v1', 'thing/1', '{}')} => '',
	q{SELECT odoo_events._platform_event('odoo.platform.x.y.v1', 'wms', '{}')} => '',
	q{SELECT odoo_events._subscribe('{}')} => '',
	q{UPDATE odoo_events.subscription_config SET url = ''} => '',
	q{DELETE FROM odoo_events.audit} => '',
);
my $seen = '';
foreach my $sql (sort keys %may)
{
	foreach my $role ('administrator', 'operator', 'auditor', 'reader')
	{
		my ($status, $out, $err) = $node->psql($db, $sql, connstr => $node->connstr($db) . " user=$role", on_error_stop => 1);
		my $allowed = grep { $_ eq $role } split / /, $may{$sql};
		# refused for the right reason; other errors (nothing to skip) come after the door
		is($err =~ /permission denied|does not exist/ ? 0 : 1, $allowed ? 1 : 0, "$role " . ($allowed ? 'may ' : 'may not ') . $sql) or diag $err;
		$seen .= $out;
	}
}
unlike($seen, qr/topsecret|whsec_|MDEyMzQ1/, 'nobody saw a secret');
like($node->safe_psql($db, q{SELECT string_agg(DISTINCT who, ',') FROM odoo_events.audit_log}), qr/administrator.*operator/, 'the audit log names who it was');
# and an application sends its own events
$node->safe_psql($db, 'ALTER ROLE mes LOGIN');
is($node->psql($db, q{SELECT odoo_events.emit('test.plant.thing.done.v1', 'thing/1', '{}')}, connstr => $node->connstr($db) . ' user=mes'), 0, 'an application emits');
$node->stop;
done_testing();
