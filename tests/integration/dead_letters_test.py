#!/usr/bin/env python3
"""clickveil dead-letters and explain --dead-letter on Kafka: each letter is put back once, whoever kills the replay and
when, through consent as it is today; and a pipeline that can't write dead letters stops."""

import json
import os
import pty
import subprocess
import time

import harness
from harness import require, wait_until
from scene import Scene, choice, event, number_of

tap = harness.Tap()
work = harness.directory("dead_letters")
MANY = 10000
DAY_MS = 86400000
CANARIES = ("999", "acct-", "espn")


def with_brand():
    """The programme of the scenes, which has learnt of one brand more: what failed for that goes through now."""
    path = work / "with-brand.yaml"
    text = (harness.ROOT / "config/programmes/tmobile.yaml").read_text()
    path.write_text(text.replace("brands: [tmobile, metro, sprint]", "brands: [tmobile, metro, sprint, fresh]"))
    return [str(path)]


class Desk:
    """`clickveil dead-letters` on the configuration of a scene."""

    def __init__(self, scene):
        self.scene = scene
        self.config = harness.write_configuration(work, f"{scene.name}-desk", scene.config)
        self.secret = work / "secrets/dead-letters.secret"

    def arguments(self, what, *more):
        key = [] if what == "list" else ["--secret-key", self.secret]
        return [str(part) for part in [harness.CLICKVEIL, "dead-letters", what, "--config", self.config, *key, *more]]

    def __call__(self, what, *more, status=0):
        done = subprocess.run(self.arguments(what, *more), capture_output=True, text=True)
        require(done.returncode == status,
                f"{what} {more} ended with {done.returncode}, not {status}:\n{done.stdout}{done.stderr}")
        self.said = done.stdout + done.stderr
        if what != "show":
            require(not any(canary in self.said for canary in CANARIES), f"{what} names somebody:\n{self.said}")
        return json.loads(done.stdout) if "--json" in more else done.stdout

    def replay(self, *more, status=0):
        return self("replay", "--json", *more, status=status)

    def start(self, *more):
        process = subprocess.Popen(self.arguments("replay", *more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        harness._processes.append(process)
        return process

    def letters(self, *more):
        return self("list", "--json", *more)

    def places(self):
        return [letter["place"] for letter in self.letters("--all")["all"] if not letter["replayed"]]


def events_of(scene, isolation="committed"):
    return harness.dump(scene.bootstrap, scene.topic("events"), isolation)


def put_back(scene):
    """The events that came by a replay."""
    return [record for record in events_of(scene) if "clickveil-attempt" in record.get("headers", {})]


def ends(scene):
    """Where the topics end that a replay writes to."""
    return [harness.offsets(scene.bootstrap, scene.topic(role), isolation="uncommitted") for role in ("events", "dead_letters")]


def end_of_events(scene):
    """Rises with every transaction that is committed."""
    return sum(harness.offsets(scene.bootstrap, scene.topic("events")).values())


def kept(scene):
    return harness.dump(scene.bootstrap, scene.topic("consent_out"))


def wait_letters(scene, desk, count):
    scene.wait_taken()
    wait_until(lambda: desk.letters()["letters"] == count, lambda: f"not {count} letters: {desk.said}", step=0.2)


def open_scene(bootstrap, name, **changes):
    scene = Scene(work, f"{name}{os.getpid()}", bootstrap, stages=["consent"], **changes)
    scene.create_topics(2)
    scene.send_choices(choice("zoe", "in"))
    return scene, Desk(scene)


def numbered(i, **more):
    """An event that tells itself from all others by its account."""
    return dict(event("abcdefgh"[i % 8] * 5), account=f"acct-{i}", brand="fresh", **more)


def account_of(record):
    return json.loads(record["value"])["account"]


# ---- killed ----


def killed(bootstrap):
    scene, desk = open_scene(bootstrap, "killed")
    process = scene.process().start()
    process.wait_ready()
    scene.send_events(*(numbered(i) for i in range(MANY)))
    wait_letters(scene, desk, MANY)
    require(process.stop() == 0, process.tail())
    originals = {account_of(record): record for record in events_of(scene)}
    with tap.case("a_dry_run_says_what_would_be_done_and_writes_nothing"):
        before = ends(scene)
        answer = desk.replay("--dry-run")
        require(answer["replayed"] == MANY and ends(scene) == before, answer)
    counts = []
    for kill in range(5):
        replay = desk.start("--rate", "2000/s")
        before = end_of_events(scene)
        wait_until(lambda: end_of_events(scene) > before or replay.poll() is not None, "nothing is put back", step=0.01)
        require(replay.poll() is None, lambda: f"it ended: {replay.communicate()}")
        time.sleep(0.05 * kill) # what is open then
        replay.kill()
        replay.wait()
        counts.append(desk.letters()["replayed"])
    tap.ok("replay_is_killed_five_times_in_the_middle", counts == sorted(counts) and 0 < counts[0] and counts[-1] < MANY, counts)
    tap.note(f"put back when it was killed: {counts}")
    with tap.case("the_last_one_goes_on_where_they_ended"):
        answer = desk.replay()
        require(answer["replayed"] + answer["replayed_before"] == MANY, answer)
        # What a killed one had open counts for nothing; a commit that was under way may have come through.
        require(answer["replayed_before"] >= counts[-1] and answer["replayed"] > 0, (answer, counts))
    records = put_back(scene)
    with tap.case("each_of_10000_arrives_once"):
        accounts = [account_of(record) for record in records]
        require(len(accounts) == MANY and set(accounts) == set(originals), len(accounts))
    with tap.case("it_arrives_as_it_was_and_says_how_often_it_failed"):
        for record in records:
            first = originals[account_of(record)]
            same = all(record[part] == first[part] for part in ("key", "value", "timestamp", "partition"))
            require(same and record["headers"] == {"clickveil-attempt": "1"}, (record, first))
    with tap.case("list_says_that_all_were_replayed"):
        answer = desk.letters()
        require((answer["letters"], answer["replayed"], answer["foreign"]) == (MANY, MANY, 0), answer)
    with tap.case("running_it_again_does_nothing"):
        before = ends(scene)
        require(desk.replay()["replayed"] == 0 and ends(scene) == before, desk.said)
    with tap.case("they_go_through_the_chain_with_todays_configuration"):
        process = scene.process(programmes=with_brand()).start()
        process.wait_ready()
        scene.wait_taken()
        require(len(kept(scene)) == MANY, len(kept(scene)))
        require(desk.letters()["letters"] == MANY, desk.said)
        require(process.stop() == 0, process.tail())


# ---- crowded ----


def crowded(bootstrap):
    """Every event of one partition is a dead letter, and they are many; the other partition's few are all good."""
    scene = Scene(work, f"crowded{os.getpid()}", bootstrap, stages=["consent"])
    stamped = [scene.topic("consent_out"), scene.topic("dead_letters")]
    harness.tool("create", bootstrap, *(topic + ":2:message.timestamp.type=LogAppendTime" for topic in stamped))
    scene.create_topics(2, without=stamped)
    scene.send_choices(choice("zoe", "in"))
    names = [letter * 5 for letter in "abcdefgh"]
    scene.send_events(*(event(name) for name in names))
    partition_of = {json.loads(record["value"])["subscriber"]: record["partition"] for record in events_of(scene)}
    bad = next(name for name in names if partition_of[number_of(name)] == 0)
    good = next(name for name in names if partition_of[number_of(name)] == 1)
    scene.send_events(*(dict(event(bad), brand="fresh") for _ in range(MANY * 8)), *(event(good) for _ in range(MANY // 5)))
    process = scene.process().start()
    process.wait_ready()
    scene.wait_taken()
    require(process.stop() == 0, process.tail())
    with tap.case("good_events_do_not_wait_for_a_partition_of_dead_letters"):
        last_good = max(record["timestamp"] for record in kept(scene) if record["partition"] == 1)
        letters = sorted(record["timestamp"] for record in harness.dump(bootstrap, scene.topic("dead_letters")))
        require(len(letters) >= MANY * 8 and len(kept(scene)) >= MANY // 5, (len(letters), len(kept(scene))))
        before = sum(moment < last_good for moment in letters)
        tap.note(f"{before} of {len(letters)} dead letters were written before the last good event")
        require(before < len(letters) / 2, (before, len(letters)))


# ---- attempts, filters, late ----


def poisonous(bootstrap):
    scene, desk = open_scene(bootstrap, "poison")
    process = scene.process().start()
    process.wait_ready()
    scene.send_events(numbered(1), dict(event("bob"), type="dance"))
    wait_letters(scene, desk, 2)
    with tap.case("list_needs_no_key_and_tells_them_apart"):
        groups = {(g["reason"], g["attempt"]): g for g in desk.letters()["groups"]}
        require(set(groups) == {("brand_unknown", 1), ("unknown_type", 1)}, groups)
        group = groups["brand_unknown", 1]
        require(group["topic"] == scene.topic("events") and group["day"] == time.strftime("%Y-%m-%d", time.gmtime()), group)
        require("brand_unknown" in desk("list") and "brand_unknown" in desk("list", "--all"), desk.said)
    with tap.case("filters_choose_by_reason_and_by_time"):
        now = int(time.time() * 1000)
        for arguments, wanted in ((["--reason", "unknown_type"], 1), (["--reason", "unknown_type", "--reason", "brand_unknown"], 2),
                                  (["--reason", "not_json"], 0), (["--until", now - 3600_000], 0), (["--since", now - 3600_000], 2),
                                  (["--since", now], 0), (["--since", "2020-01-01", "--until", "2020-01-02"], 0)):
            answer = desk.replay("--dry-run", *arguments)
            require((answer["replayed"], answer["not_chosen"]) == (wanted, 2 - wanted), (arguments, answer))
        require(desk.letters("--reason", "unknown_type")["letters"] == 1, desk.said)
        require(desk.letters("--until", "2020-01-01")["letters"] == 0, desk.said)
    with tap.case("what_was_filtered_out_is_replayed_later"):
        require(desk.replay("--reason", "unknown_type")["replayed"] == 1, desk.said)
        wait_letters(scene, desk, 3)
        require(desk.replay("--reason", "brand_unknown")["replayed"] == 1, desk.said)
        wait_letters(scene, desk, 4)
    with tap.case("what_fails_again_counts_its_attempts"):
        attempts = sorted((g["attempt"], g["letters"], g["replayed"]) for g in desk.letters()["groups"])
        require(attempts == [(1, 1, 1), (1, 1, 1), (2, 1, 0), (2, 1, 0)], attempts)
    with tap.case("a_poisonous_one_stops_after_its_attempts"):
        require(desk.replay()["replayed"] == 2, desk.said)
        wait_letters(scene, desk, 6)
        before = ends(scene)
        answer = desk.replay()
        require(answer["replayed"] == 0 and answer["left"]["attempts"] == 2 and ends(scene) == before, answer)
        require("failed so often already" in desk("replay"), desk.said)
        answer = desk.replay("--attempts-max", "4", "--dry-run")
        require(answer["replayed"] == 2, answer)
    with tap.case("an_attempt_that_somebody_wrote_into_a_header_does_not_start_it_anew"):
        letters = harness.dump(bootstrap, scene.topic("dead_letters"))
        third = next(record for record in letters if record["headers"].get("clickveil-attempt") == "3")
        path = work / "forged.jsonl"
        path.write_text(json.dumps({"key": None, "value": third["value"]}) + "\n")
        harness.tool("produce", bootstrap, scene.topic("dead_letters"), path, "records", "header=clickveil-reason:brand_unknown",
                     "header=clickveil-attempt:1")
        answer = desk.replay(status=0)
        require(answer["replayed"] == 0 and answer["left"]["attempts"] == 3, answer)
    with tap.case("an_event_with_an_attempt_that_nobody_can_read_is_not_put_back_again"):
        path.write_text(json.dumps(numbered(7)) + "\n")
        harness.tool("produce", bootstrap, scene.topic("events"), path, "events", "header=clickveil-attempt:-1")
        wait_until(lambda: desk.letters()["letters"] == 8, lambda: desk.said, step=0.2)
        answer = desk.replay()
        require(answer["replayed"] == 0 and answer["left"]["attempts"] == 4, answer)
    require(process.stop() == 0, process.tail())


def late(bootstrap):
    scene, desk = open_scene(bootstrap, "late")
    process = scene.process().start()
    process.wait_ready()
    old = int(time.time() * 1000) - 5 * DAY_MS
    scene.send_events(dict(numbered(1), time=old))
    wait_letters(scene, desk, 1)
    require(process.stop() == 0, process.tail())
    process = scene.process(programmes=with_brand()).start()
    process.wait_ready()

    def dropped():
        text = process.get("/metrics")[1]
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                   if "clickveil_stage_records_total{" in line and 'reason="too_late"' in line)
    with tap.case("without_late_an_event_is_as_late_as_it_was"):
        require(desk.replay()["replayed"] == 1, desk.said)
        wait_until(lambda: dropped() == 1, "it was not dropped as too_late")
        require(not kept(scene), "it was kept")
    require(process.stop() == 0, process.tail())
    process = scene.process().start()
    process.wait_ready()
    scene.send_events(dict(numbered(2), time=old))
    wait_letters(scene, desk, 2)
    require(process.stop() == 0, process.tail())
    with tap.case("late_lifts_late_max_for_what_was_never_judged"):
        require(desk.replay("--late")["replayed"] == 1, desk.said)
        require(put_back(scene)[-1]["headers"] == {"clickveil-attempt": "1", "clickveil-late": "1"}, put_back(scene)[-1])
        process = scene.process(programmes=with_brand()).start()
        process.wait_ready()
        wait_until(lambda: len(kept(scene)) == 1, "it was not kept")
    require(process.stop() == 0, process.tail())


# ---- two at once, and open transactions ----


def fenced(bootstrap):
    scene, desk = open_scene(bootstrap, "fenced")
    process = scene.process().start()
    process.wait_ready()
    scene.send_events(*(numbered(i) for i in range(400)))
    wait_letters(scene, desk, 400)
    require(process.stop() == 0, process.tail())
    with tap.case("of_two_replays_at_once_the_first_one_ends_and_says_so"):
        first = desk.start("--rate", "40/s")
        wait_until(lambda: put_back(scene) or first.poll() is not None, "nothing is put back")
        answer = desk.replay()
        out, err = first.communicate(timeout=60)
        require(first.returncode == 69 and "another replay" in err, (first.returncode, out, err))
        require(answer["replayed"] + answer["replayed_before"] == 400 and answer["replayed_before"] > 0, answer)
    with tap.case("between_them_nothing_is_put_back_twice"):
        accounts = [account_of(record) for record in put_back(scene)]
        require(len(accounts) == 400 and len(set(accounts)) == 400, len(accounts))
    with tap.case("a_transaction_that_is_open_below_them_hides_no_markers"):
        process.start()
        process.wait_ready()
        scene.send_events(*(numbered(i) for i in range(1000, 1100)))
        # 400 that were replayed fail again.
        wait_letters(scene, desk, 900)
        require(process.stop() == 0, process.tail())
        before = len(put_back(scene))
        first = desk.start("--rate", "100/s")
        wait_until(lambda: len(put_back(scene)) > before, "nothing is put back")
        held = scene.hold("dead_letters", {"key": None, "value": "x"}, {"key": None, "value": "y"}, {"key": None, "value": "z"})
        require(first.wait(60) == 0, lambda: first.communicate())
        second = desk.start("--json")
        time.sleep(1.5) # it waits for that transaction, and nothing tells so but that it does not end
        require(second.poll() is None, lambda: f"it did not wait: {second.communicate()}")
        held.end()
        out, err = second.communicate(timeout=60)
        require(second.returncode == 0 and json.loads(out)["replayed"] == 0, (out, err))
        accounts = [(account_of(record), record["headers"]["clickveil-attempt"]) for record in put_back(scene)]
        require(len(accounts) == 900 and len(set(accounts)) == 900, len(accounts))
    with tap.case("an_interrupt_ends_after_the_open_transaction"):
        process.start()
        process.wait_ready()
        scene.wait_taken()
        require(process.stop() == 0, process.tail())
        before = len(put_back(scene))
        first = desk.start("--rate", "20/s", "--json")
        wait_until(lambda: len(put_back(scene)) > before, "nothing is put back")
        first.terminate()
        out, err = first.communicate(timeout=60)
        answer = json.loads(out)
        require(first.returncode == 0 and answer["interrupted"], (first.returncode, out, err))
        require(len(put_back(scene)) == before + answer["replayed"], (answer, len(put_back(scene)), before))


# ---- what is left alone ----


def left(bootstrap):
    scene, desk = open_scene(bootstrap, "left")
    process = scene.process().start()
    process.wait_ready()
    whole = harness.configuration(work, scene.prefix, bootstrap, pipeline=scene.name)
    behind = harness.Process(work, f"{scene.name}-behind", harness.part(whole, ["pseudonymize"])).start()
    path = work / "left.keyed"
    path.write_text("{k}\t{\"type\":\"browse\",\"pad\":\"{pad}\"\n".replace("{k}", number_of("cat")).replace("{pad}", "p" * 300_000))
    harness.tool("produce", bootstrap, scene.topic("events"), path, "keyed")
    path.write_text("k\tno record of ours\n")
    harness.tool("produce", bootstrap, scene.topic("consent_out"), path, "keyed")
    scene.send_events(numbered(1))
    behind.wait_ready()
    wait_letters(scene, desk, 3)
    harness.tool("produce", bootstrap, scene.topic("dead_letters"), path, "keyed")
    for name in (process, behind):
        require(name.stop() == 0, name.tail())
    with tap.case("letters_from_behind_consent_and_cut_ones_are_left_and_said"):
        answer = desk.replay("--dry-run", status=65)
        require(answer["replayed"] == 1 and answer["left"]["other_topic"] == 1 and answer["left"]["cut"] == 1, answer)
        require(desk.letters()["foreign"] == 1, desk.said)
    with tap.case("a_cut_one_cannot_be_explained_and_its_place_is_named"):
        said = [(place, subprocess.run([str(part) for part in (harness.CLICKVEIL, "explain", "--config", desk.config, "--secret-key",
                                                              desk.secret, "--dead-letter", place)], capture_output=True, text=True))
                for place in desk.places()]
        require([done.stderr for place, done in said if done.returncode == 65 and "too long" in done.stderr and place in done.stderr],
                [(place, done.stderr) for place, done in said])
    with tap.case("a_list_that_cannot_be_written_is_said"):
        with open("/dev/full", "w") as full:
            done = subprocess.run(desk.arguments("list"), stdout=full, stderr=subprocess.PIPE, text=True)
        require(done.returncode == 74 and "can't be written" in done.stderr, (done.returncode, done.stderr))
    with tap.case("letters_of_another_key_are_left_and_the_run_goes_on"):
        config = harness.merge(whole, {"dead_letters": {"public_key": str(work / "other/dead-letters.pub")}})
        harness.clickveil("keygen", "--config", harness.write_configuration(work, "other", config))
        mine, desk.secret = desk.secret, work / "other/dead-letters.secret"
        answer = desk.replay("--dry-run", status=65)
        desk.secret = mine
        require(answer["replayed"] == 0 and answer["left"]["other_key"] == 3, answer)
    with tap.case("the_wrong_kind_of_key_is_refused"):
        mine, desk.secret = desk.secret, work / "secrets/dead-letters.pub"
        desk("replay", status=78)
        desk.secret = mine
    place = next(letter["place"] for letter in desk.letters("--all")["all"] if letter["reason"] == "brand_unknown")
    with tap.case("show_refuses_a_pipe"):
        desk("show", place, status=64)
        require("acct-1" not in desk.said and "--force" in desk.said, desk.said)
    with tap.case("show_opens_one_when_it_is_meant"):
        desk("show", place, "--force")
        require("acct-1" in desk.said and "brand_unknown" in desk.said and scene.topic("events") in desk.said, desk.said)
        answer = desk("show", place, "--force", "--json")
        require(json.loads(answer["value"]["text"])["account"] == "acct-1" and answer["attempt"] == 1, answer)
    with tap.case("show_prints_to_a_terminal"):
        master, terminal = pty.openpty()
        done = subprocess.run(desk.arguments("show", place), stdout=terminal, stderr=subprocess.PIPE)
        os.close(terminal)
        require(done.returncode == 0 and b"acct-1" in os.read(master, 65536), done.stderr)
        os.close(master)
    with tap.case("show_says_when_nothing_stands_there"):
        desk("show", "0:99999999", "--force", status=65)
        desk("show", "7:0", "--force", status=65)
        desk("show", "0-1", "--force", status=64)
    with tap.case("explain_says_of_a_letter_what_each_stage_decides_and_nothing_of_the_event"):
        def explain(*more):
            done = harness.clickveil("explain", "--config", harness.write_configuration(work, "explain", whole), "--dead-letter",
                                     place, "--secret-key", desk.secret, *more)
            require(not any(canary in done.stdout + done.stderr for canary in CANARIES), done.stdout + done.stderr)
            return done.stdout
        require("consent: rejects (dead letter), brand_unknown" in explain(), explain())
        steps = json.loads(explain("--json"))
        require([(step["stage"], step["verdict"], step["reason"]) for step in steps][:2] ==
                [("input", "pass", None), ("consent", "reject", "brand_unknown")], steps)
        steps = json.loads(explain("--json", "--set", f"programmes={json.dumps(with_brand())}"))
        require([step["verdict"] for step in steps] == ["pass"] * 5, steps)


# ---- a dead-letter topic that can't be written ----


def acl(bootstrap, what, *arguments):
    done = subprocess.run([harness.KAFKA_SH, "tool", "org.apache.kafka.tools.AclCommand", "--bootstrap-server", bootstrap,
                           what, "--force", *arguments], capture_output=True, text=True)
    require(done.returncode == 0, done.stdout + done.stderr)


def stops(scene, desk, process, status, words):
    """The process ends with that status, and nothing of what it can't write down is committed."""
    before = scene.committed()
    scene.send_events(numbered(1), event("dan"))
    got = process.wait(60)
    require(got == status, f"ended with {got}:\n{process.tail()}")
    require(any(word in process.tail(40) for word in words), process.tail(40))
    after = scene.committed()
    require(all(after.get(p, 0) == offset or offset < 0 for p, offset in before.items()), (before, after))
    require(not kept(scene), "an event behind it was committed")


def unwritable(bootstrap):
    with tap.case("a_missing_dead_letter_topic_refuses_the_start"):
        scene = Scene(work, f"missing{os.getpid()}", bootstrap, stages=["consent"])
        scene.create_topics(1, without=[scene.topic("dead_letters")])
        scene.send_choices(choice("zoe", "in"))
        process = scene.process().start()
        require(process.wait(60) == 78 and process.logged(scene.topic("dead_letters")), process.tail())
    with tap.case("a_dead_letter_topic_that_may_not_be_written_stops_the_pipeline_with_nothing_committed"):
        scene = Scene(work, f"denied{os.getpid()}", bootstrap, stages=["consent"])
        scene.create_topics(1)
        scene.send_choices(choice("zoe", "in"))
        process = scene.process().start()
        process.wait_ready()
        everybody = ["--topic", scene.topic("dead_letters")]
        acl(bootstrap, "--add", "--allow-principal", "User:*", "--operation", "Describe", "--operation", "Read", *everybody)
        stops(scene, Desk(scene), process, 69, ["grant it"])
    with tap.case("nothing_is_lost_once_it_may_be_written_again"):
        acl(bootstrap, "--remove", *everybody)
        process.start()
        process.wait_ready()
        scene.wait_taken()
        require(Desk(scene).letters()["letters"] == 1 and len(kept(scene)) == 1, (kept(scene)))
        require(process.stop() == 0, process.tail())
    with tap.case("a_dead_letter_topic_that_is_deleted_while_running_stops_the_pipeline_with_nothing_committed"):
        # The library hopes for so long that a topic comes back.
        scene = Scene(work, f"deleted{os.getpid()}", bootstrap, stages=["consent"],
                      kafka={"topic.metadata.propagation.max.ms": 2000, "topic.metadata.refresh.interval.ms": 1000})
        scene.create_topics(1)
        scene.send_choices(choice("zoe", "in"))
        process = scene.process().start()
        process.wait_ready()
        harness.tool("delete", bootstrap, scene.topic("dead_letters"))
        stops(scene, Desk(scene), process, 69, ["topics create"])
    with tap.case("replay_says_which_topic_may_not_be_written"):
        scene, desk = open_scene(bootstrap, "denied2")
        process = scene.process().start()
        process.wait_ready()
        scene.send_events(numbered(1))
        wait_letters(scene, desk, 1)
        require(process.stop() == 0, process.tail())
        acl(bootstrap, "--add", "--allow-principal", "User:*", "--operation", "Describe", "--operation", "Read", "--topic",
            scene.topic("events"))
        desk("replay", status=69)
        require("grant it" in desk.said and not put_back(scene), desk.said)


def main():
    broker = harness.Broker("dead_letters", "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                            "allow.everyone.if.no.acl.found=true")
    cases = {name.__name__: name for name in (killed, crowded, poisonous, late, fenced, left, unwritable)}
    for name in os.environ.get("DEAD_LETTERS_CASES", " ".join(cases)).split():
        tap.note(name)
        try:
            cases[name](broker.bootstrap)
        except Exception as error: # the other cases still run
            tap.ok(f"dead_letters_{name}", False, f"{type(error).__name__}: {error}")
    tap.note("end")
    tap.end()


if __name__ == "__main__":
    main()
