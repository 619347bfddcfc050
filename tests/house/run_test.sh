#!/bin/sh
# tests/run must count what its programs say, and must not be fooled by one that says too little.
# shellcheck disable=SC2016  # what is planted is expanded when it runs
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
number=0
unset JOBS
runner=$top/tests/run

program() { # program NAME LINE...: a test program made of shell lines
    file=$dir/$1
    shift
    { echo '#!/bin/sh'; printf '%s\n' "$@"; } >"$file"
    chmod +x "$file"
}

gives() { # gives NAME STATUS LINE PROGRAM...: run those, expect this exit status and this last line
    name=$1 status=$2 line=$3
    shift 3
    number=$((number + 1))
    got=$(cd "$dir" && TESTS='' CLICKVEIL_BUILD=$dir/build "$runner" "$@" 2>&1)
    got_status=$?
    if [ "$got_status" -eq "$status" ] && [ "$(printf '%s\n' "$got" | tail -n 1)" = "$line" ]; then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        printf '%s\n' "$got" "status $got_status" | sed 's/^/# /'
    fi
}

report() { # report NAME GOOD?
    number=$((number + 1))
    if [ "$2" = yes ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        printf '%s\n' "$got" | sed 's/^/# /'
    fi
}

program good 'echo "ok 1 - a"' 'echo "ok 2 - b"'
program bad 'echo "ok 1 - a"' 'echo "not ok 2 - b"' 'exit 1'
program bad_but_cheerful 'echo "not ok 1 - a"'
program skips 'echo "ok 1 - a # SKIP no Kafka"'
program cmocka_skips 'echo "ok 1 - a"' 'echo "not ok 2 # SKIP b"'
program stops_early 'echo 1..3' 'echo "ok 1 - a"' 'exit 0'
program two_plans 'echo 1..1' 'echo "ok 1 - a"' 'echo 1..2' 'echo "ok 1 - b"' 'echo "not ok 2 # SKIP c"'
program hangs 'echo "ok 1 - a"' 'sleep 1000'
program silent 'exit 0'
# shellcheck disable=SC2016  # for the program
program crashes 'echo "ok 1 - a"' 'kill -SEGV $$'

gives runner_adds_up_all_programs 0 '3 passed, 0 failed, 1 skipped' good cmocka_skips
gives runner_fails_when_a_case_fails 1 '3 passed, 1 failed, 0 skipped' good bad
gives runner_fails_when_a_case_fails_and_the_status_is_zero 1 '2 passed, 1 failed, 0 skipped' bad_but_cheerful good
gives runner_fails_when_a_program_crashes_after_its_last_case 1 '1 passed, 1 failed, 0 skipped' crashes
gives runner_fails_when_a_program_runs_no_case 1 '2 passed, 1 failed, 0 skipped' good silent
gives runner_fails_when_a_program_runs_fewer_than_it_planned 1 '1 passed, 1 failed, 0 skipped' stops_early
gives runner_adds_up_plans 0 '2 passed, 0 failed, 1 skipped' two_plans
TEST_TIMEOUT=1
export TEST_TIMEOUT
gives runner_ends_a_program_that_hangs 1 '3 passed, 1 failed, 0 skipped' hangs good
unset TEST_TIMEOUT
gives runner_fails_when_a_program_is_missing 1 '2 passed, 1 failed, 0 skipped' good not-built
gives runner_counts_a_skip_apart 0 '2 passed, 0 failed, 1 skipped' good skips
gives runner_fails_when_all_was_skipped 1 '0 passed, 0 failed, 1 skipped' skips

# Kafka: the real script has its test among the integration tests; here it is one that only says what it would
mkdir -p "$dir/tests/support"
cp "$top/tests/run" "$dir/tests/run"
runner=$dir/tests/run
unset CI KAFKA_BOOTSTRAP
program wants_kafka '[ -n "$KAFKA_BOOTSTRAP" ] && echo "ok 1 - $KAFKA_BOOTSTRAP"'
program tests/support/kafka.sh 'echo "$1" >>"$CLICKVEIL_BUILD/calls"' 'if [ "$1" = start ]; then echo here:9; fi'
gives runner_starts_kafka_for_those_behind_the_word 0 '3 passed, 0 failed, 0 skipped' good --kafka wants_kafka
report runner_starts_kafka_once_and_stops_it "$([ "$(tr '\n' ' ' <"$dir/build/calls")" = 'wipe start wipe ' ] && echo yes)"
KAFKA_BOOTSTRAP=mine:1
export KAFKA_BOOTSTRAP
gives runner_takes_the_kafka_that_is_named 0 '1 passed, 0 failed, 0 skipped' --kafka wants_kafka
unset KAFKA_BOOTSTRAP
exec 7>"$dir/build/kafka.lock"
flock 7
: >"$dir/build/calls"
gives runner_leaves_the_kafka_of_another_run_in_the_same_place_alone 1 '2 passed, 1 failed, 0 skipped' good --kafka wants_kafka
report and_touches_nothing_of_it "$([ ! -s "$dir/build/calls" ] && echo yes)"
exec 7>&-
program tests/support/kafka.sh 'if [ "$1" = start ]; then echo "no Kafka: no Java" >&2; exit 3; fi'
gives runner_skips_in_sight_where_no_kafka_can_be_had 0 '2 passed, 0 failed, 2 skipped' good --kafka wants_kafka good
gives runner_needs_no_kafka_when_nobody_wants_it 0 '2 passed, 0 failed, 0 skipped' good --kafka
CI=true
export CI
gives runner_fails_without_kafka_when_it_must_have_it 1 '2 passed, 2 failed, 0 skipped' good --kafka wants_kafka good
unset CI
program tests/support/kafka.sh 'if [ "$1" = start ]; then echo "the node ended" >&2; exit 1; fi'
gives runner_fails_when_kafka_is_there_but_does_not_start 1 '2 passed, 1 failed, 0 skipped' good --kafka wants_kafka
runner=$top/tests/run

gives runner_fails_when_nothing_ran 1 '0 passed, 0 failed, 0 skipped'

# Side by side: each of these two ends only when the other one runs too, and they talk in turns.
JOBS=2
TEST_TIMEOUT=60
export JOBS TEST_TIMEOUT
meet='say() { echo "$1"; : >"$2"; until [ -e "$3" ]; do sleep 0.02; done; }'
program left "$meet" 'say "not ok 1 - left one" l1 r1' 'say "# left two" l2 r2'
program right "$meet" 'say "not ok 1 - right one" r1 l1' 'say "# right two" r2 l2'
gives runner_runs_as_many_side_by_side_as_jobs_says 1 '2 passed, 2 failed, 0 skipped' left right good
blocks=$(printf '%s\n' "$got" | grep -oE '(left|right) (one|two)$' | xargs)
report runner_shows_what_each_printed_in_one_piece \
    "$([ "$blocks" = 'left one left two right one right two' ] || [ "$blocks" = 'right one right two left one left two' ] &&
        echo yes)"
report runner_names_those_that_failed_at_the_end "$([ "$(printf '%s\n' "$got" | sed -n 's/^failed: //p' | sort | xargs)" = 'left right' ] && echo yes)"
report runner_says_how_long_each_took "$(printf '%s\n' "$got" | grep -qE '^  ok +2 +[0-9]+\.[0-9] s  good$' && echo yes)"
report runner_says_which_took_longest \
    "$(printf '%s\n' "$got" | grep -A 3 -E '^3 programs in [0-9]+\.[0-9] s, 2 at a time; longest:$' |
        grep -cE '^ +[0-9]+\.[0-9] s  (left|right|good)$' | grep -qx 3 && echo yes)"
program never_beside 'mkdir alone || exit 1' 'echo "ok 1 - a"' 'sleep 0.1' 'rmdir alone'
cp "$dir/never_beside" "$dir/never_beside_either"
JOBS=1
gives runner_runs_one_at_a_time_when_jobs_is_one 0 '2 passed, 0 failed, 0 skipped' never_beside never_beside_either
JOBS=0
gives runner_refuses_to_run_none_at_a_time 64 'tests/run: JOBS is a number from 1' good
JOBS=2

# Ended from outside, it ends what it started, and waits while that puts its own things in order.
program tidy 'sleep 1000 & child=$!' 'trap "kill $child; sleep 0.2; echo tidied >tidied; exit" TERM' \
    'echo "ok 1 - a"' 'echo $$ $child >pids' 'wait'
for signal in INT TERM; do
    rm -f "$dir/pids" "$dir/tidied"
    # in the background of a script SIGINT is ignored, and who finds it so may not change it
    (cd "$dir" && TESTS='' CLICKVEIL_BUILD=$dir/build exec env --default-signal=INT "$runner" tidy >"$dir/said" 2>&1) &
    pid=$!
    until [ -s "$dir/pids" ]; do sleep 0.02; done
    kill -$signal $pid
    wait $pid
    status=$?
    got="status $status: $(cat "$dir/said")"
    read -r parent child <"$dir/pids"
    left=$(cat "/proc/$parent/status" "/proc/$child/status" 2>/dev/null | grep '^State:[[:space:]]*[^ZX[:space:]]')
    report "runner_ends_what_it_started_at_SIG$signal" \
        "$([ $status -eq "$([ $signal = INT ] && echo 130 || echo 143)" ] && [ -e "$dir/tidied" ] && [ -z "$left" ] && echo yes)"
done
