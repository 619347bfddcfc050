"""clickveil rules diff and report: what they count is what a naive count in here says, and the deny list that comes of it
takes an interest out of what is published."""
import json
import random
import re
import subprocess

from support import PROGRAM, Place, Tap

NOW = "2026-11-24T12:00:00Z"
SPORTS, TECHNOLOGY, BOOKS = 607, 687, 258

tap = Tap()
place = Place(NOW)


def write(name, *rows):
    return str(place.write(name, "".join(row.replace(" ", "\t", 2) + "\n" for row in rows)))


def rules(*arguments, stdin=""):
    return subprocess.run([PROGRAM, "rules", *arguments], input=stdin, capture_output=True, text=True)


def answer(*arguments):
    done = rules(*arguments, "--json")
    if done.returncode != 0 or done.stderr:
        tap.check(False, f"ends_well: rules {' '.join(arguments)}", done.returncode, done.stderr)
        tap.end()
    return json.loads(done.stdout)


def event(person, host=None, app=None, kind="app_use", **more):
    target = {"type": "browse", "host": host} if host else {"type": kind, "app": app}
    return json.dumps({"subscriber": f"+1202555{person:04d}", "account": f"a{person}", "brand": "tmobile", "time": "2026-11-24T11:00:00Z",
                       "region": "US-NY", **target, **more})


def keys(elements):
    return [element["rule"] for element in elements]


# ---- diff ----

old = write("old.tsv", "moved.com 607", "gone.com 687", "gone.moved.com 607", "same.com 607", "denied.com 607",
            "order.com 607,687", "kept.denied.com 607")
new = write("new.tsv", "moved.com 687", "new.com none", "same.com 607", "denied.com deny", "order.com 687,607",
            "kept.denied.com 607", "x.same.com deny")
diff = answer("diff", old, new)
tap.equal(keys(diff["new"]), ["new.com", "x.same.com"], "diff_lists_what_is_new")
tap.equal(keys(diff["gone"]), ["gone.com", "gone.moved.com"], "diff_lists_what_is_gone")
tap.equal(keys(diff["moved"]), ["denied.com", "kept.denied.com", "moved.com"],
          "diff_lists_what_moved_and_what_a_deny_above_moves")
tap.equal(diff["moved"][2], {"rule": "moved.com", "from": {"kind": "interests", "interests": [607]},
                             "to": {"kind": "interests", "interests": [687]}}, "diff_says_from_what_to_what")
tap.equal(diff["gone"][1]["to"], {"kind": "interests", "interests": [687]}, "diff_says_what_a_gone_key_falls_back_to")
tap.equal(diff["new"][1]["from"], {"kind": "interests", "interests": [607]}, "diff_says_what_a_new_key_had_inherited")
tap.equal({name: answer("diff", old, old)[name] for name in ("new", "gone", "moved")},
          {"new": [], "gone": [], "moved": []}, "diff_of_a_list_with_itself_is_empty")
tap.check(diff["old_digest"] != diff["new_digest"], "diff_names_both_digests")
back = answer("diff", new, old)
tap.equal((keys(back["new"]), keys(back["gone"]), keys(back["moved"])),
          (keys(diff["gone"]), keys(diff["new"]), keys(diff["moved"])), "diff_back_is_the_mirror")

many = write("many.tsv", *(f"h{i:05d}.com 607" for i in range(20000)))
tap.equal(len(answer("diff", old, many)["new"]), 20000, "diff_lists_all_in_json")
text = rules("diff", old, many).stdout
tap.check("new: 20000" in text and text.count("unknown -> 607") == 10 and "and 19990 more" in text,
          "diff_shows_examples_as_text", text[:2000])

names = write("names", "moved.com 70", "www.moved.com 5", "same.com 20", "unknown.com 4", "new.com 1")
touched = answer("diff", "--names", names, old, new)["traffic"]
tap.equal((touched["visits"], touched["touched_visits"], touched["touched_share"], touched["touched_names"],
           touched["gained"], touched["lost"], touched["other"]), (100, 76, 0.76, 3, 0, 0, 76),
          "diff_says_the_share_of_visits_that_is_touched")
traffic = str(place.write("diff.jsonl", event(1, "moved.com") + "\n" + event(2, "gone.com") + "\n" + event(3, "same.com") +
                          "\n" + event(4, app="moved.com") + "\n"))
touched = answer("diff", "--traffic", traffic, old, new)["traffic"]
tap.equal((touched["visits"], touched["touched_visits"], touched["lost"], touched["other"]), (4, 2, 1, 1),
          "diff_reads_events")
apps_old, apps_new = write("apps-old.tsv", "com.one.* 607"), write("apps-new.tsv", "com.one.* 687", "com.one.app none")
diff = answer("diff", "--app", apps_old, apps_new)
tap.equal((keys(diff["moved"]), keys(diff["new"]), diff["new"][0]["from"]["interests"]),
          (["com.one.*"], ["com.one.app"], [607]), "diff_of_apps")
config = place.config
diff = answer("diff", config, config)
tap.equal(diff["new"] + diff["gone"] + diff["moved"], [], "diff_of_configurations")

compiled = [str(place.path / name) for name in ("old.bin", "new.bin")]
for source, output in zip((old, new), compiled):
    made = rules("compile", "--output", output, source)
    tap.check(made.returncode == 0, f"compiles_{output.rsplit('/', 1)[1]}", made.stderr)
diff = answer("diff", *compiled)
tap.equal((keys(diff["new"]), keys(diff["gone"]), keys(diff["moved"])),
          (["new.com", "x.same.com"], ["gone.com", "gone.moved.com"], ["denied.com", "kept.denied.com"]),
          "diff_of_compiled_files_is_that_of_what_they_let_through")

# ---- report ----

hosts = write("hosts.tsv", "s1.com 607", "s2.com 607", "s3.com 607", "www.s3.com 607", "t1.com 687", "both.com 607,687",
              "quiet.com none", "bad.com deny gambling", "worse.com deny gambling", "ill.com deny health",
              "below.bad.com 607", "twice.com 607")
second = write("second.tsv", "twice.com 687", "s1.com none", "t1.com deny religion")
apps = write("apps.tsv", "com.sport.* 607", "com.sport.mail none")
lists = ("--rules", hosts, "--rules", second, "--app-rules", apps, "--support", "1")
report = answer("report", *lists)
tap.equal([(item["interest"], item["hosts"], item["apps"], item["backers"]) for item in report["interests"]],
          [(SPORTS, 5, 1, 5), (TECHNOLOGY, 2, 0, 2)], "report_counts_backers_by_site_and_app")
tap.equal({item["note"]: item["rows"] for item in report["sensitive"]["classes"]},
          {"gambling": 2, "health": 1, "religion": 1}, "report_says_what_is_blocked_by_class")
tap.equal((report["sensitive"]["hosts"], report["sensitive"]["apps"]), (5, 0), "report_counts_what_is_denied_from_above_too")
tap.check(522 in report["sensitive"]["taxonomy"] and SPORTS not in report["sensitive"]["taxonomy"],
          "report_names_the_sensitive_rows_of_the_taxonomy")
tap.equal(answer("report", *lists, "--blocked")["sensitive"]["blocked"],
          ["bad.com", "below.bad.com", "ill.com", "t1.com", "worse.com"], "report_names_every_denied_rule_when_asked")
tap.equal({item["rule"]: item["conflict"] for item in report["conflicts"]},
          {"below.bad.com": "denied_above", "s1.com": "none_wins", "t1.com": "deny_wins", "twice.com": "joined"},
          "report_finds_contradictions")
tap.equal([(row["list"].rsplit("/", 1)[1], row["line"]) for row in report["conflicts"][1]["rows"]],
          [("second.tsv", 2), ("hosts.tsv", 1)], "report_names_list_and_line_of_each")
guarded = answer("report", *lists[:-2])
tap.equal([(item["interest"], item["backers"], item["counts_as"]) for item in guarded["unsupported"]],
          [(TECHNOLOGY, 2, 0)], "report_names_what_the_support_guard_holds_back")

ranked = str(place.write("ranked.csv", "".join(
    f"{i + 1},{'www.s2.com' if i < 50 else 'quiet.com' if i == 50 else f'n{i}.org'}\n" for i in range(1500))))
coverage = answer("report", *lists, "--names", ranked)["coverage"]["hosts"]
tap.equal([(row["top"], row["interests"]["names"], row["none"]["names"], row["unknown"]["names"]) for row in coverage],
          [(100, 1, 1, 98), (1000, 1, 1, 998), (1451, 1, 1, 1449)], "report_says_coverage_by_rank")
tap.equal(coverage[0]["interests"]["visits"], 50, "report_weighs_names_by_visits")

labels = write("labels.tsv", "s2.com 607", "s3.com 687", "both.com 607", "nowhere.com 687", "ill.com 607", "twice.com deny")
quality = answer("report", *lists, "--labels", labels)["labels"]
by_interest = {item["interest"]: item for item in quality["interests"]}
tap.equal((by_interest[SPORTS]["labelled"], by_interest[SPORTS]["given"], by_interest[SPORTS]["right"]), (3, 4, 2),
          "report_compares_with_labels")
tap.equal((by_interest[SPORTS]["precision"], round(by_interest[SPORTS]["recall"], 4)), (0.5, 0.6667),
          "report_says_precision_and_recall")
tap.equal((by_interest[TECHNOLOGY]["precision"], by_interest[TECHNOLOGY]["recall"], quality["denied_but_given"]), (0, 0, 1),
          "report_says_what_labels_deny_and_rules_give")

denied = write("denied", "s2.com", "www.s3.com", "s4.com", "com", "ill.com", "# comment")
leaks = answer("report", *lists, "--deny", denied)["leaks"]
tap.equal([(leak["name"], leak["rule"], leak["interests"]) for leak in leaks],
          [("s2.com", "s2.com", [SPORTS]), ("www.s3.com", "www.s3.com", [SPORTS])], "report_finds_leaks")
leaks = answer("report", *lists, "--deny", write("above", "s3.com deny", "t1.com 607", "both.com none"))["leaks"]
tap.equal([leak["name"] for leak in leaks], ["s3.com", "www.s3.com"], "report_finds_leaks_below_a_denied_name")

# ---- from traffic: against a naive count ----

seed = random.SystemRandom().randrange(1 << 32)
print(f"# seed {seed}")
dice = random.Random(seed)
sites = {"s1x.com": [SPORTS], "s2x.com": [SPORTS], "t1x.com": [TECHNOLOGY], "t2x.com": [TECHNOLOGY, BOOKS],
         "b1x.com": [BOOKS], "q.com": [], "com.an.app": [SPORTS]}
lines, people = [], {}
for _ in range(5000):
    site, person = dice.choice(list(sites)), min(dice.randrange(400), dice.randrange(400))
    if site == "com.an.app":
        lines.append(event(person, app=site.title()))
    else:
        lines.append(event(person, f"{dice.choice(['', 'www.', 'm.'])}{site}"))
    for interest in sites[site]:
        people.setdefault(interest, {}).setdefault(site, set()).add(person)
lines += [event(1, app="com.an.app", kind="app_remove"), event(500, app="com.an.app", preinstalled=True), "no json", "{}",
          event(2, "192.0.2.1"), event(2, "localhost")]
traffic = str(place.write("traffic.jsonl", "\n".join(lines) + "\n"))
naive_list = write("naive.tsv", *(f"{site} {','.join(map(str, what)) or 'none'}" for site, what in sites.items()
                                  if site != "com.an.app"))
naive = ("--rules", naive_list, "--app-rules", write("naive-apps.tsv", "com.an.app 607"), "--support", "1")
report = answer("report", *naive, "--traffic", traffic)
wanted = {interest: (len(set().union(*by_site.values())), len(by_site), max(map(len, by_site.values())))
          for interest, by_site in people.items()}
tap.equal({item["interest"]: (item["people"], item["sites"], item["top_people"]) for item in report["people"]["interests"]},
          wanted, "report_counts_different_people_by_interest_and_site")
read = report["coverage"]
tap.equal((read["lines"], read["unreadable"], read["removals"], read["unnamed"]),
          (5006, 2, 1, {"host_malformed": 1, "ip_literal": 1, "app_malformed": 0, "preinstalled": 1}),
          "report_accounts_for_every_line")
tap.equal(rules("report", *naive, "--traffic", "-", "--json", stdin="\n".join(lines)).stdout.replace("'", ""),
          json.dumps(report, separators=(",", ":")).replace("'", "") + "\n", "report_reads_standard_input")

# ---- one site brings 90 % of an interest's people: the interest goes into a deny list, and is gone after it is loaded ----

lines = [event(person, "big.com" if person % 10 else "small.com") for person in range(200)]
lines += [event(person, f"t{person % 3}x.net") for person in range(200)]
traffic = str(place.write("one.jsonl", "\n".join(lines) + "\n"))
one = write("one.tsv", "big.com 607", "small.com 607", "t0x.net 687", "t1x.net 687", "t2x.net 687")
pipeline = place.path / "config/pipeline.yaml"
deny = str(place.path / "deny.tsv")
pipeline.write_text(re.sub(r"(?m)^classify:.*\n(?:[ #].*\n)*", "classify: {hosts: [../one.tsv, ../deny.tsv], support: 1}\n",
                           pipeline.read_text()))


consent = place.write("consent.jsonl", json.dumps(
    {"key": "line:+12025559999", "value": {"choices": {"*": "out"}, "effective": "2026-11-01T00:00:00Z", "seq": 1},
     "timestamp": 1793491200000}) + "\n")


def published():
    """What came of the events, and the interests that went to publish."""
    run = place.run(traffic, consent, ["stages=[consent, pseudonymize, classify]"])
    if run.status:
        return None, run.stderr, set()
    interests = {interest for record in run.internal + run.out
                 if record["topic"] == "clickveil.classified" for interest, _ in record["value"]["interests"]}
    return run.summary["kept"], run.summary["dropped"], interests


place.write("deny.tsv", "deny-list.clickveil.invalid\tdeny\tnothing yet\n")
tap.equal(published(), (400, {}, {SPORTS, TECHNOLOGY}), "traffic_brings_both_interests_before")
report = answer("report", "--config", config, "--traffic", traffic, "--output", deny)
over = [item for item in report["people"]["interests"] if item["over"]]
tap.equal([(item["interest"], item["top_site"], item["top_share"]) for item in over], [(SPORTS, "big.com", 0.9)],
          "traffic_names_the_interest_that_one_site_gives_away")
listed = [line.split("\t")[:2] for line in open(deny) if not line.startswith("#")]
tap.equal(listed, [["607", "deny"], ["deny-list.clickveil.invalid", "deny"]], "deny_list_has_the_interest")
tap.check("big.com" not in open(deny).read() and "180" not in open(deny).read(), "deny_list_has_no_count_and_no_site")
tap.equal(published(), (200, {"interest_denied": 200}, {TECHNOLOGY}), "interest_is_gone_once_the_list_is_loaded")
answer("report", "--config", config, "--traffic", traffic, "--output", deny)
tap.equal([line.split("\t")[:2] for line in open(deny) if not line.startswith("#")], listed,
          "deny_list_is_not_counted_with_and_stays")
tap.equal(answer("report", "--config", config, "--traffic", traffic)["interests"][0]["interest"], TECHNOLOGY,
          "report_without_output_counts_with_the_deny_list")
report = answer("report", "--config", config, "--traffic", traffic, "--output", deny, "--share", "90%")
tap.equal([line.split("\t")[0] for line in open(deny) if not line.startswith("#")], ["deny-list.clickveil.invalid"],
          "deny_list_with_nothing_to_deny_can_be_loaded")
tap.equal(published()[0], 400, "exactly_the_share_is_not_more")
looked = rules("lookup", "--json", "--rules", one, "--rules", write("by-hand.tsv", "607 deny"), "--support", "1", "x.big.com")
found = json.loads(looked.stdout)
tap.equal((found["interests"], found["reason"], [(row["rule"], row["fate"]) for row in found["rows"]]),
          ([], "deny", [("big.com", "denied"), ("607", "won")]), "lookup_names_the_row_that_denies_the_interest")

# ---- refused ----

for why, status, said, arguments in (
        ("no_operands", 64, "missing", ("diff", old)),
        ("old_missing", 78, "nowhere.tsv", ("diff", "nowhere.tsv", new)),
        ("two_kinds_of_traffic", 64, "give one", ("diff", "--names", names, "--traffic", traffic, old, new)),
        ("examples", 64, "--examples", ("diff", "--examples", "-1", old, new)),
        ("report_two_kinds", 64, "give one", ("report", "--names", names, "--traffic", traffic)),
        ("output_alone", 64, "go with --traffic", ("report", "--output", "x")),
        ("share_zero", 64, "above 0", ("report", "--traffic", traffic, "--share", "0")),
        ("share_too_much", 64, "above 0", ("report", "--traffic", traffic, "--share", "101%")),
        ("traffic_missing", 74, "nowhere.jsonl", ("report", "--traffic", "nowhere.jsonl")),
        ("output_nowhere", 74, "nowhere", ("report", *naive, "--traffic", traffic, "--output", "nowhere/deny.tsv")),
        ("labels_malformed", 65, "public suffix", ("report", *naive, "--labels", write("bad.tsv", "co.uk 607"))),
        ("operand", 64, "operand", ("report", "x"))):
    done = rules(*arguments)
    tap.check(done.returncode == status and said in done.stderr, f"refused_{why}", done.returncode, done.stderr)

place.remove()
tap.end()
