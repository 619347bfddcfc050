#!/usr/bin/env bash
# Builds and runs the fuzz targets with clang's libFuzzer, address and undefined behaviour sanitizers on.
#
#   tests/fuzz/run.sh [TARGET]...           event config gpp consent host import; default: all
#
# Environment: FUZZ_SECONDS (60) for each; FUZZ_KEEP=1 adds what is new to the corpus. What breaks a target is left in
# build/fuzz/TARGET.crash-..., and the exit status is 1. What the targets found is then asked of the reference decoder,
# where there is one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

out=${CLICKVEIL_BUILD:-build/default}/../fuzz
seconds=${FUZZ_SECONDS:-60}
clang=${FUZZ_CC:-clang}
library=${CLICKVEIL_BUILD:-build/default}/libclickveil.a
packages="rdkafka yaml-0.1 libsodium yyjson libpsl libidn2 libmicrohttpd"
mkdir -p "$out"

# What is instrumented; whatever else these need comes out of the ordinary library.
declare -A parts=(
    [event]="codec event hop json_reader json_writer partitioner rfc3339 subject utf8"
    [config]="config config_kafka config_topics date document option option_judge option_override option_value programme zone"
    [gpp]="gpp gpp_judge gpp_layout national us_privacy"
    [host]="host public_suffix"
    [import]="commands/import_categories commands/import_csv commands/import_key commands/import_list commands/import_report commands/import_rows
              commands/import_taxonomy host tsv utf8"
    [consent]="choice_record consent_link consent_record rfc3339 subject utf8"
)
declare -A options=([config]="-dict=tests/fuzz/config.dict" [gpp]="-dict=tests/fuzz/gpp.dict" [consent]="-dict=tests/fuzz/consent.dict")
declare -A seeds=([event]=tests/fuzz/corpus/event [config]="config config/programmes config/split"
                  [gpp]=tests/fuzz/corpus/gpp [host]=tests/fuzz/corpus/host
                  [import]=tests/fuzz/corpus/import [consent]=tests/fuzz/corpus/consent)

build() { # build TARGET
    local sources=()
    for part in ${parts[$1]}; do
        case $part in */*) sources+=("$part.c") ;; *) sources+=("common/$part.c") ;; esac
    done
    # shellcheck disable=SC2046,SC2086 # flags and packages are words
    "$clang" -std=c17 -D_GNU_SOURCE -I. -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
        $(pkg-config --cflags $packages) -o "$out/$1_fuzz" "tests/fuzz/$1_fuzz.c" \
        tests/fuzz/ensure_abort.c "${sources[@]}" "$library" -Wl,--wrap=ensure_failed \
        -Wl,--as-needed $(pkg-config --libs $packages) -lpthread -lm
}

bad=0
for target in "${@:-event config gpp consent host import}"; do
    for name in $target; do
        build "$name"
        found=$out/$name.found
        rm -rf "$found"
        mkdir -p "$found"
        # shellcheck disable=SC2086 # options and seeds are words
        if "$out/${name}_fuzz" ${options[$name]:-} -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -verbosity=0 \
            -print_final_stats=1 -artifact_prefix="$out/$name." "$found" ${seeds[$name]} >"$out/$name.log" 2>&1; then
            runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$name.log")
            echo "$name: ${runs:-0} inputs in $seconds s, nothing broke, $(find "$found" -type f | wc -l) new"
        else
            echo "$name: BROKEN, see $out/$name.log"
            tail -n 40 "$out/$name.log"
            bad=1
        fi
        if [ "$name" = gpp ]; then
            tests/gpp/corpus.py "$found" tests/fuzz/corpus/gpp || bad=1
        fi
        if [ -n "${FUZZ_KEEP:-}" ] && [ -d "tests/fuzz/corpus/$name" ]; then
            "$out/${name}_fuzz" -merge=1 "tests/fuzz/corpus/$name" "$found" >>"$out/$name.log" 2>&1
        fi
    done
done
exit $bad
