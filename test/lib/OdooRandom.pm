# Random transactions: every statement and shape of savepoint that we know, on tables with the triggers that others have.
#
#   $node->safe_psql('plant', OdooRandom::schema());          # tables doc, line, pdoc (partitioned)
#   my $sql = OdooRandom::transaction(7);                      # ends by COMMIT, ROLLBACK, or, in a session of its own, COMMIT PREPARED 'p7'
# The test has a function audit.emptied(tables text[]) that is called after a TRUNCATE.
package OdooRandom;
use strict;
use warnings;

sub schema
{
	return q{
  CREATE TABLE doc (id int PRIMARY KEY, state text, qty numeric, name text, note text, parent_id int REFERENCES doc ON DELETE SET NULL ON UPDATE CASCADE
    DEFERRABLE INITIALLY IMMEDIATE, other text);
  CREATE TABLE line (id int PRIMARY KEY, state text, doc_id int REFERENCES doc ON DELETE CASCADE ON UPDATE CASCADE);
  CREATE TABLE pdoc (id int, region text, state text, note text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
  CREATE TABLE pdoc_a PARTITION OF pdoc FOR VALUES IN ('a');
  -- a partition whose columns stand in another order
  CREATE TABLE pdoc_b (gone int, note text, state text, region text NOT NULL, id int NOT NULL);
  ALTER TABLE pdoc_b DROP COLUMN gone;
  ALTER TABLE pdoc ATTACH PARTITION pdoc_b FOR VALUES IN ('b');
  CREATE TABLE pdoc_rest PARTITION OF pdoc DEFAULT;
  -- triggers as others have them: one that changes what is written, one that changes other rows, one that does so at commit
  CREATE FUNCTION before_doc() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.state = 'changed' THEN NEW.qty := NEW.qty + 1; ELSIF NEW.state = 'suppressed' THEN RETURN NULL; END IF;
    RETURN NEW; END $$;
  CREATE TRIGGER before_doc BEFORE INSERT OR UPDATE ON doc FOR EACH ROW EXECUTE FUNCTION before_doc();
  CREATE FUNCTION after_line() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE doc SET qty = (SELECT count(*) FROM line l WHERE l.doc_id = doc.id) WHERE id = COALESCE(NEW.doc_id, OLD.doc_id) AND state <> 'frozen';
    IF NEW.state = 'killer' THEN DELETE FROM doc WHERE id = NEW.doc_id + 1; END IF;
    RETURN NULL; END $$;
  CREATE TRIGGER after_line AFTER INSERT OR UPDATE OR DELETE ON line FOR EACH ROW EXECUTE FUNCTION after_line();
  CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE pdoc SET state = 'late', region = CASE region WHEN 'a' THEN 'b' ELSE 'a' END WHERE id = NEW.id AND state <> 'late';
    -- PostgreSQL with assertions ends itself where an EXCEPTION block is rolled back at COMMIT
    IF NOT current_setting('debug_assertions')::boolean THEN
      BEGIN
        DELETE FROM line WHERE id = NEW.id;
        PERFORM 1 / (NEW.id % 2);
      EXCEPTION WHEN division_by_zero THEN NULL;
      END;
    END IF;
    RETURN NULL; END $$;
  CREATE CONSTRAINT TRIGGER at_commit AFTER UPDATE ON doc DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state = 'late') EXECUTE FUNCTION at_commit();
	};
}

sub any { return $_[ int rand @_ ] }
my @states = qw(draft confirmed done cancel changed suppressed frozen late killer);
sub id { return 1 + int rand 12 }
sub state { return "'" . any(@states) . "'" }
sub text { return any('NULL', "'x'", "repeat('toast me ', 900)", "repeat(md5(random()::text), 200)") }

# One statement, or a few that belong together.
my @statements = (
	sub { 'INSERT INTO doc (id, state, qty, name, note) VALUES (' . id . ', ' . state . ', ' . any('NULL', '1', '1.00', '2.5') . ', ' . text . ', ' . text . ') ON CONFLICT DO NOTHING' },
	sub { 'INSERT INTO doc (id, state, qty) SELECT i, ' . state . ', i FROM generate_series(' . id . ', ' . id . ') i ON CONFLICT (id) DO UPDATE SET state = EXCLUDED.state, note = ' . text },
	sub { 'INSERT INTO doc (id, state) VALUES (' . id . ', ' . state . ')' },
	sub { 'UPDATE doc SET state = ' . state . ' WHERE id % ' . any(1, 2, 3) . ' = 0' },
	sub { 'UPDATE doc SET name = ' . text . ', other = ' . text . ' WHERE id = ' . id },
	sub { 'UPDATE doc SET parent_id = (SELECT min(id) FROM doc), qty = qty * 1.0 WHERE id = ' . id },
	sub { 'UPDATE doc SET id = id + 100 WHERE id = ' . id },
	sub { 'UPDATE doc SET id = id - 100 WHERE id > 100 AND NOT EXISTS (SELECT 1 FROM doc d WHERE d.id = doc.id - 100)' },
	sub { 'UPDATE doc SET note = note WHERE id = ' . id },
	sub { 'DELETE FROM doc WHERE id = ' . id },
	sub { 'WITH gone AS (DELETE FROM doc WHERE id = ' . id . ' RETURNING *) INSERT INTO doc (id, state) SELECT id + 200, ' . state . ' FROM gone ON CONFLICT DO NOTHING' },
	sub { 'INSERT INTO line SELECT ' . id . ' + 10 * i, ' . state . ', (SELECT max(id) FROM doc) FROM generate_series(0, ' . int(rand 3) . ') i ON CONFLICT DO NOTHING' },
	sub { 'UPDATE line SET state = ' . state . ', doc_id = (SELECT min(id) FROM doc) WHERE id % 2 = ' . any(0, 1) },
	sub { 'DELETE FROM line WHERE id % 5 = ' . int rand 5 },
	sub { my $id = id; "INSERT INTO pdoc SELECT $id, " . any("'a'", "'b'", "'c'") . ', ' . state . ', ' . text . " WHERE NOT EXISTS (SELECT 1 FROM pdoc p WHERE p.id = $id)" },
	sub { 'UPDATE pdoc SET region = ' . any("'a'", "'b'", "'z'") . ', state = ' . state . ' WHERE id % 3 = ' . int rand 3 },
	sub { 'DELETE FROM pdoc WHERE id = ' . id },
	sub { my $id = id; "MERGE INTO pdoc p USING (SELECT $id AS id) s ON p.id = s.id WHEN MATCHED AND p.state = 'done' THEN DELETE"
			. ' WHEN MATCHED THEN UPDATE SET state = ' . state . " WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'a', 'draft')" },
	sub { my $id = 300 + id; "DELETE FROM pdoc WHERE id = $id;\nCOPY pdoc (id, region, state) FROM PROGRAM 'echo $id,b,copied' CSV" },
	sub { my $n = 1 + int rand 4; 'DO $$ BEGIN FOR i IN 1 .. ' . $n . ' LOOP BEGIN UPDATE doc SET qty = i WHERE id = ' . id
			. '; IF i % 2 = 0 THEN RAISE EXCEPTION \'undo\'; END IF; BEGIN DELETE FROM doc WHERE id = ' . id . '; PERFORM 1 / (i - 1);'
			. ' EXCEPTION WHEN division_by_zero THEN UPDATE doc SET state = ' . state . ' WHERE id = ' . id . '; END; EXCEPTION WHEN raise_exception THEN NULL; END; END LOOP; END $$' },
	sub { 'DO $$ BEGIN PERFORM 1; EXCEPTION WHEN OTHERS THEN NULL; END $$' },
	sub { 'SET CONSTRAINTS ALL ' . any('IMMEDIATE', 'DEFERRED') },
	sub { "SET LOCAL odoo_events.capture_memory = '64kB';\nSET LOCAL work_mem = '64kB';\n"
			. 'INSERT INTO doc (id, state, name) SELECT i, \'bulk\', repeat(\'b\', 400) FROM generate_series(1000, ' . (1100 + int rand 400) . ") i ON CONFLICT DO NOTHING;\n"
			. any('DELETE FROM doc WHERE id >= 1000', "UPDATE doc SET state = 'bulk2' WHERE id >= 1000 AND id % 2 = 0", 'DELETE FROM doc WHERE id >= 1000 AND id % 7 <> 0') },
	sub { 'SELECT count(*) FROM doc' });
my @rare = (
	sub { my $t = any('line', 'pdoc'); "TRUNCATE $t;\nSELECT audit.emptied('{$t}')" },
	sub { "TRUNCATE doc CASCADE;\nSELECT audit.emptied('{doc,line}')" },
	sub { 'ALTER TABLE doc ADD COLUMN IF NOT EXISTS extra text DEFAULT \'e\', ALTER COLUMN other TYPE varchar(' . (8000 + int rand 1000) . ')' },
	sub { 'ALTER TABLE doc ALTER COLUMN qty TYPE ' . any('numeric(12,4)', 'numeric') },
	sub { 'ALTER TABLE doc DROP COLUMN IF EXISTS extra' },
	sub { 'CREATE INDEX ON doc (state)' });

# One transaction: statements among savepoints that nest, are released, rolled back to, and whose names come again.
sub transaction
{
	my ($n) = @_;
	my @open;
	my $sql = 'BEGIN ISOLATION LEVEL ' . any('READ COMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE') . ";\n";
	foreach (1 .. 2 + int rand 16)
	{
		my $dice = rand;
		if ($dice < 0.28)
		{
			push @open, any(qw(s t u));
			$sql .= "SAVEPOINT $open[-1];\n";
		}
		elsif ($dice < 0.50 && @open)
		{
			# the last of a name is meant, and what was opened after it goes along
			my $name = any(@open);
			my ($at) = grep { $open[$_] eq $name } reverse 0 .. $#open;
			my $release = rand() < 0.4;
			$sql .= ($release ? 'RELEASE' : 'ROLLBACK TO') . " $name;\n";
			$#open = $release ? $at - 1 : $at;
		}
		elsif ($dice < 0.53)
		{
			$sql .= any(@rare)->() . ";\n";
		}
		else
		{
			$sql .= any(@statements)->() . ";\n";
		}
		# a failed statement is put right as often as not
		$sql .= "ROLLBACK TO $open[-1];\n" if @open && rand() < 0.1;
	}
	my $end = rand;
	return $sql . "COMMIT;\n" if $end < 0.75;
	return $sql . "ROLLBACK;\n" if $end < 0.85;
	# prepared by one session, ended by another
	return $sql . "PREPARE TRANSACTION 'p$n';\n\\connect -\n" . ($end < 0.95 ? 'COMMIT' : 'ROLLBACK') . " PREPARED 'p$n';\n";
}

1;
