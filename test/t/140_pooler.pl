# Behind pgbouncer in transaction mode one client's settings do not reach the next one.
# check-all: pgbouncer must be installed
# once: the pooler speaks the same protocol to every version; sql/capture_off.sql has the settings themselves
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

plan(skip_all => 'pgbouncer is not installed') unless -x '/usr/sbin/pgbouncer';

my $node = OdooEvents->node('pooled');
OdooEvents->load($node, 'plant', 'odoo19');
$node->safe_psql('plant', 'SELECT odoo_events.attach()');
$node->safe_psql('plant', 'GRANT SET ON PARAMETER odoo_events.capture TO odoo');

# one connection to the server, whoever asks
my $dir = PostgreSQL::Test::Utils::tempdir_short();
my ($host, $port, $pool) = ($node->host, $node->port, PostgreSQL::Test::Cluster::get_free_port());
append_to_file("$dir/pgbouncer.ini", <<"INI");
[databases]
plant = host=$host port=$port dbname=plant user=odoo pool_size=1
[pgbouncer]
listen_addr =
unix_socket_dir = $dir
listen_port = $pool
auth_type = any
pool_mode = transaction
logfile = $dir/log
pidfile = $dir/pid
INI
system_or_bail('/usr/sbin/pgbouncer', '-q', '-d', "$dir/pgbouncer.ini");
OdooEvents::Receiver::wait_until(sub { -S "$dir/.s.PGSQL.$pool" }, 'the pooler listens');

# A client that connects, says this, and leaves.
sub client
{
	my ($sql) = @_;
	my ($out, $err);
	IPC::Run::run([ 'psql', '-XqAt', "host=$dir port=$pool dbname=plant user=odoo", '-v', 'ON_ERROR_STOP=1' ], '<', \$sql, '>', \$out, '2>', \$err);
	chomp($out);
	return ($out, $err);
}


my $change = 'UPDATE stock_move SET product_uom_qty = product_uom_qty + 1 WHERE id = (SELECT min(id) FROM stock_move)';
my $trace = q{odoo_events.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'};

subtest 'what one client sets for its session silences nobody' => sub {
	my (undef, $err) = client("SET odoo_events.capture = off");
	like($err, qr/can only be set in a transaction block.*SET LOCAL odoo_events.capture = off/s, 'SET by itself is refused, with what to do instead');
	client("BEGIN; SET odoo_events.capture = off; $change; COMMIT");
	client($change);
	is($node->safe_psql('plant', q{SELECT captured FROM odoo_events._rule_stats() WHERE rule = 'stock_move'}), '1', 'only the change of who said so is left out');
	# the pooler may have made a new connection in between
	my ($first, $next) = ('', '');
	for (1 .. 20)
	{
		($first) = client('BEGIN; SET odoo_events.capture = off; SELECT pg_backend_pid(); COMMIT');
		($next) = client(q{SELECT current_setting('odoo_events.capture') || ' ' || pg_backend_pid()});
		last if $next =~ / $first$/;
	}
	is($next, "on $first", 'through the same connection');
};

subtest 'what was left out is told' => sub {
	is($node->safe_psql('plant', q{SELECT who, object, new FROM odoo_events.audit_log WHERE what = 'leave out'}), 'odoo|stock_move|{"changes": 1}', 'in the audit log');
	like($node->safe_psql('plant', q{SELECT detail FROM odoo_events.health() WHERE "check" = 'capture' AND status = 'warn'}), qr/^1 changes \(stock_move\) were left out by odoo_events.capture = off, last by odoo/, 'by health()');
};

subtest 'a trace context stays with its transaction' => sub {
	$node->safe_psql('plant', 'GRANT EXECUTE ON FUNCTION odoo_events.emit TO odoo');
	my $emit = q{SELECT odoo_events.emit('acme.custom.thing.done.v1', 'thing/%s', '{"thing": {}}')};
	client("BEGIN; SET $trace; " . sprintf($emit, 1) . '; COMMIT');
	client(sprintf($emit, 2));
	$node->poll_query_until('plant', q{SELECT count(*) = 2 FROM odoo_events.outbox WHERE type = 'acme.custom.thing.done.v1'}) or die 'no events';
	is($node->safe_psql('plant', q{SELECT subject FROM odoo_events.outbox WHERE event::text LIKE '%0af7651916cd43dd8448eb211c80319c%'}), 'thing/1', 'one event of the two has it');
};

subtest 'connection options cannot switch capture off' => sub {
	my ($out, $err);
	local $ENV{PGOPTIONS} = '-c odoo_events.capture=off';
	IPC::Run::run([ 'psql', '-XqAt', $node->connstr('plant'), '-c', 'SELECT 1' ], '>', \$out, '2>', \$err);
	like($err, qr/cannot be set for a role, a database, a function or a connection/, 'the connection is refused');
};

subtest 'the configuration file switches it off for all, and health() says so' => sub {
	$node->append_conf('postgresql.conf', 'odoo_events.capture = off');
	$node->reload;
	$node->poll_query_until('plant', q{SELECT count(*) = 1 FROM odoo_events.health() WHERE "check" = 'capture' AND status = 'critical' AND detail LIKE 'odoo_events.capture is off%'}) or die 'health() does not say so';
	is($node->safe_psql('plant', 'SHOW odoo_events.capture'), 'off', 'it counts');
	$node->safe_psql('plant', $_) for split(/; /, $node->safe_psql('plant', q{SELECT hint FROM odoo_events.health() WHERE detail LIKE 'odoo_events.capture is off%'}));
	$node->poll_query_until('plant', q{SELECT count(*) = 0 FROM odoo_events.health() WHERE "check" = 'capture' AND status = 'critical'}) or die 'the hint does not help';
	pass('the hint switches it on');
};

kill('TERM', PostgreSQL::Test::Utils::slurp_file("$dir/pid"));
$node->stop;
done_testing();
