#!/usr/bin/env python3
"""Size and time of the pages over a full outbox and a year of promises.

  pages.py [--events 10000000] [--promises 300000]

Events, promises and weeks are written into the tables as the worker would, of 20 SLAs and 10 warehouses; a hundredth of the promises is
broken and open.  Prints per page its bytes, the backend's processor time per call, and the least and the median time of ten calls;
the limits are 200 kB and 200 ms.
"""
import argparse
import os
import re
import statistics
import subprocess
import sys

from benchlib import sql, start, stop

CALLS = 10
ROLES = ["page('operations')", "page('integration')", "page('warehouse')", "page('warehouse', warehouse_id => 3)", "page('business')",
         "page('business', company_id => 1, period => '30 days')", "page('document', what => 'order:77')"]


def fill(events, promises):
    sql("CREATE DATABASE bench", "postgres")
    sql("CREATE EXTENSION odoo_events")
    # now there is a place to go on from
    sql("SELECT odoo_events.emit('acme.bench.thing.done.v1', 'thing/0', '{}')")
    sql("SELECT odoo_events.publish()")
    sql(f"""INSERT INTO odoo_events.outbox_0 (position, id, type, subject, partitionkey, time, recordedtime, entity, record_id, company_id, warehouse_id, correlationid, odootx, event)
            SELECT i, md5(i::text)::uuid, (ARRAY['odoo.sales.sales_order.confirmed.v1', 'odoo.logistics.shipment.ready.v1', 'odoo.logistics.shipment.goods_short.v1',
                   'odoo.logistics.shipment.dispatched.v1', 'odoo.inventory.lot.held.v1'])[i % 5 + 1], 'order/S' || i / 10, 'order:' || i / 10,
                   now() - ({events} - i) * interval '0.2 s', now() - ({events} - i) * interval '0.2 s', 'sales_order', i / 10, 1, i % 10, 'order:' || i / 10, '1', repeat('x', 300)
              FROM generate_series(2, {events}) i""")
    sql(f"INSERT INTO odoo_events.publish_cursor_0 SELECT n + 1, system_identifier, s1, s2, done_id, slice_id, {events}, now()"
        " FROM odoo_events.publish_cursor ORDER BY n DESC LIMIT 1")
    sql("""SELECT odoo_events.define_sla('sla' || i, '{odoo.sales.sales_order.confirmed.v1}', '{odoo.logistics.shipment.dispatched.v1}', within => '4 hours', owner => 'Dock')
             FROM generate_series(1, 20) i""")
    sql("UPDATE odoo_events.process_member SET member = 1, since = now() - interval '14 days'")
    # of each promise the row that opened it and, but for a fiftieth, the row that closed it; half of them in the member before the one in use
    for member, first, last in ((0, 1, promises // 2), (1, promises // 2 + 1, promises)):
        for n, state, which in ((1, "'open'", "true"), (2, "CASE WHEN i % 33 = 0 THEN 'met_late' ELSE 'met' END", "i % 50 <> 0"),
                                (2, "CASE WHEN i % 100 = 0 THEN 'breached' ELSE 'at_risk' END", "i % 50 = 0")):
            ended = "NULL" if "breached" in state or n == 1 else f"now() - ({promises} - i) * interval '28 days' / {promises}"
            sql(f"""INSERT INTO odoo_events.promise_{member} (id, n, terms, sla, document, partitionkey, subject, correlationid, company_id, warehouse_id, position, state,
                                                               started_at, first_due_at, due_at, ended_at)
                    SELECT i, {n}, i % 20 + 1, 'sla' || i % 20 + 1, 'order:' || i, 'order:' || i, 'order/S' || i, 'order:' || i, 1, i % 10, i, {state},
                           t, t + interval '4 hours', t + interval '4 hours', {ended}
                      FROM generate_series({first}, {last}) i, LATERAL (SELECT now() - ({promises} - i + 3000) * interval '28 days' / {promises} AS t) x WHERE {which}""")
    sql("SELECT odoo_events._cycle_weeks()")
    sql("VACUUM ANALYZE")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--promises", type=int, default=300_000)
    options = parser.parse_args()
    start("odoo_events.databases = 'none-such'\n")
    slow = False
    try:
        fill(options.events, options.promises)
        print(f"{options.events} events, {options.promises} promises of 28 days\npage, bytes, ms of processor time, least ms, median ms")
        for call in ROLES:
            # processor time of the backend in clock ticks, fields 14 and 15
            ticks = "SELECT 'cpu ' || split_part(x, ' ', 14)::int + split_part(x, ' ', 15)::int FROM pg_read_file('/proc/self/stat') x"
            page = f"SELECT 'bytes ' || octet_length(odoo_events.{call})"
            done = subprocess.run(["psql", "-XAt", "-U", "postgres", "-d", "bench", "-c", page, "-c", ticks, "-c", "\\timing on", *["-c", page] * CALLS, "-c", ticks],
                                  check=True, capture_output=True, text=True).stdout
            answer = re.search(r"bytes (\d+)", done)[1]
            times = [float(t) for t in re.findall(r"Time: ([\d.]+) ms", done)][:CALLS]
            first, last = (int(c) for c in re.findall(r"cpu (\d+)", done))
            cpu = (last - first) * 1000 / os.sysconf("SC_CLK_TCK") / CALLS
            slow |= cpu > 200 or int(answer) > 200_000
            print(f"{call}, {answer}, {cpu:.0f}, {min(times):.0f}, {statistics.median(times):.0f}", flush=True)
    finally:
        stop()
    return slow


if __name__ == "__main__":
    sys.exit(main())
