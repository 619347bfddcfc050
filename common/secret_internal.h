/*
 * What the files of secret share with each other, and with nobody else.
 */
#ifndef CLICKVEIL_COMMON_SECRET_INTERNAL_H
#define CLICKVEIL_COMMON_SECRET_INTERNAL_H

#include "common/secret.h"

enum { SECRET_PATH_SIZE = 4096 };

/* Write the text form into `text`, which is locked memory; its size is returned. */
size_t secret_render(const struct secret *secret, char text[SECRET_FILE_SIZE_MAX]);

#endif
