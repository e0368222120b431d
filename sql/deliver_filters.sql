-- Filters that can never match are refused when they are given, or warned of where that is not certain.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
CREATE EXTENSION odoo_events;
SELECT odoo_events.arm();
SET client_min_messages = notice;
SET search_path = odoo_events, pg_catalog;
CREATE FUNCTION tried(filter jsonpath, types text[] DEFAULT '{odoo.logistics.customer_return.backordered.v1}') RETURNS text
LANGUAGE sql SET search_path = odoo_events, pg_catalog AS
$$SELECT CASE WHEN subscribe('f', 'https://203.0.113.7/x', types => tried.types, filter => tried.filter, or_replace => true) IS NULL THEN 'taken' ELSE 'taken, new' END$$;

-- what selects is no predicate; each hint gives the form that is
SELECT tried('$.data.transfer.priority ? (@ == "0")');
SELECT tried('exists($."data"."transfer"."priority"?(@ == "0"))');
SELECT tried('$.data.transfer.priority');
SELECT tried('$."data"."transfer"."priority" == "..."');
SELECT tried('exists($."data"."transfer"."priority")');
SELECT tried('$');
SELECT tried('true');
SELECT tried('strict $.data.transfer ? (@.priority == "0")');
SELECT tried('$.data.transfer.priority == $x');
SELECT alter_subscription('f', filter => '$.data.transfer');

-- names that no event has
SELECT tried('$.dta.transfer.priority == "1"');
SELECT tried('$.new.priority == "1"');
SELECT tried('$.data.trnsfer.priority == "1"');
SELECT tried('$.data.transfer.prioriti == "1"');
SELECT tried('$.data.transfer.prioriti == "1" && $.type == "$.data.nothing"', '{odoo.logistics.customer_return.*}');
SELECT tried('$.data.n > 1', '{acme.machine.stopped.v1}');
SELECT tried('$.data.transfer.partner.name == "a" && $.data.lines[*].product.code == "b" && $.data.transition.to == "done"');
SELECT tried('$.type like_regex "^odoo" || $.data.*.anything == 1 || $.** == 2', '{*}');

-- a filter is tried on the latest events of its types
SELECT _emit('acme.machine.stopped.v1', 'machine/' || i, jsonb_build_object('on', '2026-01-31', 'amount', '5'), 'machine:' || i) IS NOT NULL FROM generate_series(1, 3) i;
SELECT publish() IS NOT NULL AS published;
SELECT tried('$.data.on.datetime() < "2026-11-30T10:00:00+01:00".datetime()', '{acme.*}');
SELECT tried('$.data.amount > 3', '{acme.*}');
SELECT tried('$.data.amount.double() > 3', '{acme.*}');
DROP FUNCTION tried;
SET client_min_messages = error;
DROP EXTENSION odoo_events;
