-- An independent record of what each transaction did to every table.
CREATE TABLE audit (seq bigserial, xid xid8, step text, tab text, id int, old jsonb, new jsonb);
GRANT ALL ON audit, audit_seq_seq TO regress_publish_owner;
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.audit (xid, step, tab, id, old, new)
  VALUES (pg_current_xact_id(), current_setting('odoo.step', true), TG_TABLE_NAME, coalesce(NEW.id, OLD.id), to_jsonb(OLD), to_jsonb(NEW));
  RETURN NULL;
END $$;
DO $$
DECLARE
  t record;
BEGIN
  FOR t IN SELECT c.oid::regclass AS rel FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'id' AND a.atttypid = 'int4'::regtype
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> 'audit' LOOP
    EXECUTE format('CREATE TRIGGER zz_audit AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION public.audit()', t.rel);
  END LOOP;
END $$;
-- each row's net change in each transaction: "old" is null where it was not there before, "new" where it is not there after
CREATE VIEW net AS
SELECT DISTINCT ON (xid, tab, id) xid, step, tab, id, first_value(old) OVER w AS old, last_value(new) OVER w AS new
  FROM audit
WINDOW w AS (PARTITION BY xid, tab, id ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
 ORDER BY xid, tab, id, seq;
