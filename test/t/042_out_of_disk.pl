# No space left: while the journal is written, while publishing, while settling, and where the WAL is.  Odoo's commits go on and what could
# not be captured is a gap that health() tells of; nothing else is lost, and it goes on by itself when there is space again.
# small-disk: 48m
# check-all: file systems that are full
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooCrash;
use OdooEvents;
use Test::More;

my $disk = $ENV{OE_SMALL_DISK};
plan skip_all => 'only root can mount the small disk that this test fills' unless $disk && -w $disk;

sub fill
{
	open my $fh, '>', "$disk/filler" or die "$disk/filler: $!";
	my $block = 'x' x 4096;
	while (defined(my $n = syswrite $fh, $block)) { last if $n == 0 }
	die "not full: $!" unless $!{ENOSPC};
	close $fh;
	return;
}
sub make_space { unlink "$disk/filler" or die "$disk/filler: $!"; return }

# --- the extension's tables on the small disk; Odoo's have all the room they want
my $node = OdooEvents->node('disk', "odoo_events.restart_delay = '200ms'\n");
my $receiver = OdooEvents->receiver;
mkdir "$disk/tables";
$node->safe_psql('postgres', "CREATE TABLESPACE small LOCATION '$disk/tables'");
$node->safe_psql('postgres', 'CREATE DATABASE plant OWNER odoo');
$node->safe_psql('plant', q{
  CREATE TABLE ir_module_module (id int PRIMARY KEY);
  ALTER TABLE ir_module_module OWNER TO odoo;
  CREATE TABLE stock_picking (id int PRIMARY KEY, name text, state text, origin text, company_id int);
  ALTER TABLE stock_picking OWNER TO odoo;
  INSERT INTO stock_picking SELECT i, 'T/' || i, 'confirmed', repeat('x', 300) FROM generate_series(1, 5000) i;
  SET default_tablespace = small;
  CREATE EXTENSION odoo_events});
$node->safe_psql('plant', 'SELECT odoo_events.attach()');
$receiver->subscribe($node, 'plant', 'wms', '/wms');
my $faults = $node->data_dir . '/oe_faults';
mkdir $faults;
sub arm { my ($point, $what) = @_; open my $fh, '>', "$faults/$point.new"; print $fh $what; close $fh; rename "$faults/$point.new", "$faults/$point"; return }
arm('maintain-ms', 50);
arm('backoff-ms', 50);
my $pid = q{SELECT pid FROM odoo_events.worker_status};
ok($node->poll_query_until('plant', q{SELECT state = 'idle' FROM odoo_events.worker_status}), 'the worker is idle');
my $worker = $node->safe_psql('plant', $pid);
my $error = q{SELECT count(*) > 0 FROM odoo_events.worker_status WHERE last_error ~ '%s.*No space left on device'};
my $gaps = q{SELECT sum(changes) FROM odoo_events.capture_error};

# the journal
fill();
$node->safe_psql('plant', q{SET ROLE odoo; UPDATE stock_picking SET state = 'assigned'});
is($node->safe_psql('plant', q{SELECT count(*) FROM stock_picking WHERE state = 'assigned'}), '5000', 'no room for the journal: the commit goes on');
is($node->safe_psql('plant', $gaps), '5000', 'the gap is told, although there is no room to note it either');
is($node->safe_psql('plant', q{SELECT status FROM odoo_events.health() WHERE "check" = 'gaps'}), 'critical', 'health is critical');
my ($ret, $out, $err) = $node->psql('plant', q{SET odoo_events.strict = on; UPDATE stock_picking SET state = 'confirmed'});
like($err, qr/No space left on device/, 'strict: the transaction fails');
is($node->safe_psql('plant', q{SELECT count(*) FROM stock_picking WHERE state = 'assigned'}), '5000', 'and nothing is changed');
is($node->safe_psql('plant', $gaps), '5000', 'nor another gap');
make_space();
ok($node->poll_query_until('plant', q{SELECT sum(changes) = 5000 FROM odoo_events.capture_gap}), 'with space the worker notes the gap');
is($node->safe_psql('plant', $gaps), '5000', 'once');
my $last = $node->safe_psql('plant', 'SELECT odoo_events._last_position()');
$node->safe_psql('plant', q{DELETE FROM odoo_events.capture_gap});

# publishing: there is room for the journal, none for the outbox
arm('publish-read', 'wait');
$node->safe_psql('plant', q{UPDATE stock_picking SET state = 'confirmed' WHERE id = 1});
OdooEvents::Receiver::wait_until(sub { -e "$faults/publish-read.held" }, 'the publisher waits');
$node->safe_psql('plant', q{UPDATE stock_picking SET state = 'confirmed' WHERE id > 1});
fill();
unlink "$faults/publish-read.held";
# PostgreSQL 19 extends visibility maps while it reads, so that rotating fails right behind publishing, and is what is told last
ok($node->poll_query_until('plant', sprintf($error, '(publishing|rotating)')), 'no room for the outbox: publishing waits, and says why');
make_space();
my $all = q{SELECT lag_events = 0 AND position = odoo_events._last_position() FROM odoo_events.subscription_status};
ok($node->poll_query_until('plant', 'SELECT odoo_events._last_position() = ' . ($last + 5000)), 'with space all is published');
ok($node->poll_query_until('plant', $all), 'and delivered');

# settling: what is acknowledged cannot be written down
$receiver->misbehave({ path => '/wms', hold => JSON::PP::true });
$node->safe_psql('plant', q{UPDATE stock_picking SET state = 'assigned' WHERE id <= 1000});
ok($node->poll_query_until('plant', 'SELECT odoo_events._last_position() = ' . ($last + 6000)), 'more is published');
fill();
$receiver->misbehave();
ok($node->poll_query_until('plant', sprintf($error, 'delivering')), 'no room to settle: delivery waits, and says why');
make_space();
ok($node->poll_query_until('plant', $all), 'with space all is delivered');
is($node->safe_psql('plant', $pid), $worker, 'by the same worker');
my $told = $receiver->told->{'/wms'};
is(scalar(keys %{ $told->{seen} }), $last + 6000, 'every event arrived');
is(scalar(grep { $_ > 1 } values %{ $told->{seen} }), 0, 'once');
is_deeply($told->{problems} // [], [], 'in order');
is($node->safe_psql('plant', $gaps), '', 'no other gap');
$node->stop;

# --- the WAL on the small disk: the server itself goes down, as PostgreSQL does
mkdir "$disk/wal";
$node = OdooEvents->node('wal', <<CONF, '--waldir', "$disk/wal", '--wal-segsize', '1');
odoo_events.restart_delay = '200ms'
restart_after_crash = off
min_wal_size = 2MB
max_wal_size = 8MB
CONF
my $plant = OdooCrash->new($node, $receiver);
# nothing is recycled from here on
$node->safe_psql('postgres', q{SELECT pg_create_physical_replication_slot('holds', true)});
my $run = $plant->load(2000);
my $before = $node->safe_psql('plant', 'SELECT count(*) FROM audit');
ok($node->poll_query_until('plant', "SELECT count(*) > $before + 20 FROM audit"), 'the load is under way');
$plant->broken_off(
	sub {
		fill();
		# the segments that are there already are filled quickly
		OdooEvents::Receiver::wait_until(
			sub { (eval { $node->psql('plant', q{SELECT pg_logical_emit_message(false, 'fill', repeat('x', 200000))}) } // 2) != 0 }, 'the WAL is full');
		OdooEvents::Receiver::wait_until(sub { !-e $node->data_dir . '/postmaster.pid' }, 'the server is down');
	},
	'WAL full');
$node->{_pid} = undef;
$run->kill_kill;
make_space();
$node->start;
$node->safe_psql('postgres', q{SELECT pg_drop_replication_slot('holds')});
$plant->unload($run);
my $more = $plant->load(50);
$more->finish;
$plant->finish;
my ($count, $again) = $plant->verify;
note "$count events; came more than once: $again->{'/single'} single, $again->{'/batched'} in batches";
$node->stop;
done_testing();
