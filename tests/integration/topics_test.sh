#!/usr/bin/env bash
# clickveil topics create and check --broker on a real Kafka.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/tap_lib.sh
clickveil=${CLICKVEIL:-build/clickveil}
kafka=tests/support/kafka.sh
tool=${CLICKVEIL_BUILD:-build/default}/tests/integration/kafka_tool
work=${CLICKVEIL_BUILD:-build/default}/topics_integration
rm -rf "$work"
mkdir -p "$work"
own=topics-test-$$

run() { # run COMMAND...: status, with what was said in $work/out and $work/err; names of topics are our own
    command=$1
    shift
    "$clickveil" "$command" --config config/pipeline.yaml --set "kafka.bootstrap.servers=$KAFKA_BOOTSTRAP" \
        --set "topics.events=$own.events" --set "topics.consent=$own.consent" --set "topics.state=$own.state" \
        --set "topics.retractions=$own.retractions" --set "topics.dead_letters=$own.dead" --set "publish.feeds.0.topic=$own.feed-0" \
        --set "publish.feeds.1.topic=$own.feed-1" "$@" >"$work/out" 2>"$work/err"
    echo $?
}

describe() { # describe TOPIC: its settings as the broker has them, in $work/settings
    $kafka tool kafka.admin.ConfigCommand --bootstrap-server "$KAFKA_BOOTSTRAP" --describe --all --entity-type topics \
        --entity-name "$1" >"$work/settings"
}

setting() { sed -n "s/^ *$1=\([^ ]*\) .*/\1/p" "$work/settings"; }

states() { awk '{ print $1 }' "$work/out" | sort | uniq -c | awk '{ print $1 $2 }' | xargs; }

is check_before "$(run check --broker)" 78
is check_names_every_missing_topic "$(grep -c "error: $own.*does not exist.*topics create" "$work/err")" 7

is create_first "$(run topics create --partitions 6)" 0
is create_makes_all "$(states)" 7created
is create_again "$(run topics create)" 0
is create_again_leaves_them "$(states)" 7exists
is create_again_has_nothing_to_say "$(cat "$work/err")" ''
has create_takes_partitions_from_the_input "$own.state \(state\), 6 partitions" "$work/out"

describe "$own.feed-0"
is broker_has_the_feeds_policy "$(setting cleanup.policy | tr ',' '\n' | sort | xargs)" 'compact delete'
is broker_has_the_feeds_retention "$(setting retention.ms)" 1296000000
is broker_has_the_feeds_tombstones "$(setting delete.retention.ms)" 1209600000
is broker_rolls_and_compacts_feeds_daily "$(setting segment.ms) $(setting max.compaction.lag.ms)" '86400000 86400000'
describe "$own.consent"
is broker_compacts_consent "$(setting cleanup.policy)" compact
is broker_stamps_consent "$(setting message.timestamp.type)" LogAppendTime
describe "$own.retractions"
is broker_forgets_retractions_that_are_over "$(setting cleanup.policy | tr ',' '\n' | sort | xargs) $(setting retention.ms)" \
    'compact delete 1036800000'
describe "$own.dead"
is broker_deletes_dead_letters "$(setting cleanup.policy) $(setting retention.ms)" 'delete 604800000'

is check_after "$(run check --broker)" 0
has check_after_says_so '^broker: good \(topics: 7\)$' "$work/out"
is check_of_too_many_workers "$(run check --broker --set workers=8)" 0
has check_of_too_many_workers_warns 'warning: .*6 partitions, so 2 of the 8 workers have nothing to do' "$work/err"

# What is there but differs is named, and left.
$kafka create-topic "$KAFKA_BOOTSTRAP" "$own.other-state" 5 >/dev/null
$kafka create-topic "$KAFKA_BOOTSTRAP" "$own.other-feed" 2 cleanup.policy=compact >/dev/null
$kafka create-topic "$KAFKA_BOOTSTRAP" "$own.other-retractions" 2 cleanup.policy=compact,delete retention.ms=1036799999 >/dev/null
$kafka create-topic "$KAFKA_BOOTSTRAP" "$own.old-retractions" 2 cleanup.policy=compact >/dev/null
$kafka create-topic "$KAFKA_BOOTSTRAP" "$own.other-consent" 2 cleanup.policy=compact >/dev/null
$kafka create-topic "$KAFKA_BOOTSTRAP" "$own.other-dead" 1 cleanup.policy=delete retention.ms=1000 >/dev/null
others=(--set "topics.state=$own.other-state" --set "publish.feeds.0.topic=$own.other-feed"
    --set "topics.dead_letters=$own.other-dead" --set "topics.consent=$own.other-consent"
    --set "topics.retractions=$own.other-retractions")
is create_beside_other_topics "$(run topics create "${others[@]}")" 0
has create_names_other_partitions "warning: $own.other-state: partitions is 5, and should be 6" "$work/err"
has create_names_another_policy "warning: $own.other-feed: cleanup.policy is compact, and should be compact,delete" "$work/err"
has create_names_another_retention "warning: $own.other-dead: retention.ms is 1000, and should be 604800000" "$work/err"
describe "$own.other-feed"
is create_leaves_what_is_there "$(setting cleanup.policy)" compact

# A topic that appears while `create` looks may exist for the controller and not yet for the broker; it is compared all the same.
appeared=0
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    "$tool" create "$KAFKA_BOOTSTRAP" \
        "$own.appears-$i:1:cleanup.policy=delete,retention.ms=1000" >/dev/null &
    sleep "0.00$((i % 6))"
    run topics create --set "topics.dead_letters=$own.appears-$i" >/dev/null
    wait $!
    if grep -q "^created .*$own.appears-$i" "$work/out" || grep -q "$own.appears-$i: retention.ms is 1000" "$work/err"; then
        appeared=$((appeared + 1))
    fi
done
is create_compares_what_appears_meanwhile "$appeared" 12

is check_of_other_topics "$(run check --broker "${others[@]}")" 78
has check_names_other_partitions "error: $own.other-state: has 5 partitions, and must have 6 like the input $own.events" "$work/err"
has check_names_a_wrong_policy "error: $own.other-state: cleanup.policy is delete, and must be compact" "$work/err"
has check_names_a_feeds_retention "error: $own.other-feed: retention.ms is .*, and must be 1296000000; kafka-configs --alter" "$work/err"
has check_refuses_to_forget_retractions_too_early \
    "error: $own.other-retractions: retention.ms is 1036799999, and must be at least 1036800000, else choices are forgotten" "$work/err"
has check_only_warns_of_producers_clocks \
    "warning: $own.other-consent: message.timestamp.type is CreateTime, and should be LogAppendTime, else .*clock" "$work/err"
has check_only_warns_of_dead_letters "warning: $own.other-dead: retention.ms is 1000, and should be 604800000" "$work/err"

is check_of_retractions_that_are_kept_for_ever "$(run check --broker --set "topics.retractions=$own.old-retractions")" 0
has check_warns_of_retractions_that_are_kept_for_ever \
    "warning: $own.old-retractions: cleanup.policy is compact, and should be compact,delete, else it grows" "$work/err"

is create_with_too_many_replicas "$(run topics create --replication 100 --set "topics.events=$own.new")" 69
has create_with_too_many_replicas_says_why "$own.new was not created: .*replicat" "$work/err"

is create_as_json "$(run topics create --json "${others[@]}")" 0
is create_as_json_has_states "$(grep -c '"state": "exists"' "$work/out")" 7
is create_as_json_has_differences "$(grep -c '"should_be"' "$work/out")" 11
plan
