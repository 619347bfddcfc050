#!/usr/bin/env bash
# clickveil rules lookup: the answer is that of classify, and every row that had a say is named with list and line.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/tap_lib.sh
clickveil=${CLICKVEIL:-build/clickveil}
work=${CLICKVEIL_BUILD:-build/default}/rules_command_test
rm -rf "$work"
mkdir -p "$work"

rules() { # status, with what was said in $work/out and $work/err
    "$clickveil" rules "$@" >"$work/out" 2>"$work/err"
    echo $?
}

list() { # FILE ROW...: a list; a blank in a row is a tab
    local file=$1
    shift
    printf '%s\n' "$@" | tr ' ' '\t' >"$work/$file"
}

member() { # NAME: of the answer, an object of JSON in one line
    grep -oE "\"$1\":(\[[^]]*\]|\"[^\"]*\"|null)" "$work/out" | head -1 | cut -d: -f2-
}

# 607 is Sports, 687 Technology & Computing
list first.tsv 'sport.example.com 607' 'example.com 687' 'both.example.net 607' 'quiet.example.com none' \
    'below.denied.example.org 607' 'denied.example.org 687' 'mixed.example.net 687'
list second.tsv 'denied.example.org deny' 'both.example.net 687' 'mixed.example.net none' 'blocked.sport.example.com deny'
list apps.tsv 'com.example.* 607' 'com.example.mail none' 'org.example.game 687'
lists=(--rules "$work/first.tsv" --rules "$work/second.tsv" --support 1)

is no_subcommand "$(rules)" 64
is help "$(rules lookup --help)" 0
has help_says_what_reasons_there_are 'host_malformed' "$work/out"

while IFS='|' read -r why name interests rule reason; do
    is "lookup_${why}_ends_well" "$(rules lookup --json "${lists[@]}" "$name")" 0
    is "lookup_${why}_interests" "$(member interests)" "$interests"
    is "lookup_${why}_rule" "$(member rule)" "$rule"
    is "lookup_${why}_reason" "$(member reason)" "\"$reason\""
done <<'END'
exact|example.com|[687]|"example.com"|exact
inherited|a.b.example.com|[687]|"example.com"|inherited
longest_key_decides|www.sport.example.com|[607]|"sport.example.com"|inherited
joined_over_lists|both.example.net|[607,687]|"both.example.net"|exact
none_over_interests|mixed.example.net|[]|"mixed.example.net"|none
none_ends_inheritance|x.quiet.example.com|[]|"quiet.example.com"|none
deny_over_interests|denied.example.org|[]|"denied.example.org"|deny
deny_from_above_over_a_longer_key|below.denied.example.org|[]|"denied.example.org"|deny
deny_below_interests|x.blocked.sport.example.com|[]|"blocked.sport.example.com"|deny
unknown|example.edu|[]|null|no_rule
sibling_of_a_key|notexample.com|[]|null|no_rule
public_suffix|com|[]|null|host_malformed
url|HTTPS://user:word@WWW.Example.COM.:443/path?x=1|[687]|"example.com"|inherited
upper_case_and_port|EXAMPLE.com:8080|[687]|"example.com"|exact
address|192.0.2.7|[]|null|ip_literal
address_in_hexadecimal|http://0xC0000207/|[]|null|ip_literal
no_host|a b|[]|null|host_malformed
END

rules lookup --json "${lists[@]}" below.denied.example.org >/dev/null
is rows_name_who_won_and_who_lost "$(python3 - "$work/out" <<'END'
import json, os, sys
for row in json.load(open(sys.argv[1]))["rows"]:
    print(row["rule"], row["kind"], os.path.basename(row["list"]), row["line"], row["fate"])
END
)" 'below.denied.example.org interests first.tsv 5 denied
denied.example.org deny second.tsv 1 won
denied.example.org interests first.tsv 6 weaker'
rules lookup "${lists[@]}" www.sport.example.com >/dev/null
has text_names_the_winner_with_its_line 'sport.example.com  607 Sports  .*first.tsv:1  won' "$work/out"
has text_names_the_loser_with_its_line 'example.com  687 .*first.tsv:2  lost: a longer key decides' "$work/out"

while IFS='|' read -r why name interests rule reason; do
    rules lookup --app --json --rules "$work/apps.tsv" --support 1 "$name" >/dev/null
    is "app_${why}" "$(member interests) $(member rule) $(member reason)" "$interests $rule \"$reason\""
done <<'END'
exact|org.example.game|[687]|"org.example.game"|exact
upper_case|Org.Example.Game|[687]|"org.example.game"|exact
prefix|com.example.shop|[607]|"com.example.*"|inherited
none_below_a_prefix|com.example.mail|[]|"com.example.mail"|none
prefix_is_no_app|com.example|[]|null|no_rule
unknown|net.example|[]|null|no_rule
ends_with_a_dot|com.example.|[]|null|app_malformed
empty||[]|null|app_malformed
END

# What was compiled answers as its lists do, without their lines.
is compiles "$(rules compile --support 1 --app-list "$work/apps.tsv" --output "$work/rules.bin" \
    "$work/first.tsv" "$work/second.tsv")" 0
while read -r option name; do
    rules lookup --json ${option:+"$option"} --rules "$work/rules.bin" "$name" >/dev/null
    mv "$work/out" "$work/compiled"
    if [ -n "$option" ]; then
        rules lookup --json ${option:+"$option"} --rules "$work/apps.tsv" --support 1 "$name" >/dev/null
    else
        rules lookup --json "${lists[@]}" "$name" >/dev/null
    fi
    is "compiled_answers_as_its_lists_$name" "$(cut -d'"' -f1-10 "$work/compiled")" "$(cut -d'"' -f1-10 "$work/out")"
done <<'END'
 a.b.example.com
 www.sport.example.com
 both.example.net
 x.quiet.example.com
 denied.example.org
 example.edu
--app com.example.shop
--app com.example.mail
--app net.example
END
rules lookup --rules "$work/rules.bin" x.quiet.example.com >/dev/null
has compiled_names_the_winner ' quiet.example.com  none  .*rules.bin  won' "$work/out"
has compiled_names_the_loser ' example.com  687 .*rules.bin  lost' "$work/out"
rules lookup --app --rules "$work/rules.bin" com.example.mail >/dev/null
has compiled_names_the_prefix_that_lost 'com.example.\*  607 .*rules.bin  lost' "$work/out"

# The guard is on unless it is taken away: nobody learns from a look-up what classify would not say.
rules lookup --json --rules "$work/first.tsv" example.com >/dev/null
is few_backers_bring_nothing "$(member interests) $(member reason) $(member dropped_as)" \
    '[] "unsupported" "interest_unsupported"'

{
    printf 'example.com\n\nexample.edu\r\n\377\376\n'
    head -c 100000 /dev/zero | tr '\0' a
    printf '\na\0b.example.com\nlast.example.com'
} >"$work/names"
"$clickveil" rules lookup --json "${lists[@]}" - <"$work/names" >"$work/out" 2>"$work/err"
is standard_input_ends_well $? 0
is standard_input_a_line_each_way "$(python3 -c '
import json, sys
print(*[json.loads(line)["reason"] for line in open(sys.argv[1])])' "$work/out")" \
    'exact host_malformed no_rule host_malformed host_malformed host_malformed inherited'
printf 'example.com\nexample.edu\n' | "$clickveil" rules lookup "${lists[@]}" - >"$work/out"
is standard_input_text_a_line_each "$(cat "$work/out")" 'example.com  687 Technology & Computing: exact by example.com
example.edu  no interest: no_rule'

is shipped_lists_by_default "$(rules lookup --json espn.com)" 0
is shipped_lists_by_default_know_it "$(member interests)" '[607]'
is configuration "$(rules lookup --json --config config/pipeline.yaml --set classify.depth=3 m.espn.com)" 0
is configuration_knows_it "$(member rule)" '"espn.com"'
is configuration_app "$(rules lookup --json --app --config config/pipeline.yaml com.espn.score_center)" 0
is configuration_app_knows_it "$(member reason)" '"exact"'

list bad.tsv 'example.com 607' 'co.uk 607' 'example.net 9999'
while IFS='|' read -r why wanted said arguments; do
    # shellcheck disable=SC2086  # words
    is "refused_$why" "$(rules $arguments)" "$wanted"
    has "refused_${why}_says_so" "$said" "$work/err"
done <<END
unknown_subcommand|64|write .*lookup|colour
no_name|64|missing|lookup
two_names|64|too much|lookup example.com example.net
two_sets_of_rules|64|give one|lookup --rules $work/first.tsv --config config/pipeline.yaml example.com
support_with_configuration|64|lists given by hand|lookup --config config/pipeline.yaml --support 1 example.com
set_without_configuration|64|goes with --config|lookup --rules $work/first.tsv --set classify.depth=3 example.com
depth_of_roots|64|tier from 2|lookup --rules $work/first.tsv --depth 1 example.com
no_support|64|1 to 1000|lookup --rules $work/first.tsv --support 0 example.com
support_too_high|64|1 to 1000|lookup --rules $work/first.tsv --support 1001 example.com
no_list|78|nowhere.tsv|lookup --rules $work/nowhere.tsv example.com
mistake|78|bad.tsv:2:1: 'co.uk' is a public suffix|lookup --rules $work/bad.tsv example.com
second_mistake|78|bad.tsv:3:13: the taxonomy has no row 9999|lookup --rules $work/bad.tsv example.com
configuration_without_rules|78|there is no rule at all|lookup --config config/split/consent.yaml example.com
END
is error_repeats_no_name "$(rules lookup --rules "$work/nowhere.tsv" secret.example.com)$(grep -c secret "$work/err")" 780
plan
