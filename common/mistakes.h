/*
 * What is wrong with data files that people write (rules, a taxonomy): collected over all files of a load, so that
 * one run shows it all.
 *
 * Thread: one at a time.
 */
#ifndef CLICKVEIL_COMMON_MISTAKES_H
#define CLICKVEIL_COMMON_MISTAKES_H

#include "common/error.h"
#include "common/view.h"

enum {
    MISTAKES_MAX = 20,       /* kept; the others are counted */
    MISTAKE_TEXT_SIZE = 256, /* bytes with the NUL; longer text is cut */
    MISTAKE_SHOWN_MAX = 60,  /* bytes of a file's own text that a message repeats */
};

struct mistake {
    const char *file; /* borrowed from whoever named the file; lives longer than the mistakes */
    unsigned line;    /* from 1; 0: the file as a whole */
    unsigned column;  /* of the field, in bytes from 1; 0: the line as a whole */
    char text[MISTAKE_TEXT_SIZE];
};

/* A zeroed struct has none. */
struct mistakes {
    struct mistake items[MISTAKES_MAX];
    unsigned count; /* all there were; items has the first MISTAKES_MAX of them */
};

/* Note one. `text` is a printf format that says what is wrong and what to write instead. */
void mistakes_add(struct mistakes *mistakes, const char *file, unsigned line, unsigned column,
                  const char *text, ...) __attribute__((format(printf, 5, 6)));

/* Note an error as a mistake of that file. */
void mistakes_add_error(struct mistakes *mistakes, const char *file, const struct error *error);

/* Fill in `error` (exit status 78) from the first mistake and the number of the others, and return false. */
bool mistakes_fail(const struct mistakes *mistakes, struct error *error);

/* Write text of a file into out_shown for a message: cut, and with `?` for all that is not printable ASCII. */
const char *mistakes_show(struct view text, char out_shown[MISTAKE_SHOWN_MAX + 4]);

#endif
