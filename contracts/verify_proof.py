#!/usr/bin/env python3
"""Checks a `.tlog-proof` file or a whole audit log of Schleuse without Schleuse, with Python's standard library alone.

    verify_proof.py receipt.tlog-proof --vkey KEY [--entry FILE] [--witness KEY ... --need N]
    verify_proof.py DIR/audit          --vkey KEY                [--witness KEY ... --need N]

`--vkey` is the log's public key, kept where the house cannot write; each `--witness` that of somebody who watches the
log; `--need` how many of these must have signed (all, if left out). Keys are given as text or as a file. Exit code 0:
right, 4: wrong, with the reason. Read it top-down: RFC 8032 (Ed25519), then the formats of c2sp.org: signed-note,
tlog-checkpoint, tlog-cosignature, tlog-proof, tlog-tiles; the tree is that of RFC 6962 section 2.1."""
import argparse, base64, hashlib, os, sys

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P

def add(p, q):  # RFC 8032 section 5.1.4; points are (X, Y, Z, T)
    a, b = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0])
    c, d = 2 * p[3] * q[3] * D, 2 * p[2] * q[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P
def times(scalar, point):
    result = (0, 1, 1, 0)
    for bit in bin(scalar)[2:]:
        result = add(result, result)
        result = add(result, point) if bit == "1" else result
    return result
def point_of(data):  # RFC 8032 section 5.1.3
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    demand(len(data) == 32 and y < P and x * x % P == square and (x or not sign), "not a point of Ed25519's curve")
    x = x if x & 1 == sign else P - x
    return x, y, 1, x * y % P
def is_signed(key, message, signature):  # RFC 8032 section 5.1.7
    demand(len(signature) == 64, "not a signature of 64 bytes")
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    base = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    k = int.from_bytes(hashlib.sha512(r + key + message).digest(), "little") % L
    one, two = times(s, base), add(point_of(r), times(k, point_of(key)))
    return s < L and not any((one[i] * two[2] - two[i] * one[2]) % P for i in (0, 1))

def demand(condition, problem):
    if not condition:
        raise ValueError(problem)
def unbase64(text):
    data = base64.b64decode(text, validate=True)
    demand(base64.b64encode(data).decode() == text, "base64 in an unusual spelling")
    return data
def read(path):
    return open(path, "rb").read().decode()

def key_of(text, kind):  # `NAME+ID+BASE64`; the first byte says what it signs: 1 checkpoints, 4 cosignatures
    name, key_id, key = (read(text) if os.path.isfile(text) else text).strip().split("+", 2)
    key = unbase64(key)
    digest = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    demand(len(key) == 33 and key[0] == kind and digest.hex() == key_id, "not a public key of this kind: " + name)
    return name, digest, key[1:]

def signatures_by(key, lines):
    start = "— " + key[0] + " "
    signatures = [unbase64(line[len(start):]) for line in lines if line.startswith(start)]
    return [signature[4:] for signature in signatures if signature[:4] == key[1]]
def read_checkpoint(note, log, witnesses, need):  # its size and root, once its signatures are found right
    text, _, signatures = note.rpartition("\n\n")
    text, lines = text + "\n", signatures.split("\n")
    demand(lines.pop() == "" and all(line.startswith("— ") for line in lines), "a line is no signature")
    origin, size, root = text.split("\n")[:3]
    demand(origin == log[0], "the checkpoint is not of the log " + log[0])
    demand(size.isdecimal() and str(int(size)) == size, "the checkpoint names no size")
    own = signatures_by(log, lines)
    demand(own and all(is_signed(log[2], text.encode(), each) for each in own), "the log's signature is not right")
    signed = set()
    for name, key_id, key in witnesses:
        for each in signatures_by((name, key_id), lines):
            message = f"cosignature/v1\ntime {int.from_bytes(each[:8], 'big')}\n{text}".encode()
            demand(is_signed(key, message, each[8:]), "the signature of a witness is wrong: " + name)
            signed.add(key)
    demand(len(signed) >= need, f"{need} witnesses must have signed, and {len(signed)} have")
    return int(size), unbase64(root)

def leaf(entry):  # RFC 6962 section 2.1, and so is the next
    return hashlib.sha256(b"\0" + entry).digest()
def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()
def root_of(path, index, size, value):  # RFC 9162 section 2.1.3.2
    last = size - 1
    for sibling in path:
        demand(last > 0 and len(sibling) == 32, "the path does not fit the tree")
        if index & 1 or index == last:
            value = node(sibling, value)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            value = node(value, sibling)
        index, last = index >> 1, last >> 1
    demand(last == 0, "the path does not fit the tree")
    return value

def check_proof(path, entry, keys):
    head, _, note = read(path).partition("\n\n")
    first, *lines = head.split("\n")
    demand(first == "c2sp.org/tlog-proof@v1", "not a .tlog-proof file")
    extra = unbase64(lines.pop(0)[6:]) if lines and lines[0].startswith("extra ") else None
    entry = extra if entry is None else entry
    demand(entry is not None, "the proof does not hold its entry; name it with --entry")
    demand(lines and lines[0][6:].isdecimal() and lines[0] == f"index {int(lines[0][6:])}", "the proof names no index")
    index, path = int(lines[0][6:]), [unbase64(line) for line in lines[1:]]
    size, root = read_checkpoint(note, *keys)
    demand(index < size and root_of(path, index, size, leaf(entry)) == root, "the entry is not in the signed tree")
    return f"right: entry {index} of {size} in {keys[0][0]}\n{entry.decode()}"

def check_log(folder, keys):
    size, root = read_checkpoint(read(os.path.join(folder, "checkpoint.cosigned" if keys[1] else "checkpoint")), *keys)
    level = []
    for tile in range((size + 255) // 256):
        path, rest = f"{tile % 1000:03}", tile // 1000
        while rest:
            path, rest = f"x{rest % 1000:03}/{path}", rest // 1000
        path = os.path.join(folder, "tile", "entries", path)
        if not os.path.exists(path):  # the last one is not full yet; it may hold more than a cosigned tree does
            path = os.path.join(path + ".p", max(os.listdir(path + ".p"), key=int))
        bundle = open(path, "rb").read()
        for _ in range(min(256, size - len(level))):
            end = 2 + int.from_bytes(bundle[:2], "big")
            demand(len(bundle) >= max(end, 2), f"{path} ends before entry {len(level)}")
            level.append(leaf(bundle[2:end]))
            bundle = bundle[end:]
    while len(level) > 1:
        pairs = [level[i:i + 2] for i in range(0, len(level), 2)]
        level = [node(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    demand((level or [hashlib.sha256().digest()])[0] == root, "the entries do not give the signed root")
    return f"right: {size} entries in {keys[0][0]}"

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
for name, kind in {"what": {}, "--vkey": {"required": True}, "--entry": {"type": argparse.FileType("rb")},
                   "--witness": {"action": "append", "default": []}, "--need": {"type": int}}.items():
    parser.add_argument(name, **kind)
asked = parser.parse_args()
try:
    witnesses = [key_of(text, 4) for text in asked.witness]
    keys = key_of(asked.vkey, 1), witnesses, len(witnesses) if asked.need is None else asked.need
    if os.path.isdir(asked.what):
        print(check_log(asked.what, keys))
    else:
        print(check_proof(asked.what, asked.entry and asked.entry.read(), keys))
except (OSError, ValueError) as problem:
    sys.exit(print("wrong:", problem, file=sys.stderr) or 4)
