"""`clickveil gpp`: every row of the conformance table, every field by its published name, and no string, however it was
bent, that is allowed here and not by the independent reference decoder (tests/gpp/reference.py).

MUTATIONS (60000) strings are bent; GPP_SEED picks others.
"""
import contextlib
import io
import itertools
import json
import os
import random
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from support import PROGRAM, TOP, Tap

sys.path.insert(0, str(TOP / "tests/gpp"))
import conformance  # noqa: E402
import corpus  # noqa: E402
import reference as ref  # noqa: E402
from corpus import judge  # noqa: E402

tap = Tap()


def gpp(*arguments, stdin=None):
    return subprocess.run([PROGRAM, "gpp", *arguments], input=stdin, capture_output=True, check=False)


def options_of(sid, under_age):
    return (["--gpp-sid", sid] if sid else []) + ["--under-age", str(under_age)]


# ---- the conformance table ----

table = Path(TOP / "tests/gpp/conformance.tsv").read_text()
made = io.StringIO()
with contextlib.redirect_stdout(made):
    conformance.main()
tap.check(table == made.getvalue(), "the_table_is_what_its_script_makes", "tests/gpp/conformance.py >tests/gpp/conformance.tsv")

rows = [line.split("\t") for line in table.splitlines()[2:]]
by_options = defaultdict(list)
for row in rows:
    by_options[row[2], int(row[1])].append(row)
wrong, disagreeing, allowing, denying = [], [], defaultdict(int), defaultdict(set)
for (sid, under_age), some in by_options.items():
    for row, answer in zip(some, judge([row[3] for row in some], *options_of(sid, under_age)), strict=True):
        section, _, _, string, decision, reason, derivation = row
        good = answer["decision"] == decision and bool(answer["reasons"]) == (decision == "deny")
        if decision == "deny" and reason != "-":
            good = good and reason in answer["reasons"]
        if not good:
            wrong.append(f"{string} ({derivation}): {answer['decision']} {answer['reasons']}, wanted {decision} {reason}")
        if ref.allows(string, sid or None, under_age) != (decision == "allow"):
            disagreeing.append(f"{string} ({derivation}): the reference does not {decision}")
        if decision == "allow":
            allowing[section] += 1
        else:
            denying[section].add(reason)
tap.check(not wrong, f"{len(rows)} rows of the conformance table are decided as they say", *wrong[:20])
tap.check(not disagreeing, "the reference decoder agrees with each row", *disagreeing[:20])
for section in range(6, 28):
    tap.check(allowing[str(section)] >= 3 and len(denying[str(section)]) >= 8,
              f"section {section}: {allowing[str(section)]} rows allow, {len(denying[str(section)])} reasons deny")

# ---- fields, by their published names ----

generator = random.Random(int(os.environ.get("GPP_SEED", "1")))


def random_section(section, version):
    said = {name: [generator.randrange(4) for _ in range(count)] if count else generator.randrange(4)
            for name, count in ref.FIELDS[section, version]}
    text = ref.pad(ref.section_bits(section, version, said), generator.random() < 0.5)
    if section in ref.GPC_SECTIONS and generator.random() < 0.7:
        gpc = generator.random() < 0.5
        text += "." + ref.pad("011" if gpc else "010", generator.random() < 0.5)
        said = {**said, "SubsectionType": 1, "Gpc": gpc}
    if section in ref.SENSITIVE_SECTIONS and generator.random() < 0.7:
        answers = [generator.randrange(4) for _ in range(8)]
        text += "." + ref.pad("".join(format(answer, "02b") for answer in answers))
        said = {**said, "SensitiveDataProcessing": answers}
    return text, {"MspaVersion" if section >= 24 else "Version": version, **said}


strings, wanted = [], []
for _ in range(40):
    for section, version in ref.FIELDS:
        text, said = random_section(section, version)
        strings.append(ref.write({section: text}))
        wanted.append({str(section): said})
differing = [f"{string}: {answer['sections']}, wanted {fields}"
             for string, answer, fields in zip(strings, judge(strings), wanted, strict=True)
             if answer["sections"] != fields]
tap.check(not differing, f"{len(strings)} random sections show every field by its published name", *differing[:5])
answer = judge([ref.write({6: "1YN-"})])[0]
tap.equal(answer["sections"], {"6": {"Version": 1, "Notice": "Y", "OptOutSale": "N", "LspaCovered": "-"}},
          "section_6_shows_its_four_positions")

# ---- every two answers together ----

pairs = set()
for section, version in ref.FIELDS:
    form = conformance.Section(section, version)
    base = form.base()
    places = [(name, slot) for name, count in form.fields for slot in (range(count) if count else [None])]
    for one, other in itertools.combinations(places, 2):
        for first, second in itertools.product(range(4), repeat=2):
            said = conformance.set_value(conformance.set_value(base, *one, first), *other, second)
            pairs.add(ref.write({section: form.core(said)}))
pairs = sorted(pairs)
differing = [f"{string}: {answer['decision']} {answer['reasons']}" for string, answer in zip(pairs, judge(pairs), strict=True)
             if (answer["decision"] == "allow") != ref.allows(string)]
tap.check(len(pairs) > 30000 and not differing, f"{len(pairs)} sections with every two answers together are decided as by the "
          "reference", *differing[:20])

# ---- mutations ----

seeds = sorted({row[3] for row in rows if row[3]})
allowed_seeds = sorted({row[3] for row in rows if row[4] == "allow" and row[3]})
CHARACTERS = ref.ALPHABET + ".~" + " =+1"


def bend_bits(text):
    """Flip one bit of one character of the alphabet: what a mask of fields must notice."""
    places = [i for i, c in enumerate(text) if c in ref.ALPHABET]
    at = generator.choice(places)
    flipped = ref.ALPHABET.index(text[at]) ^ (1 << generator.randrange(6))
    return text[:at] + ref.ALPHABET[flipped] + text[at + 1:]


def bend(text):
    for _ in range(generator.choice((1, 1, 1, 2, 3))):
        kind, at = generator.randrange(8), generator.randrange(len(text) + 1)
        if kind < 4 and text.strip(" .~+="):
            text = bend_bits(text)
        elif kind == 4:
            text = text[:at] + text[at + 1:]
        elif kind == 5:
            text = text[:at] + generator.choice(CHARACTERS) + text[at:]
        elif kind == 6:
            text = text[:at]
        else:
            other = generator.choice(seeds)
            text = text[:at] + other[generator.randrange(len(other) + 1):]
    return text


def three_sections():
    chosen = generator.sample(sorted(ref.FIELDS), 3)
    parts = {}
    for section, version in chosen:
        base = conformance.Section(section, version)
        parts[section] = base.core(base.base(), generator.random() < 0.5)
    if generator.random() < 0.3:
        parts[generator.choice((2, 5, 28, 31))] = "BAAA"
    return ref.write(parts, generator.random() < 0.5)


count = int(os.environ.get("MUTATIONS", "60000"))
leaks, stricter, allowed = [], [], 0
for sid, under_age in (("", 18), ("", 13), ("7", 18), ("-1", 17)):
    bent = []
    for _ in range(count // 4):
        base = generator.choice(allowed_seeds if generator.random() < 0.7 else seeds)
        bent.append(bend(three_sections() if generator.random() < 0.3 else base))
    for string, answer in zip(bent, judge(bent, *options_of(sid, under_age)), strict=True):
        slow = ref.allows(string, sid or None, under_age)
        allowed += answer["decision"] == "allow"
        if answer["decision"] == "allow" and not slow:
            leaks.append(f"{string} under {under_age} with {sid}")
        if answer["decision"] == "deny" and slow:
            stricter.append(f"{string} under {under_age} with {sid}: {answer['reasons']}")
tap.check(not leaks, f"of {count} bent strings, all {allowed} that are allowed are allowed by the reference", *leaks[:20])
tap.check(not stricter, "and none is denied that the reference allows", *stricter[:20])
tap.check(allowed > count // 100, "enough of them are allowed for this to mean something", allowed)

# ---- the corpus of the fuzzer ----

texts = corpus.texts_of(TOP / "tests/fuzz/corpus/gpp")
leaks = corpus.leaks(texts)
tap.check(len(texts) >= 20 and not leaks, f"{len(texts)} strings of the fuzzer's corpus likewise", *leaks[:20])

# ---- the command itself ----

done = gpp("DBABTA~1YYN")
tap.check(done.returncode == 0 and done.stdout.startswith(b"decision: deny\n  gpp_sale_opt_out, section 6, OptOutSale = Y: US Privacy: "),
          "a_denial_names_its_reason_and_ends_with_0", done.stdout.decode())
done = gpp("DBABTA~1YNN")
tap.check(done.returncode == 0 and done.stdout.startswith(b"decision: allow\n"), "an_allowance_ends_with_0", done.stdout.decode())
done = gpp("-", stdin=b"DBAA\n\nDBABTA~1YYN\nDBABTA~1YNN\r\n")
tap.equal(done.stdout, b"allow\ndeny gpp_empty\ndeny gpp_sale_opt_out\ndeny gpp_white_space\n", "a_line_each_way")
done = gpp("--json", "DBABTA~1YYN")
answer = json.loads(done.stdout)
tap.equal([answer["decision"], answer["reasons"], list(answer["sections"])], ["deny", ["gpp_sale_opt_out"], ["6"]], "json")
US_PRIVACY = "docs/signals.md; IAB Tech Lab, U.S. Privacy String, version 1"
for text, reason, field, value, rule in (
        ("1YYN", "gpp_sale_opt_out", "OptOutSale", "Y", "US Privacy: opted out of sale"),
        ("1--Y", "gpp_sale_opt_out", "LspaCovered", "Y", "US Privacy: opted out of sale"),
        ("1NNN", "gpp_no_sale_notice", "Notice", "N", "US Privacy: no notice was given"),
        ("1-N-", "gpp_sale_contradiction", "OptOutSale", "N",
         "US Privacy: not opted out of sale where the notice does not apply")):
    tap.equal(json.loads(gpp("--json", ref.write({6: text})).stdout)["rules"],
              [{"reason": reason, "section": 6, "field": field, "value": value, "rule": rule, "source": US_PRIVACY}],
              f"section_6_{text}_names_its_own_rule")
for section, version, source in ((7, 2, "docs/signals.md; Prebid's rules for section 7"),
                                 (8, 1, "docs/gpp-fields.md, section 8 read as section 7; docs/signals.md; Prebid's rules for section 7")):
    form = conformance.Section(section, version)
    text = ref.write({section: form.core(conformance.set_value(form.base(), "SaleOptOut", None, 1))})
    tap.equal([(rule["field"], rule["source"]) for rule in json.loads(gpp("--json", text).stdout)["rules"]],
              [("SaleOptOut", source)], f"section_{section}_names_its_own_rule")
tap.equal(json.loads(gpp("--json", "DBAA").stdout),
          {"decision": "allow", "reasons": [], "sections": {}, "rules": []}, "json_of_a_string_without_sections")
tap.equal(json.loads(gpp("--json", "1YNN").stdout)["reasons"], ["gpp_type"], "a_us_privacy_string_is_no_gpp_string")
tap.equal(json.loads(gpp("--json", "--us-privacy", "1YNN").stdout)["decision"], "allow", "unless_it_is_said_to_be_one")
tap.equal(json.loads(gpp("--json", "--us-privacy", "1YYN").stdout)["reasons"], ["us_privacy_opt_out"], "and_is_judged_then")
tcf = ref.write({2: "CPXxRfA"})
tap.equal([json.loads(gpp("--json", *more, tcf).stdout)["reasons"] for more in ([], ["--region", "US-CA"], ["--region", "FR"])],
          [[], [], ["gpp_tcf_unreadable"]], "tcf_denies_where_the_region_asks_for_it")
for arguments, name in (([], "no_string"), (["a", "b"], "two_strings"), (["--under-age", "x", "DBAA"], "an_age_that_is_none"),
                        (["--under-age", "131", "DBAA"], "an_age_out_of_bounds"), (["--region", "us", "DBAA"], "no_region"),
                        (["--us-privacy", "--gpp-sid", "6", "1YNN"], "sections_of_a_us_privacy_string")):
    tap.equal(gpp(*arguments).returncode, 64, f"{name}_is_wrong_usage")
bound = ref.write({6: "1YNN", 28: ""})
bound = (bound + "A" * (64 * 1024 - len(bound))).encode()
done = gpp("-", stdin=bound + b"\n" + bound + b"A\nDBABTA~1YNN\n" + bound * 20)
tap.equal([done.returncode, done.stdout], [0, b"allow\ndeny gpp_too_long\nallow\ndeny gpp_too_long\n"],
          "a_line_longer_than_any_event_denies_and_the_next_is_answered")
tap.equal(json.loads(gpp("--json", "-", stdin=bound + b"A").stdout)["reasons"], ["gpp_too_long"], "it_denies_in_json_too")
done = gpp("--us-privacy", "-", stdin=b"1YNN" + b"A" * 70000 + b"\n1YNN\n")
tap.equal(done.stdout, b"deny us_privacy_length\nallow\n", "as_a_us_privacy_string_too")
tap.end()
