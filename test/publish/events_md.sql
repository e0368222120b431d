-- Writes events.md, of which split_events.pl makes docs/events, from the catalog and from publish_business.seen: an event of each type per recording.
\set ECHO none
CREATE TABLE seen (type text, recording text, event json);
\copy seen FROM 'publish_business.seen'
CREATE FUNCTION short(type text) RETURNS text LANGUAGE sql AS $$ SELECT regexp_replace(type, '^odoo\.(.*)\.v[0-9]+$', '\1') $$;
CREATE FUNCTION fields_md(owner text) RETURNS text LANGUAGE sql AS $$
SELECT string_agg('`' || f.field || '`' || CASE WHEN f.classification <> 'internal' THEN ' (' || f.classification || ')' ELSE '' END, ', ' ORDER BY f.position, f.field)
  FROM odoo_events.field f WHERE f.owner = $1
$$;
CREATE FUNCTION when_md(d odoo_events.event_def) RETURNS text LANGUAGE sql AS $$
SELECT CASE d.occasion WHEN 'milestone' THEN 'milestone `' || d.milestone || '`' ELSE d.occasion END
$$;
-- the highest class of what it may carry
CREATE FUNCTION class_md(type text) RETURNS text LANGUAGE sql AS $$
SELECT CASE max(array_position('{public,internal,confidential,personal}', c)) WHEN 4 THEN 'personal' WHEN 3 THEN 'confidential' WHEN 2 THEN 'internal' ELSE 'public' END
  FROM (SELECT d.classification FROM odoo_events.event_def d WHERE d.type = $1
        UNION ALL SELECT f.classification FROM odoo_events.event_def d JOIN odoo_events.field f ON f.owner = d.entity WHERE d.type = $1
        UNION ALL SELECT f.classification FROM odoo_events.event_def d JOIN odoo_events.part p USING (entity) JOIN odoo_events.field f ON f.owner = p.owner WHERE d.type = $1 AND d.with_lines) x(c)
$$;
-- JSON on lines that can be read; of a list the first two elements
CREATE FUNCTION pretty(j json, indent int DEFAULT 0) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  IF json_typeof(j) = 'array' AND json_array_length(j) > 2 THEN
    j := json_build_array(j->0, j->1);
  END IF;
  IF length(j::text) + indent <= 160 OR json_typeof(j) NOT IN ('object', 'array') THEN
    RETURN j::text;
  END IF;
  IF json_typeof(j) = 'array' THEN
    RETURN (SELECT E'[\n' || string_agg(repeat(' ', indent + 2) || pretty(v, indent + 2), E',\n' ORDER BY n) || E'\n' || repeat(' ', indent) || ']' FROM json_array_elements(j) WITH ORDINALITY x(v, n));
  END IF;
  RETURN (SELECT E'{\n' || string_agg(repeat(' ', indent + 2) || to_json(key) || ': ' || pretty(value, indent + 2), E',\n' ORDER BY n) || E'\n' || repeat(' ', indent) || '}' FROM json_each(j) WITH ORDINALITY x(key, value, n));
END $$;
-- what differs from run to run
CREATE FUNCTION masked(event text) RETURNS json LANGUAGE sql AS $$
SELECT regexp_replace(regexp_replace(event, '"(lines_read_at|asof|time|recordedtime)":"[^"]*"', '"\1":"2026-11-21T10:00:00.000000Z"', 'g'), '"odootx":"?[0-9]+"?', '"odootx":"735"')::json
$$;
-- which versions of Odoo have a table, by their models
CREATE TABLE model (tab text, col text, type text, first int, last int);
\copy model FROM PROGRAM 'cat "$PG_ABS_SRCDIR/test/odoo/columns.tsv"'
\pset format unaligned
\pset tuples_only on
\o events.md
SELECT '# Events

Generated from the catalog and from recorded days of real Odoo; a test compares (`publish_business`). Types are `odoo.<domain>.<entity>.<verb>.v1`. In your database
`SELECT * FROM odoo_events.event_type` is the list, `json_schema(type)` the contract of each ([sql-api.md](sql-api.md)), `define_event()` adds your own ([own-events.md](own-events.md)).

- *Shown by*: a recorded day of real Odoo 14 to 19 in which it happens. *Made*: no recording has it (Odoo Enterprise, other modules, other versions), so it is tested on tables made for it.
  *Not yet seen*: neither; it is built from what is known of Odoo.
- *Lines*: the event carries the document''s lines, all of them; `data.lines_read_at` says when those were read that the transaction left alone.
- *EPCIS*: business step / disposition of the Core Business Vocabulary 2.0. *Class*: the highest class of what it may carry; fields without one are internal.
- *When*: `milestone`: a state of the entity''s ladder is reached or passed; `cancelled`: it ends cancelled and had left draft before; `inserted`, `updated`, `deleted`: its row; `open`: its row,
  open before and after; `changed`: row or lines of an open document, where no other event of the transaction tells it; `touched`: row or lines; `summed`: rows that it sums up.
  The condition, where there is one, is a jsonpath over `$.old` and `$.new` (the row before and after the transaction), `$.parts` (net changes of its lines) and `$.refs`.
- `complete` of orders says whether all that was ordered has come, of every line. It is left out where the transaction left lines alone and none of its own falls short.
- What the extension tells of itself (`odoo.platform.*`) stands in [monitoring.md](monitoring.md). Each entity also has `snapshot` (`backfill()`, `reconcile()`): the row as it stands, without lines.

' || count(*) || ' types: ' || count(*) FILTER (WHERE s.real) || ' are shown by a recording, ' || count(*) FILTER (WHERE NOT s.real) || ' on made tables, ' || count(*) FILTER (WHERE s.real IS NULL) || ' are not yet seen.

Questions of a business, and the event that answers each, are in [odoo.md](odoo.md#ten-questions-and-the-event-that-answers); a test answers them from the events of every recording, and compares with the tables of Odoo.'
  FROM odoo_events.event_type t LEFT JOIN (SELECT type, bool_or(recording <> 'made') AS real FROM seen GROUP BY type) s USING (type);
CREATE TEMP TABLE e AS
SELECT COALESCE(e.label, e.entity) AS label, e.entity, e.label IS NOT NULL AS further, e.domain, e.model, r.tables,
       array_position('{inventory,logistics,manufacturing,procurement,sales,maintenance,repair,quality,finance,master_data}', e.domain) AS n
  FROM odoo_events.entity e JOIN odoo_events.capture_rule r USING (rule) WHERE e.builtin;
SELECT E'\nHow many types of each entity the recordings of a version show, of all that it has. *made*: only tables made for it show them. *by columns*: no recording, but the models of the version have the table and the columns. -: the version, or its Community edition, has no such table.\n\n| entity | 14 | 15 | 16 | 17 | 18 | 19 |\n|---|---|---|---|---|---|---|';
SELECT '| ' || x.label || ' | ' || string_agg(CASE WHEN x.n > 0 THEN x.n || ' of ' || x.types WHEN x.made THEN '*made*' WHEN x.known THEN '*by columns*' ELSE '-' END, ' | ' ORDER BY x.v) || ' |'
  FROM (SELECT e.label, min(e.n) AS n_domain, min(e.domain) AS domain, v.v, count(DISTINCT d.type) AS types, count(DISTINCT d.type) FILTER (WHERE s.recording LIKE 'odoo' || v.v || '-%') AS n,
               coalesce(bool_or(s.recording = 'made'), false) AND coalesce(bool_and(s.recording = 'made' OR s.recording IS NULL), false) AS made,
               bool_or(EXISTS (SELECT FROM model m WHERE m.tab = ANY (e.tables) AND v.v BETWEEN m.first AND m.last)) AS known
          FROM e CROSS JOIN generate_series(14, 19) AS v (v) JOIN odoo_events.event_def d ON d.entity = e.entity AND d.emit AND d.builtin LEFT JOIN seen s ON s.type = d.type
         GROUP BY e.label, v.v) x
 GROUP BY x.label, x.n_domain, x.domain ORDER BY x.n_domain, x.domain, x.label;
SELECT E'\n| domain | entity | events |\n|---|---|---|';
SELECT '| ' || domain || ' | [' || label || '](#' || domain || '-' || label || ') | '
       || (SELECT string_agg(DISTINCT split_part(short(d.type), '.', 3), ', ') FROM odoo_events.event_def d JOIN e x USING (entity) WHERE x.domain = e.domain AND x.label = e.label AND d.emit AND d.builtin) || ' |'
  FROM e WHERE NOT further ORDER BY n, domain, label;
SELECT E'\nOne event whole, as it is sent; below, `data` is shown:\n\n```json\n' || pretty(masked(event::text)) || E'\n```'
  FROM (SELECT regexp_replace(regexp_replace(event::text, '"(id|causationid)":"[0-9a-f-]{36}"', '"\1":"5c0d5f5e-6e0e-8e2c-9d5b-0d2f6f3f7a11"', 'g'), '"source":"[^"]*"', '"source":"/odoo/a5e58238-e554-11f1-b0d7-02fc00000001"') AS event FROM seen
         WHERE type = 'odoo.logistics.shipment.dispatched.v1' AND recording = 'odoo19-sales') x;
WITH lines AS (
  SELECT n, domain, label, 1 AS o, 0 AS p, '' AS q, E'\n## ' || domain || ': ' || label AS line FROM e WHERE NOT further
  UNION ALL
  SELECT n, domain, label, 2, further::int, entity, E'\n' || CASE WHEN further THEN 'Also from' ELSE 'From' END || ' `' || array_to_string(tables, '` or `') || '` (' || model || '). Fields: `id`, ' || fields_md(entity) || '.' FROM e
  UNION ALL
  SELECT n, domain, label, 3, pt.position, pt.part, E'\nLines `' || pt.part || '`' || CASE WHEN pt.within IS NOT NULL THEN ', inside those of ' || (SELECT string_agg(DISTINCT '`' || o.part || '`', ', ') FROM odoo_events.part o WHERE o.entity = pt.entity AND o.owner = pt.within) ELSE '' END
         || ', from `' || array_to_string(r.tables, '` or `') || '`: ' || fields_md(pt.owner) || '.'
    FROM e JOIN odoo_events.part pt USING (entity) JOIN odoo_events.capture_rule r ON r.rule = pt.rule
  UNION ALL
  SELECT n, domain, label, 4, 0, '', E'\n| event | when | lines | EPCIS | class | on by default | shown by |\n|---|---|---|---|---|---|---|' FROM e WHERE NOT further
  UNION ALL
  SELECT e.n, e.domain, e.label, 5, min(d.rank), short(d.type),
         '| [`' || short(d.type) || '`](#' || replace(short(d.type), '.', '') || ') | ' || string_agg(DISTINCT d.description, '; ') || ' (' || string_agg(DISTINCT when_md(d), ', ') || ') | '
         || CASE WHEN bool_or(d.with_lines) THEN 'yes' ELSE '' END || ' | ' || COALESCE(concat_ws(' / ', COALESCE(min(d.epcis_bizstep), CASE WHEN min(d.epcis_disposition) IS NOT NULL THEN '-' END), min(d.epcis_disposition)), '') || ' | '
         || class_md(d.type) || ' | ' || CASE WHEN bool_and(d.on_by_default) THEN 'yes' WHEN bool_or(d.on_by_default) THEN 'not for drafts' ELSE 'no' END || ' | '
         || COALESCE((SELECT string_agg(DISTINCT CASE s.recording WHEN 'made' THEN '*made*' ELSE s.recording END, ', ') FROM seen s WHERE s.type = d.type), '*not yet seen*') || ' |'
    FROM e JOIN odoo_events.event_def d USING (entity) WHERE d.emit AND d.builtin GROUP BY e.n, e.domain, e.label, d.type
  UNION ALL
  SELECT e.n, e.domain, e.label, 6, min(d.rank), short(d.type),
         E'\n### ' || short(d.type) || E'\n\n' || string_agg(DISTINCT '- ' || when_md(d) || COALESCE(': `' || d.condition::text || '`', '') || ' (rank ' || d.rank || COALESCE(', key ' || split_part(d.key, '=', 1), '') || ')', E'\n')
         || COALESCE(E'\n\n```json\n' || (SELECT pretty(masked(s.event->>'data')) || E'\n```' FROM seen s WHERE s.type = d.type ORDER BY s.recording = 'made', s.recording = 'odoo14-all', s.recording LIMIT 1), E'\n\nNot yet seen: no example.')
    FROM e JOIN odoo_events.event_def d USING (entity) WHERE d.emit AND d.builtin GROUP BY e.n, e.domain, e.label, d.type)
SELECT line FROM lines ORDER BY n, domain, label, o, p, q;
\o
\pset tuples_only off
\pset format aligned
\set ECHO all
