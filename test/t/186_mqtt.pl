# once: the program has nothing to do with PostgreSQL's version
# check-all: brokers must be installed
# odoo_events_mqtt against a real mosquitto, MQTT 5: QoS 1 and its reason codes, retained state, expiry, user properties; who we are, TLS, addresses; a
# broker that hangs or is killed under load.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Temp;
use OdooBroker;
use OdooProgram;
use Test::More;

plan skip_all => 'libmosquitto-dev is not installed' unless OdooProgram::path('mqtt');
my $dir = File::Temp->newdir;
chmod 0755, "$dir";
my $tls = OdooBroker::certificates("$dir/tls");
my $passwords = OdooBroker::write_file("$dir/passwords", "odoo:right\n");
my $acl = OdooBroker::write_file("$dir/acl", "user odoo\ntopic write plant/#\ntopic read #\n");
chmod 0644, $passwords, $acl;
plan skip_all => 'mosquitto is not installed' unless OdooBroker::installed('mosquitto') && OdooBroker::installed('mosquitto_passwd');
plan skip_all => 'mosquitto-clients is not installed' unless OdooBroker::installed('mosquitto_sub');
system('mosquitto_passwd', '-U', $passwords) == 0 or die 'mosquitto_passwd failed';
my $broker = OdooBroker->mosquitto;
my %policy = (policy => { allow_networks => ['127.0.0.0/8'] }, connect_timeout_ms => 3000, send_timeout_ms => 5000);
my $url = 'mqtt://127.0.0.1:' . $broker->port;
my $program = OdooProgram->start('mqtt');

# What a subscriber gets within a second: lines of the format.
sub subscriber
{
	my ($on, $topic, $format, @more) = @_;
	my $port = $on->port;
	return [ split /\n/, `mosquitto_sub -V 5 -h 127.0.0.1 -p $port -t '$topic' -F '$format' -W 1 @more 2>/dev/null` ];
}

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

subtest 'a message arrives with its properties, and a retained one is there for whoever connects later' => sub {
	is($program->{ready}{program}, 'odoo_events_mqtt', 'the program says what it is');
	$program->configure(1, { url => $url, %policy });
	$program->wait_state(1, 1);
	my %m = (topic => 'plant/WH/stock', headers => [ 'content-type' => 'application/json', id => 'id-1', source => 'a' ], expiry => 600);
	is($program->answer($program->send(1, %m, body => '{"n":1}', flags => 2)), 'K', 'acknowledged');
	is_deeply(subscriber($broker, 'plant/#', '%t|%p|%C|%P|%E|%q|%r', '-q', '1'), [ 'plant/WH/stock|{"n":1}|application/json|id:id-1 source:a|600|1|1' ],
		'topic, body, content type, user properties, expiry, QoS, retained');
	is($program->answer($program->send(1, topic => 'plant/WH/stock', flags => 3)), 'K', 'a tombstone is acknowledged');
	is_deeply(subscriber($broker, 'plant/#', '%p'), [], 'and ends the state');
	is($program->answer($program->send(1, topic => 'plant/WH/stock', flags => 4)), 'K', 'a ping is answered');
	like($program->{states}{1}[-1][1], qr/whether plant\/WH\/stock may be published to is known with the first message/, 'and says what it cannot know');
};

subtest 'what the broker does not take is refused in words' => sub {
	my ($kind, $text) = $program->answer($program->send(1, topic => 'plant/#', body => '{}'));
	like("$kind: $text", qr{^F: plant/#: }, 'a topic with a wildcard');
	my $guarded = OdooBroker->mosquitto(conf => "allow_anonymous false\npassword_file $passwords\nacl_file $acl\nmax_packet_size 20000\n");
	my $at = 'mqtt://127.0.0.1:' . $guarded->port;
	like(refused({ url => $at }), qr/not authori/i, 'nobody gets in without credentials');
	like(refused({ url => $at, auth => { type => 'basic', username => 'odoo', password => 'wrong' } }), qr/not authori/i, 'nor with a wrong password');
	$program->configure(2, { url => $at, %policy, auth => { type => 'basic', username => 'odoo', password => 'right' } });
	is($program->answer($program->send(2, topic => 'plant/a', body => '1')), 'K', 'the right password lets in');
	($kind, $text) = $program->answer($program->send(2, topic => 'office/a', body => '1'));
	like("$kind: $text", qr{^F: office/a: Not authorized \(0x87\)}, 'a topic that the ACL does not permit');
	# mosquitto 2.0.11 closes the connection after such an answer
	ok($program->wait(sub { $program->answer($program->send(2, topic => 'plant/a', body => '2')) eq 'K' }, 'the next message'), 'and the next message is taken');
	do { ($kind, $text) = $program->answer($program->send(2, topic => 'plant/a', body => 'x' x 30000)) } while ($kind eq 'T');
	like("$kind: $text", qr{^F: plant/a: .*(too large|oversize|packet size|larger than)}i, 'larger than the broker takes');
	$program->wait_state(2, 1);
	is($program->answer($program->send(2, topic => 'plant/a', body => '3')), 'K', 'and the next message is taken');
};

subtest 'certificates are verified' => sub {
	my %pem = map { $_ => OdooBroker::read_file("$tls/$_") } qw(ca.pem other_ca.pem client.pem client.key);
	foreach my $name (qw(good expired wrong))
	{
		my $secure = OdooBroker->mosquitto(conf => "allow_anonymous true\ncafile $tls/ca.pem\ncertfile $tls/$name.pem\nkeyfile $tls/$name.key\nrequire_certificate true\n");
		my %config = (url => 'mqtts://localhost:' . $secure->port, tls => { ca => $pem{'ca.pem'}, cert => $pem{'client.pem'}, key => $pem{'client.key'} });
		if ($name ne 'good') { like(refused(\%config), $name eq 'expired' ? qr/certificate has expired/ : qr/hostname mismatch/i, "$name: refused"); next }
		$program->configure(5, { %config, %policy });
		is($program->answer($program->send(5, topic => 'a', body => '1')), 'K', 'good: acknowledged, with a certificate of our own');
		$program->configure(6, { %config, url => 'mqtts://127.0.0.1:' . $secure->port, %policy });
		is($program->answer($program->send(6, topic => 'a', body => '1')), 'K', 'good: by its address, which the certificate has too');
		like(refused({ %config, tls => { ca => $pem{'other_ca.pem'} } }), qr/certificate verify failed/, 'another authority: refused');
		like(refused({ %config, tls => undef }), qr/certificate verify failed/, 'the authorities of the system: refused');
	}
};

subtest 'addresses outside the policy are not connected to' => sub {
	like(refused({ url => $url, policy => { allow_networks => ['10.0.0.0/8'] } }), qr/address 127\.0\.0\.1 is outside allow_networks/, 'the one of the URL');
};

subtest 'a broker that hangs gives messages back' => sub {
	$program->configure(7, { url => $url, %policy, send_timeout_ms => 1000 });
	$program->wait_state(7, 1);
	$broker->hang;
	my ($kind, $text, $persisted) = $program->answer($program->send(7, topic => 'hang', body => '1'));
	like("$kind $persisted: $text", qr/^T 1: .*no answer for 1000 ms/, 'to be retried, since the broker may have it');
	$broker->wake;
	$program->wait_state(7, 1);
	is($program->answer($program->send(7, topic => 'hang', body => '2')), 'K', 'the connection is made anew');
};

subtest 'the connection that is lost under load loses nothing, and keeps the order of each key' => sub {
	my ($n, $keys, $losses) = (2000, 50, 0);
	my $proxy = $broker->proxy;
	$program->configure(8, { url => 'mqtt://127.0.0.1:' . $proxy->port, %policy });
	$program->wait_state(8, 1);
	# the account of a session that lasts, since a subscriber would be cut off as well
	subscriber($broker, 'ledger/#', '', '-q', '1', '-c', '-i', 'ledger', '-x', '600');
	my $again = $program->campaign(8, $n, $keys, sub { my ($i) = @_; return (topic => 'ledger/' . $i % $keys, body => $i, headers => { id => "ledger-$i" }) },
		sub { my ($done) = @_; return if $done < ($losses + 1) * 600; $losses++; $proxy->kill9; $proxy->start; return });
	is($losses, 3, 'the connections were cut three times');
	is_deeply([ OdooProgram::judge(subscriber($broker, 'ledger/#', '%p', '-q', '1', '-c', '-i', 'ledger', '-x', '600'), $n, $keys, $again) ], [],
		'a subscriber got each message, in order of its key, and twice only what may have been');
	note(scalar(keys %$again) . ' messages were sent again');
};

subtest 'a broker that was killed is found again' => sub {
	$broker->kill9;
	like($program->wait_state(1, 0), qr/127\.0\.0\.1:\d+: /, 'the connection is down');
	my ($kind, $text, $persisted) = $program->answer($program->send(1, topic => 'a', body => '1'));
	is("$kind $persisted", 'T 0', 'a message goes back at once, and is known not to have been sent');
	$broker->start;
	$program->wait_state(1, 1);
	is($program->answer($program->send(1, topic => 'a', body => '1')), 'K', 'then it is acknowledged');
};

subtest 'the program ends with its socket' => sub {
	$broker->hang;
	$program->send(1, topic => 'x', body => 'x' x 1000) foreach 1 .. 100;
	$program->step(0.1);
	cmp_ok($program->stop, '<', 2, 'at once, whatever the broker does');
	$broker->wake;
};
done_testing();
