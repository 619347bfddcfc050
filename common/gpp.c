/*
 * Design. A character is six bits, a core sub-section is a version of six bits and answers of two: nothing ever lies
 * across characters but in the header, so sections need no reader of bits. The header is read as the sections are asked
 * for: its range may name thousands, and only as many count as the string has.
 */
#include "common/gpp.h"

#include "common/us_privacy.h"

enum {
    HEADER_TYPE = 3,
    HEADER_VERSION = 1,
    HEADER_BITS_FIXED = 24, /* type, version, number of items */
    BITS = 6,               /* of a character */
    OCTET = 8,
    PAIRS = 3, /* answers of a character */
    NOT_BASE64 = 0xFF,
    FIBONACCI_BITS_MAX = 23, /* up to 75,024: any section's ID, and sums of such far from a wrap */
    SUB_GPC_TYPE = 1,
};

/* RFC 4648, section 5; NOT_BASE64 for every other byte */
#define X NOT_BASE64
static const uint8_t sextets[256] = {
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  /**/
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  /**/
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  62, X,  X,  /* - */
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, X,  X,  X,  X,  X,  X,  /* 0 to 9 */
    X,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, /* A to O */
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, X,  X,  X,  X,  63, /* P to Z, _ */
    X,  26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, /* a to o */
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, X,  X,  X,  X,  X,  /* p to z */
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X, X, X, X, X, X, X, X, X, X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X, X, X, X, X, X, X, X, X, X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X, X, X, X, X, X, X, X, X, X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X, X, X, X, X, X, X, X, X, X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X, X, X, X, X, X, X, X,
};
#undef X

static unsigned sextet(struct view text, size_t at)
{
    return sextets[(uint8_t)text.data[at]];
}

static unsigned bit_of(struct view text, size_t bit)
{
    return sextet(text, bit / BITS) >> (BITS - 1 - bit % BITS) & 1u;
}

/* Characters for so many bits, padded to six. */
static size_t size_of(size_t bits)
{
    return (bits + BITS - 1) / BITS;
}

/* The same, padded to eight first. */
static size_t size_of_octets(size_t bits)
{
    return size_of((bits + OCTET - 1) / OCTET * OCTET);
}

/* Of characters of the alphabet that have `bits` of content: is the length one of the two, and all behind it zero? */
static enum signal_reason judge_padding(struct view text, size_t bits)
{
    if (text.size < size_of(bits))
        return SIGNAL_GPP_TOO_SHORT;
    if (text.size != size_of(bits) && text.size != size_of_octets(bits))
        return SIGNAL_GPP_TOO_LONG;
    for (size_t bit = bits; bit < text.size * BITS; bit++) {
        if (bit_of(text, bit))
            return SIGNAL_GPP_PADDING;
    }
    return SIGNAL_NO_REASON;
}

/* What stands before the next separator; *text is what stands behind it, absent when there was none. */
static struct view cut(struct view *text, char separator)
{
    const char *found = text->size > 0 ? memchr(text->data, separator, text->size) : NULL;
    struct view part = *text;
    *text = VIEW_ABSENT;
    if (found) {
        size_t size = (size_t)(found - part.data);
        *text = (struct view){found + 1, part.size - size - 1};
        part.size = size;
    }
    return part;
}

/* ---- the header ---- */

/* Every character of the string: base64 and the two separators. */
static enum signal_reason judge_characters(struct view text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (sextet(text, i) != NOT_BASE64 || c == '~' || c == '.')
            continue;
        return c == ' ' || (c >= '\t' && c <= '\r') ? SIGNAL_GPP_WHITE_SPACE : SIGNAL_GPP_CHARACTER;
    }
    return SIGNAL_NO_REASON;
}

enum signal_reason gpp_open(struct gpp_reader *reader, struct view text)
{
    *reader = (struct gpp_reader){.reason = SIGNAL_GPP_HEADER};
    if (text.size == 0)
        return reader->reason = SIGNAL_GPP_EMPTY;
    if (text.size > GPP_TEXT_SIZE_MAX)
        return reader->reason = SIGNAL_GPP_TOO_LONG;
    enum signal_reason reason = judge_characters(text);
    if (reason != SIGNAL_NO_REASON)
        return reader->reason = reason;
    reader->rest = text;
    reader->header = cut(&reader->rest, '~');
    reader->more = !view_is_absent(reader->rest);
    struct view header = reader->header;
    if (header.size == 0 || memchr(header.data, '.', header.size))
        return reader->reason = SIGNAL_GPP_HEADER;
    if (sextet(header, 0) != HEADER_TYPE)
        return reader->reason = SIGNAL_GPP_TYPE;
    if (header.size * BITS < HEADER_BITS_FIXED)
        return reader->reason = SIGNAL_GPP_HEADER;
    if (sextet(header, 1) != HEADER_VERSION)
        return reader->reason = SIGNAL_GPP_VERSION;
    reader->items = sextet(header, 2) << BITS | sextet(header, 3);
    reader->bit = HEADER_BITS_FIXED;
    return reader->reason = SIGNAL_NO_REASON;
}

/* A whole number in Fibonacci code, at the header's next bit. 0: none. */
static unsigned read_fibonacci(struct gpp_reader *reader)
{
    unsigned value = 0, weight = 1, next = 2, previous = 0;
    for (unsigned i = 0; i <= FIBONACCI_BITS_MAX && reader->bit < reader->header.size * BITS; i++) {
        unsigned bit = bit_of(reader->header, reader->bit++);
        if (bit && previous)
            return value; /* two ones end it */
        value += bit * weight;
        unsigned sum = weight + next;
        weight = next;
        next = sum;
        previous = bit;
    }
    return 0;
}

/* The next ID of the header's range; 0: no more, or, with reader->reason, none that can be read. */
static unsigned next_id(struct gpp_reader *reader)
{
    if (reader->id < reader->group_end)
        return ++reader->id;
    if (reader->items == 0)
        return 0;
    reader->items--;
    bool group = false;
    if (reader->bit < reader->header.size * BITS)
        group = bit_of(reader->header, reader->bit++);
    unsigned offset = read_fibonacci(reader), length = offset && group ? read_fibonacci(reader) : 0;
    if (offset == 0 || (group && length == 0)) {
        reader->reason = SIGNAL_GPP_HEADER;
        return 0;
    }
    reader->id += offset;
    reader->group_end = reader->id + length;
    if (reader->group_end > GPP_SECTION_ID_MAX) {
        reader->reason = SIGNAL_GPP_HEADER;
        return 0;
    }
    return reader->id;
}

/* Without a section left in the header there must be none in the string, and only padding behind the range. */
static void close_header(struct gpp_reader *reader)
{
    if (reader->reason != SIGNAL_NO_REASON)
        return;
    if (reader->more) {
        reader->reason = SIGNAL_GPP_SECTION_COUNT;
        return;
    }
    enum signal_reason padding = judge_padding(reader->header, reader->bit);
    if (padding != SIGNAL_NO_REASON)
        reader->reason = padding == SIGNAL_GPP_PADDING ? SIGNAL_GPP_PADDING : SIGNAL_GPP_HEADER;
}

/* ---- sections ---- */

/* Of text that has them: answer number `index` behind `skip` characters. */
static unsigned answer_of(struct view text, size_t skip, unsigned index)
{
    return sextet(text, skip + index / PAIRS) >> (2 * (PAIRS - 1 - index % PAIRS)) & 3u;
}

static void take_answers(struct view text, size_t skip, const struct gpp_slot *slots, unsigned count,
                         uint8_t *answers, struct national *national)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned answer = answer_of(text, skip, i);
        answers[i] = (uint8_t)answer;
        national->answers[answer] |= slots[i].national;
    }
}

/* Which layout, by the first six bits; NULL: *out_reason. */
static const struct gpp_layout *choose_layout(unsigned id, struct view core, enum signal_reason *out_reason)
{
    const struct gpp_layout *layout = gpp_layout_find(id, sextet(core, 0));
    if (!layout) {
        *out_reason = id >= GPP_SECTION_MSPA_FIRST ? SIGNAL_GPP_MSPA_VERSION : SIGNAL_GPP_SECTION_VERSION;
        return NULL;
    }
    if (id == GPP_SECTION_NATIONAL && layout->version == 1) {
        /* an encoder's default: version 1 in front of version 2's fields (spec 3) */
        const struct gpp_layout *later = gpp_layout_find(id, 2);
        if (core.size == size_of(BITS + 2 * (size_t)later->slot_count)) {
            *out_reason = SIGNAL_GPP_NATIONAL_VERSION;
            return NULL;
        }
    }
    return layout;
}

static enum signal_reason read_core(struct gpp_section *section, struct view core)
{
    if (core.size == 0)
        return SIGNAL_GPP_SECTION_EMPTY;
    enum signal_reason reason = SIGNAL_NO_REASON;
    const struct gpp_layout *layout = choose_layout(section->id, core, &reason);
    if (!layout)
        return reason;
    reason = judge_padding(core, BITS + 2 * (size_t)layout->slot_count);
    if (reason != SIGNAL_NO_REASON)
        return reason;
    take_answers(core, 1, layout->slots, layout->slot_count, section->answers, &section->national);
    section->layout = layout;
    return SIGNAL_NO_REASON;
}

static enum signal_reason read_gpc(struct gpp_section *section, struct view sub)
{
    unsigned type = sextet(sub, 0) >> 4;
    if (type != SUB_GPC_TYPE) /* 0 is the core, which stands in front; 2 and 3 are not published */
        return type == 0 ? SIGNAL_GPP_SUB_SECTION_TWICE : SIGNAL_GPP_SUB_SECTION_UNKNOWN;
    enum signal_reason reason = judge_padding(sub, 3);
    if (reason != SIGNAL_NO_REASON)
        return reason;
    section->gpc = sextet(sub, 0) >> 3 & 1u;
    section->national.answers[section->gpc] |= NATIONAL_SET(NATIONAL_GPC);
    return SIGNAL_NO_REASON;
}

static enum signal_reason read_sub(struct gpp_section *section, struct view sub)
{
    const struct gpp_layout *layout = section->layout;
    if (sub.size == 0)
        return SIGNAL_GPP_SECTION_EMPTY;
    if (layout->sub == GPP_SUB_NONE)
        return SIGNAL_GPP_SUB_SECTION_UNKNOWN;
    if (section->has_sub)
        return SIGNAL_GPP_SUB_SECTION_TWICE;
    section->has_sub = true;
    if (layout->sub == GPP_SUB_GPC)
        return read_gpc(section, sub);
    enum signal_reason reason = judge_padding(sub, 2 * (size_t)layout->sub_slot_count);
    if (reason == SIGNAL_NO_REASON)
        take_answers(sub, 0, layout->sub_slots, layout->sub_slot_count, section->answers + layout->slot_count,
                     &section->national);
    return reason;
}

/* The documents' header: SectionID (6), Version (6), SubSections (a range in Fibonacci code). The core has ID 0,
 * which the code can't write. So its range is taken in the two ways that there are: without the core, which must
 * always be there ([], [1]), and as the official encoders' code for ranges writes a zero ([0] and [0, 1]). */
static enum gpp_header_of_section read_header_of_section(struct view header)
{
    static const struct {
        const char *bits; /* behind SectionID and Version */
        enum gpp_header_of_section says;
    } forms[] = {
        {"000000000000", GPP_HEADER_CORE},
        {"00000000000101", GPP_HEADER_CORE},
        {"000000000001011", GPP_HEADER_CORE_SUB},
        {"0000000000011111", GPP_HEADER_CORE_SUB},
    };
    if (header.size < 2 || sextet(header, 1) != 1)
        return GPP_HEADER_NONE;
    for (unsigned i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t bits = strlen(forms[i].bits), at = 0;
        if (judge_padding(header, 2 * BITS + bits) != SIGNAL_NO_REASON)
            continue;
        while (at < bits && bit_of(header, 2 * BITS + at) == (unsigned)(forms[i].bits[at] - '0'))
            at++;
        if (at == bits)
            return forms[i].says;
    }
    return GPP_HEADER_NONE;
}

static enum signal_reason read_parts(struct gpp_section *section)
{
    struct view rest = section->text;
    struct view part = cut(&rest, '.');
    if (section->id >= GPP_SECTION_MSPA_FIRST && part.size > 0 && sextet(part, 0) == section->id) {
        section->header = read_header_of_section(part);
        if (section->header == GPP_HEADER_NONE || view_is_absent(rest))
            return SIGNAL_GPP_SECTION_HEADER;
        part = cut(&rest, '.');
    }
    enum signal_reason reason = read_core(section, part);
    while (reason == SIGNAL_NO_REASON && !view_is_absent(rest))
        reason = read_sub(section, cut(&rest, '.'));
    if (reason == SIGNAL_NO_REASON && section->header != GPP_HEADER_NONE &&
        section->has_sub != (section->header == GPP_HEADER_CORE_SUB))
        return SIGNAL_GPP_SECTION_HEADER;
    return reason;
}

static void read_section(unsigned id, struct view text, struct gpp_section *out_section)
{
    *out_section = (struct gpp_section){.id = id, .text = text};
    if (text.size == 0)
        out_section->reason = SIGNAL_GPP_SECTION_EMPTY;
    else if (id == GPP_SECTION_HEADER)
        out_section->reason = SIGNAL_GPP_SECTION_RESERVED;
    else if (id == GPP_SECTION_US_PRIVACY)
        out_section->reason = us_privacy_read(text, &out_section->national);
    else if (id >= GPP_SECTION_NATIONAL && id <= GPP_SECTION_LAST)
        out_section->reason = read_parts(out_section);
    if (out_section->reason == SIGNAL_NO_REASON)
        return;
    out_section->layout = NULL;
    out_section->national = (struct national){0};
}

bool gpp_next(struct gpp_reader *reader, struct gpp_section *out_section)
{
    if (reader->reason != SIGNAL_NO_REASON)
        return false;
    unsigned id = next_id(reader);
    if (id == 0) {
        close_header(reader);
        return false;
    }
    if (!reader->more) {
        reader->reason = SIGNAL_GPP_SECTION_COUNT;
        return false;
    }
    struct view text = cut(&reader->rest, '~');
    reader->more = !view_is_absent(reader->rest);
    read_section(id, text, out_section);
    return true;
}
