#!/usr/bin/env python3
"""Verifies what odoo_events has sealed, without odoo_events: Python's standard library only.

    verify.py archive FILE --verifier KEY [--checkpoint FILE]
        FILE has lines of JSON: SELECT row_to_json(a) FROM odoo_events.archive(...) a
    verify.py consistency OLDER NEWER PROOF --verifier KEY
        OLDER and NEWER are signed checkpoints, PROOF is the answer of consistency_proof()

KEY is the log's public key, as the view "checkpoint" shows it.  Take it, and checkpoints, from where you have kept them, not from
the archive: an archive proves something only against what nobody could change together with it.

docs/evidence.md describes leaves and formats.  Exits with 1, and says why, if anything is not proved.
"""
import argparse
import base64
import hashlib
import json
import re
import sys
import uuid

# ---- Ed25519 (RFC 8032, section 5.1) ----

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def add(a, b):
    """Adds two points in extended coordinates."""
    m, n = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = n - m, d - c, d + c, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(s, point):
    result = (0, 1, 1, 0)
    while s > 0:
        if s & 1:
            result = add(result, point)
        point = add(point, point)
        s >>= 1
    return result


def point_of(b):
    """The point that 32 bytes stand for; None if there is none."""
    y = int.from_bytes(b, 'little')
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * ROOT % P
    if (x * x - x2) % P or x == 0 and sign:
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, 'little'))


def signed(key, text, signature):
    a, r, s = point_of(key), point_of(signature[:32]), int.from_bytes(signature[32:], 'little')
    if len(signature) != 64 or a is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), 'little') % Q
    left, right = multiply(s, BASE), add(r, multiply(h, a))
    return not ((left[0] * right[2] - right[0] * left[2]) % P or (left[1] * right[2] - right[1] * left[2]) % P)


# ---- checkpoints (C2SP signed-note, tlog-checkpoint) ----


class Wrong(Exception):
    """Something is not proved."""


def checkpoint_of(note, verifier):
    """Origin, size and root of a checkpoint that this key has signed."""
    name, number, key = verifier.strip().split('+', 2)
    key = base64.b64decode(key)
    if hashlib.sha256(name.encode() + b'\n' + key).digest()[:4].hex() != number or key[0] != 1 or len(key) != 33:
        raise Wrong('this is no key of Ed25519: ' + verifier)
    text, _, signatures = note.rstrip('\n').rpartition('\n\n')
    text += '\n'
    for line in signatures.splitlines():
        found = re.fullmatch('\u2014 (\\S+) (\\S+)', line)
        if found and found[1] == name:
            blob = base64.b64decode(found[2])
            if blob[:4].hex() == number and signed(key[1:], text.encode(), blob[4:]):
                lines = text.split('\n')
                if lines[0] != name or not re.fullmatch('0|[1-9][0-9]*', lines[1]):
                    raise Wrong('the checkpoint is of another log')
                return lines[0], int(lines[1]), base64.b64decode(lines[2])
    raise Wrong('the checkpoint is not signed by this key')


# ---- trees (RFC 9162, 2.1.3.2 and 2.1.4.2: the trees are those of RFC 6962) ----


def node(left, right):
    return hashlib.sha256(b'\x01' + left + right).digest()


def root_by_inclusion(index, size, leaf, path):
    if index >= size:
        raise Wrong('the checkpoint does not reach the event')
    fn, sn, r = index, size - 1, leaf
    for p in path:
        if sn == 0:
            raise Wrong('the path is too long')
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise Wrong('the path is too short')
    return r


def check_consistency(older, old_root, newer, new_root, path):
    if older == 0:                  # nothing is the beginning of everything
        if path:
            raise Wrong('the proof is too long')
        return
    if older == newer:
        if path or old_root != new_root:
            raise Wrong('two checkpoints of one size have different roots')
        return
    if older & (older - 1) == 0:
        path = [old_root] + path
    if not path:
        raise Wrong('the proof is empty')
    fn, sn = older - 1, newer - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            raise Wrong('the proof is too long')
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    if sn or fr != old_root or sr != new_root:
        raise Wrong('the older log is not the beginning of the newer one')


# ---- events ----

ERASED = re.compile(',"erasedtime":"[^"]*"')


def leaf_of(event, leaf, position):
    """The hash of the event's leaf, and whether a person was erased from it."""
    rest, whole = base64.b64decode(leaf['rest']), base64.b64decode(leaf['whole'])
    if leaf['position'] != position or json.loads(event)['id'] != leaf['id']:
        raise Wrong('the event has another position or id than its leaf')
    if leaf['salt'] is not None:
        if hashlib.sha256(base64.b64decode(leaf['salt']) + event.encode()).digest() != whole:
            raise Wrong('the event is not what was sealed')
    else:
        envelope, data = event.split(',"data":', 1)
        if not ERASED.search(envelope):
            raise Wrong('the salt is gone, and the event does not say that a person was erased')
        if hashlib.sha256((ERASED.sub('', envelope) + ',"data":' + data).encode()).digest() != rest:
            raise Wrong('what is left of the event is not what was sealed')
    return (hashlib.sha256(b'\0' + position.to_bytes(8, 'big') + uuid.UUID(leaf['id']).bytes + rest + whole).digest(), leaf['salt'] is None)


def verify_archive(lines, verifier, held):
    """held: the text of a checkpoint that the caller has kept; None: believe those of the archive, if they are signed."""
    notes, count, wrong, erased, last, firsts = {}, 0, 0, 0, None, set()
    for line in lines:
        if not line.strip():
            continue
        a = json.loads(line)
        position, proof = a['position'], a['proof']
        try:
            if proof is None:
                raise Wrong('it is under no checkpoint')
            note = proof['checkpoint']
            if note not in notes:
                notes[note] = checkpoint_of(note, verifier)
            _, size, root = notes[note]
            leaf, gone = leaf_of(a['event'], proof['leaf'], position)
            firsts.add(position - proof['index'])
            if root_by_inclusion(proof['index'], size, leaf, [base64.b64decode(p) for p in proof['path']]) != root:
                raise Wrong('the event is not in the log')
            if len(firsts) > 1:
                raise Wrong('it is at another place of the log')
            erased += gone
        except (Wrong, ValueError, KeyError, IndexError) as e:
            print(f'position {position}: {e}')
            wrong += 1
        if last is not None and position != last + 1:
            print(f'position {last + 1}: missing, the next one is {position}')
            wrong += 1
        last = position
        count += 1
    if held is not None and held.rstrip('\n') not in (n.rstrip('\n') for n in notes):
        print('the archive is not proved by the checkpoint that you hold; see: verify.py consistency')
        wrong += 1
    print(f'{count} events, {erased} of them erased, {wrong} not proved')
    return wrong == 0 and count > 0


def main():
    parser = argparse.ArgumentParser(description='Verifies what odoo_events has sealed.')
    commands = parser.add_subparsers(dest='command', required=True)
    archive = commands.add_parser('archive')
    archive.add_argument('file')
    archive.add_argument('--checkpoint')
    consistency = commands.add_parser('consistency')
    for name in ('older', 'newer', 'proof'):
        consistency.add_argument(name)
    for p in (archive, consistency):
        p.add_argument('--verifier', required=True)
    args = parser.parse_args()

    def read(name):
        with open(name, encoding='utf-8') as f:
            return f.read()

    if args.command == 'archive':
        with open(args.file, encoding='utf-8') as f:
            return verify_archive(f, args.verifier, read(args.checkpoint) if args.checkpoint else None)
    try:
        (_, older, old_root), (_, newer, new_root) = (checkpoint_of(read(n), args.verifier) for n in (args.older, args.newer))
        proof = json.loads(read(args.proof))
        if (proof['older'], proof['newer']) != (older, newer):
            raise Wrong('the proof is about other checkpoints')
        check_consistency(older, old_root, newer, new_root, [base64.b64decode(p) for p in proof['path']])
    except Wrong as e:
        print(e)
        return False
    print(f'the log of {older} leaves is the beginning of the one of {newer}')
    return True


if __name__ == '__main__':
    sys.exit(0 if main() else 1)
