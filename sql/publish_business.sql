-- Every event of purchases, sales, maintenance, repair, finance and master data in each recording.
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /test/publish/setup.sql
\set business_day :srcdir /test/publish/business_day.sql
\set entities '{purchase_order,sales_order,maintenance_request,equipment,repair_order,quality_check,quality_alert,invoice,payment,payment_entry,valuation,valuation_of_move,landed_cost,analytic_entry,product,partner,bill_of_materials}'
\set db publish_business
\set base odoo19-base
\set trace odoo19-sales
\i :business_day
\set trace odoo19-manufacturing
\i :business_day
\set trace odoo19-purchase-maintenance-repair
\i :business_day
\set trace odoo19-changes
\i :business_day
\set base odoo14-base
\set trace odoo14-all
\i :business_day
