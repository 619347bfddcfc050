#!/usr/bin/env bash
# /livez, /readyz, /statusz and /metrics of a real process whose broker is not there.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/tap_lib.sh
. tests/support/run_lib.sh
clickveil=${CLICKVEIL:-build/clickveil}
work=${CLICKVEIL_BUILD:-build/default}/health_test
pid=
rm -rf "$work"
mkdir -p "$work"
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null' EXIT

ask() { # ask METHOD PATH: the status; the body in $work/body
    exec 4<>"/dev/tcp/127.0.0.1/$port" || return
    printf '%s %s HTTP/1.1\r\nHost: localhost\r\n\r\n' "$1" "$2" >&4
    tr -d '\r' <&4 >"$work/answer"
    exec 4>&-
    sed '1,/^$/d' "$work/answer" >"$work/body"
    sed -n '1s/^HTTP[^ ]* \([0-9]*\) .*/\1/p' "$work/answer"
}

cp -r config "$work/config" && rm -rf "$work/config/secrets" # keys of a clock of its own
"$clickveil" keygen --config "$work/config/pipeline.yaml" >/dev/null 2>&1
options=(--config "$work/config/pipeline.yaml" --set kafka.bootstrap.servers=127.0.0.1:1)

start_clickveil "${options[@]}" --set instance=health-test
is listens_without_a_broker "$([ -n "$port" ] && echo yes)" yes
[ -n "$port" ] || exit 1

# These two end by themselves, in the seconds that a request to no broker takes.
timeout 60 "$clickveil" run "${options[@]}" --set "http.port=$port" >"$work/taken" 2>&1 &
taken=$!
# TEST-NET-1 (RFC 5737): no machine has it
timeout 60 "$clickveil" run "${options[@]}" --set http.port=0 --set http.address=192.0.2.1 >"$work/foreign" 2>&1 &
foreign=$!

is lives_without_a_broker "$(ask GET /livez)" 200
is is_not_ready_without_a_broker "$(ask GET /readyz)" 503
has says_that_the_topic_is_not_read '^subscriber.consent: not read yet, the broker was not reached$' "$work/body"
has says_that_the_workers_wait '^worker 1: connecting: its producer is not open yet$' "$work/body"
is status_is_shown "$(ask GET /statusz)" 200
has status_has_the_reasons '"reasons": ?\["subscriber.consent: ' "$work/body"
has status_has_the_stages '"stages": ?"consent,pseudonymize,classify,publish"' "$work/body"
has status_has_the_instance '"instance": ?"health-test"' "$work/body"
is metrics_are_shown "$(ask GET /metrics)" 200
has metrics_have_their_type '^Content-Type: text/plain; version=0.0.4; charset=utf-8$' "$work/answer"
has metrics_say_not_ready '^clickveil_ready 0$' "$work/body"
has metrics_have_the_followed_topic '^clickveil_followed_phase\{topic="subscriber.consent",phase="connecting"\} 1$' "$work/body"
has metrics_have_the_rules '^clickveil_stage_value\{stage="classify",name="rules"\} [1-9]' "$work/body"
has metrics_have_the_memory '^process_resident_memory_bytes [1-9]' "$work/body"
# of every metric in the reference something is said, and of no other
# shellcheck disable=SC2016  # for sed
sed -n 's/^| `\([a-z_]*\)` | \(counter\|gauge\|histogram\) .*/\1 \2/p' docs/metrics.md >"$work/wanted"
sed -n 's/^# TYPE //p' "$work/body" >"$work/got"
is metrics_are_those_of_the_reference "$(diff "$work/wanted" "$work/got")" ''
is head_is_answered "$(ask HEAD /metrics)" 200
is head_has_no_body "$(cat "$work/body")" ''
is post_is_refused "$(ask POST /livez)" 405
is other_paths_are_not_found "$(ask GET /)" 404
is other_paths_are_not_found_below "$(ask GET /metrics/)" 404

wait "$taken"
is a_taken_port_ends_the_start $? 69
has a_taken_port_is_named "127.0.0.1 port $port: the port is taken" "$work/taken"
wait "$foreign"
is a_foreign_address_ends_the_start $? 78
has a_foreign_address_is_named '192.0.2.1 .*this machine does not have the address' "$work/foreign"

kill -TERM "$pid"
# draining takes what a request to the broker takes; until then it says so, or it is gone
status=$(ask GET /readyz 2>/dev/null)
is not_ready_while_draining "$([ "${status:-gone}" = 200 ] || echo yes)" yes
wait $rest # for the end of its output
has ends_in_good_order 'the group is left in good order' "$work/log"
pid=
is says_nothing_but_lines_of_its_log "$(grep -vE '^(pid |\{"time":)' "$work/log")" ''
plan
