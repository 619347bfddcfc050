#!/usr/bin/env bash
# clickveil advertiser check over what file mode wrote: a whole feed, and one with a fault of each kind.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/tap_lib.sh
clickveil=${CLICKVEIL:-build/clickveil}
work=${CLICKVEIL_BUILD:-build/default}/advertiser_test
rm -rf "$work"
mkdir -p "$work"

check() { # status, with what was said in $work/out and $work/err
    "$clickveil" advertiser check "$@" >"$work/out" 2>"$work/err"
    echo $?
}

# It takes the seconds that a request to no broker takes; looked at in the end.
"$clickveil" advertiser check --topic a --bootstrap 127.0.0.1:1 >"$work/nobody" 2>&1 &
nobody=$!

# ---- a feed that the chain made ----

cp -r config "$work/config" && rm -rf "$work/config/secrets" # keys of a clock of its own
"$clickveil" keygen --config "$work/config/pipeline.yaml" --now 2026-11-21T06:00:00Z >/dev/null 2>&1
"$clickveil" generate --events 60000 --start 2026-11-20T06:00:00Z --output-events "$work/events" \
    --output-consent "$work/consent" 2>/dev/null
"$clickveil" run --config "$work/config/pipeline.yaml" --input "$work/events" --consent "$work/consent" \
    --output "$work/feeds" --summary "$work/summary" --now 2026-11-21T06:00:00Z 2>/dev/null
is the_chain_ran $? 0
before='--now 2026-11-21T06:00:00Z'
for feed in acme globex; do
    # shellcheck disable=SC2086  # words
    is "the_feed_of_${feed}_keeps_the_contract" \
        "$(check --config config/pipeline.yaml --feed $feed --input "$work/feeds" $before)" 0
    is "the_feed_of_${feed}_has_all_its_records" "$(awk '$1 == "records" { print $2 }' "$work/out")" \
        "$(grep -c "\"topic\":\"feed.$feed.tmobile\"" "$work/feeds")"
    has "the_feed_of_${feed}_has_live_ids" '^  live IDs +[1-9]' "$work/out"
    has "the_feed_of_${feed}_has_nothing_invalid" '^  invalid +0$' "$work/out"
done
has the_feed_of_globex_is_of_devices '^  live IDs +([0-9]+)  \1 of devices, 0 of people' "$work/out"
# shellcheck disable=SC2086  # words
is a_feed_by_its_topic "$(check --topic feed.acme.tmobile --input "$work/feeds" $before)" 0
is a_feed_by_advertiser_and_programme \
    "$(check --config config/pipeline.yaml --feed acme/tmobile --input "$work/feeds")" 0
is a_feed_long_after "$(check --topic feed.acme.tmobile --input "$work/feeds" --now 2030-01-01T00:00:00Z)" 0
has a_feed_long_after_is_expired '^  live IDs +0 ' "$work/out"
is no_id_is_printed "$(grep -cF "$(sed -n 's/.*"topic":"feed.acme.tmobile","key":"\([^"]*\)".*/\1/p' "$work/feeds" | head -n 1)" "$work/out")" 0
"$clickveil" run --config "$work/config/pipeline.yaml" --input "$work/events" --consent "$work/consent" \
    --output "$work/trial" --now 2026-11-21T06:00:00Z --set publish.trial=true --set publish.k=2 2>/dev/null
is a_trial_is_refused "$(check --topic feed.acme.tmobile --input "$work/trial")" 65
has a_trial_is_refused_as_such '^  invalid +[1-9][0-9]*  trial: [1-9]' "$work/out"

# ---- a feed by hand ----

a=CanXKwBP87pKcg66-Tr5PA b=RTvCuBuQbaNgiRWrj5wgyw c=M4FKHcArxWMG2yMdyMUPMw
record() { # record KEY SEGMENTS [EPOCH [MORE MEMBERS]]
    printf '{"topic":"feed","key":"%s","value":{"v":1,"user":{"eids":[{"source":"ads.example","inserter":"ads.example","uids":[{"id":"%s","atype":3}]}],"data":[{"name":"ads.example","segment":[%s],"ext":{"segtax":4}}]},"ext":{"epoch":%s,"expires":"2026-11-28T00:00:00Z"%s}}}\n' \
        "$1" "$1" "$2" "${3:-2968}" "${4:-}"
}
{
    record $a '{"id":"368"}'
    record $b '{"id":"368"},{"id":"422"}'
    echo '{"topic":"another","key":null,"value":"c29tZXRoaW5n"}'
    record $a '{"id":"368"},{"id":"481"}'
    echo '{"topic":"feed","key":"'$b'","value":null}'
} >"$work/good"
is a_small_feed "$(check --topic feed --input "$work/good" --now 2026-11-21T06:00:00Z --json)" 0
is a_small_feed_is_its_last_values "$(cat "$work/out")" \
    '{"topic":"feed","valid":true,"views":[{"view":"file","records":4,"tombstones":1,"live":1,"devices":0,"expired":0,"epochs":{"2968":1},"interests":{"368":1,"481":1},"invalid":{},"invalid_records":[]}]}'
is a_feed_from_standard_input "$(check --topic feed --input - --now 2026-11-21T06:00:00Z <"$work/good")" 0
has a_feed_from_standard_input_is_the_same '^  live IDs +1 ' "$work/out"

{
    record $a '{"id":"368"}'
    record $a '{"id":"422"},{"id":"368"}'
    record $b '{"id":"368"}'
    record $b '{"id":"368"}' 2969
    record $c '{"id":"206"}'
    record $c '{"id":"368"}' 2968 ',"digest":"0"'
    record "${c}x" '{"id":"368"}'
    echo '{"topic":"feed","key":"'$c'","value":"text"}'
} >"$work/bad"
is a_bad_feed "$(check --topic feed --input "$work/bad" --now 2026-11-21T06:00:00Z --json)" 65
is a_bad_feed_names_each_record "$(cat "$work/out")" \
    '{"topic":"feed","valid":false,"views":[{"view":"file","records":8,"tombstones":0,"live":0,"devices":0,"expired":0,"epochs":{},"interests":{},"invalid":{"key":1,"not_json":1,"member_unknown":1,"segment_unknown":1,"segment_order":1,"id_changed":1},"invalid_records":[{"line":2,"reason":"segment_order"},{"line":4,"reason":"id_changed"},{"line":5,"reason":"segment_unknown"},{"line":6,"reason":"member_unknown"},{"line":7,"reason":"key"},{"line":8,"reason":"not_json"}]}]}'
is a_bad_feed_in_words "$(check --topic feed --input "$work/bad")" 65
has a_bad_feed_in_words_says_where '^  line 2: segment_order: segments are not in the order' "$work/out"
is a_bad_feed_prints_no_id "$(grep -cE "$a|$b|$c" "$work/out")" 0

# ---- what cannot be asked ----

echo 'no record' >"$work/nonsense"
while IFS='|' read -r why wanted arguments said; do
    # shellcheck disable=SC2086  # words
    is "refused_$why" "$(check $arguments)" "$wanted"
    has "refused_${why}_says_so" "$said" "$work/err"
done <<END
nothing|64||either --feed or --topic
both_names|64|--topic a --feed b --config c|either --feed or --topic
feed_without_configuration|64|--feed acme --bootstrap x:1|give --config too
topic_without_broker|64|--topic a|either --config or --bootstrap
file_and_broker|64|--topic a --input f --bootstrap x:1|reads a file
uncommitted_file|64|--topic a --input f --uncommitted|reads a file
property_alone|64|--topic a --config config/pipeline.yaml --property a=b|goes with --bootstrap
setting_alone|64|--topic a --bootstrap x:1 --set a=b|goes with --config
no_moment|64|--topic a --input f --now soon|is a moment
no_property|64|--topic a --bootstrap x:1 --property nonsense|NAME=VALUE
unknown_property|78|--topic a --bootstrap x:1 --property no.such=1|no.such
unknown_feed|64|--config config/pipeline.yaml --feed initech --input f|0 feeds .* are called 'initech'
bad_configuration|78|--config config/pipeline.yaml --set publish.k=1 --feed acme --input f|k is below 50
no_file|74|--topic a --input $work/nowhere|nowhere
no_record|65|--topic a --input $work/nonsense|line 1
END

wait $nobody
is refused_broker_not_there $? 69
has refused_broker_not_there_says_so 'see that broker' "$work/nobody"
plan
