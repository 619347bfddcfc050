"""The chain of keys on disk: what `clickveil keys` says and does, and that behind an advance nobody who has every file of the
host can make an ID of the old epoch again.

The attack knows all pseudonyms, the names of the feeds and the construction, and takes every 32 bytes of every file (also
those that stand there in hex) for a key: of the old epoch's link, of an earlier one's, of a feed's IDs. It must succeed before
the advance, and where a copy of the old file was left.
"""
import hashlib
import json
import os
import re
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
import documented  # noqa: E402
from support import PROGRAM, Place, Tap  # noqa: E402

NOW, LATER = "2026-11-24T12:00:00Z", "2026-12-08T12:00:00Z"
EPOCH = 2968  # of NOW; weeks since 1970
FEED = {"advertiser": "acme", "programme": "tmobile", "kind": "interests", "id": "user"}
TRIAL = ["publish.trial=true", "publish.k=1", "classify.support=1"]
LINES = [f"1999000{number:04}" for number in range(20)]

tap = Tap()
place = Place(NOW)
secrets = place.path / "config/secrets"
key_file = secrets / "publish.key"


def keys(*words):
    """`clickveil keys`: status, standard output, standard error."""
    done = subprocess.run([PROGRAM, "keys", *map(str, words)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def run(now, name):
    """The IDs of all lines in the feed, of events at that time."""
    events = place.write(f"{name}.jsonl", "".join(json.dumps({
        "type": "browse", "time": now, "subscriber": f"+{line}", "account": f"bill-{line}", "brand": "tmobile",
        "region": "US-CA", "plan": "one", "birth_year": 1980, "host": "www.espn.com"}) + "\n" for line in LINES))
    consent = place.write("consent.jsonl", json.dumps(
        {"key": "line:+19990009999", "value": {"choices": {"*": "out"}, "effective": 0, "seq": 1}}) + "\n")
    place.now = now
    return place.run(events, consent, TRIAL, name)


# ---- the attack ----

def candidates():
    """Every 32 bytes that might be a key: of each file of the secrets and of the work, and of what stands in it in hex."""
    found = set()
    for path in [*secrets.iterdir(), *place.path.iterdir()]:
        if not path.is_file():
            continue
        raw = path.read_bytes()
        texts = [raw] + [bytes.fromhex(run[at:at + len(run[at:]) // 2 * 2].decode())
                         for run in re.findall(rb"[0-9a-fA-F]{64,}", raw) for at in (0, 1)]
        for text in texts:
            found.update(text[at:at + 32] for at in range(len(text) - 31))
    return found


def reproduces(ids, epoch):
    """Can anybody who has the files make one of the IDs? Who can make one can make all: three people are enough."""
    name = b"".join(documented._field(FEED[part].encode()) for part in ("advertiser", "programme", "kind", "id"))
    purpose = documented._field(b"clickveil feed epoch key 2") + name
    purpose += documented._field(epoch.to_bytes(8, "big", signed=True))
    step = documented._field(b"clickveil publish chain 1")
    for key in candidates():
        links = [key]
        for _ in range(3):
            links.append(hashlib.blake2b(step, digest_size=32, key=links[-1]).digest())
        for id_key in [key, *(hashlib.blake2b(purpose, digest_size=32, key=link).digest() for link in links)]:
            if any(documented.text64(hashlib.blake2b(of, digest_size=16, key=id_key).digest()) in ids for of in pseudonyms[:3]):
                return True
    return False


pseudonym_key = documented.key_of(secrets / "pseudonym.key")
pseudonyms = [documented.pseudonym(pseudonym_key, "line", "e164", line) for line in LINES]
first = run(NOW, "first")
ids = set(first.feed("feed.acme.tmobile"))
tap.check(first.status == 0 and len(ids) == len(LINES), "everybody_is_published", len(ids), first.stderr.decode())
tap.equal(ids, {documented.feed_id(documented.chain_of(key_file), FEED, EPOCH, of) for of in pseudonyms},
          "ids_are_as_documented")
(place.path / "some.state").write_bytes(os.urandom(3000))  # and a file in which there is nothing to be found
for path in place.path.glob("first.*"):
    path.unlink()  # what was published is known to the attack, and no key
tap.check(reproduces(ids, EPOCH), "before_the_advance_the_old_ids_can_be_made_again")

# ---- the commands ----

old = key_file.read_bytes()
status, out, err = keys("show", "--config", place.config, "--now", NOW, "--json")
shown = json.loads(out)
tap.equal((status, shown["epoch"], shown["current"], shown["needed"], shown["overdue"]), (0, EPOCH - 1, EPOCH, EPOCH, True),
          "show_says_what_can_be_made_and_what_is_needed")
status, out, err = keys("show", "--config", place.config, "--now", NOW)
tap.check(status == 0 and shown["chain"] in out and f"epoch {EPOCH - 1} and later" in out, "show_says_so_in_words", out, err)
key = documented.key_of(key_file).hex()
tap.check(key not in out + err + json.dumps(shown), "show_shows_no_key")
status, out, err = keys("advance", "--config", place.config, "--now", LATER, "--dry-run", "--json")
told = json.loads(out)
tap.equal((status, told["from"], told["to"], told["advanced"], key_file.read_bytes() == old),
          (0, EPOCH - 1, EPOCH + 2, False, True), "dry_run_says_what_would_be_done_and_does_nothing")
status, out, err = keys("advance", "--config", place.config, "--now", "2026-11-12T00:00:00Z")
tap.check(status == 0 and "nothing" in out and key_file.read_bytes() == old, "advance_never_goes_back", out, err)
FAR = (datetime.now(timezone.utc) + timedelta(days=8)).strftime("%Y-%m-%dT%H:%M:%SZ")  # an epoch and a day ahead
status, out, err = keys("advance", "--config", place.config, "--now", FAR)
tap.check(status == 64 and not out and "more than an epoch ahead of the clock" in err and key_file.read_bytes() == old,
          "an_advance_far_ahead_of_the_clock_destroys_nothing", status, err)
status, out, err = keys("advance", "--config", place.config, "--now", FAR, "--dry-run")
tap.check(status == 0 and key_file.read_bytes() == old, "and_may_be_tried", status, err)
status, out, err = keys("advance", "--config", place.config, "--now", LATER, "--force", "--json")
told = json.loads(out)
tap.equal((status, told["from"], told["to"], told["advanced"], told["chain"]),
          (0, EPOCH - 1, EPOCH + 2, True, shown["chain"]), "advance_moves_the_file_on")
tap.check(LATER < datetime.now(timezone.utc).isoformat() or "ahead of the clock" in err, "a_clock_that_lies_ahead_is_warned_of", err)
status, out, err = keys("show", "--config", place.config, "--now", NOW)
tap.check(status == 0 and "ahead    of the clock" in out and f"epoch {EPOCH} now" in out, "show_says_of_a_key_that_it_is_ahead", out)
status, out, err = keys("show", "--config", place.config, "--now", LATER)
tap.check(status == 0 and "ahead" not in out, "and_not_of_one_that_is_in_time", out)
status, out, err = keys("show", "--config", place.config, "--now", NOW, "--json")
tap.equal(json.loads(out)["ahead"], True, "nor_is_it_hidden_in_json")
status, out, err = keys("advance", "--config", place.config, "--now", NOW, "--force")
tap.check(status == 0 and "nothing is to be destroyed" in out and "ahead    of the clock" in out,
          "an_advance_says_so_too", out)
tap.equal(sorted(path.name for path in secrets.iterdir() if path.name.startswith("publish")),
          ["publish.key", "publish.key.lock"], "nothing_else_is_left")

# ---- what an advance leaves ----

tap.check(not reproduces(ids, EPOCH), "behind_the_advance_no_old_id_can_be_made_again")
late = run(NOW, "late")
tap.equal((late.status, late.feed("feed.acme.tmobile"), late.summary["dropped"].get("epoch_over")), (0, {}, len(LINES)),
          "events_of_the_old_epoch_are_counted_as_epoch_over")
tap.check(late.balances(), "in_is_kept_and_dropped_and_dead_letters")
now = run(LATER, "now")
tap.equal(set(now.feed("feed.acme.tmobile")),
          {documented.feed_id(documented.chain_of(key_file), FEED, EPOCH + 2, of) for of in pseudonyms},
          "the_chain_goes_on_to_the_epochs_behind")
for path in [*place.path.glob("late.*"), *place.path.glob("now.*")]:
    path.unlink()
tap.check(not reproduces(ids, EPOCH), "nor_when_new_ones_were_made")
(secrets / "copy").write_bytes(old)
tap.check(reproduces(ids, EPOCH), "planted_a_copy_of_the_old_file_is_enough")
(secrets / "copy").write_bytes(b"backup" + documented.key_of(secrets / "copy") + b"\0" * 7)
tap.check(reproduces(ids, EPOCH), "planted_the_old_keys_bytes_anywhere_are_enough")
(secrets / "copy").unlink()

# ---- the host that has the same file and advances in its own time ----

other = place.write("config/secrets/other.key", old)
other.chmod(0o600)
for now_is in ("2026-11-27T00:00:00Z", LATER):
    status, _, err = keys("advance", "--config", place.config, "--set", f"publish.key={other}", "--now", now_is, "--force")
    tap.equal(status, 0, f"another_host_advances_at_{now_is[:10]}")
tap.equal(other.read_bytes(), key_file.read_bytes(), "hosts_advance_alike_in_however_many_steps")

# ---- bad input: a run and an advance end with 78, and say what is wrong ----

good = key_file.read_bytes()


def put(content, mode=0o600):
    key_file.unlink(missing_ok=True)
    key_file.write_bytes(content)
    key_file.chmod(mode)


def directory():
    key_file.unlink()
    key_file.mkdir()


def link():
    put(good)
    key_file.rename(secrets / "elsewhere")
    key_file.symlink_to(secrets / "elsewhere")


def owner():
    put(good)
    os.chown(key_file, 12345, -1)


OLD_VERSION = re.sub(rb"chain: .*\nepoch: .*\nepoch_ms: .*\norigin_ms: .*\n", b"", good)
BAD = [
    ("missing", key_file.unlink, "doesn't exist"),
    ("empty", lambda: put(b""), "empty"),
    ("short", lambda: put(good[:-1]), "damaged"),
    ("long", lambda: put(good + b"\n"), "damaged"),
    ("very_long", lambda: put(good + b"\n" * 2000), "more than 1024 bytes"),
    ("of_another_purpose", lambda: put((secrets / "pseudonym.key").read_bytes()), "not for `publish`"),
    ("of_the_version_before", lambda: put(OLD_VERSION), "stands in no chain"),
    ("world_readable", lambda: put(good, 0o644), "open to others"),
    ("a_directory", directory, "directory"),
    ("a_symbolic_link", link, "symbolic link"),
    ("somebody_elses", owner, "belongs to user 12345"),
]
for what, make, words in BAD:
    if key_file.is_dir():
        key_file.rmdir()
    put(good)
    if what == "somebody_elses" and os.geteuid() != 0:
        tap.skip(f"key_file_{what}", "only root can give a file away")
        continue
    make()
    events = place.write("none.jsonl", "")
    tried = place.run(events, place.path / "consent.jsonl", TRIAL, "bad")
    tap.check(tried.status == 78 and words in tried.stderr.decode() and key not in tried.stderr.decode(),
              f"a_key_file_that_is_{what}_ends_a_run", tried.status, tried.stderr.decode())
    status, out, err = keys("advance", "--config", place.config, "--now", LATER, "--force")
    tap.check(status == 78 and words in err, f"a_key_file_that_is_{what}_ends_an_advance", status, err)
    if what == "somebody_elses":
        tap.check("run it as user 12345" in err and "chown" not in err, "root_is_not_told_to_take_a_key_away", err)
if key_file.is_dir():
    key_file.rmdir()
put(good)
for option, words in (("publish.epoch=8d", "was made for epochs of"), ("publish.origin=1970-01-02", "was made for epochs of"),
                      ("publish.key=credential:publish", "not a credential"), ("publish.key=fd:3", "not a credential")):
    status, _, err = keys("show", "--config", place.config, "--set", option)
    tap.check(status == 78 and words in err, f"refuses_{option}", status, err)
for words in ([], ["turn"], ["advance"], ["show"], ["show", "--config", place.config, "more"],
              ["advance", "--config", place.config, "--now", "tomorrow"], ["show", "--config", place.config, "--dry-run"]):
    status, out, err = keys(*words)
    tap.check(status == 64 and err and not out, f"wrong_usage: {' '.join(map(str, words[:1] + words[2:]))}", status, err)
for words in (["show"], ["advance", "--dry-run"], ["show", "--json"]):
    with open("/dev/full", "w") as full:
        done = subprocess.run([PROGRAM, "keys", *words, "--config", place.config], stdout=full, stderr=subprocess.PIPE, text=True)
    tap.check(done.returncode == 74 and "can't be written" in done.stderr, f"a_full_disk_is_said_by {' '.join(words)}",
              done.returncode, done.stderr)
status, out, _ = keys("advance", "--help")
tap.check(status == 0 and "--dry-run" in out, "help_is_there")
tap.equal(key_file.read_bytes(), good, "nothing_of_that_changed_the_key")

place.remove()
tap.end()
