-- deliver: subscriptions, their secrets, what they still have to get, and what became of it.

-- Configuration.  In dumps (Odoo's backups), therefore without anything secret.
CREATE SEQUENCE odoo_events.subscription_id_seq AS int4;
COMMENT ON SEQUENCE odoo_events.subscription_id_seq IS 'numbers of subscriptions; never used twice';

CREATE TABLE odoo_events.subscription_config (
    id             int4 PRIMARY KEY DEFAULT pg_catalog.nextval('odoo_events.subscription_id_seq'),
    name           text NOT NULL UNIQUE,
    url            text,                        -- null: pulled by fetch()
    types          text[] NOT NULL,
    types_like     text[] NOT NULL,             -- the same as LIKE patterns
    filter         jsonpath,
    companies      int4[],
    warehouses     int4[],
    format         text NOT NULL,
    payload        text NOT NULL DEFAULT 'full',
    clearance      text[] NOT NULL DEFAULT '{public,internal}',
    ordering       text NOT NULL,
    batch_size     int4 NOT NULL,
    batch_wait     interval NOT NULL,
    max_in_flight  int4 NOT NULL,
    rate_limit     numeric,                     -- requests per second
    rate_burst     int4,
    priority       int4 NOT NULL DEFAULT 5,
    schedule       text,                        -- cron
    expire_after   interval,
    timeout        interval NOT NULL,
    retry_schedule interval[],
    header_names   text[] NOT NULL,             -- values are with the secret
    auth           jsonb,                       -- without its secrets
    auth_expires_at timestamptz,
    tls            jsonb,                       -- without its key
    tls_expires_at timestamptz,
    signature      text NOT NULL DEFAULT 'hmac',
    overlap_until  timestamptz,                 -- until then a previous secret signs too
    handshake      boolean NOT NULL DEFAULT false,
    allow_networks cidr[] NOT NULL,
    dry_run        boolean NOT NULL DEFAULT false,
    owner          text,
    contact        text,
    state          text NOT NULL DEFAULT 'active',
    state_reason   text,
    state_since    timestamptz NOT NULL,
    version        int8 NOT NULL DEFAULT 1,     -- grows with each change of configuration
    created_at     timestamptz NOT NULL,
    shared_rows    boolean NOT NULL DEFAULT true, -- with companies: events without a company too
    success_statuses int4[],                    -- that acknowledge, beside 2xx
    transport      jsonb,                       -- options of a broker
    outcomes       text NOT NULL DEFAULT 'none', -- what a 2xx means, and how the outcome comes
    outcome_within interval,                    -- from our 2xx
    rejected       jsonpath DEFAULT '$.rejected[*]', -- of the answer: ids that are refused
    accepted       jsonpath,                    -- of the answer: a predicate
    outcome_types  text[],                      -- events that are outcomes
    outcome_types_like text[],                  -- the same as LIKE patterns
    on_reject      text NOT NULL DEFAULT 'retry', -- what follows when the event is at fault
    fields         text[],                      -- members of data that are sent; null: all
    timezone       text,                        -- whose clock the schedule goes by; null: UTC
    outcome_status jsonpath DEFAULT '$.status', -- of the answer to a poll: processed, failed, or neither
    keep_answers   boolean NOT NULL DEFAULT false, -- of accepted requests, too
    outcome_calendar text,                      -- whose open hours outcome_within counts; null: all time
    residence      cidr[]                       -- where its data may go: from set_residency(); null: anywhere
);
COMMENT ON TABLE odoo_events.subscription_config IS 'subscriptions: configuration without secrets; read it through the view subscription';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.subscription_config
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.subscription_config
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('name', 'subscribe', 'alter_subscription', 'unsubscribe', 'id,name,types_like,outcome_types_like,residence,overlap_until,auth_expires_at,tls_expires_at');
SELECT pg_catalog.pg_extension_config_dump('odoo_events.subscription_id_seq', '');

-- Written by _store_secret() only, with rows that logical decoding does not see.
CREATE TABLE odoo_events.subscription_secret (
    subscription_id int4 PRIMARY KEY,
    secret          bytea NOT NULL,             -- hmac: the secret; ed25519: the seed
    signature       text NOT NULL,              -- what it is for
    previous        bytea[] NOT NULL,           -- rotated away, but still signing until previous_until
    previous_signature text[] NOT NULL,
    previous_until  timestamptz[] NOT NULL,
    header_values   text[] NOT NULL,
    auth            jsonb,                      -- all of the argument
    tls_key         text
);
-- No value of it becomes a statistic of the planner's, which dumps of statistics would carry.
ALTER TABLE odoo_events.subscription_secret ALTER COLUMN secret SET STATISTICS 0, ALTER COLUMN previous SET STATISTICS 0,
  ALTER COLUMN header_values SET STATISTICS 0, ALTER COLUMN auth SET STATISTICS 0, ALTER COLUMN tls_key SET STATISTICS 0;
COMMENT ON TABLE odoo_events.subscription_secret IS 'signing keys and values of headers; in no dump, readable by the extension''s owner only';

-- Written by the worker when an endpoint shows another certificate than before (deliver/transport/http/peer.c).
CREATE TABLE odoo_events.subscription_peer (
    subscription_id int4 PRIMARY KEY,
    expires_at      timestamptz NOT NULL,       -- of the leaf certificate
    seen_at         timestamptz NOT NULL        -- when it was first seen
);
COMMENT ON TABLE odoo_events.subscription_peer IS 'certificates of endpoints: until when they are valid';

-- Insert only, ring of two: per subscription the row with the greatest n holds.  An event at or before cursor is settled unless
-- it is in in_flight or in a batch, or its key is held at a position at or before its own.
CREATE SEQUENCE odoo_events.progress_n_seq;
COMMENT ON SEQUENCE odoo_events.progress_n_seq IS 'orders the rows of progress';
DO $$
BEGIN
  FOR i IN 0..1 LOOP
    EXECUTE pg_catalog.format($f$
      CREATE TABLE odoo_events.progress_%s (
        subscription_id int4 NOT NULL,
        n               int8 NOT NULL DEFAULT pg_catalog.nextval('odoo_events.progress_n_seq'),
        at              timestamptz NOT NULL,
        cursor          int8 NOT NULL,
        in_flight       int8[] NOT NULL DEFAULT '{}',
        batches         jsonb NOT NULL DEFAULT '[]',      -- id, positions, attempts, first, next (us since 2000)
        requests        int4 NOT NULL DEFAULT 0,          -- open when this was written
        delivered       int8 NOT NULL DEFAULT 0,
        failed          int8 NOT NULL DEFAULT 0,
        filter_errors   int8 NOT NULL DEFAULT 0,
        breaker         text NOT NULL DEFAULT 'closed',
        not_before      timestamptz,                      -- nothing starts until then: breaker, Retry-After
        last_status     int4,
        last_error      text,
        last_success_at timestamptz,
        failing_since   timestamptz,
        p50             float8,                           -- seconds, of the latest requests
        p95             float8,
        gate            int8,                             -- of a schedule: events up to here go
        fired_at        timestamptz,
        outcomes        int8[] NOT NULL DEFAULT '{}',     -- requests: delivered, rejected, failed, throttled, no_answer; retries
        probe_ms        int4 NOT NULL DEFAULT 0,          -- pause before the latest probe of an open breaker
        openings        timestamptz[] NOT NULL DEFAULT '{}',  -- of the breaker: the latest eight, the latest first
        filter_error_at timestamptz,                      -- the latest judgement of the filter that was neither true nor false
        filter_error_position int8,                       -- of which event
        filter_passed   int8 NOT NULL DEFAULT 0,          -- events that this filter let pass, and that it did not
        filter_refused  int8 NOT NULL DEFAULT 0,
        PRIMARY KEY (subscription_id, n)
      )$f$, i);
    BEGIN
      -- written ten times a second; not every server is built with it
      EXECUTE pg_catalog.format('ALTER TABLE odoo_events.progress_%s ALTER COLUMN in_flight SET COMPRESSION lz4, ALTER COLUMN batches SET COMPRESSION lz4', i);
    EXCEPTION WHEN feature_not_supported THEN
      NULL;
    END;
    EXECUTE pg_catalog.format('COMMENT ON TABLE odoo_events.progress_%s IS %L', i,
      'progress of subscriptions: insert only, the greatest n of a subscription holds');
    EXECUTE pg_catalog.format($f$
      CREATE TABLE odoo_events.attempt_%s (
        n               int8 PRIMARY KEY,
        subscription_id int4 NOT NULL,
        event_id        uuid,
        batch_id        uuid,
        first_position  int8 NOT NULL,
        last_position   int8 NOT NULL,
        attempt         int4 NOT NULL,
        at              timestamptz NOT NULL,
        duration        float8 NOT NULL,
        status          int4,
        error           text,
        response        text
      )$f$, i);
    EXECUTE pg_catalog.format('COMMENT ON TABLE odoo_events.attempt_%s IS %L', i,
      'one row per request, kept for odoo_events.attempt_retention');
  END LOOP;
END $$;
CREATE VIEW odoo_events.progress AS
SELECT * FROM odoo_events.progress_0 UNION ALL SELECT * FROM odoo_events.progress_1;
COMMENT ON VIEW odoo_events.progress IS 'internal: both members of the progress ring';

-- Per key that waits: all its events from position on (mode key: up to upto, or the cursor; other modes: this one event).
CREATE TABLE odoo_events.held (
    subscription_id int4 NOT NULL,
    mode            text NOT NULL,
    key             text NOT NULL,
    position        int8 NOT NULL,
    upto            int8,
    attempts        int4 NOT NULL,
    first_at        timestamptz,
    next_attempt_at timestamptz,
    last_status     int4,
    last_error      text,
    PRIMARY KEY (subscription_id, mode, key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
COMMENT ON TABLE odoo_events.held IS 'keys that wait: for the retry of their first event, or behind it';

CREATE TABLE odoo_events.dead (
    subscription_id int4 NOT NULL,
    event_id        uuid NOT NULL,
    position        int8 NOT NULL,
    type            text NOT NULL,
    subject         text NOT NULL,
    partitionkey    text NOT NULL,
    company_id      int4,
    warehouse_id    int4,
    attempts        int4 NOT NULL,
    first_at        timestamptz NOT NULL,
    last_at         timestamptz NOT NULL,
    last_status     int4,
    last_error      text,
    event           text NOT NULL,
    classes         text,
    PRIMARY KEY (subscription_id, event_id)
);
-- Where pull consumers are: all up to position is acknowledged, all up to fetched was handed out, all up to scanned was looked at.
CREATE TABLE odoo_events.pull_cursor (
    subscription_id int4 PRIMARY KEY,
    position        int8 NOT NULL,
    fetched         int8 NOT NULL,
    scanned         int8 NOT NULL,
    acked           int8 NOT NULL DEFAULT 0,
    at              timestamptz,
    holder          int4,                       -- process that has what was handed out and is not acknowledged
    holder_since    timestamptz,                -- its start: process ids are used again
    held_until      timestamptz,
    audited_by      text,                       -- of the latest line about ack() in audit
    audited_at      timestamptz,
    audited         int8,
    filter_passed   int8 NOT NULL DEFAULT 0,    -- events that its filter let through, and that it refused
    filter_refused  int8 NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
COMMENT ON TABLE odoo_events.pull_cursor IS 'positions of consumers that fetch()';

-- What was dropped from a full outbox before a subscription had got it; resume() takes note of it and deletes the rows.
CREATE TABLE odoo_events.overrun (
    id              int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_id int4 NOT NULL,
    at              timestamptz NOT NULL,
    first_position  int8 NOT NULL,
    last_position   int8 NOT NULL
);
COMMENT ON TABLE odoo_events.overrun IS 'ranges that subscriptions have lost because the outbox was full';

CREATE INDEX dead_position ON odoo_events.dead (subscription_id, position);
COMMENT ON TABLE odoo_events.dead IS 'dead letters, with their own copy of the bytes';

CREATE TABLE odoo_events.replay_job (
    id              int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_id int4 NOT NULL,
    from_position   int8 NOT NULL,
    to_position     int8 NOT NULL,
    since           timestamptz,
    until           timestamptz,
    types_like      text[],
    keys            text[],
    subject         text,
    ids             uuid[],
    dead_letters    boolean NOT NULL,
    matched         int8 NOT NULL,
    cursor          int8 NOT NULL,              -- all at or before it is done
    sent            int8 NOT NULL DEFAULT 0,
    failed          int8 NOT NULL DEFAULT 0,
    state           text NOT NULL DEFAULT 'running',
    created_by      text NOT NULL,
    created_at      timestamptz NOT NULL,
    finished_at     timestamptz,
    missed          boolean,                    -- only what was passed over and has not been sent since
    companies       int4[],
    warehouses      int4[]
);
COMMENT ON TABLE odoo_events.replay_job IS 'replays and how far they are';

-- What operators ask the worker to do; it takes the rows away.
CREATE TABLE odoo_events.command (
    id              int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_id int4 NOT NULL,
    what            text NOT NULL,              -- retry_now, skip, acknowledge
    positions       int8[] NOT NULL,
    by              text NOT NULL
);
COMMENT ON TABLE odoo_events.command IS 'internal: orders of operators to the worker';

-- What delivery tells of itself, in the transaction in which it becomes so.
CREATE FUNCTION odoo_events._platform_event(type text, subscription text, data jsonb) RETURNS uuid
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN odoo_events._emit(type, 'subscription/' || subscription, jsonb_build_object('subscription', jsonb_build_object('name', subscription))
                             || odoo_events._care_json(subscription, data #>> '{event,type}') || data, 'subscription:' || subscription);
END $$;
COMMENT ON FUNCTION odoo_events._platform_event(text, text, jsonb) IS
'internal: tells of a subscription by an event, once the transaction has committed';
