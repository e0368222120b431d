# once: what is written where does not depend on PostgreSQL's version
# Secrets in logs that say everything, statistics, views, dumps and the WAL as others read it: nowhere.  The DBA's own statements are
# the one exception, and docs/security.md says how to keep them out; that is what is done here.  What the worker needs no more is not in its
# own memory either.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use MIME::Base64;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('secrets', "odoo_events.restart_delay = '200ms'\n");
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'odoo_events, pg_stat_statements'\npg_stat_statements.track = all\n");
$node->restart;
my $receiver = OdooEvents->receiver;
my $db = 'plant';
OdooEvents->load($node, $db, 'odoo19');
$node->safe_psql($db, q{CREATE EXTENSION pg_stat_statements; CREATE SCHEMA statements; ALTER EXTENSION pg_stat_statements SET SCHEMA statements;
  SELECT odoo_events.attach(); SELECT pg_create_logical_replication_slot('others', 'test_decoding'); CREATE PUBLICATION everything FOR ALL TABLES});

# the log says all it can
$node->append_conf('postgresql.conf', <<CONF);
log_min_messages = debug5
log_statement = all
log_min_duration_statement = 0
log_parameter_max_length_on_error = -1
log_error_verbosity = verbose
debug_print_parse = on
debug_print_rewritten = on
debug_print_plan = on
log_executor_stats = on
log_temp_files = 0
log_lock_waits = on
log_connections = on
CONF
$node->reload;

# A statement with a secret in it, as docs/security.md says
my ($quiet) = slurp_file("$FindBin::RealBin/../../docs/security.md") =~ /^(PGOPTIONS=.*?) psql/m;
ok($quiet, 'docs/security.md says how');
my ($options) = ($quiet // '') =~ /^PGOPTIONS='(.*)'$/;
sub quietly
{
	my ($sql) = @_;
	local $ENV{PGOPTIONS} = $options;
	return $node->safe_psql($db, $sql);
}
my $port = $receiver->{port};
my $seed = encode_base64(join('', map { chr(33 + $_) } 0 .. 31), '');
my @secrets = ('h3ader-s3cret', "whsec_$seed");
my $generated = quietly(qq{SELECT odoo_events.subscribe('wms', 'http://127.0.0.1:$port/wms', allow_networks => '{127.0.0.0/8}', headers => '{"X-Key": "h3ader-s3cret"}')});
quietly(qq{SELECT odoo_events.subscribe('down', 'http://127.0.0.1:1/x', allow_networks => '{127.0.0.0/8}', headers => '{"Authorization": "Bearer h3ader-s3cret"}', secret => 'whsec_$seed')});
my $rotated = quietly(q{SELECT odoo_events.rotate_secret('wms')});
$receiver->knows($rotated, '/wms');
$receiver->knows($generated, '/wms');
quietly(qq{SELECT odoo_events.subscribe('signed', 'http://127.0.0.1:$port/signed', allow_networks => '{127.0.0.0/8}', signature => 'ed25519')});
push @secrets, $generated, $rotated;

# what others give to be let in: passwords, tokens, the client of a token endpoint and what that answers, keys of TLS and of signatures
my $json = JSON::PP->new->canonical;
my $dir = PostgreSQL::Test::Utils::tempdir;
run_command([ 'openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=plant', '-days', '2', '-keyout', "$dir/key", '-out', "$dir/cert" ]);
my $key = slurp_file("$dir/key");
my $pair = encode_base64(join('', map { chr(65 + $_) } 0 .. 31), '');
my $local = q{allow_networks => '{127.0.0.0/8}'};
sub given { my ($name, $url, $more) = @_; return quietly("SELECT odoo_events.subscribe('$name', '$url', $local, $more)") }
given('basic', $receiver->url('/basic'), q{auth => '{"type": "basic", "username": "odoo", "password": "b4sic-p4ssword"}'});
given('bearer', $receiver->url('/bearer'), q{auth => '{"type": "bearer", "token": "b3arer-t0ken"}'});
given('oauth', $receiver->url('/oauth'), sprintf q{auth => '{"type": "oauth2", "token_url": "%s", "client_id": "client", "client_secret": "s3cret of the client"}'}, $receiver->url('/token'));
given('mutual', "https://127.0.0.1:1/x", "tls => '" . $json->encode({ cert => slurp_file("$dir/cert"), key => $key }) . q{'});
given('pair', $receiver->url('/pair'), "signature => 'ed25519', secret => 'whsk_$pair'");
given('gone', $receiver->url('/gone-soon'), q{auth => '{"type": "bearer", "token": "g0ne-t0ken"}', headers => '{"X-Key": "g0ne-h3ader"}', secret => 'whsec_Z29uZS1zM2NyZXQtZ29uZS1zM2NyZXQtZ29uZS1zM2M='});
push @secrets, 'b4sic-p4ssword', encode_base64('odoo:b4sic-p4ssword', ''), 'b3arer-t0ken', 's3cret of the client', 's3cret%20of%20the%20client', 'acc3ss-t0ken',
  "whsk_$pair", (split /\n/, $key)[ 5, 12 ], 'g0ne-t0ken', 'g0ne-h3ader', 'whsec_Z29uZS1zM2NyZXQtZ29uZS1zM2NyZXQtZ29uZS1zM2M=';

# a receiver that repeats what it was sent, one that is not there, and statements that fail
$receiver->misbehave({ path => '^/wms$', status => 500, body => 'you sent X-Key: h3ader-s3cret', times => 2 },
	{ path => '^/token', token => 'acc3ss-t0ken', times => 1 }, { path => '^/basic', status => 401, body => 'no: b4sic-p4ssword', times => 2 },
	{ path => '^/bearer', status => 401, body => 'no: b3arer-t0ken', times => 2 }, { path => '^/oauth', status => 500, body => 'no: acc3ss-t0ken', times => 1 });
$node->safe_psql($db, q{SELECT odoo_events.emit('test.plant.thing.done.v1', 'thing/' || i, '{}') FROM generate_series(1, 8) i});
$node->safe_psql($db, q{SELECT odoo_events.ping('wms'); SELECT odoo_events.retry_now('wms')});
$receiver->wait_for(sub { grep({ $_->{status} == 204 } @_) > 5 }, 'events arrive', '/wms');
$receiver->wait_for(sub { @_ > 0 }, "signed with a key pair as well", "/signed");
ok($node->poll_query_until($db, q{SELECT failed_total > 0 FROM odoo_events.subscription_status WHERE name = 'down'}), 'and others fail');
$receiver->wait_for(sub { @_ > 1 }, "asked with each: $_", "/$_") foreach qw(basic bearer oauth pair gone-soon);
is(scalar(grep { ($_->{headers}{authorization} // '') eq 'Bearer acc3ss-t0ken' } $receiver->ledger('/oauth')) > 0, 1, 'with the token that was given');
foreach my $sql ('INSERT INTO odoo_events.subscription_secret SELECT * FROM odoo_events.subscription_secret',
	q{SELECT odoo_events.alter_subscription('wms', headers => '{"X-Key": 1}')}, q{SELECT odoo_events.alter_subscription('wms', url => 'nonsense')},
	q{SELECT odoo_events.subscribe('wms', 'https://203.0.113.7/x')})
{
	my ($status) = $node->psql($db, $sql);
	isnt($status, 0, "fails: $sql");
}
$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
my $old = $node->safe_psql($db, 'SELECT pid FROM odoo_events.worker_status');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($old, 10000)");
ok($node->poll_query_until($db, "SELECT pid <> $old FROM odoo_events.worker_status"), 'a worker that starts among this');
$node->safe_psql($db, q{SELECT odoo_events.unsubscribe('down')});
$receiver->wait_for(sub { @_ > 2 }, 'asked again by this one', '/gone-soon') if $node->safe_psql($db, q{SELECT odoo_events.ping('gone')});

# a key that is configured no more is neither in the worker's heap nor on its stack.  (Of what it sent, libcurl and the executor have made
# copies; and a page of the table of secrets stays in PostgreSQL's buffers: docs/security.md.)
my $worker = $node->safe_psql($db, 'SELECT pid FROM odoo_events.worker_status');
sub private_memory
{
	my $all = '';
	open my $mem, '<:raw', "/proc/$worker/mem" or return;
	foreach my $map (split /\n/, slurp_file("/proc/$worker/maps"))
	{
		my ($from, $to, $file) = $map =~ /^([0-9a-f]+)-([0-9a-f]+) rw-p \S+ \S+ \S+ *(.*)/ or next;
		# what a sanitizer keeps for itself is larger than any memory
		next if hex($to) - hex($from) > 1 << 28;
		sysseek $mem, hex $from, 0 or next;
		my $read = 0;
		while ($read < hex($to) - hex($from)) { $read += sysread($mem, $all, hex($to) - hex($from) - $read, length $all) || last }
	}
	return $all;
}
SKIP:
{
	skip 'the memory of another process cannot be read here', 2 if !defined private_memory();
	like(private_memory(), qr/gone-s3cret-gone-s3cret-gone-s3c/, 'the worker has in its memory what it signs with');
	$node->safe_psql($db, q{SELECT odoo_events.unsubscribe('gone')});
	ok($node->poll_query_until($db, q{SELECT count(*) = 0 FROM odoo_events.subscription_status WHERE name = 'gone'}), 'unsubscribed');
	$node->safe_psql($db, q{SELECT odoo_events.emit('test.plant.thing.done.v1', 'thing/' || i, '{}') FROM generate_series(1, 8) i});
	OdooEvents::Receiver::wait_until(sub { private_memory() !~ /gone-s3cret-gone-s3cret-gone-s3c/ }, 'what it needs no more is not there');
}

# everything that others can read
my %where = (log => slurp_file($node->logfile));
like($where{log}, qr/odoo_events worker.*DEBUG|DEBUG.*\n.*odoo_events/, 'the log says a lot');
($where{dump}) = run_command([ 'pg_dump', '-d', $node->connstr($db) ]);
($where{dumpall}) = run_command([ 'pg_dumpall', '-d', $node->connstr('postgres') ]);
$where{statements} = $node->safe_psql($db, 'SELECT query FROM statements.pg_stat_statements');
$where{activity} = $node->safe_psql($db, 'SELECT * FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
$where{wal} = $node->safe_psql($db, q{SELECT data FROM pg_logical_slot_get_changes('others', NULL, NULL)});
like($where{wal}, qr/subscription_config/, 'others read the WAL');
foreach my $view (split /\n/, $node->safe_psql($db, q{SELECT c.oid::regclass FROM pg_class c
	WHERE c.relkind = 'v' AND c.relnamespace = 'odoo_events'::regnamespace}))
{
	$where{$view} = $node->safe_psql($db, "SELECT * FROM $view");
}
$where{$_} = $node->safe_psql($db, "SELECT odoo_events.$_") foreach qw(health() metrics() metrics_text());
$where{statistics} = $node->safe_psql($db, q{ANALYZE; SELECT * FROM pg_stats WHERE schemaname = 'odoo_events'});
foreach my $secret (@secrets)
{
	my $bare = $secret =~ s/^whsec_//r;
	my @looks = ($bare);
	push @looks, unpack('H*', decode_base64($bare)), quotemeta(decode_base64($bare)) if $secret =~ /^whsec_/;
	my @found = grep { my $text = $where{$_}; grep { $text =~ /\Q$_\E/i } @looks } sort keys %where;
	is("@found", '', 'nowhere: ' . substr($secret, 0, 9) . '...');
}
$node->stop;
done_testing();
