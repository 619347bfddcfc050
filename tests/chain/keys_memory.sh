#!/bin/sh
# What a running process shows of its keys; see tests/chain/keys_memory.py.
exec python3 "$(dirname "$0")/keys_memory.py" "$@"
