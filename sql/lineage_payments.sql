-- reconcile() of what is told under the name, or the id, of something else: payments to Odoo 17, valuations from 19.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE lineage_payments OWNER regress_publish_owner;
\c lineage_payments
SET client_min_messages = warning;
CREATE TABLE account_payment (id int PRIMARY KEY, name text, payment_type text, partner_id int, move_id int);
CREATE TABLE account_move (id int PRIMARY KEY, name text, state text, move_type text, ref text, partner_id int, payment_id int, amount_total numeric, create_date timestamp DEFAULT (now() AT TIME ZONE 'UTC'), write_date timestamp DEFAULT (now() AT TIME ZONE 'UTC'));
CREATE TABLE stock_move (id int PRIMARY KEY, state text, product_id int, quantity numeric, value numeric, create_date timestamp DEFAULT (now() AT TIME ZONE 'UTC'), write_date timestamp DEFAULT (now() AT TIME ZONE 'UTC'));
CREATE TABLE stock_landed_cost (id int PRIMARY KEY, name text, state text, amount_total numeric, create_date timestamp DEFAULT (now() AT TIME ZONE 'UTC'), write_date timestamp DEFAULT (now() AT TIME ZONE 'UTC'));
DO $$DECLARE t text; BEGIN FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP EXECUTE format('ALTER TABLE %I OWNER TO regress_publish_owner', t); END LOOP; END$$;
CREATE EXTENSION odoo_events;
\getenv srcdir PG_ABS_SRCDIR
\set odoo_tables :srcdir /test/lib/odoo_tables.sql
\i :odoo_tables
SELECT count(*) > 0 AS attached FROM odoo_events.attach('{payment_entry,valuation_of_move,landed_cost}');
-- the entry of payment 3 is row 7; row 3 is an invoice, and no payment
INSERT INTO account_payment VALUES (3, 'PAY/3', 'inbound', 1, 7);
INSERT INTO account_move VALUES (3, 'INV/3', 'posted', 'out_invoice', 'other', 2, NULL, 99), (7, 'BNK/7', 'posted', 'entry', 'paid', 1, 3, 50);
INSERT INTO stock_move VALUES (1, 'done', 1, 5, 50);
SELECT odoo_events.publish();
INSERT INTO stock_landed_cost VALUES (1, 'LC/1', 'done', 10);
SELECT odoo_events.publish();
SELECT type, record_id FROM odoo_events.outbox ORDER BY position;
SELECT * FROM odoo_events.reconcile();
SELECT * FROM odoo_events.reconcile('payment_entry', since => '2020-01-01');
-- true differences are found, and sent under the payment's own id
BEGIN;
SET LOCAL odoo_events.capture = off;
UPDATE account_move SET state = 'cancel' WHERE id = 7;
UPDATE stock_move SET value = 60;
COMMIT;
SELECT entity, record_id, odoo_state, last_event_state, note FROM odoo_events.reconcile(repair => true);
SELECT odoo_events.publish();
SELECT type, subject, partitionkey, record_id FROM odoo_events.outbox WHERE type LIKE '%snapshot%' ORDER BY type;
SELECT * FROM odoo_events.reconcile();
\c postgres
DROP DATABASE lineage_payments;
