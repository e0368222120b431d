-- A database :db with tables as Odoo Enterprise, other modules and other versions of Odoo define them, and what happens in them.
\set VERBOSITY terse
SET client_min_messages = error;
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE :"db" OWNER regress_publish_owner;
\c :"db"
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
SET ROLE regress_publish_owner;
CREATE TABLE ir_module_module (id int PRIMARY KEY, name varchar, state varchar);
-- Enterprise: quality
CREATE TABLE quality_point (id int PRIMARY KEY, name varchar, title varchar);
CREATE TABLE quality_alert_stage (id int PRIMARY KEY, name jsonb, done boolean);
CREATE TABLE quality_check (id int PRIMARY KEY, name varchar, point_id int, quality_state varchar, control_date timestamp, product_id int, picking_id int, production_id int,
  lot_id int, user_id int, team_id int, company_id int, measure float8, write_uid int);
CREATE TABLE quality_alert (id int PRIMARY KEY, name varchar, title varchar, stage_id int, reason_id int, priority varchar, product_id int, lot_id int, user_id int, team_id int,
  date_assign timestamp, date_close timestamp, check_id int, company_id int, write_uid int);
INSERT INTO quality_point VALUES (1, 'QP00001', 'Diameter');
INSERT INTO quality_alert_stage VALUES (1, '{"en_US": "New"}', false), (2, '{"en_US": "Solved"}', true);
-- analytic accounting
CREATE TABLE account_analytic_account (id int PRIMARY KEY, code varchar, name jsonb);
CREATE TABLE account_analytic_line (id int PRIMARY KEY, name varchar, date date, amount numeric, unit_amount float8, account_id int, partner_id int, company_id int, write_uid int);
INSERT INTO account_analytic_account VALUES (1, 'A1', '{"en_US": "Plant"}');
-- to Odoo 17: a payment's state is that of its entry
CREATE TABLE account_move (id int PRIMARY KEY, name varchar, state varchar, move_type varchar, payment_state varchar, payment_id int, partner_id int, amount_total numeric, currency_id int, company_id int, write_uid int);
CREATE TABLE account_payment (id int PRIMARY KEY, move_id int, payment_type varchar, partner_type varchar, amount numeric, currency_id int, partner_id int, write_uid int);
-- to Odoo 17: a landed cost has its company by its journal
CREATE TABLE account_journal (id int PRIMARY KEY, code varchar, name varchar, company_id int);
CREATE TABLE stock_landed_cost (id int PRIMARY KEY, name varchar, date date, state varchar, amount_total numeric, account_journal_id int, vendor_bill_id int, account_move_id int, write_uid int);
INSERT INTO account_journal VALUES (1, 'STJ', 'Stock', 3);
-- to Odoo 16: parts of a repair have lines of their own
CREATE TABLE repair_order (id int PRIMARY KEY, name varchar, state varchar, product_id int, product_qty numeric, product_uom int, company_id int, write_uid int);
CREATE TABLE repair_line (id int PRIMARY KEY, repair_id int, type varchar, state varchar, product_id int, product_uom_qty numeric, product_uom int, lot_id int, location_id int, location_dest_id int);
-- Odoo 17 and 18: a purchase with a state in its lines, one without
CREATE TABLE purchase_order (id int PRIMARY KEY, name varchar, state varchar, receipt_status varchar, mail_reminder_confirmed boolean, locked boolean, amount_total numeric, date_planned timestamp, company_id int, write_uid int);
CREATE TABLE purchase_order_line (id int PRIMARY KEY, order_id int, state varchar, product_id int, product_qty numeric, product_uom int, price_unit numeric, date_planned timestamp, qty_received numeric, display_type varchar);
CREATE TABLE sale_order (id int PRIMARY KEY, name varchar, state varchar, amount_total numeric, company_id int, write_uid int);
CREATE TABLE sale_order_line (id int PRIMARY KEY, order_id int, state varchar, product_uom_qty numeric, price_unit numeric, qty_delivered numeric, display_type varchar, is_downpayment boolean);
CREATE TABLE mrp_bom (id int PRIMARY KEY, code varchar, product_qty numeric, active boolean, company_id int);
CREATE TABLE mrp_bom_line (id int PRIMARY KEY, bom_id int, product_id int, product_qty numeric);
RESET ROLE;
UPDATE odoo_events.event_def SET enabled = true;
SELECT DISTINCT entity FROM odoo_events.attach() ORDER BY 1;
CREATE TABLE told (p int8);
CREATE FUNCTION news() RETURNS TABLE (type text, subject text, key text, data text) LANGUAGE sql AS $$
SELECT replace(o.type, 'odoo.', ''), o.subject, o.partitionkey, regexp_replace(o.event->>'data', ',"lines_read_at":"[^"]*"', '') FROM odoo_events.outbox o
 WHERE o.position > coalesce((SELECT max(p) FROM told), 0) ORDER BY o.position
$$;
\pset format unaligned
\pset tuples_only on
-- a check is made and passed, another made failed at once; an alert goes through its stages
INSERT INTO quality_check VALUES (1, 'QC00001', 1, 'none', NULL, NULL, NULL, NULL, NULL, 2, NULL, 1, NULL, 2);
UPDATE quality_check SET quality_state = 'pass', control_date = '2026-11-21 10:00', measure = 10.5 WHERE id = 1;
INSERT INTO quality_check VALUES (2, 'QC00002', 1, 'fail', '2026-11-21 10:00', NULL, NULL, NULL, NULL, 2, NULL, 1, 12.75, 2);
UPDATE quality_check SET measure = 12.5 WHERE id = 2;
INSERT INTO quality_alert VALUES (1, 'QA00001', 'Too thick', 1, NULL, '1', NULL, NULL, 2, NULL, NULL, NULL, 2, 1, 2);
UPDATE quality_alert SET stage_id = 2, date_close = '2026-11-22 09:00' WHERE id = 1;
SELECT odoo_events.publish();
SELECT * FROM news();
INSERT INTO told SELECT max(position) FROM odoo_events.outbox;
-- analytic line; a payment of 17; an invoice posted and cancelled in two transactions; an entry that is neither
INSERT INTO account_analytic_line VALUES (1, 'Energy', '2026-11-21', -120.50, 3, 1, NULL, 1, 2);
INSERT INTO account_payment VALUES (7, 21, 'outbound', 'supplier', 50, NULL, NULL, 2);
INSERT INTO account_move VALUES (21, '/', 'draft', 'entry', 'not_paid', 7, NULL, 50, NULL, 1, 2);
UPDATE account_move SET state = 'posted', name = 'PBNK/1' WHERE id = 21;
INSERT INTO account_move VALUES (22, 'INV/1', 'posted', 'out_invoice', 'not_paid', NULL, NULL, 80, NULL, 1, 2), (23, 'MISC/1', 'posted', 'entry', 'not_paid', NULL, NULL, 80, NULL, 1, 2);
UPDATE account_move SET payment_state = 'in_payment' WHERE id = 22;
UPDATE account_move SET state = 'draft' WHERE id = 21;
UPDATE account_move SET state = 'posted' WHERE id = 21;
UPDATE account_move SET state = 'cancel' WHERE id IN (21, 22, 23);
SELECT odoo_events.publish();
SELECT * FROM news();
INSERT INTO told SELECT max(position) FROM odoo_events.outbox;
-- a landed cost of 17, of company 3
INSERT INTO stock_landed_cost VALUES (1, 'LC/1', '2026-11-21', 'draft', 12.5, 1, NULL, NULL, 2);
UPDATE stock_landed_cost SET state = 'done' WHERE id = 1;
SELECT odoo_events.publish();
SELECT * FROM news();
SELECT company_id FROM odoo_events.outbox WHERE position > (SELECT max(p) FROM told);
INSERT INTO told SELECT max(position) FROM odoo_events.outbox;
-- a repair of 16 with its lines; one cancelled after it was confirmed
INSERT INTO repair_order VALUES (1, 'RMA/1', 'draft', NULL, 1, NULL, 1, 2), (2, 'RMA/2', 'confirmed', NULL, 1, NULL, 1, 2);
INSERT INTO repair_line VALUES (1, 1, 'add', 'draft', NULL, 2, NULL), (2, 1, 'remove', 'draft', NULL, 1, NULL);
BEGIN;
UPDATE repair_order SET state = 'under_repair' WHERE id = 1;
UPDATE repair_order SET state = '2binvoiced' WHERE id = 1;
UPDATE repair_line SET state = 'done' WHERE repair_id = 1;
COMMIT;
UPDATE repair_order SET state = 'done' WHERE id = 1;
UPDATE repair_order SET state = 'cancel' WHERE id = 2;
SELECT odoo_events.publish();
SELECT * FROM news();
INSERT INTO told SELECT max(position) FROM odoo_events.outbox;
-- a draft order is rearranged: nothing but created; confirmed it is changed by its lines alone (17: they have a state), received in
-- three parts of which the second leaves the order's row alone, locked and unlocked; a vendor's reminder is an acknowledgment
INSERT INTO purchase_order VALUES (1, 'P1', 'draft', NULL, NULL, false, 30, '2026-12-01', 1, 2);
INSERT INTO purchase_order_line VALUES (1, 1, 'draft', NULL, 30, NULL, 1, '2026-12-01', 0, NULL), (2, 1, 'draft', NULL, 0, NULL, 0, '2026-12-01', 0, 'line_note');
UPDATE purchase_order_line SET product_qty = 31, date_planned = '2026-12-02' WHERE id = 1;
BEGIN;
UPDATE purchase_order SET state = 'purchase', receipt_status = 'pending' WHERE id = 1;
UPDATE purchase_order_line SET state = 'purchase' WHERE order_id = 1;
COMMIT;
UPDATE purchase_order_line SET product_qty = 33 WHERE id = 1;
UPDATE purchase_order_line SET date_planned = '2026-12-03' WHERE order_id = 1;
UPDATE purchase_order SET mail_reminder_confirmed = true WHERE id = 1;
BEGIN; UPDATE purchase_order_line SET qty_received = 10 WHERE id = 1; UPDATE purchase_order SET receipt_status = 'partial' WHERE id = 1; COMMIT;
UPDATE purchase_order_line SET qty_received = 20 WHERE id = 1;
BEGIN; UPDATE purchase_order_line SET qty_received = 33 WHERE id = 1; UPDATE purchase_order SET receipt_status = 'full' WHERE id = 1; COMMIT;
UPDATE purchase_order SET locked = true WHERE id = 1;
UPDATE purchase_order SET locked = false WHERE id = 1;
DELETE FROM purchase_order_line; DELETE FROM purchase_order;
SELECT odoo_events.publish();
SELECT type, subject, key FROM news();
INSERT INTO told SELECT max(position) FROM odoo_events.outbox;
-- 19: lines know no state: where an order's own row stands still, it is as open as that row was then; a draft's lines and those of an
-- order that is cancelled are no news, told at once or later
ALTER TABLE purchase_order_line DROP COLUMN state;
INSERT INTO purchase_order VALUES (2, 'P2', 'draft', NULL, NULL, false, 30, '2026-12-01', 1, 2);
INSERT INTO purchase_order_line VALUES (3, 2, NULL, 30, NULL, 1, '2026-12-01', 0, NULL);
UPDATE purchase_order_line SET product_qty = 31 WHERE id = 3;
UPDATE purchase_order SET state = 'purchase' WHERE id = 2;
BEGIN; UPDATE purchase_order_line SET product_qty = 32 WHERE id = 3; UPDATE purchase_order SET amount_total = 32 WHERE id = 2; COMMIT;
UPDATE purchase_order_line SET product_qty = 33 WHERE id = 3;
UPDATE purchase_order SET state = 'cancel' WHERE id = 2;
UPDATE purchase_order_line SET product_qty = 34 WHERE id = 3;
SELECT odoo_events.publish();
SELECT type, subject, data::json -> 'purchase_order' ->> 'id' AS id, data::json -> 'changes' -> 0 -> 'fields' ->> 'ordered' AS ordered FROM news();
INSERT INTO told SELECT max(position) FROM odoo_events.outbox;
UPDATE purchase_order_line SET product_qty = 35 WHERE id = 3;
SELECT odoo_events.publish();
UPDATE purchase_order SET state = 'purchase' WHERE id = 2;
SELECT odoo_events.publish();
UPDATE purchase_order_line SET product_qty = 36 WHERE id = 3;
SELECT odoo_events.publish();
SELECT type, subject, data::json -> 'changes' -> 0 -> 'fields' ->> 'ordered' AS ordered FROM news();
INSERT INTO told SELECT max(position) FROM odoo_events.outbox;
-- a quotation that was sent is cancelled and deleted; a down payment is no delivery
INSERT INTO sale_order VALUES (1, 'S1', 'sent', 10, 1, 2), (2, 'S2', 'sale', 10, 1, 2);
INSERT INTO sale_order_line VALUES (1, 2, 'sale', 1, 10, 0, NULL, false), (2, 2, 'sale', 1, 5, 0, NULL, true);
UPDATE sale_order SET state = 'cancel' WHERE id = 1;
DELETE FROM sale_order WHERE id = 1;
UPDATE sale_order_line SET qty_delivered = 1;
INSERT INTO mrp_bom VALUES (1, 'B-1', 1, true, 1);
INSERT INTO mrp_bom_line VALUES (1, 1, NULL, 2);
SELECT odoo_events.publish();
SELECT type, subject, key, data::json->split_part(type, '.', 2)->>'complete' FROM news();
-- to 15 there is no receipt status: that all has come is told by the lines, also by those that the receipt leaves alone; where one
-- was written again before it was read, it is told as part
INSERT INTO told SELECT max(position) FROM odoo_events.outbox;
ALTER TABLE purchase_order DROP COLUMN receipt_status;
ALTER TABLE purchase_order_line ADD COLUMN state varchar, ADD COLUMN qty_invoiced numeric, ADD COLUMN write_date timestamp;
INSERT INTO purchase_order SELECT n, 'P' || n, 'purchase', NULL, false, 30, '2026-12-01', 1, 2 FROM generate_series(3, 5) n;
INSERT INTO purchase_order_line (id, order_id, state, product_qty, qty_received, display_type, write_date)
SELECT n * 10 + m, n, 'purchase', 10, 0, CASE m WHEN 3 THEN 'line_note' END, '2026-11-21 10:00:00' FROM generate_series(3, 5) n, generate_series(1, 3) m;
-- published in time
UPDATE purchase_order_line SET qty_received = 10, write_date = '2026-11-21 10:00:00.5' WHERE id = 31;
SELECT odoo_events.publish();
UPDATE purchase_order_line SET qty_received = 10, write_date = '2026-11-21 10:00:00.51' WHERE id = 32;
SELECT odoo_events.publish();
-- late; and late, and invoiced meanwhile
UPDATE purchase_order_line SET qty_received = 10, write_date = '2026-11-21 10:01:00' WHERE id IN (41, 51);
UPDATE purchase_order_line SET qty_received = 10, write_date = '2026-11-21 10:02:00' WHERE id IN (42, 52);
UPDATE purchase_order_line SET qty_invoiced = 10, write_date = '2026-11-21 10:03:00' WHERE id = 51;
-- made, confirmed and received at once
BEGIN;
INSERT INTO purchase_order VALUES (6, 'P6', 'purchase', NULL, false, 30, '2026-12-01', 1, 2);
INSERT INTO purchase_order_line (id, order_id, state, product_qty, qty_received, write_date) VALUES (61, 6, 'purchase', 10, 10, '2026-11-21 10:04:00');
COMMIT;
SELECT odoo_events.publish();
SELECT type, subject, data::json->'purchase_order'->>'complete' AS complete FROM news();
-- nothing is invented: a draft that is cancelled and unlinked at once, orders made and unmade, what is rolled back; a module's
-- installation, which gives all tables a column and rewrites their rows
BEGIN;
INSERT INTO purchase_order VALUES (7, 'P7', 'draft', NULL, false, 30, '2026-12-01', 1, 2);
INSERT INTO purchase_order_line (id, order_id, state, product_qty) VALUES (71, 7, 'draft', 10);
UPDATE purchase_order SET state = 'cancel' WHERE id = 7;
DELETE FROM purchase_order_line WHERE id = 71;
DELETE FROM purchase_order WHERE id = 7;
INSERT INTO repair_order VALUES (3, 'RMA/3', 'draft', NULL, 1, NULL, 1, 2);
SAVEPOINT s;
INSERT INTO sale_order VALUES (3, 'S3', 'sale', 10, 1, 2);
INSERT INTO account_move VALUES (24, 'INV/2', 'posted', 'out_invoice', 'paid', NULL, NULL, 80, NULL, 1, 2);
ROLLBACK TO s;
DELETE FROM repair_order WHERE id = 3;
COMMIT;
DO $$
DECLARE
  t text;
BEGIN
  FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'told' LOOP
    EXECUTE format('ALTER TABLE %I ADD COLUMN x_new int', t);
    EXECUTE format('UPDATE %I SET x_new = 1', t);
  END LOOP;
END $$;
UPDATE purchase_order SET write_uid = 1;
UPDATE purchase_order_line SET write_date = '2026-11-22 00:00:00';
UPDATE account_move SET write_uid = 1;
SELECT odoo_events.publish() AS invented;
SELECT entity, reason FROM odoo_events.quarantine;
