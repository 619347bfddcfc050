#!/usr/bin/env python3
"""Attack (b): two advertisers put their feeds together, or one advertiser those of two programmes, and (c), first half: an
advertiser puts the feeds of two epochs together. They try to find the same person in both by the IDs. Over files; what time,
partition and order show is in moments_test.py.

The interests are not looked at here: who has rare ones is known by them in every list, whatever the IDs are, and that is what
the crowd behind every interest is for. How many could be joined so is printed, for the shipped settings as far as a sample
of this size can have them.
"""

import collections
import random

import attack
import documented
import harness
import linking
from harness import require

PEOPLE = attack.argument("AUDIT_PEOPLE", 300)
NOW_MS = 1795521600000  # fixed: 2026-11-24T12:00:00Z
WEEK_MS = 7 * documented.DAY_MS
EPOCH = documented.epoch_of(NOW_MS)

tap = harness.Tap()
attacks = attack.Attacks(tap)
work = harness.directory("audit-joins")


def programmes():
    """T-Mobile's, and another one that is the same but in name."""
    shipped = harness.ROOT / "config/programmes/tmobile.yaml"
    other = work / "other.yaml"
    other.write_text(shipped.read_text().replace("programme: tmobile", "programme: other"))
    return [str(shipped), str(other)]


FEEDS = {"acme": ("acme", "tmobile", "user"), "globex": ("globex", "tmobile", "user"), "acme_other": ("acme", "other", "user"),
         "acme_devices": ("acme", "tmobile", "device")}


def configuration():
    feeds = [{"advertiser": advertiser, "programme": programme, "kind": "interests", "id": of, "topic": f"feed.{name}"}
             for name, (advertiser, programme, of) in FEEDS.items()]
    return harness.configuration(work, "", "localhost:9", programmes=programmes(), publish={"feeds": feeds})


def published(config, name, now_ms, crowd):
    """Feed -> ID -> set of interests, as those who read it have it."""
    events = attack.write_lines(work / f"{name}.jsonl", attack.events_of(crowd, "e164", now_ms, random.Random(2)))
    consent = attack.write_lines(work / "consent.jsonl", [attack.no_choice()])
    out = harness.run_files(work, name, config, events, consent, now_ms)
    feeds = {feed: {} for feed in FEEDS}
    for record in attack.read_lines(out / "out.jsonl"):
        if record["topic"].startswith("feed.") and record["value"]:
            data = record["value"]["user"]["data"][0]["segment"]
            feeds[record["topic"][5:]][record["key"]] = frozenset(segment["id"] for segment in data)
    return feeds


def ids(config, crowd, feed, epoch):
    """Who is who, which only the test knows: person -> ID."""
    key = documented.key_of(work / "secrets/pseudonym.key")
    chain = documented.chain_of(work / "secrets/publish.key")
    described = next(one for one in config["publish"]["feeds"] if one["topic"] == f"feed.{feed}")
    part = "line" if described["id"] == "user" else "device"
    return {person.index: documented.feed_id(chain, described, epoch, person.codes(key, "e164")[part]) for person in crowd}


def partners(first, second):
    return {one: second[person] for person, one in first.items()}


def profiles(first, second, partner):
    """How many are expected to be joined by their interests alone: one in as many as have the same set."""
    sizes = collections.Counter(second.values())
    return sum(1 / sizes[second[other]] for one, other in partner.items()
               if one in first and other in second and first[one] == second[other])


def main():
    config = configuration()
    attack.fix_keys(work, config, EPOCH - 1)
    crowd = attack.people(PEOPLE, 10 ** 6, 2)
    seen = {"now": published(config, "now", NOW_MS, crowd), "next": published(config, "next", NOW_MS + WEEK_MS, crowd)}
    who = {(feed, name): ids(config, crowd, feed, EPOCH + later) for feed in FEEDS for later, name in enumerate(("now", "next"))}
    with tap.case("everybody_is_in_every_feed_of_both_epochs"):
        for (feed, name), of in who.items():
            require(set(of.values()) == set(seen[name][feed]), f"{feed} {name}: {len(seen[name][feed])} of {len(of)}")
    joined = {
        "two_advertisers": (("acme", "now"), ("globex", "now")),
        "two_programmes_of_one_advertiser": (("acme", "now"), ("acme_other", "now")),
        "users_and_devices": (("acme", "now"), ("acme_devices", "now")),
        "two_epochs": (("acme", "now"), ("acme", "next")),
        "two_epochs_and_two_advertisers": (("acme", "now"), ("globex", "next")),
    }
    for name, (one, other) in joined.items():
        partner = partners(who[one], who[other])
        linking.join(attacks.holds, name, partner)
        by_profile = profiles(seen[one[1]][one[0]], seen[other[1]][other[0]], partner)
        tap.note(f"{name} by interests (not judged; k 1, two fixed habits each): {by_profile:.1f} of {len(partner)}")
    for name in ("two_advertisers", "two_epochs"):
        one, other = joined[name]
        linking.planted(attacks.sees, name, partners(who[one], who[other]))
    tap.end()


if __name__ == "__main__":
    main()
