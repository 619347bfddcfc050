/*
 * How long IDs take, beside the bare keyed hash of the same length: `ids [ROUNDS]` (20, of 200,000 each). Prints one JSON
 * object.
 *
 * A pseudonym is canonicalised and hashed; identifiers differ (4,096 of each kind, in random order), so that no branch can
 * be learnt by heart, and phone numbers come in the spelling of E.123, plus and spaces, which takes longest. An
 * advertiser's ID is made of a pseudonym with the epoch's key, which is there. Bare is libsodium's crypto_generichash over
 * messages of the same length that stand ready, and `prepared` our own hash (common/keyed_hash.h), whose key's block is
 * compressed once, over such messages. What is compared runs in turns; the figures are medians over rounds, nanoseconds of
 * CPU, and medians of the rounds' ratios. Besides: sealing and opening the named fields of one programme.
 */
#include "common/error.h"
#include "common/keyed_hash.h"
#include "common/named_fields.h"
#include "common/subject.h"
#include "stages/publish/feed_id.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { POOL = 4096, LOOKS = 200000, ROUNDS_MAX = 1000, TEXT_SIZE = 64, MESSAGE_MAX = 128 };

static const uint8_t key_bytes[32] = {1, 2, 3};
static uint64_t seed = 1;
static volatile uint8_t sink; /* so that no result is left out */

static unsigned dice(unsigned sides)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
    return (unsigned)(seed >> 32) % sides;
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* others share the machine */
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double median(double *times, unsigned count)
{
    qsort(times, count, sizeof *times, compare);
    return times[count / 2];
}

/* ---- what is measured ---- */

struct kind {
    const char *name;
    enum subject_kind subject;
    enum identifier_kind identifier;
    size_t message_size; /* docs/pseudonyms.md: tags and canonical identifier */
};

static const struct kind kinds[] = {
    {"line_e164", SUBJECT_LINE, IDENTIFIER_E164, 13 + 5 + 5 + 11},
    {"line_imsi", SUBJECT_LINE, IDENTIFIER_IMSI, 13 + 5 + 5 + 15},
    {"device_imei", SUBJECT_DEVICE, IDENTIFIER_IMEI, 13 + 7 + 5 + 14},
    {"device_maid", SUBJECT_DEVICE, IDENTIFIER_MAID, 13 + 7 + 5 + 36},
};

static char texts[POOL][TEXT_SIZE];
static struct pseudonym pseudonyms[POOL];
static struct keyed_hash_message messages[POOL];
static struct subject_key *key;
static struct keyed_hash prepared;

static void make_text(enum identifier_kind kind, char text[TEXT_SIZE])
{
    switch (kind) {
    case IDENTIFIER_E164:
        snprintf(text, TEXT_SIZE, "+1 %03u %03u %04u", 200 + dice(800), 200 + dice(800), dice(10000));
        break;
    case IDENTIFIER_IMSI:
        snprintf(text, TEXT_SIZE, "310260%09u", dice(1000000000));
        break;
    case IDENTIFIER_IMEI:
        snprintf(text, TEXT_SIZE, "49015420%06u", dice(1000000));
        break;
    case IDENTIFIER_MAID:
        snprintf(text, TEXT_SIZE, "%08X-%04X-%04X-%04X-%06X%06X", dice(UINT32_MAX), dice(65536), dice(65536),
                 dice(65536), dice(1 << 24), dice(1 << 24));
        break;
    case IDENTIFIER_OPAQUE:
    case IDENTIFIER_UNKNOWN:
        break;
    }
}

static void fill(const struct kind *kind)
{
    for (unsigned i = 0; i < POOL; i++) {
        make_text(kind ? kind->identifier : IDENTIFIER_IMSI, texts[i]);
        memset(&messages[i], 0, sizeof messages[i]);
        messages[i].size = kind ? kind->message_size : PSEUDONYM_SIZE;
        for (size_t j = 0; j < messages[i].size; j++)
            messages[i].bytes[j] = (uint8_t)dice(256);
        memcpy(pseudonyms[i].bytes, messages[i].bytes, PSEUDONYM_SIZE);
    }
}

static void one_pseudonym(const struct kind *kind, unsigned at)
{
    char canonical[SUBJECT_IDENTIFIER_SIZE_MAX];
    struct pseudonym pseudonym;
    size_t size = 0;
    enum subject_canonical result =
        subject_canonicalise(kind->identifier, view_of_string(texts[at]), canonical, &size);
    ensure(result == SUBJECT_CANONICAL);
    subject_pseudonym(key, kind->subject, kind->identifier, (struct view){canonical, size}, &pseudonym);
    sink ^= pseudonym.bytes[0];
}

static void one_feed_id(const struct kind *kind, unsigned at)
{
    uint8_t id[FEED_ID_SIZE];
    (void)kind;
    feed_id(key_bytes, &pseudonyms[at], id);
    sink ^= id[0];
}

static void one_bare(const struct kind *kind, unsigned at)
{
    uint8_t hash[PSEUDONYM_SIZE];
    (void)kind;
    crypto_generichash(hash, sizeof hash, messages[at].bytes, messages[at].size, key_bytes, sizeof key_bytes);
    sink ^= hash[0];
}

static void one_prepared(const struct kind *kind, unsigned at)
{
    struct keyed_hash_output output;
    (void)kind;
    keyed_hash_run(&prepared, &messages[at], 1, &output);
    sink ^= output.bytes[0];
}

static const int fields[] = {NAMED_FIELD_ADVERTISING_ID, NAMED_FIELD_REGION, NAMED_FIELD_AGE_BAND};
static struct programme programme = {.name = VIEW("programme"), .fields = {(void *)fields, 3, true}};
static const struct config config = {.programmes = {&programme, 1, true}};
static struct named_fields_key *fields_key;
static uint8_t boxes[POOL][NAMED_FIELDS_BOX_SIZE];

static void one_seal(const struct kind *kind, unsigned at)
{
    static const struct named_fields all = {
        .there = 14, .region = "US-CA", .region_size = 5, .age_band = AGE_BAND_35_44};
    (void)kind;
    named_fields_seal(fields_key, 0, &pseudonyms[at], &(struct origin){0, at}, &all, boxes[at]);
}

static void one_open(const struct kind *kind, unsigned at)
{
    struct named_fields opened;
    (void)kind;
    bool good =
        named_fields_open(fields_key, 0, &pseudonyms[at], &(struct origin){0, at}, boxes[at], &opened);
    ensure(good);
}

/* ---- measuring ---- */

static double run(void (*one)(const struct kind *kind, unsigned at), const struct kind *kind)
{
    int64_t began = now_ns();
    for (unsigned i = 0; i < LOOKS; i++)
        one(kind, dice(POOL));
    return (double)(now_ns() - began) / LOOKS;
}

/* kind NULL: an advertiser's ID */
static void report(const struct kind *kind, unsigned rounds)
{
    static double ours[ROUNDS_MAX], bare[ROUNDS_MAX], quick[ROUNDS_MAX], ratios[ROUNDS_MAX],
        quick_ratios[ROUNDS_MAX];
    fill(kind);
    for (unsigned i = 0; i < rounds; i++) {
        ours[i] = run(kind ? one_pseudonym : one_feed_id, kind);
        bare[i] = run(one_bare, kind);
        quick[i] = run(one_prepared, kind);
        ratios[i] = ours[i] / bare[i];
        quick_ratios[i] = ours[i] / quick[i];
    }
    printf(
        ",\"%s\":{\"ns\":%.0f,\"bare_ns\":%.0f,\"prepared_ns\":%.0f,\"of_bare\":%.2f,\"of_prepared\":%.2f}",
        kind ? kind->name : "advertiser_id", median(ours, rounds), median(bare, rounds),
        median(quick, rounds), median(ratios, rounds), median(quick_ratios, rounds));
}

static void report_boxes(unsigned rounds)
{
    static double sealing[ROUNDS_MAX], opening[ROUNDS_MAX];
    for (unsigned i = 0; i < POOL; i++)
        one_seal(NULL, i);
    for (unsigned i = 0; i < rounds; i++) {
        sealing[i] = run(one_seal, NULL);
        opening[i] = run(one_open, NULL);
    }
    printf(",\"box\":{\"seal_ns\":%.0f,\"open_ns\":%.0f}", median(sealing, rounds), median(opening, rounds));
}

int main(int argc, char **argv)
{
    long wanted = argc > 1 ? strtol(argv[1], NULL, 10) : 20;
    unsigned rounds = wanted < 1 || wanted > ROUNDS_MAX ? 20 : (unsigned)wanted;
    struct error error = {0};
    key = subject_key_of_bytes(key_bytes, &error);
    fields_key = key ? named_fields_key_of_bytes(key_bytes, &config, &error) : NULL;
    if (!fields_key) {
        fprintf(stderr, "ids: %s\n", error.what);
        return 1;
    }
    keyed_hash_init(&prepared, key_bytes);
    printf("{\"what\":\"ids\",\"rounds\":%u", rounds);
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
        report(&kinds[i], rounds);
    report(NULL, rounds);
    report_boxes(rounds);
    puts("}");
    named_fields_key_free(fields_key);
    subject_key_free(key);
    return 0;
}
