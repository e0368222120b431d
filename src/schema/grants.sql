-- grants: the one place where anything is given to anybody.  Each step's objects are revoked from PUBLIC here, in bulk.
REVOKE ALL ON SCHEMA odoo_events FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA odoo_events FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA odoo_events FROM PUBLIC;
REVOKE ALL ON ALL ROUTINES IN SCHEMA odoo_events FROM PUBLIC;
