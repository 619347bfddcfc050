# Checks config/rules; run by rules_data.sh, which says how. Prints one line `assertion<TAB>ok` or
# `assertion<TAB>what is wrong (how often)` for each assertion; the first fault found is the one that is shown.
# Bytes, not characters: LC_ALL=C. Written for mawk, so without {n} in expressions.

BEGIN { FS = "\t"; known_closed() }

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
           "family (travel|and child)|young adult|disabled|psycholog|counsel|genetic|vegan|vegetarian|daycare|defense|urban|" \
           "genealog|ancest|paranormal|(^|[^a-z])news|talk radio|public radio|(^|[^a-z])debt|fitness|food movement|financial reform|" \
           "educational video|(labou?r|trade) union|immigra|refugee|dating|divorce|weapon|firearm|biometric|transgender|gay"
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

# ---- lists of hosts and of apps ----

kind == "hosts" || kind == "apps" { list = stem(); of_apps = kind == "apps" }

{
    must(list "_have_two_or_three_fields", (NF == 2 || NF == 3) && $2 != "", where() NF " fields")
    must(list "_are_sorted_without_duplicates", $1 "" > last_key[list] "", where() $1)
    must("lists_share_no_key", !(($1, of_apps) in value) || ($2 == "deny" && value[$1, of_apps] == "deny"),
         where() $1 " stands in " home[$1, of_apps] " too")
    last_key[list] = $1
    value[$1, of_apps] = $2
    home[$1, of_apps] = list
    stands[$1, of_apps, list] = 1
    keys[list]++
    if (list == "hosts" || list == "apps") interests($2)
    else if (list ~ /^sensitive/) {
        must(list "_says_deny_and_a_class_of_the_law", $2 == "deny" && NF == 3 && known_class($3), where() $2 " " $3)
        of_class[list, $3]++
    } else {
        must(list "_says_none_and_a_kind", $2 == "none" && NF == 3 && $3 != "", where() $2 " " $3)
        of_kind[list, $3]++
    }
}

kind == "hosts" {
    must(list "_are_canonical_names", host($1), where() $1)
    must(list "_are_no_public_suffixes", registrable($1) != "", where() $1)
    must("hosts_name_no_site_that_has_closed", !($1 in closed), where() $1)
}

kind == "apps" {
    must(list "_are_canonical_names", app($1), where() $1)
}

# The classes of the law and of issue 6; every line of the sensitive lists names one.
function known_class(name) { return index(classes(), "|" name "|") > 0 }
function classes() {
    return "|health|religion|sexuality|politics|ethnicity|union membership|immigration|children|addiction|gambling|adult|" \
           "dating|weapons|financial hardship|biometrics|genetics and descent|victims and crises|criminal record|"
}

function interests(list_of_ids, n, i, id, seen) {
    if (list_of_ids == "none") { nones[kind]++; must(kind "_say_why_they_say_none", NF == 3 && $3 != "", where() $1); return }
    if (list_of_ids == "deny") { must(kind "_deny_by_a_class_of_the_law", known_class($3), where() $1); return }
    interested[kind]++
    must(kind "_name_publishable_interests_of_tier_2", list_of_ids ~ /^[0-9]+(,[0-9]+)*$/, where() list_of_ids)
    n = split(list_of_ids, id, ",")
    for (i = 1; i <= n; i++) {
        must(kind "_name_publishable_interests_of_tier_2", tier[id[i]] == 2 && state[id[i]] == "publishable", where() id[i])
        must(kind "_name_no_interest_twice", !(id[i] in seen), where() list_of_ids)
        seen[id[i]] = 1
        if (kind == "hosts") back(id[i], registrable($1))
    }
}

function back(id, domain) { # hosts alone carry every interest: apps come on top
    if (!(id in backers)) backers[id] = 0
    if (!((id, domain) in backing)) { backing[id, domain] = 1; backers[id]++ }
}

# The next key above that some list has: of `b.example.com` it is `example.com`, of `com.example.b` it is `com.example.*`.
function above(key, is_app, n, label, from, tail) {
    n = split(key, label, ".")
    if (!is_app) {
        for (from = 2; from < n; from++) { tail = ending(label, n, from); if ((tail, 0) in value) return tail }
        return ""
    }
    if (label[n] == "*") n--
    for (n--; n > 0; n--) {
        tail = beginning(label, n) ".*"
        if ((tail, 1) in value) return tail
    }
    return ""
}

function beginning(label, n, i, head) {
    head = label[1]
    for (i = 2; i <= n; i++) head = head "." label[i]
    return head
}

# No list gets round a deny by going deeper, and a line that repeats what stands above it is dead weight.
function parents(pair, part, up) {
    for (pair in value) {
        split(pair, part, SUBSEP)
        up = above(part[1], part[2])
        if (up == "") continue
        must("lists_have_nothing_below_a_denied_key", value[up, part[2]] != "deny", part[1] " below " up)
        must("interests_are_denied_below_by_their_own_list", value[pair] != "deny" || value[up, part[2]] !~ /^[0-9]/ ||
             (part[1], part[2], home[up, part[2]]) in stands, part[1] " below " up ", for who loads that list alone")
        must("lists_repeat_nothing_of_a_key_above", value[up, part[2]] != value[pair], part[1] " like " up)
    }
}

# Sites that everybody knew and that are gone or became another's page.
function known_closed(n, i, name) {
    n = split("angel.co anonfiles.com bookdepository.com buzzfeednews.com chess24.com dicebreaker.com drizly.com freshly.com " \
              "funimation.com g4tv.com gfycat.com google-plus.com hbonow.com hired.com houseparty.com jet.com joann.com lynda.com " \
              "mint.com mixer.com nanowrimo.org omegle.com periscope.tv quibi.com skype.com stadia.com thinkgeek.com " \
              "triplebyte.com vine.co vroom.com vrv.co vudu.com zagat.com", name, " ")
    for (i = 1; i <= n; i++) closed[name[i]] = 1
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
    n = split(classes(), subject, "|")
    for (i = 2; i < n; i++)
        must("sensitive_has_8_hosts_of_every_class", of_class["sensitive", subject[i]] >= 8,
             subject[i] ": " of_class["sensitive", subject[i]] + 0)
    n = split("health|religion|sexuality|politics|immigration|children|addiction|gambling|dating|financial hardship|biometrics",
              subject, "|")
    for (i = 1; i <= n; i++)
        must("sensitive-apps_has_3_apps_of_the_classes_that_have_any", of_class["sensitive-apps", subject[i]] >= 3,
             subject[i] ": " of_class["sensitive-apps", subject[i]] + 0)
    n = split("ad server, exchange or ad platform|CDN, cloud or web hosting parts|DNS over HTTPS or DNS|certificates and revocation|" \
              "measurement, telemetry or push|identity or data broker of the ad market|consent banner or bot check|" \
              "time, connectivity or software updates", subject, "|")
    for (i = 1; i <= n; i++)
        must("infrastructure_has_8_hosts_of_every_kind", of_kind["infrastructure", subject[i]] >= 8,
             subject[i] ": " of_kind["infrastructure", subject[i]] + 0)
    n = split("cloudflare-dns.com dns.google doubleclick.net google-analytics.com fbcdn.net googlevideo.com google.com " \
              "facebook.com cdn.shopify.com w.soundcloud.com", subject, " ")
    for (i = 1; i <= n; i++)
        must("none_is_written_for_resolvers_and_embedded_parts", value[subject[i], 0] == "none", subject[i])
    n = split("com.android.* com.google.android.* com.apple.* com.samsung.* com.miui.* com.tmobile.* com.att.* com.vzw.*", subject, " ")
    for (i = 1; i <= n; i++)
        must("none_is_written_for_makers_and_carriers", value[subject[i], 1] == "none", subject[i])
}

function at_least(name, count, wanted) { must(name "_at_least_" wanted, count >= wanted, count + 0) }

END {
    tree()
    parents()
    each_subject()
    at_least("hosts_with_an_interest_are", interested["hosts"], 3000)
    at_least("apps_with_an_interest_are", interested["apps"], 1000)
    at_least("hosts_that_say_none_are", nones["hosts"], 100)
    at_least("apps_that_say_none_are", nones["apps"], 20)
    at_least("sensitive_hosts_are", keys["sensitive"], 500)
    at_least("sensitive_apps_are", keys["sensitive-apps"], 100)
    at_least("infrastructure_hosts_are", keys["infrastructure"], 500)
    at_least("preinstalled_keys_are", keys["preinstalled"], 100)
    for (id in tier) # the guard's own measure, with classify.support as it is by default
        if (tier[id] == 2 && state[id] == "publishable")
            must("interests_of_tier_2_have_5_registrable_domains_each", backers[id] >= 5, id " has " backers[id] + 0)
    for (i = 1; i <= assertions; i++) {
        name = order[i]
        print name "\t" (faults[name] ? first[name] " (" faults[name] ")" : "ok")
    }
}
