-- Documents are complete in each event that a plant acts on: lines, operations, lots, by-products, scrap, which lot went into which.
-- check-all: every recording again
\getenv srcdir PG_ABS_SRCDIR
\set setup :srcdir /test/publish/setup.sql
\set documents :srcdir /test/publish/documents.sql
\set entities '{transfer,manufacturing_order}'
\set db publish_documents
\set base odoo19-base
\set trace odoo19-sales
\i :documents
\set trace odoo19-manufacturing
\i :documents
\set trace odoo19-purchase-maintenance-repair
\i :documents
\set trace odoo19-changes
\i :documents
\set base odoo19-more-base
\set trace odoo19-more
\i :documents
\set base odoo14-base
\set trace odoo14-all
\i :documents
