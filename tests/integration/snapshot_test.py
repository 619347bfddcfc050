#!/usr/bin/env python3
"""The snapshot of the consent table on Kafka (spec 3, rule 11): reused only where it may be, and a topic that was made anew
while it is followed stops the process."""

import json
import os
import stat

import harness
from harness import require, wait_until
from scene import Scene, choice, event, number_of

tap = harness.Tap()
work = harness.directory("snapshot")


def scene_of(name, bootstrap, **consent):
    path = work / f"{name}.snapshot"
    scene = Scene(work, name, bootstrap, consent={"snapshot": str(path), "snapshot_every": "1s", **consent})
    return scene, path


def create(scene, config=None):
    """By clickveil, which writes the birth records."""
    path = harness.write_configuration(work, f"{scene.name}-topics", config or scene.config)
    return harness.clickveil("topics", "create", "--config", path, "--partitions", "2")


def started(scene, name):
    process = scene.process(name).start()
    process.wait_ready()
    return process


def wait_written(process, path, since=0):
    wait_until(lambda: path.exists() and path.stat().st_mtime_ns > since, lambda: f"no snapshot\n{process.tail()}")


def gauges(process):
    return json.loads(process.get("/statusz")[1])["gauges"]["consent"]


def reused(bootstrap):
    scene, path = scene_of("reused", bootstrap)
    create(scene)
    births = harness.dump(bootstrap, scene.topic("consent"))
    with tap.case("topics_create_writes_a_birth_record_to_each_partition"):
        require({record["partition"] for record in births} == {0, 1}, births)
        require(len({record["key"] for record in births}) == 1, births)
        require(births[0]["key"].startswith("meta:birth:"), births)
    scene.send_choices(choice("zoe", "in"), choice("ann", "out"), choice("bob", "out", subject="account"),
                       *(choice(f"p{i}", "out") for i in range(300)))
    process = started(scene, "one")
    with tap.case("snapshot_is_written_for_its_owner_alone"):
        require(process.logged("there is no snapshot yet"), process.tail())
        wait_written(process, path)
        require(stat.S_IMODE(path.stat().st_mode) == 0o600, oct(path.stat().st_mode))
        require(b"999" not in path.read_bytes()[1000:] or b"+999" not in path.read_bytes(), "an identifier stands in it")
    process.stop()
    scene.send_choices(choice("dan", "out"), choice("zoe", "out", seq=2)) # since the snapshot
    process = started(scene, "two")
    with tap.case("snapshot_is_reused_after_a_restart_and_decides_the_same"):
        require(process.logged("snapshot_reused"), process.tail())
        records = int(process.log.read_text().split("followed_topic_complete")[1].split(" records")[0].split()[-1])
        require(records < 20, f"{records} records were read")
        require(gauges(process)["consent_entries"] == 304, gauges(process))
        scene.send_events(*(event(name) for name in ("ann", "bob", "zoe", "dan", "cat", "p7", "p299")))
        scene.wait_published("cat")
        scene.wait_taken()
        who = scene.published("ann", "bob", "zoe", "dan", "p7", "p299", isolation="uncommitted")
        require(not who, f"in the feed: {who}")
    process.stop()
    path.unlink()
    process = started(scene, "three")
    with tap.case("without_its_snapshot_the_topic_is_read_whole_and_decides_the_same"):
        require(process.logged("there is no snapshot yet"), process.tail())
        require(gauges(process)["consent_entries"] == 304, gauges(process))
        scene.send_events(event("ann"), event("zoe"), event("eve"))
        scene.wait_published("eve")
        scene.wait_taken()
        who = scene.published("ann", "bob", "zoe", "dan", isolation="uncommitted")
        require(not who, f"in the feed: {who}")
        wait_written(process, path)
    process.kill9()
    process = started(scene, "four")
    tap.ok("snapshot_is_reused_after_a_crash", process.logged("snapshot_reused"), process.tail())
    process.stop()
    return scene, path


def refused(scene, path):
    """Each damage, each with its sentence; the topic is read whole, and everybody who said no stays out."""
    whole = path.read_bytes()

    def flip(at):
        return whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1:]

    other = {"consent": {"ignore": ["0:99999"]}}
    short = scene.config["topics"]["consent"]
    cases = [
        ("flipped_bit", flip(len(whole) // 2), "its content is damaged", {}),
        ("flipped_bit_of_its_head", flip(60), "its head is damaged", {}),
        ("cut", whole[:-1000], "it was cut", {}),
        ("nearly_empty", whole[:10], "it is no snapshot", {}),
        ("of_other_settings", whole, "programmes, subjects or acknowledged records were others", other),
    ]
    for name, content, why, changes in cases:
        path.write_bytes(content)
        path.chmod(0o600)
        process = scene.process(f"refused-{name}", **changes)
        with tap.case(f"snapshot_{name}_is_rebuilt_and_said_so"):
            process.start()
            process.wait_ready()
            require(process.logged(f"the snapshot is not used: {why}"), process.tail())
            require(gauges(process)["consent_entries"] == 304, gauges(process))
        process.stop()
    path.write_bytes(whole)
    path.chmod(0o640)
    process = started(scene, "readable")
    tap.ok("snapshot_that_others_may_read_is_not_used", process.logged("others may read or write it"), process.tail())
    process.stop()
    require(short == scene.topic("consent"), "the same topic")


def alone(bootstrap):
    """Consent as a process of its own has no key of pseudonyms: the key of its table comes from that of suppression."""
    path, key = work / "alone.snapshot", work / "secrets/suppression.key"
    scene = Scene(work, "alone", bootstrap, stages=["consent"],
                  consent={"snapshot": str(path), "snapshot_every": "1s", "suppression_key": str(key)})
    harness.clickveil("keygen", "--config", harness.write_configuration(work, "alone-keygen", scene.config))
    create(scene)
    scene.send_choices(choice("ann", "out"), *(choice(f"p{i}", "out") for i in range(60)))
    process = started(scene, "one")
    wait_written(process, path)
    process.stop()
    process = started(scene, "two")
    with tap.case("snapshot_of_consent_alone_is_reused_and_decides_the_same"):
        require(process.logged("snapshot_reused"), process.tail())
        require(gauges(process)["consent_entries"] == 61, gauges(process))
        scene.send_events(event("ann"), event("p7"), event("cat"))
        scene.wait_taken()
        passed = [record["key"] for record in harness.dump(bootstrap, scene.topic("consent_out"))]
        require(passed == [number_of("cat")[1:]], passed) # without its plus
    process.stop()
    key.unlink()
    harness.clickveil("keygen", "--config", harness.write_configuration(work, "alone-keygen", scene.config))
    process = started(scene, "three")
    tap.ok("snapshot_of_consent_alone_under_another_key_is_rebuilt",
           process.logged("the snapshot is not used: it was made with another key"), process.tail())
    process.stop()


def too_old(scene, path):
    harness.alter_topic(scene.bootstrap, scene.topic("consent"), "delete.retention.ms=1")
    process = started(scene, "old")
    tap.ok("snapshot_older_than_tombstones_are_kept_is_rebuilt", process.logged("it is too old"), process.tail())
    process.stop()


def anew_between_starts(bootstrap):
    scene, path = scene_of("between", bootstrap)
    create(scene)
    scene.send_choices(*(choice(f"p{i}", "out") for i in range(20)))
    process = started(scene, "one")
    wait_written(process, path)
    process.stop()
    harness.tool("delete", bootstrap, scene.topic("consent"))
    create(scene)
    scene.send_choices(*(choice(f"q{i}", "out") for i in range(60)))
    process = started(scene, "two")
    with tap.case("snapshot_of_a_topic_that_was_made_anew_is_rebuilt"):
        require(process.logged("the snapshot is not used: the topic was made anew"), process.tail())
        require(gauges(process)["consent_entries"] == 60, gauges(process))
    process.stop()
    harness.tool("delete", bootstrap, scene.topic("consent"))
    harness.tool("create", bootstrap, f"{scene.topic('consent')}:2:cleanup.policy=compact")
    scene.send_choices(*(choice(f"r{i}", "out") for i in range(90)))
    process = started(scene, "three")
    with tap.case("snapshot_is_rebuilt_when_a_birth_record_is_missing"):
        require(process.logged("the birth record of partition"), process.tail())
        require(gauges(process)["consent_entries"] == 90, gauges(process))
        wait_until(lambda: process.logged("snapshot_off"), "it does not say that there are no birth records")
    process.stop()
    added(bootstrap, scene, path)


def added(bootstrap, scene, path):
    """`topics create` on a topic that somebody else made, and that has choices."""
    def births():
        records = harness.dump(bootstrap, scene.topic("consent"))
        return sorted(record["partition"] for record in records if record["key"].startswith("meta:birth:"))

    with tap.case("topics_create_adds_birth_records_to_a_topic_that_has_none_once"):
        require(births() == [], births())
        said = create(scene).stdout
        require("birth records added to 2 of them" in said, said)
        require(births() == [0, 1], births())
        said = create(scene).stdout
        require("birth records" not in said and births() == [0, 1], said)
    with tap.case("topics_create_adds_them_to_a_partition_that_came_later"):
        harness.subprocess.run([harness.ROOT / "tests/support/kafka.sh", "tool", "org.apache.kafka.tools.TopicCommand",
                                "--bootstrap-server", bootstrap, "--alter", "--topic", scene.topic("consent"),
                                "--partitions", "3"], check=True, capture_output=True)
        said = create(scene).stdout
        require("birth records added to 1 of them" in said, said)
        require(births() == [0, 1, 2], births())
    path.unlink(missing_ok=True)
    process = started(scene, "four")
    wait_written(process, path)
    process.stop()
    process = started(scene, "five")
    tap.ok("snapshot_is_reused_when_birth_records_were_added", process.logged("snapshot_reused"), process.tail())
    process.stop()


def anew_while_running(bootstrap):
    """The new topic is longer than the old one was at once, so offsets tell nothing."""
    scene, path = scene_of("running", bootstrap)
    create(scene)
    scene.send_choices(choice("ann", "out"))
    process = started(scene, "one")
    choices = [choice(f"q{i}", "out") for i in range(100)]
    harness.tool("delete", bootstrap, scene.topic("consent"))
    create(scene)
    scene.send_choices(*choices)
    with tap.case("process_stops_when_the_topic_is_made_anew_while_it_runs"):
        status = process.wait()
        require(status in (69, 78), f"status {status}\n{process.tail()}")
        require(process.logged("followed_topic_failed"), process.tail())


def main():
    broker = harness.Broker("snapshot")
    scenes = {}

    def first():
        scenes["reused"] = reused(broker.bootstrap)
    cases = {
        "reused": first,
        "refused": lambda: refused(*scenes["reused"]),
        "old": lambda: too_old(*scenes["reused"]),
        "alone": lambda: alone(broker.bootstrap),
        "between": lambda: anew_between_starts(broker.bootstrap),
        "running": lambda: anew_while_running(broker.bootstrap),
    }
    for name in os.environ.get("SNAPSHOT_CASES", " ".join(cases)).split():
        tap.note(name)
        try:
            cases[name]()
        except Exception as error: # the other cases still run
            tap.ok(f"snapshot_{name}", False, f"{type(error).__name__}: {error}")
    tap.note("end")
    tap.end()


if __name__ == "__main__":
    main()
