-- catalog_epcis: business step and disposition of EPCIS 2.0 (Core Business Vocabulary) that an event stands for.
UPDATE odoo_events.event_def d SET epcis_bizstep = v.bizstep, epcis_disposition = v.disposition
  FROM (VALUES
  ('inventory.stock_move.scrapped', 'destroying', 'destroyed'), ('inventory.scrap.posted', 'destroying', 'destroyed'),
  ('inventory.stock_move.unbuilt', 'disassembling', 'in_progress'), ('manufacturing.unbuild_order.completed', 'disassembling', 'in_progress'),
  ('inventory.stock_move.used_in_repair', 'installing', 'in_progress'), ('inventory.stock_move.removed_in_repair', 'removing', 'disposed'),
  ('inventory.stock_move.recovered_in_repair', 'removing', 'available'), ('inventory.stock_move.repaired', 'repairing', 'available'),
  ('inventory.stock_move.consumed', 'assembling', 'in_progress'), ('inventory.stock_move.produced', 'commissioning', 'active'),
  ('inventory.stock_move.byproduct_produced', 'commissioning', 'active'), ('inventory.stock_move.relocated', 'storing', 'available'),
  ('inventory.stock_move.adjusted', 'cycle_counting', NULL), ('inventory.stock_move.corrected', 'stock_taking', NULL),
  ('inventory.stock_move.returned', NULL, 'returned'), ('inventory.stock_move.received', 'receiving', 'in_progress'),
  ('inventory.stock_move.shipped', 'shipping', 'in_transit'), ('inventory.stock_move.dropshipped', 'shipping', 'in_transit'),
  ('inventory.stock_move.issued', 'dispensing', 'dispensed'), ('inventory.stock_move.recovered', 'stocking', 'available'),
  ('inventory.stock_move.transferred', 'storing', NULL), ('inventory.stock_move.reserved', 'reserving', 'reserved'),
  ('inventory.stock_move.partially_reserved', 'reserving', 'reserved'), ('inventory.stock_move.unreserved', NULL, 'available'),
  ('inventory.lot.created', 'commissioning', 'active'), ('inventory.lot.held', 'holding', 'non_sellable_other'), ('inventory.lot.released', 'inspecting', 'conformant'),
  ('inventory.package.created', 'commissioning', 'active'), ('inventory.package.moved', 'storing', NULL), ('inventory.package.nested', 'packing', 'in_progress'),
  ('inventory.package.unnested', 'unpacking', 'in_progress'), ('inventory.package.emptied', 'unpacking', 'container_open'), ('inventory.stock_move.counted', 'cycle_counting', NULL),
  ('inventory.stock_level.replenished', NULL, 'available'), ('inventory.stock_level.depleted', NULL, 'unavailable'),
  ('logistics.shipment.ready', 'staging_outbound', 'reserved'), ('logistics.shipment.dispatched', 'shipping', 'in_transit'),
  ('logistics.shipment.delivery_proven', 'accepting', NULL), ('logistics.dropship.dispatched', 'shipping', 'in_transit'),
  ('logistics.dropship.delivery_proven', 'accepting', NULL), ('logistics.vendor_return.dispatched', 'shipping', 'returned'),
  ('logistics.customer_return.received', 'receiving', 'returned'), ('logistics.receipt.received', 'receiving', 'in_progress'),
  ('logistics.pick.completed', 'picking', 'in_progress'), ('logistics.pack.completed', 'packing', 'in_progress'),
  ('logistics.transfer.completed', 'storing', NULL), ('logistics.transfer_batch.started', 'picking', 'in_progress'),
  ('logistics.transfer_batch.completed', 'picking', 'in_progress'), ('quality.quality_alert.closed', 'inspecting', NULL),
  ('manufacturing.manufacturing_order.started', 'assembling', 'in_progress'), ('manufacturing.manufacturing_order.completed', 'commissioning', 'active'),
  ('manufacturing.work_order.started', 'assembling', 'in_progress'), ('manufacturing.work_order.resumed', 'assembling', 'in_progress'),
  ('manufacturing.work_order.progressed', 'assembling', 'in_progress'), ('manufacturing.work_order.completed', 'assembling', 'in_progress'),
  ('repair.repair_order.started', 'repairing', 'in_progress'), ('repair.repair_order.completed', 'repairing', 'available'),
  ('quality.quality_check.passed', 'inspecting', 'conformant'), ('quality.quality_check.failed', 'inspecting', 'non_conformant'),
  ('maintenance.equipment.scrapped', 'decommissioning', 'inactive')
  ) AS v (type, bizstep, disposition)
 WHERE d.type OPERATOR(pg_catalog.=) pg_catalog.format('odoo.%s.v1', v.type);
