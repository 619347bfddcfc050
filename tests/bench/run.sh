#!/usr/bin/env bash
# Speed and memory, side by side in one run (make bench): clickveil, fused and split, beside two bare clients of
# librdkafka that do no work, over the same topics of a Kafka of its own; and the chain alone, without Kafka.
#
#   tests/bench/run.sh                      prints a table; the figures go to build/bench.json
#
# Environment: BENCH_EVENTS (2000000), BENCH_SUBSCRIBERS (250000), BENCH_CONSENT_SUBSCRIBERS (6700000, which makes a
# million choices), BENCH_ROUNDS (3), BENCH_ONLY (a list of: chain letters gpp rules ids consume forward fused unguarded import
# burst split), BENCH_COMMIT_MS (100), BENCH_RETRACTIONS (400000), BENCH_IMPORT_EVENTS (5000000: as many as there is work
# for until an import ends). `unguarded` is fused in a build that passes no barrier and looks for no retractions
# (TEST_BUILD=barrier-off). `import` is fused while `clickveil consent import` brings a million opt-outs, from its start to
# its end, at the pace that it has by itself; `burst` is fused while somebody's producer writes as many, 100,000 a second.
# All three stand against fused of the same round, and the goal against the median of the rounds' ratios.
# An import has a topic of consents and one of retractions of its own: what it leaves there would take away from the
# work of all that is measured after it. The others have retractions of people whom no event is about, so that they
# are looked for and nothing is dropped.
# `first start` comes before all rounds: once in a pipeline's life the keeper goes through the whole consent topic
# beside the events, and every signal is a new one.
# One round runs every candidate once, one after the other (split, which takes longest, only in the first), fused and
# unguarded in turns. The table shows medians over rounds. On a busy machine only ratios and CPU seconds mean something.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

out=${CLICKVEIL_BUILD:-build/default}
clickveil=${CLICKVEIL:-build/clickveil}
kafka=tests/support/kafka.sh
export KAFKA_JVM=${KAFKA_JVM:-} KAFKA_HEAP=${KAFKA_HEAP:-2g} # both compilers and room: this one is to be fast
events=${BENCH_EVENTS:-2000000}
subscribers=${BENCH_SUBSCRIBERS:-250000}
consent_subscribers=${BENCH_CONSENT_SUBSCRIBERS:-6700000}
rounds=${BENCH_ROUNDS:-3}
import_events=${BENCH_IMPORT_EVENTS:-5000000}
only=${BENCH_ONLY:-chain letters gpp rules ids consume forward fused unguarded import burst split}
unguarded=build/barrier-off/clickveil
commit_ms=${BENCH_COMMIT_MS:-100}
retractions=${BENCH_RETRACTIONS:-400000}
partitions=4
opt_out_percent=5

work=$(mktemp -d "${TMPDIR:-/tmp}/clickveil-bench.XXXXXX")
results=$work/results.jsonl
: >"$results"

clean() {
    "$kafka" wipe "$work/kafka" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap clean EXIT

wants() { [[ " $only " == *" $1 "* ]]; }

configure() { # configure NAME [RETRACTIONS]: writes pipeline.yaml with topics of its own for this run
    local shipped
    shipped=$(pwd)/config
    cat >"$work/pipeline.yaml" <<CONF
kafka: {bootstrap.servers: "$bootstrap"}
workers: 1
instance: bench
topics: {consent_out: "consented.$1", pseudonymize_out: "pseudonymized.$1", classify_out: "classified.$1",
         state: "state.$1", retractions: "${2:-clickveil.retractions}"}
programmes: ["$shipped/programmes/tmobile.yaml"]
subscriber: {kind: e164}
consent: {subjects: [line, account]}
pseudonymize: {key: keys/pseudonym.key}
classify:
  hosts: ["$shipped/rules/hosts.tsv", "$shipped/rules/sensitive.tsv", "$shipped/rules/infrastructure.tsv"]
  apps: ["$shipped/rules/apps.tsv", "$shipped/rules/sensitive-apps.tsv", "$shipped/rules/preinstalled.tsv"]
  taxonomy: "$shipped/rules/audience-taxonomy-1.1.tsv"
dead_letters: {public_key: keys/dead-letters.pub}
runtime: {commit_interval: ${commit_ms}ms}
http: {enabled: false}
log: {level: error}
publish:
  key: keys/publish.key
  provider: ads.example
  feeds:
    - {advertiser: acme, programme: tmobile, kind: interests, id: user, topic: feed.acme.tmobile}
    - {advertiser: globex, programme: tmobile, kind: interests, id: device, topic: feed.globex.tmobile}
CONF
}

note() { # note COMMAND...: run it and keep its one line of JSON, with the command
    local line command
    command="$*"
    echo "  ${command//$work/\$WORK}" >&2
    line=$("$@")
    command=${command//\\/\\\\}
    command=${command//\"/\\\"}
    printf '{"command":"%s",%s\n' "${command//$work/\$WORK}" "${line#\{}" >>"$results"
}

measure_fused() { # measure_fused ROUND [NAME]
    configure "fused.$1"
    "$out/tests/bench/load" topics "$bootstrap" $partitions "state.fused.$1"
    note "$out/tests/bench/measure" "${2:-fused}" "$bootstrap" clickveil.consent=clickstream.events \
        -- "$clickveil" run --config "$work/pipeline.yaml"
}

measure_unguarded() {
    configure "unguarded.$1"
    "$out/tests/bench/load" topics "$bootstrap" $partitions "state.unguarded.$1"
    note "$out/tests/bench/measure" unguarded "$bootstrap" clickveil.consent=clickstream.events \
        -- "$unguarded" run --config "$work/pipeline.yaml"
}

measure_guards() { # measure_guards ROUND: with and without, each first in every second round
    local what order="fused unguarded"
    (($1 % 2)) || order="unguarded fused"
    for what in $order; do
        ! wants "$what" || "measure_$what" "$1"
    done
}

prepare_imports() {
    "$out/tests/bench/load" topics "$bootstrap" $partitions clickstream.import
    "$out/tests/bench/load" sample "$bootstrap" clickstream.import - "events=$import_events" \
        "subscribers=$subscribers" >/dev/null
    "$out/tests/bench/load" opt-out-lines "$work/opt-outs.jsonl" count=1000000 \
        "consent-subscribers=$consent_subscribers"
    # measure lets go on what stops itself
    printf '#!/usr/bin/env bash\nkill -STOP $$\nexec "$@" >/dev/null\n' >"$work/later"
    chmod +x "$work/later"
}

measure_beside() { # measure_beside WHAT ROUND PROGRAM ARGUMENT...: fused, with topics of its own, while that runs
    local what=$1 name=$1.$2
    shift 2
    configure "$name" "retractions.$name"
    "$out/tests/bench/load" topics "$bootstrap" $partitions "state.$name" "consent.$name:compact" "retractions.$name"
    "$out/tests/bench/load" opt-outs "$bootstrap" "consent.$name" count=1000 consent-subscribers=1000 >/dev/null
    note "$out/tests/bench/measure" "$what" "$bootstrap" clickveil.consent=clickstream.import \
        -- "$clickveil" run --config "$work/pipeline.yaml" --set "topics.consent=consent.$name" \
        --set topics.events=clickstream.import --beside "$@"
}

measure_import() {
    measure_beside import "$1" "$work/later" "$clickveil" consent import --config "$work/pipeline.yaml" \
        --set "topics.consent=consent.import.$1" "$work/opt-outs.jsonl"
}

measure_burst() {
    measure_beside burst "$1" "$out/tests/bench/load" opt-outs "$bootstrap" "consent.burst.$1" count=1000000 \
        "consent-subscribers=$consent_subscribers" wait=1
}

measure_split() {
    configure "split.$1"
    "$out/tests/bench/load" topics "$bootstrap" $partitions "consented.split.$1" "pseudonymized.split.$1" \
        "classified.split.$1" "state.split.$1"
    note "$out/tests/bench/measure" split "$bootstrap" clickveil.consent=clickstream.events \
        "clickveil.pseudonymize=consented.split.$1" "clickveil.classify=pseudonymized.split.$1" \
        "clickveil.publish=classified.split.$1" \
        -- "$clickveil" run --config "$work/pipeline.yaml" --set 'stages=[consent]' \
        -- "$clickveil" run --config "$work/pipeline.yaml" --set 'stages=[pseudonymize]' \
        -- "$clickveil" run --config "$work/pipeline.yaml" --set 'stages=[classify]' \
        -- "$clickveil" run --config "$work/pipeline.yaml" --set 'stages=[publish]'
}

# ---- the chain alone; it also says which share of this sample is kept ----

bootstrap=127.0.0.1:1
configure chain
"$clickveil" keygen --config "$work/pipeline.yaml" >/dev/null 2>&1
echo 'Measuring the chain alone ...' >&2
chain_rounds=$rounds
wants chain || chain_rounds=1
for ((round = 1; round <= chain_rounds; round++)); do
    note "$out/tests/bench/chain" "$work/pipeline.yaml" events=500000 subscribers=$((subscribers / 4)) \
        "consent-subscribers=$consent_subscribers" "opt-out-percent=$opt_out_percent"
done
kept_percent=$(sed -n 's/.*"cold":{[^}]*"kept_share":\([0-9.]*\).*/\1/p' "$results" | tail -1 |
    awk '{ printf "%.0f", $1 * 100 }')

# ---- a stream of dead letters ----

! wants letters || note "$out/tests/bench/dead_letters" "$work/pipeline.yaml"

# ---- one decision about a GPP string ----

! wants gpp || note "$out/tests/bench/gpp"

# ---- compiled rules, by their number ----

if wants rules; then
    for count in 1000000 10000000; do note "$out/tests/bench/rules" "$count"; done
fi

# ---- pseudonyms and IDs ----

! wants ids || note "$out/tests/bench/ids"

# ---- on Kafka ----

if wants consume || wants forward || wants fused || wants unguarded || wants import || wants burst || wants split; then
    ! wants unguarded || make -s TEST_BUILD=barrier-off build/barrier-off/clickveil >&2
    echo 'Starting a Kafka and loading it ...' >&2
    status=0
    bootstrap=$("$kafka" start "$work/kafka") || status=$?
    [ $status -ne 3 ] || { echo 'make bench: no Kafka can be had here' >&2; exit 1; }
    [ $status -eq 0 ] || exit 1
    "$out/tests/bench/load" topics "$bootstrap" $partitions clickstream.events subscriber.consent:compact forwarded \
        clickveil.dead-letters clickveil.retractions feed.acme.tmobile feed.globex.tmobile
    note "$out/tests/bench/load" sample "$bootstrap" clickstream.events subscriber.consent "events=$events" \
        "subscribers=$subscribers" "consent-subscribers=$consent_subscribers" "opt-out-percent=$opt_out_percent"
    ! wants fused || measure_fused first 'first start'
    # Behind the first start, which would otherwise begin by taking back what all consents say.
    "$out/tests/bench/load" retractions "$bootstrap" clickveil.retractions tmobile "count=$retractions"
    if wants import || wants burst; then
        prepare_imports
    fi
    for ((round = 1; round <= rounds; round++)); do
        echo "Round $round of $rounds ..." >&2
        ! wants consume || note "$out/tests/bench/bare_client" consume "$bootstrap" clickstream.events
        ! wants forward ||
            note "$out/tests/bench/bare_client" forward "$bootstrap" clickstream.events forwarded "$kept_percent"
        measure_guards "$round"
        ! wants import || measure_import "$round"
        ! wants burst || measure_burst "$round"
        [ "$round" -gt 1 ] || ! wants split || measure_split "$round"
    done
fi

# ---- what came of it ----

mkdir -p build
python3 tests/bench/report.py "$results" build/bench.json "partitions=$partitions" "codec=lz4" "commit_ms=$commit_ms" \
    "rounds=$rounds" "kept_percent=$kept_percent" "workers=1" "clickveil=$("$clickveil" --version | head -1)" \
    "librdkafka=$(pkg-config --modversion rdkafka)" "kafka=$(sed -n 's|.*<kafka.version>\(.*\)</kafka.version>.*|\1|p' \
    tests/support/kafka/pom.xml)" "compiler=$("${CC:-gcc}" --version | head -1)"
