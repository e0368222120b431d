-- All that the extension is, one line each, in an order that does not depend on how it came about: objects with their definitions, rights and
-- comments, and the rows of the catalog that are its own.  Two databases that agree are the same version.
WITH member AS (
  SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
   WHERE e.extname = 'odoo_events' AND d.deptype = 'e')
SELECT line FROM (
  SELECT format('function %s %s comment %s acl %s', p.oid::regprocedure, md5(pg_get_functiondef(p.oid)), md5(obj_description(p.oid, 'pg_proc')),
                (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(p.proacl) a)) AS line
    FROM member m JOIN pg_proc p ON p.oid = m.objid AND m.classid = 'pg_proc'::regclass
  UNION ALL
  SELECT format('%s %s %s options %s comment %s acl %s', c.relkind, c.oid::regclass, CASE WHEN c.relkind = 'v' THEN md5(pg_get_viewdef(c.oid)) END,
                (SELECT string_agg(o, ',' ORDER BY o) FROM unnest(c.reloptions) o), md5(obj_description(c.oid, 'pg_class')),
                (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(c.relacl) a))
    FROM member m JOIN pg_class c ON c.oid = m.objid AND m.classid = 'pg_class'::regclass
  UNION ALL
  -- what pg_dump takes for the extension's own rights
  SELECT format('initial rights %s %s', pg_describe_object(i.classoid, i.objoid, i.objsubid), (SELECT string_agg(a::text, ',' ORDER BY a::text) FROM unnest(i.initprivs) a))
    FROM member m JOIN pg_init_privs i ON i.objoid = m.objid AND i.classoid = m.classid
  UNION ALL
  -- C code reads columns by their number, so their order counts
  SELECT format('column %s %s.%s %s %s default %s identity %s', a.attnum, c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity)
    FROM member m JOIN pg_class c ON c.oid = m.objid AND m.classid = 'pg_class'::regclass AND c.relkind IN ('r', 'v')
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
  UNION ALL
  SELECT format('constraint %s %s %s', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid))
    FROM member m JOIN pg_constraint k ON k.conrelid = m.objid AND m.classid = 'pg_class'::regclass
  UNION ALL
  SELECT format('index %s', pg_get_indexdef(i.indexrelid)) FROM member m JOIN pg_index i ON i.indrelid = m.objid AND m.classid = 'pg_class'::regclass
  UNION ALL
  SELECT format('trigger %s', pg_get_triggerdef(t.oid)) FROM member m JOIN pg_trigger t ON t.tgrelid = m.objid AND m.classid = 'pg_class'::regclass AND NOT t.tgisinternal
  UNION ALL
  SELECT format('dumped %s %s', c::regclass, w) FROM pg_extension e, unnest(e.extconfig, e.extcondition) x(c, w) WHERE e.extname = 'odoo_events'
  UNION ALL SELECT 'capture_rule ' || to_jsonb(r)::text FROM odoo_events.capture_rule r WHERE builtin
  UNION ALL SELECT 'entity ' || to_jsonb(r)::text FROM odoo_events.entity r WHERE builtin
  UNION ALL SELECT 'entity_kind ' || to_jsonb(r)::text FROM odoo_events.entity_kind r
  UNION ALL SELECT 'milestone ' || to_jsonb(r)::text FROM odoo_events.milestone r
  UNION ALL SELECT 'event_def ' || to_jsonb(r)::text FROM odoo_events.event_def r WHERE builtin
  UNION ALL SELECT 'part ' || to_jsonb(r)::text FROM odoo_events.part r WHERE builtin
  UNION ALL SELECT 'field ' || to_jsonb(r)::text FROM odoo_events.field r WHERE builtin
  UNION ALL SELECT 'link ' || to_jsonb(r)::text FROM odoo_events.link r WHERE rule NOT LIKE 'own\_%'
  UNION ALL SELECT 'reference ' || to_jsonb(r)::text FROM odoo_events.reference r WHERE builtin
  UNION ALL SELECT 'reference_field ' || to_jsonb(r)::text FROM odoo_events.reference_field r WHERE reference NOT LIKE 'own\_%') x
 ORDER BY line COLLATE "C";
