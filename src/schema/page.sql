-- page: what happens, for people who do not read psql, as HTML documents that need nothing else.
--
-- A figure cannot disagree with the statement below it: a section is made by executing that very statement, and the
-- statement is printed with it.  Everything that comes from data is escaped in one place, _html().

CREATE FUNCTION odoo_events._html(value text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT replace(replace(replace(replace(replace(
         regexp_replace(value, U&'[\0001-\0008\000B-\001F\007F-\009F\FDD0-\FDEF\FFFE\FFFF]', U&'\FFFD', 'g'),
         '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;')
$$;
COMMENT ON FUNCTION odoo_events._html(text) IS 'internal: a text as HTML, also inside of quoted attributes; characters that HTML does not allow become U+FFFD';

-- What a page shows of one value: cut to a bearable length, kept from changing the direction of what is beside it, and broken into lines where names have joints.
CREATE FUNCTION odoo_events._html_value(value text, most int DEFAULT 160) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT '<bdi>' || regexp_replace(odoo_events._html(CASE WHEN length(value) > most THEN left(value, most - 1) || U&'\2026' ELSE value END), '([._/])(?=\w)', '\1<wbr>', 'g') || '</bdi>'
$$;
COMMENT ON FUNCTION odoo_events._html_value(text, int) IS 'internal: a value of a page as HTML, of at most so many characters';

-- Texts of pages: English is the key.  A text that is not here stays English.
CREATE FUNCTION odoo_events._page_texts() RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb '{
 "de": {"Operations": "Betrieb", "Integration": "Integration", "Document": "Beleg",
  "Does the machine run?": "Läuft die Maschine?", "Which partner, which document?": "Welcher Partner, welcher Beleg?",
  "Where is this one?": "Wo ist dieser?", "nothing": "nichts", "statement": "Anweisung", "made at": "erstellt am", "times in": "Zeiten in",
  "period": "Zeitraum", "all is well": "alles in Ordnung", "needs a look": "bitte ansehen", "needs help now": "braucht jetzt Hilfe",
  "What needs attention": "Was Aufmerksamkeit braucht", "From capture to delivery": "Von der Erfassung zur Zustellung", "Events published": "Veröffentlichte Ereignisse",
  "Storage": "Speicher", "Replication slots": "Replikationsslots", "What expires within 90 days": "Was in 90 Tagen abläuft", "Last changes of the configuration": "Letzte Änderungen der Konfiguration",
  "Requests by subscription and hour": "Anfragen je Abonnement und Stunde", "Subscriptions": "Abonnements", "What waits longest": "Was am längsten wartet",
  "Dead letters by answer and type": "Unzustellbar nach Antwort und Typ", "The ten worst documents": "Die zehn schlimmsten Belege",
  "Warehouse": "Lager", "Business": "Geschäft", "What is late at my dock?": "Was ist an meiner Rampe zu spät?", "Do we keep what we promised?": "Halten wir, was wir versprochen haben?",
  "Promises at risk and broken": "Gefährdete und gebrochene Zusagen", "Cycle times": "Durchlaufzeiten", "Shortages": "Fehlmengen", "Lots on hold": "Gesperrte Lose",
  "Promises kept": "Gehaltene Zusagen", "Kept week by week": "Gehalten, Woche für Woche", "Exceptions by cause": "Ausnahmen nach Ursache", "Changes that await approval": "Änderungen, die auf Zustimmung warten",
  "Agreement with the former interface": "Übereinstimmung mit der früheren Schnittstelle", "Verdict": "Befund",
  "left out: it is about everything, and a policy restricts you": "ausgelassen: es betrifft alles, und eine Richtlinie beschränkt Sie",
  "left out: no policy of yours lets you read events": "ausgelassen: keine Richtlinie lässt Sie Ereignisse lesen",
  "company": "Firma", "warehouse": "Lager",
  "Time line": "Zeitlinie", "Every step": "Jeder Schritt",
  "ok": "in Ordnung", "slow": "langsam", "rejected": "abgelehnt", "failed": "fehlgeschlagen", "silent": "still"},
 "fr": {"Operations": "Exploitation", "Integration": "Intégration", "Document": "Document",
  "Does the machine run?": "La machine tourne-t-elle ?", "Which partner, which document?": "Quel partenaire, quel document ?",
  "Where is this one?": "Où est celui-ci ?", "nothing": "rien", "statement": "requête", "made at": "établi le", "times in": "heures de",
  "period": "période", "all is well": "tout va bien", "needs a look": "à regarder", "needs help now": "à traiter tout de suite",
  "What needs attention": "Ce qui demande attention", "From capture to delivery": "De la capture à la livraison", "Events published": "Événements publiés",
  "Storage": "Stockage", "Replication slots": "Slots de réplication", "What expires within 90 days": "Ce qui expire dans 90 jours", "Last changes of the configuration": "Dernières modifications de la configuration",
  "Requests by subscription and hour": "Requêtes par abonnement et par heure", "Subscriptions": "Abonnements", "What waits longest": "Ce qui attend le plus",
  "Dead letters by answer and type": "Rebuts par réponse et par type", "The ten worst documents": "Les dix pires documents",
  "Warehouse": "Entrepôt", "Business": "Affaires", "What is late at my dock?": "Qu’est-ce qui est en retard à mon quai ?", "Do we keep what we promised?": "Tenons-nous nos promesses ?",
  "Promises at risk and broken": "Promesses menacées et rompues", "Cycle times": "Délais", "Shortages": "Manques", "Lots on hold": "Lots bloqués",
  "Promises kept": "Promesses tenues", "Kept week by week": "Tenues, semaine par semaine", "Exceptions by cause": "Exceptions par cause", "Changes that await approval": "Modifications en attente d’accord",
  "Agreement with the former interface": "Accord avec l’ancienne interface", "Verdict": "Verdict",
  "left out: it is about everything, and a policy restricts you": "omis : cela concerne tout, et une règle vous restreint",
  "left out: no policy of yours lets you read events": "omis : aucune règle ne vous laisse lire des événements",
  "company": "société", "warehouse": "entrepôt",
  "Time line": "Chronologie", "Every step": "Chaque étape",
  "ok": "bon", "slow": "lent", "rejected": "refusé", "failed": "échoué", "silent": "muet"}}'
$$;
COMMENT ON FUNCTION odoo_events._page_texts() IS 'internal: texts of pages in other languages than English';

CREATE FUNCTION odoo_events._page_text(language text, english text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT odoo_events._html(COALESCE(odoo_events._page_texts() -> language ->> english, english))
$$;
COMMENT ON FUNCTION odoo_events._page_text(text, text) IS 'internal: a text of a page, translated and escaped';

-- The whole document.  Colours are chosen for a contrast of at least 4.5 to 1 on both backgrounds.
CREATE FUNCTION odoo_events._page_document(language text, title text, body text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT '<!DOCTYPE html>
<html lang="' || language || '">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>' || odoo_events._html(left(title, 70)) || '</title>
<style>
:root { color-scheme: light dark; --ink: #1a1d21; --paper: #ffffff; --line: #c8ccd1; --soft: #eef0f3; --dim: #545b64; --good: #1b6b36; --warn: #8a5300; --bad: #b3161b; --accent: #1d5fa8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --paper: #14171a; --line: #3b4148; --soft: #22272c; --dim: #a9b0b8; --good: #6fce8d; --warn: #f0b55b; --bad: #ff8f8a; --accent: #86b8f2; } }
* { box-sizing: border-box; }
body { margin: 0; overflow-wrap: anywhere; font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
header, main { max-width: 70rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 1.6rem 0 .4rem; } h3 { font-size: 1rem; margin: 1rem 0 .3rem; }
.sub { color: var(--dim); margin: .2rem 0; } .lamp { font-weight: 600; border-left: .6rem solid currentColor; padding: .4rem .8rem; background: var(--soft); }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); } .dim { color: var(--dim); }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .87rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .5rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; min-width: 7rem; } th { white-space: nowrap; overflow-wrap: normal; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; min-width: 0; } td.b { font-weight: 600; white-space: nowrap; min-width: 0; }
code, pre { font: .82rem/1.4 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; } details { margin: .3rem 0 0; font-size: .82rem; } summary { color: var(--dim); cursor: pointer; }
svg { display: block; max-width: 100%; height: auto; } svg text { fill: var(--ink); font: 11px system-ui, sans-serif; } .axis { stroke: var(--line); } .curve { fill: none; stroke: var(--accent); stroke-width: 2; }
.area { fill: var(--soft); } .bar { fill: var(--accent); } .dot { fill: var(--accent); } .dot-good { fill: var(--good); } .dot-bad { fill: var(--bad); } .span { stroke: var(--accent); stroke-width: 4; } .span-bad { stroke: var(--bad); stroke-width: 4; }
@media (max-width: 40rem) { header, main { padding: .6rem; } table { font-size: .8rem; } }
@page { size: A4; margin: 12mm; }
@media print { :root { color-scheme: light; --ink: #000; --paper: #fff; --soft: #fff; } body { font-size: 10pt; } .wide { overflow: visible; } h2 { break-after: avoid; } tr, svg { break-inside: avoid; } summary { list-style: none; } }
</style>
</head>
<body>
' || body || '
</body>
</html>
'
$$;
COMMENT ON FUNCTION odoo_events._page_document(text, text, text) IS 'internal: an HTML document of this body, which is HTML already';

-- How good a word of a state is, for its colour; the word itself is always there, too.
CREATE FUNCTION odoo_events._page_mood(word text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN word = ANY ('{ok,active,met,on_time,processed,acknowledged,kept,healthy,same}') THEN 'good'
            WHEN word = ANY ('{warn,at_risk,late,paused,dry_run,met_late,waiting,pending,unconfirmed,retry,slow,duplicate,overdue,half_open}') THEN 'warn'
            WHEN word = ANY ('{critical,breached,lost,wrong,disabled,breaker_open,overrun,unarmed,failed,open breaker,quarantined}') OR word = 'dead letter' THEN 'bad'
            ELSE 'dim' END
$$;
COMMENT ON FUNCTION odoo_events._page_mood(text) IS 'internal: the class of a word that says how something is';

CREATE FUNCTION odoo_events._page_cell(name text, value json) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN v.text IS NULL THEN '<td></td>'
            WHEN json_typeof(value) = 'number' THEN '<td class="n">' || odoo_events._html(v.text) || '</td>'
            WHEN name IN ('status', 'state', 'verdict') THEN '<td class="b ' || odoo_events._page_mood(v.text) || '">' || odoo_events._html_value(v.text) || '</td>'
            WHEN name IN ('hint', 'next') THEN '<td><code>' || odoo_events._html_value(v.text, 600) || '</code></td>'
            WHEN v.text ~ '^\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d(:\d\d)?)$'
            THEN '<td class="n"><time datetime="' || regexp_replace(v.text, '(\.\d{3})\d*', '\1') || '">' || replace(left(v.text, 19), 'T', ' ') || '</time></td>'
            WHEN v.text ~ '^(-?\d+ (days?|mons?|years?) ?)*-?\d{2,}:\d\d:\d\d(\.\d+)?$' THEN '<td class="n">' || regexp_replace(v.text, '(\.\d{3})\d*', '\1') || '</td>'
            ELSE '<td>' || odoo_events._html_value(v.text, 300) || '</td>' END
  FROM (SELECT value #>> '{}' AS text) v
$$;
COMMENT ON FUNCTION odoo_events._page_cell(text, json) IS 'internal: a value of a table of a page';

CREATE FUNCTION odoo_events._page_rows(statement text, most int DEFAULT 100) RETURNS SETOF json
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN QUERY EXECUTE pg_catalog.format('SELECT row_to_json(q) FROM (%1$s) q LIMIT %2$L', statement, most);
END $$;
COMMENT ON FUNCTION odoo_events._page_rows(text, int) IS 'internal: the rows of a statement of a page, at most so many';

CREATE FUNCTION odoo_events._page_statement(language text, statement text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT '<details><summary>' || odoo_events._page_text(language, 'statement') || '</summary><pre><code>' || odoo_events._html(statement) || ';</code></pre></details>'
$$;
COMMENT ON FUNCTION odoo_events._page_statement(text, text) IS 'internal: the statement that a figure comes from, folded away';

-- A section that shows what a statement answers, as a table.
CREATE FUNCTION odoo_events._page_table(language text, title text, statement text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  heading text := odoo_events._page_text(language, title);
  row     json;
  head    text;
  lines   text[] := '{}';
BEGIN
  FOR row IN SELECT r FROM odoo_events._page_rows(statement) r LOOP
    head := COALESCE(head, (SELECT string_agg('<th scope="col">' || odoo_events._html(replace(c.key, '_', ' ')) || '</th>', '' ORDER BY c.n)
                              FROM json_each(row) WITH ORDINALITY c(key, value, n)));
    lines := lines || (SELECT '<tr>' || string_agg(odoo_events._page_cell(c.key, c.value), '' ORDER BY c.n) || '</tr>'
                         FROM json_each(row) WITH ORDINALITY c(key, value, n));
  END LOOP;
  RETURN '<section aria-label="' || heading || '"><h2>' || heading || '</h2>'
      || CASE WHEN head IS NULL THEN '<p class="dim">' || odoo_events._page_text(language, 'nothing') || '</p>'
              ELSE '<div class="wide" tabindex="0"><table><thead><tr>' || head || '</tr></thead><tbody>' || array_to_string(lines, E'\n') || '</tbody></table></div>' END
      || odoo_events._page_statement(language, statement) || '</section>';
END $$;
COMMENT ON FUNCTION odoo_events._page_table(text, text, text) IS 'internal: a section of a page: a heading, what the statement answers, the statement';

-- A section with a curve.  The statement answers (at, value), oldest first.
CREATE FUNCTION odoo_events._page_curve(language text, title text, statement text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  heading text := odoo_events._page_text(language, title);
  curve   record;
BEGIN
  SELECT count(*) AS n, max(x.value) AS most, sum(x.value) AS total, min(x.at) AS since, max(x.at) AS until,
         string_agg(round((20 + 560 * (x.i - 1) / GREATEST(x.count - 1, 1))::numeric, 1) || ',' || round((90 - 75 * x.value / GREATEST(x.peak, 1))::numeric, 1), ' ' ORDER BY x.i) AS points
    INTO curve
    FROM (SELECT r.i, (r.row ->> 'value')::float8 AS value, r.row ->> 'at' AS at, count(*) OVER () AS count, max((r.row ->> 'value')::float8) OVER () AS peak
            FROM odoo_events._page_rows(statement) WITH ORDINALITY r(row, i)) x;
  RETURN '<section aria-label="' || heading || '"><h2>' || heading || '</h2>'
      || CASE WHEN curve.n = 0 THEN '<p class="dim">' || odoo_events._page_text(language, 'nothing') || '</p>'
              ELSE format('<svg viewBox="0 0 600 110" role="img" aria-label="%s: %s, %s - %s"><line class="axis" x1="20" y1="90" x2="580" y2="90"/><polyline class="curve" points="%s"/>'
                          '<text x="20" y="105">%s</text><text x="580" y="105" text-anchor="end">%s</text><text x="20" y="11">%s</text></svg>',
                          heading, curve.total, curve.since, curve.until, curve.points, replace(left(curve.since, 16), 'T', ' '), replace(left(curve.until, 16), 'T', ' '), curve.most) END
      || odoo_events._page_statement(language, statement) || '</section>';
END $$;
COMMENT ON FUNCTION odoo_events._page_curve(text, text, text) IS 'internal: a section of a page with a curve over time';

-- A section with a line per thing.  The statement answers (label, kind, at, until, good): spans and points in time, "good" decides the colour.
CREATE FUNCTION odoo_events._page_lines(language text, title text, statement text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  heading text := odoo_events._page_text(language, title);
  drawn   record;
BEGIN
  WITH r AS MATERIALIZED (SELECT x.i, x.row ->> 'label' AS label, x.row ->> 'kind' AS kind, (x.row ->> 'at')::timestamptz AS at,
                                 (x.row ->> 'until')::timestamptz AS until, (x.row ->> 'good')::boolean AS good
                            FROM odoo_events._page_rows(statement, 400) WITH ORDINALITY x(row, i)),
       f AS (SELECT min(r.at) AS since, GREATEST(max(COALESCE(r.until, r.at)), min(r.at) + interval '1 ms') AS until FROM r),
       l AS (SELECT r.label, row_number() OVER (ORDER BY min(r.i)) AS line FROM r GROUP BY r.label),
       p AS (SELECT r.*, l.line, 200 + 380 * extract(epoch FROM r.at - f.since) / extract(epoch FROM f.until - f.since) AS x1,
                    200 + 380 * extract(epoch FROM COALESCE(r.until, r.at) - f.since) / extract(epoch FROM f.until - f.since) AS x2
               FROM r JOIN l ON l.label = r.label, f)
  SELECT (SELECT count(*) FROM l) AS n, (SELECT f.since FROM f) AS since, (SELECT f.until FROM f) AS until,
         (SELECT string_agg(format('<text x="4" y="%s">%s</text>', l.line * 24, odoo_events._html(left(l.label, 30))), '' ORDER BY l.line) FROM l)
         || (SELECT string_agg(CASE WHEN p.until IS NOT NULL
               THEN format('<line class="%s" x1="%s" x2="%s" y1="%s" y2="%s"><title>%s</title></line>', CASE WHEN p.good IS NOT FALSE THEN 'span' ELSE 'span-bad' END,
                           round(p.x1, 1), round(GREATEST(p.x2, p.x1 + 1), 1), p.line * 24 - 4, p.line * 24 - 4, odoo_events._html(p.kind || ' ' || p.at || ' - ' || p.until))
               ELSE format('<circle class="%s" cx="%s" cy="%s" r="5"><title>%s</title></circle>', CASE WHEN p.good THEN 'dot-good' WHEN NOT p.good THEN 'dot-bad' ELSE 'dot' END,
                           round(p.x1, 1), p.line * 24 - 4, odoo_events._html(p.kind || ' ' || p.at)) END, '' ORDER BY p.i) FROM p) AS marks
    INTO drawn;
  RETURN '<section aria-label="' || heading || '"><h2>' || heading || '</h2>'
      || CASE WHEN drawn.n = 0 THEN '<p class="dim">' || odoo_events._page_text(language, 'nothing') || '</p>'
              ELSE format('<svg viewBox="0 0 600 %s" role="img" aria-label="%s: %s - %s">%s<text x="200" y="%s">%s</text><text x="580" y="%s" text-anchor="end">%s</text></svg>',
                          drawn.n * 24 + 24, heading, drawn.since, drawn.until, drawn.marks, drawn.n * 24 + 18, to_char(drawn.since, 'YYYY-MM-DD HH24:MI:SS'),
                          drawn.n * 24 + 18, to_char(drawn.until, 'YYYY-MM-DD HH24:MI:SS')) END
      || odoo_events._page_statement(language, statement) || '</section>';
END $$;
COMMENT ON FUNCTION odoo_events._page_lines(text, text, text) IS 'internal: a section of a page with a line of spans and points per thing';

-- A section with a cell per thing and hour.  The statement answers (name, hour, state, n), where n counts and state says how it went.
CREATE FUNCTION odoo_events._page_heat(language text, title text, statement text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  heading text := odoo_events._page_text(language, title);
  head    text;
  lines   text;
BEGIN
  WITH r AS MATERIALIZED (SELECT x.row ->> 'name' AS name, (x.row ->> 'hour')::timestamptz AS hour, x.row ->> 'state' AS state, x.row ->> 'n' AS n
                            FROM odoo_events._page_rows(statement, 1500) x(row)),
       h AS (SELECT DISTINCT r.hour FROM r),
       c AS (SELECT s.name, h.hour, COALESCE(min('<td class="n ' || odoo_events._page_mood(r.state) || '">' || r.n || CASE r.state WHEN 'ok' THEN '' ELSE ' <small>' || odoo_events._page_text(language, r.state) || '</small>' END || '</td>'), '<td></td>') AS cell
               FROM (SELECT DISTINCT r.name FROM r) s CROSS JOIN h LEFT JOIN r ON r.name = s.name AND r.hour = h.hour GROUP BY s.name, h.hour)
  SELECT (SELECT string_agg('<th scope="col">' || to_char(h.hour, 'HH24') || '</th>', '' ORDER BY h.hour) FROM h),
         (SELECT string_agg('<tr><th scope="row">' || odoo_events._html_value(x.name, 40) || '</th>' || x.cells || '</tr>', E'\n' ORDER BY x.name)
            FROM (SELECT c.name, string_agg(c.cell, '' ORDER BY c.hour) AS cells FROM c GROUP BY c.name) x)
    INTO head, lines;
  RETURN '<section aria-label="' || heading || '"><h2>' || heading || '</h2>'
      || CASE WHEN lines IS NULL THEN '<p class="dim">' || odoo_events._page_text(language, 'nothing') || '</p>'
              ELSE '<div class="wide" tabindex="0"><table><thead><tr><td></td>' || head || '</tr></thead><tbody>' || lines || '</tbody></table></div>' END
      || odoo_events._page_statement(language, statement) || '</section>';
END $$;
COMMENT ON FUNCTION odoo_events._page_heat(text, text, text) IS 'internal: a section of a page with a cell per thing and hour';

-- Positions of the outbox have no gaps and grow with the time of publishing, so a point in time is found in a few look-ups, however large the outbox.
CREATE FUNCTION odoo_events._position_at(at timestamptz) RETURNS int8
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  low  int8 := (SELECT min(o.position) FROM odoo_events.outbox_all o) - 1;
  high int8 := (SELECT max(o.position) FROM odoo_events.outbox_all o);
  half int8;
BEGIN
  WHILE low < high LOOP
    half := low + (high - low + 1) / 2;
    IF (SELECT o.recordedtime FROM odoo_events.outbox_all o WHERE o.position >= half ORDER BY o.position LIMIT 1) <= _position_at.at THEN
      low := half;
    ELSE
      high := half - 1;
    END IF;
  END LOOP;
  RETURN COALESCE(low, 0);
END $$;
COMMENT ON FUNCTION odoo_events._position_at(timestamptz) IS 'internal: position of the last event that was published until then; one before the first that is kept where there is none';

CREATE FUNCTION odoo_events.published(since timestamptz, until timestamptz, buckets int DEFAULT 48) RETURNS TABLE (at timestamptz, value int8)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT x.at, x.position - lag(x.position) OVER (ORDER BY x.at)
  FROM (SELECT since + (until - since) * i / buckets AS at, odoo_events._position_at(since + (until - since) * i / buckets) AS position
          FROM odoo_events._must_be_free('published') f, generate_series(0, buckets) i) x
 ORDER BY x.at OFFSET 1
$$;
COMMENT ON FUNCTION odoo_events.published(timestamptz, timestamptz, int) IS
'how many events were published in each part of a period, as far back as the outbox reaches; at: the end of the part';

-- Attempts are numbered as they are written, so hours are found like positions.  Of an hour with more than a thousand requests every k-th is read:
-- the counts are then estimates, and the page stays as fast.
CREATE FUNCTION odoo_events._attempt_at(at timestamptz) RETURNS int8
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  low  int8 := (SELECT LEAST((SELECT min(a.n) FROM odoo_events.attempt_0 a), (SELECT min(a.n) FROM odoo_events.attempt_1 a))) - 1;
  high int8 := (SELECT GREATEST((SELECT max(a.n) FROM odoo_events.attempt_0 a), (SELECT max(a.n) FROM odoo_events.attempt_1 a)));
  half int8;
BEGIN
  WHILE low < high LOOP
    half := low + (high - low + 1) / 2;
    IF (SELECT x.at FROM (SELECT * FROM odoo_events.attempt_0 UNION ALL SELECT * FROM odoo_events.attempt_1) x WHERE x.n >= half ORDER BY x.n LIMIT 1) <= _attempt_at.at THEN
      low := half;
    ELSE
      high := half - 1;
    END IF;
  END LOOP;
  RETURN low;
END $$;
COMMENT ON FUNCTION odoo_events._attempt_at(timestamptz) IS 'internal: number of the last attempt that began until then, about; null where none is kept';

CREATE FUNCTION odoo_events.requests(since timestamptz, until timestamptz) RETURNS TABLE (name text, hour timestamptz, state text, n int8, p50 numeric, p95 numeric)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
SELECT c.name, x.hour,
       CASE WHEN count(*) FILTER (WHERE NOT x.good AND COALESCE(x.status, 0) NOT BETWEEN 400 AND 499) * 10 > count(*) THEN 'failed'
            WHEN count(*) FILTER (WHERE NOT x.good) * 10 > count(*) THEN 'rejected'
            WHEN count(*) FILTER (WHERE x.duration > 2) * 10 > count(*) THEN 'slow' ELSE 'ok' END,
       sum(x.step)::int8,
       round(percentile_cont(0.5) WITHIN GROUP (ORDER BY x.duration)::numeric, 3), round(percentile_cont(0.95) WITHIN GROUP (ORDER BY x.duration)::numeric, 3)
  FROM (SELECT h.hour, h.step, a.subscription_id, a.duration, a.status, COALESCE(a.status BETWEEN 200 AND 299 OR a.status = ANY (COALESCE(s.success_statuses, '{}')), a.error IS NULL) AS good
          FROM (SELECT y.hour, y.first, y.last, GREATEST((y.last - y.first) / 1000, 1) AS step
                  FROM (SELECT t AS hour, odoo_events._attempt_at(GREATEST(t, since)) + 1 AS first, odoo_events._attempt_at(LEAST(t + interval '1 hour', until)) AS last
                          FROM generate_series(date_trunc('hour', since), until, interval '1 hour') t) y) h
               CROSS JOIN LATERAL generate_series(h.first, h.last, h.step) g(n)
               CROSS JOIN LATERAL (SELECT a.* FROM odoo_events.attempt_0 a WHERE a.n = g.n UNION ALL SELECT a.* FROM odoo_events.attempt_1 a WHERE a.n = g.n) a
               JOIN odoo_events.subscription_config s ON s.id = a.subscription_id
         WHERE odoo_events._sees((SELECT odoo_events._policies('{read,operate,approve}')), s.name, s.companies, s.warehouses)) x
       JOIN odoo_events.subscription_config c ON c.id = x.subscription_id
 WHERE (SELECT m.sees FROM odoo_events._my_policy m) IS NULL
    OR odoo_events._sees((SELECT m.sees FROM odoo_events._my_policy m), c.name, c.companies, c.warehouses)
 GROUP BY c.name, x.hour ORDER BY c.name, x.hour
$$;
COMMENT ON FUNCTION odoo_events.requests(timestamptz, timestamptz) IS
'requests per subscription and hour, durations in seconds; state: failed, rejected (4xx), slow (over 2 s) if more than a tenth were, else ok; n is an estimate beyond 1000 per hour';

-- The documents that a human means by a name, a key or an event's id.
CREATE FUNCTION odoo_events._page_keys(what text) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF what ~ '^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$' THEN
    RETURN QUERY SELECT o.partitionkey FROM odoo_events._traced(NULL, NULL, what::uuid, NULL) t JOIN odoo_events.outbox_all o ON o.position = t;
  ELSIF what ~ '^[a-z_]+:[0-9]+$' THEN
    RETURN NEXT what;
  ELSE
    RETURN QUERY SELECT * FROM odoo_events._documents_called(what);
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._page_keys(text) IS 'internal: keys of the documents that have this name, this key, or this event';

-- Times are shown in this zone: that of the warehouse's calendar, else the server's.
CREATE FUNCTION odoo_events._page_zone(warehouse_id int4) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT COALESCE((SELECT c.timezone FROM odoo_events.calendar_def c WHERE _page_zone.warehouse_id = ANY (c.warehouses)),
                (SELECT g.reset_val FROM pg_settings g WHERE g.name = 'TimeZone'), 'UTC')
$$;
COMMENT ON FUNCTION odoo_events._page_zone(int4) IS 'internal: the time zone that a page shows';

-- What each page shows, in order.  {since}, {until} and {what} are literals of the call, {recent} is the position from where on
-- the last 20,000 events are (a literal, so that the planner knows how few they are), {whose:x} are conditions of its company and warehouse on
-- x, for what has one.  "needs" is about callers under a policy: "read" where one has to let them read events, "all" where what is shown cannot be told apart by company and warehouse.
CREATE FUNCTION odoo_events._page_sections(role text) RETURNS TABLE (n int, kind text, title text, needs text, statement text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $page$
SELECT s.n, s.kind, s.title, s.needs, btrim(s.statement, E'\n') FROM (VALUES
 ('operations', 1, 'lamp', 'What needs attention', NULL, $$
SELECT h.status, h."check", h.detail, h.hint FROM odoo_events.health() h
 WHERE h.status <> 'ok' ORDER BY h.status, h."check" LIMIT 40$$),
 ('operations', 2, 'table', 'From capture to delivery', NULL, $$
SELECT w.state, w.publish_lag, s.name AS subscription, s.state AS delivery, s.lag_events, s.oldest_pending_age, s.delivered_total, s.failed_total
  FROM odoo_events.worker_status w LEFT JOIN odoo_events.subscription_status s ON true ORDER BY s.lag_events DESC NULLS LAST, s.name LIMIT 40$$),
 ('operations', 3, 'curve', 'Events published', 'all', $$
SELECT p.at, p.value FROM odoo_events.published({since}, {until}) p$$),
 ('operations', 4, 'table', 'Storage', 'all', $$
SELECT s.part, s.segments, pg_catalog.pg_size_pretty(s.bytes) AS size, s.oldest, s.held_by FROM odoo_events.storage s ORDER BY s.bytes DESC$$),
 ('operations', 5, 'table', 'Replication slots', 'all', $$
SELECT r.slot_name, r.active, r.wal_status, pg_catalog.pg_size_pretty(pg_catalog.pg_wal_lsn_diff(
         CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END, r.restart_lsn)) AS keeps
  FROM pg_catalog.pg_replication_slots r WHERE r.database = pg_catalog.current_database() OR r.database IS NULL ORDER BY r.slot_name$$),
 ('operations', 6, 'table', 'What expires within 90 days', NULL, $$
SELECT s.name AS subscription, s.expires_at FROM odoo_events.subscription_status s
 WHERE s.expires_at < pg_catalog.now() + interval '90 days' ORDER BY s.expires_at LIMIT 40$$),
 ('operations', 7, 'table', 'Last changes of the configuration', NULL, $$
SELECT a.at, a.who, a.what, a.object FROM odoo_events.audit_log a ORDER BY a.at DESC LIMIT 15$$),
 ('integration', 1, 'heat', 'Requests by subscription and hour', NULL, $$
SELECT r.name, r.hour, r.state, r.n FROM odoo_events.requests({since}, {until}) r$$),
 ('integration', 2, 'table', 'Subscriptions', NULL, $$
SELECT s.name, s.state, s.state_reason, c.owner, c.contact, s.p50, s.p95, s.lag_events, s.oldest_pending_age, s.blocked_keys, s.dead_letters, s.last_status
  FROM odoo_events.subscription_status s JOIN odoo_events.subscription c ON c.name = s.name ORDER BY s.lag_events DESC NULLS LAST, s.name LIMIT 60$$),
 ('integration', 3, 'table', 'What waits longest', NULL, $$
SELECT w.subscription, w.since, w.subject, w.type, w.state, w.attempts, w.next_attempt_at, w.last_error
  FROM odoo_events.waiting w ORDER BY w.since, w.position LIMIT 20$$),
 ('integration', 4, 'table', 'Dead letters by answer and type', NULL, $$
SELECT d.subscription, d.last_status AS answer, d.type, pg_catalog.count(*) AS n, pg_catalog.min(d.first_at) AS since, pg_catalog.max(d.last_error) AS last_error
  FROM odoo_events.dead_letter d GROUP BY d.subscription, d.last_status, d.type ORDER BY n DESC, d.subscription, d.type LIMIT 40$$),
 ('integration', 5, 'lines', 'The ten worst documents', 'read', $$
SELECT e.label, k.kind, k.at, k.until, k.good
  FROM (SELECT DISTINCT ON (o.partitionkey, w.subscription) o.subject || ' > ' || w.subscription AS label, o."time", o.recordedtime, w.next_attempt_at, w.since
          FROM odoo_events.waiting w JOIN odoo_events.outbox o ON o.position = w.position ORDER BY o.partitionkey, w.subscription, o.position) e
       CROSS JOIN LATERAL (VALUES ('waits', e.recordedtime, pg_catalog.now(), false), ('committed', e."time", NULL, NULL), ('published', e.recordedtime, NULL, true)) k(kind, at, until, good)
 WHERE e."time" IN (SELECT x."time" FROM odoo_events.waiting v JOIN odoo_events.outbox x ON x.position = v.position ORDER BY x.position LIMIT 10)
 ORDER BY e.since LIMIT 60$$),
 ('warehouse', 1, 'table', 'Promises at risk and broken', NULL, $$
SELECT x.due_at, x.state, x.sla, x.document, x.warehouse_id AS warehouse, odoo_events._promise_waits_for(x.id) AS waits_for
  FROM (SELECT p.* FROM odoo_events.promise p
         WHERE p.state IN ('at_risk', 'breached'){whose:p}
         ORDER BY p.due_at LIMIT 60) x ORDER BY x.due_at$$),
 ('warehouse', 2, 'table', 'Promises kept', NULL, $$
SELECT s.name AS sla, x.kept, x.broken, round(100.0 * x.kept / NULLIF(x.kept + x.broken, 0), 1) AS kept_percent, round(100 * s.objective, 1) AS objective_percent,
       round(100 - 100.0 * x.broken / NULLIF((x.kept + x.broken) * (1 - s.objective), 0)) AS error_budget_left_percent
  FROM odoo_events.sla s
       LEFT JOIN (SELECT y.sla, count(*) FILTER (WHERE y.state = 'met') AS kept, count(*) FILTER (WHERE y.state <> 'met') AS broken
                    FROM (SELECT p.sla, p.state FROM odoo_events.promise p WHERE p.state IN ('met', 'met_late') AND p.ended_at > {since}{whose:p}
                          UNION ALL SELECT p.sla, p.state FROM odoo_events.promise p WHERE p.state = 'breached'{whose:p}) y
                   GROUP BY y.sla) x ON x.sla = s.name
 ORDER BY s.name LIMIT 60$$),
 ('warehouse', 3, 'table', 'Cycle times', NULL, $$
SELECT c.sla, c.week, c.warehouse_id AS warehouse, c.n, c.p50, c.p90, c.p95, c.late
  FROM odoo_events.cycle_time c
 WHERE c.week > current_date - 84{whose:c}
 ORDER BY c.week DESC, c.sla, c.warehouse_id LIMIT 60$$),
 ('warehouse', 4, 'table', 'Shortages', 'read', $$
SELECT x."time" AS since, x.subject AS document, x.type
  FROM (SELECT DISTINCT ON (o.partitionkey) o."time", o.subject, o.type
          FROM odoo_events.outbox o
         WHERE o.position > {recent}
           AND (split_part(o.type, '.', 4) = ANY ('{components_short,components_available,goods_short,goods_available,completed,dispatched,cancelled,deleted}')
                OR split_part(o.type, '.', 3) = 'stock_level'){whose:o}
         ORDER BY o.partitionkey, o.position DESC) x
 WHERE split_part(x.type, '.', 4) = ANY ('{components_short,goods_short,depleted,went_negative}') ORDER BY x."time" LIMIT 60$$),
 ('warehouse', 5, 'table', 'Lots on hold', 'read', $$
SELECT x."time" AS since, x.subject AS lot
  FROM (SELECT DISTINCT ON (o.partitionkey) o."time", o.subject, o.type
          FROM odoo_events.outbox o
         WHERE o.position > {recent} AND o.type LIKE ANY ('{odoo.inventory.lot.held.v%,odoo.inventory.lot.released.v%}'){whose:o}
         ORDER BY o.partitionkey, o.position DESC) x
 WHERE x.type LIKE '%.held.v%' ORDER BY x."time" LIMIT 60$$),
 ('business', 1, 'table', 'Promises kept', NULL, $$
SELECT s.name AS sla, x.kept, x.broken, round(100.0 * x.kept / NULLIF(x.kept + x.broken, 0), 1) AS kept_percent, round(100 * s.objective, 1) AS objective_percent,
       round(100 - 100.0 * x.broken / NULLIF((x.kept + x.broken) * (1 - s.objective), 0)) AS error_budget_left_percent
  FROM odoo_events.sla s
       LEFT JOIN (SELECT y.sla, count(*) FILTER (WHERE y.state = 'met') AS kept, count(*) FILTER (WHERE y.state <> 'met') AS broken
                    FROM (SELECT p.sla, p.state FROM odoo_events.promise p WHERE p.state IN ('met', 'met_late') AND p.ended_at > {since}{whose:p}
                          UNION ALL SELECT p.sla, p.state FROM odoo_events.promise p WHERE p.state = 'breached'{whose:p}) y
                   GROUP BY y.sla) x ON x.sla = s.name
 ORDER BY s.name LIMIT 60$$),
 ('business', 2, 'curve', 'Kept week by week', NULL, $$
SELECT c.week::timestamptz AS at, round(100.0 * (sum(c.n) - sum(c.late)) / sum(c.n), 1) AS value
  FROM odoo_events.cycle_time c
 WHERE c.week > current_date - 84{whose:c}
 GROUP BY c.week ORDER BY c.week$$),
 ('business', 3, 'table', 'Cycle times', NULL, $$
SELECT c.sla, c.company_id AS company, c.warehouse_id AS warehouse, sum(c.n) AS n, sum(c.p50 * c.n) / sum(c.n) AS median_about, max(c.p95) AS worst_p95_of_a_week, sum(c.late) AS late
  FROM odoo_events.cycle_time c
 WHERE c.week > current_date - 84{whose:c}
 GROUP BY c.sla, c.company_id, c.warehouse_id ORDER BY c.sla, c.company_id, c.warehouse_id LIMIT 60$$),
 ('business', 4, 'table', 'Exceptions by cause', NULL, $$
SELECT e.layer, e.cause, COALESCE(e.sla, e.subscription) AS concerns, CASE WHEN e.sla IS NULL THEN e.count ELSE x.n END AS n, COALESCE(x.document, e.document) AS worst_document,
       COALESCE(x.since, e.since) AS since, e.owner, e.assigned_to
  FROM odoo_events.exception e CROSS JOIN LATERAL (
         SELECT count(*) AS n, min(p.due_at) AS since, (array_agg(p.document ORDER BY p.due_at, p.id))[1] AS document FROM odoo_events.promise p
          WHERE p.sla = e.sla AND p.state = 'breached'{whose:p}) x
 WHERE e.closed_at IS NULL AND (e.sla IS NULL OR x.n > 0) ORDER BY since LIMIT 40$$),
 ('business', 5, 'table', 'Changes that await approval', NULL, $$
SELECT p.id, p.at, p.who, p.function, p.statement FROM odoo_events.proposal p WHERE p.decided_at IS NULL ORDER BY p.id LIMIT 40$$),
 ('business', 6, 'table', 'Agreement with the former interface', 'all', $$
SELECT c.name AS comparison, c.day, c.n, c.same, round(100 * c.agreement, 2) AS agreement_percent, c.ready
  FROM odoo_events.comparison c ORDER BY c.day DESC, c.name LIMIT 40$$),
 ('document', 1, 'table', 'Verdict', NULL, $$
SELECT d.verdict, d.layer, d.since, d.due_at, d.owner, d.finding, d.next FROM odoo_events.diagnose({what}) d LIMIT 40$$),
 ('document', 2, 'lines', 'Time line', NULL, $$
SELECT COALESCE(t.subscription, 'Odoo') AS label, t.step || ' ' || COALESCE(t.type, '') AS kind, t.at, NULL::timestamptz AS until,
       CASE WHEN t.step LIKE 'attempt %' THEN COALESCE(t.detail ~ '^(2[0-9][0-9]|after) ', false) WHEN t.step = 'acknowledged' THEN true WHEN t.step IN ('dead letter', 'quarantined') THEN false END AS good
  FROM odoo_events._page_keys({what}) k, odoo_events.trace(key => k) t WHERE t.at IS NOT NULL ORDER BY t.subscription NULLS FIRST, t.at LIMIT 400$$),
 ('document', 3, 'table', 'Every step', NULL, $$
SELECT t.at, t.step, t.type, t.subscription, t.detail
  FROM odoo_events._page_keys({what}) k, odoo_events.trace(key => k) t ORDER BY t.at DESC NULLS LAST LIMIT 100$$)
) s(role, n, kind, title, needs, statement) WHERE s.role = _page_sections.role
$page$;
COMMENT ON FUNCTION odoo_events._page_sections(text) IS 'internal: the sections of a page: how they are drawn and the statement that they show';

CREATE FUNCTION odoo_events._page_left_out(language text, title text, why text, statement text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT '<section aria-label="' || t || '"><h2>' || t || '</h2><p class="warn">' || odoo_events._page_text(language, why) || '</p>' || odoo_events._page_statement(language, statement) || '</section>'
  FROM odoo_events._page_text(language, title) t
$$;
COMMENT ON FUNCTION odoo_events._page_left_out(text, text, text, text) IS 'internal: a section of a page that cannot be shown, and why';

CREATE FUNCTION odoo_events._page_section(language text, kind text, title text, needs text, statement text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  section text;
BEGIN
  IF needs = 'all' AND odoo_events._policies(NULL) IS NOT NULL THEN
    RETURN odoo_events._page_left_out(language, title, 'left out: it is about everything, and a policy restricts you', statement);
  ELSIF needs = 'read' AND odoo_events._policies('{read}') = '[]' THEN
    RETURN odoo_events._page_left_out(language, title, 'left out: no policy of yours lets you read events', statement);
  END IF;
  CASE kind
    WHEN 'curve' THEN RETURN odoo_events._page_curve(language, title, statement);
    WHEN 'lines' THEN RETURN odoo_events._page_lines(language, title, statement);
    WHEN 'heat' THEN RETURN odoo_events._page_heat(language, title, statement);
    ELSE section := odoo_events._page_table(language, title, statement);
  END CASE;
  -- the lamp shows the worst of what the table shows
  IF kind = 'lamp' THEN
    section := CASE WHEN section LIKE '%<td class="b bad">%' THEN '<p class="lamp bad">' || odoo_events._page_text(language, 'needs help now')
                    WHEN section LIKE '%<td class="b warn">%' THEN '<p class="lamp warn">' || odoo_events._page_text(language, 'needs a look')
                    ELSE '<p class="lamp good">' || odoo_events._page_text(language, 'all is well') END || E'</p>\n' || section;
  END IF;
  RETURN section;
EXCEPTION WHEN lock_not_available THEN
  RETURN odoo_events._page_left_out(language, title, 'cannot be shown: another session locks what it reads', statement);
END $$;
COMMENT ON FUNCTION odoo_events._page_section(text, text, text, text, text) IS 'internal: one section of a page; it does not wait for locks';

CREATE FUNCTION odoo_events._page_title(role text, OUT title text, OUT question text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
SELECT t.title, t.question
  FROM (VALUES ('operations', 'Operations', 'Does the machine run?'), ('integration', 'Integration', 'Which partner, which document?'),
               ('warehouse', 'Warehouse', 'What is late at my dock?'), ('business', 'Business', 'Do we keep what we promised?'),
               ('document', 'Document', 'Where is this one?')) t(role, title, question)
 WHERE t.role = _page_title.role
$$;
COMMENT ON FUNCTION odoo_events._page_title(text) IS 'internal: title and question of a page; nulls where there is no such page';

CREATE FUNCTION odoo_events._page_check(role text, period interval, company_id int4, warehouse_id int4, what text, language text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF (SELECT t.title FROM odoo_events._page_title(role) t) IS NULL THEN
    RAISE EXCEPTION 'there is no page "%" (argument "role")', role USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.page(''operations'');  -- or integration, warehouse, business, document';
  ELSIF role NOT IN ('warehouse', 'business') AND num_nonnulls(company_id, warehouse_id) > 0 THEN
    RAISE EXCEPTION 'page "%" shows all companies and warehouses: argument "%" has no effect', role, CASE WHEN company_id IS NULL THEN 'warehouse_id' ELSE 'company_id' END
      USING ERRCODE = 'invalid_parameter_value', HINT = 'SELECT odoo_events.page(''warehouse'', warehouse_id => 1);';
  ELSIF period IS NULL OR period <= interval '0' OR period > interval '92 days' THEN
    RAISE EXCEPTION 'argument "period" is %: a page covers more than nothing and at most 92 days', period USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.page(period => ''24 h'');';
  ELSIF role = 'document' AND COALESCE(what, '') = '' THEN
    RAISE EXCEPTION 'argument "what" says no document' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'SELECT odoo_events.page(''document'', what => ''transfer:1'');  -- or the document''s name, or an event''s id';
  ELSIF language IS NOT NULL AND language <> 'en' AND NOT odoo_events._page_texts() ? language THEN
    RAISE EXCEPTION 'argument "language" is "%": pages speak %', language, 'en, ' || (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(odoo_events._page_texts()) k)
      USING ERRCODE = 'invalid_parameter_value', HINT = 'SELECT odoo_events.page(language => ''en'');';
  END IF;
END $$;
COMMENT ON FUNCTION odoo_events._page_check(text, interval, int4, int4, text, text) IS 'internal: raises what is wrong with the arguments of page()';

CREATE FUNCTION odoo_events.page(role text DEFAULT 'operations', period interval DEFAULT '24 h', company_id int4 DEFAULT NULL, warehouse_id int4 DEFAULT NULL,
                                 what text DEFAULT NULL, language text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off SET lock_timeout = '500ms' SET timezone = 'UTC' SET datestyle = 'ISO' SET intervalstyle = 'postgres' AS $$
DECLARE
  spoken text := COALESCE(page.language, 'en');
  zone   text := odoo_events._page_zone(page.warehouse_id);
  recent int8 := GREATEST(COALESCE((SELECT max(o.position) FROM odoo_events.outbox_all o), 0) - 20000, 0);
  whose  text := concat(' AND COALESCE(\1.company_id = ' || page.company_id || ', true)', ' AND COALESCE(\1.warehouse_id = ' || page.warehouse_id || ', true)');
  titles record;
  body   text;
BEGIN
  PERFORM odoo_events._page_check(page.role, page.period, page.company_id, page.warehouse_id, page.what, page.language);
  PERFORM set_config('TimeZone', zone, true);           -- until the end of this function, because of its SET clause
  SELECT * INTO titles FROM odoo_events._page_title(page.role);
  SELECT string_agg(odoo_events._page_section(spoken, s.kind, s.title, s.needs,
           replace(replace(replace(replace(regexp_replace(s.statement, '[{]whose:(\w)[}]', whose, 'g'), '{recent}', recent::text),
             '{since}', 'timestamptz ' || quote_literal(now() - page.period)), '{until}', 'timestamptz ' || quote_literal(now())), '{what}', COALESCE(quote_literal(page.what), 'NULL'))),
           E'\n' ORDER BY s.n)
    INTO body FROM odoo_events._page_sections(page.role) s;
  RETURN odoo_events._page_document(spoken, concat_ws(' - ', COALESCE(odoo_events._page_texts() -> spoken ->> titles.title, titles.title), left(regexp_replace(page.what, '[^[:alnum:]/_.: -]', '', 'g'), 30), left(current_database(), 20)),
    '<header><h1>' || odoo_events._page_text(spoken, titles.title) || COALESCE(': ' || odoo_events._html_value(page.what, 80), '') || '</h1><p class="sub">'
    || odoo_events._page_text(spoken, titles.question) || ' '
    || COALESCE(odoo_events._page_text(spoken, 'company') || ' ' || page.company_id || ', ', '') || COALESCE(odoo_events._page_text(spoken, 'warehouse') || ' ' || page.warehouse_id || ', ', '') || odoo_events._html_value(current_database(), 40) || ', '
    || odoo_events._page_text(spoken, 'made at') || ' <time datetime="' || to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || '">' || to_char(now(), 'YYYY-MM-DD HH24:MI') || '</time> ('
    || odoo_events._page_text(spoken, 'times in') || ' ' || odoo_events._html(zone) || '), '
    || odoo_events._page_text(spoken, 'period') || ' ' || odoo_events._html(page.period::text)
    || E'</p></header>\n<main>\n' || body || E'\n</main>');
END $$;
COMMENT ON FUNCTION odoo_events.page(text, interval, int4, int4, text, text) IS
'one HTML document for a role (operations, integration, warehouse, business, document): no script, nothing loaded from elsewhere; each figure has its statement; '
'period: at most 92 days; company_id, warehouse_id: only for warehouse and business; within the caller''s policy; '
'what: the document, for role document; language: en, de or fr';
