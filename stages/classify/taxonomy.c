#include "stages/classify/taxonomy.h"

#include "common/tsv.h"

#include <stdlib.h>

struct row {
    uint16_t parent; /* 0: none */
    uint8_t tier;    /* 0: no such row */
    uint8_t status;  /* enum taxonomy_status */
    uint8_t name_size;
    unsigned line;
    size_t name; /* offset in names */
};

struct taxonomy {
    char *names;
    struct row rows[TAXONOMY_ID_MAX + 1];
};

static enum taxonomy_status status_of(struct view text)
{
    if (view_equal_string(text, "publishable"))
        return TAXONOMY_PUBLISHABLE;
    if (view_equal_string(text, "sensitive"))
        return TAXONOMY_SENSITIVE;
    if (view_equal_string(text, "refused"))
        return TAXONOMY_REFUSED;
    return TAXONOMY_UNKNOWN;
}

/* Read one line into *out_row; reports what is wrong with it. */
static bool read_row(const struct tsv *tsv, const struct tsv_line *line, unsigned *out_id,
                     struct row *out_row)
{
    char shown[MISTAKE_SHOWN_MAX + 4];
    unsigned id = 0, parent = 0, tier = 0;
    const struct view *fields = line->fields;
    if (line->count != 5) {
        mistakes_add(tsv->mistakes, tsv->name, line->number, 0,
                     "five fields with tabs between are wanted: identifier, parent, tier, status, name");
        return false;
    }
    if (!tsv_identifier(fields[0], &id)) {
        mistakes_add(tsv->mistakes, tsv->name, line->number, 1, "'%s' is no identifier from 1 to %d",
                     mistakes_show(fields[0], shown), (int)TAXONOMY_ID_MAX);
        return false;
    }
    if (!view_equal_string(fields[1], "0") && !tsv_identifier(fields[1], &parent)) {
        mistakes_add(tsv->mistakes, tsv->name, line->number, line->columns[1],
                     "'%s' is neither an identifier of the parent nor 0", mistakes_show(fields[1], shown));
        return false;
    }
    if (!tsv_identifier(fields[2], &tier) || tier > TAXONOMY_TIER_MAX) {
        mistakes_add(tsv->mistakes, tsv->name, line->number, line->columns[2], "'%s' is no tier from 1 to %d",
                     mistakes_show(fields[2], shown), (int)TAXONOMY_TIER_MAX);
        return false;
    }
    enum taxonomy_status status = status_of(fields[3]);
    if (status == TAXONOMY_UNKNOWN) {
        mistakes_add(tsv->mistakes, tsv->name, line->number, line->columns[3],
                     "'%s' is none of publishable, refused, sensitive", mistakes_show(fields[3], shown));
        return false;
    }
    if (fields[4].size == 0 || fields[4].size > TAXONOMY_NAME_SIZE_MAX) {
        mistakes_add(tsv->mistakes, tsv->name, line->number, line->columns[4],
                     "a name of 1 to %d bytes is wanted (`-` where it is left out on purpose)",
                     (int)TAXONOMY_NAME_SIZE_MAX);
        return false;
    }
    *out_id = id;
    *out_row = (struct row){.parent = (uint16_t)parent,
                            .tier = (uint8_t)tier,
                            .status = (uint8_t)status,
                            .name_size = (uint8_t)fields[4].size,
                            .line = line->number};
    return true;
}

/* Every parent exists, and that of a row that may be published is of a higher tier, so that rolling up ends. IAB's 1.1
 * itself leaves a tier out here and there, and has siblings below siblings (1391), all among the refused rows. */
static void check_parents(const struct taxonomy *taxonomy, const char *name, struct mistakes *mistakes)
{
    for (unsigned id = 1; id <= TAXONOMY_ID_MAX; id++) {
        const struct row *row = &taxonomy->rows[id];
        if (row->tier == 0)
            continue;
        const struct row *parent = &taxonomy->rows[row->parent];
        if (row->parent != 0 && parent->tier == 0)
            mistakes_add(mistakes, name, row->line, 0, "row %u lies below %u, which is not there", id,
                         (unsigned)row->parent);
        else if (row->status == TAXONOMY_PUBLISHABLE && row->parent != 0 && row->tier <= parent->tier)
            mistakes_add(mistakes, name, row->line, 0, "row %u has tier %u, and its parent has tier %u", id,
                         (unsigned)row->tier, (unsigned)parent->tier);
    }
}

struct taxonomy *taxonomy_new(const char *name, struct view bytes, struct mistakes *mistakes,
                              struct error *error)
{
    struct tsv tsv;
    struct tsv_line line;
    unsigned mistakes_before = mistakes->count;
    unsigned count = 0;
    struct taxonomy *taxonomy = calloc(1, sizeof(*taxonomy));
    char *names = malloc(bytes.size + 1);
    if (taxonomy == NULL || names == NULL) {
        free(names);
        free(taxonomy);
        error_fail(error, EXIT_STATUS_UNAVAILABLE, name, NULL, "no memory for the taxonomy");
        return NULL;
    }
    taxonomy->names = names;
    memcpy(names, bytes.data, bytes.size);

    tsv_init(&tsv, name, bytes, mistakes);
    while (tsv_next(&tsv, &line)) {
        unsigned id;
        struct row row;
        if (!read_row(&tsv, &line, &id, &row))
            continue;
        if (taxonomy->rows[id].tier != 0) {
            mistakes_add(mistakes, name, line.number, 1, "row %u stood in line %u already", id,
                         taxonomy->rows[id].line);
            continue;
        }
        row.name = (size_t)(line.fields[4].data - bytes.data);
        taxonomy->rows[id] = row;
        count++;
    }
    if (count == 0 && mistakes->count == mistakes_before)
        mistakes_add(mistakes, name, 0, 0, "the taxonomy has no rows");
    if (mistakes->count == mistakes_before)
        check_parents(taxonomy, name, mistakes);
    if (mistakes->count == mistakes_before)
        return taxonomy;
    taxonomy_free(taxonomy);
    return NULL;
}

void taxonomy_free(struct taxonomy *taxonomy)
{
    if (taxonomy == NULL)
        return;
    free(taxonomy->names);
    free(taxonomy);
}

enum taxonomy_status taxonomy_resolve(const struct taxonomy *taxonomy, unsigned id, unsigned depth,
                                      unsigned *out_id)
{
    if (id == 0 || id > TAXONOMY_ID_MAX)
        return TAXONOMY_UNKNOWN;
    for (;;) {
        const struct row *row = &taxonomy->rows[id];
        if (row->status != TAXONOMY_PUBLISHABLE)
            return (enum taxonomy_status)row->status;
        if (row->tier <= depth)
            break;
        if (row->parent == 0) /* there is no row of that tier to stand for it */
            return TAXONOMY_REFUSED;
        id = row->parent;
    }
    *out_id = id;
    return TAXONOMY_PUBLISHABLE;
}

unsigned taxonomy_publishable_parent(const struct taxonomy *taxonomy, unsigned id)
{
    unsigned parent = id <= TAXONOMY_ID_MAX ? taxonomy->rows[id].parent : 0;
    return taxonomy->rows[parent].status == TAXONOMY_PUBLISHABLE ? parent : 0;
}

unsigned taxonomy_tier(const struct taxonomy *taxonomy, unsigned id)
{
    return id <= TAXONOMY_ID_MAX ? taxonomy->rows[id].tier : 0;
}

struct view taxonomy_name(const struct taxonomy *taxonomy, unsigned id)
{
    if (taxonomy_tier(taxonomy, id) == 0)
        return VIEW_ABSENT;
    return (struct view){taxonomy->names + taxonomy->rows[id].name, taxonomy->rows[id].name_size};
}
