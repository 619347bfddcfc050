#!/usr/bin/env python3
"""clickveil consent on Kafka: get, set, import, export, status, confirm, and the brake of a running process."""

import json
import os
import re
import subprocess
import time

import documented
import harness
from harness import require, wait_until
from scene import Scene, choice, event, number_of, tombstone

tap = harness.Tap()
work = harness.directory("consent_command")
NAMES = ["ann", "bob", "cat", "dan", "eve", "fay", "gus"]
DAY_MS = 86400000


class Desk:
    """The command, on the configuration of a scene. What it says never names anybody."""

    def __init__(self, scene, port=None):
        self.scene = scene
        config = harness.merge(scene.config, {"instance": "desk"})
        if port:
            config = harness.merge(config, {"http": {"port": port}})
        self.config = harness.write_configuration(work, f"{scene.name}-desk", config)

    def __call__(self, what, *arguments, status=0, text=None, silent=True):
        done = subprocess.run([harness.CLICKVEIL, "consent", what, "--config", self.config, *map(str, arguments)],
                              capture_output=True, text=True, input=text)
        require(done.returncode == status,
                f"consent {what} ended with {done.returncode}, not {status}:\n{done.stdout}{done.stderr}")
        said = done.stdout + done.stderr
        for name in NAMES if silent else []:
            require(number_of(name)[1:] not in said and "acct-" + name not in said,
                    f"consent {what} names somebody:\n{said}")
        self.said = said
        return json.loads(done.stdout) if "--json" in arguments else done.stdout

    def get(self, subject):
        return self("get", "--json", subject)

    def wait_topic(self):
        """Until a topic that was made a moment ago has leaders."""
        wait_until(lambda: subprocess.run([harness.CLICKVEIL, "consent", "status", "--config", self.config],
                                          capture_output=True).returncode == 0, "the topic does not come", 20, 0.5)

    def choice(self, subject, programme="tmobile"):
        return self.get(subject)["programmes"][programme]["choice"]


def line(name):
    return "line:" + number_of(name)


def stored(scene, subject):
    """The committed records of a subject's key, oldest first."""
    digits = re.sub(r"\D", "", subject)
    return [record for record in harness.dump(scene.bootstrap, scene.topic("consent"))
            if re.sub(r"\D", "", record["key"]) == digits and record["key"].startswith("line:")]


def by_hand(bootstrap):
    scene = Scene(work, f"desk{os.getpid()}-hand", bootstrap)
    scene.create_topics()
    desk = Desk(scene)
    now = int(time.time() * 1000)
    scene.send_choices(choice("zoe", "in"), choice("bob", "out", seq=7, effective=now - 5 * DAY_MS), tombstone("cat"))

    with tap.case("get_says_that_nothing_is_stored"):
        answer = desk.get(line("ann"))
        require(answer["found"] is False and answer["programmes"]["tmobile"]["choice"] == "none", answer)
    with tap.case("set_writes_a_first_choice_and_says_where"):
        answer = desk("set", "--json", line("ann"), "tmobile=out")
        require(answer["outcome"] == "new" and answer["written"], answer)
        record = stored(scene, line("ann"))[-1]
        require((record["partition"], record["offset"]) == (answer["partition"], answer["offset"]), record)
        require(json.loads(record["value"])["choices"] == {"tmobile": "out"}, record)
        require(desk.choice(line("ann")) == "out", desk.said)
    with tap.case("set_again_changes_nothing"):
        answer = desk("set", "--json", line("ann"), "tmobile=out")
        require(answer["outcome"] == "unchanged" and not answer["written"], answer)
        require(len(stored(scene, line("ann"))) == 1, "it was written again")
    with tap.case("set_refuses_an_in_after_an_out_without_two_step_and_says_why"):
        desk("set", line("ann"), "tmobile=in", status=65)
        require("two_step" in desk.said, desk.said)
        require(len(stored(scene, line("ann"))) == 1, "it was written")
    with tap.case("set_takes_it_with_two_step_and_fills_last_out"):
        desk("set", line("ann"), "tmobile=in", "--two-step")
        first, second = (json.loads(record["value"]) for record in stored(scene, line("ann")))
        require(second["two_step"] and second["last_out"] == first["effective"], second)
        require((second["effective"], second["seq"]) > (first["effective"], first["seq"]), (first, second))
        require(desk.choice(line("ann")) == "in", desk.said)
    with tap.case("set_writes_to_the_partition_and_under_the_key_of_the_last_record"):
        desk("set", line("bob"), "*=in", "--two-step")
        records = stored(scene, line("bob"))
        require(len({(record["partition"], record["key"]) for record in records}) == 1 and len(records) == 2, records)
        require(json.loads(records[1]["value"])["seq"] == 8, records[1]["value"])
    with tap.case("an_erased_subject_comes_back_only_by_its_own_act"):
        require(desk.choice(line("cat")) == "out", desk.said)
        desk("set", line("cat"), "tmobile=in", status=65)
        desk("set", line("cat"), "tmobile=in", "--two-step")
        require(desk.choice(line("cat")) == "in", desk.said)
        value = json.loads(stored(scene, line("cat"))[-1]["value"])
        require(value["choices"] == {"*": "out", "tmobile": "in"}, value)
    with tap.case("set_keeps_what_it_does_not_name"):
        scene.send_choices({"key": line("dan"), "value": {"choices": {"tmobile": "out", "elsewhere": "out", "other": "in"},
                                                          "effective": now - DAY_MS, "seq": 3}})
        desk("set", line("dan"), "*=in")
        value = json.loads(stored(scene, line("dan"))[-1]["value"])
        require(value["choices"] == {"*": "in", "tmobile": "out", "elsewhere": "out", "other": "in"}, value)
    with tap.case("an_out_of_everything_drops_every_in"):
        desk("set", line("dan"), "*=out")
        value = json.loads(stored(scene, line("dan"))[-1]["value"])
        require("in" not in value["choices"].values() and value["choices"]["*"] == "out", value)
    with tap.case("set_refuses_what_would_lose_against_the_record_in_force"):
        desk("set", line("dan"), "tmobile=out", "--effective", now - 30 * DAY_MS, status=65)
        require("wins" in desk.said or "would win" in desk.said, desk.said)
    with tap.case("a_stored_signal_is_shown_and_stands_beside_the_operators_record"):
        scene.send_choices({"key": "signal:" + line("eve"), "value": {"choices": {"*": "out"}, "effective": now, "seq": 1}})
        answer = desk.get(line("eve"))
        require(answer["signalled"] and answer["programmes"]["tmobile"]["choice"] == "out", answer)
        require(answer["programmes"]["tmobile"]["why"] == "opted out by a stored signal", answer)
        require([record["what"] for record in answer["records"]] == ["signal"], answer)
        desk("set", line("eve"), "tmobile=in", "--two-step")
        require(json.loads(stored(scene, line("eve"))[-1]["value"])["choices"] == {"tmobile": "in"}, desk.said)
        require(desk.choice(line("eve")) == "out", desk.said)
    with tap.case("a_subject_comes_by_standard_input"):
        answer = desk("get", "--json", "-", text=line("ann") + "\n")
        require(answer["found"] and answer["kind"] == "line", answer)
    with tap.case("what_clickveil_wrote_bears_its_author"):
        authors = [record["by_clickveil"] for record in desk.get(line("ann"))["records"]]
        require(authors == [True, True], authors)
        authors = [record["by_clickveil"] for record in desk.get(line("bob"))["records"]]
        require(authors == [False, True], authors)


def suppression(scene, name):
    """The suppression entry that the keeper writes of somebody who was erased (docs/pseudonyms.md)."""
    key = documented.key_of(work / "secrets/suppression.key")
    check = documented.text64(documented.pseudonym(key, "device", "opaque", "key-check/v1")[:8])
    hashed = documented.text64(documented.pseudonym(key, "line", "e164", documented.line_of(number_of(name))))
    return {"key": "hash:" + hashed, "value": {"choices": {"*": "out"}, "effective": 1, "seq": 0, "key_check": check}}


def judged(bootstrap):
    """What the command says of an `in` is what the stage does with it: erased subjects, and stored signals."""
    scene = Scene(work, f"desk{os.getpid()}-judged", bootstrap)
    scene.create_topics()
    desk = Desk(scene)
    now = int(time.time() * 1000)
    signal = lambda name: {"key": "signal:" + line(name), "value": {"choices": {"*": "out"}, "effective": now - DAY_MS, "seq": 0}}
    scene.send_choices(choice("zoe", "in"), suppression(scene, "ann"), signal("bob"), signal("cat"), suppression(scene, "dan"))
    with tap.case("get_shows_an_erasure_whose_tombstone_is_gone_and_what_ends_it"):
        answer = desk.get(line("ann"))
        require(answer["erased"] and not answer["found"], answer)
        require(answer["programmes"]["tmobile"]["why"] == "erased" and "two_step" in answer["programmes"]["tmobile"]["remedy"], answer)
    with tap.case("an_in_of_an_erased_subject_is_refused_unless_it_is_its_own_act"):
        desk("set", line("ann"), "tmobile=in", status=65)
        require("two_step" in desk.said, desk.said)
        answer = desk("set", "--json", line("ann"), "tmobile=in", "--two-step")
        require(answer["written"] and answer["ins"]["not_counting"] == answer["ins"]["unknown"] == 0, answer)
        require(desk.choice(line("ann")) == "in", desk.said)
    with tap.case("set_says_that_an_in_beside_a_stored_signal_will_not_count"):
        desk("set", line("bob"), "tmobile=in", "--two-step", "--dry-run")
        require("WILL NOT COUNT: opted out by a stored signal" in desk.said and "consent.signals.yield" in desk.said, desk.said)
        answer = desk("set", "--json", line("bob"), "tmobile=in", "--two-step")
        require(answer["ins"]["not_counting"] == 1, answer)
        require(desk.choice(line("bob")) == "out", desk.said)
    yields = ["--set", "consent.signals.yield=true"]
    with tap.case("where_signals_yield_it_counts_when_it_is_confirmed"):
        answer = desk("get", "--json", *yields, line("bob"))
        require(answer["programmes"]["tmobile"]["choice"] == "in", answer)
        answer = desk("set", "--json", *yields, line("cat"), "tmobile=in", "--dry-run")
        require(answer["ins"]["not_counting"] == 1 and "two_step" in answer["ins"]["remedy"], answer)
    table = work / "judged.csv"
    table.write_text("subject,programme,choice,two_step\n"
                     f"{line('cat')},tmobile,in,true\n{line('dan')},tmobile,in,\n{line('eve')},tmobile,in,\n{line('fay')},tmobile,out,\n")
    with tap.case("an_import_says_by_subject_and_in_its_totals_which_ins_will_not_count"):
        answer = desk("import", "--json", "--dry-run", table, status=65)
        require(answer["not_counting"] == 1 and answer["unknown"] == 0 and answer["refused"] == 1 and answer["new"] == 3, answer)
        require([(item["subjects"], item["what"]) for item in answer["ins"]] == [(1, "not_counting")], answer["ins"])
        require([(item["line"], item["what"]) for item in answer["shown"]] == [(3, "refused"), (2, "not_counting")], answer["shown"])
        desk("import", "--dry-run", table, status=65)
        require("line 2: the `in` will not count" in desk.said and "of 1 subject: opted out by a stored signal" in desk.said, desk.said)
    blind = ["--set", "consent.suppression_key=" + str(work / "secrets/nowhere.key")]
    with tap.case("without_the_key_of_erased_subjects_it_says_that_it_cannot_tell"):
        answer = desk("get", "--json", *blind, line("eve"))
        require(answer["programmes"]["tmobile"]["choice"] == "unknown", answer)
        require("nowhere.key" in answer["programmes"]["tmobile"]["why"], answer)
        answer = desk("set", "--json", *blind, line("eve"), "tmobile=in", "--dry-run")
        require(answer["ins"]["unknown"] == 1 and "suppression_key" in answer["ins"]["remedy"], answer)
        answer = desk("import", "--json", "--dry-run", *blind, table)
        require(answer["unknown"] == 2 and answer["not_counting"] == 1, answer)
        desk("set", *blind, line("gus"), "tmobile=out")
        require("NOT KNOWN" not in desk.said, desk.said)
    with tap.case("the_stage_decides_as_the_command_said"):
        desk("import", table, status=65)
        process = scene.process().start()
        process.wait_ready()
        wait_kept(scene, process)
        people = ["ann", "bob", "cat", "dan", "eve", "fay", "gus"]
        scene.send_events(*(event(name) for name in people))
        scene.wait_taken()
        said = {name for name in people if desk.choice(line(name)) != "out"}
        require(scene.published(*people) == said == {"ann", "eve"}, f"published {scene.published(*people)}, the command says {said}")
        require(process.stop() == 0, process.tail())


def wait_kept(scene, process):
    """An `out` that the keeper is writing again counts for a moment, until its transaction has ended."""
    gauges = lambda: json.loads(process.get("/statusz")[1])["gauges"]["consent"]
    scene.wait_answered("consent")
    wait_until(lambda: gauges()["consent_records_uncommitted"] == 0, gauges, 30)


ROUND = ["ann", "bob", "cat", "dan", "eve", "fay", "gus", "hal", "jon", "kim", "lea", "moe", "zoe"]


def round_trip(bootstrap):
    """What an export holds decides in a fresh topic as it did: history, erasures, signals, and what comes later."""
    scene = Scene(work, f"desk{os.getpid()}-from", bootstrap)
    other = Scene(work, f"desk{os.getpid()}-to", bootstrap)
    programmes = [str(harness.ROOT / f"config/programmes/{name}.yaml") for name in ("tmobile", "att-enhanced", "verizon-custom-experience-plus")]
    scene.create_topics()
    other.create_topics()
    desk, there = Desk(scene), Desk(other)
    now = int(time.time() * 1000)
    say = lambda name, choices, days, seq=1, **more: {
        "key": line(name), "value": {"choices": choices, "effective": now - days * DAY_MS, "seq": seq, **more}}
    scene.send_choices(choice("zoe", "in"), say("ann", {"*": "out"}, 30),
                       say("bob", {"sprint": "in"}, 30), say("bob", {}, 20),
                       {"key": "signal:" + line("eve"), "value": {"choices": {"*": "out"}, "effective": now - DAY_MS, "seq": 0}},
                       say("fay", {"*": "in", "elsewhere": "in"}, 10), say("gus", {"*": "in"}, 10),
                       say("hal", {"*": "out"}, 400), say("jon", {}, 9, moved_from=line("ann")),
                       say("kim", {"*": "in"}, -3), say("lea", {"*": "out"}, 3), suppression(scene, "dan"))
    scene.send_choices(say("ann", {"tmobile": "in"}, 5), say("fay", {"tmobile": "out"}, 15), {"key": line("gus"), "value": "nonsense"},
                       say("hal", {"tmobile": "in"}, 8, two_step=True, asked=True), tombstone("cat"),
                       say("moe", {"*": "in"}, 8), say("moe", {"*": "in"}, 8, closed=True))
    process = scene.process().start() # its keeper writes again what compaction would undo
    process.wait_ready()
    kinds = lambda: [sum(record["key"].startswith(kind) for record in harness.dump(bootstrap, scene.topic("consent")))
                     for kind in ("hash:", "moved:")]
    wait_until(lambda: kinds() >= [2, 1], process.tail, 20)
    require(process.stop() == 0, process.tail())
    desk("set", line("lea"), "tmobile=in", "--two-step")

    def says(desk):
        """Everything about everybody, under several configurations."""
        settings = [[], ["--set", "consent.signals.yield=true"], ["--set", "programmes=" + json.dumps(programmes)]]
        shown = lambda answer: (answer["programmes"], answer["erased"], answer["signalled"],
                                [(record["what"], record["timestamp"], record["by_clickveil"]) for record in answer["records"]])
        return {(name, index): shown(desk("get", "--json", *setting, line(name)))
                for name in ROUND for index, setting in enumerate(settings)}

    def differences():
        here, copy = says(desk), says(there)
        return {key: (here[key], copy[key]) for key in here if here[key] != copy[key]}

    path = work / "round.jsonl"
    path.unlink(missing_ok=True)
    with tap.case("an_export_tells_how_much_it_holds"):
        desk("export", "--output", path)
        require("records of" in desk.said, desk.said)
        kim = [record["value"] for record in map(json.loads, path.read_text().splitlines()) if record["key"] == line("kim")]
        require(kim == [""], f"an `in` of the future would be one under a later timestamp: {kim}")
    with tap.case("a_dry_run_of_putting_it_into_a_topic_writes_nothing"):
        answer = there("import", "--json", "--dry-run", path)
        require(answer["records"] > len(ROUND) and answer["present"] == answer["written"] == 0, answer)
        require(not harness.dump(bootstrap, other.topic("consent")), "something was written")
    with tap.case("a_cut_export_is_refused_whole"):
        cut = work / "round-cut.jsonl"
        cut.write_text("".join(line + "\n" for line in path.read_text().splitlines()[:-3]))
        there("import", cut, status=65)
        require("cut short" in there.said and not harness.dump(bootstrap, other.topic("consent")), there.said)
    with tap.case("a_topic_of_other_partitions_is_refused"):
        third = Scene(work, f"desk{os.getpid()}-five", bootstrap)
        harness.tool("create", bootstrap, third.topic("consent") + ":5:cleanup.policy=compact")
        five = Desk(third)
        five.wait_topic()
        five("import", path, status=78)
        require("with 3 partitions, and this topic has 5" in five.said, five.said)
    with tap.case("another_key_of_erased_subjects_is_refused"):
        another = work / "another.key"
        if not another.exists():
            subprocess.run([harness.CLICKVEIL, "keygen", "--purpose", "suppression", "--output", another], check=True, capture_output=True)
        for key, why in ((another, "under another key"), (work / "nowhere.key", "can't be had")):
            there("import", "--set", f"consent.suppression_key={key}", path, status=78)
            require(why in there.said and "consent.suppression_key" in there.said, there.said)
        require(not harness.dump(bootstrap, other.topic("consent")), "something was written")
    with tap.case("a_topic_that_stamps_records_itself_decides_the_same_or_is_refused"):
        stamping = Scene(work, f"desk{os.getpid()}-stamping", bootstrap)
        harness.tool("create", bootstrap, stamping.topic("consent") + ":3:cleanup.policy=compact,message.timestamp.type=LogAppendTime")
        stamps = Desk(stamping)
        stamps.wait_topic()
        lines = path.read_text().splitlines()
        ahead = {"partition": 0, "offset": 0, "timestamp": now + 5 * DAY_MS, **say("kim", {"*": "in"}, -4)}
        (work / "round-ahead.jsonl").write_text("\n".join([lines[0], json.dumps(ahead), json.dumps(
            {"key": "meta:export-end", "value": {"records": 1}})]) + "\n")
        there("import", "--dry-run", work / "round-ahead.jsonl")
        stamps("import", work / "round-ahead.jsonl", status=78)
        require("CreateTime" in stamps.said and not harness.dump(bootstrap, stamping.topic("consent")), stamps.said)
        stamps("import", path)
        here, copy = says(desk), says(stamps)
        require({key: value[:3] for key, value in here.items()} == {key: value[:3] for key, value in copy.items()}, f"{here}\n{copy}")
    with tap.case("everybody_is_decided_as_before"):
        answer = there("import", "--json", path)
        require(answer["written"] == answer["records"], answer)
        require(not differences(), differences())
        outs = {name for name in ROUND if desk.choice(line(name)) == "out"}
        require(outs == set(ROUND) - {"hal", "lea", "zoe"}, outs)
    with tap.case("again_it_changes_nothing_here_and_there"):
        for each in (desk, there):
            answer = each("import", "--json", path)
            require(answer["present"] == answer["records"] and answer["written"] == 0, answer)
    with tap.case("it_goes_on_where_it_ended"):
        part = Scene(work, f"desk{os.getpid()}-part", bootstrap)
        part.create_topics()
        Desk(part).wait_topic()
        lines = path.read_text().splitlines()
        records = [json.loads(line) for line in lines[1:-1]]
        beginning = lines[:1] + lines[1:8] + [json.dumps({"key": "meta:export-end", "value": {"records": 7}})]
        (work / "round-part.jsonl").write_text("".join(line + "\n" for line in beginning))
        partly = Desk(part)
        require(partly("import", "--json", work / "round-part.jsonl")["written"] == 7, partly.said)
        answer = partly("import", "--json", path)
        require(answer["present"] == 7 and answer["written"] == len(records) - 7, answer)
    with tap.case("a_topic_in_use_is_refused"):
        part.send_choices(choice("ann", "out"))
        partly("import", path, status=65)
        require("fresh topic" in partly.said, partly.said)
    with tap.case("what_comes_later_is_decided_alike"):
        # but for dan, whose suppression entry is not where a keeper writes it: beside the subject's own records
        later = [say(name, {"*": "in"}, 1, seq=9, two_step=True) for name in ROUND if name != "dan"]
        for each in (scene, other):
            each.send_choices(*later)
        require(desk.choice(line("cat")) == "in", desk.said)
        found = {key: pair for key, pair in differences().items() if pair[0][:3] != pair[1][:3]}
        require(not found, found)
    with tap.case("and_so_do_the_stages"):
        said = []
        for each in (scene, other):
            process = each.process("later").start()
            process.wait_ready()
            wait_kept(each, process)
            gauges = json.loads(process.get("/statusz")[1])["gauges"]["consent"]
            require(gauges["consent_records_loose"] == 0 and gauges["consent_records_of_moves"] > 0, gauges)
            each.send_events(*(event(name) for name in ROUND))
            each.wait_taken()
            said.append(sorted(sample for sample in process.get("/metrics")[1].splitlines()
                               if sample.startswith("clickveil_stage_records_total") and 'stage="consent"' in sample))
            require(process.stop() == 0, process.tail())
        require(said[0] == said[1] and len(said[0]) > 1, said)
    with tap.case("the_simple_form_says_what_it_leaves_out"):
        desk("export", silent=False)
        require("of stored signals" in desk.said and "--format jsonl" in desk.said, desk.said)
    with tap.case("the_export_is_read_by_a_run_over_files"):
        events = work / "round-events.jsonl"
        events.write_text("".join(json.dumps(event(name)) + "\n" for name in ROUND))
        config = harness.write_configuration(work, "round-files", scene.config)
        harness.clickveil("run", "--config", config, "--input", events, "--consent", path, "--output", os.devnull,
                          "--internal", os.devnull, "--summary", work / "summary.json")
        dropped = json.loads((work / "summary.json").read_text())["dropped"]
        require(sum(dropped.values()) == len(outs), (dropped, outs))
    with tap.case("an_export_that_was_cut_is_refused_there"):
        lines = path.read_text().splitlines(keepends=True)
        for name, kept in (("its end", lines[:-1]), ("a line", lines[:1] + lines[2:])):
            cut = work / "cut.jsonl"
            cut.write_text("".join(kept))
            done = harness.clickveil("run", "--config", config, "--input", events, "--consent", cut, "--output", os.devnull,
                                     status=65)
            require("cut short, or lines are missing" in done.stderr, f"without {name}: {done.stderr}")


def in_bulk(bootstrap):
    scene = Scene(work, f"desk{os.getpid()}-bulk", bootstrap)
    scene.create_topics()
    desk = Desk(scene)
    scene.send_choices(choice("zoe", "in"), choice("bob", "out", effective=int(time.time() * 1000) - DAY_MS))
    table = work / "choices.csv"
    table.write_text("subject,programme,choice,effective,two_step\n"
                     f"{line('ann')},tmobile,out,2026-01-01T00:00:00Z,\n"
                     f"{line('bob')},tmobile,in,,\n"                      # after an out: refused
                     f"{line('bob')},tmobile,perhaps,,\n"                 # malformed
                     f"\"account:acct-cat\",*,out,,\n"
                     f"{line('dan')},tmobile,in,2026-01-01T00:00:00Z,\n"
                     f"{line('dan')},sprint,in,2026-01-01T00:00:00Z,\n"   # with the line before: one record
                     "4711,tmobile,out,,\n")
    counts = lambda answer: {name: answer[name] for name in ("new", "changed", "unchanged", "refused", "malformed", "written")}
    with tap.case("a_dry_run_says_what_would_change_and_writes_nothing"):
        before = harness.offsets(bootstrap, scene.topic("consent"))
        answer = desk("import", "--json", "--dry-run", table, status=65)
        require(counts(answer) == {"new": 3, "changed": 0, "unchanged": 0, "refused": 1, "malformed": 2, "written": 0}, answer)
        require([(item["line"], item["what"]) for item in answer["shown"]] ==
                [(4, "malformed"), (8, "malformed"), (3, "refused")], answer["shown"])
        require(harness.offsets(bootstrap, scene.topic("consent")) == before, "something was written")
    with tap.case("strict_writes_nothing_when_a_line_is_bad"):
        desk("import", "--strict", table, status=65)
        require(harness.offsets(bootstrap, scene.topic("consent")) == before, "something was written")
    with tap.case("an_import_writes_one_record_a_subject"):
        answer = desk("import", "--json", table, status=65)
        require(counts(answer)["written"] == 3 and answer["new_ins"] == 1, answer)
        value = json.loads(stored(scene, line("dan"))[-1]["value"])
        require(value["choices"] == {"tmobile": "in", "sprint": "in"}, value)
        require(desk.choice(line("ann")) == "out" and desk.choice("account:acct-cat") == "out", desk.said)
    with tap.case("the_same_import_again_changes_nothing"):
        answer = desk("import", "--json", table, status=65)
        require(counts(answer) == {"new": 0, "changed": 0, "unchanged": 3, "refused": 1, "malformed": 2, "written": 0}, answer)
    for kind in ("csv", "jsonl"):
        path = work / f"export.{kind}"
        path.unlink(missing_ok=True)
        with tap.case(f"an_import_of_an_export_changes_nothing_as_{kind}"):
            desk("export", "--output", path)
            answer = desk("import", "--json", path)
            require(answer["subjects"] == 5 and answer["written"] == 0, answer)
            require(answer["present"] == answer["records"] if kind == "jsonl" else answer["unchanged"] == 5, answer)
    with tap.case("standard_input_tells_its_format_by_its_content"):
        text = json.dumps({"key": line("eve"), "value": {"choices": {"*": "out"}, "effective": 1767225600000, "seq": 4}}) + "\n"
        answer = desk("import", "--json", "-", text=text)
        require(counts(answer)["new"] == 1, answer)
        require(json.loads(stored(scene, line("eve"))[-1]["value"])["seq"] == 4, "its own seq is not kept")
    with tap.case("a_file_without_a_line_is_refused_and_one_without_a_choice_says_so"):
        desk("import", "-", text="", status=65)
        require("nothing is in the file" in desk.said, desk.said)
        desk("import", "-", text="subject,programme,choice\n")
        require("nothing was in it" in desk.said and "1 line, 0 subjects" in desk.said, desk.said)
    with tap.case("what_is_wrong_with_the_configuration_but_no_mistake_is_not_said_again_each_time"):
        desk("get", line("zoe"), silent=False)
        require("warning" not in desk.said and "1 record\n" in desk.said, desk.said)
        desk("get", line("zoe"), "--set", "consent.floor=many", status=78, silent=False)
        require("consent.floor" in desk.said or "floor" in desk.said, desk.said)
    with tap.case("a_topic_that_is_not_there_is_said_how_to_be_made"):
        desk("status", "--set", "topics.consent=nowhere", status=69)
        require("nowhere does not exist" in desk.said and "clickveil topics create" in desk.said, desk.said)
        desk("set", line("ann"), "tmobile=out", "--set", "topics.consent=nowhere", status=69)
        require("clickveil topics create" in desk.said, desk.said)
    with tap.case("a_subject_that_would_stop_the_pipeline_is_refused"):
        desk("set", "device:imei:490154203237518", "tmobile=out", status=64)
        desk("import", "-", text="subject,programme,choice\ndevice:imei:490154203237518,tmobile,out\n", status=65)
        require("line 2: refused" in desk.said and "written: 0 records" in desk.said, desk.said)
    with tap.case("an_opt_out_that_was_refused_is_no_success"):
        ahead = int(time.time() * 1000) + 3 * DAY_MS
        desk("import", "-", text=f"subject,programme,choice,effective\n{line('gus')},tmobile,out,{ahead}\n", status=65)
        require("line 2: refused" in desk.said, desk.said)
    with tap.case("strict_refuses_a_programme_that_nobody_knows_and_names_the_line"):
        text = f"subject,programme,choice\n{line('gus')},TMobile,out\n"
        desk("import", "--strict", "-", text=text, status=65)
        require("in line 2" in desk.said, desk.said)
        desk("import", "--dry-run", "-", text=text)
        require("in line 2" in desk.said, desk.said)
    with tap.case("an_export_that_leaves_records_out_says_so"):
        desk("export", "--set", "subscriber.kind=imsi", status=65, silent=False)
        require("of another kind" in desk.said, desk.said)
    with tap.case("an_export_is_read_by_a_run_over_files"):
        events = work / "bulk-events.jsonl"
        at = int(time.time() * 1000)
        events.write_text("".join(json.dumps(event(name, at)) + "\n" for name in ("ann", "dan", "fay")))
        config = harness.write_configuration(work, "bulk-files", scene.config)
        harness.clickveil("run", "--config", config, "--input", events, "--consent", path, "--output", os.devnull,
                          "--internal", os.devnull, "--summary", work / "summary.json")
        dropped = json.loads((work / "summary.json").read_text())["dropped"]
        require(dropped.get("opted_out_line") == 1 and sum(dropped.values()) == 1, dropped)
    with tap.case("status_counts_entries_by_kind"):
        answer = desk("status", "--json")
        require(answer["entries"] == 6 and answer["by_kind"] == {"line": 5, "account": 1, "device": 0}, answer)
        require(answer["process"] is None and "nobody answers" in answer["process_not_seen"], answer)
    with tap.case("an_import_is_paced_when_asked_to_be_and_not_where_nobody_runs"):
        text = "subject,programme,choice\n" + "".join(f"line:+1202555{number:04},tmobile,out\n" for number in range(201))
        answer = desk("import", "--json", "--dry-run", "-", text=text)
        require(answer["new"] == 201 and answer["written"] == 0, answer)
        began = time.monotonic()
        answer = desk("import", "--json", "--rate", 100, "-", text=text.replace("tmobile", "sprint", 1), silent=False)
        took = time.monotonic() - began
        require(answer["written"] == 201 and answer["rate"] == 100, answer)
        require(took >= 2, f"201 records, 100 a second, in batches of 100: the last one after two seconds, not {took:.1f}")
        answer = desk("import", "--json", "-", text="subject,programme,choice\nline:+12025550000,tmobile,out\n")
        require(answer["written"] == 1 and answer["rate"] == 0, answer)
        for rate in ("fast", "-1", "10000001"):
            desk("import", "--rate", rate, "-", text=text, status=64)


def brake(bootstrap):
    scene = Scene(work, f"desk{os.getpid()}-brake", bootstrap, consent={"brake_ins": 5, "brake_share": "1%", "lease": "30s"})
    scene.create_topics()
    scene.send_choices(*(choice(f"a{letter}", "in") for letter in "bcdefghijk")) # more than the limit, at the first start
    process = scene.process().start()
    process.wait_ready()
    desk = Desk(scene, process.port)
    scene.send_events(event("ann"))
    scene.wait_published("ann")

    def ins(first, count):
        path = work / f"ins-{first}.csv"
        path.write_text("subject,programme,choice\n" + "".join(f"line:+99977{first + i:08d},tmobile,in\n" for i in range(count)))
        return path

    def wait_entries(count):
        """Until it knows so many: what an import wrote has arrived."""
        wait_until(lambda: desk("status", "--json")["process"]["entries"] == count, lambda: desk.said, step=0.3)

    with tap.case("the_first_bootstrap_does_not_hold"):
        require(desk("status", "--json")["process"]["brake"] is False, desk.said)
    with tap.case("as_many_new_ins_as_are_let_through_do_not_hold"):
        desk("import", ins(0, 5))
        wait_entries(15)
        require(process.is_ready(), process.get("/readyz"))
    with tap.case("one_more_holds_and_readyz_says_so"):
        desk("import", ins(100, 1))
        reason = wait_until(lambda: (lambda answer: answer[1] if answer[0] == 503 else None)(process.get("/readyz")), "it stays ready")
        require("brake" in reason and "consent confirm" in reason, reason)
        require(process.get("/livez")[0] == 200 and process.logged("followed_topic_holds"), process.tail())
        answer = desk("status", "--json")["process"]
        require(answer["brake"] and answer["brake_ins"] == 6 and answer["brake_limit"] == 5 and not answer["ready"], answer)
        require(answer["fresh"] and answer["lease_ms"] == 30000, answer)
    with tap.case("nothing_is_taken_in_meanwhile_and_opt_outs_count_all_the_same"):
        before = scene.committed()
        desk("set", line("bob"), "*=out")
        scene.send_events(event("bob"), event("cat"))
        time.sleep(2)
        require(scene.committed() == before, f"committed {scene.committed()}, before {before}")
        require(not scene.published("bob", "cat", isolation="uncommitted"), "an event passed")
    with tap.case("what_was_published_is_taken_back_meanwhile"):
        def taken_back():
            values = [record["value"] for record in harness.dump(bootstrap, scene.feed) if record["key"] == scene.id_of("ann")]
            return values[-1] is None
        require(not taken_back(), "ann is not in the feed")
        desk("set", line("ann"), "*=out")
        wait_until(taken_back, lambda: f"no tombstone\n{process.tail()}", 20)
        require(not process.is_ready(), "it was released")
        require(scene.committed() == before, f"committed {scene.committed()}, before {before}")
        require(not scene.published("bob", "cat", isolation="uncommitted"), "an event passed")
    with tap.case("a_confirmation_of_another_number_is_refused"):
        desk("confirm", "--entries", "1000", status=65)
        time.sleep(1)
        require(not process.is_ready(), "it was released")
    with tap.case("a_confirmation_releases"):
        answer = desk("confirm", "--json", "--entries", "18")
        require(answer["written"] and answer["entries"] == 18, answer)
        process.wait_ready()
        scene.wait_published("cat")
        scene.wait_taken()
        require(not scene.published("bob", isolation="uncommitted"), "bob, who said no, is in the feed")
        require(process.logged("followed_topic_released"), process.tail())
    with tap.case("an_announced_import_does_not_hold"):
        desk("import", ins(200, 50), "--expect-in", "49", status=65)
        answer = desk("import", "--json", ins(200, 50), "--expect-in", "50")
        require(answer["rate"] == 30000, f"no pace while a process runs: {answer}")
        wait_entries(68)
        require(process.is_ready(), process.get("/readyz"))
    with tap.case("status_says_how_many_events_match_an_entry"):
        process_says = desk("status", "--json")["process"]
        require(0 < process_says["match_ratio"] < 1, process_says)
        require("events that match" in desk("status"), desk.said)
    tap.ok("the_process_ends_with_status_0", process.stop() == 0, process.tail())


def coming_back(bootstrap):
    """What holds a running process holds one that comes back with its snapshot, too; and so does a topic that lost choices."""
    snapshot = work / "coming.snapshot"
    scene = Scene(work, f"desk{os.getpid()}-coming", bootstrap,
                  consent={"brake_ins": 5, "snapshot": str(snapshot), "snapshot_every": "1s"})
    desk = Desk(scene)
    create = lambda: harness.clickveil("topics", "create", "--config", desk.config, "--partitions", "2")
    create()
    scene.send_choices(*(choice(f"a{letter}", "out") for letter in "bcdefghijklmnopqrstu"))
    process = scene.process().start()
    process.wait_ready()
    wait_until(snapshot.exists, process.tail)
    require(process.stop() == 0, process.tail())

    def held(process):
        def reason():
            status, text = process.get("/readyz")
            return text if status == 503 and "the brake" in text else None
        return wait_until(reason, lambda: f"{process.get('/readyz')}\n{process.tail()}")

    with tap.case("ins_that_came_while_it_was_down_hold_a_process_that_comes_back"):
        table = work / "meanwhile.csv"
        table.write_text("subject,programme,choice\n" + "".join(f"line:+99966{i:08d},tmobile,in\n" for i in range(6)))
        desk("import", table)
        process.start()
        said = held(process)
        require("more new `in`s" in said and process.logged("snapshot_reused"), process.tail())
        require("first full read" not in said, said)
        said = Desk(scene, process.port)("status")
        require("not ready:" in said and "more new `in`s" in said and "first full read" not in said, said)
    with tap.case("and_a_confirmation_releases_it"):
        desk("confirm", "--entries", "26")
        process.wait_ready()
        before = snapshot.stat().st_mtime_ns
        wait_until(lambda: snapshot.stat().st_mtime_ns > before, process.tail)
        require(process.stop() == 0, process.tail())
    with tap.case("a_topic_that_lost_choices_holds"):
        harness.tool("delete", bootstrap, scene.topic("consent"))
        wait_until(lambda: not subprocess.run([harness.CLICKVEIL, "topics", "create", "--config", desk.config, "--partitions", "2"],
                                              capture_output=True).returncode, "the topic can't be made anew", step=0.5)
        scene.send_choices(choice("ann", "out"), choice("bob", "out"))
        process.start()
        require("fewer subjects" in held(process), process.tail())
        scene.send_events(event("cat"))
        time.sleep(1)
        require(not scene.published("cat", isolation="uncommitted"), "an event passed")
    with tap.case("until_it_is_confirmed"):
        desk("confirm", "--entries", "2")
        process.wait_ready()
        scene.wait_published("cat")
    tap.ok("the_process_that_came_back_ends_with_status_0", process.stop() == 0, process.tail())


def drained(bootstrap):
    """Where a drain is the only slot, one in a hold takes back what was published, and writes nothing else."""
    scene = Scene(work, f"desk{os.getpid()}-drained", bootstrap,
                  **{"publish": {"update_every": "drain"}, "consent": {"brake_ins": 5, "brake_share": "1%", "lease": "30s"}})
    scene.create_topics()
    scene.send_choices(*(choice(f"a{letter}", "in") for letter in "bcdefghijk"))
    process = scene.process().start()
    process.wait_ready()
    scene.send_events(event("ann"), event("bob"))
    scene.wait_taken()
    require(process.stop() == 0, process.tail())

    def values(name):
        return [record["value"] for record in harness.dump(bootstrap, scene.feed) if record["key"] == scene.id_of(name)]

    with tap.case("a_drain_in_a_hold_takes_back_and_publishes_nobody"):
        require(values("ann") and values("bob"), "the drain was no slot")
        process.start()
        process.wait_ready()
        scene.send_events(event("cat"))
        scene.wait_taken()
        Desk(scene, process.port)("import", "--format", "csv", "-", text="subject,programme,choice\n"
                                  + "".join(f"line:+99977{i:08d},tmobile,in\n" for i in range(6)))
        wait_until(lambda: "brake" in process.get("/readyz")[1], process.tail)
        scene.send_choices(choice("ann", "out"))
        wait_until(lambda: re.search(r'"retractions"\} 1\b', process.get("/metrics")[1]), process.tail)
        require(process.stop() == 0, process.tail())
        require(values("ann")[-1] is None, f"{values('ann')}\n{process.tail()}")
        require(values("bob")[-1] is not None and not values("cat"), f"bob {values('bob')}, cat {values('cat')}")
    with tap.case("and_the_next_drain_behind_the_hold_publishes_what_waited"):
        process.start()
        process.wait_ready() # without a snapshot the first full read is exempt
        require(process.stop() == 0, process.tail())
        require(values("cat") and values("ann")[-1] is None, f"cat {values('cat')}, ann {values('ann')}")


def words(bootstrap):
    """One reason denies nearly everybody: said in words."""
    scene = Scene(work, f"desk{os.getpid()}-words", bootstrap)
    scene.create_topics()
    people = [f"p{letter}" for letter in "abcdefghijklmnopqrst"]
    scene.send_choices(*(choice(name, "out") for name in people))
    process = scene.process().start()
    process.wait_ready()
    scene.send_events(*(event(name) for name in people), event("ann"))
    scene.wait_taken()
    with tap.case("statusz_says_in_words_that_one_reason_denies_nearly_everybody"):
        answer = json.loads(process.get("/statusz")[1])
        require(len(answer["notes"]) == 1 and "opted_out_line" in answer["notes"][0] and "95.2 %" in answer["notes"][0], answer["notes"])
        require(answer["opt_out_clock_business_days"] == 0, answer)
    with tap.case("so_does_the_log_at_the_end"):
        require(process.stop() == 0 and process.logged("95.2 %"), process.tail())


def main():
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP") or harness.Broker("consent_command").bootstrap
    for case in [case for case in (by_hand, judged, round_trip, in_bulk, brake, coming_back, drained, words) if case.__name__ in os.environ.get("CONSENT_COMMAND_CASES", case.__name__).split()]:
        tap.note(case.__name__)
        try:
            case(bootstrap)
        except Exception as error: # the other cases still run
            tap.ok(case.__name__, False, f"{type(error).__name__}: {error}")
    tap.end()


if __name__ == "__main__":
    main()
