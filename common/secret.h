/*
 * Key files, and the memory that keys live in.
 *
 * A key never stands in the configuration, on the command line or in the environment (spec 4). It comes from a file
 * that only its owner can read, a systemd credential or an inherited descriptor, and then lives in pages of its own:
 * locked, read-only, with guard pages, left out of core files, not inherited by children, and wiped when freed.
 *
 * A key file is text, at most SECRET_FILE_SIZE_MAX bytes, these lines in this order, each ending with one newline:
 *
 *     clickveil-key: 1
 *     purpose: pseudonym
 *     id: <16 hex digits>
 *     chain: <16 hex digits>       these four only where the purpose is publish
 *     epoch: <number>
 *     epoch_ms: <number>
 *     origin_ms: <number>
 *     key: <64 hex digits>
 *     check: <32 hex digits>
 *
 * Both halves of a key pair have the same ID. docs/pseudonyms.md specifies the digests. The check value covers all
 * lines before it, so a damaged file, or one whose purpose was edited, is refused.
 *
 * Any thread, unless said otherwise.
 */
#ifndef CLICKVEIL_COMMON_SECRET_H
#define CLICKVEIL_COMMON_SECRET_H

#include "common/error.h"
#include "common/view.h"

#include <stdint.h>

enum {
    SECRET_SIZE = 32,            /* bytes of every key */
    SECRET_ID_TEXT_SIZE = 17,    /* 16 hex digits and NUL */
    SECRET_FILE_SIZE_MAX = 1024, /* bytes; a key file has 180 to 270 */
};

/* What a key is for. A file of one purpose is refused for another. */
enum secret_purpose {
    SECRET_UNKNOWN = 0,
    SECRET_PSEUDONYM,          /* pseudonyms (common/subject.h) */
    SECRET_PUBLISH,            /* a link of the chain of the feeds' keys (common/ratchet.h) */
    SECRET_SUPPRESSION,        /* suppression entries: never changed (spec 3, rule 6) */
    SECRET_DEAD_LETTER_PUBLIC, /* dead letters are sealed to it; stages have only this half */
    SECRET_DEAD_LETTER_SECRET, /* opens them; kept by the operator, away from the stages */
    SECRET_FIELDS,             /* named fields on their way to publish (common/named_fields.h) */
    SECRET_PURPOSES,
};

/* One key in memory. */
struct secret;

/* Where a SECRET_PUBLISH stands in its chain. No part of it is secret. */
struct secret_place {
    char chain[SECRET_ID_TEXT_SIZE]; /* the chain's label, 16 hex digits: stays while the key moves on */
    int32_t epoch;                   /* whose link the key is */
    int64_t epoch_ms;                /* length of the epochs */
    int64_t origin_ms;               /* Unix epoch ms of a boundary between two */
};

/* Name as in a key file ("pseudonym", "publish", "suppression", "dead-letter-public", "dead-letter-secret", "fields").
 * Static. */
const char *secret_purpose_name(enum secret_purpose purpose);

/* The purpose of that name, or SECRET_UNKNOWN. */
enum secret_purpose secret_purpose_of(struct view name);

/* Does a source name no file: `credential:NAME` or `fd:N`? Such text is no path, and is not to be made absolute. */
bool secret_source_is_scheme(struct view source);

/* Is that the text of a key, or of a key's file, where the name of one belongs? Such text is never printed: a line break,
 * "clickveil-key:", 64 hex digits in a row, or 43 characters in a row as base64url has them of 32 bytes (with letters of
 * both cases and digits; so many and no more). */
bool secret_source_is_key(struct view source);

/* Fail with 78 as all do who are given such text; `place` says where it stood ("--output"). Returns false. */
bool secret_refuse_key(const char *place, struct error *error);

/* Read a key. `source` is
 *   a path            a regular file, no symbolic link, owned by the effective user or root. Secret keys: no permission
 *                     for group or others; public keys: not writable by them.
 *   credential:NAME   the file NAME in $CREDENTIALS_DIRECTORY, as systemd passes it (LoadCredential=). Owned by the
 *                     effective user or root; a group bit that systemd's ACL shows as r is accepted.
 *   fd:N              inherited descriptor N from 3 on: a file or pipe with a whole key file. It's read to its end and
 *                     closed, so it serves once; who opened it answers for its permissions.
 * On failure (missing, empty, short, long, damaged, other purpose, wrong owner or mode, memory that can't be locked)
 * returns NULL, exit status 78, and *error says which and what to do, never a byte of the content. */
struct secret *secret_load(const char *source, enum secret_purpose purpose, struct error *error);

/* A new random key, for the purposes pseudonym, suppression and fields. NULL: error says why. */
struct secret *secret_random(enum secret_purpose purpose, struct error *error);

/* A new X25519 key pair for dead letters. False: error says why. */
CLICKVEIL_MUST_CHECK bool secret_pair_new(struct secret **out_public, struct secret **out_secret,
                                          struct error *error);

/* A new chain: its first link, random, with a random label. NULL: error says why. */
struct secret *secret_first_link(int32_t epoch, int64_t epoch_ms, int64_t origin_ms, struct error *error);

/* A link of given bytes. NULL: error says why. */
struct secret *secret_of_link(const struct secret_place *place, const uint8_t bytes[SECRET_SIZE],
                              struct error *error);

/* A key of given bytes, for test vectors; not SECRET_PUBLISH. For SECRET_DEAD_LETTER_SECRET the ID is that of its
 * public half. */
struct secret *secret_of_bytes(enum secret_purpose purpose, const uint8_t bytes[SECRET_SIZE],
                               struct error *error);

/* The public half of a SECRET_DEAD_LETTER_SECRET, as a key of its own. NULL: error says why. */
struct secret *secret_public_half(const struct secret *secret, struct error *error);

/* Write a key file: mode 0600, made new (an existing file is never touched), synced with its folder. Missing parent
 * folders are made with mode 0700. On failure no file is left. */
CLICKVEIL_MUST_CHECK bool secret_write(const struct secret *secret, const char *path, struct error *error);

/* Replace the key file `path`, which is there, by this key: the new file is written beside it and synced, takes the name
 * in one step, and the old file's bytes are overwritten. The new file has the owner of the old one. Whenever this ends, or
 * is ended, `path` is one whole key file, and what else is left (`path`.new, `path`.old) is for secret_clean.
 * The caller sees to it that nobody else does the same meanwhile. False: error says why; the old key may be there still,
 * in `path` or in `path`.old. */
CLICKVEIL_MUST_CHECK bool secret_replace(const struct secret *secret, const char *path, struct error *error);

/* Overwrite and remove what a secret_replace that was ended has left beside `path`. */
CLICKVEIL_MUST_CHECK bool secret_clean(const char *path, struct error *error);

/* The key's SECRET_SIZE bytes, read-only, until secret_free. Don't copy them. */
const uint8_t *secret_bytes(const struct secret *secret);

/* The key's ID, a digest: may be printed. NUL-terminated, until secret_free. */
const char *secret_id(const struct secret *secret);

enum secret_purpose secret_purpose(const struct secret *secret);

/* Of a SECRET_PUBLISH, until secret_free. */
const struct secret_place *secret_place(const struct secret *secret);

/* Wipe and free. NULL is fine. */
void secret_free(struct secret *secret);

/* Locked, guarded memory of `size` bytes that isn't in core files or children, for keys that live shorter than a
 * secret (a transaction's data key). Writable. NULL: error says why. Free with secret_memory_free, which wipes. */
void *secret_memory_new(size_t size, struct error *error);
void secret_memory_free(void *memory); /* NULL is fine */

/* Once per process, before the first thread and the first key: prepare libsodium, allow no core files (limit 0, not
 * dumpable, hence also no ptrace by processes of the same user). */
CLICKVEIL_MUST_CHECK bool process_harden(struct error *error);

#endif
