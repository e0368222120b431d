# The configuration as a document: exported, compared, applied and rolled back.  Random configurations are compared with what was exported
# then, byte for byte; what a change would have done is counted by another statement; a subscription that is dropped and brought back loses
# nothing at its receiver.
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
my $node = OdooEvents->node('configuration');
my $receiver = OdooEvents->receiver;
OdooEvents->load($node, 'plant', 'odoo19');
OdooEvents->load($node, 'other', 'odoo19');
$node->safe_psql('plant', 'SELECT odoo_events.attach()');

sub sql { my ($q, $db) = @_; return $node->safe_psql($db // 'plant', $q) }
sub fails
{
	my ($q) = @_;
	my ($ret, $out, $err) = $node->psql('plant', "\\set VERBOSITY verbose\n$q");
	return $err;
}
sub pick { return $_[ int(rand(@_)) ] }
sub maybe { return rand() < 0.5 ? $_[0] : () }

# ---- random changes by hand ----

my @names = ('wms', 'tms', 'lake', 'erp');
my %things = (
	subscribe => sub {
		my $n = pick(@names);
		return "odoo_events.subscribe('$n', 'https://203.0.113.7/$n', or_replace => true"
		  . join('', map { ", $_" } maybe("types => '{odoo.logistics.*}'"), maybe("filter => '\$.data.transfer.priority == \"1\"'"),
			maybe("companies => '{" . int(rand(3) + 1) . "}'"), maybe("batch_size => 5, format => 'batch'"), maybe("retry_schedule => '{5s,1min}'"),
			maybe("headers => '{\"X-Key\": \"a\", \"X-B\": \"b\"}'"), maybe("auth => '{\"type\": \"bearer\", \"token\": \"t\"}'"), maybe("expire_after => '1 day'"),
			maybe("allow_networks => '{10.0.0.0/8,192.168.0.0/16}'"), maybe("owner => 'A \${b} \"c\"'"), maybe("rate_limit => 2.5")) . ')';
	},
	alter => sub {
		my $n = pick(@names);
		return "odoo_events.alter_subscription(name, "
		  . pick("timeout => '" . int(rand(60) + 1) . "s'", "companies => '{}'", "warehouses => '{1,2}'", "filter => 'true'", "headers => '{}'", "headers => '{\"X-New\": \"n\"}'",
			"auth => '{}'", "dry_run => true", "shared_rows => false", "contact => '\$\$\${x}'") . ") FROM odoo_events.subscription WHERE name = '$n'";
	},
	unsubscribe => sub { return "odoo_events.unsubscribe(name) FROM odoo_events.subscription WHERE name = '" . pick(@names) . "'" },
	pulled => sub { return "odoo_events.subscribe('pull', NULL, types => '{odoo.*}', or_replace => true" . join('', map { ", $_" } maybe("warehouses => '{1}'"), maybe("owner => 'x'")) . ')' },
	switch => sub { return 'odoo_events.' . pick('enable', 'disable') . "_event('odoo.inventory.stock_move.shipped.v1')" },
	define => sub { return q{odoo_events.define_event('acme.logistics.transfer.urgent.v1', 'transfer', '$.new.priority == "} . pick('0', '1') . q{"', or_replace => true, owner => 'me')} },
	undefine => sub { return q{odoo_events.drop_event(type) FROM odoo_events.event_type WHERE type = 'acme.logistics.transfer.urgent.v1'} },
	policy => sub { return "odoo_events.set_policy('odoo'" . join('', map { ", $_" } maybe("may => '{read,operate}'"), maybe("companies => '{1,2}'"), maybe("types => '{odoo.logistics.*}'")) . ')' },
	free => sub { return "odoo_events.drop_policy(role) FROM odoo_events.policy" },
	calendar => sub { return "odoo_events.define_calendar('" . pick('early', 'late') . "', 'Europe/Brussels', '{\"mon\": [\"0" . pick(6, 7) . ":00-22:00\"]}'" . join('', map { ", $_" } maybe("holidays => '{2026-12-25}'")) . ')' },
	sla => sub { return "odoo_events.define_sla('ship', '{odoo.sales.sales_order.confirmed.v1}', '{odoo.logistics.shipment.dispatched.v1}', or_replace => true"
		  . join('', map { ", $_" } maybe("within => '1 day 2 h'"), maybe("companies => '{1,2}'"), maybe("filter => '\$.data.sales_order.id > 7'"), maybe("objective => 0.95")) . ')' },
	comparison => sub { return "odoo_events.define_comparison('old', name, key => '\$.data.transfer.name', or_replace => true" . join('', map { ", $_" } maybe("tolerance => '90 s'"), maybe("fields => '{\"a\": \"\$.data.a\"}'"))
		  . ") FROM odoo_events.subscription ORDER BY name LIMIT 1" },
	care => sub { return "odoo_events.set_care(types => '{odoo.logistics.*}', owner => '" . pick('Ann', 'Bob', '') . "', criticality => " . int(rand(3) + 1) . ')' },
);
my @history;
my $note = sub { push @history, [ split /\|/, sql(q{SELECT (SELECT max(revision) FROM odoo_events.config_revision), odoo_events.config_hash(), odoo_events.config_export()::text}), 3 ] };

subtest 'random configurations' => sub {
	my @wrong;
	sql(q{SELECT odoo_events.subscribe('wms', 'https://203.0.113.7/wms')});
	$note->();
	foreach my $step (1 .. ($ENV{ROUNDS} // 25))
	{
		my $kind = pick(sort keys %things);
		my $statement = 'SELECT ' . $things{$kind}->();
		my ($ret, $out, $err) = $node->psql('plant', $statement);
		push @wrong, "$statement: $err" if $ret != 0 && $err !~ /has not all of its secrets|both set Authorization/;
		$note->() if sql('SELECT max(revision) FROM odoo_events.config_revision') != $history[-1][0];
		push @wrong, "after $statement: applying the export is no no-op"
		  if sql('SELECT odoo_events.config_apply(odoo_events.config_export(), prune => true)') ne '0';
		my ($recorded, $is) = split /\|/, sql('SELECT (SELECT r.config::text FROM odoo_events.config_revision r ORDER BY revision DESC LIMIT 1) = odoo_events._export(NULL)::text, 1');
		push @wrong, "after $statement: the revision is another configuration" if $recorded ne 't';
		next if @history < 3 || rand() < 0.7;

		# back to any of them
		my $to = pick(@history);
		($ret, $out, $err) = $node->psql('plant', "SELECT action FROM odoo_events.config_rollback($to->[0], dry_run => false)");
		push @wrong, "rollback to $to->[0]: $err" if $ret != 0;
		my $now = sql('SELECT odoo_events.config_export()::text');
		push @wrong, "rollback to $to->[0] gives\n$now\ninstead of\n$to->[2]" if $ret == 0 && $now ne $to->[2];
		push @wrong, "the hash after a rollback to $to->[0]" if $ret == 0 && sql('SELECT odoo_events.config_hash()') ne $to->[1];
		$note->() if sql('SELECT max(revision) FROM odoo_events.config_revision') != $history[-1][0];
	}
	is_deeply(\@wrong, [], "export, apply and rollback agree, SEED=$seed");
	cmp_ok(scalar(@history), '>', 5, scalar(@history) . ' revisions');

	my $export = sql('SELECT odoo_events.config_export()::text');
	unlike($export, qr/whsec|"token"/, 'no secret is exported');
	$node->safe_psql('other', "SELECT odoo_events.attach(); SELECT odoo_events.config_apply(\$x\$$export\$x\$, dry_run => false)");
	is(sql('SELECT odoo_events.config_export()::text', 'other'), $export, 'another database becomes the same');
	is(sql('SELECT odoo_events.config_apply(odoo_events.config_export(), prune => true)', 'other'), '0', 'and there is nothing left to do');
};

subtest 'a subscription is exported with all that it was given' => sub {
	is(sql(q{SELECT string_agg(a, ' ' ORDER BY a) FROM pg_proc p, unnest(p.proargnames) a WHERE p.oid = 'odoo_events.subscribe'::regproc AND NOT odoo_events._subscription_defaults() ? a}),
		'name or_replace secret start_from', 'but for what is about the call');
};

subtest 'the effect of a change is counted in the outbox' => sub {
	sql(q{SELECT odoo_events.config_apply('{"subscription": {}, "policy": {}, "definition": {}, "care": {}, "sla": {}, "calendar": {}, "comparison": {}}', dry_run => false, prune => true)});
	is(sql('SELECT count(*) FROM odoo_events.subscription'), '0', 'prune removes what is not named');
	OdooEvents->replay($node, 'plant', 'odoo19-sales');
	ok($node->poll_query_until('plant', 'SELECT odoo_events._last_position() > 60'), 'events are there');
	sql(q{SELECT odoo_events.subscribe('wms', 'https://203.0.113.7/x', types => '{odoo.logistics.*}')});
	my $wanted = q{jsonb_set(odoo_events.config_export('{subscription}'), '{subscription,wms,warehouses}', '[1]')};
	my ($all, $not) = split /\|/, sql(q{SELECT count(*), count(*) FILTER (WHERE warehouse_id IS DISTINCT FROM 1) FROM odoo_events.outbox
		WHERE type LIKE 'odoo.logistics.%' AND recordedtime > now() - interval '1 day'});
	my $effect = sql("SELECT effect FROM odoo_events.config_diff($wanted)");
	like($effect, $not > 0 ? qr/would have kept back $not of $all events of the last day/ : qr/no difference for $all events/, "$effect");
	is(sql(qq{SELECT kind, name, action, path, is_now, wanted FROM odoo_events.config_diff($wanted)}), 'subscription|wms|change|warehouses||[1]', 'and named member by member');
	like(sql(q{SELECT effect FROM odoo_events.config_diff('{"subscription": {}}')}), qr/would have kept back $all of $all events.*kept for 7 days/, 'dropping it keeps all back');
	like(sql(q{SELECT effect FROM odoo_events.config_diff(jsonb_set(odoo_events.config_export('{subscription}'), '{subscription,wms,companies}', '[77]'))}),
		qr/would have kept back \d+ of $all/, 'another company');
	is(sql("SELECT odoo_events.config_apply($wanted)"), '1', 'a dry run counts');
	is(sql(q{SELECT warehouses IS NULL FROM odoo_events.subscription}), 't', 'and changes nothing');
};

subtest 'what was looked at is what is changed' => sub {
	my $hash = sql('SELECT odoo_events.config_hash()');
	sql(q{SELECT odoo_events.alter_subscription('wms', timeout => '9s')});
	like(fails(qq{SELECT odoo_events.config_apply(odoo_events.config_export(), dry_run => false, expect => '$hash')}), qr/40001.*no longer the one/s, 'a stale hash is refused');
	$hash = sql('SELECT odoo_events.config_hash()');
	is(sql(qq{SELECT odoo_events.config_apply('{"subscription": {"wms": {"url": "https://203.0.113.8/y"}}}', dry_run => false, expect => '$hash', note => 'ticket 4711')}), '1', 'the right one is not');
	is(sql('SELECT note FROM odoo_events.config_revision ORDER BY revision DESC LIMIT 1'), 'ticket 4711', 'the note is in the revision');
	like(fails(q{SELECT odoo_events.config_apply('{"subscription": {"wms": {"url": "https://203.0.113.8/y", "urls": 1}}}')}), qr/unknown member "urls"/, 'an unknown member is refused');
	like(fails(q{SELECT odoo_events.config_apply('{"subscriptions": {}}')}), qr/no kind of configuration "subscriptions"/, 'and an unknown kind');
	like(fails(q{SELECT odoo_events.config_apply('{"subscription": {"bad": {"url": "https://127.0.0.1/y"}}}')}), qr/allow_networks/, 'a dry run finds what would be refused');
};

subtest 'environments' => sub {
	like(fails(q{SELECT odoo_events.config_apply('{"subscription": {"wms": {"url": "${wms_url}"}}}')}), qr/42704.*names \$\{wms_url\}/s, 'a value that is missing is named');
	$node->append_conf('postgresql.conf', "odoo_events.environment = 'test'");
	$node->reload;
	ok($node->poll_query_until('plant', q{SELECT NOT armed AND reason ~ 'another environment' FROM odoo_events.arming}), 'another environment disarms');
	sql('SELECT odoo_events.arm()');
	is(sql('SELECT armed FROM odoo_events.arming'), 't', 'until arm() notes it');
	sql(q{SELECT odoo_events.set_environment('test', '{"wms_url": "https://203.0.113.9/test", "plant_companies": [1, 2]}')});
	sql(q{SELECT odoo_events.config_apply('{"subscription": {"wms": {"url": "${wms_url}/hook", "companies": "${plant_companies}"}}}', dry_run => false)});
	is(sql('SELECT url, companies FROM odoo_events.subscription'), 'https://203.0.113.9/test/hook|{1,2}', 'values take their places');
	is(sql(q{SELECT odoo_events.config_export('{subscription}')}), '{"subscription": {"wms": {"url": "${wms_url}/hook", "companies": "${plant_companies}"}}}', 'and are named in an export');
	is(sql('SELECT odoo_events.config_apply(odoo_events.config_export())'), '0', 'which is what there is');
};

subtest 'a subscription that is dropped and brought back loses nothing' => sub {
	my $done = q{SELECT lag_events = 0 FROM odoo_events.subscription_status WHERE name = 'kept'};
	my $toggle = q{UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id = 1};
	$receiver->subscribe($node, 'plant', 'kept', '/kept', q{types => '{odoo.*}', start_from => 'earliest'});
	ok($node->poll_query_until('plant', $done), 'it has all');
	my $revision = sql('SELECT max(revision) FROM odoo_events.config_revision');
	$receiver->misbehave({ path => '/kept', status => 503, times => 1000 });
	sql($toggle);
	ok($node->poll_query_until('plant', q{SELECT blocked_keys > 0 FROM odoo_events.subscription_status WHERE name = 'kept'}), 'one waits');
	sql(q{SELECT odoo_events.unsubscribe('kept')});
	sql($toggle);
	$receiver->misbehave({ path => '/kept', status => 204, times => 1000000 });
	my $answer = sql("SELECT kind, name, action FROM odoo_events.config_rollback($revision, dry_run => false) WHERE name = 'kept'");
	is($answer, 'subscription|kept|create', 'the rollback says so');
	sql(q{SELECT odoo_events.retry_now('kept')});
	ok($node->poll_query_until('plant', $done), 'it goes on');
	my %count;
	$count{ $_->{id} }++ foreach $receiver->events('/kept');
	my @missing = grep { !$count{$_} } split /\n/, sql(q{SELECT id FROM odoo_events.outbox WHERE type !~ '^odoo[.]platform'});
	is_deeply(\@missing, [], 'every event arrived');
	is_deeply([ $receiver->problems('/kept') ], [], 'signed by the same secret, in order');
};

subtest 'a rollback says what was passed over' => sub {
	my $revision = sql('SELECT max(revision) FROM odoo_events.config_revision');
	my $before = sql('SELECT odoo_events._last_position()');
	sql(q{SELECT odoo_events.alter_subscription('kept', types => '{odoo.nothing.*}')});
	sql(q{UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id = 1});
	ok($node->poll_query_until('plant', qq{SELECT odoo_events._last_position() > $before AND position = odoo_events._last_position() FROM odoo_events.subscription_status WHERE name = 'kept'}), 'passed');
	my $missed = sql(qq{SELECT count(*) FROM odoo_events.outbox WHERE position > $before AND type !~ '^odoo[.]platform'});
	is(sql("SELECT passed_over, next FROM odoo_events.config_rollback($revision, dry_run => false) WHERE name = 'kept' AND path = 'types'"),
		"$missed|SELECT odoo_events.replay('kept', missed => true);", 'it counts them, and gives the statement');
};

subtest 'the worker waits for nobody who changes the configuration' => sub {
	my $holder = $node->background_psql('plant');
	$holder->query_safe('BEGIN');
	$holder->query_safe('SELECT odoo_events._lock_config()');
	$receiver->misbehave({ path => '/kept', status => 410, times => 1 });
	sql(q{UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id = 1});
	ok($node->poll_query_until('plant', q{SELECT state = 'disabled' FROM odoo_events.subscription WHERE name = 'kept'}), 'it disables a subscription meanwhile');
	$holder->query_safe('COMMIT');
	$holder->quit;
	is(sql(q{SELECT count(*) FROM odoo_events.config_revision WHERE config::text ~ 'disabled'}), '0', 'which is in no revision');
};

subtest 'a transaction that changes many subscriptions is one revision, with all of them' => sub {
	my $before = sql('SELECT max(revision) FROM odoo_events.config_revision');
	sql(q{BEGIN; SELECT odoo_events.subscribe('many' || i, NULL) FROM generate_series(1, 20) i; SELECT odoo_events.alter_subscription('many1', priority => 7); COMMIT});
	is(sql('SELECT max(revision) FROM odoo_events.config_revision'), $before + 1, 'one revision');
	is(sql('SELECT hash = odoo_events.config_hash() FROM odoo_events.config_revision ORDER BY revision DESC LIMIT 1'), 't', 'of what there is now');
	sql(q{BEGIN; SELECT odoo_events.alter_subscription('many1', priority => 6); SET CONSTRAINTS ALL IMMEDIATE; SELECT odoo_events.alter_subscription('many1', priority => 5); COMMIT});
	is(sql('SELECT hash = odoo_events.config_hash() FROM odoo_events.config_revision ORDER BY revision DESC LIMIT 1'), 't', 'also where constraints are looked at in between');
	sql(q{SELECT odoo_events.unsubscribe('many' || i) FROM generate_series(1, 20) i});
	is(sql('SELECT hash = odoo_events.config_hash() FROM odoo_events.config_revision ORDER BY revision DESC LIMIT 1'), 't', 'and when they are gone');
};

subtest 'revisions and policies are in a dump' => sub {
	$node->safe_psql('postgres', 'CREATE DATABASE restored OWNER odoo');
	sql(q{SELECT odoo_events.set_policy('odoo', companies => '{1}')});
	my $dump = $node->basedir . '/dump.sql';
	$node->command_ok([ 'pg_dump', '-f', $dump, '-d', $node->connstr('plant') ], 'dumped');
	$node->command_ok([ 'psql', '-qX', '-f', $dump, '-d', $node->connstr('restored') ], 'restored');
	is(sql('SELECT odoo_events._export(NULL)::text', 'restored'), sql('SELECT odoo_events._export(NULL)::text'), 'the configuration is the same');
	is(sql('SELECT max(revision), count(*) FROM odoo_events.config_revision', 'restored'), sql('SELECT max(revision), LEAST(count(*), 100) FROM odoo_events.config_revision'), 'its revisions, too');
	is(sql('SELECT count(*) FROM odoo_events.environment_setting', 'restored'), '0', 'but no environment');
};
$node->stop;
done_testing();
