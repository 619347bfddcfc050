#!/usr/bin/env bash
# clickveil topics and check --broker as far as they go without a broker.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/tap_lib.sh
clickveil=${CLICKVEIL:-build/clickveil}
work=${CLICKVEIL_BUILD:-build/default}/topics_test
rm -rf "$work"
mkdir -p "$work"

# These take the seconds that a request to no broker takes; looked at in the end.
nobody=(--config config/pipeline.yaml --set kafka.bootstrap.servers=127.0.0.1:1)
"$clickveil" topics create "${nobody[@]}" >"$work/create" 2>&1 &
create=$!
"$clickveil" check "${nobody[@]}" --broker >"$work/check" 2>&1 &
check=$!

topics() { # status, with what was said in $work/out and $work/err
    "$clickveil" topics "$@" >"$work/out" 2>"$work/err"
    echo $?
}

column() { awk 'NR > 1 && $3 ~ /^[0-9]+$/ { print $1 ":" $3 }' "$work/out" | xargs; }

is plan_of_the_whole_chain "$(topics plan --config config/pipeline.yaml)" 0
is plan_names_every_topic_and_its_partitions "$(column)" \
    'clickstream.events:4 subscriber.consent:4 clickveil.retractions:4 clickveil.state:4 clickveil.dead-letters:1 feed.acme.tmobile:4 feed.globex.tmobile:4'
has plan_shows_a_feeds_retention 'feed.acme.tmobile .*cleanup.policy=compact,delete retention.ms=15d segment.ms=1d max.compaction.lag.ms=1d delete.retention.ms=14d message.timestamp.type=CreateTime' "$work/out"
is plan_takes_numbers "$(topics plan --config config/pipeline.yaml -p 12 -r 3)" 0
has plan_has_the_partitions_that_were_asked_for 'subscriber.consent .* 12 +3 ' "$work/out"
is plan_follows_the_epoch "$(topics plan --config config/pipeline.yaml --set publish.epoch=1d)" 0
has plan_keeps_two_epochs_and_a_day 'feed.acme.tmobile .*retention.ms=3d .*delete.retention.ms=2d' "$work/out"

cuts=
for stage in consent pseudonymize classify publish; do
    is "plan_of_the_cut_$stage" "$(topics plan --config config/split/$stage.yaml)" 0
    cuts="$cuts|$(column | sed 's/:[0-9]*//g; s/clickveil\.//g')"
done
is plan_of_each_cut_has_what_it_reads_and_writes "$cuts" \
    '|clickstream.events subscriber.consent consented dead-letters|subscriber.consent consented pseudonymized retractions dead-letters|pseudonymized classified dead-letters|classified retractions state dead-letters feed.acme.tmobile feed.globex.tmobile'

is plan_as_json "$(topics plan --config config/pipeline.yaml --json)" 0
has plan_as_json_names_roles '"role": "dead_letters"' "$work/out"

while IFS='|' read -r why wanted arguments said; do
    # shellcheck disable=SC2086  # words
    is "refused_$why" "$(topics $arguments)" "$wanted"
    has "refused_${why}_says_so" "$said" "$work/err"
done <<'END'
no_verb|64|--json|topics --help
unknown_verb|64|destroy -c config/pipeline.yaml|plan or create
no_configuration|64|plan|--config is missing
no_partitions|64|plan -c config/pipeline.yaml -p 0|from 1 to 10000
too_many_partitions|64|plan -c config/pipeline.yaml -p 10001|from 1 to 10000
no_number|64|plan -c config/pipeline.yaml -r three|from 1 to 100
bad_configuration|78|plan -c config/pipeline.yaml --set publish.k=1|k is below 50
no_file|78|plan -c config/nowhere.yaml|nowhere.yaml
END

"$clickveil" check --metrics-reference --broker >"$work/out" 2>"$work/err"
is check_references_stand_alone $? 64
wait $create
is create_broker_not_there $? 69
has create_broker_not_there_says_so 'see that the broker runs' "$work/create"
wait $check
is check_broker_not_there $? 69
has check_broker_not_there_says_so 'see that the broker runs' "$work/check"
plan
