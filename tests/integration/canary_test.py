#!/usr/bin/env python3
"""Raw identifiers are only where the specification lists exceptions: topics before pseudonymize, the consent topic, and the
sealed part of dead letters. Canaries are planted in named, unknown and nested fields and in bad events, and looked for in
everything that clickveil writes or says, in every encoding that comes to mind."""

import base64
import json
import os
import time

import checker
import harness
from canaries import Canary, Hay, search
from harness import require, wait_until
from planted import Planted, decoded
from scene import Scene, choice, event

tap = harness.Tap()
work = harness.directory("canary")


def with_check_digit(digits):
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (2 if place % 2 == 0 else 1)
        total += number - 9 if number > 9 else number
    return digits + str(-total % 10)


NUMBER, OUT_NUMBER, BAD_NUMBER = "+9994217755301", "+9994217755302", "+9994217755303"
IMSI, OTHER_IMSI = "999990142177553", "999990142177554"
IMEI, OTHER_IMEI = with_check_digit("00421775530142"), with_check_digit("00421775530299")
MAID, OTHER_MAID = "4217c0de-7553-4a01-9c1e-0badcafe4217", "7553c0de-4217-4a01-9c1e-0badcafe7553"
IP, IP6, HOST_IP = "203.0.113.217", "2001:db8:4217:7553::c0de", "198.51.100.217"
PATH, QUERY, ACCOUNT, AGENT = "canarypath4217", "canaryquery7553", "canaryaccount4217", "canaryagent7553"
SECRET = "canarysecret4217"

# In fields that have a name and a use: the topics before pseudonymize may have them.
NAMED = [Canary("number", NUMBER), Canary("number of an opt-out", OUT_NUMBER), Canary("IMSI", IMSI),
         Canary("IMEI", IMEI), Canary("IMEI without check digit", IMEI[:14]), Canary("MAID", MAID),
         Canary("path", PATH), Canary("query", QUERY), Canary("account", ACCOUNT), Canary("IP as a host", HOST_IP)]
# In fields that nobody reads, and in events that nobody can read: no topic of clickveil's may have them.
OTHERS = [Canary("number in a bad event", BAD_NUMBER), Canary("IMSI in an unknown field", OTHER_IMSI),
          Canary("IMEI in an unknown field", OTHER_IMEI), Canary("MAID in an unknown field", OTHER_MAID),
          Canary("IP", IP), Canary("IPv6", IP6), Canary("user agent", AGENT), Canary("text in a bad event", SECRET)]
# Behind classify there is no host and no app either.
PLACES = [Canary("host", "www.espn.com"), Canary("app", "com.nike.omega")]


def good_events(subscriber):
    unknown = {"ip": IP, "user_agent": AGENT, "imsi": OTHER_IMSI,
               "x": {"deep": [{"imei": OTHER_IMEI, "maid": OTHER_MAID}, [IP6, {"agent": AGENT}]]},
               "msisdn": OTHER_IMSI, "referrer": f"https://site.example/{AGENT}?ip={IP}"}
    common = {"subscriber": subscriber, "account": ACCOUNT, **unknown}
    return [
        event("ann", **common, url=f"https://www.espn.com/{PATH}/x?q={QUERY}", host=None),
        event("ann", **common, device={"kind": "imei", "id": IMEI, "x": OTHER_IMEI}, host="www.espn.com"),
        event("ann", **common, device={"kind": "maid", "id": MAID.upper(), "y": {"z": OTHER_MAID}}),
        event("ann", **common, url=f"http://{HOST_IP}/{PATH}"),
        event("ann", **dict(common, type="app_use", host=None, app="com.nike.omega")),
        event("ann", **dict(common, type="app_install", host=None, app="com.nike.omega")),
        event("ann", **dict(common, type="app_remove", host=None, app="com.nike.omega")),
        event("ann", **dict(common, region="US-ME")),
        event("ann", **dict(common, gpc=True)),
        event("ann", **dict(common, us_privacy="1YYN")),
        event("ann", **dict(common, gpp=SECRET, gpp_sid="7")),
        event("ann", **dict(common, time=1)),
        event("ann", **dict(common, plan="business")),
    ]


def bad_values(subscriber):
    """Values that become dead letters, each with canaries around what is wrong."""
    whole = event("ann", subscriber=subscriber, account=SECRET, ip=IP, note=BAD_NUMBER,
                  x={"y": [OTHER_MAID, OTHER_IMEI, OTHER_IMSI]})
    text = json.dumps(whole)
    return [
        f"{SECRET} {BAD_NUMBER} {IP}", text[:-9], text + SECRET, "[" * 40 + f'"{SECRET}"' + "]" * 40,
        json.dumps([whole]), json.dumps(dict(whole, type=SECRET)), json.dumps(dict(whole, time=BAD_NUMBER)),
        json.dumps(dict(whole, time="9999999999999")), json.dumps(dict(whole, subscriber=SECRET)),
        json.dumps(dict(whole, subscriber=f"tel:{BAD_NUMBER}")), json.dumps(dict(whole, account={"a": SECRET})),
        json.dumps(dict(whole, device={"kind": "imei", "id": OTHER_IMEI[:14] + str((int(OTHER_IMEI[14]) + 1) % 10)})),
        json.dumps(dict(whole, device={"kind": "maid", "id": OTHER_MAID + SECRET})),
        json.dumps(dict(whole, device={"kind": SECRET, "id": OTHER_IMEI})), json.dumps(dict(whole, brand=SECRET)),
        json.dumps({name: value for name, value in whole.items() if name != "brand"}),
        json.dumps(dict(whole, url="https://espn.com/\u0000" + SECRET)), json.dumps(dict(whole, host=[SECRET])),
        text[:-1] + f', "subscriber": "{BAD_NUMBER}"}}', text[:-1] + f', "pad": "{SECRET * 6000}"}}',
        json.dumps(dict(whole, birth_year=SECRET)),
        json.dumps(dict(whole, time=int(time.time() * 1000) + 3 * 86400000)),
    ]


def send_bad(scene, subscriber):
    lines = [f"{subscriber}\t{value}".encode() for value in bad_values(subscriber)]
    lines.append(f"{subscriber}\t".encode() + b'{"type": "browse", "account": "' + SECRET.encode() + b'\xff\xfe"}')
    lines.append(f"{BAD_NUMBER}\t{json.dumps(event('ann', subscriber=subscriber, note=SECRET))}".encode()) # another's key
    lines.append(f"{SECRET}\t{SECRET}".encode())
    path = work / f"{scene.name}-bad.keyed"
    path.write_bytes(b"\n".join(lines) + b"\n")
    harness.tool("produce", scene.bootstrap, scene.topic("events"), path, "keyed")
    return len(lines)


def everything_in(bootstrap, topic):
    """All bytes of a topic, read uncommitted: keys, values, headers."""
    parts = []
    for record in harness.dump(bootstrap, topic, "uncommitted"):
        fields = [record["key"], record["value"], *record["headers"].keys(), *record["headers"].values()]
        parts += [checker.bytes_of(field) or b"" for field in fields]
    return b"\n".join(parts)


def look(name, canaries, raw):
    with tap.case(f"no_canary_is_in_{name}"):
        require(raw, "there is nothing there, so nothing was shown")
        found = search(canaries, raw)
        require(not found, f"found {found}")


def look_by_table(name, planted, hop, bootstrap, topic):
    """What a hop shows of the canaries of planted.py, and its members, against the program's own table of fields."""
    raw = everything_in(bootstrap, topic)
    records = [json.loads(record["value"]) for record in harness.dump(bootstrap, topic) if record["value"]]
    with tap.case(f"{name}_shows_no_canary_that_the_table_of_fields_does_not_let_it"):
        require(raw and records, "there is nothing there, so nothing was shown")
        found = planted.leaks(hop, raw)
        require(not found, f"found {found}")
    with tap.case(f"{name}_has_no_member_without_a_row_in_that_table"):
        bad = set().union(*(planted.members(hop, record)[1] for record in records))
        require(not bad, f"members {bad}")


def send_planted(scene, subscriber):
    planted = Planted(harness.CLICKVEIL, int(time.time() * 1000), subscriber)
    path = work / f"{scene.name}-planted.keyed"
    path.write_text("".join(f"{subscriber}\t{text}\n" for text in planted.events))
    scene.send_choices({"key": f"line:{subscriber}", "value": {"choices": {"*": "in"}, "effective": 1, "seq": 1}})
    harness.tool("produce", scene.bootstrap, scene.topic("events"), path, "keyed")
    return planted


def run(name, bootstrap, kind, parts):
    subscriber, other = (NUMBER, OUT_NUMBER) if kind == "e164" else (IMSI, OTHER_IMSI)
    enhanced = work / "enhanced.yaml"
    enhanced.write_text("programme: enhanced\nregime: opt_in\nbrands: [tmobile]\nkinds: [interests, detailed]\n"
                        "fields: [advertising_id, region, age_band]\n")
    scene = Scene(work, name, bootstrap, subscriber={"kind": kind}, log={"level": "debug"},
                  programmes=[str(harness.ROOT / "config/programmes/tmobile.yaml"), str(enhanced)],
                  consent={"subjects": ["line", "account"]})
    scene.create_topics()
    key = {"key": f"line:{other}", "value": {"choices": {"*": "out"}, "effective": 1, "seq": 1, "note": SECRET}}
    unreadable = {"key": f"line:{subscriber}1" if kind == "e164" else f"account:{ACCOUNT}x", "value": f"{SECRET} {IP}"}
    scene.send_choices(key, unreadable, choice("zoe", "in", subject="account"))
    processes = [harness.Process(work, f"{name}-{part[0]}", harness.part(scene.config, part)).start() for part in parts]
    for process in processes:
        process.wait_ready()
    scene.send_events(*good_events(subscriber), *good_events(other))
    bad = send_bad(scene, subscriber)
    planted = send_planted(scene, "+9994217755311" if kind == "e164" else "999990142177511")
    scene.wait_taken()
    dead_letters = lambda: len(harness.dump(bootstrap, scene.topic("dead_letters")))
    wait_until(lambda: dead_letters() >= bad - 1, lambda: f"{dead_letters()} dead letters of {bad}", step=0.3)
    wait_until(lambda: harness.dump(bootstrap, scene.feed), "nothing in the feed", step=0.3)

    said = {process.name: "\n".join(process.get(path)[1] for path in ("/metrics", "/statusz", "/readyz", "/livez"))
            for process in processes}
    groups = {f"{scene.config['pipeline']}.{part[0]}" for part in parts}

    def members_of_all():
        raw = harness.tool("members", bootstrap)
        return raw if groups <= {json.loads(line)["group"] for line in raw.splitlines()} else None
    members = wait_until(members_of_all, "a group has no members", step=0.3)
    statuses = [process.stop() for process in processes]
    tap.ok(f"{name}_ends_in_good_order", statuses == [0] * len(statuses), f"{statuses}")

    events = everything_in(bootstrap, scene.topic("events"))
    with tap.case(f"{name}_has_the_canaries_in_its_input_and_the_search_finds_them"):
        of_other_kind = {"IMSI"} if kind == "e164" else {"number", "number of an opt-out"}
        missing = {canary.name for canary in OTHERS + NAMED} - of_other_kind - search(OTHERS + NAMED, events).keys()
        require(not missing, f"not found in the events: {missing}")
    if len(parts) > 1:
        with tap.case(f"{name}_has_named_canaries_before_pseudonymize_as_documented"):
            found = search(NAMED, everything_in(bootstrap, scene.topic("consent_out")))
            require({"IMEI without check digit", "MAID", "path", "account"} <= found.keys(), f"found only {found}")
        others = [canary for canary in OTHERS if kind == "e164" or canary.text != OTHER_IMSI]
        look(f"what_consent_writes_in_{name}_but_named_ones", others, everything_in(bootstrap, scene.topic("consent_out")))
        look(f"what_pseudonymize_writes_in_{name}", NAMED[:-1] + OTHERS,
             everything_in(bootstrap, scene.topic("pseudonymize_out")))
        look(f"what_classify_writes_in_{name}", NAMED + OTHERS + PLACES,
             everything_in(bootstrap, scene.topic("classify_out")))
        for hop in ("consent_out", "pseudonymize_out", "classify_out"):
            look_by_table(f"{hop}_of_{name}", planted, hop, bootstrap, scene.topic(hop))
    for feed in scene.config["publish"]["feeds"]:
        look_by_table(f"{feed['topic']}", planted, "feed", bootstrap, feed["topic"])
    with tap.case(f"nothing_else_of_{name}_shows_a_canary_of_any_field"):
        others = [everything_in(bootstrap, scene.topic("state")), everything_in(bootstrap, scene.topic("retractions")),
                  decoded(everything_in(bootstrap, scene.topic("dead_letters"))), *(text.encode() for text in said.values()),
                  *(process.log.read_bytes() for process in processes), members]
        found = planted.leaks(None, b"\n".join(others))
        require(not found, f"found {found}")
    look(f"the_feeds_of_{name}", NAMED + OTHERS + PLACES,
         b"\n".join(everything_in(bootstrap, feed["topic"]) for feed in scene.config["publish"]["feeds"]))
    look(f"the_changelog_of_{name}", NAMED + OTHERS + PLACES, everything_in(bootstrap, scene.topic("state")))
    look(f"the_readable_part_of_dead_letters_of_{name}", NAMED + OTHERS + PLACES,
         decoded(everything_in(bootstrap, scene.topic("dead_letters"))))
    for process in processes:
        look(f"metrics_and_status_of_{process.name}", NAMED + OTHERS + PLACES, said[process.name].encode())
        look(f"the_log_of_{process.name}", NAMED + OTHERS + PLACES, process.log.read_bytes())
    look(f"what_members_of_groups_say_in_{name}", NAMED + OTHERS + PLACES, members)
    return scene


def stops(bootstrap):
    """Records that stop a process: what it says about them must not hold them."""
    scene = Scene(work, "stops", bootstrap)
    scene.create_topics()
    scene.send_choices({"key": f"line:{SECRET}{BAD_NUMBER}", "value": {"choices": {"*": "out"}}})
    process = scene.process().start()
    with tap.case("a_consent_key_that_cannot_be_read_stops_with_65"):
        require(process.wait() == 65, process.tail())
    look("the_log_of_a_process_that_a_consent_key_stopped", NAMED + OTHERS, process.log.read_bytes())


def files(kind):
    """The same over files, where the summary and errors are what a person sees."""
    config = harness.configuration(work, "files.", "localhost:9", subscriber={"kind": kind})
    path = harness.write_configuration(work, f"files-{kind}", config)
    subscriber, other = (NUMBER, OUT_NUMBER) if kind == "e164" else (IMSI, OTHER_IMSI)
    events, consent = work / f"files-{kind}.jsonl", work / f"files-{kind}-consent.jsonl"
    lines = [json.dumps(line) for line in good_events(subscriber) + good_events(other)] + bad_values(subscriber)
    events.write_text("\n".join(lines) + "\n")
    consent.write_text(json.dumps({"key": f"line:{other}", "value": {"choices": {"*": "out"}, "effective": 1}}) + "\n")
    out = {name: work / f"files-{kind}-{name}.jsonl" for name in ("output", "internal", "summary")}
    done = harness.clickveil("run", "--config", path, "--input", events, "--consent", consent,
                             *(f"--{name}={file}" for name, file in out.items()))
    look(f"what_file_mode_writes_with_{kind}", NAMED + OTHERS + PLACES,
         b"\n".join(decoded(file.read_bytes()) for file in out.values()) + (done.stdout + done.stderr).encode())


def search_is_tested():
    """Each form is found when it is there."""
    hidden = {
        "plain": lambda text: text, "hex": lambda text: text.encode().hex(), "HEX": lambda text: text.encode().hex().upper(),
        "base64": lambda text: base64.b64encode(b"a" + text.encode() + b"zz").decode(),
        "upper": str.upper, "separators": lambda text: "-".join((text[:4], text[4:7], text[7:])),
    }
    for name, hide in hidden.items():
        with tap.case(f"search_finds_a_canary_as_{name}"):
            require(search([Canary("x", IMSI)], f"..{hide(IMSI)}..".encode()), f"not found: {hide(IMSI)}")
    with tap.case("search_finds_a_canary_packed_and_hashed"):
        canary = Canary("x", IMSI)
        require(canary.found_in(Hay(b"..." + bytes.fromhex("99990941127755f3") + b"...")) and
                search([Canary("x", NUMBER)], b"." + int(NUMBER[1:]).to_bytes(6, "big") + b"."), "not found")
    with tap.case("search_finds_nothing_where_nothing_is"):
        require(not search(NAMED + OTHERS, os.urandom(1 << 20) + base64.b64encode(os.urandom(1 << 20))), "found")


def main():
    broker = harness.Broker("canary")
    search_is_tested()
    run("fused", broker.bootstrap, "e164", [harness.STAGES])
    run("split", broker.bootstrap, "imsi", [[stage] for stage in harness.STAGES])
    for topic in ("__consumer_offsets", "__transaction_state"):
        look(f"the_brokers_topic_{topic}", NAMED + OTHERS + PLACES, everything_in(broker.bootstrap, topic))
    stops(broker.bootstrap)
    for kind in ("e164", "imsi"):
        files(kind)
    tap.end()


if __name__ == "__main__":
    main()
