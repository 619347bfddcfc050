"""Attacks that join two lists of IDs of the same people, by what the IDs themselves show: what attacks (b) and (c) share.

Each attack names for each ID of the first list one of the second; who guesses is right in 1 of n. A list is in an order of
its own, and the attacker does not know who is who; `partner` says it afterwards.
"""

import base64
import collections
import os
import random


def raw(text):
    return base64.urlsafe_b64decode(text + "==")


def by_equality(first, second, _):
    there = set(second)
    return {one: one for one in first if one in there}


def by_a_part(first, second, _):
    """Four bytes at any place of the one that stand at any place of the other: of a code with a constant, or a shifted one."""
    where = {}
    for other in second:
        code = raw(other)
        for at in range(len(code) - 3):
            where.setdefault(code[at:at + 4], other)
    named = {}
    for one in first:
        code = raw(one)
        for at in range(len(code) - 3):
            if code[at:at + 4] in where:
                named[one] = where[code[at:at + 4]]
                break
    return named


def by_rank(first, second, _):
    """In the order of their bytes: of codes that keep it."""
    return dict(zip(sorted(first, key=raw), sorted(second, key=raw)))


def by_difference(first, second, _):
    """The commonest exclusive-or, and the commonest difference: of one code, masked or moved by a key of the feed."""
    span = 1 << 128
    ways = [(lambda a, b: a ^ b, lambda a, d: a ^ d), (lambda a, b: (b - a) % span, lambda a, d: (a + d) % span)]
    back = {int.from_bytes(raw(other), "big"): other for other in second}
    best = {}
    for between, apply in ways:
        seen = collections.Counter()
        for one in first[:12]:  # one that is the same for all shows in any few of them
            number = int.from_bytes(raw(one), "big")
            seen.update({between(number, other) for other in back})
        mask, times = seen.most_common(1)[0]
        named = {}
        for one in first:
            other = back.get(apply(int.from_bytes(raw(one), "big"), mask))
            if other:
                named[one] = other
        if times > 1 and len(named) > len(best):
            best = named
    return best


ATTACKS = {"equal_ids": by_equality, "parts_of_ids": by_a_part, "the_rank_of_ids": by_rank,
           "differences_of_ids": by_difference}


def join(attacks, what, partner):
    """Tries each attack; partner: ID of the first list -> ID of the second. Whom an attack does not name is guessed."""
    for name, attack in ATTACKS.items():
        right = success(attack, partner, random.Random(f"{os.environ.get('AUDIT_SEED', 1)} {what} {name}"))
        attacks(f"joining_{what}_by_{name}", right, len(partner), 1 / len(partner))


def success(attack, partner, dice):
    first, second = list(partner), list(partner.values())
    dice.shuffle(first)
    dice.shuffle(second)
    named = attack(first, second, dice)
    rest = [other for other in second if other not in set(named.values())] or second
    return sum(named.get(one, dice.choice(rest)) == partner[one] for one in first)


def text(code):
    return base64.urlsafe_b64encode(code).rstrip(b"=").decode()


def planted(attacks, what, partner):
    """Weak products: for each attack one on which it must succeed."""
    mask = int.from_bytes(b"\x5a\x17" * 8, "big")
    span = 1 << 128
    weak = {
        "equal_ids": lambda code, rank: code,
        "parts_of_ids": lambda code, rank: b"\7\7\7" + code[:13],
        "the_rank_of_ids": lambda code, rank: rank.to_bytes(4, "big") + bytes(12),
        "differences_of_ids": lambda code, rank: ((int.from_bytes(code, "big") ^ mask) % span).to_bytes(16, "big"),
    }
    ranks = {one: rank for rank, one in enumerate(sorted(partner, key=raw))}
    for name, make in weak.items():
        bad = {one: text(make(raw(one), ranks[one])) for one in partner}
        attacks(f"joining_{what}_by_{name}", success(ATTACKS[name], bad, random.Random(f"{os.environ.get('AUDIT_SEED', 1)} {what} {name}")), len(bad), 1 / len(bad))
