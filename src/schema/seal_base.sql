-- seal: the tables of the evidence log (seal.sql).  Nobody writes them before seal() has been called.

-- A log: a Merkle tree over the events from first_position on.  It is closed when the server is no longer the one that opened it.
CREATE TABLE odoo_events.seal_log (
    id             int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    origin         text NOT NULL UNIQUE,        -- its name in checkpoints
    public_key     bytea NOT NULL,              -- of Ed25519; the private one is row 0 of subscription_secret
    first_position int8 NOT NULL,               -- of the event of leaf 0
    place          text NOT NULL,               -- server, database and timeline
    reason         text NOT NULL,               -- why it was opened
    opened_at      timestamptz NOT NULL,
    closed_at      timestamptz
);
COMMENT ON TABLE odoo_events.seal_log IS 'evidence logs; one is open at most; in no dump';
CREATE UNIQUE INDEX seal_log_open ON odoo_events.seal_log ((true)) WHERE closed_at IS NULL;

-- Hashes of 256 nodes of a level in one row: level 0 has the leaves, each higher level the roots of the rows of the level below.
CREATE TABLE odoo_events.seal_tile (
    log    int4 NOT NULL,
    level  int2 NOT NULL,
    n      int8 NOT NULL,                       -- number of the row in its level
    hashes bytea NOT NULL,                      -- 32 bytes a node; the last row of a level has fewer than 256
    PRIMARY KEY (log, level, n)
);
ALTER TABLE odoo_events.seal_tile ALTER COLUMN hashes SET STORAGE EXTERNAL;
COMMENT ON TABLE odoo_events.seal_tile IS 'hashes of the evidence logs, 32 bytes an event and 1/256 of that; kept for odoo_events.seal_retention; in no dump';

-- What proofs need beside the hashes, while the outbox has the events.
CREATE TABLE odoo_events.seal_leaf (
    log   int4 NOT NULL,
    n     int8 NOT NULL,                        -- of the row of level 0
    parts bytea NOT NULL,                       -- of each leaf: hash of the rest, hash of salt and whole text
    salts bytea NOT NULL,                       -- of each leaf 16 bytes; zeros where somebody was erased
    PRIMARY KEY (log, n)
);
ALTER TABLE odoo_events.seal_leaf ALTER COLUMN parts SET STORAGE EXTERNAL, ALTER COLUMN salts SET STORAGE EXTERNAL;
COMMENT ON TABLE odoo_events.seal_leaf IS 'salts and hashes of events that the outbox has; in no dump';

CREATE TABLE odoo_events.seal_checkpoint (
    log        int4 NOT NULL,
    size       int8 NOT NULL,                   -- leaves
    at         timestamptz NOT NULL,
    member     int4,                            -- of the outbox that the last one of them was in
    reason     text NOT NULL,
    checkpoint text NOT NULL,                   -- the signed note
    PRIMARY KEY (log, size)
);
COMMENT ON TABLE odoo_events.seal_checkpoint IS 'what the view checkpoint shows; in no dump';
