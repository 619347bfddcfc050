#!/usr/bin/env python3
"""Processes that were thought dead, and what a crash leaves: nothing of a zombie is committed, and the state that is
restored is the one of the committed offset."""

import os
import signal
import time

import harness
from harness import require, wait_until
from scene import Scene, choice, event

tap = harness.Tap()
work = harness.directory("zombie")

SHORT_SESSION = {"session.timeout.ms": 1500, "heartbeat.interval.ms": 300}


def scene_of(name, bootstrap, **changes):
    scene = Scene(work, name, bootstrap, **harness.merge(
        {"kafka": SHORT_SESSION, "consent": {"lease": "60s"}, "runtime": {"transaction_timeout": "30s"}}, changes))
    scene.create_topics(partitions=1)
    scene.send_choices(choice("zoe", "in"))
    return scene


def wait_taken_over(heir):
    wait_until(lambda: holds_partition(heir), lambda: f"{heir.name} does not get the partition\n{heir.tail()}")


def assignments(process):
    """What the group gave it, each time; side inputs have groups of their own."""
    return [line for line in process.log.read_text(errors="replace").splitlines() if "partitions_assigned: worker" in line]


def holds_partition(process):
    return ": 1 of 1 partitions" in "".join(assignments(process)[-1:])


def holder_and_heir(scene):
    """Two processes, the one that holds the only partition first, when both have heard what the group gave them."""
    pair = [scene.process(name).start() for name in ("one", "two")]
    for process in pair:
        process.wait_ready()
    wait_until(lambda: all(map(assignments, pair)) and sum(map(holds_partition, pair)) == 1, "nobody holds the partition")
    return sorted(pair, key=holds_partition, reverse=True)


def only_a_slot(bootstrap):
    """The group has expelled the zombie, which will know at its next heartbeat and has nothing to do until then but the
    slot of its drain: a transaction without a record of the input, whose positions are those that it committed before.
    Had it sent none, the broker would let it commit. (A process that is stopped past its session and resumed is in this
    place for a moment that nobody can foretell; so it is held there.)"""
    scene = scene_of("slot", bootstrap, publish={"update_every": "drain"},
                     kafka={"session.timeout.ms": 250000, "heartbeat.interval.ms": 120000},
                     runtime={"shutdown_timeout": "3s"})
    zombie = scene.process("one", kafka={"client.id": "zombie"}).start()
    zombie.wait_ready()
    wait_until(lambda: holds_partition(zombie), "nobody holds the partition")
    scene.send_events(event("ann"), event("ann"), event("bob"))
    scene.wait_taken()
    require(scene.counted("ann", "bob") == {"ann": 2, "bob": 1}, f"before: {scene.counted('ann', 'bob')}")
    group = scene.config["pipeline"] + ".consent"
    harness.expel(bootstrap, group, harness.members(bootstrap, group)["zombie"])
    heir = scene.process("two").start()
    wait_until(lambda: holds_partition(heir), lambda: f"the heir does not get the partition\n{heir.tail()}")
    feed = harness.offsets(bootstrap, scene.feed, isolation="uncommitted")
    positions = scene.positions()
    with tap.case("zombie_with_only_a_slot_due_commits_nothing"):
        require(holds_partition(zombie) and not zombie.logged("UNKNOWN_MEMBER"), f"it knows already\n{zombie.tail()}")
        status = zombie.stop()
        tried = harness.offsets(bootstrap, scene.feed, isolation="uncommitted")
        require(tried != feed, f"it did not even try: nothing was written to the feed\n{zombie.tail()}")
        require(not scene.published("ann", "bob"), f"{scene.published('ann', 'bob')} are in the feed")
        require(scene.positions() == positions, f"positions {scene.positions()}, before {positions}")
        require(status == 0, f"the zombie ended with {status}\n{zombie.tail()}")
    with tap.case("heir_of_a_zombie_goes_on"):
        scene.send_events(event("ann"), event("cat"))
        scene.wait_taken()
        require(scene.counted("ann", "bob", "cat") == {"ann": 3, "bob": 1, "cat": 1},
                f"counts {scene.counted('ann', 'bob', 'cat')}")
        require(heir.stop() == 0, heir.tail())
        who = scene.published("ann", "bob", "cat")
        require(who == {"ann", "bob", "cat"}, f"the heir's drain published {who}")


def open_batch(bootstrap):
    """The zombie wakes up in the middle of a transaction whose records the heir has processed."""
    pair = []

    def attempt(seconds):
        interval_ms = int(seconds * 2500)
        scene = scene_of(f"batch-{interval_ms}", bootstrap, runtime={"commit_interval": f"{interval_ms}ms"})
        zombie, heir = pair[:] = holder_and_heir(scene)
        scene.send_events(event("eve"))
        scene.wait_taken() # a transaction of its own, so that the next one begins now
        sent = time.monotonic()
        scene.send_events(event("ann"), event("ann"))
        time.sleep(seconds)
        zombie.signal(signal.SIGSTOP)
        in_time = time.monotonic() < sent + interval_ms / 1000
        require(not in_time or not scene.counted("ann"), "committed before its time")
        wait_taken_over(heir)
        zombie.signal(signal.SIGCONT)
        scene.send_events(event("ann"))
        scene.wait_taken()
        time.sleep(interval_ms / 1000 + 1) # a commit interval of the zombie's
        require(scene.counted("ann", "eve") == {"ann": 3, "eve": 1}, f"counts {scene.counted('ann', 'eve')}")
        require(zombie.alive(), f"the zombie did not go on\n{zombie.tail()}")
        return in_time

    with tap.case("zombie_resumed_in_the_middle_of_a_transaction_commits_nothing"):
        harness.bracketed(attempt, "it was never stopped before its commit")
    with tap.case("zombie_that_lost_its_partitions_stays_a_member_and_ends_in_good_order"):
        zombie, heir = pair
        zombie.wait_ready()
        require(zombie.stop() == 0 and heir.stop() == 0, zombie.tail() + heir.tail())


def marker_delayed(bootstrap):
    """Committed is the offset, but the changelog cannot yet be read up to it: an older transaction on its partition is
    still open, so the last stable offset is behind, as it is while a marker is on its way."""
    scene = scene_of("marker", bootstrap)
    first = scene.process("one").start()
    first.wait_ready()
    scene.send_events(event("ann"))
    scene.wait_taken()
    held = scene.hold("state", {"key": "never", "value": "committed"})
    scene.send_events(event("ann"), event("ann"), event("bob"))
    scene.wait_taken()
    require(scene.counted("ann", "bob") == {"ann": 1}, f"the changelog is not behind: {scene.counted('ann', 'bob')}")
    first.kill9()
    scene.send_events(event("ann"))
    before = scene.committed()
    second = scene.process("two").start()
    with tap.case("restore_waits_for_what_is_committed_and_cannot_be_read_yet"):
        wait_until(lambda: "restoring" in second.get("/readyz")[1], lambda: f"{second.get('/readyz')}\n{second.tail()}")
        time.sleep(3)
        status, reason = second.get("/readyz")
        require(status == 503 and "restoring" in reason, f"/readyz: {status} {reason}")
        require(second.alive(), second.tail())
        require(scene.committed() == before, f"committed {scene.committed()}, before {before}")
    with tap.case("restore_has_the_state_of_the_committed_offset_after_a_crash"):
        held.end("abort")
        second.wait_ready()
        scene.wait_taken()
        require(scene.counted("ann", "bob") == {"ann": 4, "bob": 1}, f"counts {scene.counted('ann', 'bob')}")
        require(second.stop() == 0, second.tail())


def position_behind(bootstrap):
    """The group's offset was moved by hand: the state does not belong to it, and both numbers are named."""
    scene = scene_of("moved", bootstrap, runtime={"transaction_timeout": "10s"})
    first = scene.process("one").start()
    first.wait_ready()
    scene.send_events(event("ann"), event("ann"), event("ann"))
    scene.wait_taken()
    require(first.stop() == 0, first.tail())
    moved = {partition: offset - 1 for partition, offset in scene.committed().items()}
    harness.tool("commit", bootstrap, scene.topic("events"), scene.config["pipeline"] + ".consent",
                 *(f"{partition}:{offset}" for partition, offset in moved.items()))
    second = scene.process("two").start()
    with tap.case("restore_refuses_an_offset_that_the_changelog_does_not_know"):
        status = second.wait()
        require(status not in (0, 70) and status > 0, f"status {status}\n{second.tail()}")
        require(second.logged("the changelog ends at input offset") and second.logged("the group has committed"),
                second.tail())
        require(scene.counted("ann") == {"ann": 3}, f"counts {scene.counted('ann')}")


def main():
    broker = harness.Broker("zombie", "group.min.session.timeout.ms=500")
    cases = {"slot": only_a_slot, "batch": open_batch, "marker": marker_delayed, "moved": position_behind}
    for name in os.environ.get("ZOMBIE_CASES", " ".join(cases)).split():
        tap.note(name)
        try:
            cases[name](broker.bootstrap)
        except Exception as error: # the other cases still run
            tap.ok(f"zombie_{name}", False, f"{type(error).__name__}: {error}")
    tap.end()


if __name__ == "__main__":
    main()
