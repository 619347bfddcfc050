/*
 * Calls of the C library that this project does without: using one is an error of compilation.
 *
 * The Makefile includes this file in front of every source, so no source includes it. The C library's own
 * headers must have spoken before a name is poisoned, hence the includes; `make check` compiles everything
 * once more without this file, so that no source lives on them by accident.
 *
 * What to use instead: views and buffers with a length (common/view.h), snprintf with its result checked,
 * the parsers in common/, gmtime_r, and the random source that comes in from outside.
 */
#ifndef CLICKVEIL_COMMON_BANNED_H
#define CLICKVEIL_COMMON_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* clang's fortified headers have some of them as macros */
#undef strcpy
#undef stpcpy
#undef strcat
#undef strncpy
#undef strncat
#undef stpncpy
#undef sprintf
#undef vsprintf
#undef strdupa
#undef strndupa

/* write without knowing how much room there is, or leave a string without its end */
#pragma GCC poison strcpy stpcpy strcat strncpy strncat stpncpy sprintf vsprintf gets
#pragma GCC poison strdupa strndupa

/* keep state between calls, or answer in a buffer that all threads share */
#pragma GCC poison strtok gmtime localtime asctime ctime asctime_r ctime_r tmpnam tmpnam_r tempnam mktemp

/* cannot say that the text was no number, or that it was too large */
#pragma GCC poison atoi atol atoll atof scanf fscanf sscanf vscanf vfscanf vsscanf

/* foreseeable, where we need unforeseeable or else seeded and repeatable */
#pragma GCC poison rand rand_r srand srandom drand48 erand48 lrand48 nrand48 mrand48 jrand48 srand48

/* hand text to a shell */
#pragma GCC poison popen

#endif
