-- Every event of purchases, sales, maintenance, repair, finance and master data in each recording.
-- check-all: every recording again
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /test/publish/setup.sql
\set business_day :srcdir /test/publish/business_day.sql
\set entities '{purchase_order,sales_order,maintenance_request,equipment,repair_order,quality_check,quality_alert,invoice,payment,payment_entry,valuation,valuation_of_move,landed_cost,analytic_entry,product,partner,bill_of_materials}'
\set db publish_business
\set last false
\! rm -f publish_business.seen
-- what else was recorded, by the types that it shows
\set seen_day :srcdir /test/publish/seen_day.sql
\set base odoo15-base
\set trace odoo15-all
\i :seen_day
\set base odoo16-base
\set trace odoo16-all
\i :seen_day
\set base odoo17-base
\set trace odoo17-all
\i :seen_day
\set base odoo18-base
\set trace odoo18-all
\i :seen_day
\set base odoo19-base
\set trace odoo19-plant
\i :seen_day
\set base odoo19-base
\set trace odoo19-sales
\i :business_day
\set trace odoo19-manufacturing
\i :business_day
\set trace odoo19-purchase-maintenance-repair
\i :business_day
\set base odoo19-more-base
\set trace odoo19-more
\i :business_day
\set base odoo14-base
\set trace odoo14-all
\i :business_day
\set base odoo19-base
\set trace odoo19-changes
\set last true
\i :business_day
-- what no recording shows
\set made :srcdir /test/publish/made.sql
\set db publish_made
\set ECHO none
\o /dev/null
\i :made
\o
COPY (SELECT DISTINCT ON (type) type, 'made', event::text FROM odoo_events.outbox ORDER BY type, position) TO STDOUT \g |cat >> publish_business.seen
\set ECHO all
\c postgres
DROP DATABASE publish_made;
\c publish_business
-- docs/events is what the catalog says, and says truly which recording shows an event; after a change copy the folder events,
-- which this test leaves, over it
\set events_md :srcdir /test/publish/events_md.sql
\i :events_md
\! perl "$PG_ABS_SRCDIR/test/publish/split_events.pl" events.md events && diff -r "$PG_ABS_SRCDIR/docs/events" events && echo up to date && rm -r events events.md
\! rm -f publish_business.seen
\c postgres
DROP DATABASE publish_business;
