# once: connections and names are between libcurl and the network
# check-all: an endpoint in Node speaks HTTP/2
# Connections are kept, but not for ever: a name that moves to another address is followed under load, with HTTP/1.1 and HTTP/2, while nothing is lost,
# doubled or out of order; and who wants no HTTP/2 gets none.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use File::Spec;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = File::Spec->rel2abs(PostgreSQL::Test::Utils::tempdir);
chmod 0755, $dir;
system_or_bail('cc', '-shared', '-fPIC', '-o', "$dir/resolver.so", "$FindBin::RealBin/../lib/resolver.c", '-ldl');

# What names lead to from now on.
sub hosts
{
	my (%names) = @_;
	open my $fh, '>', "$dir/hosts.new" or die "$dir/hosts: $!";
	print $fh "$_ $names{$_}\n" foreach sort keys %names;
	close $fh;
	rename "$dir/hosts.new", "$dir/hosts" or die $!;
	return;
}
hosts('moves.test' => '127.0.0.2');
my $node;
{
	local $ENV{LD_PRELOAD} = "$dir/resolver.so";
	local $ENV{OE_HOSTS} = "$dir/hosts";
	$node = OdooEvents->node('connections', "odoo_events.connection_max_age = '1s'\n");
}
my $db = 'plant';
$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo");
$node->safe_psql($db, q{CREATE EXTENSION odoo_events; SELECT odoo_events.arm();
CREATE FUNCTION make(n int) RETURNS void LANGUAGE sql AS $$
  SELECT odoo_events._emit('odoo.platform.test.made.v1', 'test/' || i, jsonb_build_object('n', i), 'test:' || i % 8) FROM generate_series(1, n) i $$});

sub sql { return $node->safe_psql($db, $_[0]) }
sub delivered { return OdooEvents::delivered($node, $db, @_) }

# Each event of these answers once, and none too few.
sub once
{
	my ($n, @events) = @_;
	my %seen;
	$seen{ $_->{id} }++ foreach @events;
	is(scalar(keys %seen), $n, 'nothing is lost');
	is(scalar(grep { $_ > 1 } values %seen), 0, 'nothing comes twice');
	return;
}

subtest 'a name that moves to another address is followed under load' => sub {
	my $old = OdooEvents->receiver('python', '--host', '127.0.0.2');
	my $new = OdooEvents->receiver('python', '--host', '127.0.0.3', '--port', $old->{port});
	my $secret = sql("SELECT odoo_events.subscribe('moves', 'http://moves.test:$old->{port}/moves', allow_networks => '{127.0.0.0/8}')");
	$_->knows($secret, '/moves') foreach $old, $new;
	my $n = 0;
	my $more = sub { sql('SELECT make(8)'); $n += 8; return };
	$more->();
	$old->wait_for(sub { @_ >= 8 }, 'the old address is called', '/moves');
	hosts('moves.test' => '127.0.0.3');
	$new->wait_for(sub { $more->(); return @_ > 0 }, 'the new address is called, while connections to the old one are busy', '/moves');
	ok(delivered('moves'), 'all is delivered');
	my $before = () = $old->ledger;
	$more->();
	ok(delivered('moves'), 'and more');
	is(scalar(() = $old->ledger), $before, 'of which the old address gets nothing');
	once($n, $old->events, $new->events);
	is_deeply([ map { $_->problems } $old, $new ], [], 'signed, in order, the same bytes');
	$_->stop foreach $old, $new;
	sql(q{SELECT odoo_events.unsubscribe('moves')});
};

subtest 'HTTP/2: a connection that is never idle gets no new requests when it is too old' => sub {
	run_command([ 'openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=h2', '-addext', 'subjectAltName=IP:127.0.0.1',
			'-days', '2', '-keyout', "$dir/key", '-out', "$dir/pem" ]);
	my $receiver = OdooEvents->receiver('node', '--cert', "$dir/pem", '--key', "$dir/key");
	my $pem = slurp_file("$dir/pem") =~ s/\n/\\n/gr;
	my $subscribe = sub {
		my ($name, $path, $tls) = @_;
		$receiver->knows(sql(qq{SELECT odoo_events.subscribe('$name', 'https://127.0.0.1:$receiver->{port}$path', allow_networks => '{127.0.0.0/8}',
			tls => '{"ca": "$pem"$tls}', ordering => 'none')}), $path);
	};
	$subscribe->('slow', '/slow/300', '');
	my $n = 0;
	$receiver->wait_for(
		sub {
			my @requests = @_;
			# there are always some under way, and they overlap
			if ($n - @requests < 4) { sql('SELECT make(1)'); $n++ }
			return grep { $_->{connection} > 1 } @requests;
		}, 'another connection is used', '/slow/300');
	sql('SELECT make(8)');
	$n += 8;
	ok(delivered('slow'), 'all is delivered');
	my @requests = $receiver->ledger('/slow/300');
	is(scalar(grep { $_->{http} ne '2.0' } @requests), 0, 'by HTTP/2');
	once($n, $receiver->events('/slow/300'));

	$subscribe->('plain', '/plain', ', "http2": false');
	sql(q{SELECT odoo_events.ping('plain')});
	sql(q{SELECT odoo_events.ping('slow')});
	ok(delivered('plain') && delivered('slow'), 'a neighbour of the same endpoint that wants no HTTP/2');
	is(join(' ', map { $_->{http} } $receiver->ledger('/plain')), '1.1', 'gets none, though there is a connection that speaks it');
	is(($receiver->ledger('/slow/300'))[-1]{http}, '2.0', 'and the other one still has it');
	is_deeply([ $receiver->problems ], [], 'signed, the same bytes');
};
$node->stop;
done_testing();
