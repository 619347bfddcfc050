#!/usr/bin/env python3
"""Holds strings that a fuzzer found against the reference decoder.

    tests/gpp/corpus.py FOLDER...       what `clickveil gpp` allows the reference must allow; exit status 1 if not

A file is the input of tests/fuzz/gpp_fuzz.c: the GPP string up to the first NUL.
"""
import json
import os
import subprocess
import sys
from pathlib import Path

import reference as ref

PROGRAM = str(Path(__file__).resolve().parents[2] / os.environ.get("CLICKVEIL", "build/clickveil"))
UNDER_AGES = (18, 13)


def judge(strings, *options):
    """What `clickveil gpp` says about many strings: a dictionary each."""
    done = subprocess.run([PROGRAM, "gpp", "--json", *options, "-"], capture_output=True, check=False,
                          input="".join(text + "\n" for text in strings).encode("latin-1"))
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) != len(strings):
        raise RuntimeError(f"{len(answers)} answers to {len(strings)} strings")
    return answers


def texts_of(folder):
    texts = [path.read_bytes().split(b"\0")[0] for path in sorted(Path(folder).glob("*")) if path.is_file()]
    return [text.decode("latin-1") for text in texts if b"\n" not in text]


def leaks(texts):
    return [f"{text!r} under {under_age}" for under_age in UNDER_AGES
            for text, answer in zip(texts, judge(texts, "--under-age", str(under_age)), strict=True)
            if answer["decision"] == "allow" and not ref.allows(text, None, under_age)]


if __name__ == "__main__":
    found = [text for folder in sys.argv[1:] for text in texts_of(folder)]
    wrong = leaks(found)
    print("\n".join(wrong) if wrong else f"{len(found)} strings: the reference allows all that are allowed")
    sys.exit(1 if wrong else 0)
