#include "common/consent_link.h"

#include "common/base64url.h"
#include "common/json_writer.h"

#include <sodium.h>

enum {
    HASH_TEXT_SIZE = BASE64URL_SIZE(PSEUDONYM_SIZE),
    SEALED_TEXT_SIZE = BASE64URL_SIZE(SUBJECT_SEALED_TEXT_MAX + SUBJECT_SEALED_EXTRA),
    VALUE_BYTES = SEALED_TEXT_SIZE + 160,
};

static const char prefix[] = "moved:";
enum { PREFIX_SIZE = sizeof prefix - 1 };

static size_t put(char *text, size_t at, const char *piece)
{
    memcpy(text + at, piece, strlen(piece));
    return at + strlen(piece);
}

size_t consent_link_name(const struct consent_key *key, char out_text[SUBJECT_SEALED_TEXT_MAX])
{
    static const char *const kinds[SUBJECT_KINDS] = {"line:", "account:", "device:"};
    ensure(key->subject < SUBJECT_KINDS && key->size <= SUBJECT_IDENTIFIER_SIZE_MAX);
    size_t size = put(out_text, 0, kinds[key->subject]);
    if (key->subject == SUBJECT_DEVICE) {
        size = put(out_text, size, subject_identifier_kind_name(key->identifier_kind));
        size = put(out_text, size, ":");
    }
    ensure(size + key->size <= SUBJECT_SEALED_TEXT_MAX);
    memcpy(out_text + size, key->identifier, key->size);
    return size + key->size;
}

static void hash(const struct subject_key *suppression, const struct consent_key *key,
                 struct pseudonym *out_hash)
{
    subject_pseudonym(suppression, key->subject, key->identifier_kind,
                      (struct view){key->identifier, key->size}, out_hash);
}

static void seal(const struct subject_key *suppression, const struct consent_key *key,
                 struct subject_sealed *out_sealed)
{
    char text[SUBJECT_SEALED_TEXT_MAX];
    size_t size = consent_link_name(key, text);
    subject_key_seal(suppression, (struct view){text, size}, out_sealed);
}

static bool unseal(const struct subject_key *suppression, const struct subject_sealed *sealed,
                   enum identifier_kind line_kind, struct consent_key *out_key)
{
    char text[SUBJECT_SEALED_TEXT_MAX];
    size_t size;
    if (!subject_key_unseal(suppression, sealed, text, &size))
        return false;
    consent_key_read((struct view){text, size}, line_kind, out_key);
    return out_key->kind == CONSENT_KEY_CHOICE;
}

void consent_link_make(const struct subject_key *suppression, const struct consent_key *from,
                       const struct consent_key *to, int64_t effective_ms, struct consent_link *out_link)
{
    *out_link = (struct consent_link){.effective_ms = effective_ms};
    hash(suppression, from, &out_link->from_hash);
    seal(suppression, from, &out_link->from);
    seal(suppression, to, &out_link->to);
}

bool consent_link_to(const struct consent_link *link, const struct subject_key *suppression,
                     enum identifier_kind line_kind, struct consent_key *out_to)
{
    return unseal(suppression, &link->to, line_kind, out_to);
}

static bool write_key(const struct consent_link *link, const struct subject_key *suppression,
                      struct arena *arena, struct view *out_key)
{
    char *key = arena_take(arena, PREFIX_SIZE + HASH_TEXT_SIZE + 1 + SUBJECT_SEALED_TEXT_MAX);
    size_t name_size;
    if (!key)
        return false;
    size_t size = put(key, 0, prefix);
    base64url_write(link->from_hash.bytes, PSEUDONYM_SIZE, key + size);
    size += HASH_TEXT_SIZE;
    key[size++] = ':';
    bool opened = subject_key_unseal(suppression, &link->to, key + size, &name_size);
    ensure(opened); /* this process sealed it, or read it under this key */
    *out_key = (struct view){key, size + name_size};
    return true;
}

bool consent_link_write(const struct consent_link *link, const struct subject_key *suppression,
                        struct arena *arena, struct view *out_key, struct view *out_value)
{
    struct json_writer writer;
    char check[SUBJECT_KEY_CHECK_SIZE], sealed[SEALED_TEXT_SIZE];
    subject_key_check(suppression, check);
    base64url_write(link->from.bytes, link->from.size, sealed);
    if (!write_key(link, suppression, arena, out_key) || !json_writer_take(&writer, arena, VALUE_BYTES))
        return false;
    json_writer_open_object(&writer);
    json_writer_member_string(&writer, "moved_from",
                              (struct view){sealed, BASE64URL_SIZE((size_t)link->from.size)});
    json_writer_member_integer(&writer, "effective", link->effective_ms);
    json_writer_member_integer(&writer, "seq", 0);
    json_writer_member_string(&writer, "key_check", view_of_string(check));
    if (link->take_back)
        json_writer_member_bool(&writer, "take_back", true);
    json_writer_close_object(&writer);
    return json_writer_finish(&writer, arena, out_value);
}

/* ---- reading ---- */

static bool read_sealed(struct view text, struct subject_sealed *out_sealed)
{
    size_t size;
    if (text.size > SEALED_TEXT_SIZE ||
        sodium_base642bin(out_sealed->bytes, sizeof out_sealed->bytes, text.data, text.size, NULL, &size,
                          NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        BASE64URL_SIZE(size) != text.size)
        return false;
    out_sealed->size = (uint8_t)size;
    return true;
}

enum consent_link_reading consent_link_read(struct consent_reader *reader, const struct consent_key *key,
                                            struct view value, const struct subject_key *suppression,
                                            struct consent_link *out_link, struct consent_key *out_from)
{
    char check[SUBJECT_KEY_CHECK_SIZE], own[SUBJECT_KEY_CHECK_SIZE], sealed[SEALED_TEXT_SIZE + 1];
    struct consent_link link = {.from_hash = key->from};
    struct consent_key from;
    struct pseudonym from_hash;
    struct view text;
    subject_key_check(suppression, own);
    if (!consent_value_key_check(reader, value, check, sizeof check))
        return CONSENT_LINK_UNREADABLE;
    if (strcmp(check, own) != 0)
        return CONSENT_LINK_OF_OTHER_KEY;
    if (!consent_value_link(reader, value, sealed, sizeof sealed, &text, &link.effective_ms,
                            &link.take_back) ||
        !read_sealed(text, &link.from) ||
        !unseal(suppression, &link.from, consent_reader_line_kind(reader), &from))
        return CONSENT_LINK_UNREADABLE;
    hash(suppression, &from, &from_hash);
    if (memcmp(from_hash.bytes, link.from_hash.bytes, sizeof from_hash.bytes) != 0)
        return CONSENT_LINK_UNREADABLE; /* key and value name two subjects */
    seal(suppression, key, &link.to);
    *out_link = link;
    *out_from = from;
    return CONSENT_LINK_READ;
}
