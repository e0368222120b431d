# once: what the pages say is the same for every version
# Every block of README, docs/install.md, docs/upgrade.md and docs/remove.md is executed as it stands, from top to bottom, on a server that preloads
# another library already.  What needs the machine (apt-get, npm, make, systemctl) is a stub in the PATH: "systemctl restart" restarts this
# server, "make uninstall" asks what the real one asks first.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use OdooEvents;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = File::Spec->rel2abs("$FindBin::RealBin/../..");
my $bindir = $ENV{PG_CONFIG} =~ s{/pg_config$}{}r;
my $dir = PostgreSQL::Test::Utils::tempdir;
chomp(my $pkglibdir = `$ENV{PG_CONFIG} --pkglibdir`);
my %other = map { $_ => 1 } qw(python js yaml);     # t/157_recipes runs these programs; a manifest is nothing to execute here

sub stub
{
	my ($name, $text) = @_;
	append_to_file("$dir/bin/$name", "#!/bin/sh\necho \"$name \$*\" >>\"\$STUBS\"\n$text\n");
	chmod 0755, "$dir/bin/$name";
	return;
}
mkdir "$dir/bin";
stub($_, '') foreach ('apt-get', 'npm');
stub('make', qq{case "\$*" in *uninstall) exec "$top/src/uninstall_check.sh" "$bindir" "$pkglibdir" ;; esac});
stub('systemctl', qq{[ "\$*" = "restart postgresql" ] && "$bindir/pg_ctl" -D "\$DATA_DIRECTORY" -w -l "$dir/server.log" restart >>"$dir/restart.log" 2>&1});

# A server with pg_stat_statements preloaded, and a database of Odoo's.
sub server
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	$node->append_conf('postgresql.conf', "max_worker_processes = 8\nwal_level = logical\n");
	$node->start;
	$node->safe_psql('postgres', 'ALTER SYSTEM SET shared_preload_libraries = pg_stat_statements');
	$node->restart;
	$node->safe_psql('postgres', q{CREATE ROLE odoo LOGIN CREATEDB});
	$node->safe_psql('postgres', q{CREATE DATABASE plant OWNER odoo TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'});
	OdooEvents::_pipe($node, 'plant', 'odoo19-base');
	return $node;
}

# The blocks of a page as [language, text, heading above].
sub blocks
{
	my ($page) = @_;
	my ($heading, @found) = ('');
	my $text = slurp_file("$top/$page");
	while ($text =~ /^(?:#+ (.*?)\n|```(\w*)\n(.*?)^```)/msg)
	{
		if (defined $1) { $heading = $1 } else { push @found, [ $2, $3, $heading ] }
	}
	return @found;
}

# Runs one block as a reader would who pastes it; its output.
sub run_block
{
	my ($node, $language, $text) = @_;
	local %ENV = (%ENV, PATH => "$dir/bin:$ENV{PATH}", STUBS => "$dir/stubs", DATA_DIRECTORY => $node->data_dir, PGHOST => $node->host, PGPORT => $node->port,
		PGUSER => (getpwuid($<))[0], PGDATABASE => 'plant', PGOPTIONS => '');
	my @command = $language eq 'sql' ? ('psql', '-X', '-v', 'ON_ERROR_STOP=1', 'plant') : ('bash', '-e', '-o', 'pipefail');
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run([ 'sh', '-c', 'cd "$0" && exec "$@"', $dir, @command ], '<', \$text, '>', \$out, '2>', \$err);
	$ok &&= $err !~ /^(?:psql:.*)?(?:ERROR|FATAL):/m;
	# the stub of systemctl has started another postmaster
	$node->_update_pid(1) if $text =~ /systemctl/;
	my ($first) = $text =~ /^(.{1,90})/;
	ok($ok, "$language: $first") or diag $text, $out, $err;
	return $out . $err;
}

# $before and $instead are called for each block: to prepare what its text takes for granted, and to say a path of this server.
sub execute
{
	my ($node, $page, %how) = @_;
	my $count = 0;
	foreach my $block (blocks($page))
	{
		my ($language, $text, $heading) = @$block;
		next if $other{$language} || ($how{skip} && $how{skip}->($text));
		like($language, qr/^(?:sh|sql)$/, "$page: a block of a known language");
		$text = $how{instead}->($text, $heading) if $how{instead};
		run_block($node, $language, $text);
		$count++;
	}
	return $count;
}
sub libraries { return $_[0]->safe_psql('postgres', 'SHOW shared_preload_libraries') }

subtest 'README: install, and then what stands at its top' => sub {
	my $node = server('readme');
	my @blocks = blocks('README.md');
	is($blocks[0][0], 'sql', 'the first block is what is done after the installation');
	my ($first, @rest) = @blocks;
	my $tried = 0;
	foreach my $block (@rest)
	{
		my ($language, $text, $heading) = @$block;
		next if $other{$language};
		if ($heading eq 'Try it') { like($text, qr/^make demo/, 'the demo and the tests have tests of their own'); next }
		# the network of the example is a subscription's, so the database is attached before
		run_block($node, $first->[0], $first->[1]) if $text =~ /subscribe\('mes'/ && !$tried++;
		run_block($node, $language, $text);
	}
	is(libraries($node), 'pg_stat_statements, odoo_events', 'both libraries are preloaded');
	is($node->safe_psql('plant', 'SELECT armed FROM odoo_events.arming'), 't', 'the database is armed');
	is($node->safe_psql('plant', q{SELECT string_agg(name, ',' ORDER BY name) FROM odoo_events.subscription}), 'mes,wms', 'both subscriptions are there');
	is($node->safe_psql('plant', q{SELECT string_agg("check" || ' ' || detail, E'\n') FROM odoo_events.health() WHERE status = 'critical' AND "check" NOT LIKE 'subscription %'}), '', 'nothing but the made-up endpoints is wrong');
	$node->stop;
};

subtest 'docs/install.md' => sub {
	my $node = server('install');
	execute($node, 'docs/install.md', instead => sub {
		my ($text, $heading) = @_;
		if ($text =~ s{^DATA=/var/lib/postgresql/15/main}{'DATA=' . $node->data_dir}me)
		{
			# the mistake that this part is about
			$node->safe_psql('postgres', q{ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements, odoo_events'});
			$node->stop;
			is($node->start(fail_ok => 1), 0, 'the server does not start');
			$text =~ s{/tmp/postgresql.auto}{$dir/postgresql.auto};    # nothing is left in the machine's
		}
		return $text;
	});
	like(libraries($node), qr/\bodoo_events$/, 'preloaded');
	is($node->safe_psql('plant', q{SELECT detail FROM odoo_events.health() WHERE "check" = 'owner'}), 'the database belongs to role odoo_app', q{Odoo's role is another one});
	is($node->safe_psql('plant', q{UPDATE stock_picking SET note = note; SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relowner = 'odoo'::regrole}), '0', 'and owns everything');
	$node->safe_psql('plant', q{UPDATE stock_picking SET priority = '1' WHERE id = (SELECT min(id) FROM stock_picking)}, extra_params => [ '-U', 'odoo_app' ]);
	$node->stop;
};

subtest 'docs/upgrade.md' => sub {
	my $node = server('upgrade');
	$node->safe_psql('postgres', 'ALTER SYSTEM SET shared_preload_libraries = pg_stat_statements, odoo_events');
	$node->restart;
	$node->safe_psql('plant', q{CREATE EXTENSION odoo_events VERSION '0.1.0'});
	$node->safe_psql('plant', 'SELECT odoo_events.attach()');
	execute($node, 'docs/upgrade.md');
	is($node->safe_psql('plant', q{SELECT extversion = odoo_events.version() FROM pg_extension WHERE extname = 'odoo_events'}), 't', 'up to date');
	$node->stop;
};

subtest 'docs/remove.md' => sub {
	my $node = server('remove');
	$node->safe_psql('postgres', 'ALTER SYSTEM SET shared_preload_libraries = pg_stat_statements, odoo_events');
	$node->restart;
	$node->safe_psql('plant', 'CREATE EXTENSION odoo_events');
	$node->safe_psql('plant', $_) foreach ('SELECT odoo_events.attach()', q{UPDATE stock_picking SET priority = '1' WHERE id = (SELECT min(id) FROM stock_picking)});
	my $uninstall = sub {
		local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port);
		my ($out, $err) = ('', '');
		my $ok = IPC::Run::run([ "$top/src/uninstall_check.sh", $bindir, $pkglibdir ], '>', \$out, '2>', \$err);
		return ($ok ? 'goes on' : 'refused') . ": $err";
	};
	like($uninstall->(), qr/^refused: .*database plant of the server on port \d+ has the extension.*preloads the library.*docs\/remove\.md has the steps/s, 'make uninstall is refused while the extension is there');
	execute($node, 'docs/remove.md');
	is(libraries($node), 'pg_stat_statements', 'only the other library is preloaded');
	is($node->safe_psql('plant', q{SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'odoo_events%'}), '0', 'no trigger is left');
	ok(-s "$dir/outbox.jsonl" || -e "$dir/outbox.jsonl", 'the outbox was saved');
	like($uninstall->(), qr/^goes on/, 'make uninstall goes on');
	like(slurp_file("$dir/stubs"), qr/^make PG_CONFIG=\S+ uninstall$/m, 'and was called');
	$node->safe_psql('postgres', 'ALTER SYSTEM SET shared_preload_libraries = pg_stat_statements, odoo_events');
	like($uninstall->(), qr/^refused: .*preloads the library/s, 'it is refused while a restart would need the library');
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET shared_preload_libraries');
	$node->stop;
	like($uninstall->(), qr/^goes on: make uninstall: no server runs that could be asked/, 'without a server it says so and goes on');
};

done_testing();
