#!/usr/bin/env python3
"""An interest of whose people one site brings 90 % is in the records; `rules report --traffic` writes it into a deny list; a
running classify takes the list at SIGHUP, and the interest is gone, while the others go on."""

import json
import os
import signal
import subprocess

import harness
from harness import require, wait_until
from scene import Scene, choice, event

SPORTS, TECHNOLOGY = 607, 687
PEOPLE = [f"p{number}" for number in range(50)]

tap = harness.Tap()
work = harness.directory("rules_deny")
deny = work / "deny.tsv"


def sample():
    """Everybody goes to a site of each interest; nine in ten to the same one of sports."""
    for number, name in enumerate(PEOPLE):
        yield event(name, host="www.big-sports.com" if number % 10 else "small-sports.com")
        yield event(name, host=f"tech{number % 3}.net")


def classified(scene):
    """Interest -> how many records between the stages have it; and their digests."""
    found, digests = {}, set()
    for record in harness.dump(scene.bootstrap, scene.topic("classify_out")):
        value = json.loads(record["value"])
        digests.add(value["rules_digest"])
        for interest, _ in value["interests"]:
            found[interest] = found.get(interest, 0) + 1
    return found, digests


def reload_of(process):
    return json.loads(process.get("/statusz")[1])["reload"]


def main():
    (work / "sites.tsv").write_text(f"big-sports.com\t{SPORTS}\nsmall-sports.com\t{SPORTS}\n" +
                                    "".join(f"tech{number}.net\t{TECHNOLOGY}\n" for number in range(3)))
    deny.write_text("deny-list.clickveil.invalid\tdeny\tnothing yet\n")
    scene = Scene(work, f"deny{os.getpid()}", os.environ["KAFKA_BOOTSTRAP"], stages=["consent", "pseudonymize", "classify"],
                  classify={"hosts": [str(work / "sites.tsv"), str(deny)], "apps": [], "support": 1})
    scene.create_topics()
    scene.send_choices(choice("zoe", "out"))
    process = scene.process().start()
    process.wait_ready()
    events = list(sample())
    scene.send_events(*events)
    scene.wait_taken()
    before, digests = classified(scene)
    tap.ok("both_interests_are_there_before", before == {SPORTS: 50, TECHNOLOGY: 50} and len(digests) == 1, (before, digests))

    with tap.case("report_writes_the_interest_into_the_deny_list"):
        traffic = work / "traffic.jsonl"
        traffic.write_text("".join(json.dumps(item) + "\n" for item in events))
        said = json.loads(harness.clickveil("rules", "report", "--json", "--config", process.config, "--traffic", traffic,
                                            "--output", deny).stdout)
        over = {item["interest"]: item["top_share"] for item in said["people"]["interests"] if item["over"]}
        require(over == {SPORTS: 0.9}, over)
        require(f"{SPORTS}\tdeny\t" in deny.read_text(), deny.read_text())

    done = reload_of(process)
    process.signal(signal.SIGHUP)
    wait_until(lambda: reload_of(process) != done, lambda: process.tail(), 60)
    scene.send_events(*events)
    scene.wait_taken()
    after, both = classified(scene)
    tap.ok("after_the_reload_the_interest_is_gone_and_the_other_goes_on",
           after == {SPORTS: 50, TECHNOLOGY: 100} and len(both) == 2, (after, both, process.tail()))
    tap.ok("process_ends_with_status_0", process.stop() == 0, process.tail())
    tap.end()


if __name__ == "__main__":
    main()
