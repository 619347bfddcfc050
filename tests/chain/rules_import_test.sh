#!/usr/bin/env bash
# `clickveil rules import`, each format on samples that the project wrote (tests/chain/rules_import), and what is malformed
# beside them: what is written, what is counted, and that the counts add up.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/tap_lib.sh
clickveil=${CLICKVEIL:-build/clickveil}
work=${CLICKVEIL_BUILD:-build/default}/rules_import_test
samples=tests/chain/rules_import
rm -rf "$work"
mkdir -p "$work"

import() { # the exit status; rules in $work/rules, the summary in $work/out, what is shown in $work/err
    "$clickveil" rules import --output "$work/rules" "$@" >"$work/out" 2>"$work/err"
    echo $?
}

rules() { grep -v '^#' "$work/rules" | tr '\t\n' '= ' | sed 's/ $//'; } # in one line

# Fates of the summary, `name=n` in one line; and that they add up is asked of the JSON itself.
counts() {
    python3 - "$work/out" <<'PYTHON'
import json, sys
said = json.load(open(sys.argv[1]))
fates = ["interests", "none", "deny", "publishable", "refused", "sensitive", "merged", "unmapped", "unmatched",
         "ambiguous", "paths", "unnumbered", "malformed"]
there = [name for name in fates if said.get(name)]
assert sum(said[name] for name in there) == said["read"], said
assert sum(said["malformed_by_kind"].values()) == said["malformed"], said
print(" ".join(f"{name}={said[name]}" for name in there))
PYTHON
}

json() { python3 -c 'import json, sys; said = json.load(open(sys.argv[1])); print(eval(sys.argv[2], {"said": said}))' "$work/out" "$1"; }

no_file() { # NAME: neither the output nor something beside it
    is "$1" "$(find "$work" -mindepth 1 -name 'rules*' | wc -l)" 0
}

# ---- TSV ----

is tsv "$(import --format tsv --mapping $samples/list.mapping.tsv --json $samples/list.tsv)" 0
is tsv_writes_each_key_once_and_sorted "$(rules)" "clinic.example=deny games.example=733,581,607 mail.example=none \
sports.example=607 www.goals.example=607 xn--bcher-kva.example=258"
is tsv_counts_add_up "$(counts)" "interests=4 none=1 deny=1 merged=3 unmapped=1 paths=1"
is tsv_says_what_lost "$(json 'said["overruled"]')" 2
is tsv_lists_what_the_mapping_lacks "$(json '[(c["category"], c["rows"], c["line"]) for c in said["unmapped_categories"]]')" \
    "[('Unheard', 1, 14)]"
is tsv_lists_what_the_list_lacks "$(json 'said["unused_categories"]')" "['Never']"
has tsv_shows_a_path_with_its_line "list.tsv:13: paths: .*portal.example/sport" "$work/err"
has tsv_keeps_the_source "^# source: the project's own sample; the hosts are invented\$" "$work/rules"
has tsv_keeps_the_date '^# date: 2026-11-20$' "$work/rules"
has tsv_keeps_the_licence '^# licence: Apache-2.0$' "$work/rules"
cp "$work/rules" "$work/first"
import --format tsv --mapping $samples/list.mapping.tsv $samples/list.tsv >/dev/null
is the_same_input_gives_the_same_bytes "$(cmp "$work/first" "$work/rules" && echo same)" same
has the_summary_in_words '= 4 interests \+ 1 none \+ 1 deny \+ 3 merged \+ 1 unmapped \+ 1 paths$' "$work/out"
has the_summary_lists_categories "the mapping lacks 'Unheard': 1 rows, the first .*list.tsv:14" "$work/out"
is what_was_written_is_a_rule_file "$("$clickveil" rules lookup --support 1 --rules "$work/rules" --json www.sports.example |
    grep -c 607)" 1
is what_was_written_compiles "$("$clickveil" rules compile --support 1 --output "$work/image" "$work/rules" >"$work/out" 2>&1; echo $?)" 0
is stdin "$(import --format tsv --mapping $samples/list.mapping.tsv --json - <$samples/list.tsv)" 0
is stdin_gives_the_same "$(cmp "$work/first" "$work/rules" && echo same)" same

is words_of_rule_files_need_no_mapping "$(printf 'a.example\t607,581\nb.example\tdeny\nc.example\tNews\n' |
    import --format tsv --date 2026-11-20 --json -)" 0
is words_of_rule_files_are_kept "$(rules)" "a.example=607,581 b.example=deny"
is a_word_that_is_none_is_malformed "$(counts)" "interests=1 deny=1 malformed=1"

# ---- what is malformed ----

is malformed_tsv "$(import --format tsv --mapping $samples/list.mapping.tsv --show 1 --json $samples/malformed.tsv)" 0
is malformed_tsv_keeps_the_good_row "$(rules)" good.example=607
is malformed_tsv_adds_up "$(counts)" "interests=1 malformed=9"
is malformed_tsv_by_kind "$(json 'sorted(said["malformed_by_kind"].items())')" \
    "[('address', 1), ('category', 1), ('columns', 2), ('control_character', 1), ('encoding', 1), ('host', 2), ('public_suffix', 1)]"
has malformed_line_is_shown 'malformed.tsv:6: malformed: .192.0.2.1.: an address' "$work/err"
has malformed_first_of_a_kind_is_shown 'malformed.tsv:4: malformed: 1 column' "$work/err"
has malformed_others_are_counted '^and 1 more malformed: columns$' "$work/err"
rm -f "$work/rules"
is strict "$(import --format tsv --mapping $samples/list.mapping.tsv --strict --json $samples/malformed.tsv)" 65
no_file strict_writes_nothing
is strict_says_all_the_same "$(counts)" "interests=1 malformed=9"
is strict_has_no_output "$(json 'said["output"]')" None
is strict_also_for_what_is_not_known "$(import --format tsv --mapping $samples/list.mapping.tsv --strict $samples/list.tsv)" 65
printf '# date: 2026-11-20\nsports.example\tSport\n' >"$work/good.tsv"
is strict_lets_a_good_list_pass "$(import --format tsv --mapping $samples/list.mapping.tsv --strict "$work/good.tsv")" 0

# ---- CSV ----

is csv "$(import --format csv --columns 2,4 --header --date 2026-11-20 --mapping $samples/list.mapping.tsv --json $samples/list.csv)" 0
is csv_reads_quotes_and_line_ends "$(rules)" "clinic.example=deny games.example=733,581 mail.example=none sports.example=607"
is csv_adds_up "$(counts)" "interests=2 none=1 deny=1"
is malformed_csv "$(import --format csv --date 2026-11-20 --mapping $samples/list.mapping.tsv --json $samples/malformed.csv)" 0
is malformed_csv_costs_no_other_row "$(rules)" "games.example=733,581 sports.example=607"
is malformed_csv_adds_up "$(counts)" "interests=2 malformed=5"
is malformed_csv_lines "$(json '[s["line"] for s in said["shown"]]')" "[2, 4, 5, 6, 7]"

# ---- override lists ----

is override "$(import --format override --hosts $samples/override.hosts.txt --mapping $samples/list.mapping.tsv --json \
    $samples/override.tsv)" 0
is override_unfolds_what_is_sure "$(rules)" "also.nothing.example=none clinic.example=deny deliberately-nothing.example=none \
my-game_shop.example=607,733,581 sports.example=607"
is override_adds_up "$(counts)" "interests=2 none=2 deny=1 unmapped=1 unmatched=1 ambiguous=2 malformed=1"
has override_shows_the_candidates 'override.tsv:7: ambiguous: .two ways example. may be each of two-ways.example, two.ways.example' \
    "$work/err"
is override_counts_the_candidates "$(json 'said["candidates"]')" 4
has override_says_which_hosts_are_none 'override.hosts.txt: 1 of 10 lines name no host' "$work/err"
is override_without_hosts "$(import --format override $samples/override.tsv)" 64

# ---- folders ----

mkdir -p "$work/ut1/adult" "$work/ut1/sports" "$work/ut1/recreation/games" "$work/ut1/unheard" "$work/ut1/empty" \
    "$work/outside"
printf 'a.adult.example\n192.0.2.1\n.b.adult.example\n' >"$work/ut1/adult/domains"
printf 'c.adult.example/page\nd.adult.example/\n' >"$work/ut1/adult/urls"
printf '(sex|porn)\n' >"$work/ut1/adult/expressions"
printf 's.example\r\na.adult.example\r\n' >"$work/ut1/sports/domains"
printf 'g.example\n' >"$work/ut1/recreation/games/domains"
printf 'u.example\n\nv.example\n' >"$work/ut1/unheard/domains"
printf 'secret.example\n' >"$work/outside/domains"
printf 'stray.example\n' >"$work/ut1/domains"
mkfifo "$work/ut1/unheard/urls"
ln -s adult "$work/ut1/porn"
ln -s adult "$work/ut1/erotic"
ln -s ../outside "$work/ut1/away"
ln -s ../../outside/domains "$work/ut1/empty/domains"
ln -s . "$work/ut1/round"
mkdir -p "$work/ut1/$(printf 'odd\nname\033')"
printf 'odd.example\n' >"$work/ut1/$(printf 'odd\nname\033')/domains"
printf 'porn\tdeny\nsports\t607\nrecreation/games\t733\n../outside\t607\naway\t607\n' >"$work/ut1.tsv"
touch -d '2026-11-19 12:00 UTC' "$work"/ut1/*/domains "$work"/ut1/*/*/domains "$work/ut1/adult/urls"
is ut1 "$(import --format ut1 --mapping "$work/ut1.tsv" --json --show 20 "$work/ut1")" 0
is ut1_reads_categories_and_their_second_names "$(rules)" \
    "a.adult.example=deny b.adult.example=deny d.adult.example=deny g.example=733 s.example=607"
is ut1_adds_up "$(counts)" "interests=2 deny=3 merged=1 unmapped=6 paths=2 malformed=2"
has ut1_date_is_that_of_the_newest_file '^# date: 2026-11-19$' "$work/rules"
has ut1_names_file_and_line 'adult/domains:2: malformed: .192.0.2.1.: an address' "$work/err"
has ut1_says_what_it_does_not_read '^adult/expressions: patterns, not read' "$work/err"
has ut1_follows_no_link_to_a_file '^empty/domains: a symbolic link, not followed' "$work/err"
has ut1_follows_no_link_out '^away: a symbolic link that is not to a folder beside it' "$work/err"
has ut1_follows_no_circle '^round: a symbolic link that is not to a folder beside it' "$work/err"
has ut1_waits_for_no_pipe '^unheard/urls: no regular file' "$work/err"
has ut1_says_what_has_no_category '^domains: not read: it stands beside the categories' "$work/err"
has ut1_second_name_without_mapping '^erotic: a second name of a category, which the mapping lacks' "$work/err"
has ut1_shows_no_control_character '^odd\?name\?/domains:1: unmapped' "$work/err"
is ut1_lists_what_the_mapping_lacks "$(json 'sorted(c["category"] for c in said["unmapped_categories"])')" \
    "['adult', 'odd\\nname\\x1b', 'unheard']"
is ut1_nothing_from_outside "$(grep -c secret "$work/rules")" 0
is ut1_without_mapping "$(import --format ut1 "$work/ut1")" 64
is ut1_of_a_file "$(import --format ut1 --mapping "$work/ut1.tsv" $samples/list.tsv)" 74
is ut1_of_nothing "$(import --format ut1 --mapping "$work/ut1.tsv" "$work/outside")" 65

# ---- taxonomies ----

is taxonomy "$(import --format taxonomy --date 2026-11-20 --json $samples/content.tsv)" 0
is taxonomy_has_rows_in_order "$(rules)" "1=0=1=publishable=Automotive 2=1=2=publishable=Auto Shows 324=0=2=publishable=Movies \
483=0=1=publishable=Sports 518=483=2=sensitive=Auto Racing 524=483=2=sensitive=Poker and Professional Gambling \
901=0=1=refused=Brand new"
is taxonomy_adds_up "$(counts)" "publishable=4 sensitive=2 unmapped=1 unnumbered=1 malformed=2"
has taxonomy_says_whose_decisions '^# imported: taxonomy, mapping iab-content-taxonomy-3.1.tsv$' "$work/rules"
printf 'a.example\t324\n' >"$work/movies.tsv"
is taxonomy_is_one_that_rules_name "$("$clickveil" rules lookup --support 1 --taxonomy "$work/rules" --rules "$work/movies.tsv" \
    --json www.a.example 2>&1 | grep -c 324)" 1
printf 'a.example\t518\n' >"$work/racing.tsv"
"$clickveil" rules lookup --taxonomy "$work/rules" --rules "$work/racing.tsv" a.example >"$work/out" 2>"$work/err"
has taxonomy_keeps_what_is_sensitive_out 'row 518 of the taxonomy \(Auto Racing\) is sensitive' "$work/err"
printf 'Sports\tdeny\nAutomotive\tpublishable\n' >"$work/own.tsv"
is taxonomy_own_decisions "$(import --format taxonomy --date 2026-11-20 --mapping "$work/own.tsv" --json $samples/content.tsv)" 0
is taxonomy_own_decisions_hold_for_what_is_below "$(counts)" "publishable=2 sensitive=3 unmapped=2 unnumbered=1 malformed=2"
is taxonomy_strict "$(import --format taxonomy --strict --mapping "$work/own.tsv" $samples/content.tsv)" 65
is taxonomy_of_a_list "$(import --format taxonomy $samples/list.tsv)" 65

# The shipped table, put into the form in which it was published, comes back as it is: the shipped decisions are those
# that the table holds.
awk -F'\t' -v OFS='\t' '
    BEGIN { print "", "Unique ID", "Parent ID", "Condensed Name (1st, 2nd, Last Tier)", "Tier 1", "Tier 2", "Tier 3", "Tier 4", "Tier 5", "Tier 6", "*Extension Notes" }
    /^#/ { next }
    { parent[$1] = $2; tier[$1] = $3; name[$1] = $5; order[++count] = $1 }
    END {
        root[1] = "Demographic"; root[206] = "Interest"
        for (i = 1; i <= count; i++) {
            id = order[i]
            for (t = 1; t <= 6; t++) column[t] = ""
            for (at = id; at; at = parent[at])
                if (tier[at] <= tier[id] && column[tier[at]] == "")
                    column[tier[at]] = !parent[at] ? (at in root ? root[at] : "Purchase Intent*") : name[at] == "-" ? "row " at : name[at]
            print "", id, parent[id] ? parent[id] : "", "", column[1], column[2], column[3], column[4], column[5], column[6], ""
        }
    }' config/rules/audience-taxonomy-1.1.tsv >"$work/audience.tsv"
is audience "$(import --format taxonomy --date 2026-11-20 --json "$work/audience.tsv")" 0
is audience_rows "$(json 'said["read"] == said["emitted"] > 1500')" True
grep -v '^#' config/rules/audience-taxonomy-1.1.tsv | cut -f1-4 >"$work/wanted"
grep -v '^#' "$work/rules" | cut -f1-4 | diff "$work/wanted" - >"$work/differs"
is shipped_decisions_make_the_shipped_table "$(head -3 "$work/differs")" ""

# ---- hostile files ----

rm -f "$work/rules"
head -c 300000 "$clickveil" >"$work/binary"
is binary "$(import --format tsv --date 2026-11-20 --json "$work/binary")" 65
is binary_adds_up "$(counts | grep -c '^malformed=[0-9]*$')" 1
{ printf 'a.example\t607\n'; head -c 100000000 /dev/zero | tr '\0' x; printf '\nb.example\t607\n'; } |
    import --format tsv --date 2026-11-20 --json - >"$work/status"
is a_line_of_a_hundred_million_bytes "$(cat "$work/status") $(rules)" "0 a.example=607 b.example=607"
is it_is_counted "$(counts)" "interests=2 malformed=1"
printf 'a.example\t607\n' | iconv -f UTF-8 -t UTF-16 >"$work/utf16"
rm -f "$work/rules"
is utf_16 "$(import --format tsv "$work/utf16")" 65
has utf_16_says_what_to_do 'iconv' "$work/err"
: >"$work/nothing"
is an_empty_file "$(import --format tsv "$work/nothing")" 65
awk 'BEGIN { for (i = 1; i <= 70000; i++) print "h" i ".example\tc" i }' >"$work/many"
is columns_the_wrong_way_round "$(import --format tsv --mapping $samples/list.mapping.tsv "$work/many")" 65
has columns_the_wrong_way_round_says_so 'right way round' "$work/err"
no_file nothing_is_left_behind
awk 'BEGIN { for (i = 1; i <= 20; i++) print "x.example\t" i }' >"$work/twenty"
is too_many_interests "$(import --format tsv --json "$work/twenty")" 0
is too_many_interests_are_counted "$(rules) $(counts)" \
    "x.example=1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16 interests=1 merged=15 malformed=4"

# ---- use ----

printf 'Sport\t607\nNews\tnews\nSport\tnone\n' >"$work/bad.tsv"
is a_mapping_with_mistakes "$(import --format tsv --mapping "$work/bad.tsv" $samples/list.tsv)" 78
has a_mistake_has_its_place 'bad.tsv:2:6: error: .news. is neither' "$work/err"
has each_mistake_is_said "bad.tsv:3:1: error: 'Sport' stands in line 1 already" "$work/err"
is no_mapping_there "$(import --format tsv --mapping nowhere $samples/list.tsv)" 78
is no_input_there "$(import --format tsv nowhere.tsv)" 74
is output_is_a_folder "$("$clickveil" rules import --format tsv --mapping $samples/list.mapping.tsv --output "$work" \
    $samples/list.tsv >/dev/null 2>&1; echo $?)" 74
is output_folder_is_not_there "$("$clickveil" rules import --format tsv --mapping $samples/list.mapping.tsv \
    --output "$work/no/rules" $samples/list.tsv >/dev/null 2>&1; echo $?)" 74
while IFS='|' read -r why arguments said; do
    # shellcheck disable=SC2086  # words
    is "refused_$why" "$(import $arguments)" 64
    has "refused_${why}_says_so" "$said" "$work/err"
done <<END_OF_CASES
no_format|$samples/list.tsv|--format is missing
format|--format xml $samples/list.tsv|tsv, csv, override, ut1 or taxonomy
no_input|--format tsv|something is missing
hosts|--format tsv --hosts x $samples/list.tsv|--hosts is for an override list
columns|--format tsv --columns 2 $samples/list.tsv|--columns wants two
columns_alike|--format tsv --columns 2,2 $samples/list.tsv|--columns wants two
columns_zero|--format tsv --columns 0,1 $samples/list.tsv|--columns wants two
columns_far|--format tsv --columns 1,65 $samples/list.tsv|--columns wants two
columns_of_ut1|--format ut1 --mapping x --columns 1,2 $work|--columns and --header are for
date|--format tsv --date yesterday $samples/list.tsv|--date is a day
date_that_is_none|--format tsv --date 2026-02-29 $samples/list.tsv|--date is a day
show|--format tsv --show 1001 $samples/list.tsv|--show
END_OF_CASES
is a_source_of_two_lines "$(import --format tsv --source "$(printf 'a\nb.example\t607')" $samples/list.tsv)" 64
is a_list_of_no_date "$(printf 'a.example\t607\n' | import --format tsv -)" 64
is help "$("$clickveil" rules import --help | grep -c -e '--hosts FILE  ')" 1
plan
