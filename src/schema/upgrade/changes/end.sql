SELECT odoo_events.upgrade_rights(true);
DROP FUNCTION odoo_events.upgrade_rights(boolean);
DROP TABLE odoo_events.upgrade_right;
