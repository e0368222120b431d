"""Is META.json what PGXN's specification 1.0 demands, and of the version that odoo_events.control names?  meta.py META.json VERSION"""
import json
import re
import sys
from pathlib import Path

file, version = Path(sys.argv[1]), sys.argv[2]
meta = json.loads(file.read_text())
LICENSES = {"agpl_3", "apache_1_1", "apache_2_0", "artistic_1", "artistic_2", "bsd", "freebsd", "gfdl_1_2", "gfdl_1_3", "gpl_1", "gpl_2", "gpl_3", "lgpl_2_1", "lgpl_3_0", "mit",
            "mozilla_1_0", "mozilla_1_1", "openssl", "perl_5", "postgresql", "qpl_1_0", "ssleay", "sun", "zlib", "open_source", "restricted", "unrestricted", "unknown"}
SEMVER = r"\d+\.\d+\.\d+(?:-[0-9A-Za-z-]+)?"
wrong = [f"{key} is missing" for key in ("name", "version", "abstract", "maintainer", "license", "provides", "meta-spec") if not meta.get(key)]
if not re.fullmatch(r"[^\s/\\\x00-\x1f\x7f]{2,}", meta["name"]):
    wrong.append("name is not a term")
if not re.fullmatch(SEMVER, meta["version"]) or meta["version"] != version:
    wrong.append(f"version is {meta['version']}, not {version}")
if meta["license"] not in LICENSES:
    wrong.append(f"license {meta['license']} is not in the list")
if meta.get("release_status") not in ("stable", "testing", "unstable"):
    wrong.append("release_status is stable, testing or unstable")
if meta["meta-spec"].get("version") != "1.0.0":
    wrong.append("meta-spec is not 1.0.0")
for name, what in meta["provides"].items():
    for key in ("file", "version"):
        if not what.get(key):
            wrong.append(f"provides.{name} lacks {key}")
    if what.get("version") != version:
        wrong.append(f"provides.{name} is of version {what.get('version')}")
    for key in ("file", "docfile"):
        if what.get(key) and not (file.parent / what[key]).exists():
            wrong.append(f"provides.{name}.{key}: there is no {what[key]}")
for phase, kinds in meta.get("prereqs", {}).items():
    for kind, modules in kinds.items():
        if phase not in ("configure", "build", "test", "runtime", "develop") or kind not in ("requires", "recommends", "suggests", "conflicts"):
            wrong.append(f"prereqs.{phase}.{kind} is unknown")
        wrong += [f"prereqs: {m} {v} is no version" for m, v in modules.items() if not re.fullmatch(SEMVER, str(v)) and v != 0]
if len(meta.get("tags", [])) != len(set(meta.get("tags", []))):
    wrong.append("tags repeat")
print("\n".join(wrong) or "valid")
sys.exit(bool(wrong))
