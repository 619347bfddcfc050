#!/usr/bin/env python3
"""Opting out reaches back, by killing: people who never produce another event get their tombstones, once each.

A third of the people says no, by line, by account and by device, while processes are killed with SIGKILL at random moments
and started again. Afterwards each ID of those has exactly one tombstone behind its last record, nobody else has any, and
the changelog knows nothing of them but marks. Read uncommitted, nothing is written about anybody behind the first
tombstone. In the split run people also say no while their events wait between the stages: those never appear.

RETRACTION_SEED fixes the moments (printed at the start), RETRACTION_KILLS how many there are in each run,
RETRACTION_PEOPLE how many people there are.
"""

import collections
import os
import random
import subprocess
import threading
import time
import uuid

import checker
import documented
import harness
from harness import require, wait_until
from scene import Scene, event, number_of

PEOPLE = int(os.environ.get("RETRACTION_PEOPLE", "180"))
KILLS = int(os.environ.get("RETRACTION_KILLS", "20"))
SEED = int(os.environ.get("RETRACTION_SEED", str(random.SystemRandom().randrange(1 << 32))))
PARTITIONS = 8
BACKLOG = 20000

tap = harness.Tap()
work = harness.directory("retraction")

QUICK = {"runtime": {"commit_interval": "50ms", "transaction_timeout": "10s"}, "workers": 2,
         "kafka": {"session.timeout.ms": 2000, "heartbeat.interval.ms": 300},
         "consent": {"subjects": ["line", "account", "device"], "lease": "10s"}}


class Person:
    """Every second one shares the account of the one before."""

    def __init__(self, number, prefix="p"):
        self.name = prefix + (f"{number:04d}" if number < 10000 else "abcdefghijklmnopqrstuvwxyz"[number // 1000 - 10] +
                              f"{number % 1000:03d}")
        self.account = f"acct-{prefix}-{number // 2}"
        self.device = str(uuid.UUID(int=number_of(self.name).__hash__() & (1 << 122) - 1, version=4))

    def event(self):
        return event(self.name, account=self.account, device={"kind": "maid", "id": self.device})

    def no(self, subject):
        key = {"line": f"line:{number_of(self.name)}", "account": f"account:{self.account}",
               "device": f"device:maid:{self.device}"}[subject]
        return {"key": key, "value": {"choices": {"*": "out"}, "effective": int(time.time() * 1000) - 1000, "seq": 1}}


class Run:
    def __init__(self, name, cut, update_every, retract, broker, seed):
        self.scene = Scene(work, name, broker.bootstrap,
                           **harness.merge(QUICK, {"publish": {"update_every": update_every, "retract": retract}}))
        self.scene.create_topics(PARTITIONS)
        self.cut, self.bootstrap, self.dice = cut, broker.bootstrap, random.Random(seed)
        self.processes = [
            harness.Process(work, f"{name}-{stages[0]}-{i}", harness.part(self.scene.config, stages))
            for stages, count in cut for i in range(count)]
        self.people = [Person(number) for number in range(PEOPLE)]
        third = PEOPLE // 3
        said_no = self.people[:third] # pairs that share an account stand together
        size = third // 3 // 2 * 2
        self.by = {"account": said_no[:size], "line": said_no[size:2 * size], "device": said_no[2 * size:]}
        self.out, self.rest = said_no, self.people[third:]

    def process(self, stage):
        return next(process for process in self.processes if f"-{stage}-" in process.name)

    def ids(self, person):
        """The IDs of both feeds."""
        line = documented.pseudonym(self.scene.pseudonym_key, "line", "e164", documented.line_of(number_of(person.name)))
        device = documented.pseudonym(self.scene.pseudonym_key, "device", "maid", person.device)
        epoch = documented.epoch_of(int(time.time() * 1000))
        return [documented.feed_id(self.scene.publish_key, feed, epoch, of)
                for feed, of in zip(self.scene.config["publish"]["feeds"], (line, device))]

    def feeds(self, isolation="committed"):
        """ID -> its records in their order: is it a value?"""
        found = collections.defaultdict(list)
        for feed in self.scene.config["publish"]["feeds"]:
            for record in harness.dump(self.bootstrap, feed["topic"], isolation):
                found[record["key"]].append(record["value"] is not None)
        return found

    def start(self):
        self.scene.send_choices({"key": "line:+9990000000000", "value": {
            "choices": {"*": "in"}, "effective": 1, "seq": 1}}) # the floor
        for process in self.processes:
            process.start()
        for process in self.processes:
            process.wait_ready()
        self.scene.send_events(*(person.event() for person in self.people))

    def wait_all_published(self, drain):
        if drain: # which is the only slot
            lines = len(self.people)
            wait_until(lambda: sum(documented.is_person_key(checker.bytes_of(record["key"]))
                                   for record in harness.dump(self.bootstrap, self.scene.topic("state"))) >= lines,
                       "not all people are in the state")
            publishing = [process for process in self.processes if process.config.read_text().count('"publish"')]
            for process in publishing:
                require(process.stop() == 0, process.tail())
            for process in publishing:
                process.start()
        everybody = {id for person in self.people for id in self.ids(person)}
        wait_until(lambda: {id for id, records in self.feeds().items() if records[-1]} >= everybody,
                   lambda: f"{len(self.feeds())} of {len(everybody)} IDs are in the feeds\n{self.processes[-1].tail()}")

    def disturb(self):
        """Choices come in a few at a time, others' events go on, and processes are killed."""
        choices = [person.no(subject) for subject in ("line", "device") for person in self.by[subject]]
        choices += [person.no("account") for person in self.by["account"][::2]]
        self.dice.shuffle(choices)
        moments = [self.dice.uniform(0.1, 1.2) for _ in range(KILLS)]
        done = threading.Event()

        def arrive():
            step = max(1, len(choices) // 12)
            for at in range(0, len(choices), step):
                self.scene.send_choices(*choices[at:at + step])
                self.scene.send_events(*(person.event() for person in self.rest[at % 3::3]))
                done.wait(sum(moments) / 14)

        thread = threading.Thread(target=arrive, daemon=True) # nobody waits for it when the test is ended
        thread.start()
        for moment in moments:
            time.sleep(moment)
            victim = self.dice.choice(self.processes)
            require(victim.alive(), lambda: f"{victim.name} ended by itself:\n{victim.tail()}")
            victim.kill9()
            time.sleep(self.dice.uniform(0, 0.3))
            victim.start()
        thread.join()

    def wait_taken_back(self):
        gone = {id for person in self.out for id in self.ids(person)}
        def missing():
            feeds = self.feeds()
            return {id for id in gone if feeds[id][-1:] != [False]}
        wait_until(lambda: not missing(), lambda: f"{len(missing())} of {len(gone)} tombstones are missing\n"
                   + "\n".join(f"{process.name}: {process.get('/readyz')}\n{process.tail(5)}" for process in self.processes),
                   step=0.3)

    def check(self):
        gone = {id for person in self.out for id in self.ids(person)}
        stay = {id for person in self.rest for id in self.ids(person)}
        committed, uncommitted = self.feeds(), self.feeds("uncommitted")
        faults = [f"{id}: {committed[id]}" for id in gone
                  if committed[id].count(False) != 1 or committed[id][-1] or not committed[id][0]]
        faults += [f"{id} stays: {committed[id]}" for id in stay if not all(committed[id])]
        faults += [f"{id} is nobody's" for id in committed if id not in gone | stay]
        faults += [f"{id}, uncommitted: {uncommitted[id]}" for id in gone
                   if True in uncommitted[id][uncommitted[id].index(False):]]
        require(not faults, f"{len(faults)} faults:\n" + "\n".join(faults[:20]))

    def check_changelog(self):
        state = {}
        for record in harness.dump(self.bootstrap, self.scene.topic("state")):
            state[checker.bytes_of(record["key"])] = record["value"]
        lines = {kind: {documented.pseudonym(self.scene.pseudonym_key, "line", "e164",
                                             documented.line_of(number_of(person.name))) for person in people}
                 for kind, people in {**self.by, "rest": self.rest}.items()}
        states = {key[-16:] for key, value in state.items() if value is not None and documented.is_person_key(key)}
        marks = {key[-16:] for key, value in state.items() if value is not None and documented.is_mark_key(key)}
        require(states == lines["rest"], f"{len(states)} states, {len(lines['rest'])} people stay")
        require(marks == lines["account"] | lines["device"], f"{len(marks)} marks")

    def stop(self):
        statuses = [process.stop() for process in self.processes]
        require(statuses == [0] * len(statuses), f"{statuses}")


def killed(name, cut, update_every, retract, broker, seed):
    run = Run(name, cut, update_every, retract, broker, seed)
    with tap.case(f"{name}_everybody_is_published_first"):
        run.start()
        run.wait_all_published(update_every == "drain")
    tap.note(f"{KILLS} kills")
    with tap.case(f"{name}_takes_back_everybody_who_said_no"):
        run.disturb()
        run.wait_taken_back()
    with tap.case(f"{name}_has_exactly_one_tombstone_for_each_of_their_ids"):
        run.check()
    tap.note("compared")
    return run


def wait_through(run, name):
    """Somebody's event has gone all the way, on every partition that matters."""
    people = [Person(number, name) for number in range(40)]
    run.scene.send_events(*(person.event() for person in people))
    wanted = {run.ids(person)[0] for person in people}
    wait_until(lambda: wanted <= run.feeds().keys(), lambda: f"{name} did not come through\n"
               + "\n".join(f"{process.name}: {process.get('/readyz')}\n{process.tail(5)}" for process in run.processes))


def backlog(run, stopped, subject):
    """Events wait in front of a stage that is stopped, and those whose they are say no."""
    said_no, others = {"publish": "ab", "pseudonymize": "cd", "classify": "ef"}[stopped]
    people = [Person(number, said_no) for number in range(30)]
    process = run.process(stopped)
    process.kill9()
    run.scene.send_events(*(person.event() for person in people))
    run.scene.wait_taken()
    if stopped == "publish":
        group, topic = run.scene.config["pipeline"] + ".classify", run.scene.topic("pseudonymize_out")
        ends = harness.offsets(run.bootstrap, topic)
        wait_until(lambda: all(harness.offsets(run.bootstrap, topic, group).get(partition, -1) >= end
                               for partition, end in ends.items() if end), "classify does not come to the end")
    strangers = (Person(number, "s") for number in range(BACKLOG)) # so that pseudonymize has a backlog of choices too
    run.scene.send_choices(*(person.no("line") for person in strangers), *(person.no(subject) for person in people))
    process.start()
    wait_through(run, others)
    found = run.feeds("uncommitted")
    seen = [person.name for person in people if any(id in found for id in run.ids(person))]
    require(not seen, f"{len(seen)} of {len(people)} who said no are in the feed")


def old_timestamp(run):
    """A mirror or a replay keeps timestamps: two epochs old, and older than any retraction that is of use."""
    people = run.rest[:2]
    for person, days in zip(people, (15, 70)):
        at_ms = int(time.time() * 1000) - days * 86400000
        choice = {"key": f"line:{number_of(person.name)}",
                  "value": {"choices": {"*": "out"}, "effective": at_ms - 1000, "seq": 1}}
        harness.tool("produce", run.bootstrap, run.scene.topic("consent"), run.scene._file([choice]), "records",
                     f"timestamp={at_ms}")
    gone = {id for person in people for id in run.ids(person)}
    wait_until(lambda: all(run.feeds()[id] and not run.feeds()[id][-1] for id in gone),
               lambda: f"{ {id: run.feeds()[id] for id in gone} }", 60, 0.5)


def first_start(broker):
    """Old choices need no retraction where nothing was ever published; with the group's position lost, all of them do."""
    scene = Scene(work, "first", broker.bootstrap, **harness.merge(QUICK, {"publish": {"retract": "now"}}))
    scene.create_topics(2)
    old, person = [Person(number, "o") for number in range(300)], Person(0, "n")
    scene.send_choices(*(each.no("line") for each in old))
    process = scene.process().start()
    process.wait_ready()
    scene.send_events(person.event(), *(each.event() for each in old[:20]))
    scene.wait_published(person.name)
    require(process.logged("side_input_begins"), process.tail())
    require(not harness.dump(broker.bootstrap, scene.topic("retractions")), "old choices were answered")
    scene.send_choices(person.no("line"))
    wait_until(lambda: harness.dump(broker.bootstrap, scene.feed)[-1]["value"] is None, process.tail)
    answered = harness.dump(broker.bootstrap, scene.topic("retractions"))
    require(len(answered) == 1 and not scene.published(*(each.name for each in old)), answered)
    require(process.stop() == 0, process.tail())

    group = scene.config["pipeline"] + ".pseudonymize.side"
    subprocess.run([harness.KAFKA_SH, "tool", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
                    "--bootstrap-server", broker.bootstrap, "--delete", "--group", group], check=True,
                   stdout=subprocess.DEVNULL)
    process.start()
    process.wait_ready()
    keys = {record["key"] for record in harness.dump(broker.bootstrap, scene.topic("retractions"))}
    require(len(keys) == len(old) + 1, f"{len(keys)} of {len(old) + 1} were answered anew")
    require(process.stop() == 0, process.tail())


def predecessor(broker):
    """An `in` of the programme that went before, taken back by a record that does not speak of it, is `out` of this one."""
    presets = [str(harness.ROOT / f"config/programmes/{name}.yaml") for name in ("sprint", "tmobile")]
    scene = Scene(work, "predecessor", broker.bootstrap,
                  **harness.merge(QUICK, {"programmes": presets, "publish": {"retract": "now"}}))
    scene.create_topics(2)
    people = {name: Person(0, name) for name in "xyz"}

    def says(name, choices, seq):
        return {"key": f"line:{number_of(people[name].name)}",
                "value": {"choices": choices, "effective": int(time.time() * 1000) - 5000 + seq, "seq": seq}}

    def last(name):
        key = scene.id_of(people[name].name)
        return [record["value"] for record in harness.dump(broker.bootstrap, scene.feed) if record["key"] == key][-1]

    scene.send_choices(says("x", {"sprint": "in"}, 1), says("y", {"*": "in"}, 1), says("z", {"sprint": "in"}, 1))
    process = scene.process().start()
    process.wait_ready()
    scene.send_events(*(person.event() for person in people.values()))
    for person in people.values():
        scene.wait_published(person.name)
    scene.send_choices(says("x", {}, 2), says("y", {"another": "in"}, 2), says("z", {"sprint": "in"}, 2))
    for name in "xy":
        wait_until(lambda: last(name) is None, lambda: f"{name} stays published\n{process.tail()}", 60)
    require(last("z") is not None, "an `in` that is said again was taken back")
    require(process.stop() == 0, process.tail())


def hidden(broker):
    """A producer that hangs in a transaction hides from pseudonymize what others say behind it."""
    scene = Scene(work, "hidden", broker.bootstrap,
                  **harness.merge(QUICK, {"publish": {"retract": "now", "update_every": "0", "lease": "3s",
                                                 "barrier_every": "500ms"}}))
    scene.create_topics(1) # so that everything of the consent topic that matters is behind it
    person, other = Person(0, "h"), Person(2, "h")
    scene.send_choices({"key": "line:+9990000000000", "value": {"choices": {"*": "in"}, "effective": 1, "seq": 1}})
    process = scene.process().start()
    process.wait_ready()
    scene.send_events(person.event())
    scene.wait_published(person.name)
    holding = [{"key": f"line:+999000000{number:04d}", "value": {"choices": {"*": "in"}, "effective": 1, "seq": 1}}
               for number in range(60)] # in every partition
    held = scene.hold("consent", *holding)
    scene.send_choices(person.no("line"))
    wait_until(lambda: "a transaction that is open in" in process.get("/readyz")[1],
               lambda: f"{process.get('/readyz')}\n{process.tail()}", 60)
    require("side input" in process.get("/readyz")[1], process.get("/readyz"))
    scene.send_events(other.event())
    for _ in range(20): # it stays so, and nothing is published meanwhile
        require(not process.is_ready(), "it is ready")
        time.sleep(0.1)
    require(process.stop() == 0, process.tail())
    process.start() # how long it has been open by then is not known
    wait_until(lambda: "a transaction that is open in" in process.get("/readyz")[1],
               lambda: f"{process.get('/readyz')}\n{process.tail()}", 60)
    time.sleep(1)
    require(not process.is_ready(), "it is ready")
    require(not scene.published(other.name, isolation="uncommitted"), "it publishes")
    held.end()
    process.wait_ready()
    scene.wait_published(other.name)
    wait_until(lambda: any(record["value"] is None for record in harness.dump(broker.bootstrap, scene.feed)), process.tail)
    require(process.stop() == 0, process.tail())


def moved(broker, name, cut):
    """Who took another's place is taken back when that one says no later, is erased, or sends GPC."""
    scene = Scene(work, name, broker.bootstrap, **harness.merge(QUICK, {
        "publish": {"update_every": "0", "retract": "now"}, "consent": {"subjects": ["line", "account"], "signals": {"store": ["gpc"]}}}))
    scene.create_topics(4)
    processes = [harness.Process(work, f"{name}-{stages[0]}", harness.part(scene.config, stages)) for stages in cut]
    now = int(time.time() * 1000) - 60_000

    def says(who, seq, choices=None, **more):
        return {"key": f"line:{number_of(who)}", "value": {"choices": choices or {}, "effective": now + seq, "seq": seq, **more}}

    def last(who):
        records = [record["value"] for record in harness.dump(broker.bootstrap, scene.feed) if record["key"] == scene.id_of(who)]
        return records[-1] if records else None

    # the moves stand there before anything is published, and newer records of the same lines hide two of them
    scene.send_choices(says("zoe", 1, {"*": "in"}), says("newa", 1, moved_from=f"line:{number_of('olda')}"),
                       says("newb", 1, moved_from=f"line:{number_of('oldb')}"),
                       says("newc", 1, moved_from=f"line:{number_of('oldc')}"))
    scene.send_choices(says("newa", 2, {"another": "in"}), says("newb", 2, {"another": "in"}))
    for process in processes:
        process.start()
    for process in processes:
        process.wait_ready()
    scene.wait_answered("consent")
    people = ("newa", "newb", "newc")
    scene.send_events(*(event(who) for who in people))
    for who in people:
        scene.wait_published(who)
    scene.send_choices(says("olda", 3, {"tmobile": "out"}))
    wait_until(lambda: last("newa") is None, lambda: f"newa stays published\n{processes[0].tail()}", 60)
    require(all(last(who) for who in people[1:]), "somebody else was taken back")
    scene.send_choices({"key": f"line:{number_of('oldb')}", "value": None})
    wait_until(lambda: last("newb") is None, lambda: f"newb stays published\n{processes[0].tail()}", 60)
    require(last("newc") is not None, "newc was taken back")
    scene.send_events(event("oldc", gpc=True))
    wait_until(lambda: last("newc") is None, lambda: f"newc stays published\n{processes[0].tail()}", 60)
    for process in processes:
        require(process.stop() == 0, process.tail())


def forgetful(run):
    """A topic of retractions that forgets what is still of use: publish does not start on it."""
    short, good = (run.scene.prefix + name for name in ("retractions-short", "retractions-good"))
    harness.tool("create", run.bootstrap, f"{short}:2:cleanup.policy=delete,retention.ms=604800000",
                 f"{good}:2:cleanup.policy=delete,retention.ms=1036800000")
    for topic, refused in ((short, True), (good, False)):
        config = harness.merge(harness.part(run.scene.config, ["publish"]), {"topics": {"retractions": topic}})
        process = harness.Process(work, f"{topic}-publish", config).start()
        if refused:
            require(process.wait() == 78, process.tail())
            require(process.logged("retention.ms is 604800000, and must be at least 1036800000"), process.tail())
        else:
            process.wait_ready()
            require(process.stop() == 0, process.tail())


def elsewhere(run):
    """A publish whose configuration names another topic for consent, which is there and empty, believes nobody."""
    topics = run.scene.config["topics"]
    other = topics["consent"] + "-other"
    harness.tool("create", run.bootstrap, f"{other}:3:cleanup.policy=compact")
    run.process("publish").kill9()
    wrong = harness.Process(work, "split-elsewhere", harness.part(
        dict(run.scene.config, topics=dict(topics, consent=other)), ["publish"])).start()
    people = [Person(number, "gh") for number in range(40)]
    run.scene.send_events(*(person.event() for person in people))
    wait_until(lambda: "side input" in wrong.get("/readyz")[1],
               lambda: f"{wrong.get('/readyz')}\n{wrong.tail()}")
    run.scene.wait_taken()
    require(not wrong.is_ready(), "it is ready")
    found = run.feeds("uncommitted")
    wrong.kill9()
    require(not any(id in found for person in people for id in run.ids(person)), "it published")
    run.process("publish").start()
    wait_through(run, "ij")


def main():
    tap.note(f"RETRACTION_SEED={SEED}")
    broker = harness.Broker("retraction")
    which = os.environ.get("RETRACTION_CASES", "first hidden predecessor moved fused split").split()
    if "first" in which:
        with tap.case("first_start_answers_no_old_choice_and_a_lost_group_all_of_them"):
            first_start(broker)
    if "predecessor" in which:
        with tap.case("predecessor_whose_in_is_taken_back_without_a_word_takes_the_successor_back"):
            predecessor(broker)
    if "hidden" in which:
        with tap.case("publish_rests_while_a_hung_transaction_hides_choices_from_pseudonymize"):
            hidden(broker)
    if "moved" in which:
        for name, cut in (("moved-fused", [harness.STAGES]), ("moved-split", [harness.STAGES[1:], harness.STAGES[:1]])):
            with tap.case(f"{name.replace('-', '_')}_is_taken_back_when_the_old_line_says_no_later"):
                moved(broker, name, cut)
    if "fused" in which:
        run = killed("fused", [(harness.STAGES, 2)], "drain", "now", broker, SEED)
        with tap.case("fused_changelog_has_nobody_who_said_no_but_marks"):
            run.stop()
            run.check_changelog()
    if "split" in which:
        run = killed("split", [([stage], 1) for stage in harness.STAGES], "0", "slot", broker, SEED + 1)
        with tap.case("split_takes_back_whose_choice_bears_an_old_timestamp"):
            old_timestamp(run)
        for stopped, subject in (("publish", "device"), ("pseudonymize", "line"), ("classify", "account")):
            with tap.case(f"split_never_publishes_whose_events_waited_for_{stopped}_when_they_said_no"):
                backlog(run, stopped, subject)
        with tap.case("split_publish_refuses_retractions_that_are_forgotten_too_early"):
            forgetful(run)
        with tap.case("split_publishes_nothing_where_consent_is_another_topic_that_is_empty"):
            elsewhere(run)
        with tap.case("split_drains_with_status_0"):
            run.stop()
    tap.end()


if __name__ == "__main__":
    main()
