/*
 * Compiled rules: one file that is mapped, not parsed (spec 5; docs/rule-file.md has its bytes).
 *
 * It has the memory of struct rules as it stands, without a pointer or a time in it: equal lists give equal bytes. Behind a
 * head with version, sizes and a checksum of each section lie the rules on hosts, those on apps, what the
 * support guard held back, and the heads of the lists. Little-endian.
 *
 * What a reader checks, all of it at each start and each reload, before a rule is used: that nothing is missing or flipped
 * (every byte is under a checksum), that groups and records lie where they may, so that no look-up leaves them, that the
 * taxonomy is the one it was compiled for and lets every interest in it through, that depth and support are those which
 * the configuration asks for. What is under the reader's mapping can't be changed afterwards (common/mapped_file.h).
 *
 * Thread: one at a time per file.
 */
#ifndef CLICKVEIL_STAGES_CLASSIFY_RULE_IMAGE_H
#define CLICKVEIL_STAGES_CLASSIFY_RULE_IMAGE_H

#include "stages/classify/rules.h"

enum {
    RULE_IMAGE_VERSION = 1,
    RULE_IMAGE_FILES_MAX = 2, /* one of hosts and one of apps */
};

#define RULE_IMAGE_SIZE_MAX \
    ((size_t)64 << 30) /* bytes; two kinds of records of 16 GiB each, and their buckets */

/* Do bytes begin like a compiled file, of whatever version? */
bool rule_image_is(struct view bytes);

/* Hand the bytes of the file to `take`, piece by piece. rules: made from lists. False: `take` gave false (and filled in
 * error), or memory is short. */
CLICKVEIL_MUST_CHECK bool rule_image_write(const struct rules *rules, const struct taxonomy *taxonomy,
                                           bool (*take)(void *context, const void *data, size_t size_bytes,
                                                        struct error *error),
                                           void *context, struct error *error);

/* Map compiled files and make rules of them: one that has both kinds, or one of hosts and one of apps. settings: what is
 * asked for; NULL: as they were compiled. The paths are not needed afterwards. NULL: error says why, with the path in
 * `where`. */
struct rules *rule_image_load(const char *const *paths, unsigned count, const struct taxonomy *taxonomy,
                              const struct rules_settings *settings, struct error *error);

/* Work the digest out anew from every rule and look each rule up by its key; slow (a second for a million rules). False:
 * the file says otherwise. For `clickveil check`; a start trusts the checksums. */
CLICKVEIL_MUST_CHECK bool rule_image_verify(const struct rules *rules, struct error *error);

#endif
