#!/usr/bin/env python3
"""The test of checker.py: it finds one loss, one duplicate, one swap and one leak, and nothing in a clean run.

Needs no Kafka: what a run would have left there is made from what file mode wrote, spread over partitions.
"""

import collections
import json
import time
import zlib

import checker
import documented
import equal_runs
import harness

PARTITIONS = 4

tap = harness.Tap()
work = harness.directory("planted_faults")
now_ms = int(time.time() * 1000)


class Topic:
    """Gives records places, as a topic would."""

    def __init__(self):
        self.ends = collections.Counter()
        self.records = []

    def add(self, key, value, headers=None):
        partition = zlib.crc32((key or "").encode()) % PARTITIONS
        self.records.append({"partition": partition, "offset": self.ends[partition], "timestamp": now_ms, "key": key,
                             "value": value, "headers": headers or {}})
        self.ends[partition] += 1
        return partition, self.ends[partition] - 1


def text(value):
    return None if value is None else json.dumps(value)


def events_topic():
    """The events, and (partition, offset) of each line."""
    topic, places, keys = Topic(), [], []
    with open(work / "events.keyed", "rb") as events:
        for line in events:
            key, value = line.rstrip(b"\n").split(b"\t", 1)
            keys.append(key.decode())
            places.append(topic.add(keys[-1], {"hex": value.hex()}))
    return topic.records, places, keys


def clean_run(reference, config):
    """The files of a run, by name, as lists of records."""
    events, places, keys = events_topic()
    files = {"events.jsonl": events}
    topics = collections.defaultdict(Topic)
    for record in checker.read_lines(reference / "out.jsonl"):
        dead = "clickveil-reason" in record.get("headers", {})
        name = "dead_letters" if dead else f"feed.{record['topic']}.committed"
        topics[name].add(record["key"], "sealed" if dead else text(record["value"]), record.get("headers"))
    for feed in config["publish"]["feeds"]:
        committed = topics[f"feed.{feed['topic']}.committed"].records
        topics[f"feed.{feed['topic']}.uncommitted"].records = [dict(record) for record in committed]
    for key, value in checker.Reference(reference).state:
        state = topics["state"]
        partition, _ = state.add(key.hex(), {"hex": value.hex()})
        state.records[-1]["key"] = {"hex": key.hex()}
        if partition == 0 and len(state.records) % 10 == 0:
            state.add("position", "{}")
    for role in checker.ROLES:
        for record in checker.read_lines(reference / f"between.{role}.jsonl"):
            partition, offset = places[int(record["headers"]["clickveil-origin"].split(":")[1])]
            topics[f"between.{role}"].add(record["key"], text(record["value"]),
                                          {"clickveil-origin": f"{partition}:{offset}"})
    files.update({f"{name}.jsonl": topic.records for name, topic in topics.items()})
    return files, keys


def write(files, keys):
    run = work / "run"
    run.mkdir(exist_ok=True)
    for name, records in files.items():
        (run / name).write_text("".join(json.dumps(record) + "\n" for record in records))
    (run / "order.json").write_text(json.dumps(keys))
    return run


def changed(files, name, change):
    """The files, with that one's records in a list of their own that `change` may change."""
    planted = dict(files)
    planted[name] = [dict(record) for record in files[name]]
    change(planted[name])
    return planted


# ---- faults ----


def lose(records):
    del records[len(records) // 2]


def double(records):
    twin = dict(records[len(records) // 2])
    twin["offset"] = 1 + max(record["offset"] for record in records if record["partition"] == twin["partition"])
    records.append(twin)


def swap(records):
    """Two records of one key change places."""
    first = {}
    for record in records:
        other = first.setdefault(record["key"], record)
        if other is not record:
            for part in ("value", "headers"):
                other[part], record[part] = record[part], other[part]
            return
    raise AssertionError("no key has two records")


def alter(records):
    record = records[len(records) // 3]
    record["value"] = json.dumps(dict(json.loads(record["value"]), time=1))


def invent(records):
    records[0]["headers"] = {"clickveil-origin": "0:999999"}


def recount(step):
    def change(records):
        """The last count of one person's state becomes another."""
        for record in reversed(records):
            value = record["value"]
            if not isinstance(value, dict) or value["hex"].endswith(("7f", "00")):
                continue
            if not documented.is_person_key(checker.bytes_of(record["key"])):
                continue
            raw = bytearray.fromhex(value["hex"])
            if documented.person(bytes(raw))["counts"] and 1 < raw[-1] < 0x7e:
                raw[-1] += step
                record["value"] = {"hex": raw.hex()}
                return
        raise AssertionError("nobody has a count that can be changed")
    return change


def lose_letter(records):
    records.pop()


def change_value(records):
    for record in records:
        value = json.loads(record["value"])
        if value["user"]["data"][0]["segment"]:
            value["user"]["data"][0]["segment"].pop()
            record["value"] = json.dumps(value)
            return


def leak(never):
    def change(records):
        records.append(dict(records[0], key=never[0], offset=99999))
    return change


def leak_then_tombstone(never):
    def change(records):
        records.append(dict(records[0], key=never[0], offset=99998))
        records.append(dict(records[0], key=never[0], offset=99999, value=None))
    return change


def main():
    config = harness.configuration(work, "", "localhost:9")
    harness.make_keys(work, config)
    harness.generate(work, 3000, 120, 7, "--bad-share", "0.01")
    reference = equal_runs.make_reference(work, config, now_ms, checker.ROLES)
    equal_runs.write_never(work, reference, config, now_ms)
    never = json.loads((reference / "never.json").read_text())
    user, device = config["publish"]["feeds"][0]["topic"], config["publish"]["feeds"][1]["topic"]
    files, keys = clean_run(reference, config)

    faults = checker.check(reference, write(files, keys))
    tap.ok("checker_finds_nothing_in_a_clean_run", not faults, "\n".join(faults.report()))
    plan = [
        # name, file, what is done to it, kinds that must be reported and no other
        ("a_loss_behind_consent", "between.consent_out.jsonl", lose, {"loss"}),
        ("a_loss_behind_pseudonymize", "between.pseudonymize_out.jsonl", lose, {"loss"}),
        ("a_loss_behind_classify", "between.classify_out.jsonl", lose, {"loss"}),
        ("a_loss_in_the_counts", "state.jsonl", recount(-1), {"state"}),
        ("a_loss_of_a_person", "state.jsonl", lose, {"state"}),
        ("a_loss_of_a_dead_letter", "dead_letters.jsonl", lose_letter, {"dead_letters", "books"}),
        ("a_loss_of_an_id", f"feed.{user}.committed.jsonl", lose, {"feed"}),
        ("a_loss_of_an_interest", f"feed.{user}.committed.jsonl", change_value, {"feed"}),
        ("a_duplicate_behind_consent", "between.consent_out.jsonl", double, {"duplicate"}),
        ("a_duplicate_behind_classify", "between.classify_out.jsonl", double, {"duplicate"}),
        ("a_duplicate_in_the_counts", "state.jsonl", recount(+1), {"state"}),
        ("a_duplicate_of_a_dead_letter", "dead_letters.jsonl", double, {"dead_letters", "books"}),
        ("a_swap_behind_consent", "between.consent_out.jsonl", swap, {"order"}),
        ("a_swap_behind_classify", "between.classify_out.jsonl", swap, {"order"}),
        ("a_leak", f"feed.{user}.committed.jsonl", leak(never[user]), {"leak", "feed"}),
        ("a_leak_of_a_device", f"feed.{device}.committed.jsonl", leak(never[device]), {"leak", "feed"}),
        ("a_leak_in_an_aborted_transaction", f"feed.{user}.uncommitted.jsonl", leak(never[user]), {"leak"}),
        ("a_leak_behind_which_a_tombstone_stands", f"feed.{user}.committed.jsonl", leak_then_tombstone(never[user]),
         {"leak"}),
        ("a_changed_record", "between.pseudonymize_out.jsonl", alter, {"value"}),
        ("a_record_from_nowhere", "between.consent_out.jsonl", invent, {"origin", "loss"}),
    ]
    for name, file, plant, kinds in plan:
        with tap.case(f"checker_finds_{name}"):
            faults = checker.check(reference, write(changed(files, file, plant), keys))
            harness.require(faults.kinds() == kinds,
                            lambda: f"reported {sorted(faults.kinds())}, not {sorted(kinds)}\n"
                                    + "\n".join(faults.report()))
    tap.end()


if __name__ == "__main__":
    main()
