# once: what commits together is the same in every version of PostgreSQL
# check-all: it crashes at fault points
# Killed before and after a checkpoint is signed, written and committed, with or without the server: whatever checkpoints outsiders have got are
# beginnings of one another, and of the log as it is.  A promoted standby and a copy begin logs of their own.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use JSON::PP;
use OdooCrash;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $db = 'plant';
my $node = OdooEvents->node('crash', "odoo_events.restart_delay = '100ms'\nrestart_after_crash = on\nmax_wal_senders = 4\nfsync = on\n");
$node->append_conf('pg_hba.conf', "local replication all trust\n");
my $receiver = OdooEvents->receiver;
my $plant = OdooCrash->new($node, $receiver);
$plant->arm($_->[0], $_->[1]) foreach [ 'seal-block', 4 ], [ 'maintain-ms', 20 ], [ 'backoff-ms', 20 ];
$node->restart;
$receiver->subscribe($node, $db, 'witness', '/witness', q{types => '{odoo.platform.seal.*}', start_from => 'earliest'});
my $dir = PostgreSQL::Test::Utils::tempdir;

sub try { my ($q) = @_; return (eval { $node->psql($db, $q) })[1] }
sub notes { return map { utf8::encode(my $n = $_->{data}{seal}{checkpoint}); $n } $receiver->events('/witness') }
sub size { return $_[0] =~ /\n(\d+)\n/ ? $1 : die "no checkpoint: $_[0]" }

sub file
{
	my ($name, $text) = @_;
	open my $fh, '>', "$dir/$name" or die "$name: $!";
	print $fh $text;
	close $fh;
	return "$dir/$name";
}
sub verify { return (run_command([ 'python3', "$FindBin::RealBin/../../contrib/evidence/verify.py", @_ ]))[0] }

# Ten events, and a checkpoint that is due.
sub work
{
	try(q{SELECT odoo_events.emit('acme.plant.machine.stopped.v1', 'machine/' || i, '{"machine": {"id": 1}}') FROM generate_series(1, 10) i;
	  UPDATE odoo_events.seal_checkpoint SET at = at - interval '2 hours'});
	return;
}
$node->safe_psql($db, 'SELECT odoo_events.seal()');
foreach my $point (qw(seal-sign seal-written seal-committed))
{
	foreach my $action ('kill', $point eq 'seal-written' ? 'postmaster' : 'error')
	{
		my $before = () = notes();
		$plant->arm($point, $action);
		OdooEvents::Receiver::wait_until(sub { work(); $plant->passed($point) }, "$point is passed");
		if ($action eq 'postmaster')
		{
			OdooEvents::Receiver::wait_until(sub { !-e $node->data_dir . '/postmaster.pid' || !kill 0, (slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/) }, 'the server is dead');
			$node->stop('immediate', fail_ok => 1);
			$node->start(fail_ok => 1) or $node->start;
		}
		ok($receiver->wait_for(sub { work(); (() = notes()) > $before }, 'another checkpoint'), "$action at $point: the log goes on");
	}
}
my %by_size = map { size($_) => $_ } notes();
my @sizes = sort { $a <=> $b } keys %by_size;
cmp_ok(scalar(@sizes), '>=', 6, 'outsiders hold checkpoints: ' . join ' ', @sizes);
is(scalar(grep { my $n = $_; grep { size($_) == size($n) && $_ ne $n } notes() } notes()), 0, 'never two of one size');
my $verifier = $node->safe_psql($db, 'SELECT DISTINCT verifier FROM odoo_events.checkpoint');
my @wrong;
foreach my $i (0 .. $#sizes - 1)
{
	my $proof = $node->safe_psql($db, "SELECT odoo_events.consistency_proof($sizes[$i], $sizes[$i + 1])");
	my $said = verify('consistency', file('older', $by_size{ $sizes[$i] }), file('newer', $by_size{ $sizes[ $i + 1 ] }), file('proof', $proof), '--verifier', $verifier);
	push @wrong, "$sizes[$i]: $said" unless $said =~ /is the beginning/;
}
is_deeply(\@wrong, [], 'each is the beginning of the next');
my $last = $node->safe_psql($db, 'SELECT odoo_events.seal()');
my $archive = sub { my ($server, $name) = @_; return file('archive', $server->safe_psql($name, q{SELECT row_to_json(a) FROM odoo_events.archive('-infinity') a WHERE proof IS NOT NULL}) . "\n") };
like(verify('archive', $archive->($node, $db), '--verifier', $verifier, '--checkpoint', file('held', $last)), qr/ 0 not proved$/, 'each event is in the log');

subtest 'a copy has a log of its own' => sub {
	$node->append_conf('postgresql.conf', "odoo_events.databases = 'none-such'\n");
	$node->reload;
	OdooEvents::Receiver::wait_until(sub { $node->safe_psql('postgres', qq{SELECT count(*) FROM pg_stat_activity WHERE datname = '$db'}) eq '0' }, 'nobody is connected');
	$node->safe_psql('postgres', qq{CREATE DATABASE copy TEMPLATE "$db"});
	my $note = $node->safe_psql('copy', 'SELECT odoo_events.seal()');
	is($node->safe_psql('copy', 'SELECT string_agg(reason, $$ $$ ORDER BY id) FROM odoo_events.seal_log'), 'opened by ' . $node->safe_psql($db, 'SELECT current_user') . ' the database is a copy', 'it says why');
	isnt($node->safe_psql('copy', 'SELECT verifier FROM odoo_events.checkpoint ORDER BY at DESC LIMIT 1'), $verifier, 'with another key');
	is($node->safe_psql('copy', q{SELECT first_position FROM odoo_events.checkpoint ORDER BY at DESC LIMIT 1}), 1 + size($last), 'it begins behind the last checkpoint');
	is($node->safe_psql($db, 'SELECT count(*) FROM odoo_events.seal_log'), '1', 'the original goes on with its own');
};

subtest 'a promoted standby begins another log' => sub {
	my $standby = OdooEvents::standby($node);
	$node->wait_for_catchup('standby');
	$node->stop('immediate');
	$standby->promote;
	$standby->safe_psql($db, q{SELECT odoo_events.emit('acme.plant.machine.stopped.v1', 'machine/7', '{"machine": {"id": 7}}')});
	$standby->safe_psql($db, 'SELECT odoo_events.publish()');
	my $note = $standby->safe_psql($db, 'SELECT odoo_events.seal()');
	is($standby->safe_psql($db, 'SELECT opened FROM odoo_events.checkpoint ORDER BY at DESC LIMIT 1'), 'the server was restored from a backup, or is a promoted standby', 'and says so');
	my @keys = split /\n/, $standby->safe_psql($db, 'SELECT verifier FROM odoo_events.checkpoint GROUP BY 1 ORDER BY min(at)');
	is(scalar(@keys), 2, 'with another key');
	my %lines = map { $_ => '' } @keys;
	$lines{ JSON::PP->new->decode($_)->{proof}{verifier} } .= "$_\n" foreach split /\n/, slurp_file($archive->($standby, $db));
	my ($old, $new) = map { verify('archive', file('part', $lines{$_}), '--verifier', $_) =~ /(\d+ not proved)/ } @keys;
	is("$old, $new", '0 not proved, 0 not proved', 'events are proved by the one or the other');
	$standby->stop;
};
done_testing();
