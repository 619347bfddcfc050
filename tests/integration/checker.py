#!/usr/bin/env python3
"""Checks that a run on Kafka equals a run over files, by the definition of equal runs in the specification.

    checker.py --reference DIR --run DIR

Both directories hold JSON lines, a file each by role; those of the reference are what file mode wrote, those of the run
what `kafka_tool dump` printed.

    reference/out.jsonl                  feeds and dead letters
    reference/internal.jsonl             the changelog
    reference/between.ROLE.jsonl         the topic of that role, where the chain was cut behind that stage; optional
    reference/summary.json               the books of file mode
    reference/never.json                 {feed topic: [IDs of people who must not be in it]}, {"lines": [pseudonyms]}
    run/events.jsonl                     the input topic
    run/order.json                       keys of the input in the order of the file, by which lines and offsets are paired
    run/feed.TOPIC.ISOLATION.jsonl       feeds, read committed and uncommitted
    run/state.jsonl                      the changelog
    run/dead_letters.jsonl
    run/between.ROLE.jsonl               topics between stages; only those for which the reference has one

Reported, a line each: `loss`, `duplicate`, `order`, `origin` (a record that should not be there) and `value` of records
between stages, by their origin; `feed` and `state` where the last value of a key differs; `dead_letters` by reason;
`books`; `leak`: somebody is where they must not be. Exit status 0: equal; 1: not.
"""

import argparse
import base64
import collections
import json
import pathlib
import sys

import documented

ROLES = ("consent_out", "pseudonymize_out", "classify_out")
REPORTED_MAX = 20  # of a kind


class Faults:
    def __init__(self):
        self.lines = collections.defaultdict(list)

    def add(self, kind, text):
        self.lines[kind].append(text)

    def kinds(self):
        return set(self.lines)

    def report(self):
        out = []
        for kind, lines in self.lines.items():
            out += [f"{kind}: {line}" for line in lines[:REPORTED_MAX]]
            if len(lines) > REPORTED_MAX:
                out.append(f"{kind}: and {len(lines) - REPORTED_MAX} more")
        return out

    def __bool__(self):
        return bool(self.lines)


def read_lines(path):
    with open(path, "rb") as lines:
        return [json.loads(line) for line in lines]


def bytes_of(field):
    """A field of a dump: text, or what is no UTF-8 in hexadecimal."""
    if field is None:
        return None
    return bytes.fromhex(field["hex"]) if isinstance(field, dict) else field.encode()


def last_values(records):
    """The state of a compacted topic: key -> value, without what a tombstone ended."""
    state = {}
    for key, value in records:
        state.pop(key, None)
        if value is not None:
            state[key] = value
    return state


def short(key):
    return key if isinstance(key, str) else key.hex()


def difference(found, expected):
    if not isinstance(found, dict) or not isinstance(expected, dict):
        return f"{found!r}, not {expected!r}"
    return "; ".join(f"{part} {found.get(part)!r}, not {expected.get(part)!r}"
                     for part in sorted(found.keys() | expected.keys()) if found.get(part) != expected.get(part))


def compare_states(faults, kind, where, reference, run):
    for key in reference.keys() - run.keys():
        faults.add(kind, f"{where}: {short(key)} is missing")
    for key in run.keys() - reference.keys():
        faults.add(kind, f"{where}: {short(key)} should not be there")
    for key in reference.keys() & run.keys():
        if reference[key] != run[key]:
            faults.add(kind, f"{where}: {short(key)} has {difference(run[key], reference[key])}")


# ---- what file mode wrote ----


class Reference:
    def __init__(self, directory):
        self.feeds = collections.defaultdict(list)
        self.reasons = collections.Counter()
        for record in read_lines(directory / "out.jsonl"):
            if "clickveil-reason" in record.get("headers", {}):
                self.reasons[record["headers"]["clickveil-reason"]] += 1
            else:
                self.feeds[record["topic"]].append((record["key"], record["value"]))
        self.state = []
        for record in read_lines(directory / "internal.jsonl"):
            key, value = record["key"], record["value"]
            between = record.get("headers") or record["topic"].endswith("retractions")
            if key is not None and not between:
                self.state.append((base64.b64decode(key), None if value is None else base64.b64decode(value)))
        self.summary = json.loads((directory / "summary.json").read_text())
        never = directory / "never.json"
        self.never = json.loads(never.read_text()) if never.exists() else {}
        self.between = {}
        for role in ROLES:
            path = directory / f"between.{role}.jsonl"
            if path.exists():
                self.between[role] = read_lines(path)


# ---- the parts ----


def pair_lines(events, order):
    """(partition, offset) -> number of the line in the file. Keys keep their order, so the nth event of a key is its nth
    line."""
    lines_of = collections.defaultdict(collections.deque)
    for number, key in enumerate(order):
        lines_of[key].append(number)
    paired = {}
    for event in sorted(events, key=lambda event: (event["partition"], event["offset"])):
        paired[(event["partition"], event["offset"])] = lines_of[event["key"]].popleft()
    return paired


def check_between(faults, role, reference, run, line_of):
    expected = {}
    for record in reference:
        line = int(record["headers"]["clickveil-origin"].split(":")[1])
        expected[line] = (record["key"], record["value"])
    seen, newest = set(), {}
    for record in sorted(run, key=lambda record: (record["partition"], record["offset"])):
        where = f"{role}[{record['partition']}]@{record['offset']}"
        partition, offset = map(int, record["headers"]["clickveil-origin"].split(":"))
        line = line_of.get((partition, offset))
        if line not in expected:
            faults.add("origin", f"{where} comes from {partition}:{offset}, which is not kept")
            continue
        if line in seen:
            faults.add("duplicate", f"{where} comes from {partition}:{offset}, as another record does")
            continue
        seen.add(line)
        key, value = expected[line]
        if record["key"] != key or json.loads(record["value"]) != value:
            faults.add("value", f"{where}, from {partition}:{offset}, differs from what file mode makes of it")
        if newest.get(record["key"], -1) > offset:
            faults.add("order", f"{where}, from {partition}:{offset}, stands behind a later record of its key")
        newest[record["key"]] = max(newest.get(record["key"], -1), offset)
    origins = {line: place for place, line in line_of.items()}
    for line in sorted(expected.keys() - seen):
        faults.add("loss", f"{role}: nothing comes from {origins[line][0]}:{origins[line][1]}")


def check_feeds(faults, reference, directory):
    topics = {path.name[len("feed."):-len(".committed.jsonl")] for path in directory.glob("feed.*.committed.jsonl")}
    for topic in sorted(topics | reference.feeds.keys()):
        expected = last_values(reference.feeds.get(topic, []))
        for isolation in ("committed", "uncommitted"):
            path = directory / f"feed.{topic}.{isolation}.jsonl"
            records = read_lines(path) if path.exists() else []
            never = set(reference.never.get(topic, []))
            for record in records:
                if record["key"] in never:
                    faults.add("leak", f"{topic}[{record['partition']}]@{record['offset']}, read {isolation}, "
                                       "is about somebody who must not be in it")
            if isolation == "committed":
                found = last_values((record["key"], record["value"] and json.loads(record["value"]))
                                    for record in records)
                compare_states(faults, "feed", topic, expected, found)


def persons(records):
    """Of a changelog only the persons; positions and the slots that were served are a run's own."""
    state = last_values((key, value) for key, value in records if documented.is_person_key(key))
    return {key: documented.person(value) for key, value in state.items()}


def check_state(faults, reference, records):
    partition_of = {}
    for record in records:
        key = bytes_of(record["key"])
        if documented.is_person_key(key) and partition_of.setdefault(key, record["partition"]) != record["partition"]:
            faults.add("state", f"{key.hex()} is in two partitions")
    found = persons((bytes_of(record["key"]), bytes_of(record["value"])) for record in records)
    compare_states(faults, "state", "changelog", persons(reference.state), found)
    never = {bytes.fromhex(line) for line in reference.never.get("lines", [])}
    for key in found:
        if key[-16:] in never:
            faults.add("leak", f"changelog: {key.hex()} is about somebody who must not be in it")


def check_dead_letters(faults, reference, records):
    found = collections.Counter(record["headers"]["clickveil-reason"] for record in records)
    for reason in sorted(found.keys() | reference.reasons.keys()):
        if found[reason] != reference.reasons[reason]:
            faults.add("dead_letters", f"{reason}: {found[reason]}, not {reference.reasons[reason]}")


def check_books(faults, reference, events, dead_letters):
    summary = reference.summary
    dropped, dead = sum(summary["dropped"].values()), sum(summary["dead_letters"].values())
    if summary["in"] != summary["kept"] + dropped + dead:
        faults.add("books", f"file mode: {summary['in']} in, {summary['kept']} + {dropped} + {dead}")
    if events != summary["in"]:
        faults.add("books", f"{events} events on the topic, {summary['in']} in the file")
    if dead_letters != dead:
        faults.add("books", f"{dead_letters} dead letters, not {dead}")


def check(reference_directory, run_directory):
    faults = Faults()
    reference, run = Reference(pathlib.Path(reference_directory)), pathlib.Path(run_directory)
    events = read_lines(run / "events.jsonl")
    dead_letters = read_lines(run / "dead_letters.jsonl")
    check_feeds(faults, reference, run)
    check_state(faults, reference, read_lines(run / "state.jsonl"))
    check_dead_letters(faults, reference, dead_letters)
    check_books(faults, reference, len(events), len(dead_letters))
    line_of = None
    for role in ROLES:
        path = run / f"between.{role}.jsonl"
        if role in reference.between and path.exists():
            line_of = line_of or pair_lines(events, json.loads((run / "order.json").read_text()))
            check_between(faults, role, reference.between[role], read_lines(path), line_of)
    return faults


def main():
    arguments = argparse.ArgumentParser(description="Compares a run on Kafka with a run over files.")
    arguments.add_argument("--reference", required=True)
    arguments.add_argument("--run", required=True)
    given = arguments.parse_args()
    faults = check(given.reference, given.run)
    for line in faults.report():
        print(line)
    print("different" if faults else "equal")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
