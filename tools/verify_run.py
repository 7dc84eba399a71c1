#!/usr/bin/env python3
"""Checks the seal of a kenshin-bench run with Python (3.10 or newer) alone: nothing of the bench, nothing to install.

    python verify_run.py RUN [--key bench-key.pub.pem]

A second reader of what docs/formats.md says under "Run manifest". It names each difference with its place, checks the
Ed25519 signature by arithmetic of its own (RFC 8032), and derives no verdicts: that is `kenshin verify`.

Exit codes: 0 as it was sealed and signed, 1 altered, 2 wrong input, 4 not sealed or not signed.
"""

import argparse
import base64
import hashlib
import json
import re
import sqlite3
import struct
import sys
from pathlib import Path

PAYLOAD_TYPE = "application/vnd.in-toto+json"
PREDICATE = "urn:kenshin-bench:run-manifest:1"
COLUMNS = ("t_ns", "source", "seq", "subject", "kind", "u_ns", "episode", "data")
EVIDENCE = re.compile(r"run\.yaml|timeline\.sqlite|watchdog\.jsonl|(captures|console)/.+")
NOT_COVERED = re.compile(r"manifest\.(json|tsq|tsr)|captures/[^/]+\.kbx|timeline\.sqlite-shm|judged/.*")


class Damaged(Exception):
    pass


def leaf(octets):
    return hashlib.sha256(b"\0" + octets).digest()


def tree(level):
    """Root of the hash tree over leaves (RFC 6962, 2.1), of which there is one at least."""
    while len(level) > 1:
        odd = [level.pop()] if len(level) % 2 else []
        pairs = zip(level[::2], level[1::2], strict=True)
        level = [hashlib.sha256(b"\1" + one + other).digest() for one, other in pairs] + odd
    return level[0]


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=lambda odd: "blob " + odd.hex()).encode()


# -- Ed25519 (RFC 8032, 5.1), verification alone -----------------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def point(octets):
    sign, y = divmod(int.from_bytes(octets, "little"), 2**255)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def add(one, other):
    a, b = (one[1] - one[0]) * (other[1] - other[0]), (one[1] + one[0]) * (other[1] + other[0])
    c, d = 2 * D * one[3] * other[3], 2 * one[2] * other[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number, at):
    total = (0, 1, 1, 0)
    for bit in f"{number:b}":
        total = add(total, total)
        total = add(total, at) if bit == "1" else total
    return total


def signature_stands(public, message, signature):
    """Whether ``signature`` (64 octets) is that of ``public`` (32 octets) over ``message``."""
    a, r = point(public), point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or a is None or r is None or s >= ORDER:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    left, right = times(s, point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))), add(r, times(h, a))
    return not (left[0] * right[2] - right[0] * left[2]) % P and not (left[1] * right[2] - right[1] * left[2]) % P


def public_key(pem):
    body = re.fullmatch(r"-----BEGIN PUBLIC KEY-----\s(.*?)-----END PUBLIC KEY-----\s*", pem, re.S)
    der = base64.b64decode("".join(body[1].split()), validate=True) if body else b""
    if len(der) != 44 or der[:12] != bytes.fromhex("302a300506032b6570032100"):
        raise ValueError("no Ed25519 public key in PEM")
    return der[12:], "sha256:" + hashlib.sha256(der).hexdigest()


def read_manifest(path):
    """Statement and signer's fingerprint (empty: not signed). Damaged where anything in it does not stand."""
    octets = path.read_bytes()
    try:
        envelope = json.loads(octets)
        payload = base64.b64decode(envelope["payload"], validate=True)
        signatures = [(one["keyid"], base64.b64decode(one["sig"], validate=True)) for one in envelope["signatures"]]
        again = [{"keyid": key, "sig": base64.b64encode(sig).decode()} for key, sig in signatures]
        written = {"payloadType": PAYLOAD_TYPE, "payload": base64.b64encode(payload).decode(), "signatures": again}
        if json.dumps(written, indent=1).encode() + b"\n" != octets:
            raise Damaged("not as the bench writes an envelope")
        statement = json.loads(payload)
        predicate = statement["predicate"]
        if statement["predicateType"] != PREDICATE or canonical(statement) != payload:
            raise Damaged("no manifest of a run")
        leaves = [leaf(canonical({k: v for k, v in predicate.items() if k not in ("files", "root")}))]
        named = [(one["name"], one["digest"]["sha256"]) for one in statement["subject"]]
        leaves += [leaf(canonical([name, digest, predicate["files"][name]])) for name, digest in named]
        if tree(leaves).hex() != predicate["root"] or len(predicate["files"]) != len(statement["subject"]):
            raise Damaged("its root does not follow from what it says")
        signer = check_signature(payload, signatures, predicate["public_key"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Damaged("damaged") from None
    return statement, signer


def check_signature(payload, signatures, pem):
    if not (pem or signatures):
        return ""
    public, fingerprint = public_key(pem)
    if [key for key, _ in signatures] != [fingerprint]:
        raise Damaged("is not signed by the key that it names")
    message = b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)
    if not signature_stands(public, message, signatures[0][1]):
        raise Damaged("its signature is wrong")
    return fingerprint


def cut(octets, of):
    """A file's octets as its parts, and for a capture which of them are frames."""
    if of == "line":
        return re.findall(rb"[^\n]*\n|[^\n]+", octets), None
    if of == "octets":
        return [octets[at : at + 4096] for at in range(0, len(octets), 4096)], None
    parts, frames, at, order = [], [], 0, "<"
    while at < len(octets):
        if octets[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = ">" if octets[at + 8 : at + 12] == b"\x1a\x2b\x3c\x4d" else "<"
        whole = len(octets) - at >= 12
        kind, length = struct.unpack_from(order + "II", octets, at) if whole else (0, 0)
        if not 12 <= length <= 1 << 24:
            parts += [octets[at : at + 12], *cut(octets[at + 12 :], "octets")[0]]
            return parts, frames + [False] * len(parts)
        parts.append(octets[at : at + length])
        frames.append(kind in (2, 3, 6))
        at += length
    return parts, frames


def tags(text, width=4):
    octets = base64.b64decode(text)
    return [octets[at : at + width] for at in range(0, len(octets), width)]


def edits(was, now, grown):
    was, now, head = was[:], now[:], 0
    while head < min(len(was), len(now)) and was[head] == now[head]:
        head += 1
    while len(was) > head < len(now) and was[-1] == now[-1]:
        was.pop(), now.pop()
    old, new, i, j = set(was[head:]), set(now[head:]), head, head
    same_places = len(was) == len(now) and (old == new or not old & new)
    while i < len(was) or (j < len(now) and not grown):
        if i < len(was) and j < len(now) and was[i] == now[j]:
            i, j = i + 1, j + 1
        elif not same_places and (i == len(was) or (j < len(now) and now[j] not in old and was[i] in new)):
            yield "added", i, j
            j += 1
        elif not same_places and (j == len(now) or (was[i] not in new and now[j] in old)):
            yield "removed", i, j
            i += 1
        else:
            yield ("changed" if was[i] not in new else "moved"), i, j
            i, j = i + 1, j + 1


def file_differs(folder, name, said, digest, grown=False):
    """Where a file differs; ``grown``: more of the same at its end is no difference."""
    octets = (folder / name).read_bytes()
    if hashlib.sha256(octets).hexdigest() == digest:
        return
    if "rows" in said and ((rows := list(rows_differ(folder / name, said["rows"], grown))) or grown):
        yield from rows
        return
    parts, frames = cut(octets, said["of"])
    found = list(edits(tags(said["tags"]), [leaf(part)[:4] for part in parts], grown))
    for what, was, now in found:
        if frames is None:
            yield f"{name} {f'line {was + 1}' if said['of'] == 'line' else f'octets from {was * 4096}'}: {what}"
        elif what == "added":
            yield f"{name}#{sum(frames[: now + 1])}: added" if frames[now] else f"{name} block {now + 1}: added"
        elif was in said["others"]:
            yield f"{name} block {was + 1}: {what}"
        else:
            yield f"{name}#{was + 1 - sum(other < was for other in said['others'])}: {what}"
    if not found and not grown:
        yield f"{name}: differs, no part of it shows where"


def rows_differ(path, said, grown):
    number, cells = (lambda k: said["numbers"][k] if said["numbers"] else k + 1), tags(said["columns"], 16)
    db = sqlite3.connect(path.resolve().as_uri() + "?mode=ro&immutable=1", uri=True)
    db.text_factory = lambda octets: octets.decode("utf-8", "backslashreplace")
    try:
        parts = db.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name")
        schema = [" ".join(" ".join(str(item).split()) for item in part) for part in parts]
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if schema and [f"user_version {version}", *schema] != said["schema"]:
            yield "timeline.sqlite schema: changed"
            return
        now = []
        for row in db.execute(f"SELECT row, {', '.join(COLUMNS)} FROM observation ORDER BY row"):
            spelt = [canonical(column) for column in row[1:]]
            tag = leaf(b"[" + b",".join(spelt) + b"]")[:4]
            now.append((tag, [hashlib.sha256(cell).digest()[:2] for cell in spelt], row[0]))
    except sqlite3.Error:
        return
    finally:
        db.close()
    for what, i, j in edits(tags(said["tags"]), [tag for tag, _, _ in now], grown):
        place = now[j][2] if what == "added" else number(i)
        pairs = zip(COLUMNS, range(0, 16, 2), now[j][1], strict=True) if what == "changed" else ()
        words = ", ".join(name for name, at, cell in pairs if cells[i][at : at + 2] != cell)
        yield f"timeline.sqlite row {place}: {what}" + (f" ({words})" if words else "")
    for k, one in enumerate(now):
        if len(now) == len(cells) and one[2] != number(k):
            yield f"timeline.sqlite row {number(k)}: its number is {one[2]} now"


def folder_differs(folder, statement, since=""):
    """``since`` an earlier stop: the run must go on from it, rows, frames and lines are only ever added."""
    files = statement["predicate"]["files"]
    growing = set(files) - {"run.yaml"} if since else set(statement["predicate"]["facts"].get("growing", ()))
    digests = {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}
    found = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    there = {path.relative_to(folder).as_posix(): path.is_symlink() or not path.is_file() for path in found}
    for name, odd in there.items() if not since else ():
        if odd or (name not in files and name not in growing and not NOT_COVERED.fullmatch(name)):
            yield f"{name}: {'is no plain file' if odd else 'added after sealing'}"
    gone = growing & {"watchdog.json"}  # goes when the watchdog goes
    for name in [name for name in files if name not in gone and (EVIDENCE.fullmatch(name) or not since)]:
        if name not in there:
            yield f"{name}: removed{since}"
        elif not there[name]:
            lines = list(file_differs(folder, name, files[name], digests[name], name in growing))
            lines = lines[:20] + ([f"{name}: more differences: {len(lines) - 20}"] if lines[20:] else [])
            yield from (line + since for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--key", type=Path, help="the public key that must have signed (PEM)")
    asked = parser.parse_args()
    try:
        expected = public_key(asked.key.read_text())[1] if asked.key else None
        names = [path.name for path in asked.run.iterdir()]
    except (OSError, ValueError) as error:
        print(f"{asked.key or asked.run}: {error}", file=sys.stderr)
        return 2
    if "manifest.json" not in names:
        print(f"{asked.run}: no manifest.json: not sealed")
        return 4
    earlier = sorted(asked.run.glob("seals/*.json"), key=lambda path: (len(path.name), path.name))
    (altered, unsigned), judged = ([], []), [one / "manifest.json" for one in sorted(asked.run.glob("judged/*"))]
    for path in [asked.run / "manifest.json", *judged, *earlier]:
        name, since = path.relative_to(asked.run).as_posix(), f" since seals/{path.name}" if path in earlier else ""
        folder, prefix = (asked.run, "") if since else (path.parent, name.removesuffix("manifest.json"))
        try:
            statement, signer = read_manifest(path)
            altered += [prefix + line for line in folder_differs(folder, statement, since)]
            if expected and signer and signer != expected:
                altered.append(f"{name}: signed by {signer}; expected {expected}")
            elif not signer and not since:
                unsigned.append(f"{name}: not signed; whoever altered the run could have sealed it anew")
            elif not since:
                print(f"{name}: {len(statement['subject'])} files, signed by {signer}")
        except (OSError, Damaged) as error:
            altered.append(f"{name}: {error}")
    for line in [f"ALTERED: {line}" for line in altered] + [f"NOT PROVEN: {line}" for line in unsigned]:
        print(line.encode("utf-8", "backslashreplace").decode())
    print("ALTERED" if altered else "NOT PROVEN" if unsigned else "AS IT WAS SEALED")
    return 1 if altered else 4 if unsigned else 0


if __name__ == "__main__":
    sys.exit(main())
