#!/usr/bin/env python3
"""Exactly once, each stage in processes of its own: see exactly_once.py."""

import exactly_once
import harness

if __name__ == "__main__":
    exactly_once.main("split", [([stage], 2 if stage in ("consent", "publish") else 1) for stage in harness.STAGES])
