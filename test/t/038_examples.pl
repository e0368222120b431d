# once: receivers in other languages have nothing to do with PostgreSQL's version
# check-all: Node, Java and C#
# The receivers of docs/examples against the real worker: each refuses what is not signed with its secret, takes each event once, in the order of its
# key, and knows after a restart what it has taken.  Python and Node always; Java and C# where they are installed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IO::Socket::INET;
use IPC::Run;
use MIME::Base64 qw(encode_base64);
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $examples = File::Spec->rel2abs("$FindBin::RealBin/../../docs/examples");
my $node = OdooEvents->node('examples', "odoo_events.restart_delay = '200ms'\n");
my $db = 'plant';
$node->safe_psql('postgres', 'CREATE DATABASE plant');
$node->safe_psql($db, 'CREATE EXTENSION odoo_events; SELECT odoo_events.arm()');
my $dir = PostgreSQL::Test::Utils::tempdir;

sub installed { my ($program) = @_; return grep { -x "$_/$program" } split /:/, $ENV{PATH} }
my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
my @cases = ([ 'python', 'structured', $python, "$examples/receiver.py" ], [ 'node', 'structured', 'node', "$examples/receiver.mjs" ]);
push @cases, [ 'batch', 'batch', $python, "$examples/receiver.py" ];
push @cases, [ 'java', 'binary', 'java', '-Xshare:auto', '-XX:TieredStopAtLevel=1', "$examples/Receiver.java" ] if installed('javac');
if (installed('mcs') && installed('mono'))
{
	system_or_bail('mcs', '-nologo', "-out:$dir/Receiver.exe", "$examples/Receiver.cs");
	push @cases, [ 'csharp', 'binary', 'mono', "$dir/Receiver.exe" ];
}
foreach my $language ('java', 'csharp')
{
	note "$language is not installed: its receiver is not tested" unless grep { $_->[0] eq $language } @cases;
}

foreach my $case (@cases)
{
	my ($name, $format, @command) = @$case;
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $more = $format eq 'batch' ? ', batch_size => 7' : '';
	my $secret = $node->safe_psql($db,
		qq{SELECT odoo_events.subscribe('$name', 'http://127.0.0.1:$port/hook', allow_networks => '{127.0.0.0/8}', format => '$format', types => '{test.$name.*}'$more)});
	my $output = "$dir/$name.out";
	my $run;
	my $start = sub {
		my ($key) = @_;
		local %ENV = (%ENV, PORT => $port, SECRET => $key, STATE => "$dir/$name.state", HOME => $dir);
		$run = IPC::Run::start(\@command, '<', File::Spec->devnull, '>>', $output, '2>>', "$dir/$name.err");
		OdooEvents::Receiver::wait_until(sub { IO::Socket::INET->new("127.0.0.1:$port") }, "$name listens")
		  or diag slurp_file("$dir/$name.err");
	};
	my $status = sub {
		my ($want) = @_;
		return $node->poll_query_until($db, qq{SELECT $want FROM odoo_events.subscription_status WHERE name = '$name'});
	};
	my $worked = sub { my @lines = -e $output ? split /\n/, slurp_file($output) : (); return @lines };

	$start->('whsec_' . encode_base64('a' x 32, ''));
	# three keys, ten events each, one after another; a name that needs care in a header
	$node->safe_psql($db, qq{SELECT count(odoo_events.emit('test.$name.thing.done.v1', 'Stück+/' || i, '{}', 'thing:' || i % 3)) FROM generate_series(1, 30) i});
	ok($status->('last_status = 401'), "$name: refuses another secret's signature");
	is(scalar($worked->()), 0, "$name: and takes nothing");
	$run->kill_kill;
	$start->($secret);
	$node->safe_psql($db, "SELECT odoo_events.retry_now('$name')");
	ok($status->('delivered_total = 30 AND lag_events = 0'), "$name: takes what its secret signed");
	my @lines = $worked->();
	is(scalar(@lines), 30, "$name: each once");
	my (%last, @wrong);
	foreach my $line (@lines)
	{
		my ($n, $sequence) = $line =~ m{^\S+ Stück\+/(\d+) (\d{20})$};
		push @wrong, $line if !defined $n || $sequence le ($last{ $n % 3 } // '');
		$last{ $n % 3 } = $sequence if defined $n;
	}
	is_deeply(\@wrong, [], "$name: in the order of its key");
	$run->kill_kill;
	$start->($secret);
	$node->safe_psql($db, "SELECT odoo_events.replay('$name', from_position => 0)");
	ok($status->(q{delivered_total = 60 AND (SELECT bool_and(state = 'done') FROM odoo_events.replay_status)}), "$name: acknowledges a replay");
	is(scalar($worked->()), 30, "$name: and takes none of it again, after a restart too");
	$run->kill_kill;
}
$node->stop;
done_testing();
