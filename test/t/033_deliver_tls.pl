# TLS as it should be: verified against the CAs we are told, with HTTP/2 where the endpoint offers it, and refused for an unknown CA, another
# host's certificate and an expired one.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Spec;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('tls', "odoo_events.restart_delay = '200ms'\n");
my $dir = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir);
chmod 0755, $dir;

# A CA of our own, and certificates it has signed.
sub openssl
{
	my @args = @_;
	my ($out, $err) = run_command([ 'openssl', @args ]);
	die "openssl @args: $err" if $?;
	return;
}
my @key = ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes');
openssl('req', '-x509', @key, '-subj', '/CN=CA of the test', '-days', '2', '-keyout', "$dir/ca.key", '-out', "$dir/ca.pem");
sub certificate
{
	my ($name, $alt, @validity) = @_;
	PostgreSQL::Test::Utils::append_to_file("$dir/$name.ext", "subjectAltName = $alt\n");
	openssl('req', @key, '-subj', "/CN=$name", '-keyout', "$dir/$name.key", '-out', "$dir/$name.csr");
	openssl('x509', '-req', '-in', "$dir/$name.csr", '-CA', "$dir/ca.pem", '-CAkey', "$dir/ca.key", '-CAcreateserial',
		@validity, '-extfile', "$dir/$name.ext", '-out', "$dir/$name.pem");
	return ('--cert', "$dir/$name.pem", '--key', "$dir/$name.key");
}

my $good = OdooEvents->receiver('node', certificate('good', 'IP:127.0.0.1', '-days', 2));
my $other = OdooEvents->receiver('node', certificate('other', 'DNS:other.example', '-days', 2));
# newer versions of openssl refuse a negative number of days, older ones do not know the dates
my @past = join('', run_command([ 'openssl', 'x509', '-help' ])) =~ /-not_after/ ?
  ('-not_before', '20200101000000Z', '-not_after', '20200102000000Z') : ('-days', '-1');
my $expired = OdooEvents->receiver('node', certificate('expired', 'IP:127.0.0.1', @past));

OdooEvents->load($node, 'plant', 'odoo19');
$node->safe_psql('plant', 'SELECT odoo_events.attach()');
my %at = (good => $good, other => $other, expired => $expired);
foreach my $name (sort keys %at)
{
	(my $url = $at{$name}->url("/$name")) =~ s/^http:/https:/;
	$at{$name}->knows($node->safe_psql('plant', qq{SELECT odoo_events.subscribe('$name', '$url', allow_networks => '{127.0.0.0/8}')}), "/$name");
	$node->safe_psql('plant', "SELECT odoo_events.ping('$name')");
}
foreach my $name (sort keys %at)
{
	ok($node->poll_query_until('plant', qq{SELECT failed_total > 0 AND last_error ~* 'certificate' FROM odoo_events.subscription_status WHERE name = '$name'}),
		"$name: a CA that nobody told us of is not trusted");
}
is(scalar($_->ledger), 0, 'nothing is sent') foreach values %at;

$node->safe_psql('postgres', "ALTER SYSTEM SET odoo_events.ca_file = '$dir/ca.pem'");
$node->reload;
ok($node->poll_query_until('plant', qq{SELECT current_setting('odoo_events.ca_file') <> ''}), 'the CA is made known');
my %failed = map { $_ => $node->safe_psql('plant', "SELECT failed_total FROM odoo_events.subscription_status WHERE name = '$_'") } keys %at;
$node->safe_psql('plant', "SELECT odoo_events.retry_now('$_')") foreach keys %at;
$good->wait_for(sub { grep { $_->{status} == 204 } @_ }, 'the ping arrives', '/good');
my ($entry) = $good->ledger('/good');
is($entry->{http}, '2.0', 'over HTTP/2, which it offers');
is_deeply([ $good->problems ], [], 'signed');
foreach my $name ('expired', 'other')
{
	ok($node->poll_query_until('plant', "SELECT failed_total > $failed{$name} FROM odoo_events.subscription_status WHERE name = '$name'"), "$name: refused");
	is(scalar($at{$name}->ledger), 0, 'and nothing is sent');
}
$node->stop;
done_testing();
