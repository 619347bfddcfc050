#!/bin/sh
# The golden test of the T-Mobile preset from events to feeds; see tests/chain/tmobile_feed.py.
exec python3 "$(dirname "$0")/tmobile_feed.py" "$@"
