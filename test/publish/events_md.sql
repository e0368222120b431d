-- Writes docs/events.md as events.md, from the catalog and from publish_business.seen: which recording shows which type.
\set ECHO none
CREATE TABLE seen (type text, recording text);
\copy seen FROM 'publish_business.seen' (DELIMITER '|')
CREATE FUNCTION fields_md(owner text) RETURNS text LANGUAGE sql AS $$
SELECT string_agg('`' || f.field || '`' || CASE WHEN f.classification <> 'internal' THEN ' (' || f.classification || ')' ELSE '' END, ', ' ORDER BY f.position, f.field)
  FROM odoo_events.field f WHERE f.owner = $1
$$;
CREATE FUNCTION when_md(d odoo_events.event_def) RETURNS text LANGUAGE sql AS $$
SELECT CASE d.occasion WHEN 'milestone' THEN 'milestone `' || d.milestone || '`' ELSE d.occasion END
$$;
\pset format unaligned
\pset tuples_only on
\o events.md
SELECT '# Events

Generated from the catalog; a test compares (`publish_business`). Types are `odoo.<domain>.<entity>.<verb>.v1`. In your database `SELECT * FROM odoo_events.event_type` is the list,
`json_schema(type)` the contract of each ([sql-api.md](sql-api.md)). *Shown by*: a recorded day of real Odoo in which it happens; *not yet seen*: no recording has it, so it is built from what
is known of Odoo and tested on tables made for it, if at all. *Lines*: the event carries the document''s lines. EPCIS: business step / disposition of the Core Business Vocabulary. An event''s
class is the highest of its fields''; fields without one are internal.

' || count(DISTINCT t.type) || ' types, of which ' || count(DISTINCT s.type) || ' are shown by a recording.' FROM odoo_events.event_type t LEFT JOIN seen s USING (type);
WITH e AS (
  SELECT COALESCE(e.label, e.entity) AS label, e.entity, e.label IS NOT NULL AS further, e.domain, e.model, r.tables,
         array_position('{inventory,logistics,manufacturing,procurement,sales,maintenance,repair,quality,finance,master_data}', e.domain) AS n
    FROM odoo_events.entity e JOIN odoo_events.capture_rule r USING (rule) WHERE e.builtin),
lines AS (
  SELECT n, domain, label, 1 AS o, 0 AS p, '' AS q, E'\n## ' || domain || ': ' || label AS line FROM e WHERE NOT further
  UNION ALL
  SELECT n, domain, label, 2, further::int, entity, E'\n' || CASE WHEN further THEN 'Also from' ELSE 'From' END || ' `' || array_to_string(tables, '` or `') || '` (' || model || '). Fields: `id`, ' || fields_md(entity) || '.' FROM e
  UNION ALL
  SELECT n, domain, label, 3, pt.position, pt.part, E'\nLines `' || pt.part || '`' || CASE WHEN pt.within IS NOT NULL THEN ', inside those of ' || (SELECT string_agg(DISTINCT '`' || o.part || '`', ', ') FROM odoo_events.part o WHERE o.entity = pt.entity AND o.owner = pt.within) ELSE '' END
         || ', from `' || array_to_string(r.tables, '` or `') || '`: ' || fields_md(pt.owner) || '.'
    FROM e JOIN odoo_events.part pt USING (entity) JOIN odoo_events.capture_rule r ON r.rule = pt.rule
  UNION ALL
  SELECT n, domain, label, 4, 0, '', E'\n| event | when | lines | EPCIS | on by default | shown by |\n|---|---|---|---|---|---|' FROM e WHERE NOT further
  UNION ALL
  SELECT e.n, e.domain, e.label, 5, min(d.rank), regexp_replace(d.type, '^odoo\.', ''),
         '| `' || regexp_replace(d.type, '^odoo\.(.*)\.v[0-9]+$', '\1') || '` | ' || string_agg(DISTINCT d.description, '; ') || ' (' || string_agg(DISTINCT when_md(d), ', ') || ') | '
         || CASE WHEN bool_or(d.with_lines) THEN 'yes' ELSE '' END || ' | ' || COALESCE(concat_ws(' / ', COALESCE(min(d.epcis_bizstep), CASE WHEN min(d.epcis_disposition) IS NOT NULL THEN '-' END), min(d.epcis_disposition)), '') || ' | '
         || CASE WHEN bool_and(d.on_by_default) THEN 'yes' WHEN bool_or(d.on_by_default) THEN 'not for drafts' ELSE 'no' END || ' | '
         || COALESCE((SELECT string_agg(DISTINCT s.recording, ', ' ORDER BY s.recording) FROM seen s WHERE s.type = d.type), '*not yet seen*') || ' |'
    FROM e JOIN odoo_events.event_def d USING (entity) WHERE d.emit AND d.builtin GROUP BY e.n, e.domain, e.label, d.type)
SELECT line FROM lines ORDER BY n, domain, label, o, p, q;
\o
\pset tuples_only off
\pset format aligned
\set ECHO all
