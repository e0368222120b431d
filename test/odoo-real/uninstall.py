# In Odoo's shell: what the button "Uninstall" does.
env['ir.module.module'].search([('name', '=', 'stock_picking_batch')]).button_immediate_uninstall()  # noqa: F821
env.cr.commit()  # noqa: F821
