#!/usr/bin/env python3
"""Real Odoo 19, as Debian packages it, as a library and on the command line.

    odoo19.py ARGUMENTS...          what the command "odoo" does with these
    from odoo19 import plant        with plant('DATABASE') as user: ...

The package runs on a newer Python than Odoo 19 was written for; two things that it lacks there are given to it here, in memory.
"""
import contextlib
import os
import sys
import warnings

warnings.filterwarnings('ignore')
sys.path.insert(0, '/usr/lib/python3/dist-packages')

import odoo  # noqa: E402
import odoo.cli  # noqa: E402
import odoo.sql_db  # noqa: E402
from odoo.tools import misc, safe_eval  # noqa: E402



def _copied(self):
    """In one step: weak references may go meanwhile."""
    new = type(self)()
    new._map = self._map.copy()
    return new


misc.OrderedSet.copy = _copied
misc.OrderedSet.__copy__ = _copied
# what Python 3.14 compiles the same expressions to
NEW = set(safe_eval.to_opcodes([
    'LOAD_SMALL_INT', 'LOAD_FAST_BORROW', 'LOAD_FAST_BORROW_LOAD_FAST_BORROW', 'LOAD_FAST_LOAD_FAST', 'STORE_FAST_STORE_FAST',
    'STORE_FAST_LOAD_FAST', 'LOAD_COMMON_CONSTANT', 'NOT_TAKEN', 'POP_ITER', 'LOAD_SPECIAL', 'END_SEND', 'CONVERT_VALUE', 'FORMAT_SIMPLE',
    'FORMAT_WITH_SPEC', 'SET_FUNCTION_ATTRIBUTE', 'CALL_KW', 'BUILD_INTERPOLATION', 'BUILD_TEMPLATE', 'JUMP_BACKWARD_NO_INTERRUPT',
    'ANNOTATIONS_PLACEHOLDER', 'LOAD_FAST_AND_CLEAR', 'MAKE_CELL', 'COPY_FREE_VARS', 'LOAD_DEREF', 'STORE_DEREF',
]))
for name in ('_CONST_OPCODES', '_EXPR_OPCODES', '_SAFE_OPCODES'):
    getattr(safe_eval, name).update(NEW)


def settings():
    """The server that PGHOST, PGPORT and PGUSER name, as Odoo's own arguments."""
    return ['--db_host', os.environ['PGHOST'], '--db_port', os.environ.get('PGPORT', '5432'), '--db_user', os.environ.get('PGUSER', 'odoo'),
            '--data-dir', os.environ.get('ODOO_DATA', '/tmp/odoo-data'), '--without-demo=1', '--no-http', '--max-cron-threads=0']


class User:
    """Who clicks: each call of act() is one transaction of Odoo's, as a button in its client is."""

    def __init__(self, registry):
        self.registry = registry

    @contextlib.contextmanager
    def act(self):
        from odoo import api
        with self.registry.cursor() as cr:
            env = api.Environment(cr, api.SUPERUSER_ID, {'tracking_disable': True})
            admin = env.ref('base.user_admin').id
            yield api.Environment(cr, admin, {'allowed_company_ids': [env.ref('base.main_company').id]})


@contextlib.contextmanager
def plant(database):
    """Opens a database; Odoo repeats nothing by itself here, so that a conflict would be seen."""
    odoo.tools.config.parse_config(settings() + ['-d', database], setup_logging=True)
    from odoo.modules.registry import Registry
    yield User(Registry(database))
    odoo.sql_db.close_all()


if __name__ == '__main__':
    sys.argv = ['odoo'] + sys.argv[1:] + settings()
    odoo.cli.main()
