"""Named fields of detailed programmes over files: sealed by pseudonymize, carried by classify, opened by publish; in one
process and in four, with records between them that somebody changed."""
import base64
import json
import re
import subprocess
import uuid

from support import PROGRAM, Place, Tap

NOW = "2026-07-28T12:00:00Z"
MAID = "4217c0de-7553-4a01-9c1e-0badcafe4217"
PROGRAMMES = {
    "named": "regime: opt_out\nregions: {US-ME: opt_in}\nkinds: [interests]\n",
    "region": "regime: opt_in\nkinds: [interests, detailed]\nfields: [region]\n",
    "whole": "regime: opt_in\nkinds: [interests, detailed]\nfields: [advertising_id, region, age_band]\n",
}
BETWEEN = {"consent": "clickveil.consented", "pseudonymize": "clickveil.pseudonymized", "classify": "clickveil.classified"}

tap = Tap()
place = Place(NOW)
for name, text in PROGRAMMES.items():
    place.write(f"config/programmes/{name}.yaml", f"programme: {name}\nbrands: [tmobile]\n{text}")
FEEDS = ", ".join(f"{{advertiser: acme, programme: {name}, kind: interests, topic: feed.{name}}}" for name in PROGRAMMES)
OPTIONS = ["programmes=[" + ", ".join(str(place.path / f"config/programmes/{name}.yaml") for name in PROGRAMMES) + "]",
           "publish.k=1", "publish.trial=true", f"publish.feeds=[{FEEDS}]"]
KEY = f"named_fields.key={place.path}/config/secrets/fields.key"


def event(line, region, year, **more):
    return {"type": "browse", "time": NOW, "subscriber": f"+1999555{line:04}", "account": f"A-{line}", "brand": "tmobile",
            "region": region, "birth_year": year, "device": {"kind": "maid", "id": MAID}, "host": "www.espn.com", **more}


# 1 and 2 said yes to all; 3 to nothing, so it is in `named` alone
EVENTS = [event(1, "US-CA", 1980), event(2, "US-WA", 1961), event(3, "US-OR", 1992), event(1, "US-CA", 1980, host="www.nba.com"),
          event(2, "US-WA", 1961, type="app_use", app="com.nike.omega")]
CONSENT = [{"key": f"line:+1999555{line:04}", "value": {"choices": {"*": "in"}, "effective": "2026-01-01T00:00:00Z", "seq": 1}}
           for line in (1, 2)]
events = place.write("events.jsonl", "".join(json.dumps(one) + "\n" for one in EVENTS))
consent = place.write("consent.jsonl", "".join(json.dumps(one) + "\n" for one in CONSENT))


def run(name, stages=None, source=None, options=()):
    return place.run(source or events, consent, [*OPTIONS, KEY, *options, *([f"stages=[{stages}]"] if stages else [])], name=name)


def between(step, stage):
    return [record for record in step.internal if record["topic"] == BETWEEN[stage]]


def as_input(name, records):
    return place.write(f"{name}.records", "".join(json.dumps(record) + "\n" for record in records))


def feeds(of):
    return sorted(json.dumps(record) for record in of.out if record["topic"].startswith("feed."))


refused = place.run(events, consent, OPTIONS, name="keyless")
tap.check(refused.status == 78 and b"named_fields.key" in refused.stderr, "without_a_key_named_nothing_starts", refused.stderr)
refused = run("missing")
tap.check(refused.status == 78 and b"fields.key: the key file doesn't exist" in refused.stderr,
          "without_the_key_file_nothing_starts", refused.stderr)
made = place.program("keygen", options=[*OPTIONS, KEY])
tap.check(made.returncode == 0 and re.search(rb"made +fields ", made.stdout), "keygen_makes_it", made.stdout, made.stderr)

whole = run("whole")
tap.check(whole.status == 0 and whole.summary["kept"] == len(EVENTS), "all_events_are_kept", whole.stderr, whole.summary)
tap.equal({record["topic"] for record in whole.out}, {f"feed.{name}" for name in PROGRAMMES}, "every_programme_has_its_feed")

# ---- cut behind every stage ----

step, records = None, {}
for stage in ("consent", "pseudonymize", "classify", "publish"):
    step = run(stage, stage, step and as_input(stage, records[previous]))
    tap.check(step.status == 0 and not step.summary["dead_letters"], f"{stage}_alone_takes_what_came_before", step.stderr)
    previous = stage
    if stage in BETWEEN:
        records[stage] = between(step, stage)
tap.equal(feeds(step), feeds(whole), "four_processes_give_the_feeds_of_one")

values = {stage: [record["value"] for record in records[stage]] for stage in records}
tap.equal([(value.get("region"), value.get("birth_year")) for value in values["consent"]],
          [("US-CA", 1980), ("US-WA", 1961), (None, None), ("US-CA", 1980), ("US-WA", 1961)],
          "behind_consent_they_stand_only_for_programmes_that_name_them")
for stage in ("pseudonymize", "classify"):
    text = json.dumps(values[stage])
    forms = [MAID, uuid.UUID(MAID).hex, "US-", "1980", "1961"]
    forms += [base64.urlsafe_b64encode(b"x" * shift + uuid.UUID(MAID).bytes)[4:20].decode() for shift in range(3)]
    tap.equal([form for form in forms if form in text], [], f"behind_{stage}_nothing_of_them_can_be_read")
    tap.equal([[name for name, _ in value.get("sealed", [])] for value in values[stage]],
              [["region", "whole"], ["region", "whole"], [], ["region", "whole"], ["region", "whole"]],
              f"behind_{stage}_there_is_a_box_for_each_programme_that_names_some")
    tap.equal({len(box) for value in values[stage] for _, box in value.get("sealed", [])}, {86}, f"all_of_one_size_behind_{stage}")
tap.equal([value.get("sealed") for value in values["classify"]], [value.get("sealed") for value in values["pseudonymize"]],
          "classify_carries_them_as_they_are")
boxes = [box for value in values["classify"] for _, box in value.get("sealed", [])]
tap.equal(len(set(boxes)), len(boxes), "no_two_boxes_are_equal")
again = run("again", "pseudonymize", as_input("again", records["consent"]))
tap.equal([record["value"] for record in between(again, "pseudonymize")], values["pseudonymize"], "the_same_events_give_the_same_boxes")

# ---- what explain says ----

for line, wanted in ((1, {"consent": {"region", "birth_year"}, "pseudonymize": {"sealed"}, "classify": {"sealed"}}),
                     (3, {"consent": set(), "pseudonymize": set(), "classify": set()})):
    one = json.dumps(EVENTS[line - 1]).encode()
    said = place.program("explain", "--consent", consent, "--json", options=[*OPTIONS, KEY], stdin=one)
    shown = {step["stage"]: set(step.get("fields", [])) & {"region", "birth_year", "sealed"} for step in json.loads(said.stdout)}
    tap.equal({stage: shown[stage] for stage in wanted}, wanted, f"explain_says_how_far_they_go_for_line_{line}")
    tap.check(not any(text in said.stdout for text in (MAID.encode(), b"US-CA", b"1980")), f"and_no_value_of_line_{line}", said.stdout)

# ---- what publish refuses ----


def changed(name, change, reason, options=()):
    """One of the records behind classify changed: a dead letter, nothing of it in a feed, and the others as they were."""
    record = json.loads(json.dumps(records["classify"]))
    change(record)
    ended = run("changed", "publish", as_input(f"changed_{name}", record), options)
    tap.equal(ended.summary["dead_letters"], reason, f"{name}: dead letters by reason")
    tap.equal(ended.summary["kept"] + sum(reason.values()), len(EVENTS), f"{name}: the others are kept")


def swap(record):
    record[0]["value"]["sealed"], record[1]["value"]["sealed"] = record[1]["value"]["sealed"], record[0]["value"]["sealed"]


def older(record):
    record[3]["value"]["sealed"] = record[0]["value"]["sealed"]


def relabel(record):
    (first, one), (second, other) = record[0]["value"]["sealed"]
    record[0]["value"]["sealed"] = [[first, other], [second, one]]


def without(record):
    del record[4]["value"]["sealed"]


changed("boxes_moved_to_other_people", swap, {"fields_unreadable": 2})
changed("a_box_of_an_earlier_event_of_the_same_person", older, {"fields_unreadable": 1})
changed("boxes_under_each_others_programme", relabel, {"fields_unreadable": 1})
changed("no_boxes_at_all", without, {"fields_missing": 1})
subprocess.run([PROGRAM, "keygen", "--purpose", "fields", "--output", str(place.path / "other.key")], check=True,
               stdout=subprocess.DEVNULL)
changed("boxes_sealed_with_another_key", lambda record: None, {"fields_unreadable": 4},
        [f"named_fields.key={place.path}/other.key"])
for name, source, says in (("of_another_purpose", "config/secrets/pseudonym.key", b"a key for `pseudonym`, not for `fields`"),
                           ("that_is_a_folder", "config/secrets", b"a directory, not a key file")):
    ended = run("wrong_key", options=[f"named_fields.key={place.path}/{source}"])
    tap.check(ended.status == 78 and says in ended.stderr, f"a_key_{name}_is_refused", ended.stderr)

place.remove()
tap.end()
