#!/usr/bin/env bash
# The broker that tests start for themselves: it keeps what it was told, and moves nothing that is not its own.
set -u
cd "$(dirname "$0")/../.." || exit 1
kafka=tests/support/kafka.sh
dir=${CLICKVEIL_BUILD:-build/default}/broker_test
number=0
trap '$kafka wipe "$dir/a"; $kafka wipe "$dir/b"' EXIT

# The broker that is handed to all may be anybody's; these are our own, so a Kafka to start must be to be had.
why=$($kafka fetch 2>&1 >/dev/null)
if [ $? -eq 3 ]; then
    echo "ok 1 - broker # SKIP $why"
    exit 0
fi
$kafka wipe "$dir/a"
$kafka wipe "$dir/b"

is() { # is NAME GOT WANTED
    number=$((number + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        printf '# got     %s\n# wanted  %s\n' "$2" "$3"
    fi
}

topics() { $kafka tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$1" --list | xargs; }
pid_of() { cut -d' ' -f1 "$1/pid"; }
# one that has ended and waits for its parent is not alive
alive() { if grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status" 2>/dev/null; then echo yes; else echo no; fi; }

a=$($kafka start "$dir/a" message.max.bytes=2000000)
b=$($kafka start "$dir/b")
is broker_two_run_side_by_side "$([ -n "$a" ] && [ -n "$b" ] && [ "$a" != "$b" ] && echo yes)" yes
is broker_takes_settings "$(grep -c '^message.max.bytes=2000000$' "$dir/a/server.properties")" 1
$kafka create-topic "$a" kept 3 cleanup.policy=compact >/dev/null
is broker_has_the_topic_that_was_created "$(topics "$a")" kept
is broker_beside_it_has_not "$(topics "$b")" ''

first=$(pid_of "$dir/a")
is broker_restarts_at_the_same_address "$($kafka restart "$dir/a")" "$a"
is broker_restarts_as_another_process "$(alive "$first") $(alive "$(pid_of "$dir/a")")" 'no yes'
second=$(pid_of "$dir/a")
$kafka kill9 "$dir/a"
is broker_is_gone_after_kill9 "$(alive "$second")" no
is broker_beside_it_lives_on "$(alive "$(pid_of "$dir/b")")" yes
is broker_starts_again_at_the_same_address "$($kafka start "$dir/a")" "$a"
is broker_still_has_the_topic "$(topics "$a")" kept

# a number that went on to another process
sleep 1000 &
other=$!
$kafka stop "$dir/b"
echo "$other 1" >"$dir/b/pid"
$kafka kill9 "$dir/b"
is broker_script_ends_no_process_that_it_did_not_start "$(alive $other)" yes
kill $other

$kafka wipe "$dir/a"
is broker_leaves_nothing_after_wipe "$([ -e "$dir/a" ] || echo gone)" gone
