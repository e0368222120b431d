# Whatever a transaction does, its journal is the difference between what the tables held before and hold after: random transactions of every
# statement and shape of savepoint that we know, judged by comparing the tables.  SEED=n repeats a run, ROUNDS=n makes it longer.
# check-all: random transactions
use strict;
use warnings;
use FindBin;
use lib "$FindBin::RealBin/../lib";
use OdooEvents;
use OdooRandom;
use Test::More;

my $rounds = $ENV{ROUNDS} // 150;
my $seed = $ENV{SEED} // ($ENV{ROUNDS} ? time : 1);
srand $seed;
note "SEED=$seed";

my $node = OdooEvents->node('property', "odoo_events.databases = 'none-such'\nmax_stack_depth = '2MB'\n");
$node->safe_psql('postgres', 'CREATE DATABASE plant OWNER odoo');
$node->safe_psql('plant', q{
  CREATE EXTENSION odoo_events;
  INSERT INTO odoo_events.capture_rule VALUES
    ('doc', '{doc}', '{state,qty,parent_id}', '{name,note}', false), ('line', '{line}', '{state,doc_id}', '{}', false),
    ('pdoc', '{pdoc}', '{state,region}', '{note}', false);
});
$node->safe_psql('plant', OdooRandom::schema());
$node->safe_psql('plant', q{
  SELECT odoo_events._capture_table(t::regclass, t) FROM unnest('{doc,line,pdoc}'::text[]) t;

  -- the auditor: what there was, what there is, what the journal should say of it
  CREATE SCHEMA audit;
  CREATE TABLE audit.emptied (rule text);
  CREATE FUNCTION audit.emptied(tables text[]) RETURNS void LANGUAGE sql AS 'INSERT INTO audit.emptied SELECT unnest(tables)';
  CREATE FUNCTION audit.content() RETURNS TABLE (rule text, id int, sig jsonb, "row" jsonb) LANGUAGE sql AS $$
    SELECT 'doc' AS rule, id, jsonb_build_object('state', state, 'qty', qty, 'parent_id', parent_id) AS sig,
           jsonb_build_object('id', id, 'state', state, 'qty', qty, 'parent_id', parent_id, 'name', name, 'note', note) AS row FROM doc
    UNION ALL SELECT 'line', id, jsonb_build_object('state', state, 'doc_id', doc_id), jsonb_build_object('id', id, 'state', state, 'doc_id', doc_id) FROM line
    UNION ALL SELECT 'pdoc', id, jsonb_build_object('state', state, 'region', region),
           jsonb_build_object('id', id, 'state', state, 'region', region, 'note', note) FROM pdoc $$;
  CREATE TABLE audit.before AS SELECT * FROM audit.content() WITH NO DATA;
  CREATE VIEW audit.journal AS
    SELECT rule, op::text, COALESCE(record_id, 0)::int AS id, old::jsonb AS old, new::jsonb AS new, relid, xid
      FROM (TABLE odoo_events.journal_0 UNION ALL TABLE odoo_events.journal_1 UNION ALL TABLE odoo_events.journal_2) j;
  CREATE FUNCTION audit.expected() RETURNS TABLE (rule text, op text, id int, old jsonb, new jsonb) LANGUAGE sql AS $$
    SELECT DISTINCT e.rule, 'T', 0, NULL::jsonb, NULL::jsonb FROM audit.emptied e
    UNION ALL
    SELECT rule, CASE WHEN b.row IS NULL THEN 'I' WHEN c.row IS NULL THEN 'D' ELSE 'U' END, id,
           CASE WHEN c.row IS NULL THEN b.row WHEN b.row IS NOT NULL THEN
             (SELECT jsonb_object_agg(key, value) FROM jsonb_each(b.row) WHERE value <> c.row -> key) END, c.row
      FROM (SELECT * FROM audit.before b WHERE b.rule NOT IN (SELECT e.rule FROM audit.emptied e)) b FULL JOIN audit.content() c USING (rule, id)
     WHERE b.sig IS DISTINCT FROM c.sig $$;
  CREATE PROCEDURE audit.prepare() LANGUAGE sql AS $$
    TRUNCATE audit.emptied, audit.before, odoo_events.journal_0, odoo_events.journal_1, odoo_events.journal_2;
    INSERT INTO audit.before SELECT * FROM audit.content() $$;
  CREATE FUNCTION audit.check(n int) RETURNS text LANGUAGE sql AS $$
    SELECT format('%s %s rows', n, count(*)) || COALESCE(E'\nWRONG ' || string_agg(d.*::text, E'\nWRONG ' ORDER BY d.rule, d.id), '')
      FROM audit.journal j FULL JOIN
      (SELECT CASE WHEN a.got THEN 'too much' ELSE 'missing' END, a.rule, a.op, a.id, left(a.old::text, 200), left(a.new::text, 200) FROM
        (SELECT true AS got, x.* FROM (SELECT rule, op, id, old, new FROM audit.journal EXCEPT ALL SELECT * FROM audit.expected()) x
         UNION ALL SELECT false, x.* FROM (SELECT * FROM audit.expected() EXCEPT ALL SELECT rule, op, id, old, new FROM audit.journal) x) a) d ON false $$;
});

my @transactions = map { OdooRandom::transaction($_) } 1 .. $rounds;
my $script = "\\set VERBOSITY terse\nSET client_min_messages = error;\n"
  . join '', map { "CALL audit.prepare();\n$transactions[$_ - 1]SELECT audit.check($_);\n" } 1 .. $rounds;
my ($out, $err) = ('', '');
IPC::Run::run([ 'psql', '-qAtX', '-d', $node->connstr('plant') ], '<', \$script, '>', \$out, '2>', \$err);
my @checked = $out =~ /^(\d+) (\d+) rows$/mg;
is(scalar(@checked) / 2, $rounds, "$rounds transactions were checked") or diag substr($err, -2000);
my $rows = 0;
$rows += $checked[ 2 * $_ + 1 ] foreach 0 .. $rounds - 1;
cmp_ok($rows, '>', $rounds, "$rows rows of the journal");
my @wrong = $out =~ /^(\d+ \d+ rows\nWRONG (?:.*\n)(?:WRONG .*\n)*)/mg;
is(scalar(@wrong), 0, 'each journal is what the tables say');
if (@wrong)
{
	my ($n) = $wrong[0] =~ /^(\d+)/;
	diag substr($wrong[0], 0, 3000) . "SEED=$seed, transaction $n:\n" . substr($transactions[ $n - 1 ], 0, 3000);
}
is($node->safe_psql('plant', 'SELECT count(*) FROM odoo_events.capture_error'), '0', 'no gap');
unlike($err, qr/server closed|internal error/, 'no crash');
note scalar(() = $err =~ /ERROR:/g), ' statements failed, as was to be expected';
$node->stop;
done_testing();
