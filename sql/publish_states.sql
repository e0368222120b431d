-- Every value of every state column of Odoo 14 and 19 (its own lists of selections) is known to the catalog: a state of its entity,
-- or looked at by a condition.  What is left over has no event of its own; docs/odoo.md says why.
\set VERBOSITY terse
CREATE DATABASE publish_states;
\c publish_states
SET client_min_messages = error;
CREATE EXTENSION odoo_events;
CREATE TABLE odoo (entity text, name text, version int, states text[]);
INSERT INTO odoo VALUES
('stock_move', 'state', 19, '{draft,waiting,confirmed,partially_available,assigned,done,cancel}'), ('stock_move', 'state', 14, '{draft,waiting,confirmed,partially_available,assigned,done,cancel}'),
('transfer', 'state', 19, '{draft,waiting,confirmed,assigned,done,cancel}'), ('transfer', 'state', 14, '{draft,waiting,confirmed,assigned,done,cancel}'),
('transfer_batch', 'state', 19, '{draft,in_progress,done,cancel}'), ('transfer_batch', 'state', 14, '{draft,in_progress,done,cancel}'),
('scrap', 'state', 19, '{draft,done}'), ('scrap', 'state', 14, '{draft,done}'),
('manufacturing_order', 'state', 19, '{draft,confirmed,progress,to_close,done,cancel}'), ('manufacturing_order', 'state', 14, '{draft,confirmed,progress,to_close,done,cancel}'),
('manufacturing_order', 'reservation_state', 19, '{confirmed,assigned,waiting}'), ('manufacturing_order', 'reservation_state', 14, '{confirmed,assigned,waiting}'),
('work_order', 'state', 19, '{blocked,ready,progress,done,cancel}'), ('work_order', 'state', 14, '{pending,waiting,ready,progress,done,cancel}'),
('work_center', 'working_state', 19, '{normal,blocked,done}'), ('work_center', 'working_state', 14, '{normal,blocked,done}'),
('unbuild_order', 'state', 19, '{draft,done}'), ('unbuild_order', 'state', 14, '{draft,done}'),
('repair_order', 'state', 19, '{draft,confirmed,under_repair,done,cancel}'), ('repair_order', 'state', 14, '{draft,confirmed,under_repair,ready,2binvoiced,invoice_except,done,cancel}'),
('purchase_order', 'state', 19, '{draft,sent,"to approve",purchase,cancel}'), ('purchase_order', 'state', 14, '{draft,sent,"to approve",purchase,done,cancel}'),
('purchase_order', 'receipt_status', 19, '{pending,partial,full}'), ('purchase_order', 'invoice_status', 19, '{no,"to invoice",invoiced}'),
('sales_order', 'state', 19, '{draft,sent,sale,cancel}'), ('sales_order', 'state', 14, '{draft,sent,sale,done,cancel}'),
('sales_order', 'delivery_status', 19, '{pending,started,partial,full}'), ('sales_order', 'invoice_status', 19, '{upselling,invoiced,"to invoice",no}'),
('maintenance_request', 'kanban_state', 19, '{normal,blocked,done}'), ('maintenance_request', 'kanban_state', 14, '{normal,blocked,done}'),
('invoice', 'state', 19, '{draft,posted,cancel}'), ('invoice', 'state', 14, '{draft,posted,cancel}'),
('invoice', 'payment_state', 19, '{not_paid,in_payment,paid,partial,reversed,blocked,invoicing_legacy}'), ('invoice', 'payment_state', 14, '{not_paid,in_payment,paid,partial,reversed,invoicing_legacy}'),
('payment', 'state', 19, '{draft,in_process,paid,canceled,rejected}'), ('landed_cost', 'state', 19, '{draft,done,cancel}'), ('landed_cost', 'state', 14, '{draft,done,cancel}');
SELECT o.entity, o.name, s.state, string_agg(o.version::text, ', ' ORDER BY o.version) AS versions
  FROM odoo o JOIN odoo_events.entity e USING (entity) CROSS JOIN unnest(o.states) s(state)
 WHERE NOT (o.name = coalesce(e.state_column, '') AND (s.state = ANY (e.draft_states || e.cancelled_states) OR EXISTS (SELECT FROM odoo_events.milestone m WHERE m.entity = o.entity AND s.state = ANY (m.states))))
   AND NOT EXISTS (SELECT FROM odoo_events.event_def d WHERE d.entity = o.entity AND d.emit AND strpos(d.condition::text, to_json(s.state)::text) > 0 AND strpos(d.condition::text, to_json(o.name)::text) > 0)
 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
-- terms of EPCIS are those of its vocabulary (CBV 2.0)
SELECT DISTINCT epcis_bizstep FROM odoo_events.event_def WHERE epcis_bizstep <> ALL ('{accepting,arriving,assembling,collecting,commissioning,consigning,creating_class_instance,cycle_counting,decommissioning,departing,destroying,disassembling,dispensing,encoding,entering_exiting,holding,inspecting,installing,killing,loading,other,packing,picking,receiving,removing,repackaging,repairing,replacing,reserving,retail_selling,sampling,sensor_reporting,shipping,staging_outbound,stock_taking,stocking,storing,transporting,unloading,unpacking,void_shipping}');
SELECT DISTINCT epcis_disposition FROM odoo_events.event_def WHERE epcis_disposition <> ALL ('{active,available,completeness_inferred,completeness_verified,conformant,container_closed,container_open,damaged,destroyed,dispensed,disposed,encoded,expired,in_progress,in_transit,inactive,mismatch_class,mismatch_instance,mismatch_quantity,needs_replacement,no_pedigree_match,non_conformant,non_sellable_other,partially_dispensed,recalled,reserved,retail_sold,returned,sellable_accessible,sellable_not_accessible,stolen,unavailable,unknown}');
-- each event is described, owned and classified, and keeps its rank
SELECT type, variant FROM odoo_events.event_def WHERE coalesce(description, '') = '' OR coalesce(owner, '') = '' OR rank IS NULL;
\c postgres
DROP DATABASE publish_states;
