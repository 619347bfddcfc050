#include "commands/rules_traffic.h"

#include "commands/rules_name.h"
#include "common/event.h"
#include "common/line_reader.h"

enum { ARENA_BLOCK_SIZE = 1 << 20, ARENA_SIZE_MAX = 1 << 26 };

/* ---- events ---- */

struct events {
    struct arena startup, arena;
    struct event_reader *reader;
    struct line_reader lines;
    rules_visitor *visitor;
    void *context;
    struct rules_traffic_counts counts;
};

/* What pseudonymize does with it, and on the same grounds (spec 4). */
static void name_of_event(const struct record *record, char space[RULES_NAME_SIZE_MAX],
                          struct rules_visit *visit)
{
    visit->app = record->type != EVENT_BROWSE;
    if (visit->app && record->preinstalled)
        visit->reason = "preinstalled";
    else if (visit->app)
        visit->name = rules_name_app(record->app, space, &visit->reason);
    else if (!view_is_absent(record->host)) {
        size_t size = 0;
        enum host_result result = host_normalise(record->host, space, &size);
        visit->reason = result == HOST_IP_LITERAL ? "ip_literal" : "host_malformed";
        if (result == HOST_NAME)
            visit->name = (struct view){space, size};
    } else {
        size_t size = 0;
        enum host_result result = host_from_url(record->url, space, &size);
        visit->reason = result == HOST_IP_LITERAL ? "ip_literal" : "host_malformed";
        if (result == HOST_NAME)
            visit->name = (struct view){space, size};
    }
    if (!view_is_absent(visit->name))
        visit->reason = NULL;
}

static bool take_event(struct events *events, const struct line *line, struct error *error)
{
    char space[RULES_NAME_SIZE_MAX];
    struct record record;
    struct chain_input input = {.offset = (int64_t)line->number, .value = line->text};
    struct rules_visit visit = {.count = 1};
    events->counts.lines++;
    arena_reset(&events->arena);
    enum verdict_kind kind = event_read(events->reader, &input, &events->arena, &record).kind;
    if (kind == VERDICT_STOP)
        return error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, NULL, "no memory to read an event");
    if (kind != VERDICT_PASS || !record.subjects[SUBJECT_LINE].present) {
        events->counts.unreadable++;
        return true;
    }
    if (record.type == EVENT_APP_REMOVE) {
        events->counts.removals++;
        return true;
    }
    name_of_event(&record, space, &visit);
    visit.person = record.subjects[SUBJECT_LINE].identifier;
    events->counts.visits++;
    return events->visitor(events->context, &visit, error);
}

static bool open_events(struct events *events, const struct config *config, const char *path,
                        struct error *error)
{
    return arena_init(&events->startup, ARENA_BLOCK_SIZE, ARENA_SIZE_MAX, error) &&
           arena_init(&events->arena, ARENA_BLOCK_SIZE, ARENA_SIZE_MAX, error) &&
           event_reader_new(config, &events->startup, &events->reader, error) &&
           line_reader_open(&events->lines, path, (size_t)config->input.record_bytes_max + 1, -1, error);
}

bool rules_traffic_events(const struct config *config, const char *path, rules_visitor *visitor,
                          void *context, struct rules_traffic_counts *out_counts, struct error *error)
{
    struct events events = {.visitor = visitor, .context = context};
    struct line line;
    enum line_result result = LINE_FAILED;
    bool fine = open_events(&events, config, path, error);
    while (fine && (result = line_reader_next(&events.lines, &line, error)) == LINE_READ)
        fine = take_event(&events, &line, error);
    line_reader_close(&events.lines);
    event_reader_free(events.reader);
    arena_release(&events.arena);
    arena_release(&events.startup);
    if (fine && result == LINE_END)
        *out_counts = events.counts;
    return fine && result == LINE_END;
}

/* ---- names ---- */

static bool read_number(struct view text, uint64_t *out_number)
{
    uint64_t number = 0;
    if (text.size == 0 || text.size > 18)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    *out_number = number;
    return true;
}

static struct view trim(struct view text)
{
    while (text.size > 0 && strchr(" \t\r", text.data[text.size - 1]) != NULL &&
           text.data[text.size - 1] != '\0')
        text.size--;
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = (struct view){text.data + 1, text.size - 1};
    return text;
}

/* False: the line says no name. */
static bool read_name(struct view text, bool app, char space[RULES_NAME_SIZE_MAX], struct rules_visit *visit)
{
    uint64_t rank;
    const char *tab = memchr(text.data, '\t', text.size);
    const char *comma = memchr(text.data, ',', text.size);
    if (tab != NULL) {
        struct view behind = {tab + 1, text.size - (size_t)(tab + 1 - text.data)};
        if (!read_number(behind, &visit->count) || visit->count == 0)
            return false;
        text.size = (size_t)(tab - text.data);
    } else if (comma != NULL) {
        if (!read_number((struct view){text.data, (size_t)(comma - text.data)}, &rank))
            return false;
        text = (struct view){comma + 1, text.size - (size_t)(comma + 1 - text.data)};
    }
    visit->name = rules_name(app, trim(text), space, &visit->reason);
    return true;
}

bool rules_traffic_names(const char *path, bool app, rules_visitor *visitor, void *context,
                         struct rules_traffic_counts *out_counts, struct error *error)
{
    struct rules_traffic_counts counts = {0};
    struct line_reader lines = {0};
    struct line line;
    enum line_result result = LINE_FAILED;
    bool fine = line_reader_open(&lines, path, RULES_LINE_SIZE_MAX, -1, error);
    while (fine && (result = line_reader_next(&lines, &line, error)) == LINE_READ) {
        char space[RULES_NAME_SIZE_MAX];
        struct rules_visit visit = {.app = app, .count = 1};
        struct view text = trim(line.text);
        if (line.number == 0 && text.size >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0)
            text = (struct view){text.data + 3, text.size - 3};
        if (text.size == 0 || text.data[0] == '#')
            continue;
        counts.lines++;
        if (line.cut || !read_name(text, app, space, &visit)) {
            counts.unreadable++;
            continue;
        }
        counts.visits += visit.count;
        fine = visitor(context, &visit, error);
    }
    line_reader_close(&lines);
    if (fine && result == LINE_END)
        *out_counts = counts;
    return fine && result == LINE_END;
}
