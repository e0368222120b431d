-- Every value of every state column of Odoo 14 to 19 (the selections in its models) is known to the catalog: a state of its entity,
-- or looked at by a condition.  What is left over has no event of its own; docs/odoo.md says why.
\set VERBOSITY terse
CREATE DATABASE publish_states;
\c publish_states
SET client_min_messages = error;
CREATE EXTENSION odoo_events;
CREATE TABLE odoo (entity text, name text, versions text, states text[]);
INSERT INTO odoo VALUES
('stock_move', 'state', '14-19', '{draft,waiting,confirmed,partially_available,assigned,done,cancel}'),
('transfer', 'state', '14-19', '{draft,waiting,confirmed,assigned,done,cancel}'),
('transfer_batch', 'state', '14-19', '{draft,in_progress,done,cancel}'),
('scrap', 'state', '14-19', '{draft,done}'),
('manufacturing_order', 'state', '14-19', '{draft,confirmed,progress,to_close,done,cancel}'),
('manufacturing_order', 'reservation_state', '14-19', '{confirmed,assigned,waiting}'),
('work_order', 'state', '14', '{pending,ready,progress,done,cancel}'), ('work_order', 'state', '15-18', '{pending,waiting,ready,progress,done,cancel}'),
('work_order', 'state', '19', '{blocked,ready,progress,done,cancel}'),
('work_center', 'working_state', '14-19', '{normal,blocked,done}'),
('unbuild_order', 'state', '14-19', '{draft,done}'),
('repair_order', 'state', '14', '{draft,confirmed,under_repair,ready,2binvoiced,invoice_except,done,cancel}'),
('repair_order', 'state', '15-16', '{draft,confirmed,ready,under_repair,2binvoiced,done,cancel}'), ('repair_order', 'state', '17-19', '{draft,confirmed,under_repair,done,cancel}'),
('purchase_order', 'state', '14-18', '{draft,sent,"to approve",purchase,done,cancel}'), ('purchase_order', 'state', '19', '{draft,sent,"to approve",purchase,cancel}'),
('purchase_order', 'receipt_status', '16-19', '{pending,partial,full}'), ('purchase_order', 'invoice_status', '14-19', '{no,"to invoice",invoiced}'),
('sales_order', 'state', '14-16', '{draft,sent,sale,done,cancel}'), ('sales_order', 'state', '17-19', '{draft,sent,sale,cancel}'),
('sales_order', 'delivery_status', '16', '{pending,partial,full}'), ('sales_order', 'delivery_status', '17-19', '{pending,started,partial,full}'),
('sales_order', 'invoice_status', '14-19', '{upselling,invoiced,"to invoice",no}'),
('maintenance_request', 'kanban_state', '14-19', '{normal,blocked,done}'),
('invoice', 'state', '14-19', '{draft,posted,cancel}'),
('invoice', 'payment_state', '14-17', '{not_paid,in_payment,paid,partial,reversed,invoicing_legacy}'),
('invoice', 'payment_state', '18-19', '{not_paid,in_payment,paid,partial,reversed,blocked,invoicing_legacy}'),
('payment', 'state', '18-19', '{draft,in_process,paid,canceled,rejected}'), ('payment_entry', 'state', '14-17', '{draft,posted,cancel}'),
('landed_cost', 'state', '14-19', '{draft,done,cancel}');
SELECT o.entity, o.name, s.state, string_agg(o.versions, ', ' ORDER BY o.versions) AS versions
  FROM odoo o JOIN odoo_events.entity e USING (entity) CROSS JOIN unnest(o.states) s(state)
 WHERE NOT (o.name = coalesce(e.state_column, '') AND (s.state = ANY (e.draft_states || e.cancelled_states) OR EXISTS (SELECT FROM odoo_events.milestone m WHERE m.entity = o.entity AND s.state = ANY (m.states))))
   AND NOT EXISTS (SELECT FROM odoo_events.event_def d WHERE d.entity = o.entity AND d.emit AND strpos(d.condition::text, to_json(s.state)::text) > 0 AND strpos(d.condition::text, to_json(o.name)::text) > 0)
 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
-- no column with states is forgotten here
SELECT entity, state_column FROM odoo_events.entity e WHERE builtin AND state_column IS NOT NULL AND NOT EXISTS (SELECT FROM odoo o WHERE o.entity = e.entity AND o.name = e.state_column) ORDER BY 1;
-- terms of EPCIS are those of its vocabulary (CBV 2.0)
SELECT DISTINCT epcis_bizstep FROM odoo_events.event_def WHERE epcis_bizstep <> ALL ('{accepting,arriving,assembling,collecting,commissioning,consigning,creating_class_instance,cycle_counting,decommissioning,departing,destroying,disassembling,dispensing,encoding,entering_exiting,holding,inspecting,installing,killing,loading,other,packing,picking,receiving,removing,repackaging,repairing,replacing,reserving,retail_selling,sampling,sensor_reporting,shipping,staging_outbound,stock_taking,stocking,storing,transporting,unloading,unpacking,void_shipping}');
SELECT DISTINCT epcis_disposition FROM odoo_events.event_def WHERE epcis_disposition <> ALL ('{active,available,completeness_inferred,completeness_verified,conformant,container_closed,container_open,damaged,destroyed,dispensed,disposed,encoded,expired,in_progress,in_transit,inactive,mismatch_class,mismatch_instance,mismatch_quantity,needs_replacement,no_pedigree_match,non_conformant,non_sellable_other,partially_dispensed,recalled,reserved,retail_sold,returned,sellable_accessible,sellable_not_accessible,stolen,unavailable,unknown}');
-- each event is described, owned and classified, and keeps its rank; so does each thing that it carries
SELECT type, variant FROM odoo_events.event_def WHERE coalesce(description, '') = '' OR coalesce(owner, '') = '' OR rank IS NULL OR classification IS NULL;
SELECT type FROM odoo_events.event_type WHERE coalesce(description, '') = '' OR owner IS NULL OR classification IS NULL OR cardinality(fields) IS NULL;
SELECT owner, field FROM odoo_events.field WHERE classification IS NULL;
SELECT entity, part FROM odoo_events.part p WHERE p.owner <> 'none' AND NOT EXISTS (SELECT FROM odoo_events.field f WHERE f.owner = p.owner);
-- people and money are marked as such
SELECT owner, field, classification FROM odoo_events.field
 WHERE field ~ '(^|_)(price|cost|amount|total|subtotal|discount|value)(_|$)' AND classification <> 'confidential'
    OR field ~ '(^|_)(user|partner|customer|vendor|owner|technician|requested_by|email|phone|mobile|street|address|signed_by)$' AND classification <> 'personal' ORDER BY 1, 2;
-- what happens to goods and machines has its step or disposition; what has neither is a plan, a message or a date
SELECT type FROM odoo_events.event_def d JOIN odoo_events.entity e USING (entity)
 WHERE e.builtin AND d.emit AND e.domain IN ('inventory', 'logistics', 'manufacturing', 'repair', 'quality') AND d.epcis_bizstep IS NULL AND d.epcis_disposition IS NULL
   AND d.occasion = 'milestone' AND d.milestone = (SELECT m.milestone FROM odoo_events.milestone m WHERE m.entity = d.entity ORDER BY m.rung DESC LIMIT 1) ORDER BY 1;
SELECT string_agg(DISTINCT split_part(type, '.', 4), ' ') AS without FROM odoo_events.event_def d JOIN odoo_events.entity e USING (entity)
 WHERE e.builtin AND d.emit AND e.domain IN ('inventory', 'logistics', 'manufacturing', 'repair', 'quality') AND d.epcis_bizstep IS NULL AND d.epcis_disposition IS NULL;
\c postgres
DROP DATABASE publish_states;
