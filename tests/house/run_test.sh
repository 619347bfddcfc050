#!/bin/sh
# tests/run must count what its programs say, and must not be fooled by one that says too little.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
number=0

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
    got=$(cd "$dir" && TESTS='' CLICKVEIL_BUILD=$dir/build "$top/tests/run" "$@" 2>&1)
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
program silent 'exit 0'
# shellcheck disable=SC2016  # for the program
program crashes 'echo "ok 1 - a"' 'kill -SEGV $$'

gives runner_adds_up_all_programs 0 '3 passed, 0 failed, 1 skipped' good cmocka_skips
gives runner_fails_when_a_case_fails 1 '3 passed, 1 failed, 0 skipped' good bad
gives runner_fails_when_a_case_fails_and_the_status_is_zero 1 '2 passed, 1 failed, 0 skipped' bad_but_cheerful good
gives runner_fails_when_a_program_crashes_after_its_last_case 1 '1 passed, 1 failed, 0 skipped' crashes
gives runner_fails_when_a_program_runs_no_case 1 '2 passed, 1 failed, 0 skipped' good silent
gives runner_fails_when_a_program_is_missing 1 '2 passed, 1 failed, 0 skipped' good not-built
gives runner_counts_a_skip_apart 0 '2 passed, 0 failed, 1 skipped' good skips
gives runner_fails_when_all_was_skipped 1 '0 passed, 0 failed, 1 skipped' skips
gives runner_fails_when_nothing_ran 1 '0 passed, 0 failed, 0 skipped'
