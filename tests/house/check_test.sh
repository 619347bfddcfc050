#!/bin/sh
# `make check` must see what it is there to see. A small tree with the real Makefile, tools and formatting is
# sound at first; then one offence after the other is planted in it, and each has to be named.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
for tool in clang clang-format shellcheck; do
    command -v "$tool" >/dev/null 2>&1 || { echo "ok 1 - check # SKIP needs $tool: make deps FOR=check"; exit 0; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
sound=$dir/sound # never touched
tree=$dir/tree   # what offences are planted in
number=0
unset CLICKVEIL CLICKVEIL_BUILD MAKEFLAGS MFLAGS MAKELEVEL CC SANITIZE TEST_BUILD TESTS STEPS FOR

write() { # write FILE LINE...
    file=$tree/$1
    shift
    mkdir -p "$(dirname "$file")"
    printf '%s\n' "$@" >"$file"
}

header() { # header FILE LINE...: with its guard
    path=$1
    guard=CLICKVEIL_$(printf '%s' "$path" | tr 'a-z/.-' 'A-Z___')
    shift
    write "$path" "#ifndef $guard" "#define $guard" '' "$@" '' '#endif'
}

sound_tree() { # the first time
    mkdir -p "$tree/tests" "$tree/common"
    cp -a "$top/Makefile" "$top/tools" "$top/.clang-format" "$tree/"
    cp -a "$top/tests/run" "$tree/tests/"
    cp -a "$top/common/banned.h" "$tree/common/"
    header common/sum.h 'int sum_of(int a, int b);'
    write common/sum.c '#include "common/sum.h"' '' 'int sum_of(int a, int b)' '{' '    return a + b;' '}'
    write common/kafka_link.c '#include <librdkafka/rdkafka.h>' '' '#include "common/sum.h"' '' \
        'int kafka_link_version(void);' '' 'int kafka_link_version(void)' '{' \
        '    return sum_of(rd_kafka_version(), 0);' '}'
    header stages/one/one.h 'int one(void);'
    write stages/one/one.c '/* It prints nothing: printf("...") in words is no call, nor is time(NULL). */' \
        '#include "stages/one/one.h"' '' '#include <stddef.h>' '#include <string.h>' '' '#include "common/sum.h"' '' \
        'struct clock {' '    long (*time)(void *now);' '};' '' 'int one(void)' '{' \
        '    struct clock clock = {NULL};' '' \
        '    return clock.time == NULL ? sum_of(1, (int)strlen("time(0)")) : (int)clock.time(NULL);' '}'
    header stages/two/two.h 'int two(void);'
    write stages/two/two.c '#include "stages/two/two.h"' '' 'int two(void)' '{' '    return 2;' '}'
    header stages/registry.h 'int registry(void);'
    write stages/registry.c '#include "stages/registry.h"' '' '#include "stages/one/one.h"' \
        '#include "stages/two/two.h"' '' 'int registry(void)' '{' '    return one() + two();' '}'
    write commands/main.c '#include <stdio.h>' '#include <string.h>' '' '#include "stages/registry.h"' '' \
        'int main(int argc, char **argv)' '{' '    if (argc == 3 && strcmp(argv[2], "--reference") == 0)' \
        '        puts("# Reference");' '    if (argc == 3 && strcmp(argv[2], "--metrics-reference") == 0)' \
        '        puts("# Metrics");' '    return registry() == 0;' '}'
    write docs/configuration.md '# Reference'
    write docs/metrics.md '# Metrics'
    cp -a "$tree" "$sound"
}

put_back() { # with the old times, so that little is built anew
    (cd "$tree" && find . -path ./build -prune -o -type f -print) | while read -r file; do
        [ -e "$sound/$file" ] || rm -f "$tree/$file"
    done
    cp -a "$sound/." "$tree/"
}

check() { # check STEPS: runs it, leaves what it said in $said
    said=$(cd "$tree" && make check STEPS="$1" 2>&1)
}

report() { # report NAME GOOD?
    number=$((number + 1))
    if [ "$2" = yes ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        printf '%s\n' "$said" | sed 's/^/# /'
    fi
}

planted() { # planted NAME STEP WHERE: the step fails and names the place; then all is sound again
    check "$2"
    status=$?
    good=no
    if [ $status -ne 0 ] && printf '%s\n' "$said" | grep -q "$3"; then good=yes; fi
    report "$1" "$good"
    put_back
}

body() { # body FILE INCLUDE LINE...: a source with that include line, whose one function does those lines
    path=$1 include=$2
    shift 2
    write "$path" "$include" '' 'int planted(int x);' '' 'int planted(int x)' '{' "$@" '    return x;' '}'
}

sound_tree
check ''
status=$?
report check_finds_nothing_in_a_sound_tree "$([ $status -eq 0 ] && echo yes)"

# arrows
body common/bad.c '#include "stages/one/one.h"'
planted arrows_common_may_not_include_a_stage arrows '^ *common/bad.c:1: includes "stages/one/one.h"'
body common/bad.c '#include "stages/registry.h"'
planted arrows_common_may_not_include_the_registry arrows '^ *common/bad.c:1:'
body common/bad.c '#include <librdkafka/rdkafka.h>'
planted arrows_only_kafka_files_may_include_librdkafka arrows '^ *common/bad.c:1: includes <librdkafka'
header common/bad.h '#include <librdkafka/rdkafka.h>'
planted arrows_a_header_may_not_include_librdkafka_either arrows '^ *common/bad.h:4:'
body commands/bad.c '#include <librdkafka/rdkafka.h>'
planted arrows_commands_may_not_include_librdkafka arrows '^ *commands/bad.c:1:'
body stages/one/bad.c '#include "stages/two/two.h"'
planted arrows_a_stage_may_not_include_its_sibling arrows '^ *stages/one/bad.c:1: includes "stages/two/two.h"'
body stages/one/bad.c '#include "stages/registry.h"'
planted arrows_a_stage_may_not_include_the_registry arrows '^ *stages/one/bad.c:1:'
body stages/one/bad.c '#  include  "stages/two/two.h"'
planted arrows_space_hides_no_include arrows '^ *stages/one/bad.c:1:'
body stages/one/bad.c '#include <librdkafka/rdkafka.h>'
planted arrows_a_stage_may_not_include_librdkafka arrows '^ *stages/one/bad.c:1:'
header common/kafka_bad.h '#include <librdkafka/rdkafka.h>'
body stages/one/bad.c '#include "common/kafka_bad.h"'
planted arrows_a_stage_may_not_include_a_kafka_module arrows '^ *stages/one/bad.c:1: includes "common/kafka_bad.h"'
header common/kafka_bad.h '#include <librdkafka/rdkafka.h>'
header common/between.h '#include "common/kafka_bad.h"'
body stages/one/bad.c '#include "common/between.h"'
planted arrows_a_stage_may_not_reach_librdkafka_by_way_of_another_header arrows '^ *stages/one/bad.c:1: reaches'
for header in stdio.h time.h sys/time.h sys/random.h unistd.h fcntl.h pthread.h sys/socket.h; do
    body stages/one/bad.c "#include <$header>"
    planted "arrows_a_stage_may_not_include_$(printf '%s' "$header" | tr /. __)" arrows "^ *stages/one/bad.c:1: includes <$header>"
done
body commands/bad.c '#include "stages/one/one.h"'
planted arrows_commands_know_only_the_registry arrows '^ *commands/bad.c:1:'
body commands/rules_bad.c '#include "stages/one/one.h"'
planted arrows_the_tool_of_classify_knows_no_other_stage arrows '^ *commands/rules_bad.c:1:'
body stages/one/bad.c '#include "commands/bad.h"'
header commands/bad.h 'int bad(void);'
planted arrows_a_stage_may_not_include_a_command arrows '^ *stages/one/bad.c:1:'
header tests/support/bad.h 'int bad(void);'
body common/bad.c '#include "tests/support/bad.h"'
planted arrows_the_product_may_not_include_its_tests arrows '^ *common/bad.c:1:'
body common/bad.c '#include "sum.h"'
write sum.h 'int sum_of(int a, int b);'
planted arrows_includes_begin_at_the_root arrows '^ *common/bad.c:1:'

# calls: a declaration of one's own gets around the list of headers, but not around this
for call in 'time(0)' 'clock_gettime(0, 0)' 'gettimeofday(0, 0)' 'getrandom(0, 0, 0)' 'printf("")' 'fopen(0, 0)' \
    'getenv("")' 'randombytes_buf(0, 0)' 'random()' 'write(1, 0, 0)' 'rd_kafka_poll(0, 0)'; do
    name=${call%%(*}
    write stages/one/one.c "int $name();" 'int one(void);' '' 'int one(void)' '{' "    return $call;" '}'
    said=$(cd "$tree" && CHECK_CC=gcc CHECK_CFLAGS=-I. tools/check calls 2>&1)
    good=no
    if printf '%s\n' "$said" | grep -q "^ *stages/one/one.c:6: calls $name:"; then good=yes; fi
    report "calls_a_stage_may_not_call_$name" "$good"
    put_back
done
header common/inline.h '#include <stdio.h>' '' 'static inline void inline_say(const char *what)' '{' \
    '    fputs(what, stderr);' '}'
body stages/one/bad.c '#include "common/inline.h"' '    inline_say("planted");'
planted calls_a_stage_may_not_print_by_way_of_a_header calls '^ *stages/one/bad.c:1: what was compiled calls f'
body common/bad.c '#include <stdlib.h>' '    x = system("true");'
planted calls_nobody_may_run_a_shell calls '^ *common/bad.c:7: calls system:'

# headers
header common/bad.h 'size_t needs_stddef(void);'
planted headers_must_compile_alone headers 'common/bad.h:4'
write common/bad.h '#ifndef BAD_H' '#define BAD_H' '#endif'
planted headers_must_have_the_guard_of_their_path headers '^ *common/bad.h:1: the guard is not CLICKVEIL_COMMON_BAD_H'
header stages/one/bad.h '#include "common/none.h"'
planted headers_may_not_include_what_is_not_there headers 'stages/one/bad.h:4'

# sources
body common/bad.c '#include "common/sum.h"' '    x += (int)strlen("abc");'
planted sources_include_what_they_use sources 'common/bad.c:7'
body common/bad.c '#include "common/sum.h"' '    x = x;'
planted sources_are_free_of_clangs_warnings_too sources 'common/bad.c:7'

# the build
for call in 'strcpy(text, "a")' 'strcat(text, "a")' 'sprintf(text, "%d", x)' 'strncpy(text, "a", 1)' \
    'strtok(text, "a")' 'atoi(text)' 'sscanf(text, "%d", &x)' 'gmtime(NULL)' 'localtime(NULL)' 'rand()'; do
    name=${call%%(*}
    body common/bad.c '#include <stdio.h>' '    char text[8] = "";' '    (void)text;' "    (void)$call;"
    planted "build_has_no_$name" arrows "common/bad.c:9:.*poisoned.*$name"
done
body common/bad.c '#include "common/sum.h"' '    int unused;'
planted build_takes_warnings_as_errors arrows "common/bad.c:7:.*unused"

# format, scripts, words, docs
body common/bad.c '#include "common/sum.h"' '  x = 3;'
planted format_is_that_of_clang_format format '^ *common/bad.c:6'
# shellcheck disable=SC2016  # for the script
write tools/bad '#!/bin/sh' 'echo $1'
chmod +x "$tree/tools/bad"
planted scripts_pass_shellcheck scripts '^ *tools/bad:2:'
write tools/bad.sh '#!/bin/sh' 'exit 0'
planted scripts_can_be_executed scripts '^ *tools/bad.sh:1: is not executable'
body common/bad.c '#include "common/sum.h"' "    /* TO""DO: more */"
planted words_nothing_is_left_to_do words '^ *common/bad.c:7:'
body common/bad.c '#include "common/sum.h"' "$(awk 'BEGIN { for (i = 0; i < 800; i++) print "    x++;" }')"
planted words_no_file_has_more_than_800_lines words '^ *common/bad.c:801: 808 lines'
write docs/configuration.md '# Reference of yesterday'
planted docs_reference_is_fresh docs '^ *docs/configuration.md:1: stale'
write docs/metrics.md '# Metrics of yesterday'
planted docs_metrics_are_fresh docs '^ *docs/metrics.md:1: stale'

# a tool that breaks is not a check that passed
write bin/awk '#!/bin/sh' 'echo "awk: no such regular expression" >&2' 'exit 2'
chmod +x "$tree/bin/awk"
for step in arrows calls; do
    said=$(cd "$tree" && PATH=$tree/bin:$PATH CHECK_CC=gcc CHECK_CFLAGS=-I. tools/check $step 2>&1)
    status=$?
    report "${step}_do_not_pass_when_they_cannot_run" "$([ $status -ne 0 ] && echo yes)"
done
put_back

check ''
status=$?
report check_finds_nothing_after_all_was_put_back "$([ $status -eq 0 ] && echo yes)"
