#!/usr/bin/env bash
# clickveil rules compile, and a run that classifies by what it made.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/tap_lib.sh
clickveil=${CLICKVEIL:-build/clickveil}
work=${CLICKVEIL_BUILD:-build/default}/rules_compile_test
rm -rf "$work"
mkdir -p "$work"
rules=config/rules
hosts=("$rules/hosts.tsv" "$rules/sensitive.tsv" "$rules/infrastructure.tsv")
apps=(--app-list "$rules/apps.tsv" --app-list "$rules/sensitive-apps.tsv" --app-list "$rules/preinstalled.tsv")

compile() { # status, with what was said in $work/out and $work/err
    "$clickveil" rules compile "$@" >"$work/out" 2>"$work/err"
    echo $?
}

# ---- one file from the lists that the product ships ----

is compiles_what_is_shipped "$(compile --taxonomy $rules/audience-taxonomy-1.1.tsv "${apps[@]}" \
    --output "$work/all.rules" "${hosts[@]}")" 0
has says_how_many_rules_there_are '^.*all.rules: [0-9]+ rules on hosts, [0-9]+ on apps, [0-9]+ interests; [0-9]+ bytes' "$work/out"
has prints_source_date_and_licence '^hosts +hosts.tsv: [0-9]+ rows; source: .+; date: 20.+; licence: Apache-2.0$' "$work/out"
digest=$(sed -n 's/^digest *//p' "$work/out")
is says_nothing_on_standard_error "$(cat "$work/err")" ''
is made_read_only "$(stat -c %a "$work/all.rules")" 444
is compiles_with_defaults "$(compile "${apps[@]}" -o "$work/again.rules" "${hosts[@]}")" 0
is twice_is_byte_for_byte_the_same "$(cmp "$work/all.rules" "$work/again.rules" && echo same)" same
is replaces_an_older_file "$(compile "${apps[@]}" -o "$work/again.rules" "${hosts[@]}")" 0
is leaves_nothing_beside_it "$(find "$work" -name '*.rules*' | wc -l)" 2
is compiles_as_json "$(compile --json "${apps[@]}" -o "$work/again.rules" "${hosts[@]}")" 0
is json_says_what_the_text_says "$(python3 -c '
import json, sys
a = json.load(open(sys.argv[1]))
print(a["digest"], a["depth"], a["support"], [l["kind"] for l in a["lists"]], a["size_bytes"], a["unsupported"])' "$work/out")" \
    "$digest 2 5 ['apps', 'apps', 'apps', 'hosts', 'hosts', 'hosts'] $(stat -c %s "$work/all.rules") []"

# ---- a run by it, beside a run by the lists ----

"$clickveil" generate --events 4000 --subscribers 200 --bad-share 0 --start 2026-05-31T00:00:00Z \
    --output-events "$work/events.jsonl" --output-consent "$work/consent.jsonl" >/dev/null 2>&1
cp -r config/programmes "$work/"
sed "s|rules/[a-z-]*.tsv|$PWD/config/&|g" config/pipeline.yaml >"$work/pipeline.yaml"
mkdir -p "$work/secrets"
"$clickveil" keygen --config "$work/pipeline.yaml" >/dev/null 2>&1
run() { # run NAME [--set ...]
    local name=$1
    shift
    "$clickveil" run --config "$work/pipeline.yaml" --input "$work/events.jsonl" --consent "$work/consent.jsonl" \
        --output "$work/$name.out" --internal "$work/$name.internal" --summary "$work/$name.summary" \
        --now 2026-06-01T00:00:00Z "$@" >"$work/$name.said" 2>&1
    echo $?
}
by_file=(--set 'classify.hosts=[]' --set 'classify.apps=[]' --set "classify.rules=$PWD/$work/all.rules")
is runs_by_lists "$(run lists --set 'stages=[consent, pseudonymize, classify]')" 0
is runs_by_the_compiled_file "$(run file --set 'stages=[consent, pseudonymize, classify]' "${by_file[@]}")" 0
is both_say_the_same "$(cmp "$work/lists.internal" "$work/file.internal" && cmp "$work/lists.out" "$work/file.out" && echo same)" same
is the_records_have_its_digest "$(grep -o '"rules_digest":"[^"]*"' "$work/file.internal" "$work/file.out" | cut -d: -f3 | sort -u)" "\"$digest\""
is check_takes_it "$("$clickveil" check --config "$work/pipeline.yaml" "${by_file[@]}" >"$work/out" 2>&1; echo $?)" 0

# ---- hosts and apps apart ----

is compiles_hosts "$(compile -o "$work/hosts.rules" $rules/hosts.tsv)" 0
is compiles_apps "$(compile --apps -o "$work/apps.rules" $rules/apps.tsv)" 0
is takes_both_files "$("$clickveil" check --config "$work/pipeline.yaml" "${by_file[@]}" \
    --set "classify.rules=[$PWD/$work/hosts.rules, $PWD/$work/apps.rules]" >"$work/out" 2>&1; echo $?)" 0

# ---- what is refused ----

flip() { # flip FILE OFFSET: change one byte
    printf '\377' | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
damage() { # damage HOW: a copy of the file that was damaged
    rm -f "$work/bad.rules"
    cp "$work/all.rules" "$work/bad.rules"
    chmod 644 "$work/bad.rules"
    case $1 in
    cut) truncate -s -100 "$work/bad.rules" ;;
    flipped) flip "$work/bad.rules" 70000 ;;
    version) flip "$work/bad.rules" 8 ;;
    list) cp $rules/hosts.tsv "$work/bad.rules" ;;
    empty) : >"$work/bad.rules" ;;
    gone) rm "$work/bad.rules" ;;
    esac
}
while IFS='|' read -r how says; do
    damage "$how"
    is "$how: does_not_start" "$(run bad "${by_file[@]}" --set "classify.rules=$PWD/$work/bad.rules")" 78
    has "$how: says_why" "$says" "$work/bad.said"
    is "$how: check_sees_it" "$("$clickveil" check --config "$work/pipeline.yaml" "${by_file[@]}" \
        --set "classify.rules=$PWD/$work/bad.rules" >"$work/out" 2>&1; echo $?)" 78
    has "$how: check_says_why" "$says" "$work/out"
done <<'END'
cut|has [0-9]+ bytes instead of [0-9]+: it is cut off
flipped|checksum of its section `.*` is wrong
version|has version
list|no compiled rule file
empty|the file is empty
gone|cannot open the file
END
is support_must_be_the_same "$(run bad "${by_file[@]}" --set classify.support=7)" 78
has support_says_so 'compiled with --support 5, and classify.support is 7' "$work/bad.said"
is lists_beside_it_are_refused "$(run bad --set "classify.rules=$PWD/$work/all.rules")" 78
has lists_beside_it_says_so 'compiled rules stand alone' "$work/bad.said"
is a_compiled_file_is_no_list "$(compile -o "$work/x.rules" "$work/all.rules")" 65
has a_compiled_file_is_no_list_and_says_so 'this is a compiled rule file, no list' "$work/err"

printf '# source: s\n# date: d\n# licence: l\nexample.com\t243\nco.uk\t243\nother.com\t2\nthird.com\t99999\nhealth.com\t467\n' >"$work/bad.tsv"
before=$(cksum <"$work/again.rules")
is bad_lists_do_not_compile "$(compile -o "$work/again.rules" "$work/bad.tsv")" 65
has names_the_public_suffix 'bad.tsv:5:1: .*public suffix' "$work/err"
has names_what_is_no_interest 'bad.tsv:6:11: .*no interest' "$work/err"
has names_what_the_taxonomy_lacks 'bad.tsv:7:11:' "$work/err"
is the_old_file_stays "$(cksum <"$work/again.rules")" "$before"
is nothing_is_left_beside_it "$(find "$work" -name 'again.rules*' | wc -l)" 1

printf 'example.com\t243\n' >"$work/bare.tsv"
is a_list_without_a_head_compiles "$(compile --support 1 -o "$work/bare.rules" "$work/bare.tsv")" 0
has and_is_warned_of 'bare.tsv: warning: no comment line `# source' "$work/err"
is the_guard_is_told_of "$(compile --support 5 -o "$work/bare.rules" "$work/bare.tsv")" 0
has as_a_warning 'interest 243 .* has 1 sites and apps behind it, fewer than 5: it is dropped' "$work/err"

while IFS='|' read -r why wanted arguments said; do
    # shellcheck disable=SC2086  # words
    is "refused_$why" "$(compile $arguments)" "$wanted"
    has "refused_${why}_says_so" "$said" "$work/err"
done <<END
no_output|64|$rules/hosts.tsv|--output is missing
no_input|64|--output $work/x.rules|clickveil rules compile
bad_depth|64|--depth 1 -o $work/x.rules $rules/hosts.tsv|--depth is a tier from 2 to 6
bad_support|64|--support 0 -o $work/x.rules $rules/hosts.tsv|--support is a number from 1 to 1000
apps_twice|64|--apps --app-list $rules/apps.tsv -o $work/x.rules $rules/apps.tsv|every INPUT is a list of apps
no_folder|74|-o $work/no/folder/x.rules $rules/hosts.tsv|check that the folder exists
no_list|65|-o $work/x.rules $work/nowhere.tsv|nowhere.tsv: cannot open
no_taxonomy|65|--taxonomy $work/nowhere.tsv -o $work/x.rules $rules/hosts.tsv|nowhere.tsv: cannot open
END
is nothing_was_made_of_it "$(find "$work" -name 'x.rules*' | wc -l)" 0

plan
