#!/usr/bin/env python3
"""Makes Grafana's dashboards of the four roles from panels.txt.

  dashboards.py [DIRECTORY]          writes operations.json, integration.json, ... (default: beside this file)
  dashboards.py --expressions        prints each expression with its variables set to everything, for a test
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TITLES = {"operations": "Does the machine run?", "integration": "Which partner is late?", "warehouse": "What is late at the dock?",
          "business": "Is kept what was promised?"}
WIDTH = {"stat": 6, "curve": 12, "table": 12}
HEIGHT = {"stat": 4, "curve": 8, "table": 8}
KIND = {"stat": "stat", "curve": "timeseries", "table": "table"}


def panels():
    with open(os.path.join(HERE, "panels.txt"), encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                # an expression may hold "|" within quotes, so the ends are cut off first
                dashboard, kind, title, unit, rest = (part.strip() for part in line.split(" | ", 4))
                expression, _, legend = rest.rpartition(" |")
                yield dashboard, kind, title, unit, expression.strip(), legend.strip()


def chosen(expression):
    """The expression for the databases that are chosen in the dashboard."""
    choice = 'database=~"$database"'
    for name in ("state", "outcome", "result", "period"):
        expression = expression.replace("{" + name, "{" + choice + ", " + name)
    return expression.replace("{}", "{" + choice + "}").replace("[]", "[$__rate_interval]")


def panel(number, x, y, kind, title, unit, expression, legend):
    return {
        "id": number, "type": KIND[kind], "title": title, "gridPos": {"x": x, "y": y, "w": WIDTH[kind], "h": HEIGHT[kind]},
        "datasource": {"type": "prometheus", "uid": "$datasource"},
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
        "targets": [{"refId": "A", "expr": chosen(expression), "legendFormat": legend or "__auto", "instant": kind != "curve",
                     "format": "table" if kind == "table" else "time_series",
                     "datasource": {"type": "prometheus", "uid": "$datasource"}}],
    }


def dashboard(name, rows):
    made, x, y, height = [], 0, 0, 0
    for number, row in enumerate(rows, 1):
        if x + WIDTH[row[0]] > 24:
            x, y = 0, y + height
        made.append(panel(number, x, y, *row))
        x, height = x + WIDTH[row[0]], HEIGHT[row[0]]
    return {
        "uid": f"odoo-events-{name}", "title": f"odoo_events: {name}", "description": TITLES[name], "tags": ["odoo_events"],
        "schemaVersion": 39, "version": 1, "editable": True, "refresh": "30s", "time": {"from": "now-24h", "to": "now"},
        "templating": {"list": [
            {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Source"},
            {"name": "database", "type": "query", "label": "Database", "datasource": {"type": "prometheus", "uid": "$datasource"},
             "query": "label_values(odoo_events_build_info, database)", "refresh": 2, "includeAll": True, "multi": True, "allValue": ".*",
             "current": {"text": "All", "value": "$__all"}},
        ]},
        "panels": made,
    }


def main():
    rows = {}
    for name, *row in panels():
        rows.setdefault(name, []).append(row)
    if sys.argv[1:] == ["--expressions"]:
        for name in rows:
            for kind, title, _, expression, _ in rows[name]:
                print(name, title, chosen(expression).replace("$database", ".*").replace("$__rate_interval", "1m"), sep="\t")
        return
    directory = sys.argv[1] if len(sys.argv) > 1 else HERE
    for name in rows:
        with open(os.path.join(directory, name + ".json"), "w", encoding="utf-8") as f:
            json.dump(dashboard(name, rows[name]), f, indent=1)
            f.write("\n")


if __name__ == "__main__":
    main()
