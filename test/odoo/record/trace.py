#!/usr/bin/env python3
"""Makes a trace of a server's csvlog: the statements of steps (setting odoo.step) that write to the tables of a base, in the order in
which the steps committed.

  trace.py BASE.sql CSVLOG > TRACE.sql
"""
import csv
import re
import sys

csv.field_size_limit(1 << 30)
base, log = sys.argv[1:]
tables = set(re.findall(r'^CREATE TABLE public\."?(\w+)', open(base).read(), re.M))
writing = re.compile(r'\s*(?:INSERT\s+INTO|UPDATE(?:\s+ONLY)?|DELETE\s+FROM)\s+"?(\w+)', re.I)
open_in, done = {}, []
for row in csv.reader(open(log, newline='')):
    session, message = row[5], row[13]
    if not message.startswith('statement: '):
        continue
    text = message[len('statement: '):].strip().rstrip(';')
    word = text.split(None, 1)[0].upper() if text else ''
    tx = open_in.setdefault(session, [])
    target = writing.match(text)
    if word in ('BEGIN', 'START'):
        open_in[session] = ['BEGIN ISOLATION LEVEL REPEATABLE READ']
    elif word in ('COMMIT', 'ROLLBACK', 'END') and not re.match(r'ROLLBACK\s+TO', text, re.I):
        tx.append('COMMIT' if word != 'ROLLBACK' else 'ROLLBACK')
        done.append(open_in.pop(session))
    elif word in ('SAVEPOINT', 'RELEASE') or re.match(r'ROLLBACK\s+TO', text, re.I) or re.match(r"SELECT (nextval|setval|set_config\('odoo\.step')", text):
        tx.append(text)
    elif target and target.group(1) in tables:
        tx.append(text)
    elif word == 'WITH' and any(re.search(r'(?:INTO|UPDATE|FROM)\s+"?%s"?\b' % t, text) for t in tables) and re.search(r'\b(INSERT|UPDATE|DELETE)\b', text):
        tx.append(text)
for tx in done:
    name = next((m.group(1).replace("''", "'") for t in tx for m in [re.match(r"SELECT set_config\('odoo\.step', '(.*)', true\)", t, re.S)] if m), None)
    if name is None or not any(writing.match(t) or t.startswith('WITH') for t in tx):
        continue
    print('-- ##### ' + name)
    for t in tx:
        print(t + ';')
