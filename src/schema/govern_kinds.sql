-- Further kinds of the configuration: calendar, sla, comparison.

-- ---- calendar: with its hours, wherever they came from, since an id of Odoo's means something in its own database only ----

CREATE FUNCTION odoo_events._calendar_item(c odoo_events.calendar_def) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_build_object('timezone', c.timezone, 'hours', c.hours)
         || CASE WHEN c.holidays = '{}' THEN '{}' ELSE jsonb_build_object('holidays', c.holidays) END
         || CASE WHEN c.warehouses = '{}' THEN '{}' ELSE jsonb_build_object('warehouses', c.warehouses) END
$$;
COMMENT ON FUNCTION odoo_events._calendar_item(odoo_events.calendar_def) IS 'internal: a calendar as an item of the configuration';

CREATE FUNCTION odoo_events._export_calendar() RETURNS TABLE (name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS 'SELECT c.name, odoo_events._calendar_item(c) FROM odoo_events.calendar_def c';
COMMENT ON FUNCTION odoo_events._export_calendar() IS 'internal: kind calendar of config_export()';

CREATE FUNCTION odoo_events._wanted_calendar(name text, item jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF item IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM odoo_events._check_item('calendar', name, item, '{timezone,hours,holidays,warehouses}');
  RETURN odoo_events._calendar_item(jsonb_populate_record(NULL::odoo_events.calendar_def, '{"timezone": "UTC", "holidays": [], "warehouses": []}' || item));
END $$;
COMMENT ON FUNCTION odoo_events._wanted_calendar(text, jsonb) IS 'internal: a calendar as it would be exported';

CREATE FUNCTION odoo_events._import_calendar(name text, item jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF item IS NULL THEN
    DELETE FROM odoo_events.calendar_def c WHERE c.name = _import_calendar.name;
  ELSE
    PERFORM odoo_events._call('define_calendar', item || jsonb_build_object('name', name));
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._import_calendar(text, jsonb) IS 'internal: kind calendar of config_apply()';

-- ---- sla ----

CREATE FUNCTION odoo_events._sla_defaults() RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT '{"stops": [], "pauses": [], "resumes": [], "moves": [], "document": "correlation", "complete": "first", "warn_at": 0.8, "objective": 0.99, "start_from": "now"}'::jsonb
$$;
COMMENT ON FUNCTION odoo_events._sla_defaults() IS 'internal: arguments of define_sla() that an item of the configuration leaves out';

CREATE FUNCTION odoo_events._sla_item(s odoo_events.sla_def) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(jsonb_strip_nulls(to_jsonb(s) - '{id,name}'::text[])) e WHERE e.value IS DISTINCT FROM odoo_events._sla_defaults() -> e.key
$$;
COMMENT ON FUNCTION odoo_events._sla_item(odoo_events.sla_def) IS 'internal: an SLA as an item of the configuration';

CREATE FUNCTION odoo_events._export_sla() RETURNS TABLE (name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS 'SELECT s.name, odoo_events._sla_item(s) FROM odoo_events.sla_def s';
COMMENT ON FUNCTION odoo_events._export_sla() IS 'internal: kind sla of config_export()';

CREATE FUNCTION odoo_events._wanted_sla(name text, item jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF item IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM odoo_events._check_item('sla', name, item, '{starts,ends,stops,pauses,resumes,moves,within,deadline,cut_off,calendar,document,complete,filter,ends_filter,companies,warehouses,warn_at,objective,owner,contact,criticality,runbook,start_from}');
  RETURN odoo_events._sla_item(jsonb_populate_record(NULL::odoo_events.sla_def, odoo_events._sla_defaults() || item));
EXCEPTION WHEN data_exception OR syntax_error THEN
  RAISE EXCEPTION 'sla "%" of the configuration cannot be read: %', name, SQLERRM USING ERRCODE = 'invalid_parameter_value',
    HINT = 'SELECT odoo_events.config_export(''{sla}'');  -- shows what one looks like';
END $$;
COMMENT ON FUNCTION odoo_events._wanted_sla(text, jsonb) IS 'internal: an SLA as it would be exported';

CREATE FUNCTION odoo_events._import_sla(name text, item jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF item IS NULL THEN
    PERFORM odoo_events.drop_sla(name);
  ELSE
    PERFORM odoo_events._call('define_sla', item || jsonb_build_object('name', name, 'or_replace', true));
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._import_sla(text, jsonb) IS 'internal: kind sla of config_apply()';

CREATE FUNCTION odoo_events._effect_sla(name text, path text, is_now jsonb, wanted jsonb, OUT risk text, OUT effect text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN path IS NULL AND wanted IS NULL THEN 'medium' ELSE 'low' END,
       CASE WHEN path IS NULL AND wanted IS NULL THEN 'its open promises are cancelled'
            WHEN path IS NOT NULL THEN 'promises that are open keep their terms' END
$$;
COMMENT ON FUNCTION odoo_events._effect_sla(text, text, jsonb, jsonb) IS 'internal: what a change of an SLA means';

-- ---- comparison ----

CREATE FUNCTION odoo_events._comparison_item(r odoo_events.comparison_rule) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_build_object('subscription', r.subscription, 'key', r.key)
         || CASE WHEN r.fields = '{}' THEN '{}' ELSE jsonb_build_object('fields', r.fields) END
         || CASE WHEN r.tolerance = interval '5 min' THEN '{}' ELSE jsonb_build_object('tolerance', r.tolerance) END
         || CASE WHEN r.ready = 0.999 THEN '{}' ELSE jsonb_build_object('ready', r.ready) END
$$;
COMMENT ON FUNCTION odoo_events._comparison_item(odoo_events.comparison_rule) IS 'internal: a comparison as an item of the configuration';

CREATE FUNCTION odoo_events._export_comparison() RETURNS TABLE (name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS 'SELECT r.name, odoo_events._comparison_item(r) FROM odoo_events.comparison_rule r';
COMMENT ON FUNCTION odoo_events._export_comparison() IS 'internal: kind comparison of config_export()';

CREATE FUNCTION odoo_events._wanted_comparison(name text, item jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF item IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM odoo_events._check_item('comparison', name, item, '{subscription,key,fields,tolerance,ready}');
  RETURN odoo_events._comparison_item(jsonb_populate_record(NULL::odoo_events.comparison_rule, '{"fields": {}, "tolerance": "5 min", "ready": 0.999}' || item));
EXCEPTION WHEN data_exception OR syntax_error THEN
  RAISE EXCEPTION 'comparison "%" of the configuration cannot be read: %', name, SQLERRM USING ERRCODE = 'invalid_parameter_value',
    HINT = 'SELECT odoo_events.config_export(''{comparison}'');  -- shows what one looks like';
END $$;
COMMENT ON FUNCTION odoo_events._wanted_comparison(text, jsonb) IS 'internal: a comparison as it would be exported';

CREATE FUNCTION odoo_events._import_comparison(name text, item jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF item IS NULL THEN
    PERFORM odoo_events.drop_comparison(name);
  ELSE
    PERFORM odoo_events._call('define_comparison', item || jsonb_build_object('name', name, 'or_replace', true));
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._import_comparison(text, jsonb) IS 'internal: kind comparison of config_apply()';

CREATE FUNCTION odoo_events._effect_comparison(name text, path text, is_now jsonb, wanted jsonb, OUT risk text, OUT effect text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN path IS NULL AND wanted IS NULL AND f.n > 0 THEN 'medium' ELSE 'low' END,
       CASE WHEN path IS NULL AND wanted IS NULL THEN format('%s facts of the old interface are removed with it', f.n) END
  FROM (SELECT count(*) AS n FROM odoo_events.legacy l WHERE l.flow = name) f
$$;
COMMENT ON FUNCTION odoo_events._effect_comparison(text, text, jsonb, jsonb) IS 'internal: what a change of a comparison means';
