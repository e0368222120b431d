#!/usr/bin/env python3
"""Odoo's database manager: manager.py duplicate FROM TO | drop NAME."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from odoo19 import odoo, settings  # noqa: E402

odoo.tools.config.parse_config(settings(), setup_logging=True)
odoo.tools.config['list_db'] = True
from odoo.service import db  # noqa: E402

if sys.argv[1] == 'duplicate':
    db.exp_duplicate_database(sys.argv[2], sys.argv[3])
else:
    assert db.exp_drop(sys.argv[2])
