-- paths: which paths of the correlation publishing leaves out, because a step of them has no index to be read by.

CREATE FUNCTION odoo_events._health_paths() RETURNS TABLE ("check" text, status text, detail text, hint text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT 'indexes', 'warn',
       format('without an index on %I.%I (%I), the correlation of %s takes no path by it: what it would tie together are processes of their own', n.nspname, c.relname, a.attname,
              string_agg(DISTINCT h.entity, ', ')),
       format('CREATE INDEX CONCURRENTLY ON %I.%I (%I) WHERE %I IS NOT NULL;', n.nspname, c.relname, a.attname, a.attname)
  FROM (SELECT DISTINCT e.entity, split_part(split_part(step, '=', 1), '.', 1) AS tab, split_part(split_part(step, '=', 1), '.', 2) AS col
          FROM odoo_events.entity e
          JOIN odoo_events.attached t ON t.entity = e.entity
         CROSS JOIN LATERAL unnest(e.correlation) path
         CROSS JOIN LATERAL unnest((string_to_array(path, '~'))[2:]) step) h
 CROSS JOIN LATERAL odoo_events._captured_table(ARRAY[h.tab], true) x(relid)
  JOIN pg_class c ON c.oid = x.relid
  JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = h.col AND a.attnum > 0 AND NOT a.attisdropped
 WHERE NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisvalid AND i.indkey[0] = a.attnum)
 GROUP BY n.nspname, c.relname, a.attname
$$;
COMMENT ON FUNCTION odoo_events._health_paths() IS 'internal: are there paths of the correlation that are left out for want of an index?';
