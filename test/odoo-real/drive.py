#!/usr/bin/env python3
"""Flows of a plant, clicked in real Odoo: drive.py DATABASE setup | day | uninstall MODULE.

Each step is one transaction of Odoo's, and says its name to the database, so that the test knows which events it made: a row of
public.step holds what had been captured by then.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from odoo19 import plant  # noqa: E402

STEPS = []


def step(name):
    """A function that is one click."""
    def keep(function):
        STEPS.append((name, function))
        return function
    return keep


class Kept(dict):
    """Ids that later steps need, as attributes."""
    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__


def setup(env):
    """Master data: products by quantity and by lot, one that is made, a vendor, a customer, stock."""
    def product(name, sku, **more):
        return env['product.product'].create({'name': name, 'default_code': sku, 'is_storable': True, **more})
    k = Kept()
    table = product('Table', 'TBL')
    top = product('Table Top', 'TOP', tracking='lot')
    leg = product('Leg', 'LEG')
    k.table, k.top, k.leg = table.id, top.id, leg.id
    k.vendor = env['res.partner'].create({'name': 'Wood Ltd', 'ref': 'V1'}).id
    k.customer = env['res.partner'].create({'name': 'Furniture Inc', 'ref': 'C1'}).id
    bom = env['mrp.bom'].create({'product_tmpl_id': table.product_tmpl_id.id, 'product_qty': 1, 'bom_line_ids': [
        (0, 0, {'product_id': top.id, 'product_qty': 1}), (0, 0, {'product_id': leg.id, 'product_qty': 4})]})
    k.bom = bom.id
    stock = env.ref('stock.stock_location_stock')
    for p, quantity in ((table, 10), (leg, 100)):
        env['stock.quant'].with_context(inventory_mode=True).create({'product_id': p.id, 'location_id': stock.id, 'inventory_quantity': quantity}).action_apply_inventory()
    for name, value in k.items():
        env['ir.config_parameter'].set_param('odoo_events_test.' + name, value)


# ---- purchase ----

@step('PO create')
def po_create(env, k):
    k.po = env['purchase.order'].create({'partner_id': k.vendor, 'order_line': [
        (0, 0, {'product_id': k.top, 'product_qty': 8}), (0, 0, {'product_id': k.leg, 'product_qty': 20})]}).id


@step('PO confirm')
def po_confirm(env, k):
    env['purchase.order'].browse(k.po).button_confirm()


@step('PO raise a line from 20 to 25')
def po_change(env, k):
    env['purchase.order'].browse(k.po).order_line.filtered(lambda x: x.product_id.id == k.leg).product_qty = 25


@step('receipt: lot, all of it, validate')
def po_receive(env, k):
    picking = env['purchase.order'].browse(k.po).picking_ids
    lot = env['stock.lot'].create({'name': 'LOT-%s' % k.po, 'product_id': k.top})
    for move in picking.move_ids:
        move.quantity = move.product_uom_qty
        if move.product_id.id == k.top:
            move.move_line_ids.lot_id = lot
        move.picked = True
    picking.button_validate()
    k.lot = lot.id


# ---- manufacturing ----

@step('MO create')
def mo_create(env, k):
    k.mo = env['mrp.production'].create({'product_id': k.table, 'product_qty': 2, 'bom_id': k.bom}).id


@step('MO confirm')
def mo_confirm(env, k):
    env['mrp.production'].browse(k.mo).action_confirm()


@step('MO reserve')
def mo_assign(env, k):
    env['mrp.production'].browse(k.mo).action_assign()


@step('MO produce all')
def mo_done(env, k):
    mo = env['mrp.production'].browse(k.mo)
    mo.qty_producing = 2
    mo.set_qty_producing() if hasattr(mo, 'set_qty_producing') else mo._set_qty_producing()
    for move in mo.move_raw_ids:
        move.picked = True
    result = mo.button_mark_done()
    assert result is True or mo.state == 'done', result


@step('MO cancel another')
def mo_cancel(env, k):
    mo = env['mrp.production'].create({'product_id': k.table, 'product_qty': 1, 'bom_id': k.bom})
    mo.action_confirm()
    env.flush_all()
    k.cancelled = mo.id


@step('MO cancel')
def mo_cancelled(env, k):
    env['mrp.production'].browse(k.cancelled).action_cancel()


# ---- sales ----

@step('SO create')
def so_create(env, k):
    k.so = env['sale.order'].create({'partner_id': k.customer, 'order_line': [(0, 0, {'product_id': k.table, 'product_uom_qty': 5})]}).id


@step('SO confirm')
def so_confirm(env, k):
    env['sale.order'].browse(k.so).action_confirm()


@step('delivery: 3 of 5, backorder')
def so_deliver(env, k):
    picking = env['sale.order'].browse(k.so).picking_ids
    picking.move_ids.quantity = 3
    picking.move_ids.picked = True
    picking.with_context(skip_backorder=True).button_validate()
    k.first = picking.id


@step('backorder: the rest')
def so_rest(env, k):
    picking = env['sale.order'].browse(k.so).picking_ids.filtered(lambda x: x.state not in ('done', 'cancel'))
    picking.action_assign()
    picking.move_ids.quantity = 2
    picking.move_ids.picked = True
    picking.button_validate()


@step('return of one')
def so_return(env, k):
    from odoo.tests import Form
    picking = env['stock.picking'].browse(k.first)
    wizard = Form(env['stock.return.picking'].with_context(active_id=picking.id, active_ids=picking.ids, active_model='stock.picking')).save()
    wizard.product_return_moves.quantity = 1
    back = env['stock.picking'].browse(wizard.action_create_returns()['res_id'])
    back.move_ids.quantity = 1
    back.move_ids.picked = True
    back.button_validate()


# ---- inside ----

@step('scrap')
def scrap(env, k):
    env['stock.scrap'].create({'product_id': k.leg, 'scrap_qty': 2}).action_validate()


@step('unbuild')
def unbuild(env, k):
    env['mrp.unbuild'].create({'product_id': k.table, 'bom_id': k.bom, 'product_qty': 1, 'mo_id': k.mo, 'lot_id': False}).action_validate()


@step('inventory count')
def count(env, k):
    quant = env['stock.quant'].search([('product_id', '=', k.leg), ('location_id', '=', env.ref('stock.stock_location_stock').id)], limit=1)
    quant.with_context(inventory_mode=True).inventory_quantity = quant.quantity - 1
    quant.action_apply_inventory()


@step('maintenance request')
def maintenance(env, k):
    env['maintenance.request'].create({'name': 'Saw is loud', 'maintenance_type': 'corrective'})


def day(user):
    k = Kept()
    with user.act() as env:
        for name in ('table', 'top', 'leg', 'vendor', 'customer', 'bom'):
            k[name] = int(env['ir.config_parameter'].sudo().get_param('odoo_events_test.' + name))
    for name, function in STEPS:
        with user.act() as env:
            env.cr.execute('INSERT INTO public.step (name, xid) VALUES (%s, pg_current_xact_id()::text)', (name,))
            function(env, k)
            env.flush_all()


if __name__ == '__main__':
    with plant(sys.argv[1]) as user:
        if sys.argv[2] == 'setup':
            with user.act() as env:
                setup(env)
        elif sys.argv[2] == 'uninstall':
            with user.act() as env:
                env['ir.module.module'].sudo().search([('name', '=', sys.argv[3])]).button_immediate_uninstall()
        else:
            day(user)
