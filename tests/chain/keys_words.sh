#!/usr/bin/env bash
# What is refused before a broker is asked, and with which words: a key where its file's name belongs, and filters of dead
# letters that can choose nothing.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/tap_lib.sh
clickveil=${CLICKVEIL:-build/clickveil}
work=${CLICKVEIL_BUILD:-build/default}/keys_words
rm -rf "$work"
mkdir -p "$work"
cp -r config "$work/config" && rm -rf "$work/config/secrets"
config=$work/config/pipeline.yaml
"$clickveil" keygen --config "$config" >/dev/null 2>&1
"$clickveil" keygen --purpose suppression --output "$work/one.key" >/dev/null 2>&1
digits=$(sed -n 's/^key: //p' "$work/one.key")
is there_is_a_key "${#digits}" 64

refused() { # refused NAME STATUS WORDS ARGUMENT...
    local name=$1 status=$2 words=$3
    shift 3
    "$clickveil" "$@" >"$work/said" 2>&1 </dev/null
    is "$name" $? "$status"
    has "${name}_with_words" "$words" "$work/said"
    is "${name}_and_not_shown" "$(grep -c "$digits" "$work/said")" 0
}

for option in pseudonymize.key publish.key consent.suppression_key dead_letters.public_key named_fields.key; do
    refused "${option}_of_digits" 78 'looks like a key itself' run --config "$config" --set "$option=$digits"
    refused "${option}_of_a_whole_file" 78 'a control character or a line break' check --config "$config" --set "$option=$(cat "$work/one.key")"
done
for secret in "$digits" "$(cat "$work/one.key")" "fd:$digits" "credential:$digits"; do
    refused "a_letter_opened_with_${secret%%[0-9]*}" 78 'a key itself stands where the name of its file belongs' \
        dead-letters show --force --config "$config" --secret-key "$secret" 0:1
    refused "letters_replayed_with_${secret%%[0-9]*}" 78 'a key itself stands where the name of its file belongs' \
        dead-letters replay --config "$config" --secret-key "$secret"
    refused "a_letter_explained_with_${secret%%[0-9]*}" 78 'a key itself stands where the name of its file belongs' \
        explain --config "$config" --dead-letter 0:1 --secret-key "$secret"
done

for command in list replay; do
    line=(dead-letters "$command" --config "$config")
    [ $command = list ] || line+=(--secret-key "$work/one.key")
    refused "${command}_of_an_unknown_reason" 64 "no reason 'brand_unkown'; did you mean 'brand_unknown'" "${line[@]}" --reason brand_unkown
    refused "${command}_names_the_known_ones" 64 'Reasons are: .*not_json.*brand_unknown.*host_malformed' "${line[@]}" --reason not_json --reason x
    refused "${command}_of_times_the_wrong_way_round" 64 'until must be later than --since' "${line[@]}" --since 2026-11-24 --until 2026-11-23
    refused "${command}_of_no_time_at_all" 64 'until must be later than --since' "${line[@]}" --since 2026-11-24 --until 2026-11-24
done
plan
