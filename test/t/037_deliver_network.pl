# once: names, addresses and proxies are between libcurl and the network
# Where a request may go: names that have two addresses, or lead elsewhere than when they were checked; mapped addresses; a connection that
# another subscription has opened; redirects; proxies of the environment and of the configuration.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Spec;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir);
chmod 0755, $dir;
system_or_bail('cc', '-shared', '-fPIC', '-o', "$dir/resolver.so", "$FindBin::RealBin/../lib/resolver.c", '-ldl');

# What names lead to from now on.
sub hosts
{
	my (%names) = @_;
	open my $fh, '>', "$dir/hosts.new" or die "$dir/hosts: $!";
	print $fh "$_ $names{$_}\n" foreach sort keys %names;
	close $fh;
	rename "$dir/hosts.new", "$dir/hosts" or die $!;
	return;
}
hosts();
my $node;
{
	local $ENV{LD_PRELOAD} = "$dir/resolver.so";
	local $ENV{OE_HOSTS} = "$dir/hosts";
	# nobody listens there; whoever heeds them fails
	local @ENV{qw(http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY)} = ('http://127.0.0.1:1') x 5;
	$node = OdooEvents->node('network', "odoo_events.restart_delay = '200ms'\n");
}
OdooEvents->load($node, 'plant', 'odoo19');
$node->safe_psql('plant', q{SELECT odoo_events.attach('{transfer}')});
my $good = OdooEvents->receiver;
my $port = $good->{port};
my $forbidden = OdooEvents->receiver('python', '--host', '127.0.0.2', '--port', $port);

sub sql
{
	return $node->safe_psql('plant', $_[0]);
}

sub subscribe
{
	my ($name, $url, $networks) = @_;
	$good->knows(sql("SELECT odoo_events.subscribe('$name', '$url', allow_networks => '$networks', retry_schedule => '{1h}')"), "/$name");
	return;
}

# Pings, and awaits what becomes of it.
my %sent;

sub arrives
{
	my ($name, $what) = @_;
	sql("SELECT odoo_events.ping('$name')");
	my $n = ++$sent{$name};
	return $good->wait_for(sub { $n == grep { $_->{status} == 204 } @_ }, $what, "/$name") && pass($what);
}

sub refused
{
	my ($name, $what) = @_;
	my $failed = sql("SELECT failed_total FROM odoo_events.subscription_status WHERE name = '$name'");
	sql("SELECT odoo_events.ping('$name')");
	ok($node->poll_query_until('plant', "SELECT failed_total > $failed AND last_error = 'address is outside allow_networks' FROM odoo_events.subscription_status WHERE name = '$name'"), $what)
	  or diag(sql("SELECT last_error FROM odoo_events.subscription_status WHERE name = '$name'"));
	return;
}

# Another worker has neither connections nor names in its cache.
sub another_worker
{
	my $pid = sql('SELECT pid FROM odoo_events.worker_status');
	sql("SELECT pg_terminate_backend($pid)");
	ok($node->poll_query_until('plant', "SELECT pid <> $pid FROM odoo_events.worker_status"), 'another worker');
	return;
}

# two addresses for one name: only the allowed one is called, whichever comes first
hosts('two.test' => '127.0.0.2 127.0.0.1', 'owt.test' => '127.0.0.1 127.0.0.2');
subscribe('two', "http://two.test:$port/two", '{127.0.0.1/32}');
subscribe('owt', "http://owt.test:$port/owt", '{127.0.0.1/32}');
arrives('two', 'of two addresses the allowed one is called');
arrives('owt', 'also where it comes first');

# a name that led to an allowed address when it was checked, and then to others
my %elsewhere = (
	'private.test' => '10.1.2.3', 'loopback.test' => '127.0.0.2', 'mapped.test' => '::ffff:127.0.0.2', 'nat64.test' => '64:ff9b::7f00:2',
	'compatible.test' => '::127.0.0.2', 'metadata.test' => '169.254.169.254', 'ula.test' => 'fd00::1', 'local6.test' => '::1');
hosts(map { $_ => '203.0.113.9' } keys %elsewhere);
subscribe(s/\.test//r, "https://$_:$port/x", '{}') foreach sort keys %elsewhere;
hosts(%elsewhere);
refused(s/\.test//r, "$_ leads to $elsewhere{$_} now: refused") foreach sort keys %elsewhere;
hosts('rebound.test' => '127.0.0.1');
subscribe('rebound', "http://rebound.test:$port/rebound", '{127.0.0.1/32}');
arrives('rebound', 'a name that leads where it may');
hosts('rebound.test' => '127.0.0.2');
another_worker();
refused('rebound', 'and then elsewhere');

# a connection that another one has opened
hosts('shared.test' => '127.0.0.1');
subscribe('narrow', "http://shared.test:$port/narrow", '{127.0.0.1/32}');
hosts('shared.test' => '127.0.0.2');
$forbidden->knows(sql("SELECT odoo_events.subscribe('wide', 'http://shared.test:$port/wide', allow_networks => '{127.0.0.0/8}')"), '/wide');
sql(q{SELECT odoo_events.ping('wide')});
$forbidden->wait_for(sub { @_ == 1 }, 'one may call it', '/wide');
refused('narrow', 'the other may not use its connection');
is(scalar($forbidden->ledger), 1, 'and nobody else has been there');

# redirects are not followed
subscribe('moved', $good->url('/moved'), '{127.0.0.0/8}');
$good->misbehave({ path => '^/moved', status => 307, headers => { Location => "http://127.0.0.2:$port/stolen" } });
sql(q{SELECT odoo_events.ping('moved')});
ok($node->poll_query_until('plant', q{SELECT failed_total = 1 AND last_status = 307 FROM odoo_events.subscription_status WHERE name = 'moved'}), 'a redirect is a failure');
is(scalar($forbidden->ledger), 1, 'and nobody goes there');

# a proxy that is configured
my $proxy = IPC::Run::start([ 'python3', "$FindBin::RealBin/../receiver/proxy.py", '--port-file', "$dir/proxy.port", '--ledger', "$dir/proxy" ], '>', "$dir/proxy.log", '2>&1');
OdooEvents::Receiver::wait_until(sub { -s "$dir/proxy.port" }, 'the proxy listens');
chomp(my $at = slurp_file("$dir/proxy.port"));
run_command([ 'openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=tunnel', '-addext', 'subjectAltName=DNS:tunnel.test,IP:127.0.0.1',
	'-days', '2', '-keyout', "$dir/tls.key", '-out', "$dir/tls.pem" ]);
my $tls = OdooEvents->receiver('python', '--cert', "$dir/tls.pem", '--key', "$dir/tls.key");
my $pem = slurp_file("$dir/tls.pem") =~ s/\n/\\n/gr;
subscribe('plain', $good->url('/plain'), '{127.0.0.0/8}');
$tls->knows(sql(qq{SELECT odoo_events.subscribe('tunnel', 'https://127.0.0.1:$tls->{port}/tunnel', allow_networks => '{127.0.0.0/8}', tls => '{"ca": "$pem"}')}), '/tunnel');
arrives('plain', 'without a proxy');
$node->safe_psql('postgres', "ALTER SYSTEM SET odoo_events.proxy = 'http://127.0.0.1:$at'");
$node->reload;
ok($node->poll_query_until('plant', q{SELECT current_setting('odoo_events.proxy') <> ''}), 'a proxy is set');
another_worker();
arrives('plain', 'through the proxy');
sql(q{SELECT odoo_events.ping('tunnel')});
$tls->wait_for(sub { 1 == grep { $_->{status} == 204 } @_ }, 'through a tunnel of the proxy', '/tunnel');
is(slurp_file("$dir/proxy"), "POST " . $good->url('/plain') . "\nCONNECT 127.0.0.1:$tls->{port}\n", 'which was asked for both');
is_deeply([ map { $_->problems } $good, $tls, $forbidden ], [], 'signed, in order, the same bytes');
$node->stop;
$proxy->kill_kill;
done_testing();
