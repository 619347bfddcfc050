#!/usr/bin/env python3
"""Rules are exchanged under load: no event is lost or doubled, each record has the digest and the interests of the same
rules, and no damage that is done to a rule file reaches a record.

Two compiled files say the same of every host and app but for the interest: 207 in one, 243 in the other. While events
arrive, one takes the other's place by renaming, is asked for by SIGHUP or found by looking; and between that the file is cut,
overwritten and flipped in its place, behind which the rules of before must stay.

RELOAD_EVENTS is the number of events, RELOAD_SECONDS the time over which they arrive.
"""

import collections
import json
import os
import signal
import subprocess
import time

import harness
from harness import require, wait_until

EVENTS = int(os.environ.get("RELOAD_EVENTS", "120000"))
SECONDS = float(os.environ.get("RELOAD_SECONDS", "30"))
INTERESTS = (207, 243)

tap = harness.Tap()
work = harness.directory("rules_reload")
bootstrap = os.environ["KAFKA_BOOTSTRAP"]
prefix = f"reload{os.getpid()}."
now_ms = int(time.time() * 1000)


def compile_rules():
    """Two files that differ in nothing but the interest, and their digests."""
    digests = {}
    for interest in INTERESTS:
        lists = []
        for name in ("hosts", "apps"):
            path = work / f"{name}-{interest}.tsv"
            rows = [line.split("\t")[0] for line in (harness.ROOT / f"config/rules/{name}.tsv").read_text().splitlines()
                    if line and not line.startswith("#")]
            path.write_text("".join(f"{key}\t{interest}\n" for key in rows))
            lists.append(path)
        said = harness.clickveil("rules", "compile", "--json", "--app-list", lists[1], "--output", work / f"{interest}.rules",
                                 lists[0]).stdout
        digests[json.loads(said)["digest"]] = interest
    require(len(digests) == 2, digests)
    return digests


def in_force(process):
    """The digest's first 48 bits, as the metric has them, and what the last reload said."""
    status = json.loads(process.get("/statusz")[1])
    metrics = process.get("/metrics")[1]
    value = [line.rsplit(" ", 1)[1] for line in metrics.splitlines()
             if line.startswith("clickveil_stage_value") and 'name="digest"' in line]
    return f"{int(float(value[0])):012x}", status["reload"]


class Exchange:
    """The file that the process maps, and what is done to it."""

    def __init__(self, process, digests):
        self.process = process
        self.path = work / "current.rules"
        self.digest_of = {interest: digest for digest, interest in digests.items()}
        self.put(207)

    def put(self, interest):
        beside = work / "beside.rules"
        beside.write_bytes((work / f"{interest}.rules").read_bytes())
        os.rename(beside, self.path)
        self.interest = interest

    def wait(self, ask):
        if ask:
            self.process.signal(signal.SIGHUP)
        wanted = self.digest_of[self.interest][:12]
        wait_until(lambda: in_force(self.process)[0] == wanted,
                   lambda: f"{wanted} is not in force: {in_force(self.process)}\n{self.process.tail()}", 60)

    def refuse(self, how, says):
        """Damage it where it lies: what is in force stays, and /statusz says why."""
        failed = in_force(self.process)[1]["failed"]
        subprocess.run(["sh", "-c", how], check=True, cwd=work)
        wait_until(lambda: in_force(self.process)[1]["failed"] > failed,
                   lambda: f"nobody looked at it: {in_force(self.process)}\n{self.process.tail()}", 60)
        digest, reload = in_force(self.process)
        require(says in reload["last_error"], lambda: f"{how}: {reload}")
        require(digest == self.digest_of[self.interest][:12], lambda: f"{how}: {digest} is in force")


DAMAGES = [
    # truncate(1) does not wait for the lease, so it is asked again
    ("until truncate -s 1000 current.rules 2>/dev/null; do sleep 0.1; done", "cut off"),
    ("cat hosts-207.tsv >current.rules", "no compiled rule file"),
    ("printf '\\377\\377' | dd of=current.rules bs=1 seek=60000 conv=notrunc 2>/dev/null", "checksum"),
    ("printf '\\011' | dd of=current.rules bs=1 seek=8 conv=notrunc 2>/dev/null", "version"),
    (": >current.rules", "empty"),
    ("rm current.rules", "cannot open"),
]


def run(digests):
    config = harness.configuration(
        work, prefix, bootstrap, ["consent", "pseudonymize", "classify"], runtime={"commit_interval": "30ms"},
        classify={"hosts": [], "apps": [], "rules": str(work / "current.rules")})
    harness.tool("create", bootstrap, *harness.topic_plan(config, 4))
    harness.tool("produce", bootstrap, config["topics"]["consent"], work / "consent.keyed", "keyed")
    process = harness.Process(work, "reloading", config, workers=2)
    exchange = Exchange(process, digests)
    process.start()
    process.wait_ready()
    producer = subprocess.Popen(
        [harness.TOOL, "produce", bootstrap, config["topics"]["events"], work / "events.keyed", "keyed",
         f"timestamp={now_ms}", f"rate={int(EVENTS / SECONDS)}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    rounds = 0
    while producer.poll() is None or rounds < len(DAMAGES):
        exchange.put(INTERESTS[rounds % 2 == 0])
        exchange.wait(ask=rounds % 3 != 0)
        exchange.refuse(*DAMAGES[rounds % len(DAMAGES)])
        rounds += 1
    require(producer.returncode == 0, "the events could not be produced")
    tap.note(f"{rounds} exchanges, as many damages")
    group = "clickveil.consent"
    last = collections.defaultdict(lambda: -1)
    for record in harness.dump(bootstrap, config["topics"]["events"]):
        last[record["partition"]] = max(last[record["partition"]], record["offset"])
    wait_until(lambda: all(harness.offsets(bootstrap, config["topics"]["events"], group).get(partition, -1) > offset
                           for partition, offset in last.items()), lambda: f"not all is taken\n{process.tail()}", 180, 0.2)
    status = process.stop()
    require(status == 0, lambda: f"ended with {status}:\n{process.tail()}")
    return config, rounds


def judge(config, digests):
    """Nothing lost, nothing doubled, and every record of one cast."""
    events = {(record["partition"], record["offset"]) for record in harness.dump(bootstrap, config["topics"]["events"])}
    require(len(events) == EVENTS, f"{len(events)} events")
    files = harness.run_files(work, "reference", config | {"classify": config["classify"] | {
        "rules": str(work / "207.rules")}}, work / "events.jsonl", work / "consent.jsonl", now_ms)
    wanted = json.loads((files / "summary.json").read_text())
    records = harness.dump(bootstrap, config["topics"]["classify_out"])
    origins = collections.Counter()
    seen = collections.Counter()
    mixed = []
    for record in records:
        value = json.loads(record["value"])
        if value["kind"] != "event":
            continue
        origins[json.dumps(record["headers"], sort_keys=True)] += 1
        interest = digests.get(value["rules_digest"])
        seen[value["rules_digest"]] += 1
        if interest is None or any(pair[0] != interest for pair in value.get("interests", [])):
            mixed.append(value)
    tap.note(f"{len(records)} records, by digest {dict(seen)}")
    doubled = [origin for origin, count in origins.items() if count > 1]
    tap.ok("no_event_is_doubled", not doubled, f"{len(doubled)}: {doubled[:3]}")
    tap.ok("no_event_is_lost", sum(origins.values()) == wanted["kept"], f"{sum(origins.values())} instead of {wanted['kept']}")
    tap.ok("each_record_has_digest_and_interests_of_the_same_rules", not mixed, f"{len(mixed)}: {mixed[:2]}")
    tap.ok("both_rules_classified_many", len(seen) == 2 and min(seen.values()) > len(records) / 20, dict(seen))


def main():
    digests = compile_rules()
    harness.make_keys(work, harness.configuration(work, prefix, bootstrap))
    harness.generate(work, EVENTS, 2000, 5, "--bad-share", "0")
    with tap.case("exchanges_and_damages_pass_under_load"):
        config, rounds = run(digests)
        require(rounds >= len(DAMAGES), rounds)
        judge(config, digests)
    tap.end()


if __name__ == "__main__":
    main()
