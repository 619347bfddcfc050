/*
 * Identifiers in canonical form, and the keyed hash that stands for them.
 *
 * One canonicaliser serves events and consent keys alike (spec 4), so that a choice is found however its number is
 * written. One keyed hash per subject serves the consent table, the pseudonym and the state. The bytes that are hashed
 * stand in docs/pseudonyms.md, with test vectors.
 */
#ifndef CLICKVEIL_COMMON_SUBJECT_H
#define CLICKVEIL_COMMON_SUBJECT_H

#include "common/error.h"
#include "common/record.h"
#include "common/view.h"

enum {
    SUBJECT_IDENTIFIER_SIZE_MAX = 128, /* bytes of a canonical identifier; opaque ones are the longest */
    SUBJECT_KEY_SIZE = 32,             /* bytes of the pseudonym key */
};

enum subject_canonical {
    SUBJECT_MALFORMED = 0, /* not an identifier of that kind */
    SUBJECT_CANONICAL,
    SUBJECT_LIMITED, /* MAID of all zeros: limit-ad-tracking, no identifier (spec 2) */
};

/* Bring an identifier into canonical form. E.164: digits without plus, 7 to 15, international form only, and not 15
 * that begin as an IMSI does (2 to 7, 901, 999); IMSI: 15 digits; IMEI: 14 digits without check digit or software
 * version; MAID: 36 lower-case characters with hyphens; opaque: 1 to 128 bytes of UTF-8 without control characters,
 * as they are.
 *
 * Accepted spellings: E.164 with or without plus, with spaces, hyphens, dots and pairs of parentheses between digits
 * (a leading 0, 00 or "(0)" is a national or ambiguous form: malformed); IMEI with hyphens or spaces between digits,
 * 14 digits, or 15 with the right check digit, or 16 with the software version; MAID in any case, in braces, with all
 * four hyphens or none. Only ASCII digits count. A national number that does not start with 0 (ten digits in the USA)
 * looks like an international one and cannot be told apart here: operators must write the country code.
 *
 * Writes at most SUBJECT_IDENTIFIER_SIZE_MAX bytes to out_text and their number to *out_size when CANONICAL, nothing
 * otherwise. An absent or empty text is malformed. Pure; any thread. */
enum subject_canonical subject_canonicalise(enum identifier_kind kind, struct view text,
                                            char out_text[SUBJECT_IDENTIFIER_SIZE_MAX], size_t *out_size);

/* Name of a kind as in configuration and consent keys ("e164", "imsi", "opaque", "imei", "maid"). */
const char *subject_identifier_kind_name(enum identifier_kind kind);

/* The key of pseudonyms, in locked memory (common/secret.h). */
struct subject_key;

/* Keyed BLAKE2b of a length-prefixed tag (subject kind, identifier kind) and the canonical identifier, 16 bytes; byte
 * layout in docs/pseudonyms.md. The identifier is one that subject_canonicalise gave. Any thread. */
void subject_pseudonym(const struct subject_key *key, enum subject_kind kind,
                       enum identifier_kind identifier_kind, struct view identifier,
                       struct pseudonym *out_pseudonym);

enum { SUBJECTS_AT_ONCE = 4 };

/* What a pseudonym is made of. */
struct subject_name {
    enum subject_kind kind;
    enum identifier_kind identifier_kind;
    struct view identifier; /* canonical */
};

/* The same of up to SUBJECTS_AT_ONCE; all take as long as one. Any thread. */
void subject_pseudonyms(const struct subject_key *key, const struct subject_name *names, unsigned count,
                        struct pseudonym *out_pseudonyms);

/* Fill in the pseudonyms of all present subjects of a record that lack one (computed once, by whoever comes first). */
void subject_hash_record(const struct subject_key *key, struct record *record);

/* Load the key from a file made by `clickveil keygen` (owner and mode checked; see common/secret.h, which also names
 * the sources that are no files), or make one of random bytes for a process that has no pseudonyms to give (a consent
 * stage alone). NULL: error says why. */
struct subject_key *subject_key_load(const char *path, struct error *error);
struct subject_key *subject_key_random(struct error *error);

/* A key of given bytes, for test vectors. */
struct subject_key *subject_key_of_bytes(const uint8_t bytes[SUBJECT_KEY_SIZE], struct error *error);

/* The key of suppression entries (spec 3, rule 6), from a file of its own, or made from the key of pseudonyms: then a
 * new one of those makes another of these. NULL: error says why. */
struct subject_key *subject_key_load_suppression(const char *path, struct error *error);
struct subject_key *subject_key_derive_suppression(const struct subject_key *key, struct error *error);

/* The key of the consent table of a process that has no key of pseudonyms, made from the key of suppression entries, so
 * that its snapshot is of use to the next start (rule 11). NULL: error says why. */
struct subject_key *subject_key_derive_table(const struct subject_key *suppression, struct error *error);

/* Stands for the key itself, so that what was made under another is seen: base64url of 8 bytes, NUL-terminated. */
enum { SUBJECT_KEY_CHECK_SIZE = 12 };
void subject_key_check(const struct subject_key *key, char out_text[SUBJECT_KEY_CHECK_SIZE]);

/* A text of up to SUBJECT_SEALED_TEXT_MAX bytes that only the key of suppression entries opens again; equal texts are equal
 * bytes. docs/pseudonyms.md specifies them. */
enum { SUBJECT_SEALED_TEXT_MAX = 144, SUBJECT_SEALED_EXTRA = 24 + 16 };
struct subject_sealed {
    uint8_t size; /* 0: nothing */
    uint8_t bytes[SUBJECT_SEALED_TEXT_MAX + SUBJECT_SEALED_EXTRA];
};

void subject_key_seal(const struct subject_key *suppression, struct view text,
                      struct subject_sealed *out_sealed);

/* False: it was not sealed with this key. */
CLICKVEIL_MUST_CHECK bool subject_key_unseal(const struct subject_key *suppression,
                                             const struct subject_sealed *sealed,
                                             char out_text[SUBJECT_SEALED_TEXT_MAX], size_t *out_size);

void subject_key_free(struct subject_key *key); /* wipes; NULL is fine */

/* 64-bit keyed hash of (line pseudonym, app) that lets app_remove find what that app brought; never 0. ASCII letters of
 * the app count without their case. */
uint64_t subject_app_token(const struct subject_key *key, const struct pseudonym *line, struct view app);

#endif
