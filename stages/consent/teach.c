#include "stages/consent/teach.h"

#include "common/error.h"
#include "common/json_writer.h"
#include "common/subject.h"

enum {
    KEY_BYTES = 32 + SUBJECT_IDENTIFIER_SIZE_MAX,
    VALUE_BYTES = 128,
};

static size_t put(char *text, size_t at, const char *piece)
{
    memcpy(text + at, piece, strlen(piece));
    return at + strlen(piece);
}

static bool write_key(enum subject_kind kind, const struct subject *subject, struct arena *arena,
                      struct view *out_key)
{
    static const char *const names[SUBJECT_KINDS] = {"signal:line:", "signal:account:", "signal:device:"};
    ensure(kind < SUBJECT_KINDS && subject->identifier.size <= SUBJECT_IDENTIFIER_SIZE_MAX);
    char *key = arena_take(arena, KEY_BYTES);
    if (!key)
        return false;
    size_t size = put(key, 0, names[kind]);
    if (kind == SUBJECT_DEVICE) {
        size = put(key, size, subject_identifier_kind_name(subject->identifier_kind));
        size = put(key, size, ":");
    }
    memcpy(key + size, subject->identifier.data, subject->identifier.size);
    *out_key = (struct view){key, size + subject->identifier.size};
    return true;
}

bool teach_write_value(int64_t signal_ms, struct arena *arena, struct view *out_value)
{
    struct json_writer writer;
    if (!json_writer_take(&writer, arena, VALUE_BYTES))
        return false;
    json_writer_open_object(&writer);
    json_writer_name(&writer, "choices");
    json_writer_open_object(&writer);
    json_writer_member_string(&writer, "*", VIEW("out"));
    json_writer_close_object(&writer);
    if (signal_ms > 0) {
        json_writer_member_integer(&writer, "effective", signal_ms);
        json_writer_member_integer(&writer, "seq", 0);
    }
    json_writer_close_object(&writer);
    return json_writer_finish(&writer, arena, out_value);
}

bool teach_write(enum subject_kind kind, const struct subject *subject, int64_t signal_ms,
                 struct arena *arena, struct view *out_key, struct view *out_value)
{
    return write_key(kind, subject, arena, out_key) && teach_write_value(signal_ms, arena, out_value);
}
