"""What the chain tests share: TAP, a configuration of its own in a temporary folder, runs of the program."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PROGRAM = str(TOP / os.environ.get("CLICKVEIL", "build/clickveil"))


class Tap:
    """Assertions as TAP; a failed one says what differs."""

    def __init__(self):
        self.number = 0
        self.failed = 0

    def check(self, good, name, *what):
        self.number += 1
        print(f"{'ok' if good else 'not ok'} {self.number} - {name}")
        if not good:
            self.failed += 1
            for item in what:
                for line in str(item).splitlines() or [""]:
                    print(f"#   {line}")

    def equal(self, got, wanted, name):
        self.check(got == wanted, name, f"wanted {wanted!r}", f"got    {got!r}")

    def skip(self, name, why):
        self.number += 1
        print(f"ok {self.number} - {name} # SKIP {why}")

    def end(self):
        print(f"1..{self.number}")
        sys.exit(1 if self.failed else 0)


class Place:
    """A temporary folder with the shipped configuration and keys of its own."""

    def __init__(self, now):
        self.path = Path(tempfile.mkdtemp(prefix="clickveil-test-"))
        self.now = now
        shutil.copytree(TOP / "config", self.path / "config", ignore=shutil.ignore_patterns("secrets"))
        self.config = str(self.path / "config/pipeline.yaml")
        made = subprocess.run([PROGRAM, "keygen", "--config", self.config, "--now", now], capture_output=True, text=True)
        if made.returncode:
            sys.exit(f"keygen: {made.stderr}")

    def remove(self):
        shutil.rmtree(self.path)

    def write(self, name, content):
        path = self.path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def program(self, command, *arguments, options=(), stdin=b"", config=None):
        """Run a command with the configuration; options are texts for --set. Gives the finished process, in bytes."""
        line = [PROGRAM, command, "--config", config or self.config, "--now", self.now]
        for option in options:
            line += ["--set", option]
        return subprocess.run([*line, *map(str, arguments)], input=stdin, capture_output=True, timeout=120)

    def run(self, events, consent, options=(), name="run"):
        """A file run. Gives process, summary, output lines and internal lines (parsed)."""
        files = {kind: self.path / f"{name}.{kind}" for kind in ("out", "internal", "summary")}
        for path in files.values():
            path.unlink(missing_ok=True)
        process = self.program("run", "--input", events, "--consent", consent, "--output", files["out"],
                               "--internal", files["internal"], "--summary", files["summary"], options=options)
        return Run(process, files)


class Run:
    def __init__(self, process, files):
        self.process = process
        self.status = process.returncode
        self.stderr = process.stderr
        self.files = files

    @property
    def summary(self):
        return json.loads(self.files["summary"].read_text())

    @property
    def out(self):
        return [json.loads(line) for line in self.files["out"].read_text().splitlines()]

    @property
    def internal(self):
        return [json.loads(line) for line in self.files["internal"].read_text().splitlines()]

    def feed(self, topic):
        """The state of a feed as an advertiser has it: ID -> sorted interests."""
        state = {}
        for record in self.out:
            if record["topic"] != topic:
                continue
            if record["value"] is None:
                state.pop(record["key"], None)
            else:
                segments = record["value"]["user"]["data"][0]["segment"]
                state[record["key"]] = tuple(sorted(int(segment["id"]) for segment in segments))
        return state

    def dead_letters(self):
        """Reasons of the dead letters, in order."""
        return [record["headers"]["clickveil-reason"] for record in self.out if record["key"] is None]

    def balances(self):
        summary = self.summary
        return summary["in"] == (summary["kept"] + sum(summary["dropped"].values())
                                 + sum(summary["dead_letters"].values()))
