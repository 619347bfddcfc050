"""What the integration tests in Python share: TAP, brokers, topics, clickveil processes and their configurations.

Everything that a test starts is ended by it, by its process id, and what it writes is under CLICKVEIL_BUILD.
"""

import atexit
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = (ROOT / os.environ.get("CLICKVEIL_BUILD", "build/default")).resolve()
CLICKVEIL = (ROOT / os.environ.get("CLICKVEIL", "build/clickveil")).resolve()
TOOL = BUILD / "tests/integration/kafka_tool"
KAFKA_SH = ROOT / "tests/support/kafka.sh"

STAGES = ["consent", "pseudonymize", "classify", "publish"]

_processes = []
_brokers = []


def _end_everything():
    for process in _processes:
        if process.poll() is None:
            process.kill()
    for process in _processes:
        process.wait()
    for broker in _brokers:
        broker.wipe()


atexit.register(_end_everything)
signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))


class Tap:
    """Prints the cases; `with tap.case(name)` is one, and what it raises is why it failed."""

    def __init__(self):
        self.number = 0
        self.failed = 0
        self.began = time.monotonic()

    def ok(self, name, good, why=""):
        self.number += 1
        print(f"{'ok' if good else 'not ok'} {self.number} - {name}")
        if not good:
            self.failed += 1
            for line in str(why).splitlines()[:40]:
                print(f"# {line}")
        sys.stdout.flush()
        return good

    def note(self, text):
        print(f"# {time.monotonic() - self.began:6.1f} s  {text}")
        sys.stdout.flush()

    def case(self, name):
        return _Case(self, name)

    def end(self):
        print(f"1..{self.number}")
        sys.exit(1 if self.failed else 0)


class _Case:
    def __init__(self, tap, name):
        self.tap, self.name = tap, name

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None and not issubclass(kind, Exception):
            return False
        self.tap.ok(self.name, error is None, f"{kind.__name__ if kind else ''}: {error}")
        return True


def require(good, why):
    if not good:
        raise AssertionError(why() if callable(why) else why)


def wait_until(ready, why, seconds=120, step=0.05):
    """Polls until ready() is true and returns what it gave. The limit is there to end at all: tests run side by side on
    machines that are busy, so none may count on being quick."""
    until = time.monotonic() + seconds
    while True:
        answer = ready()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds} s: {why() if callable(why) else why}")
        time.sleep(step)


def bracketed(attempt, why, waits=(1.2, 3, 4)):
    """For what must happen between two moments that only time can tell apart: behind the first record of a transaction and
    before its commit. attempt(seconds) waits so long for the first, requires what must hold in any case, and says whether
    it was in between; a machine that was too busy for that gets more time."""
    require(any(attempt(seconds) for seconds in waits), why)


def directory(name):
    """An empty directory of that test."""
    path = BUILD / "integration" / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


_reserved = []


def free_port():
    """A port on loopback that is this test's alone until it ends, also while nobody listens on it: tests run side by side,
    and stop and restart what they started. Below those that the kernel hands out by itself. It is even; the odd one behind
    it goes with it and is the controller's where it is a broker's.

    What reserves it is a name among the kernel's abstract sockets, which goes away with the process, however it ends."""
    while True:
        port = random.SystemRandom().randrange(12000, 20000, 2)
        token = socket.socket(socket.AF_UNIX)
        try:
            token.bind(f"\0clickveil-test-port-{port}")
            for probed in (port, port + 1): # somebody else's
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", probed))
        except OSError:
            token.close()
            continue
        _reserved.append(token)
        return port


# ---- broker ----


class Broker:
    """A broker of the test's own, which it may stop and restart."""

    def __init__(self, name, *settings, port=None):
        self.dir = BUILD / "integration" / "kafka" / name
        subprocess.run([KAFKA_SH, "wipe", self.dir], check=True)
        self.dir.mkdir(parents=True)
        (self.dir / "port").write_text(f"{port or free_port()}\n")
        self.resumed = 0
        _brokers.append(self)
        self.bootstrap = self._run("start", *settings)

    def _run(self, command, *arguments):
        done = subprocess.run([KAFKA_SH, command, self.dir, *arguments], capture_output=True, text=True)
        if done.returncode == 3:
            print(f"ok 1 - broker # SKIP {done.stderr.strip()}")
            sys.exit(0)
        require(done.returncode == 0, f"kafka.sh {command}: {done.stderr}")
        return done.stdout.strip()

    def signal(self, number):
        os.kill(int((self.dir / "pid").read_text().split()[0]), number)

    def resume(self):
        """Ends SIGSTOP, and waits until its controller, which took it for dead, has let it in again."""
        self.signal(signal.SIGCONT)
        self.resumed += 1
        wait_until(lambda: not subprocess.run([TOOL, "create", self.bootstrap, f"resumed-{self.resumed}:1"],
                                              capture_output=True).returncode, "the broker does not go on", step=0.2)

    def stop(self):
        self._run("stop")

    def kill9(self):
        self._run("kill9")

    def start(self):
        self._run("start")

    def restart(self):
        self._run("restart")

    def wipe(self):
        subprocess.run([KAFKA_SH, "wipe", self.dir], check=False)


def tool(*arguments, text=None):
    done = subprocess.run([TOOL, *map(str, arguments)], input=text, capture_output=True)
    require(done.returncode == 0, f"kafka_tool {arguments[0]} {arguments[2:]}: {done.stderr.decode()}")
    return done.stdout


def alter_topic(bootstrap, topic, settings):
    subprocess.run([KAFKA_SH, "tool", "kafka.admin.ConfigCommand", "--bootstrap-server", bootstrap, "--alter", "--entity-type",
                    "topics", "--entity-name", topic, "--add-config", settings], check=True, capture_output=True)


def dump(bootstrap, topic, isolation="committed", path=None):
    """The records of a topic, a dictionary each; also as JSON lines in a file."""
    raw = tool("dump", bootstrap, topic, isolation)
    if path:
        pathlib.Path(path).write_bytes(raw)
    return [json.loads(line) for line in raw.splitlines()]


def offsets(bootstrap, topic, group=None, isolation="committed"):
    """Partition -> end offset, or the group's committed one (negative: none)."""
    raw = tool("group", bootstrap, topic, group) if group else tool("ends", bootstrap, topic, isolation)
    return {int(partition): int(offset) for partition, offset in (line.split() for line in raw.splitlines())}


def members(bootstrap, group):
    """Client ID -> member ID of a group."""
    found = [json.loads(line) for line in tool("members", bootstrap).splitlines()]
    return {member["client"]: member["member"] for member in found if member["group"] == group}


def expel(bootstrap, group, member):
    """Makes the group forget a member, which is not told: LeaveGroup, version 1, in its name."""
    def text(string):
        return struct.pack(">h", len(string)) + string.encode()
    body = struct.pack(">hhi", 13, 1, 1) + text("harness") + text(group) + text(member)
    host, port = bootstrap.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as end:
        end.sendall(struct.pack(">i", len(body)) + body)
        answer = b""
        while len(answer) < 14: # size, correlation, throttle time, error
            part = end.recv(14 - len(answer))
            require(part, "the broker hung up on LeaveGroup")
            answer += part
    require(answer[-2:] == b"\0\0", f"LeaveGroup: error {struct.unpack('>h', answer[-2:])[0]}")


class Held:
    """Records in a transaction that stays open until end()."""

    def __init__(self, bootstrap, topic, path, name, *arguments):
        self.process = subprocess.Popen(
            [TOOL, "produce", bootstrap, topic, str(path), "records", f"txn={name}", "hold", *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        _processes.append(self.process)
        require(self.process.stdout.readline().strip() == "open", "the transaction is not open")

    def end(self, how="commit"):
        self.process.stdin.write(how + "\n")
        self.process.stdin.close()
        require(self.process.wait() == 0, "the transaction did not end")


# ---- configurations ----


def topics(prefix):
    return {
        "events": prefix + "events", "consent": prefix + "consent", "dead_letters": prefix + "dead-letters",
        "retractions": prefix + "retractions", "consent_out": prefix + "consented",
        "pseudonymize_out": prefix + "pseudonymized", "classify_out": prefix + "classified", "state": prefix + "state",
    }


FEEDS = [
    {"advertiser": "acme", "programme": "tmobile", "kind": "interests", "id": "user", "topic": "feed.acme"},
    {"advertiser": "globex", "programme": "tmobile", "kind": "interests", "id": "device", "topic": "feed.globex"},
]


def feeds_of(prefix):
    return [dict(feed, topic=prefix + feed["topic"]) for feed in FEEDS]


def merge(base, changes):
    merged = dict(base)
    for name, value in changes.items():
        merged[name] = merge(base[name], value) if isinstance(value, dict) and name in base else value
    return merged


def configuration(work, prefix, bootstrap, stages=None, **changes):
    """A configuration as a dictionary; JSON is YAML, so it is written as it is."""
    stages = stages or STAGES
    base = {
        "kafka": {"bootstrap.servers": bootstrap, "session.timeout.ms": 6000, "heartbeat.interval.ms": 500,
                  "reconnect.backoff.max.ms": 1000},
        "stages": stages,
        "workers": 1,
        "topics": topics(prefix),
        "programmes": [str(ROOT / "config/programmes/tmobile.yaml")],
        "subscriber": {"kind": "e164"},
        "dead_letters": {"public_key": str(work / "secrets/dead-letters.pub")},
        "named_fields": {"key": str(work / "secrets/fields.key")},
        "log": {"format": "text"},
    }
    sections = {
        "consent": {"subjects": ["line", "account"], "floor": 1, "barrier_every": "1s",
                    "suppression_key": str(work / "secrets/suppression.key"),
                    # What GPC teaches counts from the moment that it is read, so runs would differ; keeper_test has it.
                    "signals": {"store": []}},
        "pseudonymize": {"key": str(work / "secrets/pseudonym.key")},
        "classify": {"hosts": [str(ROOT / f"config/rules/{name}.tsv") for name in ("hosts", "sensitive", "infrastructure")],
                     "apps": [str(ROOT / f"config/rules/{name}.tsv") for name in ("apps", "sensitive-apps", "preinstalled")]},
        "publish": {"key": str(work / "secrets/publish.key"), "provider": "ads.example", "k": 1, "trial": True,
                    "update_every": "drain", "feeds": feeds_of(prefix)},
    }
    base.update({name: sections[name] for name in stages})
    return merge(base, changes)


def part(config, stages):
    """The configuration of a process that runs these stages of the chain."""
    kept = {name: value for name, value in config.items() if name not in STAGES or name in stages}
    return dict(kept, stages=stages)


def write_configuration(work, name, config):
    path = work / f"{name}.yaml"
    path.write_text(json.dumps(config, indent=1))
    return path


def topic_plan(config, partitions, keep=()):
    """The topics that the whole chain needs, as the tool's arguments: `split` ones too."""
    names = config["topics"]
    plan = [f"{names[role]}:{partitions}" for role in
            ("events", "consent_out", "pseudonymize_out", "classify_out", "dead_letters")]
    compact = "cleanup.policy=compact"
    plan += [f"{names['consent']}:{3}:{compact}", f"{names['state']}:{partitions}:{compact}",
             f"{names['retractions']}:{2}:{compact}"]
    plan += [f"{feed['topic']}:{partitions}:{compact}" for feed in config.get("publish", {}).get("feeds", [])]
    return plan


def clickveil(*arguments, status=0, **options):
    done = subprocess.run([CLICKVEIL, *map(str, arguments)], capture_output=True, text=True, **options)
    require(done.returncode == status, f"clickveil {arguments[0]} ended with {done.returncode}:\n{done.stderr}")
    return done


class Process:
    """`clickveil run` on Kafka. Its log is kept over restarts."""

    def __init__(self, work, name, config, program=None, **changes):
        self.name = name
        self.port = free_port()
        self.program = program or CLICKVEIL
        self.log = work / f"{name}.log"
        self.config = write_configuration(
            work, name, merge(config, merge({"instance": name, "http": {"port": self.port}}, changes)))
        self.process = None
        self.starts = 0

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.program, "run", "--config", self.config], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        _processes.append(self.process)
        self.starts += 1
        return self

    def signal(self, number):
        self.process.send_signal(number)

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=120):
        """SIGTERM and the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait(seconds)

    def wait(self, seconds=120):
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {seconds} s:\n{self.tail()}") from None

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def get(self, path, timeout=5):
        """Status and text of an HTTP answer; (0, why) when there is none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except (OSError, urllib.error.URLError) as error:
            return 0, str(error)

    def is_ready(self):
        return self.get("/readyz")[0] == 200

    def wait_ready(self, seconds=120):
        def ready():
            require(self.alive(), lambda: f"{self.name} ended with {self.process.poll()}:\n{self.tail()}")
            return self.is_ready()
        wait_until(ready, lambda: f"{self.name} is not ready: {self.get('/readyz')}\n{self.tail()}", seconds)

    def tail(self, lines=15):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def logged(self, text):
        return text in self.log.read_text(errors="replace")


# ---- input ----


def make_keys(work, config):
    """The key files that the configuration names."""
    (work / "secrets").mkdir(mode=0o700, exist_ok=True)
    clickveil("keygen", "--config", write_configuration(work, "keygen", config))


def generate(work, events, subscribers, seed=1, *arguments):
    """events.jsonl, events.keyed and consent.jsonl in `work`."""
    common = ["-n", events, "-m", subscribers, "-s", seed, *arguments]
    clickveil("generate", *common, "-e", work / "events.jsonl", "-c", work / "consent.jsonl")
    clickveil("generate", *common, "--keys", "-e", work / "events.keyed", "-c", work / "consent.keyed")


def run_files(work, name, config, events, consent, now_ms):
    """File mode over the same chain; returns the directory with out, internal and summary."""
    out = work / name
    out.mkdir(exist_ok=True)
    path = write_configuration(work, f"{name}-files", config)
    arguments = ["run", "--config", path, "--input", events, "--output", out / "out.jsonl", "--internal",
                 out / "internal.jsonl", "--summary", out / "summary.json", "--now", now_ms]
    if consent:
        arguments += ["--consent", consent]
    clickveil(*arguments)
    return out
