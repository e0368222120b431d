#!/usr/bin/env python3
"""What people do in a plant, one user action a transaction, marked with the setting odoo.step.

  record.py DATABASE MODULE...      runs MODULE.run(session) for each: plant (master data and stock), transfers, orders

The server writes all statements to its csvlog; trace.py makes a recording of them.
"""
import importlib
import os
import sys
from contextlib import contextmanager

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../odoo-real')]
import odoo19  # noqa: E402  (Debian's Odoo as a library)
from odoo import api  # noqa: E402


class Session:
    def __init__(self, registry):
        self.registry = registry
        self.flow = ''
        self.failed = []

    @contextmanager
    def step(self, name, uid=2, **context):
        with self.registry.cursor() as cr:
            cr.execute("SELECT set_config('odoo.step', %s, true)", (self.flow + ' / ' + name,))
            env = api.Environment(cr, uid, {'lang': 'en_US', 'tz': 'UTC', 'allowed_company_ids': [1], **context})
            try:
                yield env
                env.flush_all()
            except Exception as e:
                cr.rollback()
                self.failed.append(name)
                print(f'FAILED  {self.flow} / {name}: {type(e).__name__}: {e}', flush=True)
        self.registry.signal_changes()


def main():
    database, *modules = sys.argv[1:]
    with odoo19.plant(database) as user:
        session = Session(user.registry)
        for module in modules:
            importlib.import_module(module).run(session)
    sys.exit(1 if session.failed else 0)


if __name__ == '__main__':
    main()
