#!/bin/sh
# `clickveil gpp`: the conformance table, fields, mutations against the reference decoder; see tests/chain/gpp.py.
exec python3 "$(dirname "$0")/gpp.py" "$@"
