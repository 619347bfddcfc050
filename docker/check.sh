#!/bin/sh
# What can be said of docker-compose.yml and docker/ without an engine. `make check` runs it.
#
#   docker/check.sh [PART]...      parts: metrics services prometheus dashboards; default: all
#
# It prints one line for each thing: ok, FAILED with what is wrong, or left out for want of a tool. Metrics that rules and the dashboard name must exist: that needs no tool. docker-compose (or docker's compose) reads
# the services, promtool the configuration, the rules with their tests and, as rules of their own, the dashboard's
# queries; jq reads the dashboard. Exit status 1 when anything is wrong.
set -u
cd "$(dirname "$0")/.." || exit 1

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
said=$work/said
dashboards=docker/grafana/dashboards
failed=0

have() { command -v "$1" >/dev/null 2>&1; }

verdict() { # verdict WHAT STATUS: what it had to say is in $said, and only worth reading when it failed
    if [ "$2" -eq 0 ]; then
        printf 'ok       %s\n' "$1"
    else
        printf 'FAILED   %s\n' "$1"
        sed 's/^/         /' "$said"
        failed=1
    fi
}

left_out() { # left_out WHAT TOOL
    printf 'left out %s: there is no %s\n' "$1" "$2"
}

# ---- names of metrics, by the table that /metrics is written from ----

metric_names() { # those of FILE..., one a line; a histogram's series by the histogram's name
    grep -ohE '\bclickveil_[a-z0-9_]+' "$@" | sed -E 's/_(bucket|sum|count)$//' | LC_ALL=C sort -u
}

names_exist() {
    grep -oE '"(clickveil|process)_[a-z0-9_]+"' common/metrics_table.c | tr -d '"' | LC_ALL=C sort -u >"$work/known"
    [ -s "$work/known" ] || { echo "common/metrics_table.c: no metrics found in it"; return 1; }
    metric_names docker/prometheus/*.yml "$dashboards"/*.json >"$work/used"
    [ -s "$work/used" ] || { echo "docker: no metrics found in it"; return 1; }
    LC_ALL=C comm -13 "$work/known" "$work/used" >"$work/unknown"
    [ ! -s "$work/unknown" ] || { sed 's|$|: docker/ names it, common/metrics_table.c does not|' "$work/unknown"; return 1; }
    # What a stage says of itself has one name for all, and its own as a label: the stage has it in its folder.
    status=0
    for value in $(grep -ohE 'clickveil_stage_value\{[^}]*name=~?\\?"[a-z0-9_|]+' docker/prometheus/*.yml "$dashboards"/*.json |
        sed 's/.*"//' | tr '|' '\n' | LC_ALL=C sort -u); do
        grep -rqF "\"$value\"" stages || { echo "$value: docker/ names this value, no stage gives it"; status=1; }
    done
    return "$status"
}

# ---- the services ----

compose() {
    if have docker-compose; then docker-compose "$@"; else docker compose "$@"; fi
}

services_read() {
    compose --profile sample --profile monitoring config -q &&
        compose --env-file docker/demonstration.env --profile sample config -q
}

# ---- the dashboard: its JSON, and its queries as recording rules ----

dashboard_reads() {
    for file in "$dashboards"/*.json; do
        jq -e '(.panels | length > 0) and ([.. | .targets? // empty | .[]] | length > 0)' "$file" >/dev/null || return 1
        twice=$(jq -r '[.. | .panels? // empty | .[] | .id] | group_by(.) | map(select(length > 1)[0]) | .[]' "$file")
        [ -z "$twice" ] || { echo "$file: two panels have the id $twice"; return 1; }
        # What is provisioned is the one source of data there is.
        for uid in $(jq -r '.. | .datasource? // empty | .uid' "$file" | LC_ALL=C sort -u); do
            grep -q "uid: $uid\b" docker/grafana/provisioning/datasources/*.yml ||
                { echo "$file: no datasource $uid is provisioned"; return 1; }
        done
    done
}

queries_parse() {
    # Grafana puts a duration in the place of its variable.
    for file in "$dashboards"/*.json; do
        jq --arg file "$file" '{groups: [{name: $file, rules: [[.. | .targets? // empty | .[].expr] | unique | to_entries[] |
            {record: "panel:\(.key)", expr: (.value | gsub("\\$__(rate_)?interval"; "1m"))}]}]}' "$file" >"$work/queries.yml" &&
            promtool check rules "$work/queries.yml" || return 1
    done
}

metrics() {
    names_exist >"$said" 2>&1
    verdict 'metrics that rules and dashboards name exist' $?
}

services() {
    if have docker-compose || { have docker && docker compose version >/dev/null 2>&1; }; then
        services_read >"$said" 2>&1
        verdict 'docker-compose.yml, every profile' $?
    else
        left_out docker-compose.yml docker-compose
    fi
}

prometheus() {
    have promtool || { left_out docker/prometheus promtool; return; }
    promtool check config docker/prometheus/prometheus.yml >"$said" 2>&1
    verdict 'docker/prometheus: configuration and rules' $?
    (cd docker/prometheus && promtool test rules rules_test.yml) >"$said" 2>&1
    verdict 'docker/prometheus: tests of the rules' $?
}

dashboards() {
    have jq || { left_out "$dashboards" jq; return; }
    dashboard_reads >"$said" 2>&1
    verdict "$dashboards" $?
    have promtool || { left_out "$dashboards: queries" promtool; return; }
    queries_parse >"$said" 2>&1
    verdict "$dashboards: queries" $?
}

[ $# -gt 0 ] || set -- metrics services prometheus dashboards
for part in "$@"; do
    case $part in
    metrics) metrics ;;
    services) services ;;
    prometheus) prometheus ;;
    dashboards) dashboards ;;
    *) echo "check.sh: no part $part" >&2; exit 64 ;;
    esac
done
exit "$failed"
