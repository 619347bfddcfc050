#!/bin/sh
# The Makefile builds what changed, all of it, and nothing else; and the same sources give the same bytes.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
number=0
unset CLICKVEIL CLICKVEIL_BUILD MAKEFLAGS MFLAGS MAKELEVEL CC SANITIZE TEST_BUILD TESTS STEPS FOR EXTRA_CFLAGS

plant_tree() { # plant_tree TREE
    mkdir -p "$1/common" "$1/commands" "$1/tests/unit/common"
    cp "$top/Makefile" "$1/"
    cp -a "$top/tests/run" "$1/tests/"
    cp -a "$top/tests/sanitizer" "$1/tests/"
    cp "$top/common/banned.h" "$1/common/"
    echo 'int a(void);' >"$1/common/a.h"
    printf '#include "common/a.h"\nint a(void) { return 1; }\n' >"$1/common/a.c"
    printf 'int b(void);\nint b(void) { return 2; }\n' >"$1/common/b.c"
    printf '%s\n' '#include <stdio.h>' '#include "common/a.h"' 'int main(void)' '{' \
        '#ifdef CLICKVEIL_TEST_BARRIER_OFF' 'puts("barrier off");' '#endif' 'printf("%d\n", a());' 'return 0;' '}' \
        >"$1/commands/main.c"
    printf '%s\n' '#include <stdarg.h>' '#include <stddef.h>' '#include <stdint.h>' '#include <setjmp.h>' \
        '#include <cmocka.h>' '#include "common/a.h"' \
        'static void one(void **state) { (void)state; assert_int_equal(a(), 1); }' \
        'int main(void) { const struct CMUnitTest tests[] = {cmocka_unit_test(one)};' \
        'return cmocka_run_group_tests(tests, NULL, NULL); }' >"$1/tests/unit/common/a_test.c"
}

in_tree() { # in_tree ARGUMENT...: make there, what it built as one line; a touched file must look newer
    said=$(cd "$dir/tree" && make "$@" 2>&1)
    status=$?
    built=$(printf '%s\n' "$said" | awk '$1 ~ /^(CC|AR|LD)$/ { printf "%s ", $2 }')
}

is() { # is NAME GOT WANTED
    number=$((number + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        printf '%s\n' "got     $2" "wanted  $3" "$said" | sed 's/^/# /'
    fi
}

aged() { find "$dir/tree" -type f -exec touch -d '1 hour ago' {} +; }

plant_tree "$dir/tree"
in_tree tests
is build_makes_everything "$status $built" '0 common/a.c common/b.c build/default/libclickveil.a commands/main.c build/default/clickveil tests/unit/common/a_test.c build/default/tests/unit/common/a_test '
is build_puts_the_program_where_people_look "$("$dir/tree/build/clickveil")" 1
in_tree tests
is build_does_nothing_the_second_time "$built" ''
aged
touch "$dir/tree/common/a.h"
in_tree all
is build_follows_a_header "$built" 'common/a.c build/default/libclickveil.a commands/main.c build/default/clickveil '
in_tree all EXTRA_CFLAGS=-DOTHER
is build_follows_the_flags "$built" 'common/a.c common/b.c build/default/libclickveil.a commands/main.c build/default/clickveil '
in_tree all
aged
rm "$dir/tree/common/b.c"
in_tree all
is build_follows_a_source_that_went_away "$(ar t "$dir/tree/build/default/libclickveil.a" | xargs)" a.o
rm "$dir/tree/common/a.h"
in_tree all
is build_says_so_when_a_header_went_away "$([ $status -ne 0 ] && printf '%s' "$said" | grep -q 'common/a.h: No such file' && echo yes)" yes
echo 'int a(void);' >"$dir/tree/common/a.h"

in_tree all TEST_BUILD=barrier-off
is build_with_a_test_switch_has_it_and_its_own_directory \
    "$("$dir/tree/build/barrier-off/clickveil" | xargs) $("$dir/tree/build/clickveil" | xargs)" 'barrier off 1 1'
in_tree all SANITIZE=address,undefined
is build_with_sanitizers_has_its_own_directory \
    "$(nm "$dir/tree/build/address-undefined/clickveil" | grep -c ' __asan_init')$(nm "$dir/tree/build/default/clickveil" | grep -c ' __asan_init')" 10
in_tree test-fast
is build_runs_the_tests "$status $(printf '%s\n' "$said" | tail -n 1)" '0 1 passed, 0 failed, 0 skipped'
rm "$dir/tree/commands/main.c"
in_tree test-fast
is build_needs_no_main_for_the_tests "$status" 0

in_tree clean
plant_tree "$dir/tree"
in_tree all
plant_tree "$dir/a/tree/with/another/name"
said=$(make -C "$dir/a/tree/with/another/name" all 2>&1)
cp "$dir/tree/build/default/libclickveil.a" "$dir/first.a"
is build_gives_the_same_bytes_in_another_place \
    "$(cmp "$dir/first.a" "$dir/a/tree/with/another/name/build/default/libclickveil.a" && cmp "$dir/tree/build/clickveil" "$dir/a/tree/with/another/name/build/clickveil" && echo same)" same
said=$(cd "$dir/tree" && make install DESTDIR="$dir/staged" PREFIX=/usr 2>&1)
is build_installs_the_program "$("$dir/staged/usr/bin/clickveil")" 1
