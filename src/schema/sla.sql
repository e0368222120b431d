-- sla: calendars, the rules (SLAs), and what the reader behind the publisher asks of them (src/process/promise.c).

-- Written by define_calendar() only.
CREATE TABLE odoo_events.calendar_def (
    id            text PRIMARY KEY,             -- md5 of name: a key of saved_config is letters, digits and "_"
    name          text NOT NULL UNIQUE,
    timezone      text NOT NULL,
    hours         jsonb NOT NULL,               -- {"mon": ["06:00-22:00"], ...}
    holidays      date[] NOT NULL,
    warehouses    int4[] NOT NULL,
    odoo_calendar int4                          -- where "hours" came from
);
COMMENT ON TABLE odoo_events.calendar_def IS 'what define_calendar() was given; read it through the view calendar';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.calendar_def
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.calendar_def
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('name', 'define_calendar', 'define_calendar', 'drop_calendar', 'id');

CREATE VIEW odoo_events.calendar AS
SELECT c.name, c.timezone, c.hours, c.holidays, c.warehouses, c.odoo_calendar FROM odoo_events.calendar_def c;
COMMENT ON VIEW odoo_events.calendar IS 'the calendars by which SLAs count open hours';

-- The open periods of one local day.  Each boundary is a local time of that day, so that a day of 23 or 25 hours is counted as it is.
CREATE FUNCTION odoo_events._open_periods(c odoo_events.calendar_def, day date, OUT opens timestamptz, OUT closes timestamptz) RETURNS SETOF record
LANGUAGE sql STABLE ROWS 2 SET search_path = pg_catalog, pg_temp AS $$
SELECT (day + split_part(p, '-', 1)::interval) AT TIME ZONE c.timezone, (day + split_part(p, '-', 2)::interval) AT TIME ZONE c.timezone
  FROM jsonb_array_elements_text(c.hours -> (ARRAY['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'])[extract(isodow FROM day)::int]) p
 WHERE day <> ALL (c.holidays) ORDER BY 1
$$;
COMMENT ON FUNCTION odoo_events._open_periods(odoo_events.calendar_def, date) IS 'internal: when a calendar is open on a local day';

CREATE FUNCTION odoo_events._microseconds(first timestamptz, last timestamptz) RETURNS int8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS 'SELECT ((extract(epoch FROM last) - extract(epoch FROM first)) * 1000000)::int8';
COMMENT ON FUNCTION odoo_events._microseconds(timestamptz, timestamptz) IS 'internal: time between two moments, exactly';

-- Open time between two moments, in microseconds; negative where the second comes first.  Of what is further apart ten years are counted:
-- a deadline of year 9999 takes no minutes.
CREATE FUNCTION odoo_events._open_between(c odoo_events.calendar_def, first timestamptz, last timestamptz) RETURNS int8
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  total int8 := 0;
  day   date := (first AT TIME ZONE c.timezone)::date - 1;
  upto  constant date := LEAST((last AT TIME ZONE c.timezone)::date, day + 3650);
  p     record;
BEGIN
  IF c.id IS NULL THEN
    RETURN odoo_events._microseconds(first, last);
  ELSIF last < first THEN
    RETURN -odoo_events._open_between(c, last, first);
  END IF;
  WHILE day <= upto LOOP
    FOR p IN SELECT * FROM odoo_events._open_periods(c, day) LOOP
      total := total + GREATEST(odoo_events._microseconds(GREATEST(p.opens, first), LEAST(p.closes, last)), 0);
    END LOOP;
    day := day + 1;
  END LOOP;
  RETURN total;
END $$;
COMMENT ON FUNCTION odoo_events._open_between(odoo_events.calendar_def, timestamptz, timestamptz) IS 'internal: open time between two moments, in microseconds, ten years at most; all time where there is no calendar';

-- The earliest moment at which so much open time has passed.  Ten years without an open hour: null.
CREATE FUNCTION odoo_events._add_open(c odoo_events.calendar_def, start timestamptz, open_time int8) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  day  date := (start AT TIME ZONE c.timezone)::date - 1;
  rest int8 := open_time;
  here int8;
  p    record;
BEGIN
  IF c.id IS NULL THEN
    RETURN start + make_interval(secs => rest / 1000000) + (rest % 1000000) * interval '1 microsecond';
  ELSIF rest <= 0 THEN
    RETURN start;
  END IF;
  FOR i IN 0 .. 3660 LOOP
    FOR p IN SELECT GREATEST(x.opens, start) AS opens, x.closes FROM odoo_events._open_periods(c, day + i) x WHERE x.closes > start LOOP
      here := odoo_events._microseconds(p.opens, p.closes);
      IF rest <= here THEN
        RETURN p.opens + make_interval(secs => rest / 1000000) + (rest % 1000000) * interval '1 microsecond';
      END IF;
      rest := rest - here;
    END LOOP;
  END LOOP;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._add_open(odoo_events.calendar_def, timestamptz, int8) IS 'internal: the earliest moment at which so many microseconds of open time have passed';

-- Where counting begins: the start itself while it is open, else the next opening; behind cut_off the first opening of a later day.
CREATE FUNCTION odoo_events._counted_from(c odoo_events.calendar_def, start timestamptz, cut_off time) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  local timestamp := start AT TIME ZONE c.timezone;
  late  boolean := COALESCE(local::time > cut_off, false);
  first timestamptz;
BEGIN
  IF c.id IS NULL THEN
    RETURN start;
  END IF;
  FOR i IN (CASE WHEN late THEN 1 ELSE -1 END) .. 3660 LOOP
    SELECT GREATEST(p.opens, start) INTO first FROM odoo_events._open_periods(c, local::date + i) p WHERE p.closes > start ORDER BY 1 LIMIT 1;
    EXIT WHEN first IS NOT NULL;
  END LOOP;
  RETURN first;
END $$;
COMMENT ON FUNCTION odoo_events._counted_from(odoo_events.calendar_def, timestamptz, time) IS 'internal: the moment from which open time counts';

-- So many working days later, at the same local time.  Where that is closed, and where nothing of that day has passed, it is the close before.
CREATE FUNCTION odoo_events._add_working_days(c odoo_events.calendar_def, start timestamptz, days int4) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  local timestamp := start AT TIME ZONE c.timezone;
  there timestamptz;
  due   timestamptz;
  day   date := local::date;
  left_ int4 := days;
BEGIN
  IF c.id IS NULL OR days <= 0 THEN
    RETURN start + make_interval(hours => 24 * days);
  END IF;
  FOR i IN 1 .. 3660 LOOP
    EXIT WHEN left_ = 0;
    day := day + 1;
    left_ := left_ - EXISTS (SELECT 1 FROM odoo_events._open_periods(c, day))::int;
  END LOOP;
  there := (day + local::time) AT TIME ZONE c.timezone;
  FOR i IN 0 .. 3660 LOOP
    SELECT max(LEAST(p.closes, there)) INTO due FROM odoo_events._open_periods(c, day - i) p WHERE p.opens < there;
    EXIT WHEN due IS NOT NULL;
  END LOOP;
  RETURN due;
END $$;
COMMENT ON FUNCTION odoo_events._add_working_days(odoo_events.calendar_def, timestamptz, int4) IS 'internal: the same local time so many working days later, by the close before where that is closed';

CREATE FUNCTION odoo_events._add_within(c odoo_events.calendar_def, start timestamptz, within interval, cut_off time) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._add_open(c, odoo_events._add_working_days(c, odoo_events._counted_from(c, start, cut_off), extract(day FROM within)::int4),
                             ((extract(epoch FROM within) - extract(day FROM within) * 86400) * 1000000)::int8)
$$;
COMMENT ON FUNCTION odoo_events._add_within(odoo_events.calendar_def, timestamptz, interval, time) IS 'internal: when an SLA that counts open time is due: first whole working days, then the open hours';

-- '{"mon": ["06:00-22:00"]}' in order, or an error.
CREATE FUNCTION odoo_events._check_hours(hours jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  d record;
  p text;
  last time;
BEGIN
  IF jsonb_typeof(hours) IS DISTINCT FROM 'object' OR hours - '{mon,tue,wed,thu,fri,sat,sun}'::text[] <> '{}' THEN
    RAISE EXCEPTION 'argument "hours" is not an object of days' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'hours => ''{"mon": ["06:00-22:00"], "sat": ["08:00-12:00", "13:00-15:00"]}''; the days are mon, tue, wed, thu, fri, sat, sun.';
  END IF;
  FOR d IN SELECT * FROM jsonb_each(hours) LOOP
    last := NULL;
    IF jsonb_typeof(d.value) <> 'array' THEN
      RAISE EXCEPTION 'argument "hours" has no list for "%"', d.key USING ERRCODE = 'invalid_parameter_value', HINT = 'hours => ''{"mon": ["06:00-22:00"]}''';
    END IF;
    FOR p IN SELECT jsonb_array_elements_text(d.value) LOOP
      IF p !~ '^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$' OR split_part(p, '-', 1)::time >= split_part(p, '-', 2)::time
         OR split_part(p, '-', 1)::time < last THEN
        RAISE EXCEPTION 'argument "hours" has the unusable period "%" on "%"', p, d.key USING ERRCODE = 'invalid_parameter_value',
          HINT = 'A period is "06:00-22:00", up to "24:00"; the periods of a day are in order and do not overlap.';
      END IF;
      last := split_part(p, '-', 2)::time;
    END LOOP;
  END LOOP;
  IF NOT EXISTS (SELECT 1 FROM jsonb_each(hours) x WHERE jsonb_array_length(x.value) > 0) THEN
    RAISE EXCEPTION 'argument "hours" has no open period' USING ERRCODE = 'invalid_parameter_value', HINT = 'hours => ''{"mon": ["06:00-22:00"]}''';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_hours(jsonb) IS 'internal: refuses hours of a calendar that cannot be used';

CREATE FUNCTION odoo_events._odoo_calendar(id int4, OUT timezone text, OUT hours jsonb) RETURNS record
LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'oe_sql_odoo_calendar';
COMMENT ON FUNCTION odoo_events._odoo_calendar(int4) IS 'internal: time zone and hours of a resource_calendar of Odoo''s';

CREATE FUNCTION odoo_events.define_calendar(name text, timezone text DEFAULT NULL, hours jsonb DEFAULT NULL, holidays date[] DEFAULT '{}',
                                            warehouses int[] DEFAULT '{}', odoo_calendar int DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  o record;
  other text;
BEGIN
  PERFORM odoo_events._must_be_free('define_calendar');
  IF define_calendar.name IS NULL OR define_calendar.name !~ '^[A-Za-z0-9_.-]{1,63}$' OR define_calendar.name = 'warehouse' THEN
    RAISE EXCEPTION 'argument "name" cannot be %', COALESCE(quote_literal(define_calendar.name), 'null') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'A name has 1 to 63 letters, digits, "_", "." or "-"; "warehouse" stands for the calendar of an event''s warehouse.';
  ELSIF (define_calendar.hours IS NULL) = (define_calendar.odoo_calendar IS NULL) THEN
    RAISE EXCEPTION 'exactly one of the arguments "hours" and "odoo_calendar" is needed' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'hours => ''{"mon": ["06:00-22:00"]}'', or odoo_calendar => the id of a resource_calendar.';
  END IF;
  IF define_calendar.odoo_calendar IS NOT NULL THEN
    SELECT * INTO o FROM odoo_events._odoo_calendar(define_calendar.odoo_calendar);
    IF o.hours IS NULL THEN
      RAISE EXCEPTION 'Odoo has no resource_calendar % with weekly hours', define_calendar.odoo_calendar USING ERRCODE = 'undefined_object',
        HINT = 'SELECT id, name FROM resource_calendar;  -- those of two weeks and flexible ones need "hours"';
    END IF;
    define_calendar.hours := o.hours;
    define_calendar.timezone := COALESCE(define_calendar.timezone, o.timezone);
  END IF;
  define_calendar.timezone := COALESCE(define_calendar.timezone, 'UTC');
  IF NOT EXISTS (SELECT 1 FROM pg_timezone_names z WHERE z.name = define_calendar.timezone) THEN
    RAISE EXCEPTION 'argument "timezone" names no time zone: %', define_calendar.timezone USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT name FROM pg_timezone_names ORDER BY 1;';
  END IF;
  PERFORM odoo_events._check_hours(define_calendar.hours);
  SELECT c.name INTO other FROM odoo_events.calendar_def c WHERE c.warehouses && define_calendar.warehouses AND c.name <> define_calendar.name LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'a warehouse in argument "warehouses" has the calendar "%" already', other USING ERRCODE = 'duplicate_object',
      HINT = 'SELECT name, warehouses FROM odoo_events.calendar;';
  END IF;
  INSERT INTO odoo_events.calendar_def AS c (id, name, timezone, hours, holidays, warehouses, odoo_calendar)
  VALUES (md5(define_calendar.name), define_calendar.name, define_calendar.timezone, define_calendar.hours, COALESCE(define_calendar.holidays, '{}'),
          COALESCE(define_calendar.warehouses, '{}'), define_calendar.odoo_calendar)
  ON CONFLICT ON CONSTRAINT calendar_def_pkey DO UPDATE SET timezone = EXCLUDED.timezone, hours = EXCLUDED.hours, holidays = EXCLUDED.holidays,
    warehouses = EXCLUDED.warehouses, odoo_calendar = EXCLUDED.odoo_calendar;
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events.define_calendar(text, text, jsonb, date[], int[], int) IS
'makes or replaces a calendar: open hours per weekday in a time zone, days that are closed, and the warehouses that it is of; or copies the hours of Odoo''s '
'resource_calendar as they are now.  22023: what cannot be used; 42710: a warehouse that has a calendar; 42704: no such resource_calendar';

-- Written by define_sla() and drop_sla() only.
CREATE TABLE odoo_events.sla_def (
    id          text PRIMARY KEY,               -- md5 of name
    name        text NOT NULL UNIQUE,
    starts      text[] NOT NULL,
    ends        text[] NOT NULL,
    stops       text[] NOT NULL,
    pauses      text[] NOT NULL,
    resumes     text[] NOT NULL,
    moves       text[] NOT NULL,
    within      interval,
    deadline    jsonpath,
    cut_off     time,
    calendar    text,
    document    text NOT NULL,
    complete    text NOT NULL,
    filter      jsonpath,
    ends_filter jsonpath,
    companies   int4[],
    warehouses  int4[],
    warn_at     numeric NOT NULL,
    objective   numeric NOT NULL,
    owner       text,
    contact     text,
    criticality int2,
    runbook     text,
    start_from  text NOT NULL
);
COMMENT ON TABLE odoo_events.sla_def IS 'what define_sla() was given; read it through the view sla';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.sla_def
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('id');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.sla_def
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('name', 'define_sla', 'define_sla', 'drop_sla', 'id');

CREATE VIEW odoo_events.sla AS
SELECT s.name, s.starts, s.ends, s.stops, s.pauses, s.resumes, s.moves, s.within, s.deadline, s.cut_off, s.calendar, s.document, s.complete, s.filter,
       s.ends_filter, s.companies, s.warehouses, s.warn_at, s.objective, s.owner, s.contact, s.criticality, s.runbook, s.start_from
  FROM odoo_events.sla_def s;
COMMENT ON VIEW odoo_events.sla IS 'the SLAs, as define_sla() was given them';

-- The terms of an SLA from a moment on.  A promise keeps the terms that it opened under, so that each definition gets a row.
CREATE TABLE odoo_events.sla_terms (
    id            int4 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name          text NOT NULL,
    since         timestamptz NOT NULL,
    until         timestamptz,                  -- null: in force
    from_position int8 NOT NULL,                -- later events start promises
    from_time     timestamptz,                  -- and only such, if given
    terms         jsonb NOT NULL                -- the row of sla_def
);
COMMENT ON TABLE odoo_events.sla_terms IS 'each version of each SLA; an open promise keeps the one that it opened under';

CREATE FUNCTION odoo_events._sla_changed() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE odoo_events.sla_terms t SET until = clock_timestamp() WHERE t.until IS NULL AND t.name IN (OLD.name, NEW.name);
  IF TG_OP <> 'DELETE' THEN
    INSERT INTO odoo_events.sla_terms (name, since, from_position, from_time, terms)
    VALUES (NEW.name, clock_timestamp(),
            CASE WHEN NEW.start_from = 'now' THEN odoo_events._last_position() WHEN NEW.start_from ~ '^[0-9]+$' THEN NEW.start_from::int8 ELSE 0 END,
            CASE WHEN NEW.start_from !~ '^([0-9]+|now|earliest)$' THEN NEW.start_from::timestamptz END, to_jsonb(NEW));
  END IF;
  PERFORM odoo_events._wake('config');
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._sla_changed() IS 'internal: notes the terms of an SLA from now on';
CREATE TRIGGER terms AFTER INSERT OR UPDATE OR DELETE ON odoo_events.sla_def FOR EACH ROW EXECUTE FUNCTION odoo_events._sla_changed();

CREATE FUNCTION odoo_events._check_sla(s odoo_events.sla_def) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  l record;
BEGIN
  IF s.name IS NULL OR s.name !~ '^[A-Za-z0-9_.-]{1,63}$' THEN
    RAISE EXCEPTION 'argument "name" cannot be %', COALESCE(quote_literal(s.name), 'null') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'A name has 1 to 63 letters, digits, "_", "." or "-".';
  END IF;
  FOR l IN SELECT * FROM (VALUES ('starts', s.starts), ('ends', s.ends), ('stops', s.stops), ('pauses', s.pauses), ('resumes', s.resumes), ('moves', s.moves)) v(name, types) LOOP
    IF l.name IN ('starts', 'ends') AND cardinality(l.types) = 0 OR array_position(l.types, NULL) IS NOT NULL THEN
      RAISE EXCEPTION 'argument "%" names no event type', l.name USING ERRCODE = 'invalid_parameter_value', HINT = 'SELECT type FROM odoo_events.event_type;';
    ELSIF cardinality(l.types) > 0 THEN
      PERFORM odoo_events._types_like(l.types);
    END IF;
  END LOOP;
  IF extract(year FROM s.within) <> 0 OR extract(month FROM s.within) <> 0 OR s.within <= '0' OR s.within > '3660 days' THEN
    RAISE EXCEPTION 'argument "within" cannot be %', s.within USING ERRCODE = 'invalid_parameter_value', HINT = 'within => ''4 hours'', or ''2 days'' for two working days.';
  ELSIF cardinality(s.moves) > 0 AND s.deadline IS NULL THEN
    RAISE EXCEPTION 'argument "moves" needs a deadline that can be read again' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'deadline => ''$.data.sales_order.commitment_date''';
  ELSIF s.cut_off IS NOT NULL AND (s.calendar IS NULL OR s.within IS NULL) THEN
    RAISE EXCEPTION 'argument "cut_off" needs "calendar" and "within"' USING ERRCODE = 'invalid_parameter_value', HINT = 'calendar => ''warehouse''';
  ELSIF s.calendar <> 'warehouse' AND NOT EXISTS (SELECT 1 FROM odoo_events.calendar_def c WHERE c.name = s.calendar) THEN
    RAISE EXCEPTION 'argument "calendar" names no calendar: %', s.calendar USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM odoo_events.calendar;';
  ELSIF s.document IS NULL OR s.document NOT IN ('correlation', 'key', 'subject') THEN
    RAISE EXCEPTION 'argument "document" cannot be %', COALESCE(quote_literal(s.document), 'null') USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Use correlation, key or subject.';
  ELSIF s.complete IS NULL OR s.complete NOT IN ('first', 'all') THEN
    RAISE EXCEPTION 'argument "complete" cannot be %', COALESCE(quote_literal(s.complete), 'null') USING ERRCODE = 'invalid_parameter_value', HINT = 'Use first or all.';
  ELSIF s.warn_at IS NULL OR s.warn_at <= 0 OR s.warn_at > 1 THEN
    RAISE EXCEPTION 'argument "warn_at" is %', COALESCE(s.warn_at::text, 'null') USING ERRCODE = 'invalid_parameter_value', HINT = 'A part of the time: more than 0, 1 at most; 1: no warning.';
  ELSIF s.objective IS NULL OR s.objective <= 0 OR s.objective > 1 THEN
    RAISE EXCEPTION 'argument "objective" is %', COALESCE(s.objective::text, 'null') USING ERRCODE = 'invalid_parameter_value', HINT = 'The share of promises to be kept: more than 0, 1 at most.';
  END IF;
  PERFORM odoo_events._check_care(s.criticality, s.owner, s.contact, s.runbook, NULL);
  IF s.start_from IS NULL OR s.start_from !~ '^(now|earliest|[0-9]{1,18})$' THEN
    BEGIN
      PERFORM s.start_from::timestamptz, 1 / (s.start_from IS NOT NULL)::int;
    EXCEPTION WHEN data_exception THEN
      RAISE EXCEPTION 'argument "start_from" cannot be %', COALESCE(quote_literal(s.start_from), 'null') USING ERRCODE = 'invalid_parameter_value',
        HINT = 'Use now, earliest, a position or a time.';
    END;
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_sla(odoo_events.sla_def) IS 'internal: refuses arguments of define_sla() that cannot be used';

CREATE FUNCTION odoo_events.define_sla(name text, starts text[], ends text[], stops text[] DEFAULT '{}', pauses text[] DEFAULT '{}', resumes text[] DEFAULT '{}',
  moves text[] DEFAULT '{}', within interval DEFAULT NULL, deadline jsonpath DEFAULT NULL, cut_off time DEFAULT NULL, calendar text DEFAULT NULL,
  document text DEFAULT 'correlation', complete text DEFAULT 'first', filter jsonpath DEFAULT NULL, ends_filter jsonpath DEFAULT NULL,
  companies int[] DEFAULT NULL, warehouses int[] DEFAULT NULL, warn_at numeric DEFAULT 0.8, objective numeric DEFAULT 0.99, owner text DEFAULT NULL,
  contact text DEFAULT NULL, criticality smallint DEFAULT NULL, runbook text DEFAULT NULL, start_from text DEFAULT 'now', or_replace boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
  s odoo_events.sla_def;
BEGIN
  PERFORM odoo_events._must_be_free('define_sla');
  s := ROW (md5(name), name, COALESCE(starts, '{}'), COALESCE(ends, '{}'), COALESCE(stops, '{}'), COALESCE(pauses, '{}'), COALESCE(resumes, '{}'),
            COALESCE(moves, '{}'), within, deadline, cut_off, calendar, document, complete, filter, ends_filter, companies, warehouses, warn_at, objective,
            owner, contact, criticality, runbook, start_from);
  PERFORM odoo_events._check_sla(s);
  IF EXISTS (SELECT 1 FROM odoo_events.sla_def d WHERE d.id = s.id) THEN
    IF NOT COALESCE(or_replace, false) THEN
      RAISE EXCEPTION 'SLA "%" exists', name USING ERRCODE = 'duplicate_object', HINT = 'or_replace => true replaces it; promises that are open keep their terms.';
    END IF;
    DELETE FROM odoo_events.sla_def d WHERE d.id = s.id;
  END IF;
  INSERT INTO odoo_events.sla_def SELECT s.*;
END $$;
COMMENT ON FUNCTION odoo_events.define_sla(text, text[], text[], text[], text[], text[], text[], interval, jsonpath, time, text, text, text, jsonpath, jsonpath, int[], int[],
  numeric, numeric, text, text, smallint, text, text, boolean) IS
'defines an SLA: which events start a promise for a document, which end, stop, pause, resume and move it, and when it is due: "within" counts open time of "calendar", '
'"deadline" reads the time from the event.  22023: an argument that cannot be used; 42710: it exists; 42704: no such calendar';

CREATE FUNCTION odoo_events.drop_sla(name text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM odoo_events._must_be_free('drop_sla');
  DELETE FROM odoo_events.sla_def d WHERE d.name = drop_sla.name;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'SLA "%" does not exist', drop_sla.name USING ERRCODE = 'undefined_object', HINT = 'SELECT name FROM odoo_events.sla;';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events.drop_sla(text) IS 'no promise of this SLA is opened any more; those that are open are cancelled.  42704: there is none';

-- ---- what the reader behind the publisher asks ----

CREATE FUNCTION odoo_events._sla_calendar(calendar text, warehouse_id int4) RETURNS odoo_events.calendar_def
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT c FROM odoo_events.calendar_def c WHERE CASE WHEN calendar = 'warehouse' THEN warehouse_id = ANY (c.warehouses) ELSE c.name = calendar END ORDER BY c.name LIMIT 1
$$;
COMMENT ON FUNCTION odoo_events._sla_calendar(text, int4) IS 'internal: the calendar of a promise; null where there is none';

-- A date without a time means the end of that day.
CREATE FUNCTION odoo_events._sla_deadline(event jsonb, path jsonpath, timezone text) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  given text := jsonb_path_query_first(event, path, silent => true) #>> '{}';
  due   timestamptz;
BEGIN
  due := CASE WHEN given ~ '^\d{4}-\d\d-\d\d$' THEN (given::date + 1)::timestamp AT TIME ZONE COALESCE(timezone, 'UTC') ELSE given::timestamptz END;
  RETURN CASE WHEN due > '1900-01-01 UTC' AND due < '10000-01-02 UTC' THEN due END;        -- no infinity, nor what overflows when it is counted
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._sla_deadline(jsonb, jsonpath, text) IS 'internal: the deadline that an event names; null where it names none';

CREATE FUNCTION odoo_events._sla_warning(c odoo_events.calendar_def, started timestamptz, due timestamptz, warn_at numeric) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN warn_at < 1 AND due > started THEN odoo_events._add_open(c, started, (odoo_events._open_between(c, started, due) * warn_at)::int8) END
$$;
COMMENT ON FUNCTION odoo_events._sla_warning(odoo_events.calendar_def, timestamptz, timestamptz, numeric) IS 'internal: when a promise is at risk';

-- May this event start a promise, and when is it due?
CREATE FUNCTION odoo_events._promise_terms(terms int4, event text, started timestamptz, company_id int4, warehouse_id int4, moving boolean,
                                           OUT wanted boolean, OUT calendar text, OUT due_at timestamptz, OUT warn_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  t jsonb := (SELECT x.terms FROM odoo_events.sla_terms x WHERE x.id = _promise_terms.terms);
  c odoo_events.calendar_def;
  parsed jsonb;
BEGIN
  wanted := moving OR COALESCE(_promise_terms.company_id = ANY (ARRAY(SELECT jsonb_array_elements_text(NULLIF(t -> 'companies', 'null'))::int4)), false) OR t ->> 'companies' IS NULL;
  wanted := wanted AND (moving OR COALESCE(_promise_terms.warehouse_id = ANY (ARRAY(SELECT jsonb_array_elements_text(NULLIF(t -> 'warehouses', 'null'))::int4)), false)
                        OR t ->> 'warehouses' IS NULL);
  wanted := wanted AND (moving OR t ->> 'filter' IS NULL OR odoo_events._filter_verdict(event, (t ->> 'filter')::jsonpath) IS NULL);
  IF NOT wanted THEN
    RETURN;
  END IF;
  IF t ->> 'calendar' IS NOT NULL THEN
    c := odoo_events._sla_calendar(t ->> 'calendar', _promise_terms.warehouse_id);
  END IF;
  calendar := c.name;
  IF t ->> 'deadline' IS NOT NULL THEN
    parsed := odoo_events._legible(event);
    due_at := odoo_events._sla_deadline(parsed, (t ->> 'deadline')::jsonpath, c.timezone);
  END IF;
  IF due_at IS NULL AND NOT moving AND t ->> 'within' IS NOT NULL THEN
    due_at := odoo_events._add_within(c, started, (t ->> 'within')::interval, (t ->> 'cut_off')::time);
  END IF;
  warn_at := odoo_events._sla_warning(c, started, due_at, (t ->> 'warn_at')::numeric);
END $$;
COMMENT ON FUNCTION odoo_events._promise_terms(int4, text, timestamptz, int4, int4, boolean) IS
'internal: whether an event starts a promise, by which calendar, when that is due and at risk; moving: only the deadline, read again';

CREATE FUNCTION odoo_events._promise_ends(terms int4, event text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._filter_verdict(event, (x.terms ->> 'ends_filter')::jsonpath) IS NULL FROM odoo_events.sla_terms x WHERE x.id = _promise_ends.terms
$$;
COMMENT ON FUNCTION odoo_events._promise_ends(int4, text) IS 'internal: whether an event ends promises, by ends_filter';

-- Every document of this entity that the process knows by now has had one of these types, or was cancelled or deleted.  "By now" is
-- the end of the transaction, which may have made a backorder after what it was left by: its events have one time.
CREATE FUNCTION odoo_events._promise_complete(terms int4, correlation text, entity text, upto timestamptz) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
SELECT NOT EXISTS (
  SELECT 1 FROM odoo_events.process_step s JOIN odoo_events.process_type t ON t.code = s.code
   WHERE s.root = odoo_events._text_hash(correlation) AND t.entity = _promise_complete.entity AND s."time" <= upto
   GROUP BY s.record_id
  HAVING NOT bool_or(t.type ~ '\.(cancelled|deleted)\.v[0-9]+$'
                     OR EXISTS (SELECT 1 FROM odoo_events.sla_terms x, jsonb_array_elements_text(x.terms -> 'ends') e
                                 WHERE x.id = _promise_complete.terms AND t.type LIKE replace(replace(e, '_', '\_'), '*', '%'))))
$$;
COMMENT ON FUNCTION odoo_events._promise_complete(int4, text, text, timestamptz) IS 'internal: whether all documents of an entity that a process knows have reached the end of an SLA';

-- After a pause the open time that was left is left again.
CREATE FUNCTION odoo_events._promise_resume(calendar text, paused timestamptz, resumed timestamptz, due timestamptz, warning timestamptz,
                                            OUT due_at timestamptz, OUT warn_at timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  c odoo_events.calendar_def;
BEGIN
  c := odoo_events._sla_calendar(calendar, NULL);
  due_at := odoo_events._add_open(c, resumed, odoo_events._open_between(c, paused, due));
  warn_at := CASE WHEN warning > paused THEN odoo_events._add_open(c, resumed, odoo_events._open_between(c, paused, warning)) ELSE warning END;
END $$;
COMMENT ON FUNCTION odoo_events._promise_resume(text, timestamptz, timestamptz, timestamptz, timestamptz) IS 'internal: when a promise is due after a pause';
