# A consumer of the stream across a promotion. From version 17 on its slot is a failover slot, which the standby keeps up to date: the stream goes on
# there where it was confirmed. Before, a slot is made anew on the promoted server; what was published in between is read from the outbox, which is
# there byte for byte: duplicates are told by the event's id.
# check-all: two servers
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooEvents;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tmp = PostgreSQL::Test::Utils::tempdir;
my $primary = OdooEvents->node('primary', "odoo_events.restart_delay = '200ms'\nmax_wal_senders = 6\nmax_replication_slots = 6\nhot_standby_feedback = on\n");
my $failover = $primary->safe_psql('postgres', 'SHOW server_version_num') >= 170000;
$primary->append_conf('pg_hba.conf', "local replication all trust\n");
$primary->append_conf('postgresql.conf', "output_plugin_libraries = 'odoo_events'\n")
  if $primary->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'});
$primary->reload;
$primary->safe_psql('postgres', 'CREATE DATABASE plant');
$primary->safe_psql('plant', 'CREATE EXTENSION odoo_events');
my $standby = OdooEvents::standby($primary, $failover);
# nothing that was reported committed is lost; and the consumer never has what the standby has not
$primary->append_conf('postgresql.conf', "synchronous_standby_names = 'standby'\nsynchronous_commit = remote_apply\n");
$primary->append_conf('postgresql.conf', "synchronized_standby_slots = 'standby'\n") if $failover;
$primary->reload;
$primary->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'}) or die 'no standby';

my $emitted = 0;
sub emit
{
	my ($node, $n) = @_;
	$node->safe_psql('plant', "SELECT odoo_events.emit('acme.logistics.parcel.moved.v1', 'parcel/' || i, '{}', key => 'parcel:' || i % 5) FROM generate_series($emitted + 1, $emitted + $n) i");
	$emitted += $n;
	$node->poll_query_until('plant', "SELECT count(*) = $emitted FROM odoo_events.outbox WHERE type LIKE 'acme.%'") or die 'not published';
	return;
}
my @files;
my $consumer;
# A file for each start: what a kill cut off must not be glued to what comes next.
sub consume
{
	my ($node) = @_;
	push @files, "$tmp/lines" . @files;
	$consumer = IPC::Run::start([ 'pg_recvlogical', '-d', $node->connstr('plant'), '-S', 'lake', '--start', '-f', $files[-1], '-F', '1', '-s', '1', '-o', 'types=acme.*' ],
		'2>', "$tmp/log" . @files);
	return;
}
sub got
{
	my @events;
	foreach my $file (grep { -e } @files)
	{
		push @events, grep { defined } map { eval { decode_json($_) } } split /\n/, slurp_file($file);
	}
	return @events;
}
sub ids { my %seen; return grep { !$seen{$_}++ } map { $_->{id} } got() }

$primary->safe_psql('plant', q{SELECT pg_create_logical_replication_slot('lake', 'odoo_events'} . ($failover ? ', failover => true)' : ')'));
consume($primary);
emit($primary, 30);
ok(OdooEvents::Receiver::wait_until(sub { ids() == 30 }, 'thirty events'), 'the consumer reads from the primary');
if ($failover)
{
	# the standby takes part once the slot has moved past where the standby began: for that the consumer must have confirmed a list of running transactions
	ok( OdooEvents::Receiver::wait_until(
			sub {
				$primary->safe_psql('plant', 'SELECT txid_current(), pg_log_standby_snapshot()');
				return $standby->safe_psql('postgres', q{SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'lake' AND NOT temporary AND synced}) == 1;
			},
			'the slot is on the standby'),
		'the failover slot is kept up to date on the standby');
}
# the consumer is away for a while, then the primary dies
$consumer->kill_kill;
emit($primary, 25);
my $outbox = q{SELECT count(*), md5(string_agg(event, '' ORDER BY position)) FROM odoo_events.outbox_all};
my $want = $primary->safe_psql('plant', $outbox);
# what it had when it was cut off, it may get again
my $before = () = ids();
$primary->stop('immediate');
$standby->promote;
is($standby->safe_psql('plant', $outbox), $want, 'the promoted server has the outbox, byte for byte');

if ($failover)
{
	is($standby->safe_psql('postgres', q{SELECT failover AND invalidation_reason IS NULL FROM pg_replication_slots WHERE slot_name = 'lake'}), 't', 'and the slot');
	consume($standby);
}
else
{
	is($standby->safe_psql('postgres', 'SELECT count(*) FROM pg_replication_slots'), '0', 'before version 17 it has no slot');
	# as docs/streaming.md says: the slot first, then what the outbox has after the last event that the consumer knows
	$standby->safe_psql('plant', q{SELECT pg_create_logical_replication_slot('lake', 'odoo_events')});
	my ($last) = sort { $b cmp $a } map { $_->{sequence} } got();
	push @files, "$tmp/lines" . @files;
	append_to_file($files[-1], $standby->safe_psql('plant', "SELECT event FROM odoo_events.outbox WHERE position > $last AND type LIKE 'acme.%' ORDER BY position") . "\n");
	consume($standby);
}
emit($standby, 20);
ok(OdooEvents::Receiver::wait_until(sub { ids() >= $emitted }, 'all events'), 'the stream goes on');
$consumer->kill_kill;
is(join("\n", ids()), $standby->safe_psql('plant', q{SELECT id FROM odoo_events.outbox WHERE type LIKE 'acme.%' ORDER BY position}), 'no event is lost, and the first of each id are in order');
my (%bytes, @changed);
foreach my $event (got())
{
	my $text = JSON::PP->new->canonical->encode($event);
	push @changed, $event->{id} if exists $bytes{ $event->{id} } && $bytes{ $event->{id} } ne $text;
	$bytes{ $event->{id} } = $text;
}
is_deeply(\@changed, [], 'what came twice came the same');
note(sprintf '%d events, %d lines', scalar ids(), scalar got());
$standby->stop;
done_testing();
