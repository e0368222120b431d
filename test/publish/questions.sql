-- The ten questions of docs/odoo.md, answered from events alone and from Odoo's tables at the end of the recording.  What differs is
-- printed, as question, thing, answer of the events, answer of Odoo.
CREATE TABLE heard AS SELECT position, entity, record_id::int AS id, split_part(type, '.', 3) AS kind, split_part(type, '.', 4) AS verb, event::jsonb -> 'data' AS data FROM odoo_events.outbox;
CREATE INDEX ON heard (entity, id, position);
ANALYZE heard;
CREATE FUNCTION answers(question text) RETURNS TABLE (thing text, told text, odoo text) LANGUAGE plpgsql AS $$
BEGIN
  CASE question
  WHEN 'may I start picking' THEN RETURN QUERY
    SELECT p.name::text, h.answer, CASE WHEN p.state = 'assigned' THEN CASE WHEN bool_and(m.state = 'assigned') THEN 'full' ELSE 'partial' END ELSE 'no' END
      FROM stock_picking p JOIN stock_move m ON m.picking_id = p.id AND m.state NOT IN ('cancel', 'done') JOIN stock_location f ON f.id = p.location_id AND f.usage = 'internal',
    LATERAL (SELECT CASE WHEN x.verb IN ('ready', 'goods_short', 'goods_available') THEN x.data #>> '{transfer,reservation}' ELSE 'no' END AS answer FROM heard x
              WHERE x.entity = 'transfer' AND x.id = p.id AND x.verb IN ('confirmed', 'ready', 'goods_short', 'goods_available', 'unreserved', 'emptied', 'cancelled', 'dispatched', 'completed')
              ORDER BY x.position DESC LIMIT 1) h
     WHERE p.state IN ('waiting', 'confirmed', 'assigned') GROUP BY p.id, p.name, p.state, h.answer;
  WHEN 'how many of a lot left the house' THEN RETURN QUERY
    SELECT coalesce(a.lot, b.lot), a.n::text, b.n::text
      FROM (SELECT l #>> '{lot,id}' AS lot, trim_scale(sum((l ->> 'quantity')::numeric * CASE WHEN h.verb = 'returned' THEN -1 ELSE 1 END)) AS n
              FROM (SELECT DISTINCT ON (h.id) h.verb, h.data -> 'lines' AS lines, h.data #>> '{stock_move,to,usage}' AS dest, h.data #>> '{stock_move,from,usage}' AS source
                      FROM (SELECT x.*, (SELECT y.verb FROM heard y WHERE y.entity = 'stock_move' AND y.id = x.id AND y.verb IN ('shipped', 'dropshipped', 'returned')) AS first_verb FROM heard x WHERE x.entity = 'stock_move') h
                     WHERE h.first_verb IS NOT NULL AND h.verb IN ('shipped', 'dropshipped', 'returned', 'corrected') ORDER BY h.id, h.position DESC) h,
              LATERAL jsonb_array_elements(h.lines) l
             WHERE (h.dest = 'customer' OR h.source = 'customer') AND l ? 'lot' GROUP BY 1) a
      FULL JOIN (SELECT d.lot_id::text AS lot, trim_scale(sum(coalesce((to_jsonb(d) ->> 'quantity')::numeric, (to_jsonb(d) ->> 'qty_done')::numeric) * CASE WHEN t.usage = 'customer' THEN 1 ELSE -1 END)) AS n
                   FROM stock_move_line d JOIN stock_location f ON f.id = d.location_id JOIN stock_location t ON t.id = d.location_dest_id
                  WHERE d.state = 'done' AND d.lot_id IS NOT NULL AND 'customer' IN (f.usage, t.usage) GROUP BY 1) b USING (lot);
  WHEN 'is the sales order complete' THEN RETURN QUERY
    SELECT o.name::text, (h.data #>> '{sales_order,complete}')::text, bool_and(l.qty_delivered >= l.product_uom_qty)::text
      FROM sale_order o JOIN sale_order_line l ON l.order_id = o.id AND l.display_type IS NULL AND NOT coalesce((to_jsonb(l) ->> 'is_delivery')::boolean, false) AND NOT coalesce(l.is_downpayment, false),
    LATERAL (SELECT x.data FROM heard x WHERE x.entity = 'sales_order' AND x.id = o.id AND x.data -> 'sales_order' ? 'complete' ORDER BY x.position DESC LIMIT 1) h
     WHERE o.state IN ('sale', 'done') GROUP BY o.id, o.name, h.data;
  WHEN 'has all arrived that we ordered' THEN RETURN QUERY
    SELECT o.name::text, (h.data #>> '{purchase_order,complete}')::text, bool_and(l.qty_received >= l.product_qty)::text
      FROM purchase_order o JOIN purchase_order_line l ON l.order_id = o.id AND l.display_type IS NULL,
    LATERAL (SELECT x.data FROM heard x WHERE x.entity = 'purchase_order' AND x.id = o.id AND x.data -> 'purchase_order' ? 'complete' ORDER BY x.position DESC LIMIT 1) h
     WHERE o.state IN ('purchase', 'done') GROUP BY o.id, o.name, h.data;
  WHEN 'which lots went into a product' THEN RETURN QUERY
    SELECT coalesce(a.line, b.line), a.into_lines, b.into_lines
      FROM (SELECT d ->> 'id' AS line, string_agg(w ->> 'id', ',' ORDER BY w ->> 'id') AS into_lines FROM heard h, jsonb_array_elements(h.data -> 'lines') c, jsonb_array_elements(c -> 'lines') d, jsonb_array_elements(d -> 'went_into') w
             WHERE h.entity = 'manufacturing_order' AND h.verb = 'completed' AND c ->> 'part' = 'component' GROUP BY 1) a
      FULL JOIN (SELECT r.produce_line_id::text AS line, string_agg(r.consume_line_id::text, ',' ORDER BY r.consume_line_id::text) AS into_lines FROM stock_move_line_consume_rel r JOIN stock_move_line d ON d.id = r.produce_line_id
                   JOIN stock_move m ON m.id = d.move_id AND m.raw_material_production_id IS NOT NULL AND m.state = 'done' GROUP BY 1) b USING (line);
  WHEN 'does the machine stand still' THEN RETURN QUERY
    SELECT w.id::text, coalesce((SELECT h.verb FROM heard h WHERE h.entity = 'work_center' AND h.id = w.id ORDER BY h.position DESC LIMIT 1), 'unblocked'), CASE WHEN w.working_state = 'blocked' THEN 'blocked' ELSE 'unblocked' END FROM mrp_workcenter w;
  WHEN 'where do I ship it' THEN RETURN QUERY
    SELECT p.name::text, h.data #>> '{transfer,address,id}', p.partner_id::text FROM stock_picking p,
    LATERAL (SELECT x.data FROM heard x WHERE x.entity = 'transfer' AND x.id = p.id AND x.kind = 'shipment' AND x.data -> 'transfer' ? 'address' ORDER BY x.position DESC LIMIT 1) h;
  WHEN 'when will it come' THEN RETURN QUERY
    SELECT o.name || ' ' || l.id, (SELECT x ->> 'planned_date' FROM heard h, jsonb_array_elements(h.data -> 'lines') x WHERE h.entity = 'purchase_order' AND h.id = o.id AND (x ->> 'id')::int = l.id ORDER BY h.position DESC LIMIT 1),
           to_char(l.date_planned, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
      FROM purchase_order o JOIN purchase_order_line l ON l.order_id = o.id AND l.display_type IS NULL WHERE o.state IN ('purchase', 'done');
  WHEN 'where is the pallet with this SSCC' THEN RETURN QUERY EXECUTE format($q$
    SELECT p.id || ' ' || p.name, coalesce(n.told, p.name) || ' ' || coalesce(h.told, '-'), p.name || ' ' || coalesce(p.location_id::text, '-') FROM %I p
      LEFT JOIN LATERAL (SELECT CASE WHEN x.verb = 'moved' THEN x.data #>> '{package,location,id}' END AS told FROM heard x WHERE x.entity = 'package' AND x.id = p.id AND x.verb IN ('moved', 'emptied') ORDER BY x.position DESC LIMIT 1) h ON true
      LEFT JOIN LATERAL (SELECT x.data #>> '{package,name}' AS told FROM heard x WHERE x.entity = 'package' AND x.id = p.id ORDER BY x.position DESC LIMIT 1) n ON true$q$,
    coalesce(to_regclass('stock_package'), to_regclass('stock_quant_package')));
  WHEN 'what is this movement worth' THEN
    IF to_regclass('stock_valuation_layer') IS NULL THEN RETURN QUERY EXECUTE $q$
      SELECT m.id::text, trim_scale((h.data #>> '{valuation,value}')::numeric)::text, trim_scale(m.value)::text FROM stock_move m,
      LATERAL (SELECT x.data FROM heard x WHERE x.kind = 'valuation' AND x.id = m.id AND x.data #>> '{valuation,source}' = 'stock_move' ORDER BY x.position DESC LIMIT 1) h WHERE m.state = 'done'$q$;
    ELSE RETURN QUERY EXECUTE $q$
      SELECT v.stock_move_id::text, trim_scale(a.n)::text, trim_scale(sum(v.value))::text FROM stock_valuation_layer v
        JOIN (SELECT (x.data #>> '{valuation,stock_move,id}')::int AS move, sum((x.data #>> '{valuation,value}')::numeric) AS n FROM heard x WHERE x.kind = 'valuation' AND x.data #>> '{valuation,source}' = 'valuation_layer' GROUP BY 1) a ON a.move = v.stock_move_id
       GROUP BY 1, a.n$q$;
    END IF;
  END CASE;
END $$;
SELECT q || ': ' || CASE WHEN count(a.thing) > 0 THEN 'answered' ELSE 'nothing asked' END, string_agg(concat_ws(' ', a.thing, coalesce(a.told, 'null'), coalesce(a.odoo, 'null')), '; ' ORDER BY a.thing) FILTER (WHERE a.told IS DISTINCT FROM a.odoo)
  FROM unnest('{may I start picking,how many of a lot left the house,is the sales order complete,has all arrived that we ordered,where is the pallet with this SSCC,which lots went into a product,does the machine stand still,where do I ship it,what is this movement worth,when will it come}'::text[]) WITH ORDINALITY u(q, n)
  LEFT JOIN LATERAL answers(q) a ON true GROUP BY q, n ORDER BY n;
