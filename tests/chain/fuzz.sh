#!/bin/sh
# A short run of the fuzz targets for what decides about consent, GPP strings and records of the consent topic, and for the
# lists of others that are imported. FUZZ_SECONDS (5) for each; `make fuzz` runs all targets, and longer.
cd "$(dirname "$0")/../.." || exit 1
build=${CLICKVEIL_BUILD:-build/default}
targets='gpp consent import'
number=0 bad=0

skip=''
[ "$build" = build/default ] || skip="this build has sanitizers of its own"
mkdir -p "$build"
if ! command -v "${FUZZ_CC:-clang}" >/dev/null; then
    skip="clang is not here"
elif ! echo 'int LLVMFuzzerTestOneInput(const char *data, unsigned long size) { return !data && size; }' |
    "${FUZZ_CC:-clang}" -fsanitize=fuzzer,address,undefined -x c - -o "$build/fuzz_probe" 2>/dev/null; then
    skip="this clang has no libFuzzer"
fi

for target in $targets; do
    number=$((number + 1))
    if [ -n "$skip" ]; then
        echo "ok $number - fuzz_$target # SKIP $skip"
        continue
    fi
    log=$build/log/fuzz.$target
    mkdir -p "$build/log"
    if FUZZ_SECONDS=${FUZZ_SECONDS:-5} tests/fuzz/run.sh "$target" >"$log" 2>&1; then
        echo "ok $number - fuzz_$target"
        sed 's/^/# /' "$log"
    else
        echo "not ok $number - fuzz_$target"
        sed 's/^/# /' "$log" | tail -n 50
        bad=1
    fi
done
echo "1..$number"
exit $bad
