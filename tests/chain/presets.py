"""The presets of config/programmes/, rule by rule: tests/chain/presets/ has a file for each (T-Mobile's own rows stand in
tests/chain/tmobile/, the change from Sprint to T-Mobile in presets/sprint.jsonl).

The first line of a file names its programmes and what an event has unless a row says otherwise (null takes it away). Each
further line is one event of a line, an account and a device of its own:

  want     `pass`, or the reason why it is not kept; by programme where the file has several
  why      the rule
  event    what is different about the event
  line, account, device   the consent records of that subject, in the order of their offsets: a value, with `effective`
           and `seq` filled in; null is a tombstone
  others   records of further subjects, by key

Each row is asked of `clickveil explain`, of each programme alone and of all at once. Then the rows of all files run as one stream through all
programmes at once, which must keep each event for exactly the programmes that keep it alone, and count what each decided.
"""
import json
import subprocess
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor

from support import PROGRAM, TOP, Place, Tap

NOW = "2021-04-27T12:00:00Z"
EFFECTIVE = "2020-06-01T00:00:00Z"
FILES = sorted((TOP / "tests/chain/presets").glob("*.jsonl"))
PROGRAMMES = sorted(path.stem for path in (TOP / "config/programmes").glob("*.yaml"))

tap = Tap()
place = Place(NOW)


class Row:
    def __init__(self, number, head, text):
        row = json.loads(text)
        self.want = row["want"] if isinstance(row["want"], dict) else {head["programmes"][0]: row["want"]}
        self.why = row["why"]
        self.number = number
        self.subjects = {"line": f"+99955500{number:04}", "account": f"P-{number}",
                         "device": f"imei:4901542{number:07}"}
        event = {"type": "browse", "time": "2021-04-26T12:00:00Z", "url": "https://www.espn.com/nba/",
                 "subscriber": self.subjects["line"], "account": self.subjects["account"],
                 "device": {"kind": "imei", "id": self.subjects["device"][5:]}, **head["event"], **row.get("event", {})}
        self.event = {name: value for name, value in event.items() if value is not None}
        self.consent = []
        records = {f"{kind}:{self.subjects[kind]}": row.get(kind, []) for kind in self.subjects}
        for key, values in [*row.get("others", {}).items(), *records.items()]:
            for value in values:
                if isinstance(value, dict):
                    value = {"effective": EFFECTIVE, "seq": 1, **value}
                self.consent.append({"key": key, "value": value, "timestamp": NOW})


rows, used = [], set()
for path in FILES:
    head, *texts = path.read_text().splitlines()
    head = json.loads(head)
    used.update(head["programmes"])
    rows += [Row(len(rows) + i, head, text) for i, text in enumerate(texts)]
used.add("tmobile")
tap.equal(sorted(used), PROGRAMMES, "every_preset_has_golden_rows")
tap.check(all(row.why for row in rows), "every_row_says_why")


def config_of(*programmes):
    """A configuration of the consent stage alone with these programmes."""
    paths = [str(TOP / f"config/programmes/{name}.yaml") for name in programmes]
    return place.write(f"{'+'.join(programmes)}.yaml", json.dumps({
        "stages": ["consent"], "programmes": paths, "subscriber": {"kind": "e164"},
        "consent": {"subjects": ["line", "account", "device"]}}))


floor = {"key": "line:+999555999999", "value": {"choices": {"*": "out"}, "effective": EFFECTIVE, "seq": 1}, "timestamp": NOW}
consent = place.write("consent.jsonl", "".join(json.dumps(record) + "\n" for row in rows for record in row.consent)
                      + json.dumps(floor) + "\n")
configs = {name: str(config_of(name)) for name in PROGRAMMES}
alone = {"brand_of_other_programme": "brand_unknown"}  # what it is called where there is no other programme


def explained(row, config):
    """The step of the consent stage."""
    process = place.program("explain", "--consent", consent, "--json", stdin=json.dumps(row.event).encode(), config=config)
    if process.returncode:
        return {"verdict": "failed", "reason": process.stderr.decode()}
    return next(step for step in json.loads(process.stdout) if step["stage"] == "consent")


def decision(question):
    row, programme = question
    step = explained(row, configs[programme])
    return "pass" if step["verdict"] == "pass" else step["reason"]


with ThreadPoolExecutor(2) as pool:
    questions = [(row, programme) for row in rows for programme in PROGRAMMES]
    decisions = dict(zip(((row.number, programme) for row, programme in questions), pool.map(decision, questions)))
for row in rows:
    for programme, want in row.want.items():
        tap.equal(decisions[row.number, programme], alone.get(want, want), f"{programme}_{want}: {row.why}")

# ---- all at once: what each programme decides alone ----

place.config = str(config_of(*PROGRAMMES))
with ThreadPoolExecutor(2) as pool:
    steps = list(pool.map(lambda row: explained(row, place.config), rows))
wrong = []
for row, step in zip(rows, steps):
    names = {"brand_unknown": "brand_of_other_programme", "pass": None}
    want = {programme: names.get(decisions[row.number, programme], decisions[row.number, programme])
            for programme in PROGRAMMES}
    if "by_programme" in step and step["by_programme"] != want:
        wrong.append(f"{row.why}: wanted {want}, got {step['by_programme']}")
    if "by_programme" not in step and step["reason"] not in ("brand_unknown", "too_late"):
        wrong.append(f"{row.why}: {step}")
tap.equal(wrong, [], "explain_says_of_all_at_once_what_it_says_of_each_alone")
events = place.write("events.jsonl", "".join(json.dumps(row.event) + "\n" for row in rows))
run = place.run(events, consent)
tap.check(run.status == 0, "all_programmes_run_at_once", run.stderr.decode())
kept = defaultdict(set)
for record in run.internal:
    if "clickveil-origin" in record.get("headers", {}):
        kept[int(record["headers"]["clickveil-origin"].split(":")[1])] = set(record["value"]["programmes"])
wrong = []
for row in rows:
    wanted = {programme for programme in PROGRAMMES if decisions[row.number, programme] == "pass"}
    if kept[row.number] != wanted:
        wrong.append(f"{row.why}: wanted {sorted(wanted)}, got {sorted(kept[row.number])}")
tap.equal(wrong, [], "one_pass_keeps_each_event_for_the_programmes_that_keep_it_alone")
tap.check(any(len(programmes) > 1 for programmes in kept.values()), "some_events_are_kept_for_several")
# What ends an event before any programme is asked counts for none of them.
asked = [row for row in rows if not {"too_late"} & {decisions[row.number, programme] for programme in PROGRAMMES}
         and any(decisions[row.number, programme] != "brand_unknown" for programme in PROGRAMMES)]
for programme in PROGRAMMES:
    alone_it_says = Counter(decisions[row.number, programme] for row in asked)
    counted = run.summary["programmes"][programme]
    said = Counter({"brand_unknown" if reason == "brand_of_other_programme" else reason: count
                    for reason, count in counted["denied"].items()}, **{"pass": counted["kept"]})
    tap.equal(said, alone_it_says, f"{programme}_is_counted_by_reason_among_the_others")
text = run.stderr.decode()
tap.check(all(f"for {programme} " in text for programme in PROGRAMMES), "the_summary_names_every_programme", text)
tap.check(run.balances(), "in_is_kept_and_dropped_and_dead_letters", run.summary)

# ---- feeds of the presets ----

shipped = str(place.path / "config/pipeline.yaml")


def with_feed(programme, kind, advertiser="acme", change=None):
    """The whole chain with one feed of one preset; change: a line of the preset, and what stands instead."""
    path = place.path / f"config/programmes/{programme}.yaml"
    text = path.read_text()
    if change:
        assert change[0] in text
        path.write_text(text.replace(*change))
    feed = f"{{advertiser: {advertiser}, programme: {programme}, kind: {kind}, id: user, topic: feed.{advertiser}.x}}"
    options = [f"programmes=[{path}]", f"publish.feeds=[{feed}]",
               "consent.subjects=[line, account, device]"]
    line = [PROGRAM, "check", "--config", shipped]
    for option in options:
        line += ["--set", option]
    checked = subprocess.run(line, capture_output=True)
    path.write_text(text)
    return checked, options


def refuses(words, programme, kind, name, change=None):
    checked, _ = with_feed(programme, kind, change=change)
    said = (checked.stdout + checked.stderr).decode()
    tap.check(checked.returncode == 78 and words in said, name, said)


refuses("feeds of kind `groups` are not in this version", "att-basic", "groups", "a_feed_of_groups_is_refused_in_words")
refuses("feeds of kind `detailed` are not in this version", "att-enhanced", "detailed",
        "a_detailed_feed_is_refused_in_words")
refuses("does not allow feeds of kind `interests`", "att-basic", "interests", "a_programme_names_the_kinds_of_its_feeds")
refuses("detailed is allowed only under regime opt_in", "att-enhanced", "detailed", "detailed_is_refused_under_opt_out",
        ("regime: opt_in", "regime: opt_out"))
refuses("US-CA is opt_out, but the programme has detailed feeds", "att-enhanced", "detailed",
        "detailed_is_refused_where_one_region_is_opt_out", ("brands:", "regions: {US-CA: opt_out}\nbrands:"))
refuses("fields are for detailed feeds", "verizon-custom-experience-plus", "interests",
        "fields_are_refused_without_detailed", ("kinds: [detailed]", "kinds: [interests]"))

checked, options = with_feed("verizon-custom-experience", "interests", advertiser="self")
tap.check(checked.returncode == 0, "the_operator_may_be_its_own_advertiser", checked.stdout, checked.stderr)
place.config = shipped
run = place.run(events, consent, [*options, "publish.trial=true", "publish.k=1", "publish.update_every=drain"])
tap.check(run.status == 0, "verizon_runs_through_the_chain", run.stderr.decode())
lines = sum(decisions[row.number, "verizon-custom-experience"] == "pass" for row in rows)
tap.equal(sum(segments == (607,) for segments in run.feed("feed.self.x").values()), lines,
          "its_feed_has_exactly_the_lines_that_are_kept")

place.remove()
tap.end()
