-- What of the events does not depend on when they were published: without names of other rows, and lines that the transaction left alone
-- with what is computed from them.
SELECT o.type, o.subject, o.partitionkey, o.entity, o.record_id, o.company_id, o.warehouse_id, o.correlationid, c.type, c.record_id,
       o.event->'data'->'transition', o.event->>'authid',
       (SELECT string_agg(concat_ws(' ', x->>'part', x->>'id', x->>'op', (SELECT string_agg(k, ',' ORDER BY k) FROM json_object_keys(x->'fields') k)), ';' ORDER BY n)
          FROM json_array_elements(o.event->'data'->'changes') WITH ORDINALITY y(x, n)) AS changes,
       CASE WHEN o.event->'data'->'transition' IS NOT NULL THEN
         (SELECT string_agg(concat(key, '=', CASE json_typeof(value) WHEN 'object' THEN value->>'id' ELSE value #>> '{}' END), ' ')
            FROM json_each(o.event->'data'->o.entity) WHERE json_typeof(value) <> 'array' AND key NOT IN ('reservation', 'complete')) END AS facts
  FROM odoo_events.outbox o LEFT JOIN odoo_events.outbox c ON c.id::text = o.causationid ORDER BY o.position;
