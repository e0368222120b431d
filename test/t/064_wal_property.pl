# Whatever transactions do, alone and at the same time, triggers and the WAL have the same net changes of them: random transactions of every
# statement and shape of savepoint that we know, some prepared, some of DDL, in three sessions at once, captured both ways.
# SEED=n repeats what a run does (not how its sessions interleave), ROUNDS=n makes it longer.
# check-all: random transactions
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use OdooRandom;
use PostgreSQL::Test::Utils;
use Test::More;

my $sessions = 3;
my $rounds = $ENV{ROUNDS} // 60;
my $seed = $ENV{SEED} // time;
srand $seed;
note "SEED=$seed";

my $node = OdooEvents->node('walproperty', "max_stack_depth = '2MB'\nlogical_decoding_work_mem = '64kB'\ndeadlock_timeout = '100ms'\n");
$node->append_conf('postgresql.conf', "output_plugin_libraries = 'odoo_events'\n")
  if $node->safe_psql('postgres', q{SELECT count(*) FROM pg_settings WHERE name = 'output_plugin_libraries'});
$node->reload;
$node->safe_psql('postgres', 'CREATE DATABASE plant OWNER odoo');
$node->safe_psql('plant', 'CREATE EXTENSION odoo_events; CREATE SCHEMA audit');
$node->safe_psql('plant', q{CREATE FUNCTION audit.emptied(tables text[]) RETURNS void LANGUAGE sql AS ''});
$node->safe_psql('plant', OdooRandom::schema());
$node->safe_psql('plant', q{
  SELECT odoo_events.define_entity('doc', 'doc', domain => 'test', columns => '{state,qty,parent_id}', name_column => 'name');
  SELECT odoo_events.define_entity('line', 'line', domain => 'test', columns => '{state,doc_id}');
  SELECT odoo_events.define_entity('pdoc', 'pdoc', domain => 'test', columns => '{state,region}');
  SELECT odoo_events.attach('{doc,line,pdoc}', mode => 'both')});
ok($node->poll_query_until('plant', q{SELECT bool_and(state = 'both') FROM odoo_events.wal_rule}), 'captured both ways');

my @running;
foreach my $session (1 .. $sessions)
{
	my %r = (in => "\\set VERBOSITY terse\nSET client_min_messages = error;\n" . join('', map { OdooRandom::transaction("$session-$_") } 1 .. $rounds), out => '', err => '');
	$r{run} = IPC::Run::start([ 'psql', '-qAtX', '-d', $node->connstr('plant') ], '<', \$r{in}, '>', \$r{out}, '2>', \$r{err});
	push @running, \%r;
}
$_->{run}->finish foreach @running;
my $failed = join '', map { $_->{err} } @running;
unlike($failed, qr/server closed|internal error/, 'no crash');
note scalar(() = $failed =~ /ERROR:/g), ' statements failed, as was to be expected';
# what a session left prepared because the other end failed
$node->safe_psql('plant', "ROLLBACK PREPARED '$_'") foreach split /\n/, $node->safe_psql('plant', 'SELECT gid FROM pg_prepared_xacts');

my $snapshot = $node->safe_psql('plant', 'SELECT pg_current_snapshot()');
ok($node->poll_query_until('plant', "SELECT pg_snapshot_xmin(done) >= pg_snapshot_xmax('$snapshot') FROM odoo_events.wal_compare"), 'all is compared');
my $rows = $node->safe_psql('plant', q{SELECT count(*) FROM odoo_events.journal WHERE op IN ('I', 'U', 'D', 'T')});
cmp_ok($rows, '>', $rounds, "$rows net changes");
is($node->safe_psql('plant', 'SELECT d.*, e.rule FROM odoo_events.capture_difference d LEFT JOIN odoo_events.entity e ON e.rule = d.rule ORDER BY at LIMIT 20'), '', 'both ways have the same')
  or diag "SEED=$seed";
is($node->safe_psql('plant', 'SELECT count(*) FROM odoo_events.capture_error'), '0', 'no gap');

# it can fail: a change that triggers did not see
$node->safe_psql('plant', q{BEGIN; SET LOCAL odoo_events.capture = off; INSERT INTO doc (id, state) VALUES (-1, 'draft'); COMMIT});
ok($node->poll_query_until('plant', q{SELECT count(*) = 1 FROM odoo_events.capture_difference WHERE record_id = -1 AND trigger IS NULL AND wal = 'I'}), 'what only the WAL has is a difference');
$node->stop;
done_testing();
