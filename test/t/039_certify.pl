# once: an endpoint's certification has nothing to do with PostgreSQL
# check-all: an endpoint in Node
# The conformance kit: good receivers pass, and each broken one fails for its own reason.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IO::Socket::INET;
use IPC::Run;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = File::Spec->rel2abs("$FindBin::RealBin/../..");
my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
my $secret = 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=';
my $dir = PostgreSQL::Test::Utils::tempdir;
my $count = 0;

# Certifies a receiver that is started by @command; what failed, what the last lines say, and how many events it remembers.
sub certify
{
	my ($format, @command) = @_;
	my $port = PostgreSQL::Test::Cluster::get_free_port();
	my $state = "$dir/state" . ++$count;
	local %ENV = (%ENV, PORT => $port, SECRET => $secret, STATE => $state, HOME => $dir);
	my $run = IPC::Run::start(\@command, '<', File::Spec->devnull, '>', "$dir/out", '2>', "$dir/err");
	OdooEvents::Receiver::wait_until(sub { IO::Socket::INET->new("127.0.0.1:$port") }, 'the receiver listens') or diag slurp_file("$dir/err");
	my ($out, $err) = ('', '');
	IPC::Run::run([ $python, "$top/test/conformance/certify.py", "http://127.0.0.1:$port/hook?x=1", '--secret', $secret, '--format', $format, '--timeout', '10' ],
		'<', File::Spec->devnull, '>', \$out, '2>', \$err);
	$run->kill_kill;
	my $known = -e $state ? () = slurp_file($state) =~ /\n/g : 0;
	return ([ $out =~ /^FAILED  (.*?):/mg ], $out, $known);
}

sub good
{
	my ($name, $format, @command) = @_;
	my ($wrong, $out, $known) = certify($format, @command);
	is_deeply($wrong, [], "$name passes") or diag $out;
	like($out, qr/^\d\d passed, 0 failed\n\z/m, "$name: the last line");
	my ($distinct) = $out =~ /^distinct events acknowledged: (\d+)$/m;
	is($known, $distinct, "$name: has taken each event once");
	return;
}
good('Python', 'structured', $python, "$top/docs/examples/receiver.py");
good('Python, batches', 'batch', $python, "$top/docs/examples/receiver.py");
good('Node', 'structured', 'node', "$top/docs/examples/receiver.mjs");
good('Java', 'binary', 'java', '-Xshare:auto', '-XX:TieredStopAtLevel=1', "$top/docs/examples/Receiver.java") if grep { -x "$_/javac" } split /:/, $ENV{PATH};
if (grep { -x "$_/mcs" } split /:/, $ENV{PATH})
{
	system_or_bail('mcs', '-nologo', "-out:$dir/Receiver.exe", "$top/docs/examples/Receiver.cs");
	good('C#', 'binary', 'mono', "$dir/Receiver.exe");
}

# What people get wrong, made out of the good one
my $text = slurp_file("$top/docs/examples/receiver.py");
sub broken
{
	my ($name, $format, $from, $to, @want) = @_;
	my $program = "$dir/broken" . ++$count . '.py';
	(my $code = $text) =~ s/\Q$from\E/$to/ or die "the example has no $from";
	append_to_file($program, $code);
	my ($wrong, $out) = certify($format, $python, $program);
	is_deeply($wrong, \@want, "$name: fails for that reason") or diag $out;
	return;
}
broken('verifies nothing', 'structured', 'if not signed(self.headers, body):', 'if False:', 'a wrong signature', 'no signature',
	'another body under a good signature', 'a timestamp of an hour ago, well signed', 'a timestamp in an hour, well signed');
broken('takes any timestamp', 'structured', 'return fresh and any(', 'return any(', 'a timestamp of an hour ago, well signed', 'a timestamp in an hour, well signed');
broken('takes one signature', 'structured', '.split())', '.split()[:1])', 'two signatures, the second is right', 'signatures of a version it does not know beside the right one');
broken('calls duplicates an error', 'structured', 'return                                      #', "raise KeyError('duplicate')      #", 'the same event again');
broken('calls duplicates an error, in batches', 'batch', 'return                                      #', "raise KeyError('duplicate')      #", 'the same event again', 'the same batch again',
	'a batch of which it knows a part');
broken('notes before it verifies', 'structured', '            if not signed(self.headers, body):',
	"            if self.headers['webhook-id'] in inbox.seen:\n                return self.answer(409)\n            inbox.seen.add(self.headers['webhook-id'])\n            if not signed(self.headers, body):",
	'the same event again', 'an event that was refused before, now well signed');
broken('answers a bad signature with 500', 'structured', 'return self.answer(401)', 'return self.answer(500)', 'a wrong signature',
	'another body under a good signature', 'a timestamp of an hour ago, well signed', 'a timestamp in an hour, well signed');
broken('refuses what is out of order', 'structured', 'if sequence > self.last.get(key, ""):', "if sequence < self.last.get(key, ''):\n                raise ValueError('order')\n            else:",
	'the first of that key after it, as a late replay is');
broken('takes no large body', 'structured', '64 * 1024 * 1024', '100000', 'a body of 1 MB');
done_testing();
