/*
 * Fuzz target: whatever bytes come as a record, reading neither fails in memory nor lets through what it promises to
 * refuse, and what was read survives the format between stages.
 *
 *   clang -std=c17 -D_GNU_SOURCE -I. -g -O1 -fsanitize=fuzzer,address,undefined -o event_fuzz \
 *       tests/fuzz/event_fuzz.c common/{arena,base64url,codec,error,event,hop,json_reader,json_writer,partitioner,\
 *       rfc3339,secret,subject,utf8}.c -lyyjson -lsodium
 *   ./event_fuzz tests/fuzz/corpus/event
 *
 * The same bytes are read four times: as an operator's event, and as a record of each topic between stages. The corpus
 * is replayed, and bent byte by byte, in tests/unit/fuzz/event_corpus_test.c.
 */
#include "common/codec.h"
#include "common/event.h"
#include "common/rfc3339.h"
#include "common/subject.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    bool ready;
    struct programme programmes[3];
    struct config config;
    struct arena startup, arena;
    struct event_reader *reader;
    struct codec *codec;
} fuzz;

static void fuzz_prepare(void)
{
    struct error error = {0};
    fuzz.programmes[0].name = (struct view)VIEW("tmobile");
    fuzz.programmes[1].name = (struct view)VIEW("enhanced");
    fuzz.programmes[2].name = (struct view)VIEW("sprint");
    fuzz.config.programmes = (struct option_list){fuzz.programmes, 3, true};
    fuzz.config.subscriber.kind = IDENTIFIER_E164;
    fuzz.config.input.events_partitioner = EVENTS_PARTITIONER_MURMUR2;
    fuzz.config.input.events_key = EVENTS_KEY_PLUS;
    fuzz.config.input.record_bytes_max = 64 * 1024;
    ensure(arena_init(&fuzz.startup, 64 * 1024, 8 * 1024 * 1024, &error));
    ensure(arena_init(&fuzz.arena, 64 * 1024, 8 * 1024 * 1024, &error));
    ensure(event_reader_new(&fuzz.config, &fuzz.startup, &fuzz.reader, &error));
    ensure(codec_new(&fuzz.config, &fuzz.startup, &fuzz.codec, &error));
    fuzz.ready = true;
}

/* Touches every byte, so that a sanitizer sees where it lies; no text has controls. */
static void check_text(struct view text)
{
    ensure(view_is_absent(text) || text.size > 0);
    for (size_t i = 0; i < text.size; i++)
        ensure((unsigned char)text.data[i] >= 0x20 && text.data[i] != 0x7F);
}

static void check_signal(enum presence presence, struct view text)
{
    volatile char sum = 0;
    ensure((presence == PRESENCE_PRESENT) == !view_is_absent(text));
    for (size_t i = 0; i < text.size; i++)
        sum = (char)(sum + text.data[i]);
}

static void check_identifier(const struct subject *subject)
{
    char canonical[SUBJECT_IDENTIFIER_SIZE_MAX];
    size_t size = 0;
    ensure(subject->present == !view_is_absent(subject->identifier));
    if (!subject->present)
        return;
    ensure(!subject->limit_ad_tracking);
    ensure(subject_canonicalise(subject->identifier_kind, subject->identifier, canonical, &size) ==
           SUBJECT_CANONICAL);
    ensure(view_equal(subject->identifier, (struct view){canonical, size}));
}

static void check_event(const struct record *record)
{
    bool page = record->type == EVENT_BROWSE;
    ensure(record->kind == RECORD_EVENT && record->programmes == 0);
    ensure(record->type > EVENT_UNKNOWN && record->type <= EVENT_APP_REMOVE);
    ensure(record->time_ms >= 0 && record->time_ms < RFC3339_YEAR_10000_MS);
    ensure(record->subjects[SUBJECT_LINE].present && !view_is_absent(record->brand));
    ensure(page == !(view_is_absent(record->url) && view_is_absent(record->host)));
    ensure(page == view_is_absent(record->app) && !(page && record->preinstalled));
    ensure(record->birth_year >= -1 && record->birth_year <= 9999);
    for (unsigned kind = 0; kind < SUBJECT_KINDS; kind++)
        check_identifier(&record->subjects[kind]);
    const struct view texts[] = {record->brand, record->region, record->plan,
                                 record->url,   record->host,   record->app};
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++)
        check_text(texts[i]);
    check_signal(record->signals.gpp_presence, record->signals.gpp);
    check_signal(record->signals.gpp_sid_presence, record->signals.gpp_sid);
    check_signal(record->signals.us_privacy_presence, record->signals.us_privacy);
}

/* Writes a record, reads it back, writes that: both texts must be equal. */
static void check_round_trip(enum hop hop, const struct record *record)
{
    struct output first, second;
    struct record back;
    ensure(codec_write(fuzz.codec, hop, record, &fuzz.arena, &first));
    struct chain_input input = {
        .key = first.key, .value = first.value, .origin = first.headers[0].value, .partition_count = 1};
    if (first.value.size > (size_t)fuzz.config.input.record_bytes_max)
        return; /* quotes that were \u0022 before; refused as too large */
    ensure(codec_read(fuzz.codec, hop, &input, &fuzz.arena, &back).kind == VERDICT_PASS);
    ensure(codec_write(fuzz.codec, hop, &back, &fuzz.arena, &second));
    ensure(view_equal(first.key, second.key) && view_equal(first.value, second.value));
    ensure(view_equal(first.headers[0].value, second.headers[0].value));
}

/* What the stages would fill in. */
static void travel(struct record *record)
{
    record->programmes = 1;
    check_round_trip(HOP_CONSENT_OUT, record);
    for (unsigned kind = 0; kind < SUBJECT_KINDS; kind++)
        record->subjects[kind].has_pseudonym = record->subjects[kind].present;
    if (record->type == EVENT_BROWSE)
        record->host = (struct view)VIEW("shop.example");
    else
        record->app_token = 7;
    check_round_trip(HOP_PSEUDONYMIZE_OUT, record);
    record->interests[record->interest_count++] = (struct record_interest){243, 1};
    check_round_trip(HOP_CLASSIFY_OUT, record);
}

/* The bytes as an operator's event. */
static struct verdict fuzz_event(struct view value)
{
    struct chain_input input = {.partition = 0, .offset = 7, .timestamp_ms = 1, .value = value};
    struct record record;
    struct verdict verdict = event_read(fuzz.reader, &input, &fuzz.arena, &record);
    ensure(verdict.kind == VERDICT_PASS || verdict.kind == VERDICT_REJECT);
    ensure(verdict.reason < event_reason_count);
    if (verdict.kind == VERDICT_PASS) {
        check_event(&record);
        travel(&record);
    }
    return verdict;
}

/* The bytes as a record of a topic between stages. */
static struct verdict fuzz_hop(enum hop hop, struct view value)
{
    struct chain_input input = {.value = value, .origin = VIEW("3:42")};
    struct record record;
    struct verdict verdict = codec_read(fuzz.codec, hop, &input, &fuzz.arena, &record);
    ensure(verdict.kind != VERDICT_STOP && verdict.reason < event_reason_count);
    if (verdict.kind == VERDICT_PASS)
        check_round_trip(hop, &record);
    return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!fuzz.ready)
        fuzz_prepare();
    struct view value = {size > 0 ? (const char *)data : "", size};
    (void)fuzz_event(value);
    for (enum hop hop = HOP_CONSENT_OUT; hop <= HOP_CLASSIFY_OUT; hop++)
        (void)fuzz_hop(hop, value);
    arena_reset(&fuzz.arena);
    return 0;
}
