"""The support guard over whole lists (spec 5): of the shipped lists, of those in tests, of what `generate` makes and of
random ones, every key is looked up, and behind each interest that came out stand at least classify.support sites and apps,
counted here anew: by registrable domain and by app, from the answers alone.
"""
import json
import os
import random
import subprocess
from pathlib import Path

from support import PROGRAM, TOP, Place, Tap

SEED = int(os.environ.get("SEED", "20261124"))
SUFFIXES = Path("/usr/share/publicsuffix/public_suffix_list.dat")
SHIPPED = [TOP / f"config/rules/{name}.tsv" for name in ("hosts", "sensitive", "infrastructure")]
SHIPPED_APPS = [TOP / f"config/rules/{name}.tsv" for name in ("apps", "sensitive-apps", "preinstalled")]

tap = Tap()
place = Place("2026-11-24T12:00:00Z")
print(f"# SEED={SEED}")

suffixes = {"example", "com", "org", "net", "uk", "co.uk", "github.io", "io", "edu", "gov"}
if SUFFIXES.exists():
    suffixes = {line.split()[0] for line in SUFFIXES.read_text().splitlines() if line.strip() and not line.startswith("//")}


def registrable(host):
    """The Public Suffix List's algorithm; a suffix that it does not name is one label."""
    labels = host.split(".")
    for at in range(len(labels)):
        tail = ".".join(labels[at:])
        if "!" + tail in suffixes:
            return tail
        if tail in suffixes or (at + 1 < len(labels) and "*." + ".".join(labels[at + 1:]) in suffixes):
            return ".".join(labels[max(at - 1, 0):])
    return ".".join(labels[-2:])


def rows(paths):
    """Keys and interests of lists."""
    found = []
    for path in paths:
        for line in Path(path).read_text().splitlines():
            if line and not line.startswith("#"):
                found.append(line.split("\t")[:2])
    return found


def answers(hosts, apps, names, kind, options):
    """What the program says of names."""
    arguments = [PROGRAM, "rules", "lookup", "--json", "--config", place.config]
    for option in [f"classify.hosts=[{', '.join(map(str, hosts))}]", f"classify.apps=[{', '.join(map(str, apps))}]", *options]:
        arguments += ["--set", option]
    if kind == "apps":
        arguments.append("--app")
    done = subprocess.run([*arguments, "-"], input="\n".join(names) + "\n", capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"rules lookup: {done.returncode} {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def backers_of(hosts, apps, options):
    """By interest that comes out, the sites and apps behind it."""
    behind = {}
    names = sorted({key.lower() for key, _ in rows(hosts)})
    for name, answer in zip(names, answers(hosts, apps, names, "hosts", options) if names else []):
        for interest in answer["interests"]:
            behind.setdefault(interest, set()).add(registrable(name))
    # of a prefix an app below it is asked; the prefix is one backer
    keys = sorted({key.lower() for key, _ in rows(apps)})
    names = [key[:-1] + "some.app" if key.endswith(".*") else key for key in keys]
    for key, answer in zip(keys, answers(hosts, apps, names, "apps", options) if names else []):
        for interest in answer["interests"]:
            behind.setdefault(interest, set()).add("app " + key)
    return behind


def judge(name, hosts, apps, least=5, depth=2, wanted=None):
    """No interest of these lists has fewer than `least` behind it; `wanted`: which interests come out."""
    options = [f"classify.support={least}", f"classify.depth={depth}"]
    behind = backers_of(hosts, apps, options)
    few = {interest: sorted(who) for interest, who in behind.items() if len(who) < least}
    tap.equal(few, {}, f"{name}_depth_{depth}_support_{least}_has_no_interest_with_few_backers")
    if wanted is not None:
        tap.equal(sorted(map(int, behind)), wanted, f"{name}_depth_{depth}_support_{least}_has_the_interests_with_enough")
    return behind


# ---- lists that there are ----

taxonomy = [line.split("\t") for line in (TOP / "config/rules/audience-taxonomy-1.1.tsv").read_text().splitlines()
            if not line.startswith("#")]
publishable = {int(row[0]): int(row[2]) for row in taxonomy if row[3] == "publishable"}
tier_2 = sorted(row for row, tier in publishable.items() if tier == 2)

for least in (5, 7, 20):
    judge("shipped", SHIPPED, SHIPPED_APPS, least, wanted=tier_2)
judge("shipped", SHIPPED, SHIPPED_APPS, 1000)
judge("shipped_hosts", SHIPPED, [])
judge("shipped_apps", [], SHIPPED_APPS)
feed = TOP / "tests/chain/tmobile_feed"
judge("tmobile_feed", [feed / "hosts.tsv"], [feed / "apps.tsv"])

for count in (20, 100, 2000):
    path = place.path / f"generated-{count}.tsv"
    subprocess.run([PROGRAM, "generate", "--seed", str(SEED), "--rules", str(count), "--output-rules", str(path)], check=True,
                   capture_output=True)
    judge(f"generated_{count}", [path], [])

# ---- lists at the bound: one backer too few, and just enough ----


def lists_of(name, hosts, apps):
    """Two lists in files."""
    return ([place.write(f"{name}-hosts.tsv", "".join(f"{key}\t{value}\n" for key, value in hosts))] if hosts else [],
            [place.write(f"{name}-apps.tsv", "".join(f"{key}\t{value}\n" for key, value in apps))] if apps else [])


for name, hosts, apps, wanted, why in (
    ("four_sites", [(f"s{i}.example", 607) for i in range(4)], [], [], "one too few"),
    ("five_sites", [(f"s{i}.example", 607) for i in range(5)], [], [607], "enough"),
    ("one_site_often", [(f"h{i}.site.example", 607) for i in range(50)], [], [], "one site is one backer"),
    ("four_sites_of_co_uk", [(f"s{i}.co.uk", 607) for i in range(4)], [], [], "one too few"),
    ("five_of_github_io", [(f"s{i}.github.io", 607) for i in range(5)], [], [607], "different owners"),
    ("three_sites_and_two_apps", [(f"s{i}.example", 607) for i in range(3)], [(f"com.s{i}.app", 607) for i in range(2)], [607],
     "sites and apps together"),
    ("five_apps", [], [(f"com.s{i}.app", 607) for i in range(5)], [607], "apps alone"),
    ("four_and_a_denied_one", [(f"s{i}.example", 607) for i in range(5)] + [("s4.example", "deny")], [], [],
     "who is denied backs nothing"),
    ("four_and_one_below_a_deny", [(f"s{i}.example", 607) for i in range(4)] + [("x.d.example", 607), ("d.example", "deny")], [],
     [], "who is below a deny backs nothing"),
    ("four_and_a_none", [(f"s{i}.example", 607) for i in range(5)] + [("s4.example", "none")], [], [], "none backs nothing"),
    ("two_interests_of_three", [(f"s{i}.example", 608) for i in range(3)] + [(f"t{i}.example", 609) for i in range(3)], [], [607],
     "rows below one row back it together at the default depth"),
):
    judge(name, *lists_of(name, hosts, apps), wanted=wanted)

# At depth 3: what has too few becomes its parent, which is judged with all that came to it.
judge("rolled_up", *lists_of("rolled_up", [(f"s{i}.example", 608) for i in range(5)] + [(f"t{i}.example", 613) for i in range(3)]
                             + [(f"u{i}.example", 614) for i in range(2)], []), depth=3, wanted=[607, 608])
judge("dropped", *lists_of("dropped", [(f"s{i}.example", 608) for i in range(5)] + [(f"t{i}.example", 613) for i in range(4)], []),
      depth=3, wanted=[608])

# ---- random lists ----

dice = random.Random(SEED)
ids = sorted(publishable)
for number in range(12):
    few = dice.sample(ids, dice.choice((4, 12, 40)))
    hosts, apps = {}, {}
    for _ in range(dice.choice((30, 200, 800))):
        value = dice.choices([",".join(map(str, dice.sample(few, dice.randint(1, min(3, len(few)))))), "none", "deny"], (90, 5, 5))[0]
        site = f"s{dice.randrange(120)}.{dice.choice(('example', 'co.uk', 'github.io', 'com'))}"
        if dice.random() < 0.3:
            apps[f"com.m{dice.randrange(30)}.{dice.choice(('*', 'a', 'b', 'c.*', 'c.d'))}"] = value
        else:
            hosts[dice.choice(("", "", "a.", "b.a.")) + site] = value
    least, depth = dice.choice((2, 5, 9)), dice.choice((2, 3, 4, 6))
    judge(f"random_{number}", *lists_of(f"random-{number}", list(hosts.items()), list(apps.items())), least=least, depth=depth)

place.remove()
tap.end()
