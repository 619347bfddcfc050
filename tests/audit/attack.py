"""What the attacks of tests/audit share: how a success is weighed against guessing, fixed keys, and a sample of people.

An attack prints what it achieved and what guessing would. It is said to succeed when so much or more would come about by
guessing with a probability below 1 %: the exact upper tail of the binomial distribution, at the rate of guessing.

Keys, people and the attacker's own dice are fixed, and clocks are set, so at one size an attack achieves the same in every
run: a false alarm is not drawn anew each time, and the suite's chance of one is nil while the constructions stay as they are.
A change of a construction draws again, once: then each line that is judged may alarm for nothing with a probability of up to
1 %. Another seed tells such an alarm from a leak, which comes again.
"""

import hashlib
import json
import math
import os
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import documented  # noqa: E402
import harness  # noqa: E402

LEVEL = 0.01


def argument(name, small):
    """A size: `make audit` gives it in the environment, `make test` does not."""
    return int(os.environ.get(name, small))


SEED = argument("AUDIT_SEED", 1)


def tail(successes, trials, chance):
    """The probability of so many successes or more by guessing."""
    if successes <= 0:
        return 1.0
    if chance <= 0:
        return 0.0
    if chance >= 1:
        return 1.0

    def term(count):
        return math.exp(math.lgamma(trials + 1) - math.lgamma(count + 1) - math.lgamma(trials - count + 1)
                        + count * math.log(chance) + (trials - count) * math.log1p(-chance))
    # the shorter side of the sum is the exact one
    if successes > trials * chance:
        total = 0.0
        for count in range(successes, trials + 1):
            more = term(count)
            total += more
            if more < total * 1e-17:
                break
        return min(1.0, total)
    return max(0.0, 1.0 - sum(term(count) for count in range(successes)))


class Attacks:
    """Judges and prints. `holds` is for the product, `sees` for what was planted."""

    def __init__(self, tap):
        self.tap = tap

    def _say(self, name, successes, trials, chance):
        beyond = tail(successes, trials, chance)
        self.tap.note(f"{name}: {successes} of {trials} ({100 * successes / max(trials, 1):.3g} %), guessing "
                      f"{100 * chance:.3g} %, probability by guessing {beyond:.3g}")
        return beyond

    def holds(self, name, successes, trials, chance):
        beyond = self._say(name, successes, trials, chance)
        self.tap.ok(f"{name}_is_no_better_than_guessing", trials > 0 and beyond >= LEVEL,
                    f"{successes} of {trials} come about by guessing with probability {beyond:.3g}")

    def sees(self, name, successes, trials, chance):
        beyond = self._say("planted: " + name, successes, trials, chance)
        self.tap.ok(f"{name}_is_seen_when_planted", trials > 0 and beyond < LEVEL / 1000,
                    f"{successes} of {trials} come about by guessing with probability {beyond:.3g}")


def judge_is_tested(tap):
    """The tail, against sums that need no logarithms."""
    for successes, trials, chance in ((1, 1, 0.25), (3, 10, 0.1), (9, 10, 0.5), (40, 50, 0.5), (0, 5, 0.3), (5, 5, 0.3),
                                      (1, 200, 1 / 200)):
        exact = sum(math.comb(trials, count) * chance ** count * (1 - chance) ** (trials - count)
                    for count in range(successes, trials + 1))
        got = tail(successes, trials, chance)
        if abs(got - exact) > 1e-9 * max(exact, 1e-3):
            tap.ok("the_probability_of_guessing_is_exact", False, f"{successes} {trials} {chance}: {got}, not {exact}")
            return
    tap.ok("the_probability_of_guessing_is_exact", tail(3, 10, 0) == 0 and tail(3, 10, 1) == 1)


# ---- fixed keys (docs/pseudonyms.md, "Key files") ----


def _tag(text):
    return bytes([len(text)]) + text


def fixed(label, size=32):
    return hashlib.blake2b(f"tests/audit {SEED} {label}".encode(), digest_size=size).digest()


def write_key(path, purpose, chain=None, epoch_days=7):
    """A key file whose key is always the same; of publish with (epoch of the link, origin in ms)."""
    key = fixed(purpose)
    head = hashlib.blake2b(_tag(b"key-id/v1") + _tag(purpose.encode()) + key, digest_size=16).digest()[:8].hex()
    text = f"clickveil-key: 1\npurpose: {purpose}\nid: {head}\n"
    if chain:
        text += (f"chain: {fixed('chain', 8).hex()}\nepoch: {chain[0]}\nepoch_ms: {epoch_days * documented.DAY_MS}\n"
                 f"origin_ms: {chain[1]}\n")
    text += f"key: {key.hex()}\n"
    text += f"check: {hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}\n"
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)


def fix_keys(work, config, epoch, origin_ms=0):
    """Keys of dead letters are drawn, since nothing here depends on them; the others are fixed."""
    harness.make_keys(work, config)
    write_key(work / "secrets/pseudonym.key", "pseudonym")
    write_key(work / "secrets/suppression.key", "suppression")
    write_key(work / "secrets/publish.key", "publish", (epoch, origin_ms))


# ---- people ----

PREFIX = "999555"  # a country code that is nobody's, and an area code of 10^7 numbers in it
IMSI_PREFIX = "999990"
TAC = "00421775"


class Person:
    def __init__(self, index):
        self.index = index
        self.number = f"{PREFIX}{index:07}"
        self.imsi = f"{IMSI_PREFIX}{index:09}"
        self.imei = f"{TAC}{index % 1000000:06}"
        self.account = f"{PREFIX}{index:07}"  # many bills are called as their first line is

    def subscriber(self, kind):
        return "+" + self.number if kind == "e164" else self.imsi

    def codes(self, key, kind):
        """Pseudonyms, as documented."""
        line = self.number if kind == "e164" else self.imsi
        return {"line": documented.pseudonym(key, "line", kind, line),
                "account": documented.pseudonym(key, "account", "opaque", self.account),
                "device": documented.pseudonym(key, "device", "imei", self.imei)}


def people(count, numbers, seed):
    """So many of those whose number may be one of the first `numbers` of the area code; no two with the same IMEI."""
    dice = random.Random(f"{SEED} {seed}")
    found = {}
    while len(found) < count:
        person = Person(dice.randrange(numbers))
        found.setdefault(person.imei, person)
    return sorted(found.values(), key=lambda person: person.index)


def hosts():
    """Hosts that have an interest, one for each interest, by the shipped rules."""
    found = {}
    for line in (harness.ROOT / "config/rules/hosts.tsv").read_text().splitlines():
        fields = line.split("\t")
        if len(fields) > 1 and fields[1].isdigit():
            found.setdefault(fields[1], fields[0])
    return sorted(found.values())


def events_of(crowd, kind, time_ms, dice, each=2):
    """Visits of each person to hosts that go with the person in every epoch, as habits do."""
    places = hosts()
    events = []
    for person in crowd:
        habits = random.Random(person.index).sample(places, 2)
        for at in range(each):
            events.append({"type": "browse", "time": time_ms - dice.randrange(1000), "subscriber": person.subscriber(kind),
                           "account": person.account, "brand": "tmobile", "region": "US-CA", "plan": "postpaid",
                           "device": {"kind": "imei", "id": person.imei}, "birth_year": 1980, "host": habits[at % 2]})
    dice.shuffle(events)
    return events


def write_lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def no_choice():
    """The consent table must not be empty; somebody else said no."""
    return {"key": "line:+9990009999999", "value": {"choices": {"*": "out"}, "effective": 1, "seq": 1}}
