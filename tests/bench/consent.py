#!/usr/bin/env python3
"""The consent table at size (make bench): cold rebuild from Kafka beside a bare consumer of the same topic, start from
the snapshot, bytes an entry, look-ups.

  BENCH_ENTRIES=20000000 tests/bench/consent.py      the figures go to build/bench-consent.json

Environment: BENCH_ENTRIES (1000000), BENCH_ROUNDS (2). Each round reads the topic with a bare consumer and then starts
clickveil without a snapshot, so that both meet the same machine; then clickveil starts from the snapshot. The bare consumer
rests now and then for a second (bare_client.c), so it reads three times, and the fastest counts.
"""
import atexit
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("CLICKVEIL_BUILD", "build/default")
CLICKVEIL = ROOT / os.environ.get("CLICKVEIL", "build/clickveil")
KAFKA = ROOT / "tests/support/kafka.sh"
ENTRIES = int(os.environ.get("BENCH_ENTRIES", "1000000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "2"))
BARE_READS = 3
PARTITIONS = 4
TOPIC = "subscriber.consent"

GOAL_REBUILD_SHARE = 0.5  # of a bare consumer's rate
GOAL_START_SECONDS = 3  # from the snapshot, of 20 million entries
GOAL_BYTES = 40  # an entry
GOAL_LOOK_UP_NS = 300  # of three subjects, hashed


def note(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def run(*command):
    note(" ".join(str(word).replace(str(BUILD), "$BUILD") for word in command))
    return json.loads(subprocess.run([*map(str, command)], check=True, stdout=subprocess.PIPE).stdout)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


PORT = free_port()


def configuration(work, bootstrap):
    path = work / "pipeline.yaml"
    path.write_text(json.dumps({
        "kafka": {"bootstrap.servers": bootstrap}, "workers": 1, "instance": "bench",
        "programmes": [str(ROOT / "config/programmes/tmobile.yaml")], "subscriber": {"kind": "e164"},
        "consent": {"subjects": ["line", "account"], "snapshot": str(work / "consent.snapshot")},
        "pseudonymize": {"key": "keys/pseudonym.key"},
        "classify": {"hosts": [str(ROOT / f"config/rules/{name}.tsv") for name in ("hosts", "sensitive", "infrastructure")],
                     "apps": [str(ROOT / f"config/rules/{name}.tsv") for name in ("apps", "sensitive-apps", "preinstalled")]},
        "publish": {"key": "keys/publish.key", "provider": "ads.example", "feeds": [
            {"advertiser": "acme", "programme": "tmobile", "kind": "interests", "id": "user", "topic": "feed.acme"}]},
        "dead_letters": {"public_key": "keys/dead-letters.pub"},
        "http": {"port": PORT}, "log": {"format": "text"},
    }))
    return path


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Process:
    """A start of clickveil, until it is complete."""

    def __init__(self, work, config, name):
        self.log = work / f"{name}.log"
        self.began = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([CLICKVEIL, "run", "--config", config], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        atexit.register(self.process.kill)
        text = self.wait(r"followed_topic_complete.*subscriber\.consent: (\d+) records of .* in ([0-9.]+) s")
        self.seconds_from_start = time.monotonic() - self.began
        self.records, self.seconds = int(text[1]), float(text[2])
        self.cpu = cpu_seconds(self.process.pid)

    def wait(self, pattern, seconds=1200):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = re.search(pattern, self.log.read_text(errors="replace"))
            if found:
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        self.process.kill()
        sys.exit(f"consent.py: {pattern} did not come:\n{self.log.read_text(errors='replace')[-2000:]}")

    def status(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/statusz", timeout=10) as answer:
            return json.load(answer)["gauges"]["consent"]

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        atexit.unregister(self.process.kill)


def one_round(work, config, bootstrap, number):
    snapshot = work / "consent.snapshot"
    snapshot.unlink(missing_ok=True)
    bare = max((run(BUILD / "tests/bench/bare_client", "consume", bootstrap, TOPIC) for _ in range(BARE_READS)),
               key=lambda one: one["records_per_second"])
    note("clickveil run, no snapshot")
    cold = Process(work, config, f"cold-{number}")
    written = cold.wait(r"snapshot_written.*: ([0-9.]+) MiB in ([0-9.]+) s")
    gauges = cold.status()
    cold.stop()
    note("clickveil run, from the snapshot")
    warm = Process(work, config, f"warm-{number}")
    if "snapshot_reused" not in warm.log.read_text():
        sys.exit(f"consent.py: the snapshot was not reused:\n{warm.log.read_text()}")
    entries = warm.status()["consent_table_entries"]
    warm.stop()
    return {
        "bare_records_per_second": bare["records_per_second"],
        "bare_cpu_seconds_per_million": bare["cpu_seconds_per_million"],
        "rebuild_records_per_second": cold.records / cold.seconds,
        "rebuild_cpu_seconds_per_million": cold.cpu / cold.records * 1e6,
        "rebuild_share": cold.records / cold.seconds / bare["records_per_second"],
        "entries": gauges["consent_table_entries"], "entries_restored": entries,
        "bytes_per_entry": gauges["consent_table_bytes"] / gauges["consent_table_entries"],
        "snapshot_mib": float(written[1]), "snapshot_write_seconds": float(written[2]),
        "snapshot_start_seconds": warm.seconds, "process_start_seconds": warm.seconds_from_start,
    }


def measure(work):
    table = run(BUILD / "tests/bench/consent_table", ENTRIES)
    note("starting a Kafka and loading it")
    started = subprocess.run([KAFKA, "start", work / "kafka"], stdout=subprocess.PIPE, text=True,
                             env={"KAFKA_JVM": "", **os.environ}) # both compilers
    if started.returncode == 3:
        sys.exit("consent.py: no Kafka can be had here")
    bootstrap = started.stdout.strip()
    config = configuration(work, bootstrap)
    for words in (["keygen"], ["topics", "create", "--partitions", str(PARTITIONS)]):
        subprocess.run([CLICKVEIL, *words, "--config", config], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    sample = run(BUILD / "tests/bench/load", "choices", bootstrap, TOPIC, f"entries={ENTRIES}")
    return table, sample, [one_round(work, config, bootstrap, number) for number in range(ROUNDS)]


def main():
    with tempfile.TemporaryDirectory(prefix="clickveil-bench.") as folder:
        work = pathlib.Path(folder)
        try:
            table, sample, rounds = measure(work)
        finally:
            subprocess.run([KAFKA, "wipe", work / "kafka"], check=False, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
    medians = {name: statistics.median(of[name] for of in rounds) for name in rounds[0]}
    look_up = max(table["look_up_3_ns"].values())
    goals = [
        ("cold rebuild / bare consumer, records per second, at least", medians["rebuild_share"], GOAL_REBUILD_SHARE,
         medians["rebuild_share"] >= GOAL_REBUILD_SHARE),
        ("start from the snapshot, seconds, at most", medians["snapshot_start_seconds"], GOAL_START_SECONDS,
         medians["snapshot_start_seconds"] <= GOAL_START_SECONDS),
        ("resident bytes an entry, at most", table["resident_bytes_per_entry"], GOAL_BYTES,
         table["resident_bytes_per_entry"] <= GOAL_BYTES),
        ("look-up of three random subjects, ns, below", look_up, GOAL_LOOK_UP_NS, look_up < GOAL_LOOK_UP_NS),
    ]
    report = {"entries": ENTRIES, "sample": sample, "table": table, "rounds": rounds, "medians": medians,
              "load_average": os.getloadavg()[0],
              "goals": [dict(zip(("what", "value", "limit", "reached"), goal)) for goal in goals]}
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build/bench-consent.json").write_text(json.dumps(report, indent=1))
    print(f"consent table, {ENTRIES:,} entries, load average {report['load_average']:.1f}")
    for name, value in medians.items():
        print(f"  {name:34}{value:16,.2f}")
    print(f"  {'look_up_3_ns':34}{json.dumps(table['look_up_3_ns'])}; memory {table['memory_ns']} ns")
    for what, value, limit, reached in goals:
        print(f"  {'reached' if reached else 'MISSED':8} {what} {limit}: {value:.2f}")


if __name__ == "__main__":
    main()
