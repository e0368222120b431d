# once: receivers have nothing to do with PostgreSQL's version
# check-all: endpoints in Node, Go and PHP
# The receivers that README and docs/receivers.md show pass the certification that docs/receivers.md asks of an endpoint, all demands of it, and
# certify.py runs without this checkout.  A language that is not installed is left out, and said.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Copy;
use IO::Socket::INET;
use IPC::Run;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = File::Spec->rel2abs("$FindBin::RealBin/../..");
my $examples = "$top/docs/examples";
my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
my $secret = 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=';
my $dir = PostgreSQL::Test::Utils::tempdir;
copy("$top/test/conformance/certify.py", "$dir/certify.py") or die $!;

sub runs { return IPC::Run::run([@_], '<', File::Spec->devnull, '>', File::Spec->devnull, '2>&1') }

# Starts a receiver, certifies it, ends it.
sub certified
{
	my ($name, $command, %env) = @_;
	subtest "$name passes its certification" => sub {
		my $port = PostgreSQL::Test::Cluster::get_free_port();
		my @command = map { s/PORT/$port/r } @$command;
		local %ENV = (%ENV, PORT => $port, SECRET => $secret, HOME => $dir, %env);
		my $run = IPC::Run::start(\@command, '<', File::Spec->devnull, '>', "$dir/out", '2>', "$dir/err");
		OdooEvents::Receiver::wait_until(sub { IO::Socket::INET->new("127.0.0.1:$port") }, 'it listens') or diag slurp_file("$dir/err");
		my ($out, $err) = ('', '');
		IPC::Run::run([ $python, "$dir/certify.py", "http://127.0.0.1:$port/hook", '--secret', $secret, '--timeout', '10' ], '<', File::Spec->devnull, '>', \$out, '2>', \$err);
		like($out, qr/^16 passed, 0 failed\n\z/m, 'all demands') or diag $out, $err, slurp_file("$dir/err");
		$run->kill_kill;
	};
	return;
}

# README's programs, with secret and port filled in
my $readme = slurp_file("$top/README.md");
mkdir "$dir/node_modules";
symlink $_, "$dir/node_modules/" . (split m{/}, $_)[-1] foreach glob("$top/test/receiver/node_modules/* /usr/share/nodejs/express");
foreach my $case ([ 'python', 'readme.py', 'int(__import__("os").environ["PORT"])', $python ], [ 'js', 'readme.mjs', 'Number(process.env.PORT)', 'node' ])
{
	my ($language, $file, $from_environment, $program) = @$case;
	my ($text) = $readme =~ /^```$language\n(.*?whsec_.*?)^```/ms;
	$text =~ s/whsec_\.\.\./$secret/;
	$text =~ s/\b8080\b/$from_environment/;
	append_to_file("$dir/$file", $text);
	certified("README's receiver in $language", [ $program, "$dir/$file" ]);
}

certified('a queue in between', [ $python, "$examples/queue_receiver.py" ], QUEUE => "$dir/queue.db");
certified('Go', ["$dir/receiver"]) if installed('Go', 'go', 'version') && runs('env', "GOCACHE=$ENV{TESTDIR}/../go", 'GO111MODULE=off', 'go', 'build', '-o', "$dir/receiver", "$examples/receiver.go");
certified('PHP', [ 'php', '-S', '127.0.0.1:PORT', "$examples/receiver.php" ], PHP_CLI_SERVER_WORKERS => 10) if installed('PHP', 'php', '-v');
certified('FastAPI', [ $python, '-m', 'uvicorn', '--app-dir', $examples, '--port', 'PORT', 'fastapi_receiver:app' ], PYTHONDONTWRITEBYTECODE => 1)
  if installed('FastAPI', $python, '-c', 'import fastapi, uvicorn');
if (installed('Express', 'test', '-d', '/usr/share/nodejs/express'))
{
	copy("$examples/express_receiver.mjs", "$dir/express_receiver.mjs") or die $!;
	certified('Express', [ 'node', "$dir/express_receiver.mjs" ], NODE_PATH => '/usr/share/nodejs');
}

sub installed
{
	my ($name, @command) = @_;
	return 1 if runs(@command);
	note "$name is not installed: its receiver is not tested";
	return 0;
}

done_testing();
