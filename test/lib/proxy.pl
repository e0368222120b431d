#!/usr/bin/env perl
# proxy.pl LISTEN TARGET: passes bytes on between connections to port LISTEN and port TARGET of this machine. Killing it cuts them all.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;

my ($listen, $target) = @ARGV;
my $server = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', LocalPort => $listen, ReuseAddr => 1) or die "port $listen: $!";
my $select = IO::Select->new($server);
my %peer;
$SIG{PIPE} = 'IGNORE';
while (my @ready = $select->can_read)
{
	foreach my $socket (@ready)
	{
		if ($socket == $server)
		{
			my $client = $server->accept or next;
			my $broker = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $target) or next;
			@peer{ $client, $broker } = ($broker, $client);
			$select->add($client, $broker);
			next;
		}
		my $peer = $peer{$socket} or next;
		my $n = sysread($socket, my $bytes, 65536);
		my $at = 0;
		while ($n && $at < $n)
		{
			my $written = syswrite($peer, $bytes, $n - $at, $at) or last;
			$at += $written;
		}
		next if $n && $at == $n;
		delete @peer{ $socket, $peer };
		$select->remove($socket, $peer);
		close $_ foreach $socket, $peer;
	}
}
