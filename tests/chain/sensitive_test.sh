#!/bin/bash
# No list gets an interest out of what is sensitive: for every class of the law that config/rules/sensitive.tsv names,
# an enemy's lists try it by the host itself, by what is below and above it, by its spelling, by URL, app and app prefix,
# by the order of loading, by a compiled file, by another's list with a mapping, and by rows of the taxonomy. Each attack
# is first run without the deny, where it must succeed: an attack that never worked proves nothing. The way by a reload
# is tests/unit/stages/classify/sensitive_test.c.
#
# Prints TAP.
# shellcheck disable=SC2016  # programs for awk stand in single quotes
set -u
. tests/support/tap_lib.sh

clickveil=${CLICKVEIL:-build/default/clickveil}
work=$(mktemp -d) || exit 70
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

rules=config/rules

# ---- whom it is about: of each class a host and an app out of the shipped lists, and others that an operator denies ----

# class, host, app; where the lists have no app of a class, one that the operator denies himself
awk -F'\t' '
    /^#/ { next }
    FILENAME ~ /apps/ { if (!($3 in app)) app[$3] = $1; next }
    !($3 in host) { host[$3] = $1; order[++n] = $3 }
    END { for (i = 1; i <= n; i++) print order[i] "\t" host[order[i]] "\t" \
              (order[i] in app && app[order[i]] !~ /\*/ ? app[order[i]] : "org.example.own.c" i) }
' $rules/sensitive-apps.tsv $rules/sensitive.tsv >"$work/classes"

number_of_classes=$(wc -l <"$work/classes")
is every_class_has_its_host "$number_of_classes" 18
for class in health religion sexuality politics ethnicity 'union membership' immigration children addiction gambling \
    adult dating weapons 'financial hardship' biometrics; do
    is "class_${class// /_}_is_among_them" "$(cut -f1 "$work/classes" | grep -cx "$class")" 1
done

awk -F'\t' -v OFS='\t' '{ print "sub.own" NR ".example", "deny", $1 }' "$work/classes" >"$work/own-hosts.tsv"
awk -F'\t' -v OFS='\t' '
    $3 ~ /^org\.example\.own/ { print $3, "deny", $1 }
    { print "org.example.one" NR ".app", "deny", $1; print "org.example.many" NR ".*", "deny", $1 }
' "$work/classes" >"$work/own-apps.tsv"

deny_hosts=("$rules/sensitive.tsv" "$work/own-hosts.tsv")
deny_apps=("$rules/sensitive-apps.tsv" "$work/own-apps.tsv")

# ---- the attacks: what the enemy's list says of a class ($1 class, $2 host, $3 app, NR its number), and what is asked ----

# name, kind, rows of the list (awk), what is asked (awk); \t and , as in a list
attacks='
host|hosts|print $2, 607|print $2
host_among_other_interests|hosts|print $2, "243,607"|print $2
child|hosts|print "www." $2, 607|print "www." $2
deep_child|hosts|print "a.b." $2, 607|print "x.a.b." $2
inherited_child|hosts|print $2, 607|print "shop." $2
below_a_none|hosts|print "x." $2, "none"; print "y.x." $2, 607|print "y.x." $2
parent|hosts|print "own" NR ".example", 607|print "sub.own" NR ".example"
parent_and_child|hosts|print "own" NR ".example", 607; print "z.sub.own" NR ".example", 607|print "z.sub.own" NR ".example"
spelling_of_the_rule|hosts|print toupper($2) ".", 607|print $2
spelling_of_the_name|hosts|print $2, 607|print toupper($2) ".:443"
url|hosts|print $2, 607|print "HTTPS://someone:else@WWW." $2 ":8443/a/path?q=1#f"
percent_encoded|hosts|print $2, 607|print "http://%" sprintf("%02x", 97 + index("abcdefghijklmnopqrstuvwxyz", substr($2, 1, 1)) - 1) substr($2, 2) "/"
app|apps|print $3, 607|print $3
app_in_capitals|apps|print toupper($3), 607|print toupper($3)
app_prefix_over_a_denied_app|apps|print "org.example.one" NR ".*", 607|print "org.example.one" NR ".app"
app_below_a_denied_prefix|apps|print "org.example.many" NR ".app", 607|print "org.example.many" NR ".app"
longer_prefix_below_a_denied_one|apps|print "org.example.many" NR ".sub.*", 607|print "org.example.many" NR ".sub.app"
'

ask() { # ask KIND NAMES LIST...: the answers, a line each: interests and reason
    local kind=$1 names=$2 list options=()
    shift 2
    [ "$kind" = hosts ] || options=(--app)
    for list in "$@"; do options+=(--rules "$list"); done
    "$clickveil" rules lookup --json "${options[@]}" - <"$names" >"$work/answers" 2>"$work/err" || cat "$work/err"
    sed -n 's/.*"interests":\(\[[^]]*\]\).*"reason":"\([^"]*\)".*/\1 \2/p' "$work/answers"
}

tally() { sort | uniq -c | sed 's/^ *//' | tr '\n' ';'; } # how often each answer came

while IFS='|' read -r name kind rows asked; do
    [ -n "$name" ] || continue
    # percent_encoded asks hosts that begin with a letter; a digit has no code there
    awk -F'\t' -v OFS='\t' "{ $rows }" "$work/classes" >"$work/enemy.tsv"
    if [ "$name" = percent_encoded ]; then
        awk -F'\t' '$2 ~ /^[a-z]/'" { $asked }" "$work/classes" >"$work/names"
    else
        awk -F'\t' "{ $asked }" "$work/classes" >"$work/names"
    fi
    count=$(wc -l <"$work/names")
    if [ "$kind" = hosts ]; then deny=("${deny_hosts[@]}"); else deny=("${deny_apps[@]}"); fi
    is "${name}_would_work_without_the_deny" "$(ask "$kind" "$work/names" "$work/enemy.tsv" | cut -d' ' -f1 | grep -c '607')" \
        "$count"
    is "${name}_brings_nothing_loaded_last" "$(ask "$kind" "$work/names" "${deny[@]}" "$work/enemy.tsv" | tally)" "$count [] deny;"
    is "${name}_brings_nothing_loaded_first" "$(ask "$kind" "$work/names" "$work/enemy.tsv" "${deny[@]}" | tally)" "$count [] deny;"
    cat "$work/enemy.tsv" >>"$work/all-$kind.tsv"
    cat "$work/names" >>"$work/all-$kind.names"
done <<<"$attacks"

# Of a rule on a path below a denied host nothing comes, whether rules may have paths or are refused for it.
awk -F'\t' -v OFS='\t' '{ print $2 "/path", 607 }' "$work/classes" >"$work/enemy.tsv"
awk -F'\t' '{ print "https://" $2 "/path/below" }' "$work/classes" >"$work/names"
is path_brings_nothing "$(ask hosts "$work/names" "${deny_hosts[@]}" "$work/enemy.tsv" | grep -c 607)" 0

# A denied child takes nothing from its parent, who has other visitors.
awk -F'\t' '{ print "own" NR ".example" }' "$work/classes" >"$work/names"
is the_parent_of_a_denied_child_keeps_its_interest \
    "$(ask hosts "$work/names" "${deny_hosts[@]}" "$work/all-hosts.tsv" | tally)" "$number_of_classes [607] exact;"

# ---- by the lists of others, in every format that can be imported, and by a mapping that calls the class a sport ----

import() { # import FORMAT INPUT [OPTION]...: to $work/imported.tsv; its exit status
    local format=$1 input=$2
    shift 2
    rm -f "$work/imported.tsv"
    "$clickveil" rules import --format "$format" --output "$work/imported.tsv" "$@" "$input" >"$work/said" 2>&1
    echo $?
}

cut -f2 "$work/classes" >"$work/names"
{ # categories as such lists have them, and every one of them is said to be sport
    awk -F'\t' -v OFS='\t' '{ gsub(/ /, "_", $1); print $1, 607 }' "$work/classes"
    printf 'sport\t607\n'
} >"$work/mapping.tsv"
awk -F'\t' -v OFS='\t' '{ gsub(/ /, "_", $1); print $2, $1 }' "$work/classes" >"$work/foreign.tsv"
tr '\t' , <"$work/foreign.tsv" >"$work/foreign.csv"
awk -F'\t' -v OFS='\t' '{ gsub(/[-_.+]/, " ", $2); print $2, "sport" }' "$work/classes" >"$work/foreign.override"
while IFS='	' read -r host class; do
    mkdir -p "$work/foreign.ut1/$class" && echo "$host" >"$work/foreign.ut1/$class/domains"
done <"$work/foreign.tsv"

while IFS='|' read -r format options; do
    # shellcheck disable=SC2086  # words
    is "${format}_list_with_a_mapping_is_imported" "$(import "$format" "$work/foreign.$format" --mapping "$work/mapping.tsv" $options)" 0
    is "${format}_list_would_work_without_the_deny" "$(ask hosts "$work/names" "$work/imported.tsv" | tally)" \
        "$number_of_classes [607] exact;"
    is "${format}_list_brings_nothing_loaded_last" \
        "$(ask hosts "$work/names" "${deny_hosts[@]}" "$work/imported.tsv" | tally)" "$number_of_classes [] deny;"
    is "${format}_list_brings_nothing_loaded_first" \
        "$(ask hosts "$work/names" "$work/imported.tsv" "${deny_hosts[@]}" | tally)" "$number_of_classes [] deny;"
done <<END
tsv|
csv|
override|--hosts $work/names
ut1|
END

# A mapping that denies a class denies its hosts, whatever else the same list says of them.
awk -F'\t' -v OFS='\t' '{ print $1, (NR > 1 && $1 != "sport" ? "deny" : $2) }' "$work/mapping.tsv" >"$work/denying.tsv"
{
    cat "$work/foreign.tsv"
    sed 's/\t.*/\tsport/' "$work/foreign.tsv"
} >"$work/twice.tsv"
first=$(head -1 "$work/names")
is a_list_with_a_denying_mapping_is_imported "$(import tsv "$work/twice.tsv" --mapping "$work/denying.tsv")" 0
is a_mapping_that_denies_wins_over_one_that_does_not \
    "$(grep -v "^$first\$" "$work/names" >"$work/rest"; ask hosts "$work/rest" "$work/imported.tsv" | tally)" \
    "$((number_of_classes - 1)) [] deny;"

# ---- through the chain: all attacks at once, by lists and by a compiled file ----

awk '{ printf "{\"type\":\"browse\",\"time\":\"2026-05-31T12:00:00Z\",\"subscriber\":\"+9990000000001\",\"account\":\"a\",\"brand\":\"tmobile\",\"region\":\"US-CA\",\"plan\":\"postpaid\",\"birth_year\":1980,\"%s\":\"%s\"}\n", (/\/\// ? "url" : "host"), $0 }' \
    "$work/all-hosts.names" >"$work/events.jsonl"
awk '{ printf "{\"type\":\"app_use\",\"time\":\"2026-05-31T12:00:00Z\",\"subscriber\":\"+9990000000001\",\"account\":\"a\",\"brand\":\"tmobile\",\"region\":\"US-CA\",\"plan\":\"postpaid\",\"birth_year\":1980,\"app\":\"%s\"}\n", $0 }' \
    "$work/all-apps.names" >>"$work/events.jsonl"
echo '{"key":"line:+9990000000009","value":{"choices":{"*":"out"},"effective":"2026-01-01T00:00:00Z","seq":1}}' >"$work/consent.jsonl"
sent=$(wc -l <"$work/events.jsonl")
cp -r config/programmes "$work/"
sed "s|rules/|$PWD/config/rules/|g" config/pipeline.yaml >"$work/pipeline.yaml"
"$clickveil" keygen --config "$work/pipeline.yaml" --now 2026-06-01T00:00:00Z >/dev/null 2>&1

listed() { # listed FILE...: as a list of the configuration
    local text='' file
    for file in "$@"; do
        case $file in /*) ;; *) file=$PWD/$file ;; esac
        text="$text${text:+, }$file"
    done
    printf '[%s]' "$text"
}

run() { # run NAME [--set ...]: what came of the events, "interests denied"
    local name=$1
    shift
    "$clickveil" run --config "$work/pipeline.yaml" --input "$work/events.jsonl" --consent "$work/consent.jsonl" \
        --output "$work/$name.out" --internal "$work/$name.internal" --summary "$work/$name.json" \
        --set 'stages=[consent, pseudonymize, classify]' --now 2026-06-01T00:00:00Z "$@" >"$work/said" 2>&1 || tail -3 "$work/said"
    printf '%s %s' "$(cat "$work/$name.out" "$work/$name.internal" | grep -c '"rules_digest"')" \
        "$(grep -o '"interest_denied": *[0-9]*' "$work/$name.json" | head -1 | tr -dc 0-9)"
}

is chain_lets_the_attacks_through_without_the_deny "$(run open --set "classify.hosts=[$work/all-hosts.tsv]" \
    --set "classify.apps=[$work/all-apps.tsv]")" "$sent "
is chain_lets_nothing_through "$(run closed --set "classify.hosts=$(listed "$work/all-hosts.tsv" "${deny_hosts[@]}")" \
    --set "classify.apps=$(listed "$work/all-apps.tsv" "${deny_apps[@]}")")" "0 $sent"
"$clickveil" rules compile --output "$work/compiled.rules" --app-list "$work/all-apps.tsv" --app-list "${deny_apps[0]}" \
    --app-list "${deny_apps[1]}" "$work/all-hosts.tsv" "${deny_hosts[@]}" >"$work/said" 2>&1
is compiles_with_the_attacks_in_it $? 0
is chain_lets_nothing_through_by_a_compiled_file "$(run compiled --set 'classify.hosts=[]' --set 'classify.apps=[]' \
    --set "classify.rules=$work/compiled.rules")" "0 $sent"

# ---- by rows of the taxonomy: what the taxonomy withholds no rule can name, at any depth ----

while IFS='|' read -r class ids; do
    for id in $ids; do
        printf 'h%d.example.com\t%s\n' 1 "$id" 2 "$id" 3 "$id" 4 "$id" 5 "$id" >"$work/rows.tsv"
        "$clickveil" rules compile --depth 6 --output "$work/rows.rules" "$work/rows.tsv" >"$work/said" 2>&1
        is "row_${id}_of_${class// /_}_does_not_compile" "$? $(grep -c 'is sensitive and never published' "$work/said")" '65 5'
    done
done <<'END'
health|381 382 389 406 408 411 412 414 415 466 550 220 234 748
religion|453 496 498 503
politics|522 525 528 529 530 531 235 242 299 513 517
ethnicity|449 485 519
children|350 352 354 261 267 407 474 488 679 708 728 747
addiction|369 436 399
gambling|630 640 654
weapons|646 337
financial hardship|535 537 281 283 298
genetics and descent|222 449
END
is nothing_was_compiled_of_them "$(test -e "$work/rows.rules"; echo $?)" 1

plan
