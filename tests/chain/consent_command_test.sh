#!/usr/bin/env bash
# clickveil consent as far as it goes without a broker: usage, and that no message repeats a subject.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/tap_lib.sh
clickveil=${CLICKVEIL:-build/clickveil}
work=${CLICKVEIL_BUILD:-build/default}/consent_command_test
rm -rf "$work"
mkdir -p "$work"
"$clickveil" keygen --config config/pipeline.yaml >/dev/null 2>&1
printf 'subject,colour\nline:+12025550143,blue\n' >"$work/header.csv"

consent() { # status, with what was said in $work/out and $work/err
    "$clickveil" consent "$@" >"$work/out" 2>"$work/err"
    echo $?
}

lacks() { # NAME PATTERN FILE
    if grep -qE -e "$2" "$3"; then is "$1" "$(cat "$3")" "nothing of that"; else is "$1" none none; fi
}

is no_subcommand "$(consent)" 64
has no_subcommand_shows_them 'import .*CSV' "$work/err"
is help "$(consent --help)" 0
has help_names_every_subcommand 'confirm' "$work/out"
for subcommand in get set import export status confirm; do
    is "help_of_$subcommand" "$(consent $subcommand --help)" 0
    has "help_of_${subcommand}_says_how_it_ends" 'Exit status: 0 done' "$work/out"
done

while IFS='|' read -r why wanted arguments said; do
    # shellcheck disable=SC2086  # words
    is "refused_$why" "$(consent $arguments)" "$wanted"
    has "refused_${why}_says_so" "$said" "$work/err"
    lacks "refused_${why}_repeats_no_subject" '12025550143' "$work/err"
done <<'END'
unknown_subcommand|64|line:+12025550143|write get, set, import
no_subject|64|get -c config/pipeline.yaml|something is missing
no_configuration|64|get line:+12025550143|--config is missing
no_kind|64|get -c config/pipeline.yaml +12025550143|write the subject as line:ID
national_number|64|get -c config/pipeline.yaml line:0202-555-0143|with the country code, such as line:\+12025550100
short_imsi|64|get -c config/pipeline.yaml line:12025550143x --set subscriber.kind=imsi|such as line:001010123456789
another_kind|64|get -c config/pipeline.yaml line:310150123456789 --set subscriber.kind=opaque extra|operand 2 is too much
wrong_kind|64|get -c config/pipeline.yaml line:12025550143 --set subscriber.kind=imsi|lines are imsi
no_device|64|get -c config/pipeline.yaml device:maid:00000000-0000-0000-0000-000000000000|names no device
signal|64|set -c config/pipeline.yaml signal:line:+12025550143 tmobile=out|write the subject as line:ID
no_choice|64|set -c config/pipeline.yaml line:+12025550143|at least one PROGRAMME
bad_choice|64|set -c config/pipeline.yaml line:+12025550143 tmobile=maybe|PROGRAMME=in or PROGRAMME=out
choice_without_equals|64|set -c config/pipeline.yaml line:+12025550143 tmobile|PROGRAMME=in or PROGRAMME=out
unknown_programme|64|set -c config/pipeline.yaml line:+12025550143 tmobil=out|choice 1 names a programme
subject_where_a_programme_belongs|64|set -c config/pipeline.yaml tmobile=out line:+12025550143=out|choice 1 names a programme
programme_twice|64|set -c config/pipeline.yaml line:+12025550143 tmobile=out tmobile=in|twice
bad_time|64|set -c config/pipeline.yaml line:+12025550143 tmobile=in --effective yesterday|--effective is a moment
no_file|64|import -c config/pipeline.yaml|something is missing
file_not_there|74|import -c config/pipeline.yaml nowhere.csv|nowhere.csv
bad_format|64|import -c config/pipeline.yaml x --format xml|csv or jsonl
bad_expectation|64|import -c config/pipeline.yaml x --expect-in 0|--expect-in
bad_show|64|import -c config/pipeline.yaml x --show 1001|--show
bad_export_format|64|export -c config/pipeline.yaml --format xml|csv or jsonl
bad_entries|64|confirm -c config/pipeline.yaml --entries many|--entries
bad_configuration|78|status -c config/pipeline.yaml --set consent.brake_ins=0|brake_ins
no_such_configuration|78|status -c config/nowhere.yaml|nowhere.yaml
END
is refused_header "$(consent import -c config/pipeline.yaml "$work/header.csv")" 65
has refused_header_names_the_columns 'must name the columns' "$work/err"
lacks refused_header_repeats_no_subject 12025550143 "$work/err"

"$clickveil" consent status -c config/pipeline.yaml --set kafka.bootstrap.servers=127.0.0.1:1 >"$work/out" 2>"$work/err"
is no_broker $? 69
plan
