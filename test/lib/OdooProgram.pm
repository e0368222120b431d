# Drives a helper program (programs/) over its socket, as the worker does, and starts the brokers that it talks to.
#
#   my $program = OdooProgram->start('nats');                          # skips the caller's tests where it was not built
#   $program->configure(1, { url => 'nats://127.0.0.1:4222', policy => { allow_networks => ['127.0.0.0/8'] } });
#   my $item = $program->send(1, topic => 'a.b', body => '{}', headers => { 'ce-id' => 1 });
#   my ($kind, $text) = $program->answer($item);                       # K, F or T
#   $program->wait_state(1, 1);                                        # waits until connection 1 is up
#
#   my $broker = OdooProgram::Broker->nats;  $broker->kill9; $broker->start; $broker->port
package OdooProgram;
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Spec;
use IO::Select;
use JSON::PP;
use POSIX ();
use Socket;
use Time::HiRes qw(time sleep);

my $top = File::Spec->rel2abs(dirname(__FILE__) . '/../..');
my $timeout = $ENV{PG_TEST_TIMEOUT_DEFAULT} || 120;

# Where the program was installed for the tests, else where "make" leaves it.
sub path
{
	my ($kind) = @_;
	my $dir = `@{[ $ENV{PG_CONFIG} || 'pg_config' ]} --pkglibdir 2>/dev/null`;
	chomp $dir;
	my ($path) = grep { -x } "$dir/odoo_events_$kind", "$top/programs/odoo_events_$kind";
	return $path;
}

sub start
{
	my ($class, $kind) = @_;
	my $path = path($kind) or return undef;
	socketpair(my $ours, my $its, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die "socketpair: $!";
	my $pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		POSIX::dup2(fileno($its), 3);
		POSIX::close($_) foreach 4 .. 20;
		exec($path) or POSIX::_exit(127);
	}
	close $its;
	$ours->blocking(0);
	my $self = bless { pid => $pid, socket => $ours, in => '', out => '', item => 0, answers => {}, states => {}, count => 0, times => {} }, $class;
	$self->wait(sub { $self->{ready} }, 'the program says that it is ready');
	return $self;
}

sub _string { my ($s) = @_; return defined $s ? pack('N/a*', $s) : pack('N', 0xFFFFFFFF) }

sub _frame
{
	my ($self, $kind, $payload) = @_;
	$self->{out} .= pack('N a a*', 1 + length($payload), $kind, $payload);
	return;
}

sub configure
{
	my ($self, $connection, $config) = @_;
	$self->{states}{$connection} = [];
	$self->_frame('C', pack('N', $connection) . _string(JSON::PP->new->utf8->canonical->encode($config)));
	return $self->step(0);
}

sub close_connection { my ($self, $connection) = @_; $self->_frame('X', pack('N', $connection)); return $self->step(0) }
sub abandon { my ($self, $item) = @_; $self->_frame('A', pack('Q>', $item)); return $self->step(0) }

# Queues a message and answers its item; step() or a wait sends it.
sub send
{
	my ($self, $connection, %m) = @_;
	my $item = ++$self->{item};
	my @headers = ref($m{headers}) eq 'ARRAY' ? @{ $m{headers} } : map { $_ => $m{headers}{$_} } sort keys %{ $m{headers} // {} };
	my $payload = pack('N Q> q> N', $connection, $item, $m{timestamp} // 0, $m{flags} // 0)
	  . _string($m{topic} // '') . _string($m{key}) . _string($m{body}) . pack('N', @headers / 2);
	$payload .= _string($_) foreach @headers;
	$self->_frame('M', $payload . pack('N', $m{expiry} // 0));
	$self->{sent}{$item} = time;
	return $item;
}

# Writes what waits, reads what came, for at most $seconds.
sub step
{
	my ($self, $seconds) = @_;
	my $fd = $self->{socket};
	my $r = '';
	vec($r, fileno($fd), 1) = 1;
	my $w = length($self->{out}) ? $r : '';
	return if select($r, $w, undef, $seconds) <= 0;
	if (length($self->{out}) && vec($w, fileno($fd), 1))
	{
		my $n = syswrite($fd, $self->{out}, 262144);
		substr($self->{out}, 0, $n, '') if defined $n;
	}
	if (vec($r, fileno($fd), 1))
	{
		my $n = sysread($fd, $self->{in}, 262144, length($self->{in}));
		$self->{gone} = 1 if defined $n && $n == 0;
		$self->_parse;
	}
	return;
}

sub _parse
{
	my ($self) = @_;
	my $at = 0;
	while (length($self->{in}) - $at >= 4)
	{
		my $len = unpack('N', substr($self->{in}, $at, 4));
		last if length($self->{in}) - $at < 4 + $len;
		my ($kind, $payload) = unpack('a a*', substr($self->{in}, $at + 4, $len));
		$at += 4 + $len;
		if ($kind eq 'R') { $self->{ready} = decode_json(unpack('N/a*', $payload)); }
		elsif ($kind eq 'S')
		{
			my ($connection, $up, $text) = unpack('N C N/a*', $payload);
			push @{ $self->{states}{$connection} }, [ $up, $text ];
		}
		else
		{
			my ($item, $rest) = unpack('Q> a*', $payload);
			my ($persisted, $text) = $kind eq 'T' ? unpack('C N/a*', $rest) : $kind eq 'F' ? (0, unpack('N/a*', $rest)) : (0, '');
			die "item $item was answered twice" if exists $self->{answers}{$item};
			$self->{answers}{$item} = [ $kind, $text, $persisted ];
			$self->{count}++;
		}
	}
	substr($self->{in}, 0, $at, '') if $at;
	return;
}

# Steps until the condition holds.
sub wait
{
	my ($self, $condition, $what) = @_;
	my $until = time + $timeout;
	while (!$condition->())
	{
		die "timed out: $what; states: " . join('; ', map { @$_ ? "$_->[-1][0] $_->[-1][1]" : () } values %{ $self->{states} }) if time > $until;
		die "the program has ended: $what" if $self->{gone};
		$self->step(0.1);
	}
	return 1;
}

# The answer of an item: kind, text, whether the broker may have it.
sub answer
{
	my ($self, $item) = @_;
	$self->wait(sub { $self->{answers}{$item} }, "an answer to item $item");
	return wantarray ? @{ $self->{answers}{$item} } : $self->{answers}{$item}[0];
}

sub wait_state
{
	my ($self, $connection, $up, $pattern) = @_;
	my $fits = sub { my $s = $self->{states}{$connection}[-1]; return $s && $s->[0] == $up && (!$pattern || $s->[1] =~ $pattern) };
	$self->wait($fits, 'connection ' . ($up ? 'up' : 'down') . ($pattern ? ": $pattern" : '') );
	return $self->{states}{$connection}[-1][1];
}

# Sends the messages 1 to $n, of $keys keys, as the worker does: one of each key at a time, again what is to be retried. $make->($i) answers the
# members of message $i, whose key is $i % $keys; $disturb->($acknowledged) is called now and then. Answers how often the broker may have got what it
# was sent again, by message.
sub campaign
{
	my ($self, $connection, $n, $keys, $make, $disturb) = @_;
	my (%queue, %number, %again, %pause);
	push @{ $queue{ $_ % $keys } }, $_ foreach 1 .. $n;
	my $done = 0;
	my $send = sub { my ($i) = @_; $number{ $self->send($connection, $make->($i)) } = $i; return };
	$send->($queue{$_}[0]) foreach sort { $a <=> $b } keys %queue;
	my $until = time + $timeout;
	while ($done < $n)
	{
		die "timed out: $done of $n acknowledged" if time > $until;
		$self->step(0.05);
		foreach my $item (grep { $self->{answers}{$_} } keys %number)
		{
			my ($kind, $text, $persisted) = @{ $self->{answers}{$item} };
			my $i = delete $number{$item};
			die "message $i was refused: $text" if $kind eq 'F';
			$again{$i}++ if $kind eq 'T' && $persisted;
			if ($kind eq 'T') { $pause{$i} = time + 0.1; next }
			$done++;
			my $queue = $queue{ $i % $keys };
			shift @$queue;
			$send->($queue->[0]) if @$queue;
		}
		foreach my $i (grep { $pause{$_} < time } keys %pause) { delete $pause{$i}; $send->($i); }
		$self->step(0);
		$disturb->($done) if $disturb;
	}
	return \%again;
}

# Judges what a broker kept of a campaign: the numbers in the order of arrival. Answers what is wrong, as a list of texts.
sub judge
{
	my ($got, $n, $keys, $again) = @_;
	my (%times, %last, @wrong);
	foreach my $i (@$got)
	{
		next if $times{$i}++;
		my $key = $i % $keys;
		push @wrong, "$i after $last{$key}" if defined $last{$key} && $last{$key} > $i;
		$last{$key} = $i;
	}
	push @wrong, map { "$_ is lost" } grep { !$times{$_} } 1 .. $n;
	push @wrong, map { "$_ came $times{$_} times" } grep { $times{$_} > 1 + ($again->{$_} // 0) } sort { $a <=> $b } keys %times;
	return @wrong;
}

# Ends it as the worker's end does; answers the seconds that took.
sub stop
{
	my ($self) = @_;
	return 0 unless $self->{pid};
	my $start = time;
	close $self->{socket};
	waitpid($self->{pid}, 0);
	delete $self->{pid};
	return time - $start;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);
	if ($self->{pid}) { kill 'KILL', $self->{pid}; waitpid($self->{pid}, 0); }
	return;
}

1;
