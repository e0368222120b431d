# What TAP tests share: a server with the extension preloaded, a database recorded from real Odoo, its days to replay, and receivers
# with an independent ledger.
#
#   my $node = OdooEvents->node('name', "extra = 'settings'");        # a started PostgreSQL::Test::Cluster
#   OdooEvents->load($node, 'plant', 'odoo19');                       # database of role odoo, base loaded, CREATE EXTENSION done
#   OdooEvents->replay($node, 'plant', 'odoo19-sales');               # as role odoo; a trace needs a fresh base
#   my $receiver = OdooEvents->receiver;                              # Python; ->receiver('node') verifies with standardwebhooks
#   my $secret = $receiver->subscribe($node, 'plant', 'wms', '/wms', q{types => '{odoo.*}'});
#   $receiver->misbehave({ path => '/wms', status => 503, times => 2 });
#   $receiver->wait_for(sub { @_ >= 5 });  my @requests = $receiver->ledger;
package OdooEvents;
use strict;
use warnings;
use File::Basename qw(dirname);
use File::Spec;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = File::Spec->rel2abs(dirname(__FILE__) . '/../..');
my $count = 0;

# A server of its own, started, that preloads the extension; $conf is appended to postgresql.conf, what follows is given to initdb.
sub node
{
	my ($class, $name, $conf, @initdb) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(extra => \@initdb);
	$node->append_conf('postgresql.conf', <<CONF . ($conf // ''));
shared_preload_libraries = 'odoo_events'
max_worker_processes = 20
max_prepared_transactions = 10
wal_level = logical
log_min_messages = info
log_statement = none
CONF
	$node->start;
	$node->safe_psql('postgres', q{CREATE ROLE odoo LOGIN CREATEDB});
	return $node;
}

# Pipes a recording of test/odoo into psql as role odoo.
sub _pipe
{
	my ($node, $db, $file) = @_;
	my $path = "$top/test/odoo/$file.sql.gz";
	my $conn = $node->connstr($db) . ' user=odoo';
	my ($in, $out, $err) = ('', '', '');
	IPC::Run::run([ 'gzip', '-dc', $path ], '|',
		[ 'psql', '-qX', '-v', 'ON_ERROR_STOP=1', '-d', $conn ], '>', File::Spec->devnull, '2>', \$err)
	  or die "replay of $file into $db failed: $err";
	return;
}

# Creates database $db, owned by odoo, with the recorded base ("odoo19" or "odoo14"), and the extension.
sub load
{
	my ($class, $node, $db, $base) = @_;
	# as Odoo creates its databases, whatever the locale of the tests
	$node->safe_psql('postgres', qq{CREATE DATABASE "$db" OWNER odoo TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'});
	_pipe($node, $db, "$base-base");
	$node->safe_psql($db, 'CREATE EXTENSION odoo_events');
	return;
}

# Replays a recorded trace, e.g. "odoo19-sales", verbatim.
sub replay
{
	my ($class, $node, $db, $trace) = @_;
	_pipe($node, $db, "$trace.trace");
	return;
}

# A standby 'standby' with a slot of its own there, started; with $failover it keeps the failover slots of $primary.
sub standby
{
	my ($primary, $failover) = @_;
	$primary->safe_psql('postgres', q{SELECT pg_create_physical_replication_slot('standby', true)});
	$primary->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($primary, 'base', has_streaming => 1);
	my $conninfo = sprintf 'host=%s port=%s dbname=postgres application_name=standby', $primary->host, $primary->port;
	$standby->append_conf('postgresql.conf', "primary_slot_name = 'standby'\nhot_standby_feedback = on\nprimary_conninfo = '$conninfo'\n");
	$standby->append_conf('postgresql.conf', "sync_replication_slots = on\n") if $failover;
	$standby->start;
	return $standby;
}

# True when $condition holds of a subscription's status in $db; says what the status is if that takes too long.
sub status
{
	my ($node, $db, $name, $condition) = @_;
	return 1 if $node->poll_query_until($db, qq{SELECT $condition FROM odoo_events.subscription_status s WHERE name = '$name'});
	diag($node->safe_psql($db, qq{SELECT row_to_json(s) FROM odoo_events.subscription_status s WHERE name = '$name'}));
	return 0;
}

# True when a subscription has nothing left to deliver.
sub delivered
{
	my ($node, $db, $name) = @_;
	return status($node, $db, $name, 'lag_events = 0 AND position = odoo_events._last_position()');
}

# Kills the worker with -9, after which the server restarts itself, and waits until the next worker runs: before the server has noticed it still answers.
sub kill_worker
{
	my ($node, $db) = @_;
	my $pid = $node->safe_psql($db, 'SELECT pid FROM odoo_events.worker_status');
	kill 'KILL', $pid;
	$node->poll_query_until($db, "SELECT pid <> $pid FROM odoo_events.worker_status") or die 'no worker comes after one that was killed';
	return;
}

# Starts a receiver ('python', the default, or 'node') on a free port; further arguments are given to the program.
sub receiver
{
	my ($class, $kind, @args) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir;
	my $self = bless { dir => $dir, name => 'receiver' . ++$count, port => 0, args => \@args, kind => $kind // 'python' },
	  'OdooEvents::Receiver';
	PostgreSQL::Test::Utils::append_to_file("$dir/secrets", '');
	$self->start;
	return $self;
}

package OdooEvents::Receiver;
use Test::More;

my @receivers;

# Starts the program; after stop(), on the port it had before.
sub start
{
	my ($self) = @_;
	my $dir = $self->{dir};
	my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
	my @command = $self->{kind} eq 'node' ? ('node', "$top/test/receiver/receiver.mjs") :
	  ($python, "$top/test/receiver/receiver.py", '--control', "$dir/control");
	unlink "$dir/port";
	$self->{stdin} = '';
	$self->{run} = IPC::Run::start(
		[
			@command, '--port', $self->{port}, '--port-file', "$dir/port", '--ledger', "$dir/ledger",
			'--secrets', "$dir/secrets", '--until-eof', @{ $self->{args} }
		],
		'<', \$self->{stdin}, '>', "$dir/log", '2>&1');
	push @receivers, $self;
	# the program makes the file, or ends and leaves its reason in the log
	wait_until(sub { -s "$dir/port" || _ended($self->{run}) }, 'the receiver listens');
	die "the $self->{kind} receiver does not start: " . PostgreSQL::Test::Utils::slurp_file("$dir/log") unless -s "$dir/port";
	chomp($self->{port} = PostgreSQL::Test::Utils::slurp_file("$dir/port"));
	return;
}

# Has the program of this harness ended?
sub _ended
{
	my ($run) = @_;
	$run->reap_nb;
	return !$run->_running_kids;
}

# The endpoint goes down: connections are refused until start().
sub stop
{
	my ($self) = @_;
	$self->{run}->kill_kill if $self->{run};
	delete $self->{run};
	@receivers = grep { $_ != $self } @receivers;
	return;
}

sub url
{
	my ($self, $path) = @_;
	return "http://127.0.0.1:$self->{port}" . ($path // '/');
}

# Lets the receiver verify requests to $path (all when undef) with $secret.
sub knows
{
	my ($self, $secret, $path) = @_;
	PostgreSQL::Test::Utils::append_to_file("$self->{dir}/secrets", join(' ', grep { defined } $path, $secret) . "\n");
	return;
}

# subscribe() in $db with the endpoint at $path of this receiver, which learns the secret; $more is SQL of further arguments.
sub subscribe
{
	my ($self, $node, $db, $name, $path, $more) = @_;
	my $url = $self->url($path);
	$more = $more ? ", $more" : '';
	my $secret = $node->safe_psql($db,
		qq{SELECT odoo_events.subscribe('$name', '$url', allow_networks => '{127.0.0.0/8}'$more)});
	$self->knows($secret, $path);
	return $secret;
}

# The rules of receiver.py's --control from now on; none: behave.
sub misbehave
{
	my ($self, @rules) = @_;
	my $file = "$self->{dir}/control";
	open my $fh, '>', "$file.new" or die "$file: $!";
	print $fh JSON::PP->new->canonical->encode(\@rules);
	close $fh;
	rename "$file.new", $file or die "$file: $!";
	return;
}

# All requests so far, as hashes (see receiver.py); $path restricts to one endpoint. What was read before is remembered; a line still
# being written is left for later.
sub ledger
{
	my ($self, $path) = @_;
	$self->{entries} //= [];
	if (open my $fh, '<', "$self->{dir}/ledger")
	{
		seek $fh, $self->{read} // 0, 0;
		while (my $line = <$fh>)
		{
			last unless $line =~ /\n\z/;
			push @{ $self->{entries} }, JSON::PP::decode_json($line);
			$self->{read} = tell $fh;
		}
		close $fh;
	}
	return grep { !defined $path || $_->{path} eq $path } @{ $self->{entries} };
}

# The CloudEvents that were answered with 2xx, in order of arrival, duplicates included.
sub events
{
	my ($self, $path) = @_;
	my @events;
	foreach my $entry (grep { $_->{status} >= 200 && $_->{status} < 300 } $self->ledger($path))
	{
		my $body = $entry->{events} //= _event_of($entry);
		push @events, ref $body eq 'ARRAY' ? @$body : $body;
	}
	return @events;
}

# What a request says: its CloudEvents, or of a plain Standard Webhooks body the event's id, type, time and data.
sub _event_of
{
	my ($entry) = @_;
	my $body = JSON::PP->new->utf8(0)->decode($entry->{body});
	my $headers = $entry->{headers};
	return $body unless $headers->{'content-type'} eq 'application/json';
	return { id => $headers->{'webhook-id'}, type => $body->{type}, time => $body->{timestamp}, data => $body->{data} }
	  unless exists $headers->{'ce-id'};
	my %event = (data => $body);
	foreach my $name (grep { /^ce-/ } keys %$headers)
	{
		(my $value = $headers->{$name}) =~ s/%([0-9A-F]{2})/chr hex $1/ge;
		utf8::decode($value);
		$event{ substr $name, 3 } = $value;
	}
	return \%event;
}

# The whole ledger, read fast, as a hash of each path: "seen" (how often each id was acknowledged), "position" (likewise), "story" (the
# verbs of each record, in order, each event once; snapshots and those of the platform apart), "snapshots" (of each record), "requests" (of each, in order, where
# in the ledger it was first acknowledged: [offset, request]), "repeated" ([offset, request]: acknowledged once more there), "problems".
sub told
{
	my ($self) = @_;
	my (%told, %answered, $last);
	open my $fh, '-|', 'python3', "$top/test/receiver/ledger.py", "$self->{dir}/ledger" or die "ledger.py: $!";
	while (my $line = <$fh>)
	{
		chomp $line;
		my ($path, $id, $position, $record, $type, $offset, $request) = split / /, $line, 7;
		if ($id eq '!')
		{
			push @{ $told{$path}{problems} }, $line;
			next;
		}
		if ($offset != ($last // -1))
		{
			$last = $offset;
			push @{ $told{$path}{ $answered{"$path $request"}++ ? 'repeated' : 'requests' } }, [ $offset, $request ];
		}
		next if $told{$path}{seen}{$id}++;
		my ($verb) = $type =~ /\.(\w+)\.v1$/;
		$told{$path}{position}{$position}++;
		next if $type =~ /^odoo\.platform\./;
		$told{$path}{snapshots}{$record}++, next if $verb eq 'snapshot';
		$told{$path}{story}{$record} .= (defined $told{$path}{story}{$record} ? ',' : '') . $verb;
	}
	close $fh or die 'ledger.py failed';
	return \%told;
}

# What the receiver found wrong: signatures, order of a key, other bytes under the same id, no CloudEvent.
sub problems
{
	my ($self, $path) = @_;
	return map { @{ $_->{problems} } } $self->ledger($path);
}

# Waits until $condition, called with the ledger's entries, is true.
sub wait_for
{
	my ($self, $condition, $what, $path) = @_;
	return wait_until(sub { $condition->($self->ledger($path)) }, $what // 'the ledger is as awaited');
}

# Asks again and again; gives up, with a failed test, after PG_TEST_TIMEOUT_DEFAULT.
sub wait_until
{
	my ($condition, $what) = @_;
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;
	until ($condition->())
	{
		if (time > $end)
		{
			fail("timed out waiting until $what");
			return 0;
		}
		select undef, undef, undef, 0.05;
	}
	return 1;
}

END
{
	my $status = $?;
	$_->stop foreach @receivers;
	$? = $status;
}

1;
