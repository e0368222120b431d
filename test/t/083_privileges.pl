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
my @roles = ('administrator', 'operator', 'auditor', 'reader', 'consumer', 'approver');
foreach my $role (@roles)
{
	$node->safe_psql($db, "CREATE ROLE $role LOGIN IN ROLE events_$role");
}
$node->safe_psql($db, q{
  SELECT odoo_events.subscribe('wms', 'https://203.0.113.7/x', secret => 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=', headers => '{"X-Key": "topsecret"}');
  SELECT odoo_events.subscribe('mirror', NULL, start_from => 'earliest');
  SELECT odoo_events.emit('test.plant.thing.done.v1', 'thing/1', '{"n": 1}')});
ok($node->poll_query_until($db, 'SELECT odoo_events._last_position() > 0'), 'an event is there');

# what can be tried, and who may
my %may = (
	q{SELECT odoo_events.subscribe('mine', 'https://203.0.113.8/x') IS NOT NULL} => 'administrator',
	q{SELECT odoo_events.alter_subscription('wms', max_in_flight => 2)} => 'administrator',
	q{SELECT odoo_events.rotate_secret('wms') IS NOT NULL} => 'administrator',
	q{SELECT odoo_events.set_secret('wms') IS NOT NULL} => 'administrator',
	q{SELECT odoo_events.ping('wms')} => 'administrator',
	q{SELECT odoo_events.set_care(subscriptions => '{wms}', owner => 'x')} => 'administrator',
	q{SELECT * FROM odoo_events.diagnose('wms')} => 'administrator operator',
	q{SELECT odoo_events.define_calendar('x', hours => '{"mon": ["06:00-22:00"]}')} => 'administrator',
	q{SELECT odoo_events.define_sla('x', '{a.b.c.d.v1}', '{a.b.c.e.v1}', or_replace => true)} => 'administrator',
	q{SELECT odoo_events.drop_sla('x')} => 'administrator',
	q{SELECT * FROM odoo_events.calendar, odoo_events.sla} => 'administrator operator auditor',
	q{SELECT * FROM odoo_events.promise, odoo_events.cycle_time} => 'administrator operator',
	q{SELECT * FROM odoo_events.exception} => 'administrator operator',
	q{SELECT * FROM odoo_events.checkpoint} => 'administrator auditor',
	q{SELECT odoo_events.pause_promise(0, now(), 'x')} => 'administrator operator',
	q{SELECT odoo_events.take_exception(0)} => 'administrator operator',
	q{SELECT odoo_events.close_exception(0, 'x')} => 'administrator operator',
	q{SELECT * FROM odoo_events.care} => 'administrator operator auditor',
	q{SELECT odoo_events.pause('wms')} => 'administrator operator',
	q{SELECT odoo_events.resume('wms')} => 'administrator operator',
	q{SELECT odoo_events.retry_now('wms')} => 'administrator operator',
	q{SELECT odoo_events.replay('wms', from_position => 0, dry_run => true)} => 'administrator operator',
	q{SELECT odoo_events.discard('wms', '{}')} => 'administrator',
	q{SELECT odoo_events.skip('wms', '{}')} => 'administrator',
	q{SELECT * FROM odoo_events.pending('wms')} => 'administrator',
	q{SELECT odoo_events.cut_over('wms', 'wms')} => 'administrator',
	q{SELECT odoo_events.cut_back('wms', 'wms')} => 'administrator',
	q{SELECT odoo_events.acknowledge('wms', '{}')} => 'administrator',
	q{SELECT odoo_events.requeue()} => 'administrator',
	q{SELECT odoo_events.disarm()} => 'administrator',
	q{SELECT odoo_events.arm()} => 'administrator',
	q{SELECT * FROM odoo_events.arming} => 'administrator operator',
	q{SELECT * FROM odoo_events.subscription} => 'administrator operator auditor',
	q{SELECT * FROM odoo_events.subscription_status} => 'administrator operator',
	q{SELECT * FROM odoo_events.worker_status} => 'administrator operator',
	q{SELECT * FROM odoo_events.health()} => 'administrator operator',
	q{SELECT * FROM odoo_events.metrics()} => 'administrator operator',
	q{SELECT * FROM odoo_events.storage} => 'administrator operator',
	q{SELECT odoo_events.publish()} => 'administrator',
	q{SELECT odoo_events.define_entity('gadget', 'nothing')} => 'administrator',
	q{SELECT odoo_events.define_event('acme.custom.gadget.done.v1', 'gadget')} => 'administrator',
	q{SELECT odoo_events.drop_event('acme.custom.gadget.done.v1')} => 'administrator',
	q{SELECT odoo_events.disable_event('odoo.inventory.stock_move.shipped.v1')} => 'administrator',
	q{SELECT odoo_events.enable_event('odoo.inventory.stock_move.shipped.v1')} => 'administrator',
	q{SELECT * FROM odoo_events.reconcile('transfer')} => 'administrator',
	q{SELECT odoo_events.backfill('nothing')} => 'administrator',
	q{SELECT * FROM odoo_events.explain('transfer', 1)} => 'administrator operator reader',
	q{SELECT odoo_events.json_schema('odoo.inventory.stock_move.shipped.v1') IS NOT NULL} => 'administrator auditor reader',
	q{SELECT * FROM odoo_events.process LIMIT 1} => 'operator reader',
	q{SELECT count(*) FROM odoo_events.fetch('mirror')} => 'consumer',
	q{SELECT odoo_events.ack('mirror', 0)} => 'consumer',
	q{SELECT * FROM odoo_events.pull_cursor} => '',
	q{SELECT * FROM odoo_events.waiting} => 'administrator operator reader',
	q{SELECT * FROM odoo_events.dead_letter} => 'administrator operator reader',
	q{SELECT * FROM odoo_events.replay_status} => 'administrator operator auditor',
	q{SELECT * FROM odoo_events.quarantine} => 'administrator',
	q{SELECT subscription, event_id, at, status, error FROM odoo_events.attempt} => 'operator reader',
	q{SELECT response FROM odoo_events.attempt} => 'reader',
	q{SELECT odoo_events.config_hash() IS NOT NULL} => 'administrator',
	q{SELECT odoo_events.config_export() IS NOT NULL} => 'administrator',
	q{SELECT * FROM odoo_events.config_diff('{}')} => 'administrator',
	q{SELECT odoo_events.config_apply('{}')} => 'administrator',
	q{SELECT * FROM odoo_events.config_rollback(1)} => 'administrator',
	q{SELECT odoo_events.set_environment('none', '{}')} => 'administrator',
	q{SELECT odoo_events.drop_policy('nobody')} => 'administrator',
	q{SELECT * FROM odoo_events.config_revision} => 'administrator auditor',
	q{SELECT * FROM odoo_events.policy} => 'administrator auditor',
	q{SELECT * FROM odoo_events.proposal} => 'administrator operator auditor approver',
	q{SELECT odoo_events.approve(0)} => 'administrator approver',
	q{SELECT odoo_events.reject(0)} => 'administrator approver',
	q{SELECT * FROM odoo_events.latest()} => 'reader',
	q{SELECT odoo_events.define_type('acme.a.b.c.v1', '{}')} => 'administrator',
	q{SELECT odoo_events.drop_type('acme.a.b.d.v1')} => 'administrator',
	q{SELECT * FROM odoo_events.contract_check('{none}')} => 'administrator auditor',
	q{SELECT odoo_events.contract_accept('{none}')} => 'administrator',
	q{SELECT * FROM odoo_events.policy_rule} => '',
	q{SELECT * FROM odoo_events.proposed} => '',
	q{SELECT * FROM odoo_events.revision} => '',
	q{SELECT odoo_events._policies('{read}')} => '',
	q{SELECT * FROM odoo_events.audit_log} => 'administrator operator auditor',
	q{SELECT * FROM odoo_events.event_type} => 'administrator auditor reader',
	q{SELECT event FROM odoo_events.outbox} => 'reader',
	q{SELECT * FROM odoo_events.trace(subject => 'thing/1')} => 'administrator operator reader',
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
	foreach my $role (@roles)
	{
		my ($status, $out, $err) = $node->psql($db, $sql, connstr => $node->connstr($db) . " user=$role", on_error_stop => 1);
		my $allowed = grep { $_ eq $role } split / /, $may{$sql};
		# refused for the right reason; other errors (nothing to skip) come after the door
		is($err =~ /permission denied|(?:function|relation|schema) \S+ does not exist/ ? 0 : 1, $allowed ? 1 : 0, "$role " . ($allowed ? 'may ' : 'may not ') . $sql) or diag $err;
		$seen .= $out;
	}
}

# the table of the page, for all that there is: nobody has what it does not say
my %says;
my ($table) = $text =~ /^(\| function or view .*?)\n\n/ms;
foreach my $row ("$table\n" =~ /^\| (`.*)\|\n/mg)
{
	my ($names, $roles) = split / \| /, $row;
	next unless defined $roles;
	$says{$1} = join ' ', grep { $roles =~ /\b$_\b(?! without)/ } @roles while $names =~ /`(\w+)`/g;
}
$says{replay_status} .= ' auditor';
$says{$_} = '' foreach 'capture', 'capture_truncate', 'arm_first_time';    # of triggers and of attach()
my $things = q{SELECT p.oid, p.proname::text AS name, 'f' AS kind FROM pg_proc p WHERE p.pronamespace = 'odoo_events'::regnamespace AND p.proname !~ '^_'
	UNION ALL SELECT c.oid, c.relname, 'v' FROM pg_class c WHERE c.relnamespace = 'odoo_events'::regnamespace AND c.relkind IN ('r', 'v', 'p')};
my %has = map { my ($name, @may) = split /[| ]/; $name => join ' ', grep { my $r = $_; grep { $_ eq $r } @may } @roles } split /\n/, $node->safe_psql($db, qq{
	SELECT t.name, COALESCE(string_agg(r.rolname, ' '), '') FROM ($things) t LEFT JOIN pg_roles r ON r.rolname IN ('administrator', 'operator', 'auditor', 'reader', 'consumer', 'approver')
	   AND CASE t.kind WHEN 'f' THEN has_function_privilege(r.oid, t.oid, 'EXECUTE') ELSE has_table_privilege(r.oid, t.oid, 'SELECT') END
	 GROUP BY t.name, t.oid});
my @differ;
foreach my $name (sort keys %has)
{
	my $want = $says{$name} // '';
	push @differ, "$name: $has{$name} instead of $want" if $has{$name} ne $want && !($name eq 'attached' && $has{$name} eq 'administrator operator');
}
is_deeply(\@differ, [], 'what each may is what the page says');
is(join(' ', grep { !exists $has{$_} } sort keys %says), '', 'which names nothing that is not there');
is(join(' ', grep { !exists $says{$_} } split /\n/, $node->safe_psql($db, "SELECT DISTINCT name FROM ($things) t WHERE kind = 'f' ORDER BY 1")), '', 'and leaves out no function');
unlike($seen, qr/topsecret|whsec_|MDEyMzQ1/, 'nobody saw a secret');
like($node->safe_psql($db, q{SELECT string_agg(DISTINCT who, ',') FROM odoo_events.audit_log}), qr/administrator.*operator/, 'the audit log names who it was');
# and an application sends its own events
$node->safe_psql($db, 'ALTER ROLE mes LOGIN');
is($node->psql($db, q{SELECT odoo_events.emit('test.plant.thing.done.v1', 'thing/1', '{}')}, connstr => $node->connstr($db) . ' user=mes'), 0, 'an application emits');
$node->stop;
done_testing();
