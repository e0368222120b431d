-- an independent record of what each transaction did to the states of moves, transfers and manufacturing orders
CREATE TABLE audit (seq bigserial, xid xid8, step text, tab text, id int, old_state text, new_state text, existed boolean, gone boolean, image jsonb);
GRANT ALL ON audit, audit_seq_seq TO regress_publish_owner;
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO audit (xid, step, tab, id, old_state, new_state, existed, gone, image)
  VALUES (pg_current_xact_id(), current_setting('odoo.step', true), TG_TABLE_NAME, coalesce(NEW.id, OLD.id),
          OLD.state, NEW.state, TG_OP <> 'INSERT', TG_OP = 'DELETE', to_jsonb(NEW));
  RETURN NULL;
END $$;
CREATE TRIGGER zz_audit AFTER INSERT OR UPDATE OR DELETE ON stock_move FOR EACH ROW EXECUTE FUNCTION audit();
CREATE TRIGGER zz_audit AFTER INSERT OR UPDATE OR DELETE ON stock_picking FOR EACH ROW EXECUTE FUNCTION audit();
CREATE TRIGGER zz_audit AFTER INSERT OR UPDATE OR DELETE ON mrp_production FOR EACH ROW EXECUTE FUNCTION audit();
CREATE TRIGGER zz_audit AFTER INSERT OR UPDATE OR DELETE ON stock_move_line FOR EACH ROW EXECUTE FUNCTION audit();
CREATE TRIGGER zz_audit AFTER INSERT OR UPDATE OR DELETE ON mrp_workorder FOR EACH ROW EXECUTE FUNCTION audit();
-- first and last image of each row in each transaction
CREATE VIEW net AS
SELECT DISTINCT ON (xid, tab, id) xid, step, tab, id,
       first_value(existed) OVER w AS existed, first_value(old_state) OVER w AS old_state,
       last_value(gone) OVER w AS gone, last_value(new_state) OVER w AS new_state, last_value(image) OVER w AS image
  FROM audit
WINDOW w AS (PARTITION BY xid, tab, id ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
 ORDER BY xid, tab, id, seq;
-- milestones that follow from it, by the words of the catalog's rules
CREATE VIEW derived AS
SELECT xid, 'stock_move' AS entity, id, 'done' AS milestone FROM net
 WHERE tab = 'stock_move' AND new_state = 'done' AND old_state IS DISTINCT FROM 'done' AND NOT gone
   AND NOT (coalesce((image->>'is_inventory')::boolean, false) AND (image->>'product_uom_qty')::numeric = 0)
UNION ALL
SELECT xid, 'transfer', id, m FROM net,
LATERAL (VALUES ('confirmed', coalesce(old_state, 'draft') = 'draft' AND new_state IN ('waiting', 'confirmed', 'assigned', 'done')),
                ('ready', new_state = 'assigned' AND old_state IS DISTINCT FROM 'assigned'),
                ('done', new_state = 'done' AND old_state IS DISTINCT FROM 'done'),
                ('cancelled', new_state = 'cancel' AND old_state NOT IN ('draft', 'cancel')),
                ('unreserved', old_state = 'assigned' AND new_state IN ('confirmed', 'waiting'))) AS v (m, holds)
 WHERE tab = 'stock_picking' AND NOT gone AND holds
UNION ALL
SELECT xid, 'manufacturing_order', id, m FROM net,
LATERAL (VALUES ('confirmed', coalesce(old_state, 'draft') = 'draft' AND new_state IN ('confirmed', 'progress', 'to_close', 'done')),
                ('started', new_state = 'progress' AND old_state IS DISTINCT FROM 'progress'),
                ('ready_to_close', new_state = 'to_close' AND old_state IS DISTINCT FROM 'to_close'),
                ('done', new_state = 'done' AND old_state IS DISTINCT FROM 'done'),
                ('cancelled', new_state = 'cancel' AND old_state NOT IN ('draft', 'cancel'))) AS v (m, holds)
 WHERE tab = 'mrp_production' AND NOT gone AND holds;
CREATE VIEW announced AS
SELECT odootx AS xid, entity, record_id::int AS id,
       CASE WHEN entity = 'stock_move' OR verb IN ('dispatched', 'received', 'completed') THEN 'done' ELSE verb END AS milestone
  FROM (SELECT *, split_part(type, '.', 4) AS verb FROM odoo_events.outbox) o
 WHERE entity = 'stock_move' AND verb <> 'corrected'
    OR verb IN ('confirmed', 'ready', 'unreserved', 'started', 'ready_to_close', 'dispatched', 'received', 'completed', 'cancelled');
