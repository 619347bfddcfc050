#!/usr/bin/env python3
"""Exactly once, the whole chain in each of two processes: see exactly_once.py."""

import exactly_once
import harness

if __name__ == "__main__":
    exactly_once.main("fused", [(harness.STAGES, 2)])
