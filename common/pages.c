/*
 * mmap gives addresses aligned to 4 KiB, so 2 MiB more are mapped than needed and both ends given back. Where huge
 * pages are not to be had, madvise fails and the memory works all the same.
 */
#include "common/pages.h"

#include "common/error.h"

#include <stdint.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 * 1024 * 1024 };

static size_t round_up(size_t size_bytes)
{
    return (size_bytes + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
}

void *pages_new(size_t size_bytes)
{
    ensure(size_bytes > 0);
    if (size_bytes > SIZE_MAX - 2 * (size_t)HUGE_PAGE)
        return NULL;
    size_t size = round_up(size_bytes), mapped = size + HUGE_PAGE;
    char *memory =
        mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    size_t before = round_up((uintptr_t)memory) - (uintptr_t)memory;
    if (before > 0)
        munmap(memory, before);
    if (before < HUGE_PAGE)
        munmap(memory + before + size, HUGE_PAGE - before);
    if (size_bytes >=
        HUGE_PAGE) /* what is left at the end stays on small pages, else all of a large one were resident */
        madvise(memory + before, size_bytes & ~(size_t)(HUGE_PAGE - 1), MADV_HUGEPAGE);
    return memory + before;
}

void pages_free(void *memory, size_t size_bytes)
{
    if (memory)
        ensure(munmap(memory, round_up(size_bytes)) == 0);
}
