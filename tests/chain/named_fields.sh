#!/bin/sh
# What programmes name for detailed feeds, through all stages and cuts; see tests/chain/named_fields.py.
exec python3 "$(dirname "$0")/named_fields.py" "$@"
