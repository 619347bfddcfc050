#!/bin/sh
# `clickveil explain`: each stage's verdict and reason for one event, and no value out of it.
#
# Prints TAP.
set -u
LC_ALL=C
export LC_ALL

program=${CLICKVEIL:-build/clickveil}
work=$(mktemp -d) || exit 70
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

cp -r config "$work/config" && rm -rf "$work/config/secrets" # keys of a clock of its own
"$program" keygen --config "$work/config/pipeline.yaml" --now 2026-11-24T12:00:00Z >/dev/null 2>&1

number=0
bad=0
result() { # result STATUS NAME [WHY]
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        [ -z "${3:-}" ] || echo "# $3"
        sed 's/^/# /' "$work/out" "$work/err"
        bad=1
    fi
}

explain() { # explain EVENT [OPTION]...: its exit status; out and err stay
    event=$1
    shift
    printf '%s' "$event" | "$program" explain --config "$work/config/pipeline.yaml" --now 2026-11-24T12:00:00Z "$@" \
        >"$work/out" 2>"$work/err"
}

says() { # says WORDS NAME: the last explanation has this line (a basic regular expression)
    grep -q "$1" "$work/out"
    result $? "$2" "no line: $1"
}

# Canaries: values that must not be said again. The number is of country code 999.
line=+9990123456789
account=acct-canary-4711
device=5d2f9a80-1c3b-4e7f-9a6d-0b1c2d3e4f50
event() { # event MEMBERS: a good page visit, with members behind it
    printf '{"type":"browse","time":"2026-11-24T11:00:00Z","subscriber":"%s","account":"%s",' "$line" "$account"
    printf '"device":{"kind":"maid","id":"%s"},"brand":"tmobile","region":"US-CA","plan":"postpaid",' "$device"
    printf '"birth_year":1980,"ip":"203.0.113.77","url":"https://www.espn.com/secret-path?token=canary"%s}' "$1"
}

explain "$(event '')"
result $? explain_ends_well
[ ! -s "$work/err" ]
result $? explain_is_silent_on_standard_error
says '^input: passes$' explain_names_the_input
says '^consent: passes$' explain_names_consent
says 'kept for: tmobile$' explain_says_for_which_programmes
says '^pseudonymize: passes$' explain_names_pseudonymize
says 'ends here: subscriber, account, device.kind, device.id, url' explain_says_where_identifiers_end
says '^classify: passes$' explain_names_classify
says 'interests: 607 ' explain_says_the_interests
says '^publish: passes$' explain_names_publish

explain "$(event ',"gpc":true')"
result $? explain_ends_well_for_a_drop
says '^consent: drops, gpc$' explain_says_why_consent_drops
says '^classify: not reached$' explain_says_what_was_not_reached

explain "$(event '')" --set 'consent.subjects=[account]'
says '^consent: passes$' explain_needs_no_choices_whatever_the_subjects

explain '{"type":'
says '^input: rejects (dead letter), truncated$' explain_says_why_the_input_is_refused
explain ''
says '^input: rejects (dead letter), empty$' explain_takes_an_empty_input
explain "$(event ',"plan":"business"')"
says '^input: rejects (dead letter), duplicate_key$' explain_sees_a_field_twice

printf '{"key":"line:%s","value":{"choices":{"*":"out"},"effective":0,"seq":1}}\n' "$line" >"$work/consent.jsonl"
explain "$(event '')" --consent "$work/consent.jsonl"
says '^consent: drops, opted_out_line$' explain_asks_the_choices_that_are_given

explain "$(event '')" --json
tr -d ' \n' <"$work/out" >"$work/flat"
grep -q '^\[{"stage":"input","verdict":"pass","reason":null,' "$work/flat"
result $? explain_answers_in_json
explain "$(event ',"gpc":true')" --json
tr -d ' \n' <"$work/out" >"$work/flat"
grep -q '{"stage":"consent","verdict":"drop","reason":"gpc",' "$work/flat" &&
    grep -q '{"stage":"publish","verdict":"not_reached","reason":null,' "$work/flat"
result $? explain_names_verdict_and_reason_in_json

# Nothing out of the event is said again, whatever becomes of it.
: >"$work/all"
for more in '' ',"gpc":true' ',"plan":"business"' ',"gpp":7' ',"x'; do
    for form in '' --json; do
        # shellcheck disable=SC2086  # no form is no argument
        explain "$(event "$more")" $form
        cat "$work/out" "$work/err" >>"$work/all"
    done
done
[ -s "$work/all" ] &&
    ! grep -q -e 9990123456789 -e canary -e 5d2f9a80 -e 203.0.113 -e secret-path -e espn -e 1980 "$work/all"
result $? explain_prints_no_value_of_the_event

explain "$(event '')" --config /nowhere.yaml
[ $? -eq 78 ]
result $? explain_ends_with_78_without_a_configuration
explain "$(event '')" --event /nowhere.json
[ $? -eq 74 ]
result $? explain_ends_with_74_without_an_event
"$program" explain >"$work/out" 2>"$work/err"
[ $? -eq 64 ]
result $? explain_ends_with_64_without_arguments

"$program" explain --fields >"$work/out" 2>"$work/err"
grep -q '^url  *x  *x  *(raw identifier)' "$work/out"
result $? explain_prints_the_table_of_fields

"$program" explain --fields >/dev/full 2>"$work/err"
[ $? -eq 74 ] && grep -q "standard output: can't be written" "$work/err"
result $? explain_says_that_the_table_could_not_be_written

echo "1..$number"
exit $bad
