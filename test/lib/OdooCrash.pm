# What the crash tests share: a plant under load, an audit of it that knows nothing of odoo_events, two endpoints with their ledgers, and
# the comparison of the three.
#
#   my $plant = OdooCrash->new($node, $receiver);             # database "plant", table audit, subscriptions single and batched
#   my $load = $plant->load(400);                             # pgbench: three clients, 400 transactions each
#   $plant->arm('publish-cursor', 'kill');                    # src/base/fault.h
#   $plant->wait_passed('publish-cursor');
#   $plant->ask('SELECT true');                               # asks until the server answers
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
	my ($class, $node, $receiver) = @_;
	my $self = bless { node => $node, receiver => $receiver, script => $node->basedir . '/toggle.sql', faults => $node->data_dir . '/oe_faults' }, $class;
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
	  SELECT odoo_events.attach()});
	$receiver->subscribe($node, 'plant', 'single', '/single');
	$receiver->subscribe($node, 'plant', 'batched', '/batched', q{format => 'batch', batch_size => 20});
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

# Audit, positions and ledgers agree; answers the number of events, and how many of each ledger came again.
sub verify
{
	my ($self) = @_;
	my ($node, $receiver) = @$self{ 'node', 'receiver' };
	ok($node->poll_query_until('plant', q{SELECT count(*) = odoo_events._last_position() FROM audit}),
		'every committed change has its event, and no other has');
	ok($node->poll_query_until('plant', q{SELECT bool_and(lag_events = 0 AND position = odoo_events._last_position()) FROM odoo_events.subscription_status}),
		'all is delivered');
	my $count = $node->safe_psql('plant', 'SELECT count(*) FROM audit');
	is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.dead_letter}), '0', 'no dead letters');
	is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.quarantine}), '0', 'no quarantine');
	is($node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.capture_error}), '0', 'no gap');

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
		is(join("\n", map { "$_ $story->{$_}" } sort { $a <=> $b } keys %$story), $want, "$path: each transfer's story, in order");
		is_deeply($told->{$path}{problems} // [], [], "$path: signed, in order, the same bytes for every duplicate");
		$again{$path} = grep { $_ > 1 } values %$seen;
	}
	return ($count, \%again);
}

1;
