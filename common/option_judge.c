/* What a text must look like beyond its type, for several modules. */
#include "common/lint.h"
#include "common/option.h"
#include "common/region.h"
#include "common/secret.h"
#include "common/zone.h"

static bool fail(char *why, size_t why_size, struct view text, const char *rest)
{
    char quoted[LINT_QUOTE_SIZE];
    snprintf(why, why_size, "%s %s", lint_quote(text, quoted), rest);
    return false;
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool option_judge_topic(struct view text, char *why, size_t why_size)
{
    if (text.size > 249)
        return fail(why, why_size, text, "is longer than a topic name can be (249)");
    if (view_equal_string(text, ".") || view_equal_string(text, ".."))
        return fail(why, why_size, text, "is not a topic name");
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (!is_lower(c) && !is_upper(c) && !is_digit(c) && c != '.' && c != '_' && c != '-')
            return fail(why, why_size, text, "is not a topic name; those have letters, digits, . _ and -");
    }
    return true;
}

bool option_judge_name(struct view text, char *why, size_t why_size)
{
    if (text.size < 1 || text.size > 32)
        return fail(why, why_size, text, "is not a name of 1 to 32 characters");
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (!is_lower(c) && !is_digit(c) && c != '_' && c != '-')
            return fail(why, why_size, text, "is not a name; those have lower-case letters, digits, _ and -");
    }
    return true;
}

/* What was probably meant: US-CA for us-ca, CA, US_CA, USCA. "" when nothing fits. */
static void suggest_region(struct view text, char out[32])
{
    char letters[5];
    size_t count = 0;
    out[0] = '\0';
    for (size_t i = 0; i < text.size; i++) {
        char c = is_lower(text.data[i]) ? (char)(text.data[i] - 'a' + 'A') : text.data[i];
        if (!is_upper(c))
            continue;
        if (count == 4)
            return;
        letters[count++] = c;
    }
    letters[count] = '\0';
    const char *state = count == 4 && letters[0] == 'U' && letters[1] == 'S' ? letters + 2 : letters;
    if ((count == 2 || state != letters) && region_is_us_subdivision(state))
        snprintf(out, 32, "; did you mean 'US-%c%c'?", state[0], state[1]);
    else if (count == 2 && text.size == 2)
        snprintf(out, 32, "; did you mean '%c%c'?", letters[0], letters[1]);
}

bool option_judge_region(struct view text, char *why, size_t why_size)
{
    if (region_is_valid(text))
        return true;
    /* A state without its country reads as one: CA is Canada. */
    char suggested[32], rest[96];
    suggest_region(text, suggested);
    snprintf(rest, sizeof rest, "is not a region by ISO 3166-2, as in US-CA%s", suggested);
    return fail(why, why_size, text, rest);
}

bool option_judge_timezone(struct view text, char *why, size_t why_size)
{
    struct error error = {0};
    struct zone *zone = zone_load(text, &error);
    if (!zone) {
        error_text(&error, why, why_size);
        return false;
    }
    zone_free(zone);
    return true;
}

bool option_judge_domain(struct view text, char *why, size_t why_size)
{
    size_t label = 0, dots = 0;
    bool good = text.size >= 3 && text.size <= 253;
    for (size_t i = 0; good && i < text.size; i++) {
        char c = text.data[i];
        if (c == '.') {
            good = label > 0 && text.data[i - 1] != '-';
            label = 0;
            dots++;
            continue;
        }
        good = (is_lower(c) || is_digit(c) || (c == '-' && label > 0)) && ++label <= 63;
    }
    if (good && label > 0 && dots > 0 && text.data[text.size - 1] != '-')
        return true;
    return fail(why, why_size, text, "is not a domain name in lower case, as in ads.example");
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool option_judge_key_source(struct view text, char *why, size_t why_size)
{
    enum { HEX_SIZE_MIN = 32, BASE64_SIZE_MIN = 40 }; /* of 16 bytes, and of 30; names of files are shorter */
    size_t hex = 0, base64 = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        hex += is_hex(c);
        base64 += is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z') || (c != 0 && strchr("+/=-_", c));
    }
    bool looks_like_key = secret_source_is_key(text) || (hex == text.size && text.size >= HEX_SIZE_MIN) ||
                          (base64 == text.size && text.size >= BASE64_SIZE_MIN &&
                           (!memchr(text.data, '/', text.size) || text.data[text.size - 1] == '='));
    if (looks_like_key)
        snprintf(why, why_size,
                 "this looks like a key itself, which never stands in a configuration; put it into a file as "
                 "`clickveil keygen` does, name that file, and take this one as known to others");
    return !looks_like_key;
}
