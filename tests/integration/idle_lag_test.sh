#!/usr/bin/env bash
# Behind the last record of an idle topic that is written in transactions stands a marker. The group commits the
# position behind it, so that its lag reaches zero for everybody who looks.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/tap_lib.sh
clickveil=${CLICKVEIL:-build/clickveil}
build=${CLICKVEIL_BUILD:-build/default}
tool=$build/tests/integration/kafka_tool
work=$build/idle_lag
name=idle-lag-$$
rm -rf "$work"
mkdir -p "$work"
cp -r config "$work/" && rm -rf "$work/config/secrets"
rm -rf "$work/config/secrets"

"$clickveil" keygen --config "$work/config/split/consent.yaml" >/dev/null 2>&1
"$clickveil" generate --events 2000 --subscribers 200 --output-events "$work/events" \
    --output-consent "$work/consent" >/dev/null 2>&1
for topic in events:2 consented:2 dead:1; do
    tests/support/kafka.sh create-topic "$KAFKA_BOOTSTRAP" "$name.${topic%:*}" "${topic#*:}" >/dev/null
done
tests/support/kafka.sh create-topic "$KAFKA_BOOTSTRAP" "$name.consent" 1 cleanup.policy=compact >/dev/null
"$tool" produce "$KAFKA_BOOTSTRAP" "$name.consent" "$work/consent" records txn="$name-consent" >/dev/null
"$tool" produce "$KAFKA_BOOTSTRAP" "$name.events" "$work/events" events txn="$name-events" >/dev/null

"$clickveil" run --config "$work/config/split/consent.yaml" --set kafka.bootstrap.servers="$KAFKA_BOOTSTRAP" \
    --set pipeline="$name" --set workers=1 --set topics.events="$name.events" --set topics.consent="$name.consent" \
    --set topics.consent_out="$name.consented" --set topics.dead_letters="$name.dead" --set http.enabled=false \
    2>"$work/log" &
pid=$!
for _ in $(seq 300); do # the end is asked again: markers are written behind the commit's answer
    ends=$("$tool" ends "$KAFKA_BOOTSTRAP" "$name.events" uncommitted)
    committed=$("$tool" group "$KAFKA_BOOTSTRAP" "$name.events" "$name.consent")
    [ "$committed" != "$ends" ] || break
    sleep 0.1
done
is the_group_is_committed_behind_the_marker "$committed" "$ends"

# And then it rests: nobody writes a transaction for nothing.
before=$("$tool" ends "$KAFKA_BOOTSTRAP" "$name.consented" uncommitted)
sleep 3
is an_idle_stage_writes_nothing "$("$tool" ends "$KAFKA_BOOTSTRAP" "$name.consented" uncommitted)" "$before"
kill "$pid"
wait "$pid"
is it_drains $? 0
plan
