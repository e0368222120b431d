# small-disk: 64m
# once: the programs have nothing to do with PostgreSQL's version
# check-all: brokers must be installed
# What operators of brokers meet sooner or later: a full disk, and credentials or permissions that are taken away while messages flow.  No message is
# refused for a broker's trouble, what is not permitted is refused in the broker's words, and all goes on when the trouble is over.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Temp;
use JSON::PP;
use OdooBroker;
use OdooProgram;
use Test::More;

my $disk = $ENV{OE_SMALL_DISK};
plan skip_all => 'no file system that may be filled (OE_SMALL_DISK)' unless $disk;
my %policy = (policy => { allow_networks => ['127.0.0.0/8'] }, connect_timeout_ms => 5000, send_timeout_ms => 5000);

# Takes half of the disk away; removing the file is the room that an operator makes.
sub take_half { open(my $out, '>', "$disk/filler") or die "$disk: $!"; syswrite($out, 'x' x 1048576) foreach 1 .. 32; close $out; return }

# Sends messages of a megabyte until one is not acknowledged; answers what it was told, and the numbers of those that were.
sub until_not_acknowledged
{
	my ($program, $c, $make) = @_;
	my @good;
	foreach my $i (1 .. 200)
	{
		my ($kind, $text) = $program->answer($program->send($c, $make->($i), body => sprintf('%06d', $i) . 'x' x 500000));
		return ("$kind: $text", @good) if $kind ne 'K';
		push @good, $i;
	}
	return ('all were acknowledged', @good);
}

# Sends until one is acknowledged, none being refused.
sub acknowledged_again
{
	my ($program, $c, %m) = @_;
	my $kind = '';
	$program->wait(sub { ($kind) = $program->answer($program->send($c, %m)); $kind ne 'T' }, 'an answer that is final');
	return $kind;
}

subtest 'NATS: a full disk' => sub {
	take_half();
	my $program = OdooProgram->start('nats');
	my $broker = OdooBroker->nats(store => "$disk/js") or plan skip_all => 'nats-server is not installed';
	$broker->nats_request('$JS.API.STREAM.CREATE.ODOO', '{"name":"ODOO","subjects":["odoo.>"],"storage":"file"}');
	$program->configure(1, { url => 'nats://127.0.0.1:' . $broker->port, %policy });
	$program->wait_state(1, 1);
	my ($told, @good) = until_not_acknowledged($program, 1, sub { my ($i) = @_; return (topic => 'odoo.a', headers => { 'ce-id' => $i }) });
	like($told, qr/^T: /, "what does not fit is to be retried: $told");
	cmp_ok(scalar(@good), '>', 10, 'what fitted was acknowledged');
	$broker->kill9;
	unlink "$disk/filler";
	$broker->start;
	is(acknowledged_again($program, 1, topic => 'odoo.a', body => 'y', headers => { 'ce-id' => 'y' }), 'K', 'it goes on when there is room');
	my %kept = map { substr($_->{body}, 0, 6) + 0 => 1 } grep { $_->{body} =~ /^0/ } $broker->nats_stream('ODOO');
	is_deeply([ grep { !$kept{$_} } @good ], [], 'the stream has what was acknowledged');
};

subtest 'NATS: a login that is taken away' => sub {
	my $program = OdooProgram->start('nats');
	my $login = sub { my ($password) = @_; return "authorization { users: [ { user: odoo, password: $password }, { user: reader, password: other } ] }\n" };
	my $broker = OdooBroker->nats(conf => $login->('right')) or plan skip_all => 'nats-server is not installed';
	$broker->{login} = '{"verbose":false,"headers":true,"user":"reader","pass":"other"}';
	$broker->nats_request('$JS.API.STREAM.CREATE.ODOO', '{"name":"ODOO","subjects":["odoo.>"],"storage":"memory"}');
	$program->configure(1, { url => 'nats://127.0.0.1:' . $broker->port, %policy, auth => { type => 'basic', username => 'odoo', password => 'right' } });
	is($program->answer($program->send(1, topic => 'odoo.a', body => '1')), 'K', 'it lets in');
	my $conf = OdooBroker::read_file($broker->dir . '/conf');
	foreach my $password (qw(changed right))
	{
		OdooBroker::write_file($broker->dir . '/conf', $conf =~ s/password: right/password: $password/r);
		kill 'HUP', $broker->{pid};
		if ($password eq 'right') { is(acknowledged_again($program, 1, topic => 'odoo.a', body => '3'), 'K', 'it goes on with the right one'); next }
		like($program->wait_state(1, 0, qr/authorization/i), qr/authorization/i, 'the connection ends, and it is said why');
		my ($kind, $text) = $program->answer($program->send(1, topic => 'odoo.a', body => '2'));
		like("$kind: $text", qr/^T: .*authorization/i, 'messages wait');
	}
};

subtest 'RabbitMQ: an alarm of the disk, and permissions that are taken away' => sub {
	my $program = OdooProgram->start('amqp');
	my $broker = OdooBroker->rabbitmq or plan skip_all => 'rabbitmq-server is not installed';
	plan skip_all => 'python3-pika is not installed' if system("/usr/bin/python3 -c 'import pika' 2>/dev/null");
	$broker->rabbit('setup', 'odoo', 'erp', 'odoo.#');
	$broker->rabbit_control('add_user', 'odoo', 'right');
	$broker->rabbit_control('set_permissions', 'odoo', '^$', '^odoo$', '^$');
	$program->configure(1, { url => 'amqp://127.0.0.1:' . $broker->port . '/%2F', %policy, auth => { type => 'basic', username => 'odoo', password => 'right' }, transport => { exchange => 'odoo' } });
	is($program->answer($program->send(1, topic => 'odoo.a', body => '1', headers => { id => 1 })), 'K', 'it lets in');
	$broker->rabbit_control('set_disk_free_limit', '900GB');
	my ($kind, $text) = $program->answer($program->send(1, topic => 'odoo.a', body => '2', headers => { id => 2 }));
	like("$kind: $text", qr/^T: .*takes no messages at present: low on disk/, 'with the alarm messages wait, and it is said why');
	$broker->rabbit_control('set_disk_free_limit', '1MB');
	is(acknowledged_again($program, 1, topic => 'odoo.a', body => '3', headers => { id => 3 }), 'K', 'and go on when it is over');
	$broker->rabbit_control('clear_permissions', 'odoo');
	# the broker remembers a permission for the connection's life
	$broker->rabbit_control('close_all_connections', 'test');
	$program->wait(sub { ($kind, $text) = $program->answer($program->send(1, topic => 'odoo.a', body => '4', headers => { id => 4 })); $text =~ /refused/i }, 'refused');
	like("$kind: $text", qr/^T: .*(NOT_ALLOWED|ACCESS_REFUSED|refused)/, "without any permission messages wait: $text");
	$broker->rabbit_control('set_permissions', 'odoo', '^$', '^other$', '^$');
	$program->wait(sub { ($kind, $text) = $program->answer($program->send(1, topic => 'odoo.a', body => '5', headers => { id => 5 })); $kind eq 'F' }, 'a final answer');
	like("$kind: $text", qr/^F: 403 ACCESS_REFUSED.*exchange 'odoo'/, 'an exchange that is not permitted is refused in the words of the broker');
	$broker->rabbit_control('set_permissions', 'odoo', '^$', '^odoo$', '^$');
	is(acknowledged_again($program, 1, topic => 'odoo.a', body => '6', headers => { id => 6 }), 'K', 'and it goes on when it is permitted again');
	$broker->rabbit_control('change_password', 'odoo', 'changed');
	$broker->rabbit_control('close_all_connections', 'test');
	like($program->wait_state(1, 0, qr/ACCESS_REFUSED/), qr/ACCESS_REFUSED/, 'a password that was changed ends the connection, and it is said why');
};

subtest 'MQTT: a password that is changed' => sub {
	plan skip_all => 'mosquitto is not installed' unless OdooBroker::installed('mosquitto') && OdooBroker::installed('mosquitto_passwd');
	my $program = OdooProgram->start('mqtt');
	my $dir = File::Temp->newdir;
	chmod 0755, "$dir";
	my $password = sub { my ($word) = @_; OdooBroker::write_file("$dir/passwords", "odoo:$word\n"); chmod 0644, "$dir/passwords"; system('mosquitto_passwd', '-U', "$dir/passwords") == 0 or die 'mosquitto_passwd'; return };
	$password->('right');
	my $broker = OdooBroker->mosquitto(conf => "allow_anonymous false\npassword_file $dir/passwords\n");
	$program->configure(1, { url => 'mqtt://127.0.0.1:' . $broker->port, %policy, auth => { type => 'basic', username => 'odoo', password => 'right' } });
	is($program->answer($program->send(1, topic => 'a', body => '1')), 'K', 'it lets in');
	$password->('changed');
	$broker->kill9;
	$broker->start;
	$program->wait_state(1, 0, qr/not authorized/i);
	my ($kind, $text) = $program->answer($program->send(1, topic => 'a', body => '2'));
	like("$kind: $text", qr/^T: .*not authorized/i, 'messages wait, and it is said why');
	$password->('right');
	kill 'HUP', $broker->{pid};
	is(acknowledged_again($program, 1, topic => 'a', body => '3'), 'K', 'and go on with the right one');
};

subtest 'Kafka: a full disk, and a login that is taken away' => sub {
	plan skip_all => 'python3-confluent-kafka is not installed' if system("/usr/bin/python3 -c 'import confluent_kafka' 2>/dev/null");
	my $program = OdooProgram->start('kafka');
	system("rm -rf '$disk/js'");
	take_half();
	my $scram = 'listener.name.client.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;';
	my $broker = OdooBroker->kafka(protocol => 'SASL_PLAINTEXT', data => "$disk/kafka", conf => "listener.name.client.sasl.enabled.mechanisms=SCRAM-SHA-512\n$scram\nlistener.name.client.connections.max.reauth.ms=2000\nlog.index.size.max.bytes=65536\n",
		format => [ '--add-scram', "'SCRAM-SHA-512=[name=odoo,password=right]'" ]);
	plan skip_all => 'Apache Kafka (java, mvn) is not installed' unless $broker;
	$broker->kafka_admin('create', 'odoo', 1, 'segment.bytes=10485760');
	$program->configure(1, { url => 'kafka://127.0.0.1:' . $broker->port, %policy, auth => { type => 'scram-sha-512', username => 'odoo', password => 'right' } });
	$program->wait_state(1, 1);
	is($program->answer($program->send(1, topic => 'odoo', body => '000000')), 'K', 'it lets in');
	$broker->kafka_command('kafka.admin.ConfigCommand', '--alter', '--delete-config', 'SCRAM-SHA-512', '--entity-type', 'users', '--entity-name', 'odoo');
	my ($kind, $text);
	$program->wait(sub { ($kind, $text) = $program->answer($program->send(1, topic => 'odoo', body => '000001')); $kind ne 'K' }, 'the login is gone');
	like("$kind: $text", qr/^T: .*authentication/i, "messages wait, and it is said why");
	$broker->kafka_command('kafka.admin.ConfigCommand', '--alter', '--add-config', 'SCRAM-SHA-512=[password=right]', '--entity-type', 'users', '--entity-name', 'odoo');
	is(acknowledged_again($program, 1, topic => 'odoo', body => '000002'), 'K', 'and go on with the login');
	my ($told, @good) = until_not_acknowledged($program, 1, sub { return (topic => 'odoo') });
	like($told, qr/^T: /, "what does not fit is to be retried: $told");
	cmp_ok(scalar(@good), '>', 10, 'what fitted was acknowledged');
	$broker->kill9;
	unlink "$disk/filler";
	$broker->start;
	is(acknowledged_again($program, 1, topic => 'odoo', body => '000003'), 'K', 'it goes on when there is room');
	my %kept = map { substr(decode_json($_)->{value}, 0, 6) + 0 => 1 } split /\n/, $broker->kafka_admin('read', 'odoo');
	is_deeply([ grep { !$kept{$_} } @good ], [], 'the topic has what was acknowledged');
};
done_testing();
