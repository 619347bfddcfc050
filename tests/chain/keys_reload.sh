#!/usr/bin/env bash
# SIGHUP looks at every key file again: one that was changed while the process runs is no reload, is logged, and said by
# /statusz; the process goes on with what it has. Of a real process whose broker is not there.
set -u
cd "$(dirname "$0")/../.." || exit 1
. tests/support/tap_lib.sh
. tests/support/run_lib.sh
clickveil=${CLICKVEIL:-build/clickveil}
work=${CLICKVEIL_BUILD:-build/default}/keys_reload
pid=
rm -rf "$work"
mkdir -p "$work"
trap '[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null' EXIT

body() { # body PATH
    exec 4<>"/dev/tcp/127.0.0.1/$port" || return
    printf 'GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n' "$1" >&4
    tr -d '\r' <&4 | sed '1,/^$/d'
    exec 4>&-
}

reloads() { # reloads done|failed
    body /statusz | tr -d ' \n' | sed -n "s/.*\"reload\":{[^}]*\"$1\":\([0-9]*\).*/\1/p"
}

# Ask for a reload and wait for its end.
reload() { # reload done|failed
    local wanted
    wanted=$(($(reloads "$1") + 1))
    kill -HUP "$pid"
    for _ in $(seq 200); do
        [ "$(reloads "$1")" = "$wanted" ] && break
        read -r -t 0.1 <> <(:)
    done
    reloads "$1"
}

cp -r config "$work/config" && rm -rf "$work/config/secrets"
secrets=$work/config/secrets
options=(--config "$work/config/pipeline.yaml" --set "consent.suppression_key=$PWD/$secrets/suppression.key")
"$clickveil" keygen "${options[@]}" >/dev/null 2>&1
cp -a "$secrets" "$work/kept"

start_clickveil "${options[@]}" --set kafka.bootstrap.servers=127.0.0.1:1
is it_runs "$([ -n "$port" ] && echo yes)" yes
[ -n "$port" ] || exit 1

is keys_that_are_what_they_were_are_a_reload "$(reload "done")" 1

refused() { # refused NAME WORDS: a reload fails, and says the words
    local before
    before=$(reloads failed)
    is "${1}_is_no_reload" "$(reload failed)" $((before + 1))
    body /statusz >"$work/status"
    has "${1}_is_said_by_statusz" "$2" "$work/status"
    rm -rf "${secrets:?}"
    cp -a "$work/kept" "$secrets"
}

: >"$secrets/pseudonym.key"
refused an_empty_key 'pseudonym.key: the key file is empty'
chmod 666 "$secrets/suppression.key"
refused an_open_key 'suppression.key: the key file is open to others'
mv "$secrets/publish.key" "$secrets/other" && ln -s other "$secrets/publish.key"
refused a_link 'publish.key: the key file is a symbolic link'
cp "$secrets/pseudonym.key" "$secrets/suppression.key"
refused a_key_of_another_purpose 'suppression.key: this is a key for .pseudonym.'
rm "$secrets/pseudonym.key" && "$clickveil" keygen "${options[@]}" >/dev/null 2>&1
refused another_key 'pseudonym.key: the file holds another key'
rm "$secrets/publish.key" && "$clickveil" keygen "${options[@]}" >/dev/null 2>&1
refused another_chain 'publish.key: the file holds a key of another chain'
is is_well_when_all_is_put_back "$(reload "done")" 2

kill -TERM "$pid"
wait $rest # for the end of its output
pid=
is each_is_logged_once "$(grep -c rules_not_reloaded "$work/log")" 6
has says_what_to_do 'rules_not_reloaded.*put the file back as it was' "$work/log"
is shows_no_key "$(sed -n 's/^key: //p' "$work"/kept/*.key | grep -cFf - "$work/log" "$work/status" | grep -v ':0$')" ''
plan
