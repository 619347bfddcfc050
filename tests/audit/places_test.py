#!/usr/bin/env python3
"""Attack (d): a canary in every field of events, known and unknown, nested too, is looked for in every place that clickveil
writes or says: feeds, changelog, retractions, topics between, what can be read of dead letters, log, status, the snapshot of
the consent table and whatever else appears in its folders, what `dead-letters` says, and a core file that SIGSEGV provokes
with the limit raised. tests/integration/canary_test.py has more forms of bad events, other cuts and the file mode.

Nothing may be found. What was written is then looked at again with one field leaked in it, in each of the forms of
canaries.py, and that must be found; and a process that could not forbid core files writes one, in which canaries are.
"""

import base64
import hashlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import time

import attack
import harness
from canaries import Canary, search
from harness import require, wait_until
from scene import Scene, event

tap = harness.Tap()
work = harness.directory("audit-places")

NUMBER, OUT_NUMBER = "+9996604471801", "+9996604471802"
IMEI = "66044718010142"
ACCOUNT, PATH = "auditaccount66044718", "auditpath66044718"
KNOWN = ("type", "time", "subscriber", "account", "device", "brand", "region", "plan", "birth_year", "url", "host", "app",
         "preinstalled", "gpc", "gpp", "gpp_sid", "us_privacy")
UNKNOWN = {"note": "audit0unknown66044718", "nested": "audit0nested66044718", "listed": "audit0listed66044718"}
CANARIES = [Canary("number", NUMBER), Canary("number of an opt-out", OUT_NUMBER), Canary("IMEI", IMEI),
            Canary("account", ACCOUNT), Canary("path", PATH), *(Canary(f"in {name}", f"audit0{name}66044718") for name in KNOWN),
            *(Canary(f"unknown {name}", text) for name, text in UNKNOWN.items())]
NOT_MADE = r"""
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit) { (void)resource; (void)limit; return 0; }
int prctl(int option, ...) { (void)option; return 0; }
"""


def events():
    """Good ones, and for each field one in which the canary stands there, whatever comes of it."""
    unknown = {"note": UNKNOWN["note"], "x": {"y": [[{"z": UNKNOWN["nested"]}], UNKNOWN["listed"], {UNKNOWN["nested"]: 1}]}}
    good = event("ann", subscriber=NUMBER, account=ACCOUNT, device={"kind": "imei", "id": IMEI, "more": UNKNOWN["nested"]},
                 url=f"https://www.espn.com/{PATH}?q={PATH}", host=None, **unknown)
    made = [good, dict(good, subscriber=OUT_NUMBER), dict(good, url=None, host="espn.com")]
    for name in KNOWN:
        canary = f"audit0{name}66044718"
        made += [dict(good, **{name: canary}), dict(good, **{name: {"deep": [canary]}})]
    keys = [one["subscriber"] if isinstance(one["subscriber"], str) else NUMBER for one in made]
    return "".join(f"{key}\t{json.dumps(one)}\n" for key, one in zip(keys, made))


def everything_in(bootstrap, topic):
    parts = []
    for record in harness.dump(bootstrap, topic, "uncommitted"):
        for field in (record["key"], record["value"], *record["headers"].keys(), *record["headers"].values()):
            if isinstance(field, dict):
                field = bytes.fromhex(field["hex"])
            parts.append(field.encode() if isinstance(field, str) else field or b"")
    raw = b"\n".join(parts)
    for part in parts:  # dead letters' envelopes and other members in base64
        try:
            values = json.loads(part).values()
        except (ValueError, AttributeError):
            continue
        for value in values:
            if isinstance(value, str):
                try:
                    raw += b"\n" + base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
                except ValueError:
                    continue
    return raw


def none_in(name, raw):
    found = search(CANARIES, raw)
    tap.ok(f"no_canary_is_in_{name}", raw and not found, f"{found}" if raw else "there is nothing, so nothing was shown")


def crash_folder(name, preload=None):
    """clickveil in a folder of its own, with core files allowed; the program and the folder."""
    folder = work / f"cwd-{name}"
    folder.mkdir()
    path = work / f"run-{name}"
    front = f'LD_PRELOAD="{preload}" ' if preload else ""
    path.write_text(f'#!/bin/sh\nulimit -c "$(ulimit -H -c)"\ncd "{folder}" || exit 1\n{front}exec "{harness.CLICKVEIL}" "$@"\n')
    path.chmod(0o755)
    return path, folder


def crash(process):
    """SIGSEGV with the limit raised; whether the kernel says that it made a core file."""
    try:
        resource.prlimit(process.process.pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except PermissionError:
        pass  # then what the front set is in force, unless the process took it back
    os.kill(process.process.pid, signal.SIGSEGV)
    _, status = os.waitpid(process.process.pid, 0)
    process.process.returncode = -signal.SIGSEGV
    return os.WCOREDUMP(status)


def run(scene, name, program):
    process = scene.process(name, program).start()
    process.wait_ready()
    scene.send_choices({"key": f"line:{OUT_NUMBER}", "value": {"choices": {"*": "out"}, "effective": int(time.time() * 1000) - 1000,
                                                               "seq": 1, "note": UNKNOWN["note"]}})
    path = work / f"{name}.keyed"
    path.write_text(events())
    harness.tool("produce", scene.bootstrap, scene.topic("events"), path, "keyed")
    scene.wait_taken()
    wait_until(lambda: harness.dump(scene.bootstrap, scene.feed), "nothing in the feed", step=0.3)
    for role in ("dead_letters", "retractions"):
        wait_until(lambda: harness.dump(scene.bootstrap, scene.topic(role)), f"nothing in {role}", step=0.3)
    return process


def planted(seen):
    """One leaked field, in what was really written."""
    number = NUMBER[1:].encode()
    forms = {"plain": number, "in_hex": number.hex().encode(), "in_base64": base64.b64encode(b"x" + number + b"yz"),
             "as_a_hash": hashlib.sha256(number).digest(), "as_a_hash_in_hex": hashlib.md5(NUMBER.encode()).hexdigest().encode(),
             "packed": bytes.fromhex(number.decode() + "f")}
    for place, raw in seen.items():
        raw = raw[:1 << 16]
        middle = len(raw) // 2
        missed = [name for name, form in forms.items()
                  if "number" not in search([Canary("number", NUMBER)], raw[:middle] + form + raw[middle:])]
        tap.ok(f"one_leaked_field_is_seen_when_planted_in_{place}", not missed, f"not seen {missed}")


def main():
    bootstrap = os.environ.get("KAFKA_BOOTSTRAP") or harness.Broker("audit-places").bootstrap
    if b"__asan_init" in harness.CLICKVEIL.read_bytes() or b"__tsan_init" in harness.CLICKVEIL.read_bytes():
        print("ok 1 - places # SKIP a sanitizer's process is too large for core files\n1..1")
        return
    snapshot = work / "snapshot/table"
    snapshot.parent.mkdir(mode=0o700)
    scene = Scene(work, f"auditplaces{os.getpid()}", bootstrap, log={"level": "debug"},
                  consent={"snapshot": str(snapshot), "snapshot_every": "1s"})
    path = harness.write_configuration(work, "topics", scene.config)
    harness.clickveil("topics", "create", "--config", path, "--partitions", "2")
    scene.send_choices(attack.no_choice())
    program, folder = crash_folder("hardened")
    process = run(scene, "hardened", program)
    wait_until(snapshot.exists, "no snapshot", step=0.2)
    said = "\n".join(process.get(path)[1] for path in ("/metrics", "/statusz", "/readyz"))
    tap.ok("sigsegv_makes_no_core_file_though_the_limit_was_raised", not crash(process) and not list(folder.iterdir()),
           f"{list(folder.iterdir())}")
    seen = {"the_feeds": b"\n".join(everything_in(bootstrap, feed["topic"]) for feed in scene.config["publish"]["feeds"]),
            "the_changelog": everything_in(bootstrap, scene.topic("state")),
            "retractions": everything_in(bootstrap, scene.topic("retractions")),
            "the_readable_part_of_dead_letters": everything_in(bootstrap, scene.topic("dead_letters")),
            "the_snapshot": snapshot.read_bytes(), "the_log": process.log.read_bytes(), "metrics_and_status": said.encode()}
    config = harness.write_configuration(work, "desk", scene.config)
    listed = harness.clickveil("dead-letters", "list", "--config", config)
    replayed = harness.clickveil("dead-letters", "replay", "--config", config, "--secret-key",
                                 work / "secrets/dead-letters.secret")
    seen["what_dead_letters_list_and_replay_say"] = (listed.stdout + listed.stderr + replayed.stdout + replayed.stderr).encode()
    written = [path for path in work.rglob("*") if path.is_file() and path.suffix not in (".keyed", ".jsonl", ".log")]
    seen["all_other_files"] = b"\n".join(file.read_bytes() for file in written)
    for name, raw in seen.items():
        none_in(name, raw)
    found = search(CANARIES, everything_in(bootstrap, scene.topic("events")))
    tap.ok("every_canary_is_found_in_the_input", len(found) == len(CANARIES),
           f"not found {[canary.name for canary in CANARIES if canary.name not in found]}")
    planted({name: seen[name] for name in ("the_feeds", "the_changelog", "the_log")})

    source, library = work / "front.c", work / "front.so"
    source.write_text(NOT_MADE)
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", library, source], check=True)
    name = "a_core_file_shows_canaries_where_it_is_not_forbidden"
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
    program, folder = crash_folder("unhardened", library)
    if pattern[:1] in ("|", "/"):
        print(f"ok {tap.number + 1} - {name} # SKIP core files go elsewhere")
        tap.number += 1
    else:
        process = run(scene, "unhardened", program)
        made = crash(process)
        cores = list(folder.glob("core*"))
        tap.ok(name, made and any(NUMBER.encode() in core.read_bytes() for core in cores),
               f"made {made}, {cores}")
        for core in cores:
            core.unlink()
    tap.end()


if __name__ == "__main__":
    main()
