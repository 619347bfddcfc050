#!/bin/sh
# `clickveil run` over files: bad input, canaries, determinism, exit status; see tests/chain/run_files.py.
exec python3 "$(dirname "$0")/run_files.py" "$@"
