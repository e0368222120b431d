# once: the program has nothing to do with PostgreSQL's version
# check-all: brokers must be installed
# odoo_events_nats with a .creds file, against a real nats-server whose accounts are JWTs of an operator: a user that the account has signed gets in, others
# do not, and one that expires or is revoked loses the connection.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use Digest::SHA qw(sha256_hex);
use File::Temp;
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64 qw(encode_base64url);
use OdooBroker;
use OdooProgram;
use Test::More;

plan skip_all => 'libnats-dev is not installed' unless OdooProgram::path('nats');
plan skip_all => 'nats-server is not installed' unless OdooBroker::installed('nats-server');
my $dir = File::Temp->newdir;
my $n = 0;

sub base32
{
	my ($bytes) = @_;
	my $bits = unpack('B*', $bytes);
	$bits .= '0' x (-length($bits) % 5);
	return join '', map { substr('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', oct("0b$_"), 1) } unpack('(A5)*', $bits);
}

# With its CRC-16, as nkeys end.
sub nkey
{
	my ($bytes) = @_;
	my $crc = 0;
	foreach my $byte (unpack 'C*', $bytes)
	{
		$crc ^= $byte << 8;
		$crc = ($crc & 0x8000 ? $crc << 1 ^ 0x1021 : $crc << 1) & 0xFFFF foreach 1 .. 8;
	}
	return base32($bytes . pack('v', $crc));
}

# A pair of keys of an operator (14), account (0) or user (20).
sub keys_of
{
	my ($kind) = @_;
	my $file = "$dir/key" . ++$n;
	system("openssl genpkey -algorithm ed25519 -out $file 2>/dev/null") == 0 or die 'openssl genpkey';
	my ($private, $public) = map { substr(`openssl pkey -in $file $_ -outform DER`, -32) } '', '-pubout';
	my $prefix = $kind << 3;
	return { file => $file, public => nkey(chr($prefix) . $public), seed => nkey(chr(18 << 3 | $prefix >> 5) . chr(($prefix & 31) << 3) . $private) };
}

sub sign
{
	my ($key, $text) = @_;
	my $file = OdooBroker::write_file("$dir/text", $text);
	my $signature = `openssl pkeyutl -sign -rawin -inkey $key->{file} -in $file`;
	return encode_base64url($signature);
}

sub jwt
{
	my ($by, $of, $what, %more) = @_;
	my %claims = (jti => uc substr(sha256_hex($of->{public} . ++$n), 0, 52), iat => time, iss => $by->{public}, name => $what->{type}, sub => $of->{public}, nats => { version => 2, %$what }, %more);
	my $text = join '.', map { encode_base64url(JSON::PP->new->canonical->encode($_)) } { typ => 'JWT', alg => 'ed25519-nkey' }, \%claims;
	return "$text." . sign($by, $text);
}

my %limits = (map({ $_ => -1 } qw(subs data payload imports exports conn leaf mem_storage disk_storage streams consumer)), wildcards => JSON::PP::true);
my ($operator, $system, $account, $stranger) = map { keys_of($_) } 14, 0, 0, 0;
sub account_jwt { my ($of, %more) = @_; return jwt($operator, $of, { type => 'account', limits => \%limits, %more }) }
sub user_jwt { my ($user, $by, %more) = @_; return jwt($by, $user, { type => 'user', subs => -1, data => -1, payload => -1, pub => {}, sub => {} }, %more) }

sub creds
{
	my ($user, $jwt) = @_;
	return { type => 'creds', creds => "-----BEGIN NATS USER JWT-----\n$jwt\n------END NATS USER JWT------\n\n*** IMPORTANT ***\n\n-----BEGIN USER NKEY SEED-----\n$user->{seed}\n------END USER NKEY SEED------\n" };
}

sub conf
{
	my ($jwt) = @_;
	return 'operator: ' . jwt($operator, $operator, { type => 'operator' }) . "\nsystem_account: $system->{public}\nresolver: MEMORY\nresolver_preload: {\n$system->{public}: "
	  . jwt($operator, $system, { type => 'account', limits => { %limits, mem_storage => 0, disk_storage => 0, streams => 0, consumer => 0 } }) . "\n$account->{public}: $jwt\n}\n";
}

# A request by a user of the account, who signs the server's nonce.
sub request
{
	my ($broker, $user, $jwt, $subject, $payload) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $broker->port) or die "nats: $!";
	my ($nonce) = scalar(<$socket>) =~ /"nonce":"([^"]+)"/ or die 'no nonce';
	print $socket 'CONNECT ', encode_json({ verbose => JSON::PP::false, headers => JSON::PP::true, jwt => $jwt, sig => sign($user, $nonce) }), "\r\nSUB in.1 1\r\nPUB $subject in.1 ", length($payload), "\r\n$payload\r\n";
	while (my $line = <$socket>)
	{
		die "nats: $line" if $line =~ /^-ERR/;
		next unless $line =~ /^MSG \S+ \S+ (\d+)/;
		read($socket, my $reply, $1);
		return $reply;
	}
	die 'nats: no reply';
}

my ($admin, $user, $other) = map { keys_of(20) } 1 .. 3;
my $broker = OdooBroker->nats(conf => conf(account_jwt($account)));
my $admin_jwt = user_jwt($admin, $account);
my $answer = request($broker, $admin, $admin_jwt, '$JS.API.STREAM.CREATE.ODOO', '{"name":"ODOO","subjects":["odoo.>"],"storage":"file"}');
die $answer if $answer =~ /"error"/;
my %config = (url => 'nats://127.0.0.1:' . $broker->port, policy => { allow_networks => ['127.0.0.0/8'] }, connect_timeout_ms => 3000, send_timeout_ms => 5000);
my $program = OdooProgram->start('nats');

subtest 'a user that the account has signed gets in' => sub {
	$program->configure(1, { %config, auth => creds($user, user_jwt($user, $account)) });
	is($program->answer($program->send(1, topic => 'odoo.a', body => '1')), 'K', 'acknowledged');
	like(request($broker, $admin, $admin_jwt, '$JS.API.STREAM.INFO.ODOO', ''), qr/"messages":1,/, 'and the stream of the account has it');
};

subtest 'others do not' => sub {
	my %bad = (2 => [ 'of an account that the server does not know', creds($other, user_jwt($other, $stranger)) ], 3 => [ 'whose seed is another one', creds($other, user_jwt($user, $account)) ],
		4 => [ 'that has expired', creds($other, user_jwt($other, $account, exp => time - 60)) ], 5 => [ 'that is no file of credentials', { type => 'creds', creds => 'nonsense' } ]);
	foreach my $c (sort keys %bad)
	{
		$program->configure($c, { %config, auth => $bad{$c}[1] });
		my $text = $program->wait_state($c, 0);
		like($text, $c == 5 ? qr/creds|seed|JWT/i : qr/authorization|authentication|expired/i, "one $bad{$c}[0]: $text");
		unlike($text, qr/SU[A-Z0-9]{20}/, 'without its secret in the text');
		$program->close_connection($c);
	}
};

subtest 'one that is revoked loses the connection, and messages wait' => sub {
	OdooBroker::write_file($broker->dir . '/conf', OdooBroker::read_file($broker->dir . '/conf') =~ s/^\Q$account->{public}\E: .*$/"$account->{public}: " . account_jwt($account, revocations => { $user->{public} => time + 1 })/mer);
	kill 'HUP', $broker->{pid};
	like($program->wait_state(1, 0), qr/revoked|authorization|authentication/i, 'the connection ends, and it is said why');
	my ($kind, $text) = $program->answer($program->send(1, topic => 'odoo.a', body => '2'));
	is($kind, 'T', "to be retried: $text");
	$program->configure(1, { %config, auth => creds($other, user_jwt($other, $account)) });
	$program->wait(sub { $program->answer($program->send(1, topic => 'odoo.a', body => '3')) eq 'K' }, 'another user goes on');
	pass('another user goes on');
};
done_testing();
