# Checks config/rules; run by rules_data.sh, which says how. Prints one line `assertion<TAB>ok` or
# `assertion<TAB>what is wrong (how often)` for each assertion; the first fault found is the one that is shown.
# Bytes, not characters: LC_ALL=C. Written for mawk, so without {n} in expressions.

BEGIN { FS = "\t" }

# An assertion exists from the moment it is named, so that one that never ran is not missing but ok.
function claim(name) { if (!(name in faults)) { faults[name] = 0; order[++assertions] = name } }
function fault(name, what) { claim(name); if (!faults[name]++) first[name] = what }
function must(name, truth, what) { claim(name); if (!truth) fault(name, what) }
function where() { return file_name() ":" FNR ": " }
function file_name(n, parts) { n = split(FILENAME, parts, "/"); return parts[n] }
function stem(n) { n = file_name(); sub(/\.tsv$/, "", n); return n }

# ---- the Public Suffix List: rules with *. and !, the longest one wins (publicsuffix.org, "Algorithm") ----

kind == "suffixes" {
    if ($0 !~ /^\/\// && $0 != "") { sub(/[ \t].*/, ""); suffix[$0] = 1; listed++ }
    next
}

function registrable_labels(key, n, label, from, tail) { # how many labels at the end the public suffix has
    n = split(key, label, ".")
    for (from = 1; from <= n; from++) {
        tail = ending(label, n, from)
        if (("!" tail) in suffix) return n - from
        if (tail in suffix) return n - from + 1
        if (from < n && ("*." ending(label, n, from + 1)) in suffix) return n - from + 1
    }
    return 1
}

function ending(label, n, from, tail) {
    tail = label[from]
    for (from++; from <= n; from++) tail = tail "." label[from]
    return tail
}

function registrable(key, n, label, public) { # "" for a public suffix
    n = split(key, label, ".")
    public = registrable_labels(key)
    return n > public ? ending(label, n, n - public) : ""
}

# ---- every file: the head, and the bytes ----

FNR == 1 {
    if (!listed) { # no list on this system: the suffixes that a rule is most likely to be written on
        n = split("github.io gitlab.io blogspot.com appspot.com cloudfront.net herokuapp.com netlify.app vercel.app " \
                  "pages.dev workers.dev web.app firebaseapp.com azurewebsites.net co.uk org.uk ac.uk gov.uk com.au " \
                  "net.au co.jp co.nz co.in com.br", built_in, " ")
        for (i = 1; i <= n; i++) suffix[built_in[i]] = 1
        listed = n
    }
    head_wanted[1] = "^# source: .+"
    head_wanted[2] = "^# date: [0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]$"
    head_wanted[3] = "^# licence: .+"
}

{
    if (FNR <= 3)
        must(stem() "_opens_with_source_date_and_licence", $0 ~ head_wanted[FNR], where() "expected " head_wanted[FNR])
    must(stem() "_has_no_carriage_return_or_stray_space", $0 !~ /\r|[ \t]$|^[ \t]/ && (/^#/ || $0 !~ /  |\t | \t/),
         where() "between the marks >" $0 "<")
}

/^#/ { next }

# ---- the taxonomy ----

kind == "taxonomy" {
    must("taxonomy_rows_are_well_formed", NF == 5 && $1 ~ /^[1-9][0-9]*$/ && $2 ~ /^[0-9]+$/ && $3 ~ /^[1-6]$/ && \
         $4 ~ /^(publishable|refused|sensitive)$/ && $5 != "", where() $0)
    must("taxonomy_ids_ascend", $1 + 0 > last_id, where() $1)
    last_id = $1 + 0
    parent[$1] = $2; tier[$1] = $3; state[$1] = $4
    rows++
    if ($3 == 1) roots++
    if ($4 == "sensitive" || ($4 == "publishable" && $3 > 1) || $1 == 206) below_interest++
    if ($4 == "publishable")
        must("taxonomy_publishes_no_name_of_a_sensitive_subject", tolower($5) !~ sensitive_name(), where() $5)
    next
}

function sensitive_name() {
    return "health|medic|pharma|clinic|nutrition|diet|weight loss|wellness|smok|(^|[^-])alcohol|cigar|gambl|poker|horse racing|" \
           "fantasy sports|religio|gospel|politic|election|hunting|shooting|personal debt|bankrupt|child|parent|" \
           "family (travel|and child)|young adult|disabled|psycholog|counsel|genetic|vegan|vegetarian|daycare|defense|urban"
}

function tree(id, up) {
    for (id in parent) {
        up = parent[id]
        if (state[id] == "refused" && id != 206) continue # as published, with its own slips
        must("taxonomy_is_a_tree_below_interest", id == 206 ? up == 0 : (up in parent) && tier[id] == tier[up] + 1, "row " id)
        must("taxonomy_publishes_nothing_below_a_sensitive_row", state[id] != "publishable" || state[up] != "sensitive", "row " id)
    }
    for (id in parent) {
        for (up = id; up in parent && parent[up] != 0; up = parent[up]) ;
        must("taxonomy_publishes_only_below_interest", state[id] == "refused" || (up == 206 && id != 206), "row " id)
    }
    must("taxonomy_is_whole", rows == 1558 && roots == 3 && below_interest == 497,
         rows " rows, " below_interest " of Interest; the publication has 1558 and 497")
    must("taxonomy_withholds_health_at_tier_2",
         state[381] == "sensitive" && state[406] == "sensitive" && state[466] == "sensitive" && state[550] == "sensitive",
         "381, 406, 466, 550")
}

# ---- hosts and apps ----

{
    must(kind "_have_two_or_three_fields", (NF == 2 || NF == 3) && $2 != "", where() NF " fields")
    must(kind "_are_sorted_without_duplicates", $1 "" > last_key[kind] "", where() $1)
    last_key[kind] = $1
    keys[kind]++
    interests($2)
}

kind == "hosts" {
    must("hosts_are_canonical_names", host($1), where() $1)
    domain = registrable($1)
    must("hosts_are_no_public_suffixes", domain != "", where() $1)
    if ($2 == "deny") denied[$3]++
    value[$1] = $2
}

kind == "apps" {
    must("apps_are_canonical_names", app($1), where() $1)
}

function interests(list, n, i, id, seen) {
    if (list == "none" || list == "deny") { special[kind, list]++; return }
    must(kind "_name_publishable_interests_of_tier_2", list ~ /^[0-9]+(,[0-9]+)*$/, where() list)
    n = split(list, id, ",")
    for (i = 1; i <= n; i++) {
        must(kind "_name_publishable_interests_of_tier_2", tier[id[i]] == 2 && state[id[i]] == "publishable", where() id[i])
        must(kind "_name_no_interest_twice", !(id[i] in seen), where() list)
        seen[id[i]] = 1
        if (kind == "hosts") back(id[i], registrable($1))
    }
}

function back(id, domain) { # hosts alone carry every interest: apps come on top
    if (!(id in backers)) { backers[id] = 0; backed++ }
    if (!((id, domain) in backing)) { backing[id, domain] = 1; backers[id]++ }
}

function host(key, n, i, label) {
    n = split(key, label, ".")
    if (n < 2 || length(key) > 253 || key !~ /^[a-z0-9.-]+$/ || label[n] ~ /^[0-9]+$/) return 0
    for (i = 1; i <= n; i++) if (label[i] !~ /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/ || length(label[i]) > 63) return 0
    return 1
}

function app(key, n, i, label, last) { # a prefix names at least a maker: never com.*
    n = split(key, label, ".")
    last = label[n] == "*" ? n - 1 : n
    if (last < 2 || length(key) > 255) return 0
    for (i = 1; i <= last; i++) if (label[i] !~ /^[a-z0-9_-]+$/) return 0
    return 1
}

function each_subject(n, i, subject) {
    n = split("health|religion|sexuality|politics|ethnicity|union membership|immigration|pregnancy and children|" \
              "addiction, alcohol, tobacco or drugs|gambling|adult|dating|weapons|financial hardship", subject, "|")
    for (i = 1; i <= n; i++)
        must("deny_has_hosts_for_every_sensitive_subject", denied[subject[i]] >= 3, subject[i] ": " denied[subject[i]] + 0)
    n = split("cloudflare-dns.com dns.google doubleclick.net google-analytics.com fbcdn.net googlevideo.com google.com " \
              "facebook.com cdn.shopify.com w.soundcloud.com", subject, " ")
    for (i = 1; i <= n; i++)
        must("none_is_written_for_resolvers_and_embedded_parts", value[subject[i]] == "none", subject[i])
}

END {
    tree()
    each_subject()
    must("hosts_are_at_least_1300", keys["hosts"] >= 1300, keys["hosts"] + 0)
    must("apps_are_at_least_400", keys["apps"] >= 400, keys["apps"] + 0)
    must("hosts_have_lines_for_none_and_deny", special["hosts", "none"] >= 100 && special["hosts", "deny"] >= 100,
         special["hosts", "none"] + 0 " none, " special["hosts", "deny"] + 0 " deny")
    must("apps_have_lines_for_none_and_deny", special["apps", "none"] >= 20 && special["apps", "deny"] >= 20,
         special["apps", "none"] + 0 " none, " special["apps", "deny"] + 0 " deny")
    must("interests_are_at_least_24", backed >= 24, backed + 0)
    for (id in backers)
        must("interests_have_5_registrable_domains_each", backers[id] >= 5, id " has " backers[id])
    for (i = 1; i <= assertions; i++) {
        name = order[i]
        print name "\t" (faults[name] ? first[name] " (" faults[name] ")" : "ok")
    }
}
