#!/bin/sh
# `clickveil check`, as an operator meets it: every mistake in one run, each at its line and column; nothing wrong with
# what the product ships.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
case ${CLICKVEIL:=build/clickveil} in
/*) clickveil=$CLICKVEIL ;;
*) clickveil=$top/$CLICKVEIL ;;
esac
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
number=0

verdict() { # verdict STATUS NAME: one line of TAP, with what was printed where it failed
    number=$((number + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $number - $2"
    else
        echo "not ok $number - $2"
        sed 's/^/# /' "$dir/out" "$dir/err"
    fi
}

check() { # check STATUS ARGUMENT...: run in $dir, expect this exit status; output in $dir/out, $dir/err
    want=$1
    shift
    (cd "$dir" && "$clickveil" check "$@") >"$dir/out" 2>"$dir/err"
    got=$?
    echo "exit status $got" >>"$dir/err"
    [ "$got" -eq "$want" ]
}

said() { grep -qF -- "$1" "$dir/err"; }

# ---- ten different mistakes ----

mkdir "$dir/programmes"
cp "$top/config/programmes/tmobile.yaml" "$dir/programmes/"
cat >"$dir/ten.yaml" <<'END'
kafka:
  bootstrap.servers: localhost:9092
  enable.auto.commit: true
stages: [consent, classify]
workers: two
topics: {events: clickstream.events, consent: clickstream.events}
programmes: [programmes/tmobil.yaml]
subscriber: {kind: e146}
consent: {subjects: [line, acount], lease: 60}
clasify: {hosts: rules/hosts.tsv}
input:
  late_max: 90d
log: {level: info, level: debug}
dead_letters: {public_key: *key}
END
check 78 --config ten.yaml
verdict $? "a configuration with mistakes ends with status 78"

while IFS='|' read -r place words name; do
    said "ten.yaml:$place: error: $words"
    verdict $? "$name"
done <<'END'
3:23|enable.auto.commit can't be set to this value: offsets are committed inside the transaction|a_property_that_breaks_a_guarantee_is_refused_with_the_reason
4:19|stages: 'classify' does not follow 'consent'; 'pseudonymize' is between them|a_chain_with_a_gap_is_refused
5:10|workers: 'two' is not a whole number|a_value_of_the_wrong_type_is_refused
6:47|topic 'clickstream.events' is used twice|two_roles_on_one_topic_are_refused
7:14|can't read programmes/tmobil.yaml: No such file or directory; did you mean 'tmobile.yaml'?|a_file_that_is_not_there_is_named_with_its_neighbour
8:20|kind: 'e146' is not one of e164, imsi, opaque; did you mean 'e164'?|a_word_that_is_no_choice_is_refused_with_the_nearest
9:28|subjects: 'acount' is not one of line, account, device; did you mean 'account'?|a_wrong_word_in_a_list_is_refused_at_its_place
9:44|lease: '60' has no unit; write 60s if you mean that|a_number_without_its_unit_is_refused
10:1|unknown option 'clasify'; did you mean 'classify'?|an_unknown_key_is_refused_with_the_nearest
12:13|late_max: '90d' is more than the most, 30d|a_value_out_of_bounds_is_refused_with_the_bound
13:20|'level' is written twice (first in line 13)|a_duplicate_key_is_refused
14:28|aliases (*) are not supported|an_alias_is_refused
END

# ---- other ways to be wrong ----

check 78 --config nowhere.yaml && said "nowhere.yaml: error: can't read the file: No such file or directory"
verdict $? "a file that is not there is named"

printf 'kafka: [\n' >"$dir/broken.yaml"
check 78 --config broken.yaml && said 'broken.yaml:2:1: error: '
verdict $? "broken YAML is told with its place"

head -c 10000000 /dev/zero | tr '\0' '#' >"$dir/large.yaml"
check 78 --config large.yaml && said 'large.yaml: error: larger than 1024 KiB'
verdict $? "ten megabytes are refused"

printf 'workers: 2\n\377\n' >"$dir/bytes.yaml"
check 78 --config bytes.yaml && said 'bytes.yaml:2:1: error: this is not UTF-8'
verdict $? "bytes that are not UTF-8 are refused with their place"

check 78 --config "$top/config/pipeline.yaml" --set kafka.sasl.passwort=hunter2 --set kafka.enable.idempotence=hunter2 \
    && ! grep -q hunter2 "$dir/err" "$dir/out"
verdict $? "a value of the kafka section is never repeated"

cp -r "$top/config" "$dir/keyed" && rm -rf "$dir/keyed/secrets"
check 0 -c keyed/pipeline.yaml && grep -q '4 key files are not there yet; `clickveil keygen --config' "$dir/out"
verdict $? "keys that are missing are told of"
"$clickveil" keygen -c "$dir/keyed/pipeline.yaml" >/dev/null 2>&1
check 0 -c keyed/pipeline.yaml && ! grep -q 'key file' "$dir/out"
verdict $? "keys that are good are not told of"
chmod 644 "$dir/keyed/secrets/publish.key"
check 78 -c keyed/pipeline.yaml && said 'keyed/secrets/publish.key: error: the key file is open to others'
verdict $? "a key that no stage will take is refused"
check 78 -c keyed/pipeline.yaml --set publish.key=0123456789abcdef0123456789abcdef &&
    said '--set:1:13: error: key: this looks like a key itself' && ! grep -q 0123456789abcdef "$dir/err" "$dir/out"
verdict $? "a key in place of its path is refused, and not repeated"

check 78 -c "$top/config/pipeline.yaml" --set publish.k=many --set worker=3 &&
    said "--set:1:11: error: k: 'many' is not a whole number" &&
    said "--set:2:1: error: --set: unknown option 'worker'; did you mean 'workers'?"
verdict $? "overrides are checked like the file"

check 78 -c "$top/config/pipeline.yaml" --set kafka.bootstrap.server=a &&
    said "--set:1:24: " && said "has no property 'bootstrap.server'; did you mean 'bootstrap.servers'?"
verdict $? "a property that the library does not know is refused with the nearest"

check 78 -c "$top/config/pipeline.yaml" --set kafka.security.protocol=hunter2 && ! grep -q hunter2 "$dir/err" &&
    said "does not take the value of 'security.protocol'"
verdict $? "a value that the library does not take is refused, and not repeated"

check 0 -c "$top/config/pipeline.yaml" --set kafka.bootstrap.servers=192.0.2.1:9 && [ "$(wc -l <"$dir/err")" -eq 1 ]
verdict $? "no broker is asked"

# ---- what is good ----

for file in "$top"/config/pipeline.yaml "$top"/config/split/*.yaml; do
    check 0 --config "$file" && grep -qF "$file: good" "$dir/out" && [ "$(cat "$dir/err")" = 'exit status 0' ]
    verdict $? "config/${file#"$top"/config/} is good, without a warning"
done

sed 's|programmes/tmobile.yaml|programmes/sprint.yaml|; s|programme: tmobile|programme: sprint|' \
    "$top/config/pipeline.yaml" >"$dir/sprint.yaml"
cp -R "$top/config/programmes/sprint.yaml" "$dir/programmes/"
cp -R "$top/config/rules" "$dir/rules"
check 0 --config sprint.yaml
verdict $? "config/programmes/sprint.yaml is good"

# ---- a list of others that names what is sensitive ----

{ printf 'pornhub.com\t607\n'; for i in 1 2 3 4 5; do printf 'site%d.example\t607\n' $i; done; } >"$dir/rules/foreign.tsv"
check 0 -c "$top/config/pipeline.yaml" --set "classify={hosts: $dir/rules/foreign.tsv}"
said '1 sensitive hosts bring interests, the first stands at config/rules/sensitive.tsv:'
verdict $? "sensitive hosts that bring interests are named as a warning"
check 0 -c "$top/config/pipeline.yaml" --set "classify={hosts: [$dir/rules/foreign.tsv, $dir/rules/sensitive.tsv]}"
! grep -qF 'sensitive hosts bring interests' "$dir/err"
verdict $? "beside the list that denies them they are none"

mkdir "$dir/example" "$dir/example/programmes"
cp -R "$top/config/rules" "$dir/example/"
# The example by which the configuration was specified, word for word.
cat >"$dir/example/pipeline.yaml" <<'END'
kafka:
  bootstrap.servers: localhost:9092        # any librdkafka property
stages: [consent, pseudonymize, classify, publish]    # or a contiguous part
workers: 2
instance: stage-0                          # names transactional.id; the host name by default
topics: {events: clickstream.events, consent: subscriber.consent, dead_letters: clickveil.dead-letters, retractions: clickveil.retractions,
         consent_out: clickveil.consented, pseudonymize_out: clickveil.pseudonymized, classify_out: clickveil.classified, state: clickveil.state}
programmes: [programmes/tmobile.yaml]
subscriber: {kind: e164}
consent: {subjects: [line, account], lease: 60s, floor: 1}
pseudonymize: {key: secrets/pseudonym.key}
classify: {hosts: rules/hosts.tsv, apps: rules/apps.tsv}
publish:
  key: secrets/publish.key
  provider: ads.example          # the operator's domain
  k: 100
  epoch: 7d
  interests_max: 3
  update_every: 24h
  feeds:
    - {advertiser: acme, programme: tmobile, kind: interests, id: user, topic: feed.acme.tmobile}
END
cat >"$dir/example/programmes/tmobile.yaml" <<'END'
programme: tmobile                 # programmes/tmobile.yaml
regime: opt_out
regions: {US-ME: opt_in}          # Maine's Internet provider law; in every opt_out preset
brands: [tmobile, metro, sprint]
from: 2021-04-26
data: [browse, app_use, app_install]    # app_remove goes with these
exclude: {plans: [business, child], under_age: 18}
kinds: [interests]
END
check 0 --config example/pipeline.yaml && [ "$(cat "$dir/err")" = 'exit status 0' ]
verdict $? "the specification's example is good"

check 0 --config "$top/config/pipeline.yaml" --set publish.k=200 --set 'stages=[publish]' &&
    grep -qF 'good (publish, workers: 2, programmes: 1)' "$dir/out"
verdict $? "overrides count"

# ---- the command line ----

check 0 --help && grep -q '^usage: clickveil check' "$dir/out" && grep -q -- '--reference' "$dir/out"
verdict $? "--help says what there is"
check 64 --confg x
verdict $? "an unknown option is wrong usage"
check 64 --config
verdict $? "an option without its value is wrong usage"
check 64 one.yaml
verdict $? "a word that is no option is wrong usage"
check 64 --reference --set a=b
verdict $? "--reference stands alone"
check 64 --config "$top/config/pipeline.yaml" --set workers=2 --set foo && said 'number 2 is not PATH=VALUE'
verdict $? "--set without a value is wrong usage, and says which"
"$clickveil" topcis >"$dir/out" 2>"$dir/err"
[ $? -eq 64 ] && said "did you mean 'topics'?"
verdict $? "a command that does not exist is wrong usage, and the nearest is named"
check 0 --reference && cmp -s "$dir/out" "$top/docs/configuration.md"
verdict $? "--reference prints docs/configuration.md"

echo "1..$number"
