#!/usr/bin/env python3
"""Checks the list, the draw and the order of a waiting room's record, as docs/waiting-room.md explains them:
python3 tests/queue_verify.py record.ndjson"""
import hashlib, json, sys, uuid

def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def number_at(place):
    """The entry at a place: the Feistel network backwards, until it meets a number of the list."""
    value, half = place, max(1, (max(0, count - 1).bit_length() + 1) // 2)
    while place < count:
        left, right = value >> half, value % 2**half
        for turn in reversed(range(8)):
            mix = sha256(seed, bytes([turn]), left.to_bytes(4, "big"))[:4]
            left, right = right ^ int.from_bytes(mix, "big") % 2**half, left
        value = left << half | right
        if value < count:
            return value
    return place  # those who came after the draw, in the order of their arrival

def check(holds, what):
    if not holds:
        sys.exit(f"{sys.argv[1]}, line {at}: {what}")

def move(numbers, to):
    for number in numbers:
        if state[number] == "ahead":
            ahead.remove(number)
        state[number] = to
        if to == "ahead":
            ahead.append(number)

ids, state, ahead, served, count, seed, kind = [], [], [], 0, None, None, None
chain = sha256(b"admitone-queue-1")
for at, line in enumerate(map(json.loads, open(sys.argv[1], encoding="utf-8")), 1):
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
        move(turn, "inside")
        served = line["next"]
    elif kind in ("returned", "setAside", "left", "voided"):
        numbers = line["numbers"] if "numbers" in line else [line["number"]]
        check("inside" not in [state[number] for number in numbers] or kind == "voided", "not waiting")
        move(numbers, {"returned": "ahead", "setAside": "aside"}.get(kind, "gone"))
    elif kind == "complete":
        check(line["lines"] == at - 1, "lines are missing")
check(kind == "complete", "the record breaks off here")
print(f"ok: {len(ids)} entries, the line is served up to place {served}")
