"""The golden test of the T-Mobile preset (config/programmes/tmobile.yaml), from events to feeds; every decision of the
consent stage stands in tests/chain/tmobile.sh.

tests/chain/tmobile_feed/events.jsonl has one row per rule of the specification, with `why`, the `fate` that the event must
meet, and `who` it is about (these members are no fields of an event, so the program ignores them). Choices are in
consent.jsonl, rules in hosts.tsv and apps.tsv, the feeds that must come of it in feed.tsv.

Each row's fate is asked of `clickveil explain`; then all of them run through the chain at once: the counters must be the
sum of the rows, and the feeds those of feed.tsv.
"""
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from support import TOP, Place, Tap

GOLDEN = TOP / "tests/chain/tmobile_feed"
# the preset stands in config/pipeline.yaml as it is
NOW = "2021-04-27T01:00:00Z"
FEEDS = {"user": "feed.acme.tmobile", "device": "feed.globex.tmobile"}
OPTIONS = [f"classify.hosts={GOLDEN}/hosts.tsv", f"classify.apps={GOLDEN}/apps.tsv", "classify.support=1",
           "publish.trial=true"]

tap = Tap()
place = Place(NOW)
rows = [json.loads(line) for line in (GOLDEN / "events.jsonl").read_text().splitlines()]
consent = GOLDEN / "consent.jsonl"


def fate_of(row):
    """What explain says: `kept`, or the reason of the stage that ended it."""
    process = place.program("explain", "--consent", consent, "--json", options=OPTIONS,
                            stdin=json.dumps(row).encode())
    if process.returncode:
        return process.stderr.decode()
    for step in json.loads(process.stdout):
        if step["verdict"] in ("drop", "reject"):
            return step["reason"]
    return "kept"


def explained(row):
    # What a removal ends is what came before it, which explain does not know.
    return row["type"] != "app_remove"


with ThreadPoolExecutor(2) as pool:
    asked = [row for row in rows if explained(row)]
    for row, fate in zip(asked, pool.map(fate_of, asked)):
        tap.equal(fate, row["fate"], f"tmobile_{row['fate']}: {row['why']}")

run = place.run(GOLDEN / "events.jsonl", consent, [*OPTIONS, "publish.k=1"])
tap.check(run.status == 0, "tmobile_runs_over_files", run.stderr.decode())
summary = run.summary
counted = Counter({"kept": summary["kept"], **summary["dropped"]})
counted.update(summary["dead_letters"])
tap.equal(counted, Counter(row["fate"] for row in rows), "tmobile_counts_what_the_rows_say")
tap.check(run.balances() and summary["in"] == len(rows), "tmobile_in_is_kept_and_dropped_and_dead_letters", summary)
tap.equal(sorted(summary["dead_letters"]), ["brand_unknown", "time_future", "url_malformed"],
          "tmobile_makes_dead_letters_of_what_is_wrong_and_of_nothing_else")

# ---- the feeds ----

expected = {"user": {}, "device": {}}
for line in (GOLDEN / "feed.tsv").read_text().splitlines():
    if line.startswith("#"):
        continue
    feed, who, interests, why = line.split("\t")
    key = tuple(int(number) for number in interests.split(","))
    tap.check(key not in expected[feed], f"feed.tsv_tells_{feed}_{who}_from_others")
    expected[feed][key] = (who, why)

for feed, topic in FEEDS.items():
    state = run.feed(topic)
    sets = Counter(state.values())
    for key, (who, why) in expected[feed].items():
        tap.equal(sets.get(key, 0), 1, f"{feed}_feed_shows_{who}: {why}")
    tap.equal(sorted(key for key in sets if key not in expected[feed]), [], f"{feed}_feed_shows_nobody_else")
kept = {row["who"] for row in rows if row["fate"] == "kept"}
shown = {int(who) for who, _ in expected["user"].values()}
tap.equal(sorted(kept - shown), [74], "feed.tsv_has_everybody_who_was_kept_but_who_removed_the_app")

# A crowd behind every interest: with k = 2 what one person alone has is not shown, and nothing takes its place.
crowd = Counter(interest for interests in expected["user"] for interest in interests)
wanted = Counter(filter(None, (tuple(i for i in interests if crowd[i] >= 2) for interests in expected["user"])))
run = place.run(GOLDEN / "events.jsonl", consent, [*OPTIONS, "publish.k=2"])
tap.equal(Counter(run.feed(FEEDS["user"]).values()), wanted, "user_feed_leaves_out_interests_without_a_crowd")
run = place.run(GOLDEN / "events.jsonl", consent, [*OPTIONS, "publish.k=1000"])
tap.equal(run.feed(FEEDS["user"]), {}, "user_feed_is_empty_where_no_interest_has_a_crowd")

place.remove()
tap.end()
