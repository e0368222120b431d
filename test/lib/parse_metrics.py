#!/usr/bin/env python3
"""Parses Prometheus' text format 0.0.4 from standard input, strictly, and prints each sample as "name{labels} value", labels sorted.

Exits with 1 at the first line that a scraper could refuse: an unknown line, a sample without TYPE, a family whose samples do not stand together, a
sample twice, HELP or TYPE twice, a label that is not escaped, a histogram whose buckets shrink, do not end in +Inf or do not agree with _count.
"""
import math
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(\{{(.*)\}})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|$)')


def fail(n, line, why):
    sys.exit(f"line {n}: {why}: {line!r}")


def parse_labels(n, line, text):
    labels, at = {}, 0
    while at < len(text):
        m = LABEL.match(text, at)
        if not m or m.group(1) in labels:
            fail(n, line, "labels")
        labels[m.group(1)] = m.group(2)
        at = m.end()
    return labels


def family_of(name, types):
    base = re.sub(r"_(bucket|sum|count)$", "", name)
    return base if types.get(base) == "histogram" else name


def check_histogram(family, samples):
    buckets = [(float(labels["le"]), value) for name, labels, value in samples if name == family + "_bucket"]
    counts = [value for name, _, value in samples if name == family + "_count"]
    sums = [value for name, _, value in samples if name == family + "_sum"]
    if [b[0] for b in buckets] != sorted(b[0] for b in buckets) or [b[1] for b in buckets] != sorted(b[1] for b in buckets):
        sys.exit(f"{family}: buckets do not grow")
    if len(counts) != 1 or len(sums) != 1 or not buckets or buckets[-1] != (math.inf, counts[0]):
        sys.exit(f"{family}: _sum, _count and +Inf do not agree")


types, helps, families, seen, current = {}, set(), {}, set(), None
text = sys.stdin.read()
if not text.endswith("\n"):
    sys.exit("the last line is not ended")
for n, line in enumerate(text.split("\n")[:-1], 1):
    if not line:
        continue
    words = line.split(" ", 3)
    if words[0] == "#" and words[1] in ("HELP", "TYPE"):
        if len(words) < 4 or not re.fullmatch(NAME, words[2]):
            fail(n, line, "comment")
        if words[2] in (helps if words[1] == "HELP" else types) or words[2] in families:
            fail(n, line, "twice, or after its samples")
        if words[1] == "HELP":
            helps.add(words[2])
        elif words[3] not in ("counter", "gauge", "histogram", "summary", "untyped"):
            fail(n, line, "kind")
        else:
            types[words[2]] = words[3]
        continue
    m = SAMPLE.fullmatch(line)
    if not m:
        fail(n, line, "not a sample")
    name, labels, value = m.group(1), parse_labels(n, line, m.group(3) or ""), float(m.group(4))
    family = family_of(name, types)
    if family not in types or family not in helps:
        fail(n, line, "no TYPE or HELP before it")
    if family != current and family in families:
        fail(n, line, "apart from its family")
    if types[family] == "counter" and not (value >= 0 and (name.endswith("_total") or name.endswith("_position"))):
        fail(n, line, "counter")
    current = family
    key = name + ("{" + ",".join(f'{k}="{v}"' for k, v in sorted(labels.items())) + "}" if labels else "")
    if key in seen:
        fail(n, line, "twice")
    seen.add(key)
    families.setdefault(family, []).append((name, labels, value))
    print(key, m.group(4))
for family, samples in families.items():
    if types[family] == "histogram":
        check_histogram(family, samples)
