-- covers: odoo_events.subscription_config
ALTER TABLE odoo_events.subscription_config ADD COLUMN shared_rows boolean NOT NULL DEFAULT true;
ALTER TABLE odoo_events.subscription_config ADD COLUMN success_statuses int4[];
ALTER TABLE odoo_events.subscription_config ADD COLUMN transport jsonb;
ALTER TABLE odoo_events.subscription_config ADD COLUMN outcomes text NOT NULL DEFAULT 'none', ADD COLUMN outcome_within interval,
  ADD COLUMN rejected jsonpath DEFAULT '$.rejected[*]', ADD COLUMN accepted jsonpath, ADD COLUMN outcome_types text[], ADD COLUMN outcome_types_like text[],
  ADD COLUMN on_reject text NOT NULL DEFAULT 'retry', ADD COLUMN fields text[];
ALTER TABLE odoo_events.subscription_config ADD COLUMN timezone text;
ALTER TABLE odoo_events.subscription_config ADD COLUMN outcome_status jsonpath DEFAULT '$.status', ADD COLUMN keep_answers boolean NOT NULL DEFAULT false, ADD COLUMN outcome_calendar text;
ALTER TABLE odoo_events.subscription_config ADD COLUMN residence cidr[];

-- covers: odoo_events.progress_
-- again: odoo_events.progress
ALTER TABLE odoo_events.progress_0 ADD COLUMN openings timestamptz[] NOT NULL DEFAULT '{}',
  ADD COLUMN filter_error_at timestamptz, ADD COLUMN filter_error_position int8,
  ADD COLUMN filter_passed int8 NOT NULL DEFAULT 0, ADD COLUMN filter_refused int8 NOT NULL DEFAULT 0;
ALTER TABLE odoo_events.progress_1 ADD COLUMN openings timestamptz[] NOT NULL DEFAULT '{}',
  ADD COLUMN filter_error_at timestamptz, ADD COLUMN filter_error_position int8,
  ADD COLUMN filter_passed int8 NOT NULL DEFAULT 0, ADD COLUMN filter_refused int8 NOT NULL DEFAULT 0;

-- covers: odoo_events.replay_job
ALTER TABLE odoo_events.replay_job ADD COLUMN missed boolean;
ALTER TABLE odoo_events.replay_job ADD COLUMN companies int4[];
ALTER TABLE odoo_events.replay_job ADD COLUMN warehouses int4[];

-- covers: odoo_events.backfill_job
ALTER TABLE odoo_events.backfill_job ADD COLUMN attempts int4 NOT NULL DEFAULT 0, ADD COLUMN subscriptions int4[];

-- it calls _captured_table(text[]), which has another argument by now
DROP VIEW odoo_events.capture_status;

-- covers: odoo_events.capture_gap
ALTER TABLE odoo_events.capture_gap ADD COLUMN since timestamptz;

-- covers: odoo_events.attached
ALTER TABLE odoo_events.attached ADD COLUMN always boolean;

-- covers: odoo_events._candidate
ALTER TYPE odoo_events._candidate ADD ATTRIBUTE row_id int8;

-- covers: odoo_events.arming_state
ALTER TABLE odoo_events.arming_state ADD COLUMN restore_token text, ADD COLUMN environment text, ADD COLUMN reason text;

-- covers: odoo_events.pull_cursor
ALTER TABLE odoo_events.pull_cursor ADD COLUMN filter_passed int8 NOT NULL DEFAULT 0, ADD COLUMN filter_refused int8 NOT NULL DEFAULT 0;
