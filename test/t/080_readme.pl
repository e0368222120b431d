# check-all: a receiver in Node
# The receivers that README shows are what a reader will paste: they run, accept what is signed with their secret, and refuse the rest.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IO::Socket::INET;
use IPC::Run;
use MIME::Base64;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::RealBin/../..";
my $readme = slurp_file("$top/README.md");
my $node = OdooEvents->node('readme');
my $db = 'plant';
OdooEvents->load($node, $db, 'odoo19');
$node->safe_psql($db, 'SELECT odoo_events.attach()');

my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
foreach my $case ([ 'python', 'receiver.py', $python, '-u' ], [ 'js', 'receiver.mjs', 'node' ])
{
	my ($language, $file, @command) = @$case;
	my ($program) = $readme =~ /^```$language\n(.*?whsec_.*?)^```/ms;
	ok($program, "README has a receiver in $language");

	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $secret = $node->safe_psql($db,
		qq{SELECT odoo_events.subscribe('$language', 'http://127.0.0.1:$port/', allow_networks => '{127.0.0.0/8}')});
	my $dir = PostgreSQL::Test::Utils::tempdir;
	symlink "$top/test/receiver/node_modules", "$dir/node_modules";
	my $status = sub {
		my ($want) = @_;
		return $node->poll_query_until($db, qq{SELECT $want FROM odoo_events.subscription_status WHERE name = '$language'});
	};
	foreach my $key ('whsec_' . encode_base64('a' x 32, ''), $secret)
	{
		my $text = $program;
		$text =~ s/whsec_\.\.\./$key/ or die 'the example has no secret to fill in';
		$text =~ s/\b8080\b/$port/ or die 'the example has no port to fill in';
		unlink "$dir/$file";
		append_to_file("$dir/$file", $text);
		my $output = '';
		my $run = IPC::Run::start([ @command, "$dir/$file" ], '<', File::Spec->devnull, '>', \$output, '2>&1');
		OdooEvents::Receiver::wait_until(sub { IO::Socket::INET->new("127.0.0.1:$port") }, 'the example listens');
		if ($key eq $secret)
		{
			$node->safe_psql($db, "SELECT odoo_events.retry_now('$language')");
			ok($status->(q{delivered_total = 1 AND last_status = 204}), "$language: accepts what its secret signed");
			OdooEvents::Receiver::wait_until(sub { $run->pump_nb; $output =~ /\n/ }, 'the example prints the event');
			like($output, qr{odoo\.platform\.subscription\.pinged\.v1 subscription/$language}, "$language: and reads it");
		}
		else
		{
			$node->safe_psql($db, "SELECT odoo_events.ping('$language')");
			ok($status->(q{failed_total > 0 AND last_status = 401}), "$language: refuses another secret's signature");
		}
		$run->kill_kill;
	}
}
$node->stop;
done_testing();
