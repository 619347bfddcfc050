#!/usr/bin/env python3
"""All programmes at once on Kafka: each decides for itself and is counted so, and a line that moved takes its `out`s along.

The presets' rules stand in tests/chain/presets/; here is what only several partitions, transactions and a running process
can show.
"""

import re

import harness
from harness import require, wait_until
from scene import Scene, choice, event, number_of

tap = harness.Tap()
work = harness.directory("programmes")

PRESETS = ["sprint", "tmobile", "att-basic", "att-enhanced", "verizon-custom-experience",
           "verizon-custom-experience-plus"]


def counted(process):
    """programme -> reason -> events, as /metrics says."""
    found = {programme: {} for programme in PRESETS}
    pattern = r'clickveil_programme_events_total\{programme="([^"]*)",reason="([^"]*)"\} (\d+)'
    for programme, reason, count in re.findall(pattern, process.get("/metrics")[1]):
        found[programme][reason] = int(count)
    return found


def wait_counted(process, programme, reason, count):
    wait_until(lambda: counted(process)[programme].get(reason) == count,
               lambda: f"{programme}: {counted(process)[programme]}, wanted {count} {reason}", step=0.1)


def move_of(name, old):
    """The new line's record, without a choice of its own."""
    record = choice(name, "in", moved_from=f"line:{number_of(old)}")
    record["value"]["choices"] = {}
    return record


def enhanced_by_account(name):
    record = choice(name, "in", subject="account")
    record["value"]["choices"] = {"att-enhanced": "in"}
    return record


def main():
    broker = harness.Broker("programmes")
    scene = Scene(work, "programmes", broker.bootstrap,
                  programmes=[str(harness.ROOT / f"config/programmes/{name}.yaml") for name in PRESETS])
    scene.create_topics()
    # olda said no before; the move stands in whatever partition its own key is in
    scene.send_choices(choice("zoe", "out"), move_of("newa", "olda"), choice("olda", "out"), move_of("newb", "oldb"),
                       enhanced_by_account("ed"))
    process = scene.process().start()
    process.wait_ready()

    with tap.case("programmes_decide_one_event_each_for_itself"):
        scene.send_events(event("tim"), event("amy", brand="att"), event("ed", brand="att"), event("vic", brand="verizon"),
                          event("meg", region="US-ME"), event("bus", plan="business"))
        scene.wait_taken()
        other = "brand_of_other_programme"
        wait_counted(process, "tmobile", "kept", 1)
        require(counted(process) == {
            "sprint": {"kept": 0, other: 6},
            "tmobile": {"kept": 1, other: 3, "not_opted_in": 1, "plan_excluded": 1},
            "att-basic": {"kept": 2, other: 4},
            "att-enhanced": {"kept": 1, other: 4, "not_opted_in": 1},
            "verizon-custom-experience": {"kept": 1, other: 5},
            "verizon-custom-experience-plus": {"kept": 0, other: 5, "not_opted_in": 1},
        }, str(counted(process)))
        who = scene.published("tim", "amy", "ed", "vic", "meg", "bus", isolation="uncommitted")
        require(who == {"tim"}, f"in T-Mobile's feed: {who}")

    with tap.case("a_line_that_moved_is_out_of_what_the_old_one_was_out_of"):
        scene.send_events(event("newa"), event("newb"))
        wait_counted(process, "tmobile", "kept", 2)
        wait_counted(process, "tmobile", "opted_out_line", 1)
        # newb's old line has said nothing, and its move is older than anything that was published
        scene.wait_published("newb")
        require(not scene.published("newa", isolation="uncommitted"), "somebody who moved is in the feed")

    with tap.case("a_move_takes_back_what_was_published_whatever_the_old_line_said"):
        scene.send_events(event("newc"))
        scene.wait_published("newc")
        scene.send_choices(move_of("newc", "oldc")) # a retraction asks no table
        key = scene.id_of("newc")
        wait_until(lambda: [record["value"] for record in harness.dump(broker.bootstrap, scene.feed)
                            if record["key"] == key][-1] is None, process.tail, step=0.3)

    with tap.case("an_out_of_the_old_line_counts_for_the_new_one_before_it_is_committed"):
        held = scene.hold_choices(choice("oldb", "out", seq=2))
        # once for the old line and once for the new one
        wait_until(lambda: "consent_records_uncommitted\"} 2" in process.get("/metrics")[1],
                   "the out is not seen", step=0.1)
        scene.send_events(event("newb"))
        wait_counted(process, "tmobile", "opted_out_line", 2)
        held.end("commit")

    with tap.case("and_stays_over_a_restart"):
        require(process.stop() == 0, process.tail())
        process.start().wait_ready()
        scene.send_events(event("newa"), event("newb"), event("tim"))
        wait_counted(process, "tmobile", "kept", 1)
        wait_counted(process, "tmobile", "opted_out_line", 2)
        require(process.stop() == 0, process.tail())
    tap.end()


if __name__ == "__main__":
    main()
