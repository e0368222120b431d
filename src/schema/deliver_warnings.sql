-- deliver: what is possible in a configuration, and hardly meant.

CREATE FUNCTION odoo_events._unknown_ids("table" text, ids int4[]) RETURNS int4[]
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_unknown_ids';
COMMENT ON FUNCTION odoo_events._unknown_ids(text, int4[]) IS 'internal: ids that a table of Odoo''s does not have; null where that cannot be said without waiting';

-- Warns of the arguments that are given.
CREATE FUNCTION odoo_events._warn_config(c odoo_events.subscription_config, args jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  net cidr;
  ids int4[];
BEGIN
  IF args ? 'timeout' AND c.timeout < interval '100 ms' THEN
    RAISE WARNING 'argument "timeout" is %, in which hardly any endpoint answers', c.timeout
      USING HINT = 'A request that is given up may have arrived: the event comes again. timeout => ''15s'' is the default.';
  END IF;
  FOR net IN SELECT n FROM unnest(c.allow_networks) n
              WHERE args ? 'allow_networks' AND (n >>= inet '169.254.169.254' OR n >>= inet 'fd00:ec2::254' OR masklen(n) = 0) LIMIT 1 LOOP
    RAISE WARNING 'argument "allow_networks" opens %, which contains the addresses from which clouds hand out credentials', net
      USING HINT = 'Name the network of the endpoint alone, for example allow_networks => ''{10.1.2.0/24}''.';
  END LOOP;
  IF args ? 'companies' THEN
    ids := odoo_events._unknown_ids('res_company', c.companies);
    IF ids <> '{}' THEN
      RAISE WARNING 'argument "companies" names %, which are no companies of this database', ids
        USING HINT = 'Odoo shows the ids of companies in developer mode; events of others are not sent.';
    END IF;
  END IF;
  IF args ? 'warehouses' THEN
    ids := odoo_events._unknown_ids('stock_warehouse', c.warehouses);
    IF ids <> '{}' THEN
      RAISE WARNING 'argument "warehouses" names %, which are no warehouses of this database', ids
        USING HINT = 'Odoo shows the ids of warehouses in developer mode; events of others are not sent.';
    END IF;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._warn_config(odoo_events.subscription_config, jsonb) IS 'internal: warns of arguments that are hardly meant';
