#!/bin/sh
# docker/check.sh, tried on a copy in which one thing is wrong. What needs a tool that is not there is skipped.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
tree=$work/tree
number=0

copy() {
    rm -rf "$tree"
    mkdir -p "$tree/common"
    cp -a "$top/docker" "$top/docker-compose.yml" "$top/stages" "$tree/"
    cp -a "$top/common/metrics_table.c" "$tree/common/"
}

report() { # report NAME GOOD?
    number=$((number + 1))
    if [ "$2" = yes ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        printf '%s\n' "$said" | sed 's/^/# /'
    fi
}

planted() { # planted NAME PART TOOL FILE SED PATTERN: after that edit the part fails, and says what the pattern matches
    for tool in $3; do
        if ! command -v "$tool" >/dev/null 2>&1; then
            number=$((number + 1))
            echo "ok $number - $1 # SKIP there is no $tool"
            return
        fi
    done
    copy
    sed -i "$5" "$tree/$4"
    if cmp -s "$tree/$4" "$top/$4"; then
        said="the edit of $4 changed nothing"
        report "$1" no
        return
    fi
    said=$("$tree/docker/check.sh" "$2" 2>&1)
    status=$?
    report "$1" "$([ $status -eq 1 ] && printf '%s\n' "$said" | grep -q "$6" && echo yes)"
}

board=docker/grafana/dashboards/clickveil.json
copy
said=$("$tree/docker/check.sh" 2>&1)
status=$?
report docker_is_as_it_should_be "$([ $status -eq 0 ] && echo yes)"

planted dashboard_names_no_metric_that_does_not_exist metrics '' $board \
    's/clickveil_ready/clickveil_steady/' '^ *clickveil_steady: '
planted rules_name_no_metric_that_does_not_exist metrics '' docker/prometheus/rules.yml \
    's/clickveil_lag_seconds/clickveil_lag_hours/' '^ *clickveil_lag_hours: '
planted dashboard_names_no_value_that_no_stage_gives metrics '' $board 's/ids_live/ids_alive/' '^ *ids_alive: '
planted metrics_are_those_of_the_table metrics '' common/metrics_table.c \
    's/"clickveil_lag_records"/"clickveil_lag"/' '^ *clickveil_lag_records: '
planted services_have_no_unknown_option services docker-compose docker-compose.yml \
    's/mem_limit: 256m/memory_limit: 256m/' 'FAILED   docker-compose.yml'
planted dashboard_is_json dashboards jq $board '3s/,$//' 'FAILED   docker/grafana'
planted dashboard_asks_the_datasource_that_is_provisioned dashboards jq $board \
    's/clickveil-prometheus/another/' 'no datasource another is provisioned'
planted dashboard_has_no_panel_twice dashboards jq $board 's/"id": 2,/"id": 3,/' 'two panels have the id 3'
planted queries_can_be_parsed dashboards 'jq promtool' $board \
    's/min by (job) (clickveil_ready)/min by (job (clickveil_ready)/' 'FAILED   docker/grafana/dashboards: queries'
planted rules_keep_to_their_tests prometheus promtool docker/prometheus/rules.yml \
    's/clickveil_lag_seconds > 300/clickveil_lag_seconds > 500/' 'FAILED   docker/prometheus: tests'
planted configuration_has_no_unknown_option prometheus promtool docker/prometheus/prometheus.yml \
    's/dns_sd_configs/dns_sd_config/' 'FAILED   docker/prometheus: configuration'
echo "1..$number"
