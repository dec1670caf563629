#!/usr/bin/env python3
"""Checks the list, the draw and the order of a waiting room's record, as docs/waiting-room.md explains them:
python3 tests/queue_verify.py record.ndjson [--entry ID]"""
import argparse, hashlib, json, sys, uuid

def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def walk(value, rounds, swap):
    """The Feistel network, again until it meets a number of the list. Backwards it is the same with swapped halves."""
    if value >= count:
        return value  # those who came after the draw, in the order of their arrival
    half = max(1, (max(0, count - 1).bit_length() + 1) // 2)
    while True:
        left, right = swap(value >> half, value % 2**half)
        for turn in rounds:
            mix = sha256(seed, bytes([turn]), right.to_bytes(4, "big"))[:4]
            left, right = right, left ^ int.from_bytes(mix, "big") % 2**half
        left, right = swap(left, right)
        value = left << half | right
        if value < count:
            return value

def place_of(number):
    return walk(number, range(8), lambda left, right: (left, right))

def number_at(place):
    return walk(place, range(7, -1, -1), lambda left, right: (right, left))

def check(holds, what):
    if not holds:
        sys.exit(f"{asked.file}, line {at}: {what}")

def move(numbers, to):
    for number in numbers:
        if state[number] == "ahead":
            ahead.remove(number)
        state[number] = to
        if to == "ahead":
            ahead.append(number)

parser = argparse.ArgumentParser(description="Checks the record of a waiting room.")
parser.error = lambda what: parser.exit(2, f"{parser.prog}: {what}\n")
parser.add_argument("file", help="the record")
parser.add_argument("--entry", type=uuid.UUID, metavar="ID", help="also print what became of this entry")
asked = parser.parse_args()

ids, state, ahead, admitted = [], [], [], {}
at, served, count, seed, kind = 0, 0, None, None, None
chain = sha256(b"admitone-queue-1")
try:
    for at, text in enumerate(filter(str.strip, open(asked.file, encoding="utf-8")), 1):
        line = json.loads(text)
        check(kind != "complete" and (line["type"] == "queue") == (at == 1), "a record has one queue")
        kind = line["type"]
        if kind in ("queue", "rules"):
            promise = (line["commitment"], line["rules"]["publicSource"])
            check(count is None or seed or promise == promised, "another promise after the close")
            promised = promise
        elif kind in ("entered", "prioritised"):
            move(line.get("numbers", []), "ahead")
            check(line["from"] == len(ids), f"entry {len(ids)} is missing")
            for entry in line["entries"]:
                ids.append(entry)
                state.append("line")
                chain = sha256(chain, uuid.UUID(entry).bytes)
            if kind == "prioritised":
                move(range(line["from"], len(ids)), "ahead")
        elif kind == "closed":
            check(count is None, "a second close")
            count, root = len(ids), chain
            seed = b"nobody to draw for" if count == 0 else None
            check((line["count"], line["root"]) == (count, root.hex()), "not the hash of this list")
        elif kind == "drawn":
            secret, value = bytes.fromhex(line["secret"]), line["publicValue"]
            check(count is not None and not seed, "a draw before the close, or a second one")
            check(sha256(secret).hex() == promised[0], "not the secret that was committed to")
            check(bool(value) == bool(promised[1]), "a public value that was not announced, or none")
            seed = sha256(b"admitone-draw-1", secret, root, value.encode())
            check(seed.hex() == line["seed"], "not the seed of this secret, list and value")
        elif kind == "admitted":
            check(seed, "an admission before the draw")
            check(served <= line["next"] <= len(ids), "the line goes on where it cannot")
            first = [one["number"] for one in line["admitted"] if one["lane"] != "LINE"]
            places = [number_at(place) for place in range(served, line["next"])]
            turn = ahead[:len(first)] + [number for number in places if state[number] == "line"]
            check(turn == [one["number"] for one in line["admitted"]], "these were not next")
            check(first == ahead or line["next"] == served, "the line went on before those ahead of it")
            for one in line["admitted"]:
                check(ids[one["number"]] == one["entry"], "a number with another id")
                check(number_at(one["place"]) == one["number"], "a number with another place")
                admitted[one["number"]] = (line["at"], one["lane"], one.get("label"))
            move(turn, "inside")
            served = line["next"]
        elif kind in ("returned", "setAside", "left", "voided"):
            numbers = line["numbers"] if "numbers" in line else [line["number"]]
            check("inside" not in [state[number] for number in numbers] or kind == "voided", "not waiting")
            move(numbers, {"returned": "ahead", "setAside": "aside"}.get(kind, "gone"))
        elif kind == "complete":
            check(line["lines"] == at - 1, "lines are missing")
except OSError as error:
    parser.error(f"cannot read {asked.file}: {error.strerror}")
except Exception as error:
    check(False, f"it is not a line of a record: {type(error).__name__}: {error}")
check(kind == "complete", "the record breaks off here")
print(f"ok: {len(ids)} entries, the line is served up to place {served}")
if asked.entry:
    if str(asked.entry) not in ids:
        sys.exit(f"no entry of this queue has the id {asked.entry}")
    number = ids.index(str(asked.entry))
    place = f"place {place_of(number)} of the line" if seed else "no place drawn"
    when, lane, label = admitted.get(number, (None, None, None))
    why = "at its place" if lane == "LINE" else f"ahead of the line ({label or 'it came back'})"
    admission = f"admitted at {when} {why}" if when else "not admitted"
    print(f"entry {asked.entry}: number {number}, {place}, {admission}")
