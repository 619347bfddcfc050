# shellcheck shell=bash
# TAP for test scripts in bash: sourced, never run.
#
#   is NAME GOT WANTED          the same text
#   has NAME PATTERN FILE       a line of the file matches the extended regular expression
#   plan                        at the end: how many there were
number=0

is() {
    number=$((number + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        printf '# got     %s\n# wanted  %s\n' "$2" "$3"
    fi
}

has() {
    if grep -qE -e "$2" "$3"; then is "$1" found found; else is "$1" "$(cat "$3")" "$2"; fi
}

plan() { echo "1..$number"; }
