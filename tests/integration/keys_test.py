#!/usr/bin/env python3
"""Keys of a pipeline on Kafka: a key file that is a month old is moved on by publish itself, on disk and in memory; nothing of
any key is seen of the process, its threads' stacks included; state of another chain is refused.

The chain itself is tested in tests/unit/common/ratchet_test.c, runs over files in tests/chain/keys_*.sh.
"""

import json
import time

import documented
import harness
from harness import require, wait_until
from key_search import Keys, core_holds, seen_outside
from scene import Scene, choice, event

tap = harness.Tap()
work = harness.directory("keys")
PEOPLE = [f"p{number}" for number in range(20)]


def key_epoch(process):
    return json.loads(process.get("/statusz")[1])["gauges"]["publish"]["key_epoch"]


def main():
    broker = harness.Broker("keys")
    scene = Scene(work, "keys", broker.bootstrap)
    secrets = work / "secrets"
    key_file = secrets / "publish.key"
    key_file.unlink() # a host that was away: its file is of a month ago
    now_ms = int(time.time() * 1000)
    path = harness.write_configuration(work, "keys-keygen", scene.config)
    harness.clickveil("keygen", "--config", path, "--now", now_ms - 30 * documented.DAY_MS)
    scene.publish_key = documented.chain_of(key_file)
    old, old_text = Keys(secrets, scene.config["publish"]["feeds"]), key_file.read_text()
    first, epoch = scene.publish_key[0], documented.epoch_of(now_ms)
    require(epoch - first in (4, 5, 6), f"the chain begins with {first}, it is {epoch}")

    scene.create_topics()
    scene.send_choices(choice("zoe", "out"))
    process = scene.process("one").start()
    process.wait_ready()
    scene.send_events(*(event(name) for name in PEOPLE))
    wait_until(lambda: len(scene.published(*PEOPLE)) == len(PEOPLE), lambda: process.tail(), 120)
    tap.ok("ids_are_those_of_the_chain_whatever_the_epoch_of_its_file", True)
    with tap.case("publish_moves_a_key_on_that_is_a_month_old"):
        wait_until(lambda: documented.chain_of(key_file)[0] >= epoch - 1, lambda: process.tail(), 60)
        require(process.logged("key_advanced"), process.tail())
        wait_until(lambda: key_epoch(process) == documented.chain_of(key_file)[0], lambda: key_epoch(process), 30)
        require(documented.chain_of(key_file)[1] == documented.link_of(scene.publish_key, documented.chain_of(key_file)[0]),
                "another chain")
    with tap.case("nothing_is_left_on_disk_of_the_old_keys"):
        wait_until(lambda: {path.name for path in secrets.glob("publish*")} == {"publish.key", "publish.key.lock"},
                   lambda: list(secrets.iterdir()), 30)
        gone = {name: form for name, form in old.forms.items() if name.startswith("publish")}
        left = [(path.name, name) for path in secrets.iterdir() for name, form in gone.items() if form in path.read_bytes()]
        require(not left, left)

    scene.send_events(*(event(name) for name in PEOPLE[:5]))
    scene.wait_taken()
    new = Keys(secrets, scene.config["publish"]["feeds"])
    pid = process.process.pid
    for what, keys in (("old", old), ("new", new)):
        for where, found in seen_outside(pid, keys).items():
            tap.ok(f"no_{what}_key_is_in_{where}", not found, found)
        core, left_out = core_holds(pid, keys)
        tap.ok(f"no_{what}_key_is_in_what_a_core_file_would_hold", not core, core)
        if what == "old":
            there = [name for name in left_out if name.startswith("publish")]
            tap.ok("old_keys_are_wiped_in_memory_too", not there, there)
        else:
            there = {name.split()[0] for name in left_out}
            tap.ok("keys_are_in_the_pages_that_are_left_out", {"pseudonym", "publish"} <= there, there)
    tap.ok("process_drains_with_status_0", process.stop() == 0, process.tail())

    with tap.case("state_of_another_chain_ends_the_start_with_78"):
        key_file.rename(secrets / "kept")
        harness.clickveil("keygen", "--config", path)
        process = scene.process("two").start()
        require(process.wait() == 78, process.tail())
        require(process.logged("keys of another chain"), process.tail())
    with tap.case("its_own_chain_goes_on"):
        key_file.unlink()
        (secrets / "kept").rename(key_file)
        process = scene.process("three").start()
        process.wait_ready()
        scene.send_events(event("ann"))
        wait_until(lambda: scene.published("ann"), lambda: process.tail(), 60)
        require(process.stop() == 0, process.tail())
    require(old_text != key_file.read_text(), "the file was not moved on")
    tap.end()


if __name__ == "__main__":
    main()
