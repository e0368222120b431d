"""Every kind of transfer through all that can happen to it: made by hand, changed, delayed, shipped in part, cancelled, deleted."""
import base64
from datetime import datetime, timedelta

DAY = datetime(2026, 12, 1, 8)
PNG = base64.b64encode(base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='))


def finish(env, picking, backorder=True):
    """Validates, and answers the question about the backorder."""
    action = picking.button_validate()
    if isinstance(action, dict) and action.get('res_model') == 'stock.backorder.confirmation':
        wizard = env['stock.backorder.confirmation'].with_context(**action['context']).create({})
        return wizard.process() if backorder else wizard.process_cancel_backorder()
    return action


def kinds(env):
    main, north = env['stock.warehouse'].search([], order='id', limit=2)
    supplier, customer = env.ref('stock.stock_location_suppliers'), env.ref('stock.stock_location_customers')
    dropship = env['stock.picking.type'].search([('code', '=', 'dropship'), ('company_id', '=', 1)], limit=1)
    return {
        'receipt': (main.in_type_id, supplier, main.lot_stock_id),
        'shipment': (main.out_type_id, main.lot_stock_id, customer),
        'dropship': (dropship, supplier, customer),
        'customer_return': (main.in_type_id, customer, main.lot_stock_id),
        'vendor_return': (main.out_type_id, main.lot_stock_id, supplier),
        'pick': (north.pick_type_id, north.lot_stock_id, north.pick_type_id.default_location_dest_id),
        'pack': (north.pack_type_id, north.lot_stock_id, north.pack_type_id.default_location_dest_id),
        'transfer': (main.int_type_id, main.lot_stock_id, main.lot_stock_id),
    }


def make(env, kind, quantity=10, code='TR-0'):
    picking_type, source, target = kinds(env)[kind]
    product = env['product.product'].search([('default_code', '=', code)])
    return env['stock.picking'].create({
        'picking_type_id': picking_type.id, 'location_id': source.id, 'location_dest_id': target.id, 'partner_id': env['res.partner'].search([('ref', '=', 'REF-ALPHA')]).id,
        'scheduled_date': DAY, 'origin': 'by hand',
        'move_ids': [(0, 0, {'product_id': product.id, 'product_uom_qty': quantity, 'location_id': source.id, 'location_dest_id': target.id, 'date': DAY,
                             **({'name': product.name} if 'name' in env['stock.move']._fields else {})})]})


def run(s):
    with s.step('kinds') as env:
        every = list(kinds(env))
    for kind in every:
        s.flow = 't ' + kind
        with s.step('made by hand, a draft') as env:
            pick = make(env, kind).id

        def at(env):
            return env['stock.picking'].browse(pick)
        with s.step('marked as to do') as env:
            at(env).action_confirm()
        with s.step('availability checked') as env:
            if at(env).state != 'assigned':
                at(env).action_assign()
        with s.step('demand 10 -> 8') as env:
            at(env).move_ids.product_uom_qty = 8
        with s.step('a line added') as env:
            move = at(env).move_ids[0]
            other = env['product.product'].search([('default_code', '=', 'TR-1')])
            at(env).move_ids = [(0, 0, {'product_id': other.id, 'product_uom_qty': 2, 'additional': True, 'location_id': move.location_id.id, 'location_dest_id': move.location_dest_id.id})]
        with s.step('promised for the 5th') as env:
            at(env).move_ids.date_deadline = DAY + timedelta(days=4)
        with s.step('scheduled for the 10th: too late') as env:
            at(env).scheduled_date = DAY + timedelta(days=9)
        with s.step('scheduled for the 3rd: in time again') as env:
            at(env).scheduled_date = DAY + timedelta(days=2)
        with s.step('carrier chosen') as env:
            at(env).carrier_id = env['delivery.carrier'].search([('name', '=', 'Express')])
        with s.step('tracking number') as env:
            at(env).carrier_tracking_ref = 'TRK-' + kind
        with s.step('label, as carriers attach it') as env:
            at(env).message_post(body='Shipment created', attachments=[('LabelShipping-TRK.pdf', b'%PDF-1.4 label')])
        with s.step('unreserved') as env:
            at(env).do_unreserve()
        with s.step('reserved again') as env:
            at(env).action_assign()
        with s.step('3 of 8 done, the rest a backorder') as env:
            moves = at(env).move_ids
            for m in moves:
                m.quantity = 3 if m.product_id.default_code == 'TR-0' else 2
                m.picked = True
            finish(env, at(env))
        with s.step('signed') as env:
            type(env['ir.actions.report'])._render_qweb_pdf = lambda *args, **kw: (b'%PDF-1.4 slip', 'pdf')  # no renderer here
            at(env).signature = PNG
        with s.step('backorder cancelled') as env:
            env['stock.picking'].search([('backorder_id', '=', pick)]).action_cancel()
        with s.step('another one, cancelled and deleted') as env:
            other = make(env, kind, 1)
            other.action_confirm()
            gone = other.id
        with s.step('it is cancelled') as env:
            env['stock.picking'].browse(gone).action_cancel()
        with s.step('it is deleted') as env:
            env['stock.picking'].browse(gone).unlink()
        with s.step('a draft') as env:
            gone = make(env, kind, 1).id
        with s.step('the draft is deleted') as env:
            env['stock.picking'].browse(gone).unlink()
    s.flow = 't batch'
    with s.step('two shipments') as env:
        two = (make(env, 'shipment', 1) | make(env, 'shipment', 2))
        two.action_confirm()
        two = two.ids
    with s.step('a batch of them') as env:
        batch = env['stock.picking.batch'].create({'picking_ids': [(6, 0, two)], 'picking_type_id': env['stock.picking'].browse(two[0]).picking_type_id.id}).id
    with s.step('batch started') as env:
        env['stock.picking.batch'].browse(batch).action_confirm()
    with s.step('batch cancelled') as env:
        env['stock.picking.batch'].browse(batch).action_cancel()
