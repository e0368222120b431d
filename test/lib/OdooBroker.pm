# Real brokers for tests, each on free ports of the loopback interface, in a directory of its own, that can be killed and started again.
#
#   my $broker = OdooBroker->nats;                     # undef where it is not installed
#   my $broker = OdooBroker->mosquitto(conf => '...'); # likewise rabbitmq(), nats(conf => ...), kafka()
#   $broker->port; $broker->kill9; $broker->hang; $broker->wake; $broker->start; $broker->log
#   my $tls = OdooBroker::certificates($dir);          # paths: ca, other_ca, good, good_key, expired, wrong (each .pem), client
package OdooBroker;
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Path qw(make_path);
use File::Temp;
use File::Spec;
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64;
use POSIX ();
use Time::HiRes qw(time sleep);

my $top = File::Spec->rel2abs(dirname(__FILE__) . '/../..');
my $timeout = $ENV{PG_TEST_TIMEOUT_DEFAULT} || 120;
my @all;

sub installed { my ($program) = @_; return (grep { -x } map { "$_/$program" } split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/lib/rabbitmq/bin')[0] }

# A port that nobody listens on at present.
sub free_port
{
	my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => 0, ReuseAddr => 1) or die "no port: $!";
	return $socket->sockport;
}

sub write_file
{
	my ($path, $text) = @_;
	open(my $out, '>', $path) or die "$path: $!";
	print $out $text;
	close $out;
	return $path;
}
sub read_file { my ($path) = @_; open(my $in, '<', $path) or return ''; local $/; return scalar <$in> }

sub _new
{
	my ($class, $kind) = @_;
	my $self = bless { kind => $kind, dir => File::Temp->newdir("oe-$kind-XXXXXX", TMPDIR => 1), port => free_port(), env => {} }, $class;
	chmod 0755, "$self->{dir}";
	push @all, $self;
	return $self;
}
sub port { return $_[0]{port} }
sub plain_port { return $_[0]{plain} }
sub outside_port { return $_[0]{outside} }
sub dir { return "$_[0]{dir}" }
sub log { return read_file("$_[0]{dir}/log") }

# Starts the program, in a process group of its own, and waits until it listens.
sub start { my ($self) = @_; return $self->launch->await }

sub launch
{
	my ($self) = @_;
	my $pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		setpgrp(0, 0);
		%ENV = (%ENV, %{ $self->{env} });
		open(STDIN, '<', '/dev/null');
		open(STDOUT, '>>', "$self->{dir}/log");
		open(STDERR, '>>', "$self->{dir}/log");
		POSIX::close($_) foreach 3 .. 20;
		# so that it ends with a test that is killed
		my $setpriv = installed('setpriv');
		exec($setpriv ? ($setpriv, '--pdeathsig', 'KILL') : (), @{ $self->{command} }) or POSIX::_exit(127);
	}
	$self->{pid} = $pid;
	return $self;
}

sub await
{
	my ($self) = @_;
	my $until = time + $timeout;
	until ($self->listens)
	{
		die "$self->{kind} does not start: " . $self->log if time > $until || waitpid($self->{pid}, POSIX::WNOHANG()) == $self->{pid};
		sleep 0.05;
	}
	return $self;
}

sub listens
{
	my ($self) = @_;
	return $self->{ready}->() if $self->{ready};
	return !!IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, Timeout => 1);
}

sub _signal { my ($self, $signal) = @_; kill $signal, -$self->{pid} if $self->{pid}; return }

# A thread that is at work stops a moment after the signal was sent.
sub hang
{
	my ($self) = @_;
	my $stopped = sub { my @state = map { read_file($_) =~ /^\d+ \(.*\) (\w)/s ? $1 : () } glob("/proc/$self->{pid}/task/*/stat"); return !grep { $_ ne 'T' } @state };
	$self->_signal('STOP');
	my $until = time + $timeout;
	sleep 0.01 until $stopped->() || time > $until;
	return;
}
sub wake { $_[0]->_signal('CONT'); return }

sub kill9
{
	my ($self) = @_;
	local ($?, $!);
	return unless $self->{pid};
	$self->_signal('KILL');
	$self->_signal('CONT');
	waitpid($self->{pid}, 0);
	delete $self->{pid};
	return;
}
sub DESTROY { $_[0]->kill9; return }
END { local $?; $_->kill9 foreach grep { defined } @all }

# Stands between a program and this broker, so that a test can cut the connections: kill9 and start of what this answers.
sub proxy
{
	my ($self) = @_;
	my $proxy = OdooBroker->_new('proxy');
	$proxy->{command} = [ $^X, "$top/test/lib/proxy.pl", $proxy->{port}, $self->{port} ];
	return $proxy->start;
}

# JetStream keeps its streams in the directory, or in that of store; conf is more of nats-server's configuration, jetstream of that block.
sub nats
{
	my ($class, %option) = @_;
	my $server = installed('nats-server') or return undef;
	my $self = $class->_new('nats');
	write_file("$self->{dir}/conf", "listen: 127.0.0.1:$self->{port}\njetstream { store_dir: \"" . ($option{store} // "$self->{dir}/js") . '" ' . ($option{jetstream} // '') . " }\n" . ($option{conf} // ''));
	$self->{command} = [ $server, '-c', "$self->{dir}/conf" ];
	return $self->start;
}

# A request to NATS by its text protocol; answers the reply.
sub nats_request
{
	my ($self, $subject, $payload) = @_;
	my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}) or die "nats: $!";
	my $login = $self->{login} // '{"verbose":false,"headers":true}';
	print $socket "CONNECT $login\r\nSUB in.1 1\r\nPUB $subject in.1 " . length($payload) . "\r\n$payload\r\n";
	while (my $line = <$socket>)
	{
		die "nats: $line" if $line =~ /^-ERR/;
		next unless $line =~ /^MSG \S+ \S+ (\d+)/;
		read($socket, my $reply, $1);
		return $reply;
	}
	die 'nats: no reply';
}

# What a stream has, in its order: subject, headers, body.
sub nats_stream
{
	my ($self, $stream) = @_;
	my $last = decode_json($self->nats_request("\$JS.API.STREAM.INFO.$stream", ''))->{state}{last_seq};
	return map {
		my $m = decode_json($self->nats_request("\$JS.API.STREAM.MSG.GET.$stream", qq({"seq":$_})))->{message};
		{ subject => $m->{subject}, headers => decode_base64($m->{hdrs} // ''), body => decode_base64($m->{data} // '') }
	} 1 .. $last;
}

sub mosquitto
{
	my ($class, %option) = @_;
	my $server = installed('mosquitto') or return undef;
	my $self = $class->_new('mosquitto');
	my $user = getpwuid($<);
	write_file("$self->{dir}/conf", "listener $self->{port} 127.0.0.1\nuser $user\npersistence true\npersistence_location $self->{dir}/\nautosave_interval 1\nautosave_on_changes true\n"
		  . "max_queued_messages 0\nmax_inflight_messages 0\n" . ($option{conf} // "allow_anonymous true\n"));
	$self->{command} = [ $server, '-c', "$self->{dir}/conf" ];
	return $self->start;
}

# Not Debian's wrapper, which wants to be root. conf is of rabbitmq.conf.
sub rabbitmq
{
	my ($class, %option) = @_;
	my ($server) = grep { -x } '/usr/lib/rabbitmq/bin/rabbitmq-server' or return undef;
	my $self = $class->_new('rabbitmq');
	my ($dist, $epmd) = (free_port(), free_port());
	write_file("$self->{dir}/rabbitmq.conf", "listeners.tcp.1 = 127.0.0.1:$self->{port}\nloopback_users.guest = true\n" . ($option{conf} // ''));
	write_file("$self->{dir}/plugins", '[].');
	$self->{env} = {
		HOME => $self->dir, RABBITMQ_NODENAME => "oe$self->{port}\@localhost", RABBITMQ_DIST_PORT => $dist, RABBITMQ_MNESIA_BASE => "$self->{dir}/mnesia",
		RABBITMQ_LOG_BASE => "$self->{dir}/rabbitmq-log", RABBITMQ_CONFIG_FILE => "$self->{dir}/rabbitmq.conf", RABBITMQ_ENABLED_PLUGINS_FILE => "$self->{dir}/plugins",
		RABBITMQ_PID_FILE => "$self->{dir}/rabbitmq.pid", ERL_EPMD_ADDRESS => '127.0.0.1', ERL_EPMD_PORT => $epmd,
		RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS => '+S 1:1 -kernel inet_dist_use_interface {127,0,0,1}' };
	# a server of its own for the names of Erlang's nodes, so that it ends with the broker
	my ($epmd_program) = (installed('epmd'), glob('/usr/lib/erlang/erts-*/bin/epmd'));
	$self->{command} = [ 'sh', '-c', "'$epmd_program' & exec '$server'" ];
	return $self->start;
}

# test/lib/rabbit.py; answers its output.
sub rabbit
{
	my ($self, @arguments) = @_;
	my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
	my $line = join(' ', map { qq{'$_'} } $python, "$top/test/lib/rabbit.py", $self->{port}, @arguments);
	my $out = `$line 2>$self->{dir}/rabbit.err`;
	die "rabbit.py @arguments: " . read_file("$self->{dir}/rabbit.err") if $?;
	return $out;
}

# rabbitmqctl for this broker.
sub rabbit_control
{
	my ($self, @arguments) = @_;
	my $pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		%ENV = (%ENV, %{ $self->{env} });
		open(STDOUT, '>>', "$self->{dir}/control.log");
		open(STDERR, '>&', \*STDOUT);
		exec('/usr/lib/rabbitmq/bin/rabbitmqctl', '-n', $self->{env}{RABBITMQ_NODENAME}, @arguments) or POSIX::_exit(127);
	}
	waitpid($pid, 0);
	die "rabbitmqctl @arguments: " . read_file("$self->{dir}/control.log") if $?;
	return;
}

# An OAuth2 token endpoint for the client "odoo", "right": tokens without signature, which Kafka takes unless it is told otherwise.
sub token_endpoint
{
	my ($class) = @_;
	my $self = $class->_new('token');
	my $encode = sub { my $t = encode_base64($_[0], ''); $t =~ tr{+/=}{-_}d; return $t };
	my $token = $encode->('{"alg":"none"}') . '.' . $encode->(sprintf('{"sub":"odoo","iat":%d,"exp":%d}', time - 10, time + 3600)) . '.';
	my $basic = encode_base64('odoo:right', '');
	$self->{command} = [ $^X, '-MIO::Socket::INET', '-e', <<'PERL', $self->{port}, $token, $basic ];
my ($port, $token, $basic) = @ARGV;
my $server = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', LocalPort => $port, ReuseAddr => 1) or die;
while (my $c = $server->accept)
{
	my ($request, $length) = ('', 0);
	while (my $line = <$c>) { $request .= $line; $length = $1 if $line =~ /^Content-Length: (\d+)/i; last if $line eq "\r\n"; }
	read($c, my $body, $length) if $length;
	my $good = $request =~ /^Authorization: Basic \Q$basic\E\r$/mi && $body =~ /grant_type=client_credentials/;
	my $answer = $good ? qq({"access_token":"$token","token_type":"bearer","expires_in":3600}) : '{"error":"invalid_client"}';
	print $c 'HTTP/1.1 ', $good ? '200 OK' : '401 Unauthorized', "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ", length($answer), "\r\n\r\n$answer";
	close $c;
}
PERL
	return $self->start;
}

# Listens with a certificate and never says more than TLS does: where only the handshake matters.
sub tls_listener
{
	my ($class, $certificate, $key) = @_;
	my $self = $class->_new('tls');
	$self->{command} = [ 'openssl', 's_server', '-quiet', '-accept', "127.0.0.1:$self->{port}", '-cert', $certificate, '-key', $key ];
	return $self->start;
}

# Apache Kafka: one node that is broker and controller. conf is of server.properties, format are arguments of its formatting. It listens at port() with
# the protocol (PLAINTEXT), at plain_port() without anything, and at outside_port(), where clients are told that it is at 10.9.9.9.
sub kafka { my ($class, %option) = @_; my $self = $class->_kafka(%option); return $self && $self->start }

# So many nodes of one cluster, which keep each topic three times and acknowledge what two of them have.
sub kafka_cluster
{
	my ($class, $nodes) = @_;
	my @controllers = map { free_port() } 1 .. $nodes;
	my $voters = join(',', map { ($_ + 1) . '@127.0.0.1:' . $controllers[$_] } 0 .. $#controllers);
	my @cluster = map {
		$class->_kafka(node => $_, controller => $controllers[ $_ - 1 ], voters => $voters, java => ['-Xmx224m'],
			conf => "default.replication.factor=3\nmin.insync.replicas=2\nreplica.lag.time.max.ms=5000\nbroker.session.timeout.ms=6000\n")
	} 1 .. $nodes;
	return if grep { !$_ } @cluster;
	$_->launch foreach @cluster;
	return map { $_->await } @cluster;
}

sub _kafka
{
	my ($class, %option) = @_;
	my $jars = `'$top/test/kafka/fetch.sh' 2>/dev/null`;
	chomp $jars;
	return undef if $? || !$jars;
	my $self = $class->_new('kafka');
	my $controller = $option{controller} // free_port();
	my $node = $option{node} // 1;
	my $voters = $option{voters} // "1\@127.0.0.1:$controller";
	my $data = $option{data} // "$self->{dir}/data";
	my $host = $option{host} // '127.0.0.1';
	my $protocol = $option{protocol} // 'PLAINTEXT';
	($self->{plain}, $self->{outside}) = (free_port(), free_port());
	write_file("$self->{dir}/server.properties", <<CONF . ($option{conf} // ''));
process.roles=broker,controller
node.id=$node
controller.quorum.voters=$voters
controller.listener.names=CONTROLLER
inter.broker.listener.name=INNER
listeners=CLIENT://127.0.0.1:$self->{port},INNER://127.0.0.1:$self->{plain},OUTSIDE://127.0.0.1:$self->{outside},CONTROLLER://127.0.0.1:$controller
advertised.listeners=CLIENT://$host:$self->{port},INNER://127.0.0.1:$self->{plain},OUTSIDE://10.9.9.9:$self->{outside}
listener.security.protocol.map=CLIENT:$protocol,INNER:PLAINTEXT,OUTSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
log.segment.bytes=104857600
CONF
	write_file("$self->{dir}/log4j.properties", "log4j.rootLogger=WARN,out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n"
		  . "log4j.appender.out.layout=org.apache.log4j.PatternLayout\nlog4j.appender.out.layout.ConversionPattern=%d %p %c %m%n\n");
	my @java = ('java', '-Xmx512m', '-Xshare:auto', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', "-Dlog4j.configuration=file:$self->{dir}/log4j.properties",
		@{ $option{java} // [] }, '-cp', "$jars/*");
	$self->{java} = \@java;
	system("@{[ map { qq{'$_'} } @java ]} kafka.tools.StorageTool format -t AAAAAAAAAAAAAAAAAAAAAQ -c '$self->{dir}/server.properties' @{ $option{format} // [] } >'$self->{dir}/format.log' 2>&1") == 0
	  or die 'kafka cannot be formatted: ' . read_file("$self->{dir}/format.log");
	$self->{command} = [ @java, 'kafka.Kafka', "$self->{dir}/server.properties" ];
	return $self;
}

# test/kafka/admin.py against the listener without authentication; answers its output.
sub kafka_admin
{
	my ($self, @arguments) = @_;
	my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
	my $line = join(' ', map { qq{'$_'} } $python, "$top/test/kafka/admin.py", "127.0.0.1:$self->{plain}", @arguments);
	my $out = `$line 2>$self->{dir}/admin.err`;
	die "admin.py @arguments: " . read_file("$self->{dir}/admin.err") if $?;
	return $out;
}

# One of Kafka's own command classes.
sub kafka_command
{
	my ($self, $class, @arguments) = @_;
	my $line = join(' ', map { qq{'$_'} } @{ $self->{java} }, $class, '--bootstrap-server', "127.0.0.1:$self->{plain}", @arguments);
	my $out = `$line 2>&1`;
	die "$class @arguments: $out" if $?;
	return $out;
}

# Certificates of two authorities. "wrong" is for another host.
sub certificates
{
	my ($dir) = @_;
	make_path($dir);
	my $run = sub { system(@_, '2>/dev/null') == 0 };
	my $openssl = sub { my $line = join(' ', 'openssl', @_); system("cd '$dir' && $line >/dev/null 2>&1") == 0 or die "openssl: $line" };
	foreach my $ca (qw(ca other_ca))
	{
		$openssl->("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=$ca -keyout $ca.key -out $ca.pem -addext basicConstraints=critical,CA:TRUE");
	}
	write_file("$dir/db", '');
	write_file("$dir/db.attr", "unique_subject = no\n");
	write_file("$dir/ca.conf", "[ca]\ndefault_ca=d\n[d]\ndatabase=$dir/db\nnew_certs_dir=$dir\nrand_serial=yes\ndefault_md=sha256\npolicy=p\ncopy_extensions=copy\n[p]\ncommonName=supplied\n");
	my %names = (good => 'DNS:localhost,IP:127.0.0.1', expired => 'DNS:localhost,IP:127.0.0.1', wrong => 'DNS:elsewhere.example', client => 'DNS:client');
	foreach my $name (sort keys %names)
	{
		$openssl->("req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=$name -keyout $name.key -out $name.csr -addext subjectAltName=$names{$name}");
		my $dates = $name eq 'expired' ? '-startdate 20200101000000Z -enddate 20200201000000Z' : '-days 30';
		$openssl->("ca -batch -notext -config ca.conf -cert ca.pem -keyfile ca.key $dates -in $name.csr -out $name.pem");
	}
	chmod 0644, glob("$dir/*.key");
	return $dir;
}

1;
