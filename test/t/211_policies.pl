# once: policies are compared in C and in SQL that is the same for every version of PostgreSQL
# What roles under a policy see and do: each view against an oracle in SQL that reads the tables, for random policies; a function that leaks
# what it is shown; operators, consumers and applications outside of their policy.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SEED} // int(rand(1_000_000));
srand($seed);
note "SEED=$seed";
my $node = OdooEvents->node('policies', "odoo_events.databases = 'none-such'\n");
OdooEvents->load($node, 'plant', 'odoo19');
sub sql { return $node->safe_psql('plant', $_[0]) }
sub as
{
	my ($role, $q) = @_;
	my ($ret, $out, $err) = $node->psql('plant', "\\set VERBOSITY verbose\n$q", connstr => $node->connstr('plant') . " user=$role");
	return ($out, $err);
}
sub pick { return $_[ int(rand(@_)) ] }

# 200 events of companies and warehouses, some of them waiting, dead, or sent
sql(q{
  SELECT odoo_events.subscribe('a_one', 'https://203.0.113.7/1', companies => '{1}');
  SELECT odoo_events.subscribe('a_two', 'https://203.0.113.7/2', companies => '{2}', warehouses => '{3}');
  SELECT odoo_events.subscribe('b_all', 'https://203.0.113.8/3');
  SELECT odoo_events.subscribe('partner_a', NULL, companies => '{1}');
  SELECT odoo_events.subscribe('partner_b', NULL, companies => '{2}');
  INSERT INTO odoo_events.outbox_0 (position, id, type, subject, partitionkey, "time", recordedtime, entity, record_id, company_id, warehouse_id, correlationid, odootx, event)
  SELECT i, gen_random_uuid(), (ARRAY['odoo.logistics.shipment.dispatched.v1', 'odoo.sales.order.confirmed.v1', 'acme.plant.machine.stopped.v1'])[1 + i % 3],
         'thing/' || i, 'thing:' || i, now(), now(), 'thing', i, NULLIF(i % 4, 0), NULLIF(i % 5, 0), 'thing:' || i % 7, pg_current_xact_id(), '{"n": 1}' FROM generate_series(1, 200) i;
  INSERT INTO odoo_events.publish_cursor_0 (n, system_identifier, s1, last_position, at) SELECT 1000000, 0, pg_current_snapshot(), 200, now();
  INSERT INTO odoo_events.progress_1 (subscription_id, at, cursor) SELECT id, now(), 200 FROM odoo_events.subscription_config WHERE url IS NOT NULL;
  INSERT INTO odoo_events.held (subscription_id, mode, key, position, attempts, next_attempt_at) SELECT c.id, 'key', 'thing:' || i, i, 3, now()
    FROM odoo_events.subscription_config c, generate_series(1, 40) i WHERE c.url IS NOT NULL;
  INSERT INTO odoo_events.dead (subscription_id, event_id, position, type, subject, partitionkey, company_id, warehouse_id, attempts, first_at, last_at, event)
  SELECT c.id, o.id, o.position, o.type, o.subject, o.partitionkey, o.company_id, o.warehouse_id, 1, now(), now(), o.event
    FROM odoo_events.subscription_config c, odoo_events.outbox_all o WHERE o.position BETWEEN 41 AND 80 AND c.url IS NOT NULL;
  INSERT INTO odoo_events.attempt_0 (n, subscription_id, event_id, first_position, last_position, attempt, at, duration, status)
  SELECT o.position, (SELECT id FROM odoo_events.subscription_config WHERE name = 'b_all'), o.id, o.position, o.position, 1, now(), 1, 500 FROM odoo_events.outbox_all o WHERE position <= 50;
  CREATE ROLE clerk LOGIN; CREATE ROLE free LOGIN; CREATE ROLE partner LOGIN; CREATE ROLE machine LOGIN;
  GRANT USAGE ON SCHEMA odoo_events TO clerk, free, partner, machine;
  GRANT SELECT ON odoo_events.outbox, odoo_events.waiting, odoo_events.dead_letter, odoo_events.attempt, odoo_events.subscription_status, odoo_events.audit_log TO clerk, free;
  GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA odoo_events TO clerk, free;
  GRANT EXECUTE ON FUNCTION odoo_events.fetch, odoo_events.ack TO partner;
  GRANT EXECUTE ON FUNCTION odoo_events.emit TO machine});

# what a list of policies shows, said again in SQL
my $event = sub { my ($o, $verbs) = @_; return qq{EXISTS (SELECT 1 FROM odoo_events.policy_rule p WHERE p.role IN ('clerk', 'clerks') AND (p.may IS NULL OR p.may && '{$verbs}')
	AND (p.types IS NULL OR EXISTS (SELECT 1 FROM unnest(p.types) t WHERE $o.type LIKE replace(replace(t, '_', '\\_'), '*', '%')))
	AND (p.companies IS NULL OR $o.company_id IS NULL OR $o.company_id = ANY (p.companies)) AND (p.warehouses IS NULL OR $o.warehouse_id IS NULL OR $o.warehouse_id = ANY (p.warehouses)))} };
my $sub = sub { return q{EXISTS (SELECT 1 FROM odoo_events.policy_rule p WHERE p.role IN ('clerk', 'clerks') AND (p.may IS NULL OR p.may && '{read,operate,approve}')
	AND (p.subscriptions IS NULL OR EXISTS (SELECT 1 FROM unnest(p.subscriptions) t WHERE c.name LIKE replace(replace(t, '_', '\_'), '*', '%')))
	AND (p.companies IS NULL OR c.companies IS NULL OR p.companies && c.companies) AND (p.warehouses IS NULL OR c.warehouses IS NULL OR p.warehouses && c.warehouses))} };
my $sees = 'read,operate,approve';
my %oracle = (
	'SELECT string_agg(position::text, \',\' ORDER BY position) FROM odoo_events.outbox' => sub { 'SELECT string_agg(o.position::text, \',\' ORDER BY position) FROM odoo_events.outbox_all o WHERE ' . $event->('o', 'read') },
	'SELECT string_agg(position::text, \',\' ORDER BY position) FROM odoo_events.latest(1000)' => sub { 'SELECT string_agg(o.position::text, \',\' ORDER BY position) FROM odoo_events.outbox_all o WHERE ' . $event->('o', 'read') },
	'SELECT string_agg(subscription || position, \',\' ORDER BY subscription, position) FROM odoo_events.waiting' => sub {
		'SELECT string_agg(c.name || o.position, \',\' ORDER BY c.name, o.position) FROM odoo_events.held h JOIN odoo_events.subscription_config c ON c.id = h.subscription_id JOIN odoo_events.outbox_all o USING (position) WHERE '
		  . $event->('o', $sees) . ' AND ' . $sub->() },
	'SELECT string_agg(subscription || position, \',\' ORDER BY subscription, position) FROM odoo_events.dead_letter' => sub {
		'SELECT string_agg(c.name || o.position, \',\' ORDER BY c.name, o.position) FROM odoo_events.dead o JOIN odoo_events.subscription_config c ON c.id = o.subscription_id WHERE ' . $event->('o', $sees) . ' AND ' . $sub->() },
	'SELECT string_agg(name, \',\' ORDER BY name) FROM odoo_events.subscription_status' => sub { 'SELECT string_agg(c.name, \',\' ORDER BY c.name) FROM odoo_events.subscription_config c WHERE ' . $sub->() },
);

subtest 'views show what random policies allow' => sub {
	sql('CREATE ROLE clerks; GRANT clerks TO clerk');
	my @wrong;
	foreach my $round (1 .. ($ENV{ROUNDS} // 12))
	{
		sql('DELETE FROM odoo_events.policy_rule');
		foreach my $role (rand() < 0.5 ? ('clerk') : ('clerk', 'clerks'))
		{
			my @args = map { rand() < 0.5 ? () : $_->() } sub { "may => '" . pick('{read}', '{operate}', '{publish}', '{read,operate}') . "'" },
			  sub { "types => '" . pick('{odoo.logistics.*}', '{acme.*,odoo.sales.*}', '{*}') . "'" }, sub { "companies => '{" . pick('1', '2', '1,3', '9') . "}'" },
			  sub { "warehouses => '{" . pick('1', '2,3', '4') . "}'" }, sub { "subscriptions => '" . pick('{a_*}', '{b_all}', '{a_one,b_*}') . "'" };
			sql("SELECT odoo_events.set_policy(" . join(', ', "'$role'", @args) . ')');
		}
		foreach my $q (sort keys %oracle)
		{
			my ($is) = as('clerk', $q);
			my $should = sql($oracle{$q}->());
			push @wrong, "$q\n  under " . sql('SELECT json_agg(p) FROM odoo_events.policy_rule p') . "\n  is $is\n  instead of $should" if $is ne $should;
		}
	}
	is_deeply(\@wrong, [], "as the oracle says, SEED=$seed");
	sql(q{DELETE FROM odoo_events.policy_rule; SELECT odoo_events.set_policy('clerk', companies => '{1}', subscriptions => '{a_one}')});
	my ($found, $error) = as('clerk', q{SELECT count(*) FROM odoo_events.diagnose() WHERE evidence::text || finding || next ~ '(b_all|a_two|partner_b)'});
	is($found, '0', 'diagnose() tells of no other subscription') or diag $error;
	($found) = as('clerk', q{SELECT count(*) FROM odoo_events.trace(key => 'thing:2')});
	is($found, '0', 'nor trace() of a document of another company');
	($found) = as('clerk', q{SELECT string_agg("check", ',') FROM odoo_events.health() WHERE "check" LIKE 'subscription %'});
	is($found, 'subscription a_one', 'nor health()');
	($found) = as('clerk', q{SELECT string_agg(DISTINCT COALESCE(labels ->> 'subscription', name), ',' ORDER BY COALESCE(labels ->> 'subscription', name)) FROM odoo_events.metrics()});
	is($found, 'a_one,odoo_events_armed,odoo_events_build_info,odoo_events_publish_lag_seconds,odoo_events_worker_restarts_total,odoo_events_worker_up', 'nor metrics()');
	($found) = as('clerk', q{SELECT odoo_events.metrics_text()});
	unlike($found, qr/b_all|a_two|partner_b|outbox_position|company|captured/, 'nor its text');
	is((as('free', q{SELECT count(*) > 50 FROM odoo_events.metrics()}))[0], 't', 'without a policy all are shown');
	my ($all) = as('free', 'SELECT count(*) FROM odoo_events.outbox');
	is($all, '200', 'a role without a policy sees all');
};

subtest 'a function that leaks sees nothing that is hidden' => sub {
	sql(q{DELETE FROM odoo_events.policy_rule; SELECT odoo_events.set_policy('clerk', companies => '{1}', warehouses => '{1}')});
	my ($out, $err) = as('clerk', q{
		CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$ BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END $$;
		SELECT count(*) FROM odoo_events.outbox WHERE pg_temp.leak(subject);
		SELECT count(*) FROM odoo_events.dead_letter WHERE pg_temp.leak(subject);
		SELECT count(*) FROM odoo_events.waiting WHERE pg_temp.leak(subject)});
	my %saw = map { $_ => 1 } $err =~ /saw (\S+)/g;
	my %may = map { $_ => 1 } split /\n/, sql('SELECT subject FROM odoo_events.outbox_all o WHERE ' . $event->('o', $sees));
	is_deeply([ grep { !$may{$_} } sort keys %saw ], [], 'it was shown what the policy allows');
	cmp_ok(scalar(keys %saw), '>', 0, 'and that');
	($out) = as('clerk', q{EXPLAIN (COSTS off) SELECT * FROM odoo_events.outbox WHERE partitionkey = 'thing:1'});
	like($out, qr/InitPlan/, 'the policies are read once');
	like($out, qr/Index (?:Only )?Scan using outbox_0_key|Bitmap Index Scan on outbox_0_key|Index Cond|Seq Scan on outbox_0/, 'and conditions that leak nothing go down to the tables');
	($out) = as('clerk', q{SET ROLE clerks; SELECT count(*) = (SELECT count(*) FROM odoo_events.latest(1000)) FROM odoo_events.latest(1000)});
	sql(q{GRANT USAGE ON SCHEMA odoo_events TO clerks; GRANT SELECT ON odoo_events.outbox TO clerks});
	my ($narrow) = as('clerk', 'SET ROLE clerks; SELECT count(*) FROM odoo_events.outbox');
	my ($mine) = as('clerk', 'SELECT count(*) FROM odoo_events.outbox');
	is($narrow, $mine, 'SET ROLE leads out of no policy');
};

subtest 'operators stay inside' => sub {
	sql(q{DELETE FROM odoo_events.policy_rule; SELECT odoo_events.set_policy('clerk', may => '{operate}', companies => '{1}')});
	my ($out, $err) = as('clerk', q{SELECT odoo_events.pause('b_all')});
	like($err, qr/42501.*concerns more than your policy allows/s, 'a whole subscription must be inside');
	($out, $err) = as('clerk', q{SELECT odoo_events.pause('a_one'); SELECT odoo_events.resume('a_one')});
	is($err, '', 'one that is can be paused');
	($out, $err) = as('clerk', q{SELECT odoo_events.alter_subscription('a_one', companies => '{}')});
	like($err, qr/42501/, 'nobody widens it out of the policy');
	foreach my $call (q{replay('b_all', dead_letters => true)}, q{retry_now('b_all')}, q{discard('b_all', ids => (SELECT array_agg(event_id) FROM odoo_events.dead_letter WHERE subscription = 'b_all'))})
	{
		($out, $err) = as('clerk', "SELECT odoo_events.$call");
		my ($hint) = $err =~ /HINT:\s+(SELECT odoo_events\..*?;)/;
		like($hint // $err, qr/companies => '\{1\}'/, "$call: the hint is the narrowed statement");
		my ($out2, $err2) = as('clerk', $hint // 'SELECT');
		unlike($err2, qr/ERROR/, 'which works');
	}
	is(sql(q{SELECT count(*) FROM odoo_events.dead WHERE subscription_id = (SELECT id FROM odoo_events.subscription_config WHERE name = 'b_all') AND company_id = 2}), '10', 'what is of others is untouched');
	($out, $err) = as('clerk', q{SELECT odoo_events.config_export()});
	like($err, qr/42501.*not for a role under a policy/s, 'the configuration is not for him');
	my $job = sql(q{SELECT max(id) FROM odoo_events.replay_job});
	sql(qq{UPDATE odoo_events.replay_job SET state = 'running', finished_at = NULL, created_by = 'free', companies = '{2}' WHERE id = $job});
	($out, $err) = as('clerk', "SELECT odoo_events.cancel_replay($job)");
	like($err, qr/42501.*replay $job concerns more/s, "nobody ends a replay of another company");
	sql(qq{UPDATE odoo_events.replay_job SET companies = '{1}' WHERE id = $job});
	($out, $err) = as('clerk', "SELECT odoo_events.cancel_replay($job)");
	is($err, '', 'a replay of the own one can be ended');
	# what is about the whole database
	foreach my $call ('arm()', 'disarm()', q{backfill('transfer')}, 'cancel_backfill(1)', 'reconcile()', 'requeue()', q{drop_quarantined('{1}')}, q{erase('partner', 1, 'x')},
		q{compare('x')}, q{drop_comparison('x')}, q{set_care('{odoo.*}', owner => 'me')}, q{announce('x', now(), now() + interval '1 hour')}, 'end_announcement(1)',
		q{disable_event('odoo.logistics.shipment.dispatched.v1')}, q{enable_event('odoo.logistics.shipment.dispatched.v1')}, q{drop_event('acme.x.y.z.v1')}, q{drop_entity('x')},
		q{define_type('acme.x.y.z.v1', '{}')}, q{define_event('acme.x.y.z.v1', 'transfer')})
	{
		($out, $err) = as('clerk', "SELECT odoo_events.$call");
		like($err, qr/42501.*not for a role under a policy/s, "$call is not for him");
	}
	sql(q{GRANT SELECT ON odoo_events.subscription, odoo_events.replay_status, odoo_events.backfill_status, odoo_events.quarantine, odoo_events.comparison TO clerk, free});
	sql(q{INSERT INTO odoo_events.backfill_job (entity, state, created_by, created_at, at, last_id) VALUES ('transfer', 'done', 'x', now(), now(), 0)});
	($out) = as('clerk', q{SELECT string_agg(name, ' ' ORDER BY name) FROM odoo_events.subscription});
	is($out, 'a_one b_all partner_a', 'the view subscription shows those that may get events of his');
	sql(q{SELECT odoo_events.set_policy('clerk', may => '{operate}', subscriptions => '{a_one}')});
	($out) = as('clerk', q{SELECT string_agg(name, ' ' ORDER BY name) FROM odoo_events.subscription});
	is($out, 'a_one', 'by name, too');
	($out) = as('clerk', q{SELECT count(*) FROM odoo_events.replay_status});
	is($out, '0', 'replays of others are not shown');
	($out) = as('clerk', q{SELECT (SELECT count(*) FROM odoo_events.backfill_status) + (SELECT count(*) FROM odoo_events.quarantine) + (SELECT count(*) FROM odoo_events.comparison)});
	is($out, '0', 'nor what is about everything');
	($out) = as('free', q{SELECT (SELECT count(*) FROM odoo_events.subscription) || ' ' || (SELECT count(*) > 0 FROM odoo_events.replay_status) || ' ' || (SELECT count(*) FROM odoo_events.backfill_status)});
	is($out, '5 true 1', 'who is under no policy sees all');
	cmp_ok(sql(q{SELECT value FROM odoo_events.metrics() WHERE name = 'odoo_events_denied_total' AND labels ->> 'role' = 'clerk'}), '>=', 5, 'refusals are counted');
	ok($node->log_contains(qr/refused to role "clerk" by its policy/), 'and logged');
};

subtest 'consumers and applications stay inside' => sub {
	sql(q{SELECT odoo_events.set_policy('partner', may => '{consume}', subscriptions => '{partner_a}'); SELECT odoo_events.arm()});
	my ($out, $err) = as('partner', q{SELECT count(*) FROM odoo_events.fetch('partner_a')});
	is($err, '', 'its own subscription is fetched');
	($out, $err) = as('partner', q{SELECT count(*) FROM odoo_events.fetch('partner_b')});
	like($err, qr/42501/, "another partner's is not");
	sql(q{SELECT odoo_events.set_policy('machine', may => '{publish}', types => '{acme.plant.*}')});
	($out, $err) = as('machine', q{SELECT odoo_events.emit('acme.plant.machine.stopped.v1', 'm/1', '{}') IS NOT NULL});
	is($out, 't', 'its own types are emitted');
	($out, $err) = as('machine', q{SELECT odoo_events.emit('acme.sales.order.faked.v1', 'm/1', '{}')});
	like($err, qr/42501.*does not allow to publish/s, 'others are not');
};
$node->stop;
done_testing();
