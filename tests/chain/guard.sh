#!/bin/sh
# The support guard over whole lists: nothing comes out that few sites and apps stand behind; see tests/chain/guard.py.
exec python3 "$(dirname "$0")/guard.py" "$@"
