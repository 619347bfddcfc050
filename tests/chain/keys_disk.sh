#!/bin/sh
# The chain of keys on disk, and `clickveil keys`; see tests/chain/keys_disk.py.
exec python3 "$(dirname "$0")/keys_disk.py" "$@"
