/* Which clickveil this is; the Makefile may say it from outside. */
#ifndef CLICKVEIL_COMMON_VERSION_H
#define CLICKVEIL_COMMON_VERSION_H

#ifndef CLICKVEIL_VERSION
#define CLICKVEIL_VERSION "0.1.0"
#endif

#endif
