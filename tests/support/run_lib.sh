# shellcheck shell=bash disable=SC2034,SC2154 # what it sets is the caller's, and $clickveil and $work are set there
# A real process with an HTTP port of its own: sourced, never run.
#
#   start_clickveil ARGUMENT...   runs $clickveil run ARGUMENT...; sets pid, port (empty: it ended before it listened) and
#                                 rest, the reader to wait for when it has ended; what it says goes to $work/log
start_clickveil() {
    local line
    exec 3< <("$clickveil" run "$@" --set http.port=0 2>&1 & echo "pid $!")
    port=
    while [ -z "$port" ] && read -r -t 60 line <&3; do
        case $line in
        'pid '*) pid=${line#pid } ;;
        *http_listening*) port=$(echo "$line" | sed -n 's/.* port \([0-9]*\).*/\1/p') ;;
        esac
        echo "$line"
    done >"$work/log"
    cat <&3 >>"$work/log" &
    rest=$!
}
