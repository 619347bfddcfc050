/* In a fuzz target a broken promise must look like a crash: an exit leaves no input behind to repeat it with. Linked in
 * front of common/error.c's by --wrap (tests/fuzz/run.sh). */
#include <stdio.h>
#include <stdlib.h>

__attribute__((noreturn)) void __wrap_ensure_failed(const char *file, int line, const char *condition);

void __wrap_ensure_failed(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: %s does not hold\n", file, line, condition);
    abort();
}
