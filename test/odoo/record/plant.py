"""A plant: two warehouses, one of them with all steps, products by quantity, lot and serial, a bill of materials, people, money."""


def run(s):
    s.flow = 'setup'
    with s.step('company') as env:
        env['account.chart.template'].try_loading('generic_coa', env.company, install_demo=False)
    with s.step('settings') as env:
        values = {f: True for f in ('group_stock_multi_locations', 'group_stock_adv_location', 'group_stock_production_lot', 'group_stock_tracking_lot',
                                    'group_stock_sign_delivery', 'group_mrp_routings', 'group_mrp_byproducts', 'group_analytic_accounting')
                  if f in env['res.config.settings']._fields}
        env['res.config.settings'].create(values).execute()
    with s.step('olga') as env:
        env['res.users'].create({'name': 'Olga Operator', 'login': 'olga', 'group_ids': [(4, env.ref(g).id) for g in
                                 ('base.group_user', 'stock.group_stock_user', 'mrp.group_mrp_user', 'maintenance.group_equipment_manager')]})
    with s.step('data') as env:
        def product(code, name, **kw):
            kw.setdefault('is_storable', True)
            return env['product.product'].create({'name': name, 'default_code': code, 'type': 'consu', 'list_price': 30, 'standard_price': 10, **kw})
        steel, bolt = product('RAW-STEEL', 'Steel Sheet'), product('RAW-BOLT', 'Bolt M8', standard_price=0.1)
        chem = product('CHEM-LOT', 'Sealant (lot)', tracking='lot')
        pump = product('FG-PUMP', 'Pump (lot)', tracking='lot', list_price=400)
        product('TR-0', 'Trade item', barcode='4006381333931'), product('TR-1', 'Trade item 1'), product('RAW-RARE', 'Rare Part (short)')
        product('SP-SEAL', 'Seal'), product('SP-MOTOR', 'Motor')
        product('SRV-LAND', 'Freight', type='service', is_storable=False, **({'landed_cost_ok': True} if 'landed_cost_ok' in env['product.product']._fields else {}))
        for name in ('Alpha', 'Beta'):
            env['res.partner'].create({'name': 'Customer ' + name, 'ref': 'REF-' + name.upper(), 'is_company': True, 'email': name.lower() + '@example.com', 'city': 'Lyon'})
        env['res.partner'].create({'name': 'Vendor Gamma', 'ref': 'REF-GAMMA', 'is_company': True, 'email': 'gamma@example.com'})
        north = env['stock.warehouse'].create({'name': 'Plant North', 'code': 'NORTH', 'reception_steps': 'three_steps', 'delivery_steps': 'pick_pack_ship'})
        center = env['mrp.workcenter'].create({'name': 'Assembly', 'code': 'ASM'})
        test = env['mrp.workcenter'].create({'name': 'Test bench', 'code': 'TST'})
        env['mrp.bom'].create({'product_tmpl_id': pump.product_tmpl_id.id, 'code': 'PUMP-1', 'product_qty': 1,
                               'bom_line_ids': [(0, 0, {'product_id': p.id, 'product_qty': q}) for p, q in ((steel, 2), (bolt, 6), (chem, 1))],
                               'operation_ids': [(0, 0, {'name': n, 'workcenter_id': c.id, 'time_cycle_manual': 10}) for n, c in (('Assemble', center), ('Test', test))]})
        category = env['maintenance.equipment.category'].create({'name': 'Presses'})
        env['maintenance.equipment'].create({'name': 'Press 1', 'serial_no': 'P-001', 'category_id': category.id})
        carrier = env['product.product'].create({'name': 'Express', 'type': 'service'})
        env['delivery.carrier'].create({'name': 'Express', 'product_id': carrier.id, 'fixed_price': 9})
        plan = env['account.analytic.plan'].search([], limit=1) or env['account.analytic.plan'].create({'name': 'Plants'})
        env['account.analytic.account'].create({'name': 'Plant North', 'code': 'PN', 'plan_id': plan.id})
        main = env['stock.warehouse'].search([('id', '!=', north.id)], limit=1)
        lots = {p: env['stock.lot'].create({'name': n, 'product_id': p.id}) for p, n in ((chem, 'CH-001'), (pump, 'PU-001'))}
        for p in env['product.product'].search([('is_storable', '=', True)]):
            for warehouse in (main, north):
                env['stock.quant'].with_context(inventory_mode=True).create({
                    'product_id': p.id, 'location_id': warehouse.lot_stock_id.id, 'lot_id': lots[p].id if p in lots else False,
                    'inventory_quantity': 3 if p.default_code == 'RAW-RARE' else 500}).action_apply_inventory()
