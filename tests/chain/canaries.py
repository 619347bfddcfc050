"""Over files, in one process and cut behind every stage: what each hop shows of canaries in every field of events, and which
members its records have, against the table that `clickveil explain --fields --json` prints. tests/integration/canary_test.py
does the same on Kafka."""
import json
import sys

from support import PROGRAM, TOP, Place, Tap

sys.path.insert(0, str(TOP / "tests/integration"))
from planted import NUMBER, Planted, decoded

NOW = "2026-07-28T12:00:00Z"
HOPS = {"consent": ("consent_out", "clickveil.consented"), "pseudonymize": ("pseudonymize_out", "clickveil.pseudonymized"),
        "classify": ("classify_out", "clickveil.classified")}

tap = Tap()
place = Place(NOW)
planted = Planted(PROGRAM, 1785240000000)
place.write("config/programmes/enhanced.yaml", "programme: enhanced\nregime: opt_in\nbrands: [tmobile]\n"
            "kinds: [interests, detailed]\nfields: [advertising_id, region, age_band]\n")
OPTIONS = [f"programmes=[{place.path}/config/programmes/tmobile.yaml, {place.path}/config/programmes/enhanced.yaml]",
           f"named_fields.key={place.path}/config/secrets/fields.key", "publish.k=1", "publish.trial=true",
           "publish.feeds=[{advertiser: acme, programme: tmobile, kind: interests, topic: feed.a}, "
           "{advertiser: acme, programme: enhanced, kind: interests, id: device, topic: feed.b}]"]
place.program("keygen", options=OPTIONS)
events = place.write("events.jsonl", "".join(text + "\n" for text in planted.events))
consent = place.write("consent.jsonl", json.dumps({"key": f"line:{NUMBER}", "value": {
    "choices": {"*": "in"}, "effective": "2026-01-01T00:00:00Z", "seq": 1}}) + "\n")


def lines_of(records):
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def look(name, hop, records):
    """Canaries and members of a hop's records."""
    tap.check(records, f"{name}_has_records")
    tap.equal(planted.leaks(hop, lines_of(records)), {}, f"{name}_shows_no_canary_that_the_table_does_not_let_it")
    good, bad = set(), set()
    for record in records:
        if record["value"] is not None:
            some = planted.members(hop, record["value"])
            good |= some[0]
            bad |= some[1]
    tap.equal(sorted(bad), [], f"{name}_has_no_member_without_a_row")
    tap.equal(sorted(planted.fields(hop) - good), [], f"{name}_has_every_field_that_the_table_lets_it_have")


def look_at_letters(name, run):
    letters = [record for record in run.out if record["key"] is None]
    said = decoded(b"\n".join(record["value"].encode() for record in letters)) + lines_of(letters)
    tap.equal(planted.leaks(None, said + run.stderr + run.files["summary"].read_bytes()), {},
              f"{name}_says_nothing_of_them_in_dead_letters_and_summary")


found = {name for name in planted.where if any(name.split()[-1] in text for text in planted.events)}
tap.equal(found, set(planted.where), "every_canary_is_in_the_input")
tap.check(len(planted.where) > 150, "there_are_many_canaries", len(planted.where))

whole = place.run(events, consent, OPTIONS, name="whole")
tap.check(whole.status == 0 and whole.balances() and whole.summary["in"] == len(planted.events), "all_events_have_a_fate",
          whole.stderr, whole.summary)
tap.check(whole.summary["kept"] > 50 and len(whole.dead_letters()) > 50, "some_are_kept_and_some_are_dead_letters", whole.summary)
look("the_feed_of_one_process", "feed", [record for record in whole.out if record["topic"].startswith("feed.")])
tap.equal(planted.leaks(None, decoded(whole.files["internal"].read_bytes())), {}, "its_changelog_and_retractions_show_none")
look_at_letters("one_process", whole)

source, between = events, {}
for stage in ("consent", "pseudonymize", "classify", "publish"):
    step = place.run(source, consent, [*OPTIONS, f"stages=[{stage}]"], name=stage)
    tap.check(step.status == 0, f"{stage}_runs", step.stderr)
    look_at_letters(stage, step)
    if stage == "publish":
        look("the_feed_of_four", "feed", [record for record in step.out if record["topic"].startswith("feed.")])
        break
    hop, topic = HOPS[stage]
    between[hop] = [record for record in step.internal if record["topic"] == topic]
    look(hop, hop, between[hop])
    source = place.write(f"{stage}.records", lines_of(between[hop]))
tap.equal(sorted(planted.shown("consent_out", lines_of(between["consent_out"]))),
          ["account", "app", "device.id", "host", "region", "subscriber", "url"], "what_the_table_lets_consent_show_is_seen_there")
tap.equal(sorted(planted.shown("pseudonymize_out", lines_of(between["pseudonymize_out"]))), ["app", "host"],
          "and_what_it_lets_pseudonymize_show")

# ---- the search finds what is there ----

for hop, records in between.items():
    record = json.loads(json.dumps(records[0]))
    for name, value in (("note", "harmless"), ("region.code", "US"), ("user", {"id": "x"}), ("brand", "tmobile"),
                        ("device", {"kind": "maid", "model": "x"}), ("pseudonyms", {"household": "x"})):
        bad = planted.members(hop, {**record["value"], name: value})[1]
        tap.check(bad, f"a_member_{name}_would_be_seen_in_{hop}", bad)
    for one in planted.canaries:
        if not planted.may_be(hop, planted.where[one.name]):
            record["value"]["host"] = one.text
            if one.name not in planted.leaks(hop, lines_of([record])):
                tap.check(False, f"{one.name}_would_be_seen_in_{hop}")
                break
    else:
        tap.check(True, f"each_canary_would_be_seen_in_{hop}")

place.remove()
tap.end()
