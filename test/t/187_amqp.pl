# once: the program has nothing to do with PostgreSQL's version
# check-all: brokers must be installed
# odoo_events_amqp against a real RabbitMQ: confirmed is what a queue keeps, returned is a refusal; properties and headers; errors that close the channel
# find the message to blame; who we are, TLS, addresses; a broker that hangs or is killed under load.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Temp;
use JSON::PP;
use OdooBroker;
use OdooProgram;
use Test::More;

plan skip_all => 'librabbitmq-dev is not installed' unless OdooProgram::path('amqp');
plan skip_all => 'python3-pika is not installed' if system("/usr/bin/python3 -c 'import pika' 2>/dev/null");
my $dir = File::Temp->newdir;
chmod 0755, "$dir";
my $tls = OdooBroker::certificates("$dir/tls");
my $tls_port = OdooBroker::free_port();
my $broker = OdooBroker->rabbitmq(conf => <<CONF) or plan skip_all => 'rabbitmq-server is not installed';
max_message_size = 100000
listeners.ssl.1 = 127.0.0.1:$tls_port
ssl_options.cacertfile = $tls/ca.pem
ssl_options.certfile = $tls/good.pem
ssl_options.keyfile = $tls/good.key
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
CONF
my %policy = (policy => { allow_networks => ['127.0.0.0/8'] }, connect_timeout_ms => 3000, send_timeout_ms => 5000, transport => { exchange => 'odoo' });
my $url = 'amqp://127.0.0.1:' . $broker->port . '/%2F';
my $program = OdooProgram->start('amqp');
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

subtest 'a message is acknowledged when a queue keeps it, with its properties' => sub {
	is($program->{ready}{program}, 'odoo_events_amqp', 'the program says what it is');
	$broker->rabbit('setup', 'odoo', 'erp', 'odoo.#');
	$program->configure(1, { url => $url, %policy });
	$program->wait_state(1, 1);
	my %headers = ('content-type' => 'application/json', cloudEvents_id => 'id-1', cloudEvents_type => 'odoo.stock.moved.v1');
	is($program->answer($program->send(1, topic => 'odoo.stock', body => '{"n":1}', headers => \%headers, timestamp => 1700000000123, expiry => 600)), 'K', 'acknowledged');
	my @kept = map { decode_json($_) } split /\n/, $broker->rabbit('read', 'erp');
	delete $headers{'content-type'};
	is_deeply(\@kept, [ { routing_key => 'odoo.stock', body => '{"n":1}', content_type => 'application/json', delivery_mode => 2, message_id => 'id-1', timestamp => 1700000000,
				type => 'odoo.stock.moved.v1', expiration => '600000', headers => \%headers } ], 'the queue keeps it, persistent');
	is($program->answer($program->send(1, topic => 'odoo.stock', flags => 4)), 'K', 'a ping is answered');
	is($broker->rabbit('read', 'erp'), '', 'without a message');
};

subtest 'what no queue takes, or the broker does not, is refused in words' => sub {
	my @items = map { $program->send(1, topic => $_, body => '1', headers => { id => $_ }) } qw(odoo.a nobody.b odoo.c nobody.d);
	my @answers = map { my @a = $program->answer($_); "$a[0] $a[1]" } @items;
	is_deeply(\@answers, [ 'K ', 'F no queue of exchange "odoo" takes routing key nobody.b: 312 NO_ROUTE', 'K ', 'F no queue of exchange "odoo" takes routing key nobody.d: 312 NO_ROUTE' ],
		'the messages that came back, and no others');
	# larger than the broker takes closes the channel, whatever else is under way
	my %body = (1 => 'small', 2 => 'x' x 200000, 3 => 'small');
	my %left = map { $_ => 1 } keys %body;
	my @refused;
	while (%left)
	{
		my %item = map { $_ => $program->send(1, topic => 'odoo.size', body => $body{$_}, headers => { id => "size-$_" }) } sort keys %left;
		foreach my $i (sort keys %item)
		{
			my ($kind, $text) = $program->answer($item{$i});
			push @refused, "$i: $text" if $kind eq 'F';
			delete $left{$i} if $kind ne 'T';
		}
	}
	is(scalar @refused, 1, 'one message is refused');
	like($refused[0], qr/^2: 406 PRECONDITION_FAILED - message size 200000 is larger than configured max size 100000/, 'the one that is too large, in the words of the broker');
	$program->configure(2, { url => $url, %policy, transport => { exchange => 'none' } });
	my ($kind, $text) = $program->answer($program->send(2, topic => 'odoo.a', flags => 4));
	like("$kind: $text", qr/^F: 404 NOT_FOUND - no exchange 'none'/, 'a ping says that there is no such exchange');
	($kind, $text) = $program->answer($program->send(2, topic => 'odoo.a', body => '1'));
	like("$kind: $text", qr/^T: .*404 NOT_FOUND - no exchange 'none'/, 'a message waits for it, since that is nothing about the message');
	$broker->rabbit('setup', 'odoo', 'full', 'full.#', 1);
	($kind, $text) = $program->answer($program->send(1, topic => 'full.a', body => $_)) foreach 1 .. 3;
	like("$kind: $text", qr/^T: .*nack/, 'a queue that is full gives it back');
};

subtest 'passwords and certificates are verified' => sub {
	like(refused({ url => $url, auth => { type => 'basic', username => 'guest', password => 'wrong' } }), qr/403 ACCESS_REFUSED/, 'a wrong password');
	like(refused({ url => 'amqp://127.0.0.1:' . $broker->port . '/none' }), qr/none|not found|NOT_ALLOWED/i, 'a virtual host that does not exist');
	my %pem = map { $_ => OdooBroker::read_file("$tls/$_") } qw(ca.pem other_ca.pem client.pem client.key);
	my %config = (url => "amqps://localhost:$tls_port/%2F", auth => { type => 'basic', username => 'guest', password => 'guest' },
		tls => { ca => $pem{'ca.pem'}, cert => $pem{'client.pem'}, key => $pem{'client.key'} });
	$program->configure(5, { %config, %policy });
	is($program->answer($program->send(5, topic => 'odoo.tls', body => '1')), 'K', 'good: acknowledged, with a certificate of our own');
	like(refused({ %config, tls => { ca => $pem{'other_ca.pem'} } }), qr/certificate verify failed/, 'another authority: refused');
	like(refused({ %config, tls => undef }), qr/certificate verify failed/, 'the authorities of the system: refused');
	foreach my $name (qw(expired wrong))
	{
		my $listener = OdooBroker->tls_listener("$tls/$name.pem", "$tls/$name.key");
		like(refused({ %config, url => 'amqps://localhost:' . $listener->port }), $name eq 'expired' ? qr/certificate has expired/ : qr/hostname mismatch/i, "$name: refused");
	}
};

subtest 'addresses outside the policy are not connected to' => sub {
	like(refused({ url => $url, policy => { allow_networks => ['10.0.0.0/8'] } }), qr/address 127\.0\.0\.1 is outside allow_networks/, 'the one of the URL');
};

subtest 'a broker that hangs gives messages back' => sub {
	$program->configure(6, { url => $url, %policy, send_timeout_ms => 1000 });
	$program->wait_state(6, 1);
	$broker->hang;
	my ($kind, $text, $persisted) = $program->answer($program->send(6, topic => 'odoo.hang', body => '1'));
	like("$kind $persisted: $text", qr/^T 1: .*no confirm for 1000 ms/, 'to be retried, since the broker may have it');
	$broker->wake;
	$program->wait_state(6, 1);
	is($program->answer($program->send(6, topic => 'odoo.hang', body => '2')), 'K', 'the connection is made anew');
};

subtest 'killed under load, nothing is lost, and the order of each key is kept' => sub {
	my $rounds = $ENV{ROUNDS} || 1;
	my ($n, $keys, $kills) = ($rounds * 700 + 800, 50, 0);
	$broker->rabbit('setup', 'odoo', 'ledger', 'ledger.#');
	my $again = $program->campaign(1, $n, $keys, sub { my ($i) = @_; return (topic => 'ledger.' . $i % $keys, body => $i, headers => { id => "ledger-$i" }) },
		sub { my ($done) = @_; return if $done < ($kills + 1) * 700 || $kills == $rounds; $kills++; $broker->kill9; $broker->start; return });
	is($kills, $rounds, 'the broker was killed');
	my @got = map { decode_json($_)->{body} } split /\n/, $broker->rabbit('read', 'ledger');
	is_deeply([ OdooProgram::judge(\@got, $n, $keys, $again) ], [], 'the queue has each message, in order of its key, and twice only what may have been');
	note(scalar(keys %$again) . ' messages were sent again');
};

subtest 'the program ends with its socket' => sub {
	$broker->hang;
	$program->send(1, topic => 'odoo.x', body => 'x' x 1000) foreach 1 .. 100;
	$program->step(0.1);
	cmp_ok($program->stop, '<', 2, 'at once, whatever the broker does');
	$broker->wake;
};
done_testing();
