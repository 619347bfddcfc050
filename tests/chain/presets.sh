#!/bin/sh
# The presets of config/programmes/, rule by rule and all at once; see tests/chain/presets.py.
exec python3 "$(dirname "$0")/presets.py" "$@"
