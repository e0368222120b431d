-- catalog: what can happen, as data.  Rows here say which tables are captured, which milestones their rows cross, which event
-- each is, and what it carries; publish/*.c knows none of the names.  Paths: "column", or "column.field.field ..." where the
-- column is a link and each field one of the reference's before it, whose target leads on.  The rows are in catalog_*.sql.

-- A thing that events are about.  keys: the document whose order its events follow, 'entity=path', first that has a value; its
-- own id otherwise.  warehouse and company likewise.  correlation: the order at the root of the chain; behind a path "~table.key=value"
-- leads on to other rows (those whose "key", which must be indexed, is the id so far; "value" is the next id); of several a single
-- one counts, with "<" at the end the lowest.  one_event: at most one milestone per transaction, the furthest.
CREATE TABLE odoo_events.entity (
    entity      text PRIMARY KEY,
    domain      text NOT NULL,
    model       text NOT NULL,
    rule        text NOT NULL REFERENCES odoo_events.capture_rule (rule),
    rules       text[] NOT NULL,                    -- all capture rules that its events need, its own first
    name_column text,
    state_column text,
    draft_states text[] NOT NULL DEFAULT '{}',
    open_states text[] NOT NULL DEFAULT '{}',
    cancelled_states text[] NOT NULL DEFAULT '{}',
    one_event   boolean NOT NULL DEFAULT false,
    change_columns text[] NOT NULL DEFAULT '{}',    -- own columns whose change makes "changed"
    keys        text[] NOT NULL DEFAULT '{}',
    company     text[] NOT NULL DEFAULT '{company_id}',
    warehouse   text[] NOT NULL DEFAULT '{}',
    correlation text[] NOT NULL DEFAULT '{}',
    actor       text[] NOT NULL DEFAULT '{write_uid}',
    subject     text[] NOT NULL DEFAULT '{}',       -- paths of names, where it is not the row's own
    sum_by      text[] NOT NULL DEFAULT '{}',       -- an entity that sums up rows: paths of the two ids it is per
    sum_query   text,                               -- ($1 int8[], $2 int8[]) -> both ids and the sums; {table} for tables
    secondary   boolean NOT NULL DEFAULT false,     -- its table's rows are primarily another entity's
    label       text,                               -- its name in events, where several entities are the same thing
    id_column   text,                               -- whose value is the id of the thing, where the row is another's
    builtin     boolean NOT NULL DEFAULT true
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.entity IS 'what events are about: table, states, ordering key';

-- Kinds of one entity that have types of their own (a transfer is a shipment, a receipt ...): first that matches.  A purpose that begins
-- with '~' is shown as the member "route" instead.
CREATE TABLE odoo_events.entity_kind (
    entity      text NOT NULL REFERENCES odoo_events.entity (entity),
    precedence  int NOT NULL,
    kind        text NOT NULL,
    purpose     text,
    condition   jsonpath,
    PRIMARY KEY (entity, precedence)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.entity_kind IS 'kinds of an entity; the first whose condition holds names the type';

-- The ladder.  A gate is crossed by passing it, any other milestone is a state reached.
CREATE TABLE odoo_events.milestone (
    entity      text NOT NULL REFERENCES odoo_events.entity (entity),
    rung        int NOT NULL,
    milestone   text NOT NULL,
    states      text[] NOT NULL,
    gate        boolean NOT NULL,
    PRIMARY KEY (entity, rung),
    UNIQUE (entity, milestone)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.milestone IS 'ladder of an entity: gates are crossed by passing, the others are states reached';

-- occasion: milestone (of the ladder), cancelled, deleted, inserted, updated (there before and after), open (in an open state
-- before and after), changed (own or part changes of an open document that nothing else of the transaction covers), touched (the
-- row there before and after, and it or any of its parts changed: decided per document; where only parts changed there is
-- neither $.old nor $.new, and the row is read when published).
-- summed: rows that an entity sums up changed; once per publishing and sum, as it is when read.
-- condition: jsonpath over $.old, $.new: the row; $.refs.<link column>.<field>: only of what never changes; $.were: the same of the
-- old row's links; $.parts.<part>[*]:
-- {old, new, refs} of the transaction's net changes of the document's parts; $marked.<mark>[*]: ids in the table "marked"; $tx.<rule>.<id>: {old, new} of any captured row; and, for
-- "touched", $.rows.<part>[*]: rows of the parts that the transaction left alone as they are when published, so look only at
-- columns that are set once, or at $.since: whether one of them was written again since the transaction began (write_date).  Of the definitions of one "choice" the first that matches is taken.  emit false: the match says
-- that it is no event.
CREATE TABLE odoo_events.event_def (
    type        text NOT NULL,
    variant     int NOT NULL DEFAULT 1,
    entity      text NOT NULL REFERENCES odoo_events.entity (entity),
    kind        text,
    occasion    text NOT NULL CHECK (occasion IN ('milestone', 'cancelled', 'deleted', 'inserted', 'updated', 'open', 'changed', 'touched', 'summed')),
    milestone   text,
    choice      text,
    precedence  int NOT NULL DEFAULT 1,
    condition   jsonpath,
    rank        int NOT NULL,                       -- order among the events of one key in one transaction
    watches     text[] NOT NULL DEFAULT '{}',       -- touched: only if one of these columns of a part changed; 'column@state', each: in rows that are in that state before and after, of a part or the row itself, and these are its changes
    key         text,                               -- other document, 'entity=column' or 'entity=tx:column[=column]'
    covers      text[] NOT NULL DEFAULT '{}',       -- changed columns that need no "changed" beside it; 'part.*': all changes of a part; * for all
    with_lines  boolean NOT NULL DEFAULT false,
    with_changes boolean NOT NULL DEFAULT false,
    extra       jsonb,                              -- members for data.<entity>
    emit        boolean NOT NULL DEFAULT true,
    enabled     boolean NOT NULL DEFAULT true,
    on_by_default boolean NOT NULL DEFAULT true,
    classification text NOT NULL DEFAULT 'internal' CHECK (classification IN ('public', 'internal', 'confidential', 'personal')),
    epcis_bizstep text,
    epcis_disposition text,
    owner       text NOT NULL DEFAULT 'odoo_events',
    deprecated  boolean NOT NULL DEFAULT false,
    minor       int NOT NULL DEFAULT 0,
    description text NOT NULL,
    builtin     boolean NOT NULL DEFAULT true,
    PRIMARY KEY (type, variant)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.event_def IS 'which net change is which event';

-- Rows of Odoo that mean something to this plant, by id: locations where goods are on hold ('hold').
CREATE TABLE odoo_events.marked (
    mark text NOT NULL CHECK (mark ~ '^[a-z_0-9]+$'),
    id   int8 NOT NULL,
    note text,
    PRIMARY KEY (mark, id)
);
COMMENT ON TABLE odoo_events.marked IS 'rows of Odoo that conditions know by a word, filled by the DBA: mark ''hold'': locations where goods are on hold';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.marked
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('mark', 'id');

-- Rows that belong to a document.  parent: columns that name it, or, for a part of a part ("within"), the containing row; or
-- '<column', the document's column that names the part (a template is a part of all its variants).  A
-- part counts while its state is one of live_states, or, with "*" among them, if it has no such column; gone_states say that it
-- left without being deleted.  A document that only such stateless parts show is as open as its own row was then, which is read, or
-- known from its next change in the journal.
CREATE TABLE odoo_events.part (
    entity      text NOT NULL REFERENCES odoo_events.entity (entity),
    part        text NOT NULL,
    position    int NOT NULL,
    rule        text NOT NULL REFERENCES odoo_events.capture_rule (rule),
    parent      text[] NOT NULL,
    within      text,                               -- owner of the fields whose lines contain it
    owner       text NOT NULL,                      -- of its fields
    condition   jsonpath,
    state_column text NOT NULL DEFAULT 'state',
    live_states text[] NOT NULL DEFAULT '{}',
    gone_states text[] NOT NULL DEFAULT '{}',
    counted     boolean NOT NULL DEFAULT true,      -- added and removed rows are changes
    change_columns text[] NOT NULL DEFAULT '{}',
    schedule_columns text[] NOT NULL DEFAULT '{}',  -- changes only while the state stays
    tx_only     boolean NOT NULL DEFAULT false,     -- as lines only those that the transaction changed
    builtin     boolean NOT NULL DEFAULT true,
    PRIMARY KEY (entity, part)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.part IS 'rows that belong to a document';

-- What an event carries.  sources: first that the row has; path, 'column@state' and 'column@!state' (zero unless in that state),
-- 'sum(part.column)', 'first(part.path)' of the first row of a part, 'many(table.key=value)' for a relation table (alone; an array of
-- what "reference" names), '#word' for what is computed (kind, purpose, document, reservation, route, merged_from, merged_into).  'source?column':
-- only where that column has a value; '-source': only where no column of the sources before it exists.  "reference" of a path: show
-- this of the row, and not what "link" says.
CREATE TABLE odoo_events.field (
    owner       text NOT NULL,
    position    int NOT NULL,
    field       text NOT NULL,
    sources     text[] NOT NULL CHECK (pg_catalog.cardinality(sources) > 0),
    classification text NOT NULL DEFAULT 'internal' CHECK (classification IN ('public', 'internal', 'confidential', 'personal')),
    reference   text,
    builtin     boolean NOT NULL DEFAULT true,
    PRIMARY KEY (owner, field)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.field IS 'members of data.<entity> and of its lines';

-- Columns that are ids of other tables' rows.
CREATE TABLE odoo_events.link (
    rule        text NOT NULL REFERENCES odoo_events.capture_rule (rule),
    column_name text NOT NULL,
    reference   text NOT NULL,
    PRIMARY KEY (rule, column_name)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.link IS 'columns of captured tables that are ids of other rows';

CREATE TABLE odoo_events.reference (
    reference   text PRIMARY KEY,
    tables      text[] NOT NULL,                    -- first that exists
    builtin     boolean NOT NULL DEFAULT true
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.reference IS 'rows that events name: product, unit, lot, location ...';

-- path: 'column', 'column>table.column' (many2one), 'parent_path^table.column' (the row of "table" whose location "column" holds
-- contains this one).  shown: a member of the object in the event; the others are for conditions and paths.
CREATE TABLE odoo_events.reference_field (
    reference   text NOT NULL REFERENCES odoo_events.reference (reference),
    position    int NOT NULL,
    field       text NOT NULL,
    paths       text[] NOT NULL,                    -- first that exists
    shown       boolean NOT NULL DEFAULT true,
    target      text,                               -- the field is an id of this reference
    PRIMARY KEY (reference, field)
) WITH (user_catalog_table = true);
COMMENT ON TABLE odoo_events.reference_field IS 'what is read of a referred row';

-- One row per type, whatever the number of its definitions.
CREATE VIEW odoo_events.event_type AS
SELECT d.type, pg_catalog.min(COALESCE(e.label, d.entity)) AS entity, pg_catalog.string_agg(d.description, '; ' ORDER BY d.variant) AS description,
       pg_catalog.string_agg(pg_catalog.concat_ws(' ', d.occasion, d.milestone, d.condition::text), E'\n' ORDER BY d.variant) AS condition,
       (SELECT pg_catalog.array_agg(x.field ORDER BY x.position, x.field)
          FROM (SELECT f.field, pg_catalog.min(f.position) AS position FROM odoo_events.field f
                 WHERE f.owner OPERATOR(pg_catalog.=) ANY (pg_catalog.array_agg(d.entity)) GROUP BY f.field) x) AS fields,
       pg_catalog.min(d.owner) AS owner,
       (SELECT c.class FROM pg_catalog.unnest('{personal,confidential,internal,public}'::text[]) WITH ORDINALITY c (class, n)
         WHERE c.class OPERATOR(pg_catalog.=) ANY (pg_catalog.array_agg(d.classification)) ORDER BY c.n LIMIT 1) AS classification, pg_catalog.min(d.epcis_bizstep) AS epcis_bizstep,
       pg_catalog.min(d.epcis_disposition) AS epcis_disposition, pg_catalog.bool_or(d.enabled) AS enabled, pg_catalog.bool_or(d.on_by_default) AS on_by_default,
       pg_catalog.bool_and(d.deprecated) AS deprecated,
       COALESCE(pg_catalog.max(s.published), 0) AS emitted, pg_catalog.max(s.last_at) AS last_at
  FROM odoo_events.event_def d JOIN odoo_events.entity e ON e.entity OPERATOR(pg_catalog.=) d.entity
  LEFT JOIN odoo_events._type_stats() s ON s.type OPERATOR(pg_catalog.=) d.type
 WHERE d.emit
 GROUP BY d.type;
COMMENT ON VIEW odoo_events.event_type IS 'what can be emitted; emitted and last_at: since the server started';
