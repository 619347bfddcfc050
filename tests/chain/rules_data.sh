#!/bin/sh
# The rules that the product ships are data, and data has bugs too: config/rules is checked line by line, and
# then the checker itself, by planting one fault after another into a copy and demanding that it is named.
#
#   tests/chain/rules_data.sh [FOLDER]        the folder is config/rules unless given
#
# Prints TAP. Needs awk, sort and iconv only. Where the system has the Public Suffix List as a text file
# (package publicsuffix), keys and registrable domains are judged by the whole list, else by the part of it
# that is written here; the loader itself always judges by libpsl.
# shellcheck disable=SC2016  # programs for awk stand in single quotes
set -u
LC_ALL=C
export LC_ALL

here=$(dirname "$0")
rules=${1:-config/rules}
checker=$here/rules_data.awk
suffixes=${PUBLIC_SUFFIX_LIST:-/usr/share/publicsuffix/public_suffix_list.dat}
[ -r "$suffixes" ] || suffixes=/dev/null

work=$(mktemp -d) || exit 70
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

number=0
bad=0
say() { # say ok|"not ok" NAME
    number=$((number + 1))
    printf '%s %d - %s\n' "$1" "$number" "$2"
    [ "$1" = ok ] || bad=1
}

check() { # check FOLDER: one line `name<TAB>ok|what is wrong` for each assertion
    for file in audience-taxonomy-1.1 hosts sensitive infrastructure apps sensitive-apps preinstalled; do
        if iconv -f UTF-8 -t UTF-8 "$1/$file.tsv" >/dev/null 2>&1; then
            printf '%s_is_utf_8\tok\n' "$file"
        else
            printf '%s_is_utf_8\tnot UTF-8, or not there\n' "$file"
        fi
    done
    awk -f "$checker" suffixes="$suffixes" kind=suffixes "$suffixes" kind=taxonomy "$1/audience-taxonomy-1.1.tsv" \
        kind=hosts "$1/hosts.tsv" "$1/sensitive.tsv" "$1/infrastructure.tsv" \
        kind=apps "$1/apps.tsv" "$1/sensitive-apps.tsv" "$1/preinstalled.tsv"
}

# ---- the data ----

check "$rules" >"$work/real" 2>"$work/errors"
while IFS='	' read -r name what; do
    if [ "$what" = ok ]; then
        say ok "$name"
    else
        say 'not ok' "$name"
        printf '# %s\n' "$what"
    fi
done <"$work/real"
if [ -s "$work/errors" ]; then
    say 'not ok' checker_runs_without_a_word_on_standard_error
    sed 's/^/# /' "$work/errors"
else
    say ok checker_runs_without_a_word_on_standard_error
fi

# ---- the checker: each assertion must name the fault that is planted for it ----

tab=$(printf '\t')
: >"$work/covered"

planted() { # planted ASSERTION FILE AWK-PROGRAM: the program rewrites the file, and the assertion must fail
    rm -rf "$work/copy"
    mkdir "$work/copy"
    cp "$rules"/*.tsv "$work/copy/"
    awk -F'\t' -v OFS='\t' "$3" "$rules/$2" >"$work/copy/$2"
    printf '%s\n' "$1" >>"$work/covered"
    if cmp -s "$rules/$2" "$work/copy/$2"; then
        say 'not ok' "planted_$1"
        echo '# the program changed nothing'
        return
    fi
    check "$work/copy" >"$work/planted" 2>/dev/null
    if grep -q "^$1${tab}ok\$" "$work/real" && grep "^$1$tab" "$work/planted" | grep -qv "${tab}ok\$"; then
        say ok "planted_$1"
    else
        say 'not ok' "planted_$1"
        echo '# the fault was not named, or the data has it already'
    fi
}

for name in audience-taxonomy-1.1 hosts sensitive infrastructure apps sensitive-apps preinstalled; do
    planted "${name}_is_utf_8" "$name.tsv" '{ print } END { printf "# \377\n" }'
    planted "${name}_opens_with_source_date_and_licence" "$name.tsv" '!/^# licence:/'
    planted "${name}_has_no_carriage_return_or_stray_space" "$name.tsv" '{ print } NR == 5 { print "# space " }'
done
planted taxonomy_rows_are_well_formed audience-taxonomy-1.1.tsv '$1 == 207 { $4 = "maybe" } { print }'
planted taxonomy_ids_ascend audience-taxonomy-1.1.tsv '{ print } $1 == 243 { print }'
planted taxonomy_is_whole audience-taxonomy-1.1.tsv '$1 != 243 && $1 != 1558'
planted taxonomy_is_a_tree_below_interest audience-taxonomy-1.1.tsv '$1 == 244 { $2 = 1 } { print }'
planted taxonomy_publishes_only_below_interest audience-taxonomy-1.1.tsv '$1 == 2 { $4 = "publishable" } { print }'
planted taxonomy_withholds_health_at_tier_2 audience-taxonomy-1.1.tsv '$1 == 466 { $4 = "publishable" } { print }'
planted taxonomy_publishes_nothing_below_a_sensitive_row audience-taxonomy-1.1.tsv '$1 == 530 { $4 = "publishable" } { print }'
planted taxonomy_publishes_no_name_of_a_sensitive_subject audience-taxonomy-1.1.tsv '$1 == 496 { $4 = "publishable" } { print }'
for name in hosts sensitive infrastructure apps sensitive-apps preinstalled; do
    # A line in the middle, so that neither the head nor the end is what is found.
    planted "${name}_have_two_or_three_fields" "$name.tsv" '{ print } NR == 99 { print $1 "0" }'
    planted "${name}_are_sorted_without_duplicates" "$name.tsv" '{ print } NR == 99 { print }'
done
for kind in hosts apps; do
    planted "${kind}_name_publishable_interests_of_tier_2" "$kind.tsv" 'NR == 200 { $2 = "466" } { print }'
    planted "${kind}_name_no_interest_twice" "$kind.tsv" 'NR == 200 { $2 = "607,607" } { print }'
    planted "${kind}_deny_by_a_class_of_the_law" "$kind.tsv" '$2 == "deny" { $3 = "sports" } { print }'
    planted "${kind}_say_why_they_say_none" "$kind.tsv" '$2 == "none" && !n++ { $0 = $1 "\t" $2 } { print }'
done
for name in hosts sensitive infrastructure; do
    planted "${name}_are_canonical_names" "$name.tsv" 'NR == 99 { $1 = $1 "/path" } { print }'
    planted "${name}_are_no_public_suffixes" "$name.tsv" 'NR == 99 { $1 = "github.io" } { print }'
done
for name in apps sensitive-apps preinstalled; do
    planted "${name}_are_canonical_names" "$name.tsv" 'NR == 99 { $1 = "com.*" } { print }'
done
for name in sensitive sensitive-apps; do
    planted "${name}_says_deny_and_a_class_of_the_law" "$name.tsv" 'NR == 99 { $3 = "sports" } { print }'
done
for name in infrastructure preinstalled; do
    planted "${name}_says_none_and_a_kind" "$name.tsv" 'NR == 99 { $2 = "607" } { print }'
done
planted lists_share_no_key hosts.tsv '{ print } END { print "pornhub.com", "607" }'
planted interests_are_denied_below_by_their_own_list hosts.tsv '$2 != "deny"'
planted lists_have_nothing_below_a_denied_key hosts.tsv '{ print } END { print "shop.pornhub.com", "606" }'
planted lists_repeat_nothing_of_a_key_above apps.tsv '{ print } END { print "com.supercell.clashroyale", "733" }'
planted hosts_name_no_site_that_has_closed hosts.tsv '{ print } END { print "quibi.com", "706" }'
planted hosts_with_an_interest_are_at_least_3000 hosts.tsv '/^#/ || NR < 3000'
planted apps_with_an_interest_are_at_least_1000 apps.tsv '/^#/ || NR < 1000'
planted hosts_that_say_none_are_at_least_100 hosts.tsv '$2 != "none"'
planted apps_that_say_none_are_at_least_20 apps.tsv '$2 != "none"'
planted sensitive_hosts_are_at_least_500 sensitive.tsv '/^#/ || NR < 500'
planted sensitive_apps_are_at_least_100 sensitive-apps.tsv '/^#/ || NR < 100'
planted infrastructure_hosts_are_at_least_500 infrastructure.tsv '/^#/ || NR < 500'
planted preinstalled_keys_are_at_least_100 preinstalled.tsv '/^#/ || NR < 100'
planted interests_of_tier_2_have_5_registrable_domains_each hosts.tsv '$2 ~ /348/ && ++n > 4 { next } { print }'
planted sensitive_has_8_hosts_of_every_class sensitive.tsv '$3 != "gambling"'
planted sensitive-apps_has_3_apps_of_the_classes_that_have_any sensitive-apps.tsv '$3 != "religion"'
planted infrastructure_has_8_hosts_of_every_kind infrastructure.tsv '$3 != "DNS over HTTPS or DNS"'
planted none_is_written_for_resolvers_and_embedded_parts infrastructure.tsv '$1 != "cloudflare-dns.com"'
planted none_is_written_for_makers_and_carriers preinstalled.tsv '$1 != "com.tmobile.*"'

# Every assertion has had its fault: one that is added above without a fault below is itself a failure.
missing=$(cut -f1 "$work/real" | sort >"$work/names"; sort -u "$work/covered" | comm -23 "$work/names" - | tr '\n' ' ')
if [ -z "$missing" ]; then
    say ok every_assertion_has_a_planted_fault
else
    say 'not ok' every_assertion_has_a_planted_fault
    printf '# none for: %s\n' "$missing"
fi

printf '1..%d\n' "$number"
exit "$bad"
