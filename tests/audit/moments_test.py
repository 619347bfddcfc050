#!/usr/bin/env python3
"""Attack (c), second half: an advertiser puts the feeds of two epochs together, and two advertisers theirs, by the moments at
which records were written: slot, place within the slot, Kafka timestamp, partition, order. On Kafka, with clickveil's clock
set to fixed days in the past (a small library in front of the system's), since a day has 96 slots: behind a pause the slots
that were missed are made up in order, each record with the time of its own.

For each of these two questions are asked. Who of the other list is it? The attacker names one of those with the same mark, so
guessing is right in 1 of n. And does the mark of the partner agree more often than that of anybody? That sees much less than
is needed to name somebody; guessing is what the marks' frequencies give.
"""

import base64
import collections
import json
import os
import random
import subprocess
import time

import attack
import documented
import harness
from harness import require, wait_until
from scene import Scene

PEOPLE = attack.argument("AUDIT_PEOPLE", 300)
PARTITIONS = 3
HOUR_MS, SLOT_MS, SLOTS = 3600000, 900000, 96
EPOCH = 2900
WEEK_MS = 7 * documented.DAY_MS
BEGIN_MS = EPOCH * WEEK_MS

tap = harness.Tap()
attacks = attack.Attacks(tap)
work = harness.directory("audit-moments")

# moves the wall clock; the monotonic one, by which everybody waits, stays
CLOCK = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    const char *shift = getenv("AUDIT_CLOCK_SHIFT_S");
    if (result == 0 && clock == CLOCK_REALTIME && shift)
        now->tv_sec += atol(shift);
    return result;
}
"""


def with_clock(name, library, now_ms):
    """clickveil, for which it is then that moment."""
    path = work / name
    shift = now_ms // 1000 - int(time.time())
    path.write_text(f'#!/bin/sh\nAUDIT_CLOCK_SHIFT_S={shift} LD_PRELOAD="{library}" exec "{harness.CLICKVEIL}" "$@"\n')
    path.chmod(0o755)
    return path


def clock_library():
    source, library = work / "clock.c", work / "clock.so"
    source.write_text(CLOCK)
    made = subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", library, source], capture_output=True, text=True)
    require(made.returncode == 0, made.stderr)
    return library


def observe(scene):
    """What a reader of the feeds has of each ID's first record: advertiser -> epoch -> ID -> mark's name -> mark."""
    seen = {}
    for feed in scene.config["publish"]["feeds"]:
        records = harness.dump(scene.bootstrap, feed["topic"])
        firsts = {}
        for record in records:
            require(not record["headers"], "a feed's record has headers")
            if record["value"]:
                value = json.loads(record["value"])
                firsts.setdefault((value["ext"]["epoch"], record["key"]), record)
        epochs = collections.defaultdict(dict)
        runs = {}
        for (epoch, key), record in sorted(firsts.items(), key=lambda one: (one[1]["partition"], one[1]["offset"])):
            slot = record["timestamp"] // SLOT_MS
            # IDs rise as long as one list is written; where they fall, another one begins
            last, run = runs.get((epoch, record["partition"], slot), (b"", 0))
            code = base64.urlsafe_b64decode(key + "==")
            run += code < last
            runs[epoch, record["partition"], slot] = (code, run)
            epochs[epoch][key] = {"slot": slot % SLOTS, "timestamp": record["timestamp"] % (SLOTS * SLOT_MS),
                                  "place_in_slot": record["timestamp"] % SLOT_MS, "partition": record["partition"],
                                  "list": run, "order": (slot % SLOTS, record["partition"], record["offset"])}
        seen[feed["advertiser"]] = epochs
    return seen


MARKS = {
    "slot": lambda mark: mark["slot"], "timestamp": lambda mark: mark["timestamp"],
    "place_in_slot": lambda mark: mark["place_in_slot"], "partition": lambda mark: mark["partition"],
    "list_in_slot": lambda mark: mark["list"], "slot_and_partition": lambda mark: (mark["slot"], mark["partition"]),
}


def by_mark(attacks_on, what, first, second, partner, mark):
    """first and second: ID -> marks."""
    dice = random.Random(f"{attack.SEED} {what}")
    classes = collections.defaultdict(list)
    for other in sorted(second):
        classes[mark(second[other])].append(other)
    everybody = sorted(second)
    right = sum(dice.choice(classes.get(mark(first[one])) or everybody) == partner[one] for one in sorted(partner))
    attacks_on(f"naming_the_partner_{what}", right, len(partner), 1 / len(partner))
    agree = sum(mark(first[one]) == mark(second[other]) for one, other in partner.items())
    sizes = collections.Counter(mark(marks) for marks in first.values())
    chance = sum(count * len(classes[name]) for name, count in sizes.items() if name in classes) / len(first) / len(second)
    if chance < 1:  # else it is the same for all, and says nothing
        attacks_on(f"agreement_{what}", agree, len(partner), chance)


def by_order(attacks_on, what, first, second, partner):
    ranked = [sorted(marks, key=lambda one, of=marks: of[one]["order"]) for marks in (first, second)]
    right = sum(partner[one] == other for one, other in zip(*ranked))
    attacks_on(f"naming_the_partner_{what}", right, len(partner), 1 / len(partner))
    # and roughly: in the same tenth of the list
    tenth = [{one: at * 10 // len(order) for at, one in enumerate(order)} for order in ranked]
    agree = sum(tenth[0][one] == tenth[1][other] for one, other in partner.items())
    attacks_on(f"agreement_{what}", agree, len(partner), 0.1)


def judge(attacks_on, what, first, second, partner):
    for name, mark in MARKS.items():
        by_mark(attacks_on, f"of_{what}_by_{name}", first, second, partner, mark)
    by_order(attacks_on, f"of_{what}_by_order", first, second, partner)


def planted(first, second, partner):
    """Weak products: what is seen of the second list, made again as if it kept something of the first one."""
    def kept(*names):
        return {other: {**second[other], **{name: first[one][name] for name in names}} for one, other in partner.items()}
    for name, bad in (("slot", kept("slot")), ("timestamp", kept("timestamp")), ("partition", kept("partition"))):
        by_mark(lambda what, *figures: attacks.sees(what, *figures) if seen_by(what, name) else None,
                f"of_two_epochs_by_{name}", first, bad, partner, MARKS[name])
    by_order(attacks.sees, "of_two_epochs_by_order", first, kept("slot", "partition", "order"), partner)
    # a moment of one's own within the slot, and lists that are written one for each partition of the input
    places = {one: random.Random(one).randrange(SLOT_MS) for one in partner}
    by_mark(attacks.sees, "of_two_epochs_by_place_in_slot", {one: {"place_in_slot": places[one]} for one in partner},
            {other: {"place_in_slot": places[one]} for one, other in partner.items()}, partner, MARKS["place_in_slot"])
    lists = {one: random.Random(one).randrange(PARTITIONS) for one in partner}
    by_mark(lambda what, *figures: attacks.sees(what, *figures) if what.startswith("agreement") else None,
            "of_two_epochs_by_list_in_slot", {one: {"list": lists[one]} for one in partner},
            {other: {"list": lists[one]} for one, other in partner.items()}, partner, MARKS["list_in_slot"])


def seen_by(what, name):
    """Few classes name nobody; they show in how often they agree."""
    return name != "partition" or what.startswith("agreement")


def ids(scene, crowd, feed, epoch):
    return {person.index: documented.feed_id(scene.publish_key, feed, epoch, person.codes(scene.pseudonym_key, "e164")["line"])
            for person in crowd}


def live(scene, library, crowd, epoch):
    """An epoch as it goes: events in its first hour, and a day later all slots have been."""
    begin = epoch * WEEK_MS
    process = scene.process(f"{epoch}-takes", with_clock(f"at-{epoch}-1", library, begin + HOUR_MS)).start()
    process.wait_ready()
    events = attack.write_lines(work / f"{epoch}.jsonl",
                                attack.events_of(crowd, "e164", begin + HOUR_MS // 2, random.Random(3)))
    harness.tool("produce", scene.bootstrap, scene.topic("events"), events, "events", f"timestamp={begin + HOUR_MS}")
    scene.wait_taken()
    require(process.stop() == 0, process.tail())
    process = scene.process(f"{epoch}-writes", with_clock(f"at-{epoch}-2", library, begin + 26 * HOUR_MS)).start()

    def there():
        require(process.alive(), process.tail)
        epochs = observe(scene)
        return all(len(of[epoch]) >= len(crowd) for of in epochs.values())
    wait_until(there, lambda: f"{ {name: {e: len(i) for e, i in of.items()} for name, of in observe(scene).items()} }\n"
               f"{process.tail()}", step=0.5)
    require(process.stop() == 0, process.tail())


def main():
    if b"__asan_init" in harness.CLICKVEIL.read_bytes() or b"__tsan_init" in harness.CLICKVEIL.read_bytes():
        print("ok 1 - moments # SKIP a sanitizer's process takes no other library before its own\n1..1")
        return
    library = clock_library()
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP") or harness.Broker("audit-moments").bootstrap
    prefix = f"audit{os.getpid()}"
    feeds = [{"advertiser": name, "programme": "tmobile", "kind": "interests", "id": "user", "topic": f"{prefix}.feed.{name}"}
             for name in ("acme", "globex")]
    attack.fix_keys(work, harness.configuration(work, prefix, bootstrap), EPOCH - 1)
    scene = Scene(work, prefix, bootstrap, publish={"update_every": "24h", "feeds": feeds, "key_grace": "30d"})
    kept = ",".join(("retention.ms=-1", "message.timestamp.after.max.ms=9000000000000000"))
    plan = [topic if topic.count(":") == 2 else f"{topic}:{kept}" for topic in harness.topic_plan(scene.config, PARTITIONS)]
    harness.tool("create", bootstrap, *plan)
    scene.send_choices(attack.no_choice())
    crowd = attack.people(PEOPLE, 10 ** 6, 4)
    for epoch in (EPOCH, EPOCH + 1):
        live(scene, library, crowd, epoch)
        tap.note(f"epoch {epoch} is written")
    seen = observe(scene)
    acme, globex = feeds
    who = {(feed["advertiser"], epoch): ids(scene, crowd, feed, epoch) for feed in feeds for epoch in (EPOCH, EPOCH + 1)}
    with tap.case("everybody_is_in_both_feeds_in_both_epochs"):
        for (name, epoch), of in who.items():
            require(set(of.values()) == set(seen[name][epoch]), f"{name} {epoch}: {len(seen[name][epoch])}")
    with tap.case("timestamps_are_those_of_slots"):
        slots = {marks["slot"] for marks in seen["acme"][EPOCH].values()}
        require(len(slots) > SLOTS // 3, f"only {len(slots)} slots were used")
        require({marks["place_in_slot"] for of in seen.values() for epoch in of.values() for marks in epoch.values()} == {0},
                "a timestamp lies within a slot")

    def pair(one, other):
        return seen[one[0]][one[1]], seen[other[0]][other[1]], {who[one][person]: who[other][person] for person in who[one]}
    epochs = pair(("acme", EPOCH), ("acme", EPOCH + 1))
    judge(attacks.holds, "two_epochs", *epochs)
    judge(attacks.holds, "two_advertisers", *pair(("acme", EPOCH), ("globex", EPOCH)))
    planted(*epochs)
    tap.end()


if __name__ == "__main__":
    main()
