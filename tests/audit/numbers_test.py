#!/usr/bin/env python3
"""Attack (a): all numbers of an area code are tried, without the key, against what stands for people in the topics between
the stages, in the changelog and in feeds. Phone numbers are few enough to try them all, and so are IMSIs of an operator and
IMEIs of a model.

AUDIT_NUMBERS of them are tried (`make audit`: 10^7, a whole area code, and as many IMSIs; IMEIs repeat behind 10^6), with the hashes that comparable pipelines use, of
every spelling, and with keys that are no secret: zeros, the IDs and check values of key files, the public half of the dead
letters' pair, names in the configuration. A code counts as found where its first 8 bytes agree.
"""

import base64
import hashlib
import hmac
import json
import multiprocessing
import os
import random
import re

import attack
import documented
import harness
from attack import Person
from harness import require

NUMBERS = attack.argument("AUDIT_NUMBERS", 3000)
PEOPLE = attack.argument("AUDIT_PEOPLE", 200)
NOW_MS = 1795521600000  # fixed: 2026-11-24T12:00:00Z
EPOCH = documented.epoch_of(NOW_MS)
PREFIX_SIZE = 8

tap = harness.Tap()
attacks = attack.Attacks(tap)
work = harness.directory("audit-numbers")

HASHES = [
    *(getattr(hashlib, name) for name in ("md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b", "blake2s")),
    lambda raw: hashlib.blake2b(raw, digest_size=16), lambda raw: hashlib.blake2b(raw, digest_size=32),
    lambda raw: hashlib.blake2s(raw, digest_size=16),
    lambda raw: hashlib.sha256(hashlib.sha256(raw).digest()), lambda raw: hashlib.sha256(hashlib.md5(raw).hexdigest().encode()),
]
DEVICE_FEED = {"advertiser": "globex", "programme": "tmobile", "kind": "interests", "id": "device"}
USER_FEED = {"advertiser": "acme", "programme": "tmobile", "kind": "interests", "id": "user"}


def texts_of(person):
    """How a person may be spelled before it is hashed."""
    number, imsi, imei = person.number.encode(), person.imsi.encode(), person.imei.encode()
    return [number, b"+" + number, imsi, imei, number[3:], number + b"\n", b"line:+" + number, b"tel:+" + number,
            int(number).to_bytes(8, "big"), int(number).to_bytes(8, "little")]


def guesses(person, wrong_keys):
    """What the attacker makes of a person: codes without a key, and under keys that are no secret."""
    for text in texts_of(person):
        for function in HASHES:
            yield function(text).digest()[:PREFIX_SIZE]
    number = person.number.encode()
    for key, user_key, device_key in wrong_keys:
        codes = person.codes(key, "e164")
        lines = [codes["line"], documented.pseudonym(key, "line", "imsi", person.imsi)]
        for code in (*lines, codes["account"], codes["device"]):
            yield code[:PREFIX_SIZE]
        for code in lines:
            yield hashlib.blake2b(code, digest_size=16, key=user_key).digest()[:PREFIX_SIZE]
        yield hashlib.blake2b(codes["device"], digest_size=16, key=device_key).digest()[:PREFIX_SIZE]
        yield hashlib.blake2b(number, digest_size=16, key=key).digest()[:PREFIX_SIZE]
        yield hmac.digest(key, number, "sha256")[:PREFIX_SIZE]


def epoch_key(key, feed):
    """That of a feed under a chain whose link of the epoch is this key (docs/feed-ids.md)."""
    fields = [b"clickveil feed epoch key 2", *(feed[part].encode() for part in ("advertiser", "programme", "kind", "id")),
              EPOCH.to_bytes(8, "big", signed=True)]
    return hashlib.blake2b(b"".join(len(field).to_bytes(2, "big") + field for field in fields), digest_size=32, key=key).digest()


def wrong_keys():
    """Keys that are no secret, with the epoch keys that follow from them."""
    words = [bytes(32), b"\xff" * 32, bytes(range(32)), b"clickveil".ljust(32, b"\0"), b"ads.example".ljust(32, b"\0")]
    for path in sorted((work / "secrets").iterdir()):
        for name in ("id", "chain", "check"):
            for shown in re.findall(rf"^{name}: ([0-9a-f]+)$", path.read_text(), re.M):
                words.append(bytes.fromhex(shown).ljust(32, b"\0"))
        if path.suffix == ".pub":
            words.append(documented.key_of(path))
    return [(key, epoch_key(key, USER_FEED), epoch_key(key, DEVICE_FEED)) for key in words]


def _found_in(arguments):
    first, last, keys, codes = arguments
    found = []
    for index in range(first, last):
        for guess in guesses(Person(index), keys):
            if guess in codes:
                found.append((guess, index))
    return found


def attack_all(codes, keys):
    """Code -> numbers that the attack gives it."""
    step = max(200, min(20000, NUMBERS // 8))
    parts = [(first, min(first + step, NUMBERS), keys, codes) for first in range(0, NUMBERS, step)]
    found = {}
    with multiprocessing.Pool(os.cpu_count()) as pool:
        for part in pool.imap_unordered(_found_in, parts):
            for code, index in part:
                found.setdefault(code, set()).add(index)
    return found


# ---- what the attacker sees ----


def codes_in(raw):
    """All that may stand for somebody: each code in base64 or hex, at any place of what is decoded, by its first bytes."""
    found = set()
    for text in set(re.findall(rb"[A-Za-z0-9_+/-]{10,}={0,2}", raw)):
        plain = text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        if len(plain) % 4 == 1:
            continue
        decoded = base64.b64decode(plain + b"=" * (-len(plain) % 4))
        if re.fullmatch(rb"(?:[0-9a-f]{2}){8,}", text):
            found.add(bytes.fromhex(text.decode())[:PREFIX_SIZE])
        found.update(decoded[at:at + PREFIX_SIZE] for at in range(len(decoded) - PREFIX_SIZE + 1))
    return found


def run(kind, crowd):
    """Files in which the product wrote about them: name -> bytes. Dead letters are not among them: they are sealed."""
    config = harness.configuration(work, "", "localhost:9", subscriber={"kind": kind},
                                   topics={"events": "events"}, publish={"feeds": harness.feeds_of("")})
    if not (work / "secrets").exists():
        attack.fix_keys(work, config, EPOCH - 1)
    events = attack.write_lines(work / f"{kind}.jsonl", attack.events_of(crowd, kind, NOW_MS, random.Random(1)))
    nobody = attack.no_choice() if kind == "e164" else {**attack.no_choice(), "key": "line:999990999999999"}
    consent = attack.write_lines(work / f"{kind}-consent.jsonl", [nobody])
    seen = {}
    for last, name in ((4, "feeds_and_changelog"), (3, "classified"), (2, "pseudonymized")):
        out = harness.run_files(work, f"{kind}-{name}", harness.part(config, harness.STAGES[:last]), events, consent, NOW_MS)
        seen[name] = (out / "internal.jsonl").read_bytes() + ((out / "out.jsonl").read_bytes() if last == 4 else b"")
    return seen


def truth(kind, crowd):
    """Code -> person, of everything that may stand there."""
    key = documented.key_of(work / "secrets/pseudonym.key")
    chain = documented.chain_of(work / "secrets/publish.key")
    found = {}
    for person in crowd:
        codes = person.codes(key, kind)
        for code in codes.values():
            found[code[:PREFIX_SIZE]] = person
        for feed, of in ((USER_FEED, codes["line"]), (DEVICE_FEED, codes["device"])):
            text = documented.feed_id(chain, feed, EPOCH, of)
            found[base64.urlsafe_b64decode(text + "==")[:PREFIX_SIZE]] = person
    return found


def planted(crowd, keys):
    """What a weak product would have written in the place of each code: name -> (code -> person)."""
    shown = bytes.fromhex(re.search(r"^id: (\w+)$", (work / "secrets/pseudonym.key").read_text(), re.M)[1]).ljust(32, b"\0")
    zeros = epoch_key(bytes(32), USER_FEED)
    spelled = [(text, function) for text in range(len(texts_of(crowd[0]))) for function in HASHES]
    weak = {
        "an_unkeyed_hash": lambda person, at: spelled[at % len(spelled)][1](
            texts_of(person)[spelled[at % len(spelled)][0]]).digest(),
        "a_key_of_zeros": lambda person, at: person.codes(bytes(32), "e164")["line"],
        "a_key_that_is_printed": lambda person, at: person.codes(shown, "e164")["account"],
        "a_feed_under_keys_of_zeros": lambda person, at: hashlib.blake2b(
            person.codes(bytes(32), "e164")["line"], digest_size=16, key=zeros).digest(),
    }
    return {name: {make(person, at)[:PREFIX_SIZE]: person for at, person in enumerate(crowd)} for name, make in weak.items()}


def named(codes, known, found):
    """Whom the attack names rightly by these codes."""
    return {known[code].index for code in codes if code in known and known[code].index in found.get(code, ())}


def main():
    attack.judge_is_tested(tap)
    crowd = attack.people(PEOPLE, NUMBERS, 1)
    known, seen = {}, {}
    for kind in ("e164", "imsi"):
        written = run(kind, crowd)
        known[kind] = truth(kind, crowd)
        with tap.case(f"codes_of_everybody_are_there_with_{kind}"):
            for name, raw in written.items():
                seen[kind, name] = codes_in(raw)
                there = {known[kind][code].index for code in seen[kind, name] if code in known[kind]}
                require(len(there) == len(crowd), f"{len(there)} of {len(crowd)} in {name}")
    keys = wrong_keys()
    weak = planted(crowd, keys)
    real = set().union(*seen.values())
    # What is planted is looked for as it would be met: in base64, among other text.
    texts = {name: json.dumps([base64.urlsafe_b64encode(code.ljust(16, b"\1")).decode().rstrip("=") for code in codes])
             for name, codes in weak.items()}
    bad = {name: codes_in(text.encode()) for name, text in texts.items()}
    found = attack_all(real.union(*bad.values()), keys)
    each = sum(1 for _ in guesses(Person(0), keys))
    agree = sum(code in real for code in found)
    tap.note(f"{NUMBERS} numbers, {each} guesses each, against {len(real)} codes: {agree} agree, "
             f"{NUMBERS * each * len(real) / 2 ** (8 * PREFIX_SIZE):.3g} by chance")
    for (kind, name), codes in seen.items():
        attacks.holds(f"naming_people_of_{name}_with_{kind}", len(named(codes, known[kind], found)), len(crowd), 1 / NUMBERS)
    tap.ok("no_code_agrees_with_any_guess", not agree, f"{agree} do")
    for name, codes in bad.items():
        right = len(named(codes, weak[name], found))
        attacks.sees(f"naming_people_under_{name}", right, len(crowd), 1 / NUMBERS)
        tap.ok(f"naming_people_under_{name}_names_everybody", right == len(weak[name]), f"{right} of {len(weak[name])}")
    tap.end()


if __name__ == "__main__":
    main()
