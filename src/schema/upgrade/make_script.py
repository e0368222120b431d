#!/usr/bin/env python3
"""Writes the upgrade script from one version of the extension to the next.

    make_script.py NEW-VERSION OLD-INSTALL-SCRIPT CHANGES NEW-SCHEMA-FILE...

The install script of the old version and the schema files of the new one are compared statement by statement.
Functions, views, comments, new tables and all rows of the catalog follow from that comparison, and so do the
rights.  What SQL cannot derive from two CREATE statements (ALTER TABLE, and which views have to be dropped because
CREATE OR REPLACE VIEW cannot change them) a person writes into the file CHANGES, which runs first.  A view that
CHANGES drops is made again even if its own text is the same, and so is one that a comment "-- again: NAME" names
(SELECT * has other columns by now).

Statements that this program can neither derive nor find in CHANGES are listed on stderr, and it ends with status 1.
A comment "-- covers: NAME" in CHANGES says that CHANGES brings an existing table or block up to date.
"""
import re
import sys
from pathlib import Path

TOKEN = re.compile(r"""(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<string>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*')|"(?:[^"]|"")*"
                       |(?P<dollar>\$(?:[a-zA-Z_]\w*)?\$).*?(?P=dollar)|\\[^\n]*|;|[^-/'"$;\\eE]+|.""", re.S | re.X)
PATTERNS = [
    ("function", r"CREATE FUNCTION (odoo_events\.\w+)\s*\("),
    ("view", r"CREATE VIEW (odoo_events\.\w+)"),
    ("table", r"CREATE (?:UNLOGGED )?TABLE (odoo_events\.\w+)"),
    ("sequence", r"CREATE SEQUENCE (odoo_events\.\w+)"),
    ("type", r"CREATE TYPE (odoo_events\.\w+)"),
    ("index", r"CREATE (?:UNIQUE )?INDEX (\w+)"),
    ("trigger", r"CREATE (?:CONSTRAINT )?TRIGGER (\w+ .*? ON odoo_events\.\w+)"),
    ("comment", r"COMMENT ON ((?:TABLE|VIEW|COLUMN|SCHEMA|SEQUENCE|TYPE) [\w.]+|FUNCTION [\w.]+(?:\([^)]*\))?)"),
    ("dumped", r"SELECT pg_catalog\.pg_extension_config_dump\('([\w.]+)'"),
]


def statements(text):
    """The statements of a script, without what is only comments and psql commands."""
    found, start, bare = [], 0, ""
    for token in TOKEN.finditer(text):
        if token[0] == ";":
            if bare.strip():
                found.append((bare.strip(), text[start:token.end()].strip()))
            start, bare = token.end(), ""
        elif token[0].startswith("\\"):
            start = token.end()
        elif not token["comment"]:
            bare += token[0]
    return found


def split_arguments(text):
    """An argument list at its top-level commas."""
    parts, depth, part = [], 0, ""
    for token in TOKEN.finditer(text):
        for char in [token[0]] if token["string"] else token[0]:
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(char, 0)
            if char == "," and depth == 0:
                parts.append(part)
                part = ""
            else:
                part += char
    return [p.strip() for p in parts + [part] if p.strip()]


class Statement:
    def __init__(self, bare, text):
        self.bare, self.text, self.kind, self.name = bare, text, "other", re.sub(r"\s+", " ", bare)
        for kind, pattern in PATTERNS:
            match = re.match(pattern, bare, re.S)
            if match:
                self.kind, self.name = kind, re.sub(r"\s+", " ", match[1])
                break
        if self.kind == "function":
            self.read_function()

    def read_function(self):
        depth, start = 0, self.bare.index("(")
        position = start
        for token in TOKEN.finditer(self.bare, start):
            if not token["string"]:
                depth += token[0].count("(") - token[0].count(")")
                if depth <= 0 and ")" in token[0]:
                    position = token.start() + self.closing(token[0], depth)
                    break
        self.function, inputs, header = self.name, [], []
        for argument in split_arguments(self.bare[start + 1:position]):
            argument = re.sub(r"\s+", " ", re.sub(r"\s+(DEFAULT\s|=).*", "", argument, flags=re.S))
            header.append(argument)
            if not re.match(r"(OUT|TABLE)\s", argument):
                inputs.append(re.sub(r"^(INOUT\s|VARIADIC\s)", "", argument).split(" ", 1)[-1])
        self.signature = f"{self.name}({', '.join(inputs)})"
        returns = re.split(r"\bLANGUAGE\b", self.bare[position:])[0]
        self.header = (header, re.sub(r"\s+", " ", returns))
        self.name = self.signature

    @staticmethod
    def closing(token, depth):
        """Where in a token the parenthesis is that closes the list; depth is what the whole token leaves open."""
        for at in range(len(token) - 1, -1, -1):
            if token[at] in "()":
                if token[at] == ")" and depth == 0:
                    return at
                depth += 1 if token[at] == ")" else -1
        raise ValueError(token)

    def same(self, other):
        return re.sub(r"\s+", " ", self.bare) == re.sub(r"\s+", " ", other.bare)


class Script:
    def __init__(self, old, changes, news):
        self.old = {(s.kind, s.name): s for s in map(lambda p: Statement(*p), statements(old))}
        same = {s.name: s.header for s in news if s.kind == "function"}
        # functions that CREATE OR REPLACE cannot change: their comments go with them
        self.recreated = {s.function for s in self.old.values() if s.kind == "function" and same.get(s.name) != s.header}
        self.changes, self.made, self.drops, self.open = changes.strip(), [], [], []
        self.covered = set(re.findall(r"^-- covers: (\S+)", changes, re.M))
        self.dropped = set(re.findall(r"^DROP VIEW (odoo_events\.\w+)|^-- again: (\S+)", changes, re.M))
        self.dropped = {name for pair in self.dropped for name in pair if name}
        self.fresh = set()          # tables that the old version lacks

    def add(self, new):
        old = self.old.pop((new.kind, new.name), None)
        if new.kind == "view":
            if not old or not new.same(old) or new.name in self.dropped:
                self.made.append(new.text.replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1))
        elif new.kind == "function":
            self.add_function(old, new)
        elif old and new.same(old):
            of_dropped = new.kind == "comment" and re.sub(r"\(.*", "", new.name.split()[1]) in self.dropped | self.recreated
            if of_dropped:
                self.made.append(new.text)
        elif old and new.text.startswith("CREATE TRIGGER"):
            self.made.append(new.text.replace("CREATE TRIGGER", "CREATE OR REPLACE TRIGGER", 1))
        elif new.kind == "comment" or not old and (new.kind != "other" or self.makes_new_tables(new)):
            self.made.append(new.text)
            if new.kind == "table":
                self.fresh.add(new.name)
        elif not self.is_covered(new) or not self.mentions(old, new):
            self.open.append(new)

    def add_function(self, old, new):
        if old and old.header == new.header:
            if not new.same(old):
                self.made.append(new.text.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1))
            return
        if old:
            self.drops.append(old.signature)
        self.made.append(new.text)

    def makes_new_tables(self, new):
        """Is it a block that makes tables or sequences of which the old version has none?"""
        names = re.findall(r"CREATE (?:TABLE (?=\S+%s)|SEQUENCE )(odoo_events\.\w+)", new.bare)
        return bool(names) and not any(name in old.bare for name in names for old in self.old.values())

    def is_covered(self, new):
        words = set(re.findall(r"[\w.]+", new.bare[:200]))
        return bool(words & (self.covered | self.fresh))

    def mentions(self, old, new):
        """Does CHANGES name every column and constraint that a statement has and its former text has not?"""
        separator = ", " if new.kind == "type" else "\n"
        former, lines = ([part.strip(" ,)") for part in s.bare.split(separator)] for s in (old or self.former(new), new))
        return all(re.search(rf"\b{re.escape(line.split()[0])}", self.changes) for line in lines if line and line not in former)

    def former(self, new):
        """The old statement that a block without a name has come from: the one that begins alike."""
        return max(self.old.values(), key=lambda old: len(set(old.bare.splitlines()) & set(new.bare.splitlines())))

    def finish(self):
        """What the old version has and the new one has not."""
        for statement in self.old.values():
            if statement.kind == "function":
                self.drops.append(statement.signature)
            elif statement.kind in ("view", "table", "sequence", "index", "trigger", "type"):
                name = statement.name.split()[-1]
                if not re.search(rf"^DROP \w+ (IF EXISTS )?{re.escape(name)}", self.changes, re.M) and name not in self.covered:
                    self.open.append(statement)


def main(version, old, changes, *files):
    catalog, grants, news = [], "", []
    for file in files:
        text, name = Path(file).read_text(), Path(file).stem
        if name.startswith("catalog_"):
            catalog.append(text)
        elif name == "grants":
            grants = text
        else:
            news += [Statement(*pair) for pair in statements(text)]
    script = Script(Path(old).read_text(), Path(changes).read_text(), news)
    for statement in news:
        script.add(statement)
    script.finish()
    here = Path(__file__).parent / "changes"
    drops = "\n".join(f"DROP FUNCTION {d};" for d in reversed(script.drops))
    print(r'\echo Use "ALTER EXTENSION odoo_events UPDATE" to load this file. \quit')
    for part in [(here / "begin.sql").read_text().replace("@VERSION@", version), script.changes, drops, "\n".join(script.made), "SELECT odoo_events._clear_catalog();",
                 "".join(catalog), "SELECT odoo_events._apply_definitions();",
                 "SELECT odoo_events.upgrade_rights(false);", grants, (here / "end.sql").read_text()]:
        print(part.strip() + "\n" if part.strip() else "", end="")
    for statement in script.open:
        print(f"neither derived nor in {changes}: {statement.kind} {statement.bare[:120]}", file=sys.stderr)
    return 1 if script.open else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
