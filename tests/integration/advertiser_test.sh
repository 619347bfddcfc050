#!/usr/bin/env bash
# clickveil advertiser check on a real Kafka: to the end of the topic, behind what a transaction left, as read committed
# and uncommitted.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/tap_lib.sh
clickveil=${CLICKVEIL:-build/clickveil}
tool=${CLICKVEIL_BUILD:-build/default}/tests/integration/kafka_tool
work=${CLICKVEIL_BUILD:-build/default}/advertiser_integration
topic=feed.advertiser-test-$$
rm -rf "$work"
mkdir -p "$work"

check() { # status, with what was said in $work/out and $work/err
    "$clickveil" advertiser check --topic "$topic" --bootstrap "$KAFKA_BOOTSTRAP" --now 2026-11-21T06:00:00Z "$@" \
        >"$work/out" 2>"$work/err"
    echo $?
}

settled() { # a transaction's markers come behind the answer to its commit
    for _ in $(seq 300); do
        [ "$("$tool" ends "$KAFKA_BOOTSTRAP" "$topic" committed)" != "$("$tool" ends "$KAFKA_BOOTSTRAP" "$topic" uncommitted)" ] ||
            return 0
        sleep 0.1
    done
}

a=CanXKwBP87pKcg66-Tr5PA b=RTvCuBuQbaNgiRWrj5wgyw c=M4FKHcArxWMG2yMdyMUPMw
record() { # record KEY SEGMENTS
    printf '{"key":"%s","value":{"v":1,"user":{"eids":[{"source":"ads.example","inserter":"ads.example","uids":[{"id":"%s","atype":3}]}],"data":[{"name":"ads.example","segment":[%s],"ext":{"segtax":4}}]},"ext":{"epoch":2968,"expires":"2099-11-28T00:00:00Z"}}}\n' \
        "$1" "$1" "$2"
}

is a_topic_that_is_not_there "$(check)" 69
has a_topic_that_is_not_there_is_named "the topic $topic does not exist" "$work/err"
tests/support/kafka.sh create-topic "$KAFKA_BOOTSTRAP" "$topic" 3 cleanup.policy=compact,delete >/dev/null
is an_empty_feed "$(check --json)" 0
is an_empty_feed_has_nothing "$(cat "$work/out")" \
    "{\"topic\":\"$topic\",\"valid\":true,\"views\":[{\"view\":\"committed\",\"records\":0,\"tombstones\":0,\"live\":0,\"devices\":0,\"expired\":0,\"epochs\":{},\"interests\":{},\"invalid\":{},\"invalid_records\":[]}]}"

# Committed: behind the last record of each partition stands the transaction's marker.
{
    record $a '{"id":"368"}'
    record $b '{"id":"368"}'
    record $a '{"id":"368"},{"id":"422"}'
    echo "{\"key\":\"$b\",\"value\":null}"
} >"$work/committed"
"$tool" produce "$KAFKA_BOOTSTRAP" "$topic" "$work/committed" records txn="$topic-one" >/dev/null
settled
is a_committed_feed "$(check --json)" 0
is a_committed_feed_is_its_last_values "$(cat "$work/out")" \
    "{\"topic\":\"$topic\",\"valid\":true,\"views\":[{\"view\":\"committed\",\"records\":4,\"tombstones\":1,\"live\":1,\"devices\":0,\"expired\":0,\"epochs\":{\"2968\":1},\"interests\":{\"368\":1,\"422\":1},\"invalid\":{},\"invalid_records\":[]}]}"

# Aborted: a fault that only those see who read uncommitted.
record $c '{"id":"206"}' >"$work/aborted"
"$tool" produce "$KAFKA_BOOTSTRAP" "$topic" "$work/aborted" records txn="$topic-two" hold </dev/null >/dev/null
settled
is an_aborted_fault_is_not_committed "$(check)" 0
is an_aborted_fault_is_seen_uncommitted "$(check --uncommitted)" 65
has an_aborted_fault_is_named "^  $topic\[[0-2]\]@[0-9]+: segment_unknown: " "$work/out"
is both_views_are_shown "$(grep -cE '\((committed|uncommitted)\)$' "$work/out")" 2

# A plain fault, by its place: with one partition the next offset is known.
single=$topic-single
tests/support/kafka.sh create-topic "$KAFKA_BOOTSTRAP" "$single" 1 >/dev/null
{
    record $a '{"id":"368"}'
    record $b '{"id":"422"},{"id":"368"}'
} >"$work/fault"
"$tool" produce "$KAFKA_BOOTSTRAP" "$single" "$work/fault" records >/dev/null
is a_fault "$("$clickveil" advertiser check --topic "$single" --bootstrap "$KAFKA_BOOTSTRAP" >"$work/out" 2>&1; echo $?)" 65
has a_fault_is_named_by_its_offset "^  $single\[0\]@1: segment_order: " "$work/out"
is no_id_is_printed "$(grep -cE "$a|$b|$c" "$work/out")" 0
plan
