#!/usr/bin/env python3
"""Reads a receiver's ledger fast: for each event that was answered with 2xx, in order of arrival, a line
"path id sequence record type offset request", where the offset is that of its line in the ledger, and the request its webhook-id; for each
thing found wrong a line "path ! what".

  ledger.py FILE
"""
import json
import sys

with open(sys.argv[1], "rb") as ledger:
    offset = end = 0
    for line in ledger:
        offset, end = end, end + len(line)
        if not line.endswith(b"\n"):
            break               # still being written
        entry = json.loads(line)
        for problem in entry["problems"]:
            print(entry["path"], "!", problem.replace("\n", " "))
        if 200 <= entry["status"] < 300:
            body = json.loads(entry["body"])
            for e in body if isinstance(body, list) else [body]:
                print(entry["path"], e["id"], int(e.get("sequence", 0)), e.get("odoorecordid", 0), e["type"], offset, entry["webhook_id"])
