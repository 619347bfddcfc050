#!/usr/bin/env python3
"""A broker that is away, topics that are missing, and leaving in good order."""

import json
import os
import re
import signal
import time

import equal_runs
import harness
from harness import require, wait_until
from scene import Scene, choice, event

tap = harness.Tap()
work = harness.directory("away")


def at_start(broker):
    """The process is there before the broker."""
    scene = Scene(work, "start", broker.bootstrap, consent={"lease": "3s"}) # which runs out while the broker is away
    scene.create_topics()
    scene.send_choices(choice("zoe", "in"))
    scene.send_events(event("ann"))
    broker.stop()
    process = scene.process().start()
    gone = scene.process("gone").start()
    with tap.case("broker_away_at_start_is_waited_for_and_said"):
        wait_until(lambda: process.get("/readyz")[0] == 503, "no /readyz")
        wait_until(lambda: process.log.read_text().count("broker_unreachable") >= 3, process.tail)
        status, reason = process.get("/readyz")
        require(status == 503 and "broker was not reached" in reason, f"/readyz: {status} {reason}")
        require(process.get("/livez")[0] == 200, "not alive")
        require(process.alive(), process.tail())
    with tap.case("broker_away_at_start_is_asked_ever_more_rarely"):
        moments = [line.split()[0] for line in process.log.read_text().splitlines() if "broker_unreachable" in line]
        require(len(moments) < 40, f"{len(moments)} tries in some seconds")
    with tap.case("sigterm_while_the_broker_is_away_at_start_ends_with_status_0"):
        require(gone.stop() == 0, gone.tail())
    broker.start()
    with tap.case("broker_that_comes_back_is_worked_with"):
        process.wait_ready()
        scene.wait_published("ann")
    in_the_middle(broker, scene, process)


def in_the_middle(broker, scene, process):
    scene.send_events(*(event("bob") for _ in range(5)), event("ann"))
    broker.stop()
    with tap.case("broker_away_in_the_middle_makes_it_not_ready_and_ends_nothing"):
        wait_until(lambda: process.get("/readyz")[0] == 503, "it stays ready")
        require(process.alive(), process.tail())
    broker.start()
    with tap.case("broker_away_in_the_middle_loses_and_doubles_nothing"):
        process.wait_ready()
        scene.send_events(*(event("bob") for _ in range(5)), event("cat"))
        scene.wait_published("cat")
        scene.wait_taken()
        counts = scene.counted("ann", "bob", "cat")
        require(counts == {"ann": 2, "bob": 10, "cat": 1}, f"counts {counts}")
    broker.kill9()
    time.sleep(1)
    broker.start()
    with tap.case("broker_that_lost_its_power_loses_and_doubles_nothing"):
        process.wait_ready()
        scene.send_events(event("bob"), event("dan"))
        scene.wait_published("dan")
        scene.wait_taken()
        counts = scene.counted("bob", "dan")
        require(counts == {"bob": 11, "dan": 1}, f"counts {counts}")
        require(process.alive(), process.tail())
    with tap.case("process_that_outlived_its_broker_ends_with_status_0"):
        require(process.stop() == 0, process.tail())


def topic_missing(bootstrap):
    for role in ("events", "state", "dead_letters", "feed"):
        scene = Scene(work, f"missing-{role.replace('_', '-')}", bootstrap)
        topic = scene.feed if role == "feed" else scene.topic(role)
        scene.create_topics(without=[topic])
        scene.send_choices(choice("zoe", "in"))
        process = scene.process().start()
        with tap.case(f"missing_topic_{role}_is_named_with_what_to_do"):
            status = process.wait()
            require(status == 78, f"status {status}\n{process.tail()}")
            require(process.logged(f"the topic {topic} does not exist"), process.tail())
            require(process.logged("clickveil topics create --config"), process.tail())


def settled(scene):
    """Nothing is open: every topic can be read to its end."""
    for topic in [*scene.config["topics"].values(), *(feed["topic"] for feed in scene.config["publish"]["feeds"])]:
        stable = harness.offsets(scene.bootstrap, topic)
        ends = harness.offsets(scene.bootstrap, topic, isolation="uncommitted")
        require(stable == ends, f"{topic}: stable up to {stable}, ends at {ends}")
    group = scene.config["pipeline"] + ".consent"
    require(not harness.members(scene.bootstrap, group), "the group still has members")


def drains(bootstrap):
    interval = 10 # seconds; what is over sooner did not wait for it
    scene = None

    def attempt(seconds):
        nonlocal scene
        scene = Scene(work, f"drain-{int(seconds * 10)}", bootstrap, publish={"update_every": "drain"},
                      runtime={"commit_interval": f"{interval}s", "transaction_timeout": "30s"})
        scene.create_topics()
        scene.send_choices(choice("zoe", "in"))
        process = scene.process(workers=2).start()
        process.wait_ready()
        sent = time.monotonic()
        scene.send_events(*(event(name) for name in ("ann", "bob", "cat", "dan", "ann")))
        time.sleep(seconds)
        status = process.stop()
        took = time.monotonic() - sent
        require(status == 0, f"status {status}\n{process.tail()}")
        settled(scene)
        counts, taken = scene.counted("ann", "bob", "cat", "dan"), sum(max(0, at) for at in scene.committed().values())
        require(sum(counts.values()) == taken, f"{taken} events are taken, counts are {counts}\n{process.tail()}")
        if taken < 5 or took >= interval:
            return False
        require(counts == {"ann": 2, "bob": 1, "cat": 1, "dan": 1}, f"counts {counts}")
        require(scene.published("ann", "bob", "cat", "dan") == {"ann", "bob", "cat", "dan"}, "its slot is not written")
        return True
    with tap.case("sigterm_drains"):
        harness.bracketed(attempt, "the open transaction was never ended by the drain")
    with tap.case("next_start_after_a_drain_has_nothing_to_wait_for"):
        second = scene.process("two").start()
        second.wait_ready()
        require(not second.logged("restore_waits"), second.tail())
        require(second.stop() == 0, second.tail())
        settled(scene)


def drains_while_restoring(bootstrap):
    """As when all processes of a group are stopped together: the last ones get the partitions of the first ones."""
    scene = Scene(work, "handed", bootstrap, publish={"update_every": "drain"})
    scene.create_topics(partitions=1)
    scene.send_choices(choice("zoe", "in"))
    first = scene.process("one").start()
    first.wait_ready()
    scene.send_events(event("ann"))
    scene.wait_taken()
    first.kill9()
    held = scene.hold("state", {"key": "never", "value": "committed"})
    second = scene.process("two").start()
    with tap.case("sigterm_while_restoring_restores_first_where_the_drain_is_the_slot"):
        wait_until(lambda: "restoring" in second.get("/readyz")[1], second.tail)
        second.signal(signal.SIGTERM)
        time.sleep(1)
        require(second.alive(), f"it ended with {second.process.poll()}\n{second.tail()}")
        held.end("abort")
        require(second.wait() == 0, second.tail())
        require(scene.published("ann") == {"ann"}, f"its slot is not written\n{second.tail()}")
        settled(scene)


def drains_between_assignments(bootstrap):
    """The partitions were taken back because another one comes, and it takes its time to answer the group."""
    scene = Scene(work, "between", bootstrap, publish={"update_every": "drain"},
                  kafka={"session.timeout.ms": 6000, "heartbeat.interval.ms": 300})
    scene.create_topics(partitions=2)
    scene.send_choices(choice("zoe", "in"))
    one, two = (scene.process(name).start() for name in ("one", "two"))
    one.wait_ready()
    two.wait_ready()
    scene.send_events(*(event(name) for name in ("ann", "bob", "cat", "dan")))
    scene.wait_taken()
    two.signal(signal.SIGSTOP) # it cannot join the next generation
    third = scene.process("three").start()
    with tap.case("sigterm_between_two_assignments_waits_for_the_next_where_the_drain_is_the_slot"):
        try:
            wait_until(lambda: "joining" in one.get("/statusz")[1], lambda: f"{one.get('/statusz')}\n{one.tail()}")
            require(third.stop() == 0, third.tail()) # it has nothing yet, so it leaves
            one.signal(signal.SIGTERM)
            time.sleep(0.5)
        finally:
            two.signal(signal.SIGCONT)
        two.signal(signal.SIGTERM)
        require(one.wait() == 0 and two.wait() == 0, one.tail() + two.tail())
        who = scene.published("ann", "bob", "cat", "dan")
        require(who == {"ann", "bob", "cat", "dan"}, f"published: {who}\n{one.tail()}\n{two.tail()}")
        settled(scene)


def second_signal(broker):
    scene = Scene(work, "twice", broker.bootstrap, runtime={"commit_interval": "2s"})
    scene.create_topics()
    scene.send_choices(choice("zoe", "in"))
    for number, expected in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        process = scene.process(str(expected)).start()
        process.wait_ready()
        scene.send_events(event("ann"))
        time.sleep(0.5)
        broker.signal(signal.SIGSTOP) # so that the drain takes its time
        with tap.case(f"second_signal_ends_at_once_with_status_{expected}"):
            try:
                process.signal(number)
                time.sleep(1)
                require(process.alive(), f"it ended with {process.process.poll()}\n{process.tail()}")
                process.signal(number)
                require(process.wait() == expected, f"status {process.process.poll()}\n{process.tail()}")
            finally:
                broker.resume()


def books(bootstrap):
    """Counters of an undisturbed run against file mode's, by stage and reason."""
    now_ms = int(time.time() * 1000)
    scene = Scene(work, "books", bootstrap, consent={"lease": "60s"})
    scene.create_topics()
    harness.generate(work, 5000, 300, 3, "--bad-share", "0.02")
    reference = equal_runs.make_reference(work, scene.config, now_ms)
    harness.tool("produce", bootstrap, scene.topic("consent"), work / "consent.keyed", "keyed")
    harness.tool("produce", bootstrap, scene.topic("events"), work / "events.keyed", "keyed", f"timestamp={now_ms}")
    process = scene.process(workers=2).start()
    process.wait_ready()
    scene.wait_taken()
    counters = {}
    for labels, count in re.findall(r"^clickveil_stage_records_total\{(.*)\} (\d+)", process.get("/metrics")[1], re.M):
        label = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if int(count):
            counters[(label["stage"], label["verdict"], label.get("reason", ""))] = int(count)
    expected = {}
    for stage in json.loads((reference / "summary.json").read_text())["stages"]:
        expected[(stage["stage"], "pass", "")] = stage["passed"]
        expected.update({(stage["stage"], "drop", reason): count for reason, count in stage["dropped"].items()})
        expected.update({(stage["stage"], "reject", reason): count for reason, count in stage["dead_letters"].items()})
    with tap.case("counters_equal_the_books_of_file_mode"):
        wrong = {key: (counters.get(key), expected.get(key)) for key in counters.keys() | expected.keys()
                 if counters.get(key, 0) != expected.get(key, 0)}
        require(not wrong, f"on Kafka and over files: {wrong}")
    with tap.case("counters_say_that_in_is_kept_and_dropped_and_dead"):
        kept = counters[("publish", "pass", "")]
        ends = sum(count for (_, verdict, _), count in counters.items() if verdict != "pass")
        require(kept + ends == 5000, f"{kept} kept, {ends} dropped or dead")
        require(len(harness.dump(bootstrap, scene.topic("dead_letters"))) ==
                sum(count for (_, verdict, _), count in counters.items() if verdict == "reject"), "dead letters differ")
    require(process.stop() == 0, process.tail())


def main():
    broker = harness.Broker("away")
    bootstrap = broker.bootstrap
    cases = {
        "start": lambda: at_start(broker),
        "missing": lambda: topic_missing(bootstrap),
        "drain": lambda: drains(bootstrap),
        "restoring": lambda: drains_while_restoring(bootstrap),
        "between": lambda: drains_between_assignments(bootstrap),
        "twice": lambda: second_signal(broker),
        "books": lambda: books(bootstrap),
    }
    for name in os.environ.get("AWAY_CASES", " ".join(cases)).split():
        tap.note(name)
        try:
            cases[name]()
        except Exception as error: # the other cases still run
            tap.ok(f"away_{name}", False, f"{type(error).__name__}: {error}")
    tap.end()


if __name__ == "__main__":
    main()
