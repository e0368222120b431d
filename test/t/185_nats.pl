# once: the program has nothing to do with PostgreSQL's version
# check-all: brokers must be installed
# odoo_events_nats against a real nats-server with JetStream: acknowledged is what a stream keeps, and nothing else; refusals with the server's words;
# who we are, TLS, addresses; a server that hangs or is killed under load.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Temp;
use MIME::Base64;
use OdooBroker;
use OdooProgram;
use Test::More;

plan skip_all => 'libnats-dev is not installed' unless OdooProgram::path('nats');
my $broker = OdooBroker->nats(conf => "max_payload: 100000\n") or plan skip_all => 'nats-server is not installed';
my %policy = (policy => { allow_networks => ['127.0.0.0/8'] }, connect_timeout_ms => 3000, send_timeout_ms => 5000);
my $url = 'nats://127.0.0.1:' . $broker->port;
my $program = OdooProgram->start('nats');

sub stream
{
	my ($on, $name, $config) = @_;
	my $answer = $on->nats_request("\$JS.API.STREAM.CREATE.$name", qq({"name":"$name","storage":"file",$config}));
	die $answer if $answer =~ /"error"/;
	return;
}

# The state of a new connection that cannot be made.
my $next = 100;

sub refused
{
	my ($config) = @_;
	my $c = $next++;
	$program->configure($c, { %policy, %$config });
	my $text = $program->wait_state($c, 0);
	$program->close_connection($c);
	return $text;
}

subtest 'a message is acknowledged when the stream keeps it, with its headers and its id' => sub {
	is($program->{ready}{program}, 'odoo_events_nats', 'the program says what it is');
	$program->configure(1, { url => $url, %policy });
	$program->wait_state(1, 1);
	stream($broker, 'ODOO', '"subjects":["odoo.>"],"max_msg_size":50000');
	my @items = map { $program->send(1, topic => 'odoo.stock', body => qq({"n":$_}), headers => { 'ce-id' => "id-$_", 'ce-type' => 'odoo.x' }) } 1, 2, 2;
	is(join('', map { scalar $program->answer($_) } @items), 'KKK', 'three messages are acknowledged');
	my @kept = $broker->nats_stream('ODOO');
	is_deeply([ map { $_->{body} } @kept ], [ '{"n":1}', '{"n":2}' ], 'the stream keeps them, and the one with the same id once');
	like($kept[0]{headers}, qr/^ce-type: odoo\.x\r$/m, 'headers arrive');
	like($kept[0]{headers}, qr/^Nats-Msg-Id: id-1\r$/m, 'the id of the event is that of the message');
};

subtest 'what no stream keeps, or a stream does not take, is refused in words' => sub {
	my ($kind, $text) = $program->answer($program->send(1, topic => 'other.stock', body => '{}'));
	is("$kind: $text", 'F: no JetStream stream keeps the subject other.stock', 'a subject without a stream');
	($kind, $text) = $program->answer($program->send(1, topic => 'odoo.stock', body => 'x' x 60000));
	like("$kind: $text", qr/^F: message size exceeds maximum allowed/, 'larger than the stream takes');
	($kind, $text) = $program->answer($program->send(1, topic => 'odoo.stock', body => 'x' x 200000));
	like("$kind: $text", qr/^F: odoo\.stock: 200000 bytes are more than the server's max_payload of 100000/, 'larger than the server takes');
	$program->configure(2, { url => $url, %policy, transport => { stream => 'ANOTHER' } });
	($kind, $text) = $program->answer($program->send(2, topic => 'odoo.stock', body => '{}'));
	like("$kind: $text", qr/^F: expected stream does not match/, 'another stream than expected');
	($kind, $text) = $program->answer($program->send(2, topic => 'odoo.stock', flags => 4));
	like("$kind: $text", qr/^F: stream ODOO keeps the subject odoo\.stock, not ANOTHER/, 'which a ping says before');
	is($program->answer($program->send(1, topic => 'odoo.stock', flags => 4)), 'K', 'a ping is answered without a message');
	is(scalar(() = $broker->nats_stream('ODOO')), 2, 'and the stream has nothing of all this');
};

subtest 'passwords, nkeys and permissions' => sub {
	my $seed = 'SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY';
	my $public = 'UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4';
	my $guarded = OdooBroker->nats(conf => <<CONF);
authorization { users: [
  { user: odoo, password: right, permissions: { publish: ["odoo.>", "\$JS.API.>"], subscribe: [">"] } },
  { nkey: $public }
] }
CONF
	$guarded->{login} = '{"verbose":false,"headers":true,"user":"odoo","pass":"right"}';
	stream($guarded, 'ODOO', '"subjects":["odoo.>","secret.>"]');
	my $at = 'nats://127.0.0.1:' . $guarded->port;
	like(refused({ url => $at }), qr/authorization/i, 'nobody gets in without credentials');
	like(refused({ url => $at, auth => { type => 'basic', username => 'odoo', password => 'wrong' } }), qr/authorization/i, 'nor with a wrong password');
	$program->configure(3, { url => $at, %policy, auth => { type => 'basic', username => 'odoo', password => 'right' } });
	is($program->answer($program->send(3, topic => 'odoo.a', body => '1')), 'K', 'the right password lets in');
	my ($kind, $text) = $program->answer($program->send(3, topic => 'secret.a', body => '1'));
	like("$kind: $text", qr/^F: .*permissions violation for publish to "secret\.a"/i, 'a subject that is not permitted is refused in the words of the server');
	is($program->answer($program->send(3, topic => 'odoo.a', body => '2')), 'K', 'and the connection goes on');
	$program->configure(4, { url => $at, %policy, auth => { type => 'nkey', seed => $seed } });
	is($program->answer($program->send(4, topic => 'odoo.a', body => '3')), 'K', 'an nkey lets in');
	like(refused({ url => $at, auth => { type => 'nkey', seed => 'SUnonsense' } }), qr/not the seed/, 'a seed that is none is refused');
};

subtest 'certificates are verified' => sub {
	my $dir = File::Temp->newdir;
	chmod 0755, "$dir";
	my $tls = OdooBroker::certificates("$dir/tls");
	my %pem = map { $_ => OdooBroker::read_file("$tls/$_") } qw(ca.pem other_ca.pem client.pem client.key);
	foreach my $name (qw(good expired wrong))
	{
		my $secure = OdooBroker->nats(conf => qq(tls { cert_file: "$tls/$name.pem", key_file: "$tls/$name.key", ca_file: "$tls/ca.pem", verify: true }\n));
		my %config = (url => 'nats+tls://localhost:' . $secure->port, tls => { ca => $pem{'ca.pem'}, cert => $pem{'client.pem'}, key => $pem{'client.key'} });
		if ($name ne 'good') { like(refused(\%config), $name eq 'expired' ? qr/expired/ : qr/hostname|host/i, "$name: refused"); next }
		$program->configure(5, { %config, %policy });
		$program->wait_state(5, 1);
		pass('good: connected, with a certificate of our own');
		like(refused({ %config, tls => { ca => $pem{'other_ca.pem'} } }), qr/certificate/, 'another authority: refused');
		like(refused({ %config, tls => undef }), qr/certificate/, 'the authorities of the system: refused');
	}
};

subtest 'addresses outside the policy are not connected to' => sub {
	like(refused({ url => $url, policy => { allow_networks => ['10.0.0.0/8'] } }), qr/address 127\.0\.0\.1 is outside allow_networks/, 'the one of the URL');
	like(refused({ url => 'nats+tls://127.0.0.1:' . $broker->port, policy => { allow_networks => [] } }), qr/outside allow_networks/, 'a private one needs to be listed with TLS as well');
};

subtest 'a server that hangs gives messages back' => sub {
	$program->configure(6, { url => $url, %policy, send_timeout_ms => 1000 });
	$program->wait_state(6, 1);
	$broker->hang;
	my ($kind, $text, $persisted) = $program->answer($program->send(6, topic => 'odoo.hang', body => '1'));
	like("$kind $persisted: $text", qr/^T 1: .*no answer for 1000 ms/, 'to be retried, since the server may have it');
	$broker->wake;
	$program->wait_state(6, 1);
	is($program->answer($program->send(6, topic => 'odoo.hang', body => '2')), 'K', 'the connection is made anew');
};

subtest 'killed under load, nothing is lost or out of order, and the server drops what it gets twice' => sub {
	my $rounds = $ENV{ROUNDS} || 3;
	my ($n, $keys, $kills) = ($rounds * 600 + 200, 50, 0);
	stream($broker, 'LEDGER', '"subjects":["ledger.>"]');
	my $again = $program->campaign(1, $n, $keys, sub { my ($i) = @_; return (topic => 'ledger.' . $i % $keys, body => $i, headers => { 'ce-id' => "ledger-$i" }) },
		sub { my ($done) = @_; return if $done < ($kills + 1) * 600 || $kills == $rounds; $kills++; $broker->kill9; $broker->start; return });
	is($kills, $rounds, 'the server was killed again and again');
	is_deeply([ OdooProgram::judge([ map { $_->{body} } $broker->nats_stream('LEDGER') ], $n, $keys, {}) ], [], 'the stream has each message once, in order of its key');
	note(scalar(keys %$again) . ' messages were sent again');
};

subtest 'the program ends with its socket' => sub {
	$broker->hang;
	$program->send(1, topic => 'odoo.x', body => 'x' x 1000) foreach 1 .. 100;
	$program->step(0.1);
	cmp_ok($program->stop, '<', 2, 'at once, whatever the server does');
	$broker->wake;
};
done_testing();
