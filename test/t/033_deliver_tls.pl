# check-all: an endpoint in Node speaks HTTP/2
# TLS as it should be: verified against the CAs we are told, with HTTP/2 where the endpoint offers it, and refused for an unknown CA, another
# host's certificate, an expired one, and anything older than TLS 1.2; client certificates, a CA and a name of a subscription's own.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Spec;
use IO::Socket::INET;
use JSON::PP;
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

# a CA, a client certificate, a name of the subscription's own
certificate('client', 'DNS:plant.example', '-days', 2);
my $mutual = OdooEvents->receiver('python', certificate('mutual', 'DNS:wms.internal', '-days', 2), '--client-ca', "$dir/ca.pem");
my $old = OdooEvents->receiver('python', certificate('old', 'IP:127.0.0.1', '-days', 2), '--tls', '1.1');
my $json = JSON::PP->new->canonical;

sub tls
{
	my (%members) = @_;
	my %tls = map { $_ => $_ eq 'server_name' ? $members{$_} : slurp_file($members{$_}) } keys %members;
	return q{tls => '} . $json->encode(\%tls) . q{'};
}

# subscribe() to an https URL, and a ping.
sub subscribe
{
	my ($r, $name, $more) = @_;
	(my $url = $r->url("/$name")) =~ s/^http:/https:/;
	$r->knows($node->safe_psql('plant', qq{SELECT odoo_events.subscribe('$name', '$url', allow_networks => '{127.0.0.0/8}', $more)}), "/$name");
	$node->safe_psql('plant', "SELECT odoo_events.ping('$name')");
	return;
}

sub fails
{
	my ($name, $error, $what) = @_;
	ok($node->poll_query_until('plant', qq{SELECT failed_total > 0 AND last_error ~* '$error' FROM odoo_events.subscription_status WHERE name = '$name'}), $what)
	  or diag($node->safe_psql('plant', "SELECT last_error FROM odoo_events.subscription_status WHERE name = '$name'"));
	return;
}
subscribe($good, 'own', tls(ca => "$dir/ca.pem"));
$good->wait_for(sub { grep { $_->{status} == 204 } @_ }, 'a CA of its own is trusted', '/own');
is($node->safe_psql('plant', q{SELECT expires_at BETWEEN now() + interval '1 day' AND now() + interval '2 days' FROM odoo_events.subscription_status WHERE name = 'own'}),
	't', 'until when that holds is known');
subscribe($mutual, 'name', tls(ca => "$dir/ca.pem"));
fails('name', 'subject name|certificate', 'a certificate for another name than the URL has');
$node->safe_psql('plant', q{SELECT odoo_events.alter_subscription('name', } . tls(ca => "$dir/ca.pem", server_name => 'wms.internal') . ')');
$node->safe_psql('plant', q{SELECT odoo_events.retry_now('name')});
fails('name', 'alert|reset|closed|Broken|recv|SSL_read|failure|empty', 'a client certificate is asked for');
$node->safe_psql('plant', q{SELECT odoo_events.alter_subscription('name', }
	  . tls(ca => "$dir/ca.pem", server_name => 'wms.internal', cert => "$dir/client.pem", key => "$dir/client.key") . ')');
$node->safe_psql('plant', q{SELECT odoo_events.retry_now('name')});
$mutual->wait_for(sub { grep { $_->{status} == 204 } @_ }, 'and shown', '/name');
is(($mutual->ledger('/name'))[0]{headers}{host}, "127.0.0.1:$mutual->{port}", 'the host is that of the URL');
is(scalar($mutual->ledger), 1, 'nothing was sent before');
my ($ret, $out, $err) = $node->psql('plant', q{SELECT odoo_events.alter_subscription('name', } . tls(cert => "$dir/client.pem", key => "$dir/mutual.key") . ')');
like($err, qr/not that of the certificate/, 'a key that is not that of the certificate is refused at once');
unlike($node->safe_psql('plant', q{SELECT tls FROM odoo_events.subscription}), qr/PRIVATE/, 'the key is shown nowhere');

# a server that speaks nothing newer than TLS 1.1 does so with others
($out, $err) = run_command([ 'openssl', 's_client', '-connect', "127.0.0.1:$old->{port}", '-tls1_1', '-cipher', 'DEFAULT:@SECLEVEL=0' ]);
like($out, qr/TLSv1\.1/, 'TLS 1.1 is what it speaks');
subscribe($old, 'old', tls(ca => "$dir/ca.pem"));
fails('old', 'version|protocol', 'but not with us');
is(scalar($old->ledger), 0, 'nothing is sent');
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
is(scalar($at{$_}->ledger("/$_")), 0, 'nothing is sent') foreach sort keys %at;

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

# --- a handshake that hangs, others waiting for its connection
my $mute = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 10) or die $!;
$node->safe_psql('plant', sprintf(q{SELECT odoo_events.subscribe('mute', 'https://127.0.0.1:%d/', allow_networks => '{127.0.0.0/8}', ordering => 'none', timeout => '1s')}, $mute->sockport));
$node->safe_psql('plant', q{SELECT odoo_events.ping('mute') FROM generate_series(1, 4)});
ok($node->poll_query_until('plant', q{SELECT count(DISTINCT event_id) = 4 FROM odoo_events.attempt WHERE subscription = 'mute'}), 'a handshake that hangs fails all');
is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.attempt WHERE subscription = 'mute' AND (status IS NOT NULL OR error LIKE '%resolve%')}), '0', 'as what it is');
$node->stop;
done_testing();
