# docs/odoo.md says why the extension is not trusted: what Odoo's own restore of a custom dump meets, with and without that mark.  The mark is made
# in a copy of the control file, which PostgreSQL finds by extension_control_path from 18 on.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use IPC::Run;
use OdooEvents;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = OdooEvents->node('trusted');
plan skip_all => 'extension_control_path came with PostgreSQL 18' if $node->safe_psql('postgres', 'SHOW server_version_num') < 180000;
OdooEvents->load($node, 'plant', 'odoo19');
$node->safe_psql('plant', $_) foreach ('SELECT odoo_events.attach()', q{SELECT odoo_events.subscribe('wms', 'http://127.0.0.1:9/', allow_networks => '{127.0.0.0/8}')});
my $dump = $node->basedir . '/plant.dump';
my @odoo = ('-h', $node->host, '-p', $node->port, '-U', 'odoo');
IPC::Run::run([ 'pg_dump', @odoo, '--no-owner', '-Fc', '-f', $dump, 'plant' ]) or die 'no dump';

# Restores as Odoo's database manager does; the status and the errors of pg_restore.
sub restore
{
	my ($db) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db OWNER odoo TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C'");
	my $err = '';
	IPC::Run::run([ 'pg_restore', @odoo, '--no-owner', '-d', $db, $dump ], '2>', \$err);
	return ($? >> 8, $err =~ /error: (?:could not execute query: )?(?:ERROR:  )?([^\n]*)/g);
}
my $rows = 'SELECT count(*) FROM stock_move';

subtest 'not trusted, as it is shipped' => sub {
	my ($status, @errors) = restore('shipped');
	is($status, 1, 'pg_restore ends with status 1');
	is((grep { /permission denied to create extension/ } @errors), 1, 'because the extension is refused');
	is($node->safe_psql('shipped', $rows), $node->safe_psql('plant', $rows), q{Odoo's data is complete});
};

subtest 'marked as trusted' => sub {
	my $dir = $node->basedir . '/control';
	chomp(my $share = `$ENV{PG_CONFIG} --sharedir`);
	mkdir $_ foreach ($dir, "$dir/extension");
	symlink $_, "$dir/extension/" . (split m{/}, $_)[-1] foreach glob("$share/extension/odoo_events--*.sql");
	(my $control = slurp_file("$share/extension/odoo_events.control")) =~ s/^trusted = false/trusted = true/m;
	append_to_file("$dir/extension/odoo_events.control", $control);
	$node->append_conf('postgresql.conf', "extension_control_path = '$dir:\$system'");
	$node->reload;
	$node->poll_query_until('postgres', q{SELECT trusted FROM pg_available_extension_versions WHERE name = 'odoo_events' AND version = (SELECT default_version FROM pg_available_extensions WHERE name = 'odoo_events') LIMIT 1});
	my ($status, @errors) = restore('trusted');
	is($status, 1, 'pg_restore ends with status 1 all the same');
	is_deeply([ sort @errors ], [ 'permission denied for sequence subscription_id_seq', 'permission denied for table saved_config' ], 'because the configuration may not be written');
	is($node->safe_psql('trusted', q{SELECT extowner::regrole FROM pg_extension WHERE extname = 'odoo_events'}), 'odoo', q{and the extension is Odoo's role's, to drop});
};
$node->stop;
done_testing();
