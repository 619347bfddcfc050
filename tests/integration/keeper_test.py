#!/usr/bin/env python3
"""Compaction never undoes an opt-out, and GPC is never lost (spec 3, rules 6 and 7): the log is compacted for real, the table
is made anew of what is left, and decides as before; and a process that is killed right after GPC leaves the line out."""

import json
import os
import time

import harness
from harness import require, wait_until
from scene import Scene, choice, event, number_of, tombstone

tap = harness.Tap()
work = harness.directory("keeper")

# Segments are rolled by the second record after half a second, and everything that is closed is compacted at once.
COMPACT = "segment.ms=500,min.cleanable.dirty.ratio=0.001,delete.retention.ms=1,max.compaction.lag.ms=500"
PARTITIONS = 3


def named(name, choices, effective, **more):
    return {"key": f"line:{number_of(name)}", "value": {"choices": choices, "effective": effective, "seq": 1, **more}}


def records_of(scene, isolation="committed"):
    return harness.dump(scene.bootstrap, scene.topic("consent"), isolation)


def written_by_us(scene):
    return [record for record in records_of(scene) if "clickveil-author" in record.get("headers", {})]


def side(process):
    return next(found for found in json.loads(process.get("/statusz")[1])["side_inputs"] if found["stage"] == "consent")


def wait_compacted(scene, gone):
    """Fill up until the keys are there at most once, and the tombstones not at all. Only now: before, it was to be seen what
    was written where."""
    harness.alter_topic(scene.bootstrap, scene.topic("consent"), COMPACT)

    def compacted():
        fill = [named(f"f{time.monotonic_ns() % 9973}{i}", {"tmobile": "out"}, 1000) for i in range(30)]
        scene.send_choices(*fill)
        seen = {}
        for record in records_of(scene):
            seen.setdefault(record["key"], []).append(record["value"])
        left = {key: values for key, values in seen.items() if key in gone and (len(values) > 1 or values[0] is None)}
        return not left
    wait_until(compacted, "the log was not compacted", step=0.6)


def kept(scene, *names, isolation="uncommitted"):
    """Whose events the consent stage has let through."""
    text = json.dumps(harness.dump(scene.bootstrap, scene.topic("consent_out"), isolation))
    return {name for name in names if number_of(name).lstrip("+") in text}


def count(scene, name):
    return sum(number_of(name).lstrip("+") in json.dumps(record)
               for record in harness.dump(scene.bootstrap, scene.topic("consent_out")))


def wait_kept(scene, name):
    wait_until(lambda: kept(scene, name), f"{name} was not kept", step=0.1)


def compaction(bootstrap):
    """The consent stage alone: an `out`, also one that was answered, keeps a person out of feeds until the epoch ends."""
    scene = Scene(work, "compaction", bootstrap, stages=["consent"])
    scene.create_topics(2, without=[scene.topic("consent")])
    harness.tool("create", bootstrap, f"{scene.topic('consent')}:{PARTITIONS}:cleanup.policy=compact")
    out, now = {"tmobile": "out"}, int(time.time() * 1000) - 60_000
    scene.send_choices(
        named("ann", out, now), named("ann", {"*": "in"}, now - 5000), # an older order at a higher offset
        named("bob", out, now - 5000), named("bob", {"*": "in"}, now), # an `out` that is not mentioned
        named("cleo", {"*": "in"}, now), tombstone("cleo"), # erased
        named("dora", out, now - 5000), named("dora", {"tmobile": "in"}, now, two_step=True), # in again, and means it
        named("finn", {"tmobile": "in"}, now), named("finn", out, now - 5000), # an older `out` counts
        named("hugo", {}, now - 5000, moved_from=f"line:{number_of('otto')}"), # took otto's place, and says something else later
        named("zoe", {"*": "in"}, now))
    processes = [scene.process(name) for name in ("one", "two")] # who keeps which partition is the group's
    for process in processes:
        process.start()
    for process in processes:
        process.wait_ready()
    with tap.case("winners_are_written_again_once_each_in_the_partition_of_the_loser"):
        scene.wait_answered("consent")
        written = written_by_us(scene)
        keys = sorted(record["key"] for record in written)
        hashes = [key for key in keys if key.startswith("hash:")]
        links = [key for key in keys if key.startswith("moved:")]
        require(len(hashes) == 1 and len(links) == 1 and len(keys) == 6, keys)
        lines = [f"line:{number_of(name)}" for name in ("ann", "bob", "dora", "finn")]
        require(sorted(keys) == sorted(hashes + links + lines), keys)
        places = {}
        for record in records_of(scene):
            places.setdefault(record["key"], set()).add(record["partition"])
        require(all(len(places[line]) == 1 for line in lines), places)
        require(next(r for r in written if r["key"] in hashes)["partition"] in places[f"line:{number_of('cleo')}"], places)
        require("999" not in hashes[0] and number_of("cleo") not in json.dumps([r for r in written if r["key"] in hashes]),
                "a number stands in a suppression entry")
        require(number_of("otto").lstrip("+") not in json.dumps([r for r in written if r["key"] in links]),
                "the other subject's number stands in a link")
    # hugo's move is in no record of hugo's own any more, and otto says `out` after it
    scene.send_choices(named("hugo", {"another": "in"}, now), named("otto", out, now))
    scene.wait_answered("consent")
    people = ("ann", "bob", "cleo", "dora", "finn", "hugo")
    with tap.case("choices_decide_before_compaction"):
        scene.send_events(*(event(name) for name in people), event("cat"))
        wait_kept(scene, "cat")
        scene.wait_taken()
        require(kept(scene, *people) == {"dora"}, kept(scene, *people))
    with tap.case("log_is_compacted_and_the_keepers_rest"):
        wait_compacted(scene, {f"line:{number_of(name)}" for name in people})
        scene.wait_answered("consent")
        written = len(written_by_us(scene))
        time.sleep(1)
        require(len(written_by_us(scene)) == written, "they go on writing")
    for process in processes:
        tap.ok(f"{process.name}_drains", process.stop() == 0, process.tail())
    left = {record["key"]: record["value"] for record in records_of(scene)}
    tap.ok("tombstone_is_gone_and_its_suppression_entry_is_there",
           f"line:{number_of('cleo')}" not in left and any(key.startswith("hash:") for key in left), left)
    process = scene.process("three").start() # an empty table, made of what compaction left
    process.wait_ready()
    with tap.case("choices_decide_after_compaction_as_before"):
        scene.send_events(*(event(name) for name in people), event("dan"))
        wait_kept(scene, "dan")
        scene.wait_taken()
        require(kept(scene, *people) == {"dora"} and count(scene, "dora") == 2, kept(scene, *people))
    with tap.case("an_in_that_is_not_confirmed_does_not_end_an_erasure_and_one_that_is_does"):
        scene.send_choices(named("cleo", {"*": "in"}, now + 1000))
        scene.send_events(event("cleo"), event("dee"))
        wait_kept(scene, "dee")
        require(not kept(scene, "cleo"), "kept")
        scene.send_choices(named("cleo", {"tmobile": "in"}, now + 2000, two_step=True))
        wait_until(lambda: scene.send_events(event("cleo")) or kept(scene, "cleo"), "cleo is not kept", step=0.5)
    tap.ok("third_drains", process.stop() == 0, process.tail())


def killed(bootstrap):
    """GPC, and the process is killed at once, at several moments: after the restart the line is out."""
    scene = Scene(work, "killed", bootstrap, consent={"signals": {"store": ["gpc"]}})
    scene.create_topics(2)
    scene.send_choices(choice("zoe", "in"))
    process = scene.process("one").start()
    process.wait_ready()
    names = [f"gpc{letter}" for letter in "abcd"]
    for i, name in enumerate(names):
        scene.send_events(event(name, gpc=True))
        time.sleep(0.05 * i)
        process.kill9()
        process.start()
        process.wait_ready()
        scene.send_events(event(name))
    scene.send_events(event("cat"))
    with tap.case("gpc_followed_by_kill_9_leaves_the_line_out"):
        scene.wait_published("cat")
        scene.wait_taken()
        who = scene.published(*names, isolation="uncommitted")
        require(not who, f"in the feed: {who}")
    with tap.case("gpc_is_stored_once_under_a_key_of_its_own"):
        scene.wait_answered("consent")
        keys = [record["key"] for record in records_of(scene)]
        for name in names:
            line = number_of(name).lstrip("+")
            require(keys.count(f"signal:line:{line}") == 1, f"{name}: {keys.count(f'signal:line:{line}')} times")
    with tap.case("gpc_is_known_to_a_process_that_never_saw_the_event"):
        require(process.stop() == 0, process.tail())
        other = scene.process("two").start()
        other.wait_ready()
        scene.send_events(*(event(name) for name in names), event("dan"))
        scene.wait_published("dan")
        scene.wait_taken()
        require(not scene.published(*names, isolation="uncommitted"), "published")
        require(other.stop() == 0, other.tail())


def main():
    broker = harness.Broker("keeper", "log.cleaner.backoff.ms=200", "log.retention.check.interval.ms=500")
    cases = {"compaction": lambda: compaction(broker.bootstrap), "killed": lambda: killed(broker.bootstrap)}
    for name in os.environ.get("KEEPER_CASES", " ".join(cases)).split():
        tap.note(name)
        try:
            cases[name]()
        except Exception as error: # the other cases still run
            tap.ok(f"keeper_{name}", False, f"{type(error).__name__}: {error}")
    tap.note("end")
    tap.end()


if __name__ == "__main__":
    main()
