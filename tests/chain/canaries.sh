#!/bin/sh
# No hop carries what the table of fields does not let it: canaries in every field; see tests/chain/canaries.py.
exec python3 "$(dirname "$0")/canaries.py" "$@"
