#!/usr/bin/env python3
"""Ten weeks of a hundred flows, as SQL for psql: two shifts, weekends, a trend, holidays, and what was planted.

  flows.py SEED BASE   BASE: the Monday on which it begins, 2026-01-05

The random numbers depend on SEED only.  Table "planted" says what is to be found: flow, bucket, kind.
Week 9 is clean; the Wednesday of week 4 was a holiday that nobody announced, that of week 9 one that was.
"""
import datetime
import math
import random
import sys

FLOWS, WEEKS, DAY = 100, 10, 288
WEEK = 7 * DAY
rng = random.Random(int(sys.argv[1]))
base = datetime.datetime.fromisoformat(sys.argv[2])


def poisson(mean):
    if mean > 12:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, k, p = math.exp(-mean), 0, rng.random()
    while p > limit:
        k += 1
        p *= rng.random()
    return k


def profile(bucket):
    """How busy the plant is, 0 to 1."""
    day, hour = bucket // DAY, (bucket % DAY) / 12
    busy = 0.3 + 0.7 * math.sin((hour - 5.5) / 16.5 * math.pi) if 5.5 <= hour < 22 else 0.03
    if 12 <= hour < 12.5:
        busy *= 0.4
    return busy * (1, 1, 1, 1, 1, 0.15, 0.02)[day]


shape = [profile(b) for b in range(WEEK)]
stamps = [(base + datetime.timedelta(minutes=5 * b)).strftime('%Y-%m-%d %H:%M+00') for b in range(WEEKS * WEEK)]


def planted():
    """Six buckets each, on Monday to Thursday of the tenth week, in flows that are busy enough to tell by."""
    for i, (kind, factor) in enumerate((('silence', 0), ('drop', 0.4), ('spike', 3), ('slow', 1)) * 3):
        yield 85 + i, 9 * WEEK + (i % 4) * DAY + 12 * (9 + i // 4 * 5) + 3 * i, kind, factor


plants = {flow: (start, kind, factor) for flow, start, kind, factor in planted()}
write = sys.stdout.write
write("COPY odoo_events.flow (id, type, warehouse_id, company_id, since, seen) FROM STDIN;\n")
for flow in range(1, FLOWS + 1):
    write(f"{flow}\ttest.plant.flow{(flow + 1) // 2}.done.v1\t{flow % 2 + 1}\t1\t{stamps[0]}\t{stamps[-1][:10]}\n")
write("\\.\nCOPY odoo_events.flow_bucket FROM STDIN;\n")
write("".join(f"{s}\t0\tt\n" for s in stamps))
write("\\.\nCOPY odoo_events.flow_stat_0 (bucket, flow, n, p50, p95) FROM STDIN;\n")
for flow in range(1, FLOWS + 1):
    peak = 0.5 * 1000 ** ((flow - 1) / (FLOWS - 1))
    noise, trend, took = rng.choice((0, 0.05, 0.1)), rng.choice((0, 0.01, 0.02, -0.02)), rng.uniform(0.02, 0.4)
    start, kind, factor = plants.get(flow, (-10, '', 1))
    rows = []
    for b in range(WEEKS * WEEK):
        mean = peak * shape[b % WEEK] * (1 + trend) ** (b / WEEK)
        if b // DAY in (3 * 7 + 2, 8 * 7 + 2):
            mean *= 0.02
        if noise:
            mean *= max(rng.gauss(1, noise), 0.2)
        here = start <= b < start + 6
        n = poisson(mean * factor if here else mean)
        if n > 0:
            p95 = took * (1 + 0.3 * rng.random()) * (20 if here and kind == 'slow' else 1)
            rows.append(f"{stamps[b]}\t{flow}\t{n}\t{p95 / 3:.3f}\t{p95:.3f}\n")
    write("".join(rows))
write("\\.\nCREATE TABLE planted (flow int, bucket timestamptz, kind text);\nCOPY planted FROM STDIN;\n")
for flow, (start, kind, factor) in plants.items():
    write(f"{flow}\t{stamps[start]}\t{kind}\n")
holiday = base + datetime.timedelta(days=8 * 7 + 2)
write("\\.\nINSERT INTO odoo_events.announcement (reason, since, until, announced_by, announced_at) "
      f"VALUES ('holiday', '{holiday}+00', '{holiday + datetime.timedelta(days=1)}+00', 'plant', '{base}+00');\n")
