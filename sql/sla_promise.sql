-- Promises of SLAs: started, kept, broken and told once, paused, moved, cancelled; terms are those of the opening.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = error;
-- an owner that cannot log in keeps the worker away
DO $$BEGIN CREATE ROLE regress_publish_owner NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$;
CREATE DATABASE sla_promise OWNER regress_publish_owner;
\c sla_promise
SET client_min_messages = error;
SET timezone = 'UTC';
CREATE EXTENSION odoo_events;
-- events of a shop, by emit(): start, end, hold, go, stop
CREATE FUNCTION tell(verb text, doc text, data jsonb DEFAULT '{}') RETURNS void LANGUAGE sql AS $$
  SELECT odoo_events.emit('acme.sales.order.' || verb || '.v1', 'order/' || doc, data, key => 'order:' || doc, correlation => 'order:' || doc) $$;
CREATE VIEW told AS SELECT type, subject, (event::jsonb #>> '{data,promise,id}') IN (SELECT id::text FROM odoo_events.promise p WHERE p.document = correlationid) AS own_id, partitionkey, correlationid, event::jsonb #>> '{data,promise,sla}' AS sla, event::jsonb #>> '{data,promise,document}' AS document,
  (event::jsonb #>> '{data,promise,overdue_seconds}')::numeric > 0 AS overdue, event::jsonb #>> '{data,promise,owner}' AS owner FROM odoo_events.outbox WHERE type LIKE 'odoo.p%' ORDER BY position;
SELECT odoo_events.define_sla('ship', '{acme.sales.order.confirmed.v1}', '{acme.sales.order.shipped.v1}', stops => '{acme.sales.order.cancelled.v1}', pauses => '{acme.sales.order.held.v1}',
  resumes => '{acme.sales.order.released.v1}', within => '1 hour', filter => '$.data.kind == "web"', ends_filter => '$.data.full == true', owner => 'Dock');
SELECT odoo_events.define_sla('late', '{acme.sales.order.confirmed.v1}', '{acme.sales.order.shipped.v1}', moves => '{acme.sales.order.moved.v1}', deadline => '$.data.promised');
SELECT odoo_events.define_sla('measured', '{acme.sales.order.confirmed.v1}', '{acme.sales.order.shipped.v1}', document => 'key');

-- the filter judges the start only, ends_filter the end only; a second start is ignored
SELECT tell('confirmed', '1', '{"kind": "web", "promised": "2099-01-01"}');
SELECT tell('confirmed', '2', '{"kind": "shop", "promised": "2020-01-01T10:00:00Z"}');
SELECT odoo_events.publish();
SELECT id, sla, document, state, CASE sla WHEN 'ship' THEN due_at - started_at END AS given, due_at > '2098-01-01' AS far FROM odoo_events.promise ORDER BY 1;
SELECT tell('confirmed', '1', '{"kind": "web"}');
SELECT tell('shipped', '1', '{"full": false}');
SELECT odoo_events.publish();
SELECT id, sla, document, state, told_at IS NOT NULL AS told FROM odoo_events.promise ORDER BY 1;
SELECT tell('shipped', '1', '{"full": true}');
SELECT odoo_events.publish();
SELECT id, sla, document, state FROM odoo_events.promise WHERE document = 'order:1' ORDER BY 1;

-- due before the SLA was defined: counted and not told
SELECT id, state, told_at FROM odoo_events.promise WHERE sla = 'late' AND document = 'order:2';
SELECT * FROM told;

-- a hold stops the clock, a release moves what is due; a stop cancels
SELECT tell('confirmed', '3', '{"kind": "web"}');
SELECT tell('held', '3');
SELECT odoo_events.publish();
SELECT state, first_due_at = due_at AS same FROM odoo_events.promise WHERE sla = 'ship' AND document = 'order:3';
SELECT tell('released', '3');
SELECT odoo_events.publish();
SELECT state, due_at > first_due_at AS later, due_at - first_due_at < interval '1 minute' AS by_the_hold FROM odoo_events.promise WHERE sla = 'ship' AND document = 'order:3';
SELECT odoo_events.pause_promise((SELECT id FROM odoo_events.promise WHERE sla = 'ship' AND document = 'order:3'), now() + interval '2 days', 'the carrier is on strike');
SELECT odoo_events._read_behind() >= 0 AS read;
SELECT state FROM odoo_events.promise WHERE sla = 'ship' AND document = 'order:3';
SELECT tell('cancelled', '3');
SELECT odoo_events.publish();
SELECT state FROM odoo_events.promise WHERE sla = 'ship' AND document = 'order:3';

-- a deadline that is past is told by the clock alone, and once; a later deadline opens it again
SELECT tell('confirmed', '4', jsonb_build_object('promised', now() + interval '0.5 s'));
SELECT odoo_events.publish();
SELECT pg_sleep(0.6);
SELECT odoo_events._read_behind() >= 0 AS read;
SELECT odoo_events._read_behind() >= 0 AS read;
SELECT odoo_events.publish();
SELECT state, told_at >= due_at AS told, told_at IS NOT NULL AS is_told FROM odoo_events.promise WHERE sla = 'late' AND document = 'order:4';
SELECT * FROM told;
SELECT layer, cause, sla, document, count, waits_for LIKE 'acme.sales.order.shipped.v1; last: acme.sales.order.confirmed.v1%' AS waits, overdue > '0' AS overdue, assigned_to, closed_at FROM odoo_events.exception;
-- diagnose() knows it by the document, and among all that is wrong
SELECT verdict, layer, due_at < now() AS overdue, owner, contact, regexp_replace(finding, '(due at|last:) .*', '...') AS finding, evidence ->> 'state' AS state, next
  FROM odoo_events.diagnose('order:4') WHERE finding LIKE 'order:4: promise %' ORDER BY finding;
SELECT verdict, layer, finding LIKE 'order:4: promise late is breached%' AS it FROM odoo_events.diagnose() WHERE finding LIKE 'order:_: promise %' AND finding LIKE '%breached%' ORDER BY 3;
SELECT odoo_events.take_exception(id, 'Ann') FROM odoo_events.exception;
SELECT assigned_to, closed_at FROM odoo_events.exception;
SELECT odoo_events.close_exception(id, 'carrier', 'strike') FROM odoo_events.exception;
SELECT assigned_to, closed_at IS NOT NULL AS closed, note FROM odoo_events.exception;
SELECT tell('moved', '4', '{"promised": "2099-01-01"}');
SELECT odoo_events.publish();
SELECT state, due_at, first_due_at < due_at AS first_stays FROM odoo_events.promise WHERE sla = 'late' AND document = 'order:4';

-- late is late by the times of the events, even if both are read together: the breach is told first
SELECT tell('confirmed', '5', jsonb_build_object('promised', now() + interval '0.2 s'));
SELECT pg_sleep(0.3);
SELECT tell('shipped', '5', '{"full": true}');
SELECT odoo_events.publish();
SELECT odoo_events.publish();
SELECT state, ended_at > due_at AS late FROM odoo_events.promise WHERE sla = 'late' AND document = 'order:5';
SELECT type, document, overdue FROM told WHERE document = 'order:5';

-- an open promise keeps its terms; dropping the SLA cancels what is open
SELECT tell('confirmed', '6', '{"kind": "web"}');
SELECT odoo_events.publish();
SELECT odoo_events.define_sla('ship', '{acme.sales.order.paid.v1}', '{acme.sales.order.posted.v1}', within => '1 minute', or_replace => true);
SELECT tell('shipped', '6', '{"full": true}');
SELECT tell('paid', '7');
SELECT odoo_events.publish();
SELECT document, state, due_at - started_at AS given FROM odoo_events.promise WHERE sla = 'ship' AND document IN ('order:6', 'order:7') ORDER BY id;
SELECT odoo_events.drop_sla('ship');
SELECT odoo_events._read_behind() >= 0 AS read;
SELECT document, state FROM odoo_events.promise WHERE sla = 'ship' AND document = 'order:7';
SELECT sla, n, late FROM odoo_events.cycle_time ORDER BY 1;
-- a week that is over is added up once, and stays the same
CREATE TABLE before AS SELECT sla, n, p50, p90, p95, late FROM odoo_events.cycle_time;
UPDATE odoo_events.promise_0 SET started_at = started_at - interval '14 days', ended_at = ended_at - interval '14 days' WHERE state IN ('met', 'met_late');
SELECT odoo_events._read_behind() >= 0 AS read;
SELECT odoo_events._read_behind() >= 0 AS read;
SELECT count(*) > 0 AS kept, bool_and(week < now() - interval '13 days') AS of_weeks_before FROM odoo_events.cycle_week;
SELECT count(*) AS different FROM (TABLE before EXCEPT SELECT sla, n, p50, p90, p95, late FROM odoo_events.cycle_time) x;
SELECT count(*) = (SELECT count(*) FROM before) AS nothing_twice FROM odoo_events.cycle_time;

-- who did what
SELECT what, count(*) FROM odoo_events.audit_log WHERE what ~ 'promise|exception' GROUP BY 1 ORDER BY 1;

-- who asks for everything gets no events of promises
SELECT odoo_events._unwanted(c, 'odoo.process.promise.breached.v1', 'order/4', NULL, NULL, '{}', NULL)
  FROM (SELECT (jsonb_populate_record(NULL::odoo_events.subscription_config, jsonb_build_object('types', t, 'types_like', replace(t, '*', '%')::text[]))).* FROM unnest('{"{*}","{odoo.process.*}"}'::text[]) t) c;

-- what cannot be used
SELECT odoo_events.define_sla('late', '{a.b.c.d.v1}', '{a.b.c.d.v1}');
SELECT odoo_events.define_sla('x', '{}', '{acme.sales.order.shipped.v1}');
SELECT odoo_events.define_sla('x', '{acme.sales.order.confirmed.v1}', '{acme.sales.order.shipped.v1}', within => '1 month');
SELECT odoo_events.define_sla('x', '{acme.sales.order.confirmed.v1}', '{acme.sales.order.shipped.v1}', within => '1 h', calendar => 'moon');
SELECT odoo_events.define_sla('x', '{acme.sales.order.confirmed.v1}', '{acme.sales.order.shipped.v1}', cut_off => '14:00');
SELECT odoo_events.define_sla('x', '{acme.sales.order.confirmed.v1}', '{acme.sales.order.shipped.v1}', document => 'x');
SELECT odoo_events.define_sla('x', '{acme.sales.order.confirmed.v1}', '{acme.sales.order.shipped.v1}', start_from => 'sometime');
SELECT odoo_events.pause_promise(0, now(), 'x');
SELECT odoo_events.pause_promise(1, now(), 'x');
SELECT odoo_events.drop_sla('x');
SELECT odoo_events.take_exception(0);
\c contrib_regress
DROP DATABASE sla_promise;
