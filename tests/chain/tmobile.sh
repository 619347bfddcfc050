#!/bin/sh
# The preset config/programmes/tmobile.yaml, decision by decision: tests/chain/tmobile/ has a file of events, the choices
# that were stored before them, and what must come of each event, with the rule that says so.
#
#   events.jsonl     one event a line, each of a line of its own
#   consent.jsonl    records of the consent topic, in the order of their offsets
#   expected.tsv     row by row with events.jsonl: verdict of the consent stage, reason, why
#
# All of it is run three times: through the consent stage alone (which events were kept), event by event with explain (why
# the others were not), and through the whole chain (exactly the kept lines are in the feed). Prints TAP.
set -u
LC_ALL=C
export LC_ALL

program=${CLICKVEIL:-build/clickveil}
cases=tests/chain/tmobile
now=2021-04-27T12:00:00Z
work=$(mktemp -d) || exit 70
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

number=0
bad=0
result() { # result STATUS NAME [WHY]
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
        return
    fi
    echo "not ok $number - $2"
    [ -z "${3:-}" ] || echo "# $3"
    sed 's/^/# /' "$work/err" | tail -n 20
    bad=1
}

cp -r config "$work/config" && rm -rf "$work/config/secrets" # keys of a clock of its own
"$program" keygen --config "$work/config/pipeline.yaml" --now "$now" >/dev/null 2>"$work/err"
result $? keys_are_made

run() { # run OPTION...: over the files; out.jsonl, internal.jsonl, summary.json and err stay
    "$program" run --config "$work/config/pipeline.yaml" --now "$now" --input "$cases/events.jsonl" \
        --consent "$cases/consent.jsonl" --output "$work/out.jsonl" --internal "$work/internal.jsonl" \
        --summary "$work/summary.json" "$@" 2>"$work/err"
}

grep -v '^#' "$cases/expected.tsv" >"$work/expected"
rows=$(wc -l <"$work/expected")
[ "$rows" -eq "$(wc -l <"$cases/events.jsonl")" ]
result $? every_event_has_an_expectation

# ---- the consent stage alone: kept or not, by the origin that every kept record carries ----

run --set 'stages=[consent]'
result $? consent_runs_alone
sed -n 's/.*"clickveil-origin":"0:\([0-9]*\)".*/\1/p' "$work/internal.jsonl" | sort -n >"$work/kept"
awk -F '\t' '$1 == "pass" { print NR - 1 }' "$work/expected" >"$work/kept.expected"
diff "$work/kept.expected" "$work/kept" >"$work/err"
result $? consent_keeps_the_expected_events "event numbers from 0; < expected, > kept"

# ---- every decision, and its reason ----

tab=$(printf '\t')
at=0
while IFS=$tab read -r verdict reason why; do
    at=$((at + 1))
    case $verdict in
    pass) want='consent: passes' ;;
    drop) want="consent: drops, $reason" ;;
    *) want="consent: rejects (dead letter), $reason" ;;
    esac
    sed -n "${at}p" "$cases/events.jsonl" |
        "$program" explain --config "$work/config/pipeline.yaml" --now "$now" --consent "$cases/consent.jsonl" \
            --set 'stages=[consent]' >"$work/explained" 2>"$work/err"
    grep -qxF "$want" "$work/explained"
    result $? "row $at, ${reason#-}: $why" "wanted '$want', got '$(grep '^consent: ' "$work/explained")'"
done <"$work/expected"

# ---- the whole chain: the feed has one ID for each kept line, and nobody else ----

run --set publish.trial=true --set publish.k=1 --set publish.update_every=drain
result $? the_chain_runs
grep '"topic":"feed.acme.tmobile"' "$work/out.jsonl" |
    sed 's/.*"key":"\([^"]*\)".*"segment":\[{"id":"607"}\].*/\1/' | sort -u >"$work/ids"
[ "$(wc -l <"$work/ids")" -eq "$(wc -l <"$work/kept.expected")" ]
result $? the_feed_has_exactly_the_kept_lines "$(wc -l <"$work/ids") IDs"
[ "$(grep -c '"topic":"clickveil.dead-letters"' "$work/out.jsonl")" -eq "$(grep -c '^reject' "$work/expected")" ]
result $? the_rejected_are_dead_letters
grep -v "${tab}-${tab}" "$work/expected" | cut -f 2 | sort | uniq -c >"$work/reasons"
while read -r want reason; do
    tr -d ' \n' <"$work/summary.json" | grep -q "\"$reason\":${want}[,}]"
    result $? "the summary counts $want $reason"
done <"$work/reasons"

echo "1..$number"
exit $bad
