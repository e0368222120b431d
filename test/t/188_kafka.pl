# once: the program has nothing to do with PostgreSQL's version
# check-all: Apache Kafka must be fetched
# odoo_events_kafka against a real Apache Kafka (KRaft, one node): acknowledged is what the topic has, with key, headers, timestamp, tombstones;
# refusals with the broker's words; SASL PLAIN, SCRAM, OAUTHBEARER, client certificates, TLS; addresses, also those that the cluster tells of; a broker
# that hangs or is killed under load.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Temp;
use JSON::PP;
use OdooBroker;
use OdooProgram;
use Test::More;

plan skip_all => 'librdkafka-dev is not installed' unless OdooProgram::path('kafka');
plan skip_all => 'python3-confluent-kafka is not installed' if system("/usr/bin/python3 -c 'import confluent_kafka' 2>/dev/null");
my $dir = File::Temp->newdir;
chmod 0755, "$dir";
my $tls = OdooBroker::certificates("$dir/tls");
my %pem = map { $_ => OdooBroker::read_file("$tls/$_") } qw(ca.pem other_ca.pem client.pem client.key good.pem good.key);
OdooBroker::write_file("$tls/keystore.pem", $pem{'good.key'} . $pem{'good.pem'} . $pem{'ca.pem'});
my $sasl = 'listener.name.client';
my $login = 'org.apache.kafka.common.security';
my $broker = OdooBroker->kafka(protocol => 'SASL_SSL', host => 'localhost', conf => <<CONF,
$sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
$sasl.plain.sasl.jaas.config=$login.plain.PlainLoginModule required user_odoo="right";
$sasl.scram-sha-256.sasl.jaas.config=$login.scram.ScramLoginModule required;
$sasl.scram-sha-512.sasl.jaas.config=$login.scram.ScramLoginModule required;
$sasl.oauthbearer.sasl.jaas.config=$login.oauthbearer.OAuthBearerLoginModule required;
$sasl.ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location=$tls/keystore.pem
ssl.truststore.type=PEM
ssl.truststore.location=$tls/ca.pem
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=true
message.max.bytes=5000000
CONF
	format => [ '--add-scram', "'SCRAM-SHA-256=[name=odoo,password=right]'", '--add-scram', "'SCRAM-SHA-512=[name=odoo,password=right]'" ]);
plan skip_all => 'Apache Kafka (java, mvn) is not installed' unless $broker;
my %policy = (policy => { allow_networks => [ '127.0.0.0/8', '::1/128' ] }, connect_timeout_ms => 3000, send_timeout_ms => 30000);
my $url = 'kafka://127.0.0.1:' . $broker->plain_port;
my $secure = 'kafkas://localhost:' . $broker->port;
my %own = (ca => $pem{'ca.pem'}, cert => $pem{'client.pem'}, key => $pem{'client.key'});
my $program = OdooProgram->start('kafka');
sub topic_has { my ($topic) = @_; return map { decode_json($_) } split /\n/, $broker->kafka_admin('read', $topic) }
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

subtest 'a message is acknowledged when the topic has it, as it was given' => sub {
	is($program->{ready}{program}, 'odoo_events_kafka', 'the program says what it is');
	$broker->kafka_admin('create', 'odoo.stock', 3);
	$program->configure(1, { url => $url, %policy });
	$program->wait_state(1, 1);
	my %m = (topic => 'odoo.stock', key => 'product:42', timestamp => 1700000000123);
	my @items = ($program->send(1, %m, body => '{"n":1}', headers => { ce_id => 'id-1', 'content-type' => 'application/json' }), $program->send(1, %m, flags => 1));
	is(join('', map { scalar $program->answer($_) } @items), 'KK', 'a message and a tombstone are acknowledged');
	my @got = topic_has('odoo.stock');
	is_deeply([ map { [ @{$_}{qw(key timestamp headers value)} ] } @got ],
		[ [ 'product:42', 1700000000123, { ce_id => 'id-1', 'content-type' => 'application/json' }, '{"n":1}' ], [ 'product:42', 1700000000123, {}, undef ] ],
		'key, timestamp, headers, value, null');
	is($got[0]{partition}, $got[1]{partition}, 'one key is in one partition');
	is($program->answer($program->send(1, topic => 'odoo.stock', flags => 4)), 'K', 'a ping is answered');
	is(scalar(topic_has('odoo.stock')), 2, 'without a message');
};

subtest 'what the broker does not take is refused in words' => sub {
	my ($kind, $text) = $program->answer($program->send(1, topic => 'none', body => '{}'));
	is("$kind: $text", 'F: none: Broker: Unknown topic or partition', 'a topic that does not exist');
	($kind, $text) = $program->answer($program->send(1, topic => 'none', flags => 4));
	is("$kind: $text", 'F: none: Broker: Unknown topic or partition', 'which a ping says too');
	($kind, $text) = $program->answer($program->send(1, topic => 'odoo.stock', body => 'x' x 2000000));
	like("$kind: $text", qr/^F: odoo\.stock: Broker: Message size too large/, 'larger than the configuration lets the program send');
	# the topic takes 10000 bytes a batch: small messages are not refused for the sake of a large one
	$broker->kafka_admin('create', 'odoo.small', 1, 'max.message.bytes=10000');
	$program->configure(2, { url => $url, %policy, transport => { linger_ms => 200 } });
	$program->wait_state(2, 1);
	my @items = map { $program->send(2, topic => 'odoo.small', key => $_, body => 'x' x ($_ == 5 ? 20000 : 3000)) } 1 .. 10;
	my @answers = map { scalar $program->answer($_) } @items;
	is(join('', @answers), 'KKKKFKKKKK', 'only the message that is larger than the topic takes, whatever it was in one batch with');
};

subtest 'PLAIN, SCRAM, OAUTHBEARER and client certificates' => sub {
	my $tokens = OdooBroker->token_endpoint;
	my %oauth = (type => 'oauth2', token_url => 'http://127.0.0.1:' . $tokens->port . '/token', client_id => 'odoo');
	my $c = 10;
	foreach my $auth ({ type => 'basic', username => 'odoo' }, { type => 'scram-sha-256', username => 'odoo' }, { type => 'scram-sha-512', username => 'odoo' }, \%oauth)
	{
		my ($secret, $name) = $auth->{type} eq 'oauth2' ? ('client_secret', 'oauth2') : ('password', $auth->{type});
		$program->configure(++$c, { url => $secure, tls => \%own, auth => { %$auth, $secret => 'right' }, %policy });
		is($program->answer($program->send($c, topic => 'odoo.stock', body => "by $name")), 'K', "$name lets in");
		like(refused({ url => $secure, tls => \%own, auth => { %$auth, $secret => 'wrong' } }), qr/authentication|invalid_client/i, "$name: not with a wrong password");
	}
	$broker->kafka_admin('create', 'secret', 1);
	$broker->kafka_command('kafka.admin.AclCommand', qw(--add --deny-principal User:odoo --operation Write --topic secret --force));
	my ($kind, $text) = $program->answer($program->send($c, topic => 'secret', body => '1'));
	is("$kind: $text", 'F: secret: Broker: Topic authorization failed', 'a topic that an ACL denies');
};

subtest 'certificates are verified' => sub {
	my %config = (url => $secure, tls => \%own, auth => { type => 'basic', username => 'odoo', password => 'right' });
	like(refused({ %config, tls => { %own, ca => $pem{'other_ca.pem'} } }), qr/certificate verify failed|CA certificate/i, 'another authority: refused');
	like(refused({ %config, tls => { cert => $own{cert}, key => $own{key} } }), qr/certificate verify failed|CA certificate/i, 'the authorities of the system: refused');
	foreach my $name (qw(expired wrong))
	{
		my $listener = OdooBroker->tls_listener("$tls/$name.pem", "$tls/$name.key");
		like(refused({ %config, url => 'kafkas://localhost:' . $listener->port }), qr/certificate verify failed/, "$name: refused");
	}
};

subtest 'addresses outside the policy are not connected to' => sub {
	like(refused({ url => $url, policy => { allow_networks => ['10.0.0.0/8'] } }), qr/address 127\.0\.0\.1 is outside allow_networks/, 'the one of the URL');
	$program->configure(20, { url => 'kafka://127.0.0.1:' . $broker->outside_port, %policy, send_timeout_ms => 3000 });
	my ($kind, $text, $persisted) = $program->answer($program->send(20, topic => 'odoo.stock', body => '1'));
	like("$kind $persisted: $text", qr/^T 0: .*address 10\.9\.9\.9 is outside allow_networks/, 'one that the cluster tells of');
};

subtest 'a broker that hangs gives messages back' => sub {
	$program->configure(21, { url => $url, %policy, send_timeout_ms => 2000 });
	$program->wait_state(21, 1);
	is($program->answer($program->send(21, topic => 'odoo.stock', body => '1')), 'K', 'a message before');
	$broker->hang;
	my ($kind, $text, $persisted) = $program->answer($program->send(21, topic => 'odoo.stock', body => '2'));
	is("$kind $persisted", 'T 1', 'to be retried, since the broker may have it');
	$broker->wake;
	$program->wait(sub { $program->answer($program->send(21, topic => 'odoo.stock', body => '3')) eq 'K' }, 'acknowledged again');
	pass('it goes on');
};

subtest 'killed under load, nothing is lost, doubled or out of order' => sub {
	my $rounds = $ENV{ROUNDS} || 1;
	my ($n, $keys, $kills) = ($rounds * 1000 + 2000, 100, 0);
	$broker->kafka_admin('create', 'ledger', 3);
	my $again = $program->campaign(1, $n, $keys, sub { my ($i) = @_; return (topic => 'ledger', key => 'k' . $i % $keys, body => $i, headers => { ce_id => "ledger-$i" }) },
		sub { my ($done) = @_; return if $done < ($kills + 1) * 1000 || $kills == $rounds; $kills++; $broker->kill9; $broker->start; return });
	is($kills, $rounds, 'the broker was killed');
	is(scalar(keys %$again), 0, 'the library kept what was under way, and nothing was sent a second time');
	my @got = map { $_->{value} } sort { $a->{partition} <=> $b->{partition} || $a->{offset} <=> $b->{offset} } topic_has('ledger');
	is_deeply([ OdooProgram::judge(\@got, $n, $keys, {}) ], [], 'the topic has each message once, in order of its key');
};

subtest 'the program ends with its socket' => sub {
	$broker->hang;
	$program->send(1, topic => 'odoo.stock', body => 'x' x 1000) foreach 1 .. 100;
	$program->step(0.1);
	cmp_ok($program->stop, '<', 2, 'at once, whatever the broker does');
	$broker->wake;
};
done_testing();
