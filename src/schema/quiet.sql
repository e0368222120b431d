-- quiet: transactions whose changes become no events, with a reason.

CREATE FUNCTION odoo_events._quiet(reason text) RETURNS void
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_quiet';
COMMENT ON FUNCTION odoo_events._quiet(text) IS 'internal: switches capture off until the transaction ends, and keeps the reason for the audit';

CREATE FUNCTION odoo_events.quiet(reason text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  wal text := (SELECT string_agg(m.rule, ', ' ORDER BY m.rule) FROM odoo_events._rule_modes() m WHERE m.mode = 'wal');
BEGIN
  IF reason IS NULL OR btrim(reason) = '' OR length(reason) > 1000 THEN
    RAISE EXCEPTION 'argument "reason" is empty, or has more than 1000 characters' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.quiet(''stocktake of 31 January, booked by hand'');';
  END IF;
  PERFORM odoo_events._quiet(reason);
  PERFORM odoo_events._audit('quiet', NULL, NULL, jsonb_build_object('reason', reason));
  IF wal IS NOT NULL THEN
    RAISE WARNING 'changes of % become events all the same: they are captured from the WAL', wal
      USING HINT = 'SELECT * FROM odoo_events.attach(mode => ''trigger'');  -- before, where these must be quiet, too';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events.quiet(text) IS
'the changes of the rest of this transaction become no events; audited with the reason (1 to 1000 characters), seen in health(); 25P01 outside a transaction block';
