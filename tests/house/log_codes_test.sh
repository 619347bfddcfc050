#!/bin/sh
# Every code of a log line stands in docs/operations.md, and every code there is one: an operator looks codes up.
set -eu
cd "$(dirname "$0")/../.."

codes=$(cat common/*.c commands/*.c stages/*/*.c | tr '\n' ' ' |
    grep -oE 'log_(line|failure)\([^"]*"[a-z_]+"' | sed 's/.*"\([a-z_]*\)"/\1/' | sort -u)
# shellcheck disable=SC2016  # backticks of Markdown
documented=$(sed -n '/^| code | level/,/^$/p' docs/operations.md | sed 1,2d | cut -d'|' -f2 | grep -oE '`[a-z_]+`' | tr -d '`' | sort -u)

tap() { # tap NAME WORDS: fails when there are any
    number=$((${number:-0} + 1))
    if [ -z "$2" ]; then echo "ok $number - $1"; else echo "not ok $number - $1"; echo "# $2"; failed=yes; fi
}
none_of() { # lines of the first that are not in the second
    printf '%s\n' "$1" | while read -r word; do printf '%s\n' "$2" | grep -qx "$word" || printf '%s ' "$word"; done
}
echo 1..3
tap there_are_codes_to_look_up "$([ "$(printf '%s\n' "$codes" | wc -l)" -gt 20 ] || echo "only: $codes")"
tap every_code_of_a_log_line_is_documented "$(none_of "$codes" "$documented")"
tap every_documented_code_is_one "$(none_of "$documented" "$codes")"
[ -z "${failed:-}" ]
