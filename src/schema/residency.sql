-- residency: where classes of data may go.

CREATE TABLE odoo_events.residency_rule (
    class    text PRIMARY KEY,
    networks cidr[],
    hosts    text[]
);
COMMENT ON TABLE odoo_events.residency_rule IS 'what set_residency() was given';
CREATE TRIGGER save AFTER INSERT OR UPDATE OR DELETE ON odoo_events.residency_rule
  FOR EACH ROW EXECUTE FUNCTION odoo_events._save_config('class');
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON odoo_events.residency_rule
  FOR EACH ROW EXECUTE FUNCTION odoo_events._audit_row('class', 'set_residency', 'set_residency', 'set_residency', 'class');
CREATE CONSTRAINT TRIGGER revision AFTER INSERT OR UPDATE OR DELETE ON odoo_events.residency_rule
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION odoo_events._note_change();

-- All hosts of a URL, without ports: those of brokers may have several.
CREATE FUNCTION odoo_events._url_hosts(url text) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT array_agg(lower(regexp_replace(h, ':[0-9]+$', '')))
  FROM unnest(string_to_array(regexp_replace(substring(url FROM '^[^/]*//([^/?#]*)'), '^.*@', ''), ',')) h
$$;
COMMENT ON FUNCTION odoo_events._url_hosts(text) IS 'internal: the hosts in a URL, in lower case';

CREATE FUNCTION odoo_events._resides_outside(url text, r odoo_events.residency_rule) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN url IS NULL THEN CASE WHEN r.networks IS NULL THEN 'it is fetched, and only networks say by whom' END
            WHEN r.networks IS NOT NULL AND odoo_events._transport(url) <> 'webhook' THEN 'a broker tells its clients other addresses, so that networks cannot be checked'
            ELSE (SELECT format('host %s is none of %s', h, array_to_string(r.hosts, ', ')) FROM unnest(odoo_events._url_hosts(url)) h
                   WHERE NOT EXISTS (SELECT 1 FROM unnest(r.hosts) p WHERE h LIKE replace(replace(lower(p), '_', '\_'), '*', '%')) AND r.hosts IS NOT NULL LIMIT 1) END
$$;
COMMENT ON FUNCTION odoo_events._resides_outside(text, odoo_events.residency_rule) IS 'internal: why an endpoint may not get a class of data; null: it may, as far as its URL says';

CREATE FUNCTION odoo_events._common_networks(a cidr[], b cidr[]) RETURNS cidr[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN a IS NULL THEN b WHEN b IS NULL THEN a
            ELSE COALESCE((SELECT array_agg(DISTINCT CASE WHEN masklen(x) >= masklen(y) THEN x ELSE y END) FROM unnest(a) x, unnest(b) y WHERE x && y), '{0.0.0.0/32}') END
$$;
COMMENT ON FUNCTION odoo_events._common_networks(cidr[], cidr[]) IS 'internal: networks that are in both lists; null is no restriction';

-- An active subscription is where all that it is cleared for may go.  What a dump brings is paused instead of refused.
CREATE FUNCTION odoo_events._apply_residency() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  r odoo_events.residency_rule;
  why text;
BEGIN
  NEW.residence := NULL;
  FOR r IN SELECT * FROM odoo_events.residency_rule x WHERE x.class = ANY (NEW.clearance) LOOP
    NEW.residence := odoo_events._common_networks(NEW.residence, r.networks);
    why := odoo_events._resides_outside(NEW.url, r);
    CONTINUE WHEN why IS NULL OR NEW.state <> 'active';
    IF pg_trigger_depth() > 1 THEN
      NEW.state := 'paused'; NEW.state_reason := format('paused by set_residency(): %s', why); NEW.state_since := clock_timestamp();
    ELSE
      RAISE EXCEPTION 'subscription "%" may not get % data: %', NEW.name, r.class, why USING ERRCODE = 'insufficient_privilege',
        HINT = format('Leave %s out of its clearance: clearance => %L', r.class, array_remove(NEW.clearance, r.class));
    END IF;
  END LOOP;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION odoo_events._apply_residency() IS 'internal: keeps subscriptions where the data that they are cleared for may go';
CREATE TRIGGER residency BEFORE INSERT OR UPDATE ON odoo_events.subscription_config
  FOR EACH ROW EXECUTE FUNCTION odoo_events._apply_residency();

-- A dump has its rows in any order: a subscription may have come back before the rule that it is under.
CREATE FUNCTION odoo_events._restore_residency() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE odoo_events.subscription_config c SET version = c.version + 1 WHERE NEW.class = ANY (c.clearance);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION odoo_events._restore_residency() IS 'internal: applies a restored rule of set_residency() to subscriptions that were restored before it';
CREATE TRIGGER restored AFTER INSERT ON odoo_events.residency_rule
  FOR EACH ROW WHEN (pg_catalog.pg_trigger_depth() > 0) EXECUTE FUNCTION odoo_events._restore_residency();

-- fetch(): a session on a Unix socket is on the server itself.
CREATE FUNCTION odoo_events._check_residence(c odoo_events.subscription_config) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM unnest(c.residence) n WHERE inet_client_addr() <<= n) AND inet_client_addr() IS NOT NULL AND c.residence IS NOT NULL THEN
    RAISE EXCEPTION 'what subscription "%" is cleared for may not go to %', c.name, host(inet_client_addr()) USING ERRCODE = 'insufficient_privilege',
      HINT = 'SELECT * FROM odoo_events.config_export(''{residency}'');  -- shows which networks it may go to';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._check_residence(odoo_events.subscription_config) IS 'internal: refuses a consumer outside of the networks that its data may go to';

CREATE FUNCTION odoo_events._set_residency(r odoo_events.residency_rule) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF r.class IS NULL OR r.class <> ALL ('{public,internal,confidential,personal}') THEN
    RAISE EXCEPTION 'argument "classes" has "%"', r.class USING ERRCODE = 'invalid_parameter_value', HINT = 'Name some of public, internal, confidential and personal.';
  ELSIF array_position(r.networks, NULL) IS NOT NULL OR array_position(r.hosts, NULL) IS NOT NULL THEN
    RAISE EXCEPTION 'argument "%" contains a null', CASE WHEN array_position(r.networks, NULL) IS NOT NULL THEN 'networks' ELSE 'hosts' END
      USING ERRCODE = 'null_value_not_allowed', HINT = 'Leave the argument out for no restriction.';
  ELSIF EXISTS (SELECT 1 FROM unnest(r.hosts) h WHERE h !~ '^[A-Za-z0-9*.:\[\]_-]+$') THEN
    RAISE EXCEPTION 'argument "hosts" has an unusable pattern' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Name hosts without scheme, port and path; "*" stands for any characters: hosts => ''{*.example.com}''';
  END IF;
  r.networks := NULLIF(r.networks, '{}');
  r.hosts := NULLIF(r.hosts, '{}');
  IF num_nonnulls(r.networks, r.hosts) = 0 THEN
    DELETE FROM odoo_events.residency_rule x WHERE x.class = r.class;
  ELSE
    INSERT INTO odoo_events.residency_rule AS x SELECT (r).*
    ON CONFLICT ON CONSTRAINT residency_rule_pkey DO UPDATE SET networks = EXCLUDED.networks, hosts = EXCLUDED.hosts WHERE x IS DISTINCT FROM EXCLUDED;
  END IF;
  UPDATE odoo_events.subscription_config c
     SET state = CASE WHEN o.why IS NULL OR c.state <> 'active' THEN c.state ELSE 'paused' END,
         state_reason = CASE WHEN o.why IS NULL OR c.state <> 'active' THEN c.state_reason ELSE format('paused by set_residency(): %s', o.why) END,
         state_since = CASE WHEN o.why IS NULL OR c.state <> 'active' THEN c.state_since ELSE clock_timestamp() END, version = c.version + 1
    FROM (SELECT y.id, (SELECT odoo_events._resides_outside(y.url, x) FROM odoo_events.residency_rule x
                         WHERE x.class = ANY (y.clearance) AND odoo_events._resides_outside(y.url, x) IS NOT NULL LIMIT 1) AS why
            FROM odoo_events.subscription_config y WHERE r.class = ANY (y.clearance)) o
   WHERE o.id = c.id;
  PERFORM odoo_events._wake('config');
END $$;
COMMENT ON FUNCTION odoo_events._set_residency(odoo_events.residency_rule) IS 'internal: writes where one class may go, and pauses subscriptions that send it elsewhere';

CREATE FUNCTION odoo_events.set_residency(classes text[], networks cidr[] DEFAULT NULL, hosts text[] DEFAULT NULL) RETURNS TABLE (subscription text, effect text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
  r odoo_events.residency_rule;
  class text;
BEGIN
  PERFORM odoo_events._must_be_free('set_residency');
  IF COALESCE(cardinality(classes), 0) = 0 THEN
    RAISE EXCEPTION 'argument "classes" is empty' USING ERRCODE = 'invalid_parameter_value', HINT = 'Name some of public, internal, confidential and personal.';
  END IF;
  FOREACH class IN ARRAY classes LOOP
    r.class := class; r.networks := set_residency.networks; r.hosts := set_residency.hosts;
    PERFORM odoo_events._set_residency(r);
  END LOOP;
  RETURN QUERY SELECT c.name, CASE WHEN c.state <> 'active' THEN COALESCE(c.state_reason, c.state)
                                   WHEN c.residence IS NOT NULL THEN 'goes on, to addresses in these networks only' ELSE 'goes on' END
                 FROM odoo_events.subscription_config c WHERE c.clearance && classes ORDER BY 1;
  RETURN QUERY SELECT NULL::text, x FROM unnest(ARRAY['not reached: whoever reads views, archives, dumps, standbys or the output plugin',
                                                    'not reached: where an endpoint sends the data on, and copies that were sent before']) x;
END $$;
COMMENT ON FUNCTION odoo_events.set_residency(text[], cidr[], text[]) IS
'data of these classes goes to endpoints with these hosts (patterns) and addresses in these networks only; what is left out restricts nothing, both null ends it; subscriptions that send them elsewhere are paused; answers them, and what is not reached';

-- Kind residency of the configuration.
CREATE FUNCTION odoo_events._export_residency() RETURNS TABLE (name text, item jsonb)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT r.class, jsonb_strip_nulls(to_jsonb(r) - 'class') FROM odoo_events.residency_rule r
$$;
COMMENT ON FUNCTION odoo_events._export_residency() IS 'internal: kind residency of config_export()';

CREATE FUNCTION odoo_events._import_residency(name text, item jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF item IS NOT NULL THEN
    PERFORM odoo_events._check_item('residency', name, item, '{networks,hosts}');
  END IF;
  PERFORM odoo_events._set_residency(jsonb_populate_record(NULL::odoo_events.residency_rule, COALESCE(item, '{}') || jsonb_build_object('class', name)));
END $$;
COMMENT ON FUNCTION odoo_events._import_residency(text, jsonb) IS 'internal: kind residency of config_apply()';

CREATE FUNCTION odoo_events._effect_residency(name text, path text, is_now jsonb, wanted jsonb, OUT risk text, OUT effect text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  item jsonb := CASE WHEN path IS NULL THEN wanted
                     ELSE COALESCE((SELECT x.item FROM odoo_events._export_residency() x WHERE x.name = _effect_residency.name), '{}') || jsonb_build_object(path, wanted) END;
  r    odoo_events.residency_rule := jsonb_populate_record(NULL::odoo_events.residency_rule, COALESCE(item, '{}') || jsonb_build_object('class', name));
  hit  text := (SELECT string_agg(c.name, ', ' ORDER BY c.name) FROM odoo_events.subscription_config c
                 WHERE r.class = ANY (c.clearance) AND c.state = 'active' AND odoo_events._resides_outside(c.url, r) IS NOT NULL);
BEGIN
  risk := CASE WHEN hit IS NOT NULL OR item IS NULL THEN 'high' ELSE 'medium' END;
  effect := CASE WHEN item IS NULL THEN format('%s data may go anywhere', name) WHEN hit IS NOT NULL THEN 'pauses ' || hit ELSE 'pauses no subscription' END;
END $$;
COMMENT ON FUNCTION odoo_events._effect_residency(text, text, jsonb, jsonb) IS 'internal: what a change of residency means';
