# What the crash tests share: a plant under load, an audit of it that knows nothing of odoo_events, two endpoints with their ledgers, and
# the comparison of the three.
#
#   my $plant = OdooCrash->new($node, $receiver);             # or ($node, $receiver, 'wal'); database "plant", table audit, subscriptions single and batched
#   my $load = $plant->load(400);                             # pgbench: three clients, 400 transactions each
#   $plant->arm('publish-cursor', 'kill');                    # src/base/fault.h
#   $plant->wait_passed('publish-cursor');
#   $plant->ask('SELECT true');                               # asks until the server answers
#   $plant->pull; $plant->backfill; $plant->detach_one;       # what else goes on: a consumer that fetches, snapshots, a trigger gone
#   $plant->broken_off(sub { ... });                          # what is sent twice must have been in flight when this was done
#   $plant->finish;  $plant->verify;                          # mends what misbehaves, waits for all, compares
package OdooCrash;
use strict;
use warnings;
use File::Spec;
use IPC::Run;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

# Reserving and unreserving one of eight transfers: one transaction, one event.  Savepoints that are rolled back must not show; some
# transactions are rolled back, some prepared first.
my $script = <<'SQL';
\set id random(1, 8)
\set fate random(1, 10)
BEGIN;
UPDATE stock_picking SET state = CASE state WHEN 'assigned' THEN 'confirmed' ELSE 'assigned' END WHERE id = :id;
SAVEPOINT s;
UPDATE stock_picking SET state = 'cancel' WHERE id = :id;
ROLLBACK TO s;
\if :fate > 9
ROLLBACK;
\elif :fate > 8
PREPARE TRANSACTION 'load:client_id';
COMMIT PREPARED 'load:client_id';
\else
COMMIT;
\endif
SQL

sub new
{
	my ($class, $node, $receiver, $mode) = @_;
	my $self = bless { node => $node, receiver => $receiver, script => $node->basedir . '/toggle.sql', faults => $node->data_dir . '/oe_faults', wal => ($mode // '') eq 'wal' }, $class;
	PostgreSQL::Test::Utils::append_to_file($self->{script}, $script);
	mkdir $self->{faults};
	OdooEvents->load($node, 'plant', 'odoo19');
	OdooEvents->replay($node, 'plant', 'odoo19-sales');
	$node->safe_psql('plant', q{
	  SET ROLE odoo;
	  CREATE TABLE audit (n bigserial, picking int, state text);
	  CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
	    $$BEGIN INSERT INTO public.audit (picking, state) VALUES (NEW.id, NEW.state); RETURN NULL; END$$;
	  UPDATE stock_picking SET state = 'assigned' WHERE id <= 8;
	  CREATE TRIGGER audit AFTER UPDATE OF state ON stock_picking FOR EACH ROW EXECUTE FUNCTION audit();
	  RESET ROLE;
	  SELECT odoo_events.attach(mode => '} . ($mode // 'trigger') . q{')});
	$node->poll_query_until('plant', q{SELECT bool_and(state = 'wal') FROM odoo_events.wal_rule}) or die 'the WAL is not read' if $mode;
	$receiver->subscribe($node, 'plant', 'single', '/single');
	$receiver->subscribe($node, 'plant', 'batched', '/batched', q{format => 'batch', batch_size => 20});
	$node->safe_psql('plant', q{SELECT odoo_events.subscribe('puller', url => NULL);
	  CREATE TABLE lost_triggers (xid xid8 DEFAULT pg_current_xact_id())});
	$self->{pulled} = [];
	$self->{breaks} = [];
	$self->{pickings} = $node->safe_psql('plant', 'SELECT count(*) FROM stock_picking');
	return $self;
}

# Starts three clients with so many transactions each, 400 a second or, rate 0, as many as can be.
sub load
{
	my ($self, $transactions, $rate) = @_;
	$rate //= 400;
	my $node = $self->{node};
	my ($out, $err) = ('', '');
	return IPC::Run::start(
		[
			'pgbench', '-n', '-c', '3', $rate ? ('-R', $rate) : (), '-t', $transactions, '-f', $self->{script},
			'-h', $node->host, '-p', $node->port, '-U', 'odoo', 'plant'
		],
		'<', File::Spec->devnull, '>', \$out, '2>', \$err);
}

# A load that runs to its end: the first one may meet a server that has yet to notice what was killed last.
sub load_to_end
{
	my ($self, $transactions) = @_;
	return OdooEvents::Receiver::wait_until(sub {
			my $run = $self->load($transactions);
			$run->finish;
			return 1 if $run->result(0) == 0;
			$self->unload($run);
			return 0;
		},
		'a load runs to its end');
}

# Ends the clients; what they had prepared is committed, if the server is there.
sub unload
{
	my ($self, $run) = @_;
	$run->kill_kill;
	eval {
		my ($status, $prepared) = $self->{node}->psql('plant', q{SELECT gid FROM pg_prepared_xacts WHERE database = 'plant'});
		# the session that prepared it may be committing it just now
		$self->{node}->psql('plant', "COMMIT PREPARED '$_'") foreach split /\n/, $prepared // '';
	};
	return;
}

# An answer of the server, which may be recovering from the last crash when first asked.
sub ask
{
	my ($self, $sql) = @_;
	my $answer;
	OdooEvents::Receiver::wait_until(sub {
			# psql may be gone before it has read the question
			my $status = eval { (my $s, $answer) = $self->{node}->psql('plant', $sql); $s };
			defined $status && $status == 0;
		},
		"the server answers $sql");
	return $answer;
}

# Starts the server again after its postmaster was killed: its children go by themselves once they notice; until then a start fails, and
# leaves the object believing in it.
sub restart_killed
{
	my ($self) = @_;
	my $node = $self->{node};
	OdooEvents::Receiver::wait_until(sub { $node->{_pid} = undef; $node->start(fail_ok => 1) }, 'the server starts again');
	return;
}

# The consumer that fetches: asks, and says what it has got.  Both may fail; what it was given stays given.
sub pull
{
	my ($self, $max) = @_;
	$max //= 10000;
	# a worker that is held where it rotates may have the table locked
	my ($status, $rows) = eval { $self->{node}->psql('plant', "SET lock_timeout = '2s'; SELECT position || ' ' || id FROM odoo_events.fetch('puller', $max)") };
	return 0 if !defined $status || $status != 0;
	my @rows = map { [ split / / ] } split /\n/, $rows;
	return 0 if !@rows;
	# what it acknowledged does not come again, what it did not is where the next answer begins
	my $known = $self->{acked} // 0;
	my $fresh = $self->{pulled};
	push @{ $self->{pull_problems} }, "$rows[0][0] came again after $known was acknowledged" if $rows[0][0] <= $known;
	foreach my $row (@rows)
	{
		next if $row->[0] <= ($self->{last_pulled} // 0);
		push @$fresh, $row->[1];
		$self->{last_pulled} = $row->[0];
	}
	($status) = eval { $self->{node}->psql('plant', "SELECT odoo_events.ack('puller', $rows[-1][0])") };
	$self->{acked} = $rows[-1][0] if defined $status && $status == 0;
	return scalar @rows;
}

# Snapshots of all transfers, where none are being made.
sub backfill
{
	my ($self) = @_;
	eval {
		$self->{node}->psql('plant',
			q{SELECT odoo_events.backfill('transfer') WHERE NOT EXISTS (SELECT 1 FROM odoo_events.backfill_status WHERE state = 'running')});
	};
	return;
}

# A table that nobody changes loses its trigger, if it has it; the worker makes it again, and a note.
sub detach_one
{
	my ($self) = @_;
	eval {
		$self->{node}->psql('plant', q{SET lock_timeout = '1s'; BEGIN; DROP TRIGGER odoo_events_capture ON mrp_production; INSERT INTO lost_triggers DEFAULT VALUES; COMMIT});
	};
	return;
}

# Does what breaks off the worker, and remembers which part of the ledger was written before it and which after.
sub broken_off
{
	my ($self, $how, $what) = @_;
	my $file = "$self->{receiver}{dir}/ledger";
	my $before = -s $file // 0;
	$how->();
	push @{ $self->{breaks} }, [ $before, -s $file // 0, $what ];
	return;
}

# What is to happen at a fault point, once.
sub arm
{
	my ($self, $point, $action) = @_;
	my $file = "$self->{faults}/$point";
	open my $fh, '>', "$file.new" or die "$file: $!";
	print $fh "$action\n";
	close $fh;
	rename "$file.new", $file or die "$file: $!";
	return;
}

sub disarm
{
	my ($self, $point) = @_;
	unlink "$self->{faults}/$point";
	return;
}

sub passed { my ($self, $point) = @_; return !-e "$self->{faults}/$point"; }

sub wait_passed
{
	my ($self, $point) = @_;
	return OdooEvents::Receiver::wait_until(sub { $self->passed($point) }, "$point is passed");
}

# Lets a process go on that waits at a point.
sub release
{
	my ($self, $point) = @_;
	unlink "$self->{faults}/$point.held" or die "$point is not held: $!";
	return;
}

# Nothing misbehaves any more, nothing waits for its retry.
sub finish
{
	my ($self) = @_;
	$self->{receiver}->misbehave();
	$self->{node}->safe_psql('plant', q{SELECT odoo_events.retry_now(name) FROM odoo_events.subscription});
	return;
}

# What was sent twice: only what was acknowledged when a worker was broken off and not settled, that is the last 500 requests at most, and
# what was in flight then, which its endpoint may acknowledge afterwards.  A subscription has 16 in flight; as many may be answered at once
# before it is settled.
sub duplicates
{
	my ($self, $path, $told) = @_;
	my @requests = @{ $told->{requests} // [] };
	my %arrived = map { $_->[1] => $_->[0] } @requests;
	my @breaks = grep { $_->[2] ne 'backend terminated' } @{ $self->{breaks} };    # that killed no worker
	my @count = (0) x @breaks;
	my @late = (0) x @breaks;
	my (@stray, $most, $furthest);
	foreach my $again (@{ $told->{repeated} // [] })
	{
		my ($offset, $request) = @$again;
		my $before = $arrived{$request};
		$arrived{$request} = $offset;
		# what was not settled was lost by the first break after it had arrived, whatever came between that and the repetition
		my $break = grep { $_->[1] <= $before } @breaks;
		if ($break < @breaks && $breaks[$break][0] <= $offset)
		{
			my $distance = oldest(\@requests, $breaks[$break][0]) - oldest(\@requests, $before);
			$count[$break]++;
			$furthest = $distance if $distance > ($furthest // 0);
		}
		elsif ($break > 0) { $late[ $break - 1 ]++ }
		else { push @stray, "$request at $before and $offset" }
	}
	$most = (sort { $b <=> $a } @count)[0] // 0;
	is_deeply(\@stray, [], "$path: nothing came twice without a worker that was broken off in between");
	cmp_ok((sort { $b <=> $a } @late)[0] // 0, '<=', 16, "$path: acknowledged after that, what was in flight");
	cmp_ok($most, '<=', 500 + 2 * 16, "$path: at most what was in flight or not settled");
	cmp_ok($furthest // 0, '<=', 500 + 2 * 16, "$path: the last ones before it");
	return scalar @{ $told->{repeated} // [] };
}

# How many of the requests stand before $offset
sub oldest
{
	my ($requests, $offset) = @_;
	my ($low, $high) = (0, scalar @$requests);
	while ($low < $high)
	{
		my $middle = int(($low + $high) / 2);
		if ($requests->[$middle][0] < $offset) { $low = $middle + 1 }
		else { $high = $middle }
	}
	return $low;
}

# Audit, positions and ledgers agree; answers the number of events, and how many requests of each path came again.
sub verify
{
	my ($self) = @_;
	my ($node, $receiver) = @$self{ 'node', 'receiver' };
	ok($node->poll_query_until('plant', q{SELECT count(*) = 0 FROM odoo_events.backfill_status WHERE state = 'running'}), 'every backfill comes to its end');
	ok($node->poll_query_until('plant', q{SELECT (SELECT count(*) FROM audit) + COALESCE(sum(rows), 0) + count(*) = odoo_events._last_position() FROM odoo_events.backfill_status}),
		'every committed change has its event, every backfill its snapshots and its end, and there is no other');
	my ($jobs, $failed) = split /\|/,
	  $node->safe_psql('plant', qq{SELECT count(*), count(*) FILTER (WHERE state <> 'done' OR rows <> $self->{pickings}) FROM odoo_events.backfill_status});
	is($failed, '0', "each of $jobs backfills asked for every transfer once");
	ok($node->poll_query_until('plant', q{SELECT bool_and(lag_events = 0 AND position = odoo_events._last_position()) FROM odoo_events.subscription_status WHERE name <> 'puller'}),
		'all is delivered');
	my $count = $node->safe_psql('plant', 'SELECT odoo_events._last_position()');
	is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.dead_letter}), '0', 'no dead letters');
	is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.quarantine}), '0', 'no quarantine');
	# a trigger that was made again and the note about it are one
	$self->{wal} or ok($node->poll_query_until('plant', q{SELECT count(*) > 0 FROM pg_trigger WHERE tgname = 'odoo_events_capture' AND tgrelid = 'mrp_production'::regclass}),
		'a lost trigger is back');
	is($node->safe_psql('plant', q{SELECT count(*) || ' ' || coalesce(sum(changes), 0) FROM odoo_events.capture_gap}),
		$node->safe_psql('plant', 'SELECT count(*) FROM lost_triggers') . ' 0', 'each time it was noted, and there is no other gap');
	$node->safe_psql('plant', 'DELETE FROM odoo_events.capture_gap; DELETE FROM lost_triggers');
	is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.capture_error}), '0', 'none that is not written down');

	# per transfer, the events tell the audit's story in its order
	my $want = $node->safe_psql('plant', q{SELECT picking || ' ' || string_agg(CASE state WHEN 'assigned' THEN 'ready' ELSE 'unreserved' END, ',' ORDER BY n)
		FROM audit GROUP BY picking ORDER BY picking});
	my %again;
	my $told = $receiver->told;
	foreach my $path ('/single', '/batched')
	{
		my ($seen, $story) = @{ $told->{$path} }{ 'seen', 'story' };
		is(scalar(keys %$seen), $count, "$path: every event arrived");
		is(scalar(grep { $told->{$path}{position}{$_} } 1 .. $count), $count, "$path: positions without gaps");
		is_deeply([ grep { $_ != $jobs } values %{ $told->{$path}{snapshots} // {} } ], [], "$path: each transfer's snapshots");
		is(join("\n", map { "$_ $story->{$_}" } sort { $a <=> $b } keys %$story), $want, "$path: each transfer's story, in order");
		is_deeply($told->{$path}{problems} // [], [], "$path: signed, in order, the same bytes for every duplicate");
		$again{$path} = $self->duplicates($path, $told->{$path});
	}
	# the consumer that fetches: all, once, in order
	1 while $self->pull;
	is_deeply($self->{pull_problems} // [], [], 'pull: nothing that was acknowledged came again');
	is(scalar @{ $self->{pulled} }, $count, 'pull: every event was fetched');
	is(scalar(grep { !$told->{'/single'}{seen}{$_} } @{ $self->{pulled} }), 0, 'pull: the same as were sent');
	return ($count, \%again);
}

1;
