#!/bin/sh
# `clickveil rules diff` and `rules report`, and the deny list that comes of traffic; see tests/chain/rules_report.py.
exec python3 "$(dirname "$0")/rules_report.py" "$@"
