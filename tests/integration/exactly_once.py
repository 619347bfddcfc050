"""Exactly once, by killing: the run on Kafka equals the run over files, whatever happens to the processes and the broker.

Two programs run it, side by side: exactly_once_fused_test.py and exactly_once_split_test.py.

200,000 events, one in five lines opted out. While they arrive, processes are killed with SIGKILL at random moments and
started again, one is stopped past its session, a third joins for a moment, and the broker restarts once. Afterwards
checker.py compares feeds, changelog, dead letters and, where the chain was cut, every record between the stages.

EXACTLY_ONCE_SEED fixes the moments (printed at the start), EXACTLY_ONCE_EVENTS the number of events.
"""

import os
import random
import signal
import subprocess
import time

import checker
import equal_runs
import harness
from harness import require, wait_until

EVENTS = int(os.environ.get("EXACTLY_ONCE_EVENTS", "200000"))
SUBSCRIBERS = max(100, EVENTS // 50)
KILLS = int(os.environ.get("EXACTLY_ONCE_KILLS", "20"))
SEED = int(os.environ.get("EXACTLY_ONCE_SEED", str(random.SystemRandom().randrange(1 << 32))))
SECONDS = float(os.environ.get("EXACTLY_ONCE_SECONDS", "70")) # over which the events arrive
PARTITIONS = 4

tap = harness.Tap()
work = None # of the case that runs
now_ms = int(time.time() * 1000)

# Short transactions, so that kills meet every place of one; short sessions, so that the group heals soon.
QUICK = {"runtime": {"commit_interval": "30ms", "transaction_timeout": "10s"},
         "kafka": {"session.timeout.ms": 2000, "heartbeat.interval.ms": 300}}


def config_of(prefix, bootstrap, stages=None):
    return harness.configuration(work, prefix, bootstrap, stages, **QUICK)


def has_read_all(bootstrap, topic, group, whole):
    """Has the group committed the offset behind the last record? Markers behind it do not count."""
    committed = harness.offsets(bootstrap, topic, group)
    return all(committed.get(partition, -1) > last for partition, last in whole.items())


def last_records(bootstrap, topic):
    last = {}
    for record in harness.dump(bootstrap, topic):
        last[record["partition"]] = max(last.get(record["partition"], -1), record["offset"])
    return last


class Disturber:
    """What happens to the processes, by a seeded plan."""

    def __init__(self, broker, processes, spare, dice):
        self.broker, self.processes, self.spare, self.dice = broker, processes, spare, dice

    def kill(self, number):
        victim = self.dice.choice(self.processes)
        moment = self.dice.uniform(0.1, 2.8)
        time.sleep(moment)
        require(victim.alive(), lambda: f"{victim.name} ended by itself:\n{victim.tail()}")
        victim.kill9()
        tap.note(f"kill {number + 1}: {victim.name} after {moment:.3f} s")
        time.sleep(self.dice.uniform(0, 0.5))
        victim.start()

    def freeze(self):
        victim = self.dice.choice(self.processes)
        tap.note(f"{victim.name} is stopped past its session")
        victim.signal(signal.SIGSTOP)
        time.sleep(3.5)
        victim.signal(signal.SIGCONT)

    def visit(self):
        tap.note(f"{self.spare.name} joins for a moment")
        self.spare.start()
        time.sleep(self.dice.uniform(2, 4))
        require(self.spare.alive(), lambda: f"{self.spare.name} ended by itself:\n{self.spare.tail()}")
        self.spare.kill9() # not SIGTERM: a drain would be the slot of everybody whom it holds

    def restart_broker(self):
        tap.note("the broker restarts")
        self.broker.restart()

    def run(self):
        extra = {KILLS // 4: self.freeze, KILLS // 2: self.restart_broker, KILLS * 3 // 4: self.visit}
        for number in range(KILLS):
            extra.get(number, lambda: None)()
            self.kill(number)


def produce(config, bootstrap):
    """Starts the arrival of events; the timestamps are file mode's --now."""
    return subprocess.Popen(
        [harness.TOOL, "produce", bootstrap, config["topics"]["events"], work / "events.keyed", "keyed",
         f"timestamp={now_ms}", f"rate={max(1, int(EVENTS / SECONDS))}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def settle(bootstrap, parts):
    """Waits until every part has taken all records of its input, from the first to the last."""
    for part in parts:
        whole = last_records(bootstrap, part["input"])
        wait_until(lambda: has_read_all(bootstrap, part["input"], part["group"], whole),
                   lambda: f"{part['group']} has not read {part['input']} to its end: "
                           f"{harness.offsets(bootstrap, part['input'], part['group'])} of {whole}\n"
                           + "\n".join(process.name + ":\n" + process.tail() for process in part["processes"]), 300, 0.2)


def drain(processes):
    for process in processes:
        process.wait_ready()
    for process in processes:
        process.process.terminate()
    return [process.wait() for process in processes]


def run(name, broker, cut, seed):
    """One disturbed run. `cut`: the parts of the chain, each a list of stages, with its number of processes."""
    bootstrap, prefix = broker.bootstrap, name + "."
    config = config_of(prefix, bootstrap)
    harness.tool("create", bootstrap, *harness.topic_plan(config, PARTITIONS))
    harness.tool("produce", bootstrap, config["topics"]["consent"], work / "consent.keyed", "keyed")
    parts = []
    for stages, count in cut:
        role = "events" if stages[0] == "consent" else checker.ROLES[harness.STAGES.index(stages[0]) - 1]
        part_config = config_of(prefix, bootstrap, stages)
        parts.append({
            "input": config["topics"][role], "group": "clickveil." + stages[0],
            "processes": [harness.Process(work, f"{name}-{stages[0]}-{i}", part_config, workers=2 if count == 1 else 1)
                          for i in range(count)]})
    spare = harness.Process(work, f"{name}-visitor", config_of(prefix, bootstrap, cut[-1][0]))
    processes = [process for part in parts for process in part["processes"]]
    for process in processes:
        process.start()
    for process in processes:
        process.wait_ready()
    producer = produce(config, bootstrap)
    dice = random.Random(seed)
    Disturber(broker, processes, spare, dice).run()
    require(producer.wait() == 0, "the events could not be produced")
    tap.note("all events are there")
    settle(bootstrap, parts)
    tap.note("all events are taken")
    statuses = drain(processes)
    tap.ok(f"{name}_drains_with_status_0", statuses == [0] * len(statuses),
           f"{statuses}\n" + "\n".join(process.tail() for process in processes))
    return config


def compare(name, config, bootstrap, cuts, reference, out, everybody):
    faults = checker.check(reference, equal_runs.collect(work, name, config, name + ".", bootstrap, cuts))
    tap.ok(f"{name}_equals_file_mode", not faults.kinds() - {"leak"}, "\n".join(faults.report()))
    tap.ok(f"{name}_has_nobody_who_opted_out", "leak" not in faults.kinds() and 0.1 < out / everybody < 0.3,
           f"{out} of {everybody} lines opted out\n" + "\n".join(faults.report()))


def main(name, cut):
    global work
    work = harness.directory(f"exactly_once_{name}")
    tap.note(f"EXACTLY_ONCE_SEED={SEED}")
    broker = harness.Broker(f"exactly_once_{name}")
    config = config_of("", broker.bootstrap)
    harness.make_keys(work, config)
    harness.generate(work, EVENTS, SUBSCRIBERS, SEED % 1000, "--bad-share", "0.002")
    cuts = [checker.ROLES[harness.STAGES.index(stages[-1])] for stages, _ in cut[:-1]]
    reference = equal_runs.make_reference(work, config, now_ms, cuts)
    out, everybody = equal_runs.write_never(work, reference, config, now_ms)
    with tap.case(f"{name}_runs"):
        config = run(name, broker, cut, SEED)
        compare(name, config, broker.bootstrap, cuts, reference, out, everybody)
        tap.note("compared")
    tap.end()
