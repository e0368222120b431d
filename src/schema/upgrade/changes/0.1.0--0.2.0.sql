-- covers: odoo_events.subscription_config
ALTER TABLE odoo_events.subscription_config ADD COLUMN shared_rows boolean NOT NULL DEFAULT true;
