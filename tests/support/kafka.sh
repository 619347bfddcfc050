#!/usr/bin/env bash
# A real Kafka for tests: one KRaft node on loopback, with its data under a directory of its own.
#
#   kafka.sh start DIR [key=value]...     start a node, with more broker settings; prints its bootstrap address.
#                                         A directory that was used before keeps its ports, settings and data
#   kafka.sh stop DIR                     stop it in good order; the data stays
#   kafka.sh kill9 DIR                    end it as a power cut would; the data stays
#   kafka.sh restart DIR                  stop and start: same ports, same data
#   kafka.sh wipe DIR                     stop it and delete everything
#   kafka.sh bootstrap DIR                print the address
#   kafka.sh create-topic BOOTSTRAP TOPIC PARTITIONS [key=value]...
#   kafka.sh tool CLASS ARGUMENT...       a main class of Kafka's, e.g. org.apache.kafka.tools.GetOffsetShell
#   kafka.sh fetch                        only see to it that there is a Kafka
#
# Where Kafka comes from: KAFKA_HOME, an unpacked Kafka 4; else Maven, once, into a cache (CLICKVEIL_CACHE, by
# default ~/.cache/clickveil). `make test` starts one node for all integration tests and hands its address to
# them as KAFKA_BOOTSTRAP, unless the caller has set that; a test that stops or restarts its broker starts one
# of its own. Several run side by side, each with its DIR. Only a process that was started here, from this DIR,
# is ever ended.
#
# Exit codes: 0; 1 it did not work; 3 no Kafka can be had here, with the reason on standard error.
# Most of a short-lived node's work is to load and compile Kafka. So its classes are loaded from an archive of the JVM's
# (made once, by a node that only starts and ends, into the cache), and only the quick compiler works, unless KAFKA_JVM
# says otherwise: a start takes 1.4 s of processor time in place of 5.
#
# Environment: JAVA_HOME, KAFKA_HEAP (default 512m), KAFKA_JVM (more options of the JVM, by default
# -XX:TieredStopAtLevel=1).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=$(sed -n 's|.*<kafka.version>\(.*\)</kafka.version>.*|\1|p' "$here/kafka/pom.xml")
cache=${CLICKVEIL_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/clickveil}

die() { echo "kafka.sh: $*" >&2; exit 1; }
not_to_be_had() { echo "no Kafka: $*" >&2; exit 3; }

# ---- where the jars are ----

java=java
[ -z "${JAVA_HOME:-}" ] || java=$JAVA_HOME/bin/java
jars=

fetch_by_maven() {
    jars=$cache/kafka-$version
    [ ! -d "$jars" ] || return 0
    command -v mvn >/dev/null || not_to_be_had "KAFKA_HOME is not set and there is no Maven to fetch it with"
    mkdir -p "$cache"
    exec 9>"$cache/lock" # several tests may want it at once
    flock 9
    if [ ! -d "$jars" ]; then
        rm -rf "$jars.part"
        mvn -q -B -f "$here/kafka/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
            -DoutputDirectory="$jars.part" >"$cache/maven.log" 2>&1 9>&- ||
            not_to_be_had "Maven could not fetch Kafka $version, see $cache/maven.log"
        mv "$jars.part" "$jars"
    fi
    exec 9>&-
}

find_kafka() { # sets $jars
    command -v "$java" >/dev/null || not_to_be_had "no Java"
    if [ -n "${KAFKA_HOME:-}" ]; then
        jars=$KAFKA_HOME/libs
        [ -d "$jars" ] || not_to_be_had "KAFKA_HOME has no folder libs"
    else
        fetch_by_maven
    fi
}

# ---- an archive of Kafka's loaded classes ----

shared=(-Xshare:auto) # options of the JVM

make_archive() ( # make_archive FILE: by a node that starts and ends; in a shell of its own, for its traps
    file=$1 node='' until=$((SECONDS + 120))
    dir=$(mktemp -d "$cache/archive.XXXXXX") || exit 0
    trap '[ -z "$node" ] || kill "$node" 2>/dev/null || true; rm -rf "$dir"' EXIT
    trap 'exit 143' INT TERM
    settings "$dir" "$(free_port)" >"$dir/server.properties"
    if (format "$dir") >/dev/null 2>&1; then
        "$java" -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ArchiveClassesAtExit="$dir/archive" \
            -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
            -Dlog4j2.configurationFile="$here/kafka/log4j2.properties" -cp "$jars/*" kafka.Kafka \
            "$dir/server.properties" >"$dir/log" 2>&1 </dev/null 9>&- &
        node=$!
        until grep -q 'Kafka Server started' "$dir/log" || ! kill -0 $node 2>/dev/null || [ $SECONDS -gt $until ]; do
            sleep 0.05
        done
        kill $node 2>/dev/null || true
        wait $node || true
        node=''
    fi
    # One that could not be made is empty: it is not tried again.
    if [ ! -f "$dir/archive" ]; then : >"$dir/archive"; fi
    mv -f "$dir/archive" "$file"
)

use_archive() { # sets $shared
    local name file
    name=$({ stat -Lc '%n %s %Y' "$(command -v "$java")"; stat -Lc '%n %s %Y' "$jars"/*.jar; } | cksum | tr ' ' -)
    file=$cache/classes-$name.jsa
    if [ ! -f "$file" ]; then
        if ! mkdir -p "$cache" 2>/dev/null || [ ! -w "$cache" ]; then return 0; fi
        exec 9>"$cache/lock"
        flock 9
        if [ ! -f "$file" ]; then
            rm -f "$cache"/classes-*.jsa
            make_archive "$file"
        fi
        exec 9>&-
    fi
    # a JVM that cannot use it says nothing, and does without
    [ ! -s "$file" ] || shared=(-Xshare:auto -Xlog:disable -Xlog:all=error:stderr -XX:SharedArchiveFile="$file")
}

tool() { # a short-lived JVM
    find_kafka
    use_archive
    run_tool "$@"
}

run_tool() {
    "$java" "${shared[@]}" -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=error \
        -Dlog4j2.configurationFile="$here/kafka/log4j2.properties" -cp "$jars/*" "$@"
}

# ---- one node ----

# A process is known by its number and its time of start, so that a number in new hands is left alone.
started_at() { # started_at PID: in clock ticks since boot; nothing when it is gone or a zombie
    local line
    { line=$(<"/proc/$1/stat"); } 2>/dev/null || return 0
    line=${line##*) }
    [ "${line%% *}" = Z ] || awk '{ print $20 }' <<<"$line"
}

running_pid() { # running_pid DIR: prints the node's number if it runs
    local pid at
    [ -f "$1/pid" ] || return 1
    read -r pid at <"$1/pid"
    [ -n "$at" ] && [ "$(started_at "$pid")" = "$at" ] && echo "$pid"
}

bootstrap() {
    local port
    [ -f "$1/port" ] || die "$1 holds no Kafka"
    port=$(<"$1/port")
    echo "127.0.0.1:$port"
}

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() { # two in a row, below what the kernel hands out by itself
    local port
    while :; do
        port=$((20000 + (RANDOM << 15 | RANDOM) % 6000 * 2))
        listens "$port" || listens $((port + 1)) || break
    done
    echo "$port"
}

settings() { # settings DIR PORT: server.properties
    cat <<CONF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$(($2 + 1))
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$2,CONTROLLER://127.0.0.1:$(($2 + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$2
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$1/data
auto.create.topics.enable=false
num.partitions=4
default.replication.factor=1
min.insync.replicas=1
offsets.topic.num.partitions=10
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=10
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=300
broker.session.timeout.ms=5000
log.retention.ms=-1
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
CONF
    [ ! -f "$1/extra.properties" ] || cat "$1/extra.properties"
}

format() { # format DIR: give the data directory its identity, once
    local dir=$1
    [ ! -f "$dir/data/meta.properties" ] || return 0
    # 16 bytes as base64url; the A in front keeps a minus from looking like an option
    run_tool kafka.tools.StorageTool format -c "$dir/server.properties" \
        -t "A$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c2-22)" >"$dir/format.log" 2>&1 ||
        { cat "$dir/format.log" >&2; die "could not format $dir/data"; }
}

launch() { # launch DIR: 0 when it serves, 2 when its port was taken
    local dir=$1 heap=${KAFKA_HEAP:-512m} pid deadline=$((SECONDS + 120))
    : >"$dir/log"
    # A session of its own: a signal to the test's process group does not reach it.
    # shellcheck disable=SC2086  # KAFKA_JVM is a list
    setsid "$java" "${shared[@]}" -Xms256m -Xmx"$heap" -XX:+UseSerialGC ${KAFKA_JVM--XX:TieredStopAtLevel=1} \
        -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
        -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
        -Dlog4j2.configurationFile="$here/kafka/log4j2.properties" \
        -cp "$jars/*" kafka.Kafka "$dir/server.properties" >>"$dir/log" 2>&1 </dev/null &
    pid=$!
    echo "$pid $(started_at "$pid")" >"$dir/pid"
    # said only after the controller has let the broker in
    until grep -q 'Kafka Server started' "$dir/log"; do
        if ! running_pid "$dir" >/dev/null; then
            if grep -q 'Address already in use' "$dir/log"; then return 2; fi
            tail -n 30 "$dir/log" >&2
            die "the node in $dir ended at its start"
        fi
        [ $SECONDS -lt $deadline ] || die "the node in $dir does not serve after 120 s, see $dir/log"
        sleep 0.05
    done
}

start() {
    local dir tries=0 status
    mkdir -p "$1"
    dir=$(cd "$1" && pwd)
    shift
    find_kafka
    use_archive
    if running_pid "$dir" >/dev/null; then die "the node in $dir is running already"; fi
    [ $# -eq 0 ] || printf '%s\n' "$@" >"$dir/extra.properties"
    while :; do
        [ -f "$dir/port" ] || free_port >"$dir/port"
        settings "$dir" "$(<"$dir/port")" >"$dir/server.properties"
        format "$dir"
        status=0
        launch "$dir" || status=$?
        [ $status -ne 0 ] || break
        # Another process was faster. Only a new node may move: the address of an old one is known to others.
        tries=$((tries + 1))
        if [ -f "$dir/served" ] || [ $tries -ge 5 ]; then die "port $(<"$dir/port") is taken by another process"; fi
        rm -rf "$dir/port" "$dir/data"
    done
    : >"$dir/served"
    bootstrap "$dir"
}

end() { # end DIR SIGNAL: and wait until it is gone
    local dir=$1 pid deadline=$((SECONDS + 30))
    pid=$(running_pid "$dir") || { rm -f "$dir/pid"; return 0; }
    kill "-$2" "$pid" 2>/dev/null || true
    while running_pid "$dir" >/dev/null; do
        if [ $SECONDS -ge $deadline ]; then kill -KILL "$pid" 2>/dev/null || true; fi
        sleep 0.05
    done
    rm -f "$dir/pid"
}

create_topic() {
    local bootstrap=$1 topic=$2 partitions=$3 config=()
    shift 3
    for setting in "$@"; do config+=(--config "$setting"); done
    tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$bootstrap" --create --topic "$topic" \
        --partitions "$partitions" "${config[@]}"
}

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2; exit 2; }

command=${1:-}
shift || usage
case $command in
start) [ $# -ge 1 ] || usage; start "$@" ;;
stop) [ $# -eq 1 ] || usage; end "$1" TERM ;;
kill9) [ $# -eq 1 ] || usage; end "$1" KILL ;;
restart) [ $# -eq 1 ] || usage; end "$1" TERM; start "$1" ;;
wipe) [ $# -eq 1 ] || usage; end "$1" KILL; rm -rf "$1" ;;
bootstrap) [ $# -eq 1 ] || usage; bootstrap "$1" ;;
create-topic) [ $# -ge 3 ] || usage; create_topic "$@" ;;
tool) [ $# -ge 1 ] || usage; tool "$@" ;;
fetch) find_kafka; echo "$jars" ;;
*) usage ;;
esac
