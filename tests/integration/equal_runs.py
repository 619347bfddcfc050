"""A run over files as the reference, and the dumps of a run on Kafka beside it, in the form that checker.py compares."""

import collections
import json

import checker
import documented
import harness


def opted_out(work):
    """Lines (canonical) with an `out` of their own or of their account, and those without, from the generated sample."""
    newest = {}
    for record in checker.read_lines(work / "consent.jsonl"):
        order = (record["value"]["effective"], record["value"].get("seq", 0))
        if record["key"] not in newest or order > newest[record["key"]][0]:
            newest[record["key"]] = (order, record["value"]["choices"])
    out = {key for key, (_, choices) in newest.items() if "out" in choices.values()}
    lines = {documented.line_of(key[len("line:"):]) for key in out if key.startswith("line:")}
    accounts = {key[len("account:"):] for key in out if key.startswith("account:")}
    everybody, devices = set(), collections.defaultdict(set)
    with open(work / "events.jsonl", "rb") as events:
        for text in events:
            try:
                event = json.loads(text)
                line = documented.line_of(event["subscriber"])
                if event["account"] in accounts:
                    lines.add(line)
                everybody.add(line)
                device = event.get("device")
                if device and documented.device_of(device["kind"], device["id"]):
                    devices[(device["kind"], documented.device_of(device["kind"], device["id"]))].add(line)
            except (ValueError, KeyError, TypeError, AttributeError):
                continue # one of the bad ones
    only_out = {device for device, of in devices.items() if of <= lines}
    return lines & everybody, everybody, only_out


def write_never(work, reference, config, now_ms):
    """never.json: who opted out, as pseudonyms and as IDs of every feed and epoch that the sample can reach."""
    lines, everybody, devices = opted_out(work)
    key = documented.key_of(work / "secrets/pseudonym.key")
    chain = documented.chain_of(work / "secrets/publish.key")
    line_pseudonyms = [documented.pseudonym(key, "line", "e164", line) for line in sorted(lines)]
    device_pseudonyms = [documented.pseudonym(key, "device", kind, name) for kind, name in sorted(devices)]
    epoch = documented.epoch_of(now_ms)
    never = {"lines": [line.hex() for line in line_pseudonyms]}
    for feed in config["publish"]["feeds"]:
        of = line_pseudonyms if feed["id"] == "user" else device_pseudonyms
        never[feed["topic"]] = [documented.feed_id(chain, feed, e, p) for e in (epoch - 1, epoch, epoch + 1) for p in of]
    (reference / "never.json").write_text(json.dumps(never))
    return len(lines), len(everybody)


def make_reference(work, config, now_ms, cuts=()):
    """File mode over the sample; with the topics behind the stages in `cuts` too."""
    events, consent = work / "events.jsonl", work / "consent.jsonl"
    whole = harness.merge(config, {"stages": harness.STAGES})
    reference = harness.run_files(work, "reference", whole, events, consent, now_ms)
    for role, stage in zip(checker.ROLES, harness.STAGES):
        if role not in cuts:
            continue
        part = harness.merge(config, {"stages": harness.STAGES[:harness.STAGES.index(stage) + 1]})
        out = harness.run_files(work, f"reference-{stage}", part, events, consent, now_ms)
        topic = config["topics"][role]
        with open(reference / f"between.{role}.jsonl", "w", encoding="utf-8") as between:
            for record in checker.read_lines(out / "internal.jsonl"):
                if record["topic"] == topic:
                    between.write(json.dumps(record) + "\n")
    return reference


def collect(work, name, config, prefix, bootstrap, cuts=()):
    """Dumps what a run left on Kafka; topics lose their prefix, so that runs share one reference."""
    out = work / name
    out.mkdir(exist_ok=True)
    names = config["topics"]
    harness.dump(bootstrap, names["events"], path=out / "events.jsonl")
    harness.dump(bootstrap, names["state"], path=out / "state.jsonl")
    harness.dump(bootstrap, names["dead_letters"], path=out / "dead_letters.jsonl")
    for feed in config["publish"]["feeds"]:
        for isolation in ("committed", "uncommitted"):
            topic = feed["topic"].removeprefix(prefix)
            harness.dump(bootstrap, feed["topic"], isolation, out / f"feed.{topic}.{isolation}.jsonl")
    for role in cuts:
        harness.dump(bootstrap, names[role], path=out / f"between.{role}.jsonl")
    with open(work / "events.keyed", "rb") as events:
        order = [line.split(b"\t", 1)[0].decode() for line in events]
    (out / "order.json").write_text(json.dumps(order))
    return out
