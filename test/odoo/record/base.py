#!/usr/bin/env python3
"""From a pg_dump of some tables to a base: without foreign keys to tables that are left out, and without what only newer servers know.

  base.py < DUMP.sql > BASE.sql
"""
import re
import sys

text = sys.stdin.read()
have = set(re.findall(r'^CREATE TABLE public\."?(\w+)', text, re.M))
text = re.sub(r'^ALTER TABLE ONLY public\.\S+\n    ADD CONSTRAINT [^;]*? FOREIGN KEY [^;]*? REFERENCES public\.(\w+)\([^;]*;\n\n*',
              lambda m: m.group(0) if m.group(1) in have else '', text, flags=re.M)
text = re.sub(r'^(SET transaction_timeout.*|\\(un)?restrict .*)\n', '', text, flags=re.M)
text = re.sub(r'^--.*\n', '', text, flags=re.M)
sys.stdout.write(re.sub(r'\n{3,}', '\n\n', text))
