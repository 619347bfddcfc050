#include "common/consent_confirmation.h"

#include "common/error.h"
#include "common/json_writer.h"

#include <yyjson.h>

static bool read_number(yyjson_val *root, const char *name, bool required, uint64_t *out_number)
{
    yyjson_val *value = yyjson_obj_get(root, name);
    if (!value)
        return !required;
    if (!yyjson_is_uint(value) || yyjson_get_uint(value) > INT64_MAX)
        return false;
    *out_number = yyjson_get_uint(value);
    return true;
}

bool consent_confirmation_read(struct view value, struct consent_confirmation *out_confirmation)
{
    if (view_is_absent(value) || value.size > CONSENT_CONFIRMATION_SIZE_MAX)
        return false;
    yyjson_doc *document = yyjson_read(value.data, value.size, YYJSON_READ_NOFLAG);
    yyjson_val *root = yyjson_doc_get_root(document);
    struct consent_confirmation read = {0};
    uint64_t at_ms = 0, until_ms = 0;
    bool good = yyjson_is_obj(root) && read_number(root, "entries", true, &read.entries) &&
                read_number(root, "at", true, &at_ms) &&
                read_number(root, "expect_in", false, &read.expect_in) &&
                read_number(root, "until", read.expect_in > 0, &until_ms);
    yyjson_doc_free(document);
    if (!good)
        return false;
    read.at_ms = (int64_t)at_ms;
    read.until_ms = (int64_t)until_ms;
    *out_confirmation = read;
    return true;
}

size_t consent_confirmation_write(const struct consent_confirmation *confirmation,
                                  char out_text[CONSENT_CONFIRMATION_SIZE_MAX])
{
    struct json_writer writer;
    json_writer_init(&writer, out_text, CONSENT_CONFIRMATION_SIZE_MAX);
    json_writer_open_object(&writer);
    json_writer_name(&writer, "entries");
    json_writer_unsigned(&writer, confirmation->entries);
    json_writer_member_integer(&writer, "at", confirmation->at_ms);
    if (confirmation->expect_in) {
        json_writer_name(&writer, "expect_in");
        json_writer_unsigned(&writer, confirmation->expect_in);
        json_writer_member_integer(&writer, "until", confirmation->until_ms);
    }
    json_writer_close_object(&writer);
    ensure(!writer.overflow); /* four numbers */
    return writer.size;
}
