# Whatever a human can mend is told by health(), and its hint does it: each is executed here as it stands.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('health', "odoo_events.restart_delay = '200ms'\nodoo_events.connect_timeout = '2s'\n");
my $db = 'plant';
my $receiver = OdooEvents->receiver;
OdooEvents->load($node, $db, 'odoo19');

# What health() says of a check: status, detail, hint
sub health
{
	my ($check) = @_;
	return split /\|/, $node->safe_psql($db, qq{SELECT status, detail, hint FROM odoo_events.health() WHERE "check" = '$check' ORDER BY status LIMIT 1});
}

# Waits until it says $status of $check with a detail like $like; answers the hint.
sub told
{
	my ($check, $status, $like) = @_;
	my @said;
	OdooEvents::Receiver::wait_until(sub { @said = health($check); ($said[0] // '') eq $status && $said[1] =~ $like }, "health() says $status, $like of $check");
	like($said[1], $like, "$check: is told") or diag "@said";
	return $said[2];
}

# Runs a hint as somebody would who pastes it into psql.
sub paste
{
	my ($hint) = @_;
	my ($status, $out, $err) = $node->psql($db, $hint);
	is($status, 0, "pasted: $hint") or diag $err;
	return $out;
}
sub mends
{
	my ($check, $status, $like) = @_;
	my $out = paste(told($check, $status, $like));
	told($check, 'ok', qr/./);
	return $out;
}
sub shows
{
	my ($check, $status, $like, $what) = @_;
	like(paste(told($check, $status, $like)), $what, "$check: the hint shows it");
	return;
}
sub event { $node->safe_psql($db, q{SELECT odoo_events.emit('test.plant.thing.done.v1', 'thing/1', '{}')}); return }

# The database
mends('arming', 'critical', qr/never armed/);
mends('capture', 'critical', qr/no entity/);
paste(told('subscriptions', 'warn', qr/nobody/));
is($node->safe_psql($db, q{SELECT count(*) FROM odoo_events.health() WHERE "check" = 'subscriptions'}), 0, 'now somebody does');
$node->safe_psql($db, q{SELECT odoo_events.unsubscribe(name) FROM odoo_events.subscription; SELECT odoo_events.disarm()});
mends('arming', 'critical', qr/disarmed/);
$node->safe_psql($db, q{INSERT INTO ir_config_parameter (key, value) VALUES ('database.is_neutralized', 'true')});
shows('arming', 'critical', qr/neutralized/, qr/\|f\|/);
$node->safe_psql($db, q{DELETE FROM ir_config_parameter WHERE key = 'database.is_neutralized'});
told('arming', 'ok', qr/./);
$node->safe_psql($db, q{ALTER TABLE stock_picking DISABLE TRIGGER odoo_events_capture});
mends('capture', 'critical', qr/stock_picking is not captured/);
$node->safe_psql($db, q{INSERT INTO odoo_events.capture_gap VALUES ('1', 'stock_picking', 'stock_picking'::regclass, now(), 3, 'no room')});
shows('gaps', 'critical', qr/3 changes/, qr/stock_picking\|3\|no room/);
$node->safe_psql($db, q{INSERT INTO odoo_events.quarantined (change_id, xid, at, rule, relid, op, new, key, entity, reason, attempts)
	VALUES (0, '3', now(), 'platform', 0, 'E', '{"type":"test.plant.thing.done.v1","subject":"s","key":"k","data":{}}', 'k', 'thing', 'a table was away', 1)});
mends('quarantine', 'warn', qr/1 changes.*a table was away/);
$node->safe_psql($db, q{BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION 'forgotten'});
like(paste($node->safe_psql($db, 'SELECT hint FROM odoo_events._health_journal(0)')), qr/^forgotten\|/m, 'journal: who may hold it');
$node->safe_psql($db, q{ROLLBACK PREPARED 'forgotten'});
like(paste($node->safe_psql($db, 'SELECT hint FROM odoo_events._health_journal(0)')), qr/./, 'journal: else the worker');

# a worker that does not get on: what was committed meanwhile waits
my $stuck = $node->safe_psql($db, 'SELECT pid FROM odoo_events.worker_status');
kill 'STOP', $stuck;
event();
ok($node->poll_query_until($db, q{SELECT status = 'warn' AND detail LIKE 'publishing lags by %' FROM odoo_events._health_worker('0')}), 'publishing lags: is told');
paste($node->safe_psql($db, q{SELECT hint FROM odoo_events._health_worker('0')}));
like($node->safe_psql($db, q{SELECT prosrc FROM pg_proc WHERE oid = 'odoo_events.health'::regproc}), qr{^ *\$c\$worker\('1 minute'\)\$c\$,}m, 'after a minute');
cmp_ok($node->safe_psql($db, q{SELECT value FROM odoo_events.metrics() WHERE name = 'odoo_events_publish_lag_seconds'}), '>', 0, 'metrics show it');
kill 'CONT', $stuck;
told('worker', 'ok', qr/./);

# Endpoints.  One subscription at a time, so that the check is its own.
sub subscribed
{
	my ($name, $more) = @_;
	my $secret = $node->safe_psql($db, qq{SELECT odoo_events.subscribe('$name', '} . $receiver->url("/$name") . qq{', allow_networks => '{127.0.0.0/8}'} . ($more // '') . ')');
	return $secret;
}
sub gone { my ($name) = @_; $node->safe_psql($db, "SELECT odoo_events.unsubscribe('$name')"); $receiver->misbehave(); return }

my $secret = subscribed('stranger');
event();
my $hint = told('subscription stranger', 'critical', qr/answers 401: it does not accept our signature/);
$receiver->knows($secret, '/stranger');
paste($hint);
told('subscription stranger', 'ok', qr/active, 0 events/);
$receiver->misbehave({ path => '^/stranger', status => 404 });
event();
$hint = told('subscription stranger', 'critical', qr{answers 404: nothing takes events at http://127});
$receiver->misbehave();
paste($hint);
told('subscription stranger', 'ok', qr/active, 0 events/);
$receiver->misbehave({ path => '^/stranger', status => 500 });
event();
$hint = told('subscription stranger', 'warn', qr/answers 500/);
$receiver->misbehave();
paste($hint);
told('subscription stranger', 'ok', qr/active, 0 events/);
$receiver->misbehave({ path => '^/stranger', status => 410 });
event();
$hint = told('subscription stranger', 'critical', qr/disabled since .*410/);
$receiver->misbehave();
paste($hint);
told('subscription stranger', 'ok', qr/active, 0 events/);
$receiver->misbehave({ path => '^/stranger', status => 400, headers => { 'webhook-delivery' => 'abort-message' }, times => 1 });
event();
mends('subscription stranger', 'warn', qr/1 dead letters/);
gone('stranger');

subscribed('down');
$receiver->knows($node->safe_psql($db, q{SELECT odoo_events.set_secret('down')}), '/down');
$receiver->stop;
event();
$hint = told('subscription down', 'warn', qr/does not answer/);
$receiver->start;
paste($hint);
told('subscription down', 'ok', qr/active, 0 events/);
# a backup carries no secrets
$node->safe_psql($db, q{DELETE FROM odoo_events.subscription_secret; UPDATE odoo_events.subscription_config SET version = version + 1; SELECT odoo_events._wake('config')});
$hint = told('subscription down', 'critical', qr/no secret/);
$receiver->knows(paste($hint), '/down');
event();
told('subscription down', 'ok', qr/active, 0 events/);
# the network it may be in was taken away
$node->safe_psql($db, q{UPDATE odoo_events.subscription_config SET allow_networks = '{}', version = version + 1; SELECT odoo_events._wake('config')});
event();
mends('subscription down', 'warn', qr/address is outside allow_networks/);
# an answer that does not come
$receiver->misbehave({ path => '^/down', hold => JSON::PP::true });
event();
ok($node->poll_query_until($db, q{SELECT in_flight = 1 FROM odoo_events.subscription_status WHERE name = 'down'}), 'a request is held');
$node->safe_psql($db, q{UPDATE odoo_events.outbox_0 SET recordedtime = now() - interval '1 hour' WHERE position = odoo_events._last_position()});
shows('subscription down', 'warn', qr/1 events behind, the oldest by 01:0/, qr/^down\|/);
$receiver->misbehave();
told('subscription down', 'ok', qr/active, 0 events/);
$node->safe_psql($db, q{SELECT odoo_events.pause('down'); UPDATE odoo_events.subscription_config SET state_since = now() - interval '2 days'});
event();
mends('subscription down', 'warn', qr/paused since/);
# what runs out
$node->safe_psql($db, q{SELECT odoo_events.rotate_secret('down', '1h')});
shows('subscription down', 'warn', qr/old secret ends/, qr/^down\|20/);
$node->safe_psql($db, q{UPDATE odoo_events.subscription_config SET overlap_until = NULL, tls_expires_at = now() + interval '3 days'});
shows('subscription down', 'warn', qr/certificate or token expires/, qr/^down\|20/);
$node->safe_psql($db, q{UPDATE odoo_events.subscription_config SET tls_expires_at = now() - interval '3 days'});
shows('subscription down', 'critical', qr/has expired/, qr/^down\|20/);
gone('down');

$node->safe_psql($db, q{SELECT odoo_events.subscribe('nowhere', 'https://no-such-host.invalid/x')});
event();
paste(told('subscription nowhere', 'warn', qr/name is unknown/));
gone('nowhere');

# A certificate that nobody vouches for, until somebody does
my $dir = PostgreSQL::Test::Utils::tempdir;
system_or_bail('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1',
	'-keyout', "$dir/key.pem", '-out', "$dir/cert.pem");
my $tls = OdooEvents->receiver('python', '--cert', "$dir/cert.pem", '--key', "$dir/key.pem");
(my $url = $tls->url('/tls')) =~ s/^http:/https:/;
$tls->knows($node->safe_psql($db, qq{SELECT odoo_events.subscribe('tls', '$url', allow_networks => '{127.0.0.0/8}')}));
event();
$hint = told('subscription tls', 'warn', qr/certificate is refused/);
$node->append_conf('postgresql.conf', "odoo_events.ca_file = '$dir/cert.pem'");
$node->reload;
ok($node->poll_query_until($db, q{SELECT current_setting('odoo_events.ca_file') <> ''}), 'the certificate is known');
paste($hint);
told('subscription tls', 'ok', qr/active, 0 events/);
gone('tls');

# The server
SKIP:
{
	skip 'this release loads any output plugin', 1
	  if $node->safe_psql($db, q{SELECT current_setting('output_plugin_libraries', true) IS NULL}) eq 't';
	$node->safe_psql($db, q{ALTER SYSTEM SET output_plugin_libraries = pgoutput, odoo_events});
	$node->reload;
	ok($node->poll_query_until($db, q{SELECT current_setting('output_plugin_libraries') LIKE '%odoo_events'}), 'the output plugin is allowed');
	$node->safe_psql($db, q{SELECT pg_create_logical_replication_slot('lake', 'odoo_events')});
	told('output plugin', 'ok', qr/1 repl/);
	$node->safe_psql($db, q{ALTER SYSTEM SET output_plugin_libraries = pgoutput});
	$node->reload;
	mends('output plugin', 'critical', qr/does not name odoo_events/);
	$node->safe_psql($db, q{SELECT pg_drop_replication_slot('lake')});
}
$node->safe_psql($db, 'ALTER ROLE odoo SUPERUSER');
mends('owner', 'warn', qr/role odoo, a superuser/);
$node->safe_psql($db, 'ALTER DATABASE plant OWNER TO postgres');
shows('owner', 'warn', qr/role postgres, a superuser/, qr/^odoo\|f$/m);
$node->safe_psql($db, 'ALTER DATABASE plant OWNER TO odoo');
told('owner', 'ok', qr/odoo/);

sub end_worker { $node->safe_psql($db, q{SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type = 'odoo_events worker'}); return }
$node->safe_psql($db, q{ALTER SYSTEM SET odoo_events.databases = 'another, "and one more"'});
$node->reload;
end_worker();
mends('worker', 'critical', qr/no worker runs/);
$node->safe_psql($db, 'ALTER TABLE odoo_events.command RENAME TO hidden');
$node->safe_psql($db, q{SELECT odoo_events._wake('config')});
shows('worker', 'critical', qr/a step of the worker fails: delivering: relation "odoo_events.command" does not exist/, qr/delivering/);
$node->safe_psql($db, 'ALTER TABLE odoo_events.hidden RENAME TO command');
$node->safe_psql($db, 'ALTER ROLE odoo NOLOGIN');
end_worker();
paste(told('worker', 'critical', qr/cannot log in/));
$node->restart;
told('worker', 'ok', qr/./);
$node->safe_psql($db, 'ALTER SYSTEM SET max_worker_processes = 2');
$node->restart;
paste(told('worker', 'critical', qr/max_worker_processes|no worker runs/));
$node->restart;
told('worker', 'ok', qr/./);
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->restart;
paste(told('worker', 'critical', qr/not in shared_preload_libraries/));
$node->restart;
told('worker', 'ok', qr/./);
is($node->safe_psql($db, q{SELECT string_agg("check", ',') FROM odoo_events.health() WHERE status <> 'ok'}), 'gaps,subscriptions', 'nothing else is wrong');
$node->stop;
done_testing();
