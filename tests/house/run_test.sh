#!/bin/sh
# tests/run must count what its programs say, and must not be fooled by one that says too little.
# shellcheck disable=SC2016  # what is planted is expanded when it runs
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
number=0
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
number=$((number + 1))
if [ "$(tr '\n' ' ' <"$dir/build/calls")" = 'wipe start wipe ' ]; then
    echo "ok $number - runner_starts_kafka_once_and_stops_it"
else
    echo "not ok $number - runner_starts_kafka_once_and_stops_it"
fi
KAFKA_BOOTSTRAP=mine:1
export KAFKA_BOOTSTRAP
gives runner_takes_the_kafka_that_is_named 0 '1 passed, 0 failed, 0 skipped' --kafka wants_kafka
unset KAFKA_BOOTSTRAP
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
