#!/bin/sh
# The checker that judges the runs on Kafka, on faults planted for it. Needs no Kafka.
set -u
cd "$(dirname "$0")/../.." || exit 1
if ! command -v python3 >/dev/null; then
    echo 'ok 1 - checker # SKIP no python3'
    exit 0
fi
exec python3 tests/integration/planted_faults.py
