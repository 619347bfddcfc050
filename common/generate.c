/*
 * Design.
 *
 * What a line, an account or an event is like is drawn from a hash of (seed, what, index), never from a stream, so
 * nothing is remembered and nothing depends on what was made before. Integers only, where a result goes into the
 * output: the same seed gives the same bytes everywhere.
 *
 * Lines come in blocks of four that are cut into accounts (4, 2+2, 3+1, 2+1+1 or 1+1+1+1 lines), so that an account's
 * lines are found without a table. Zipf's law is a table of 65,536 ranks: a 16-bit number picks a name in one step.
 *
 * Identifiers are permutations of the index (times a number that has no factor in common with the range), so that two
 * lines never share one and neighbours do not look alike.
 */
#include "common/generate.h"

#include "common/rfc3339.h"
#include "common/text.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    ZIPF_SIZE = 1 << 16,
    BLOCK_LINES = 4,
    FAVOURITE_HOSTS = 6,
    FAVOURITE_APPS = 4,
};

static const int64_t day_ms = 86400000;
static const uint64_t number_range = 10000000000; /* ten digits */
static const uint64_t number_factor = 7392648173; /* odd and no multiple of 5: a permutation of ten digits */
static const uint64_t serial_factor = 3718281829; /* likewise */

/* What a hash is drawn for. */
enum draw {
    DRAW_LINE = 1,
    DRAW_ACCOUNT,
    DRAW_BLOCK,
    DRAW_EVENT,
    DRAW_TASTE,
    DRAW_CHOICE,
    DRAW_ACCOUNT_CHOICE,
    DRAW_MAID,
    DRAW_RANK,
    DRAW_RULE,
};

struct zipf {
    const struct generate_name_list *names;
    uint32_t *pick; /* ZIPF_SIZE indices into names, the frequent ones often */
};

struct generator {
    struct generate_options options;
    struct zipf hosts[GENERATE_NAME_GROUPS], apps[GENERATE_NAME_GROUPS];
    uint64_t out_line, out_account, in_line, bad; /* thresholds of 32-bit draws */
    uint64_t consent_line;                        /* next line whose choices come */
    unsigned consent_step;
    char brands[GENERATE_BRANDS_MAX][GENERATE_BRAND_SIZE_MAX];
    char programme[GENERATE_BRAND_SIZE_MAX];
    char key[64];
    char value[GENERATE_VALUE_SIZE_MAX];
};

/* ---- draws ---- */

/* The finaliser of SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t draw(uint64_t seed, enum draw what, uint64_t index)
{
    return mix(mix(seed + UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)what) ^
               mix(index + UINT64_C(0x632be59bd9b4e019)));
}

/* The next number of a small stream that a draw starts. */
static uint64_t next(uint64_t *stream)
{
    *stream += UINT64_C(0x9e3779b97f4a7c15);
    return mix(*stream);
}

static uint64_t below(uint64_t random, uint64_t bound)
{
    return ((random >> 32) * bound) >> 32;
}

/* True in `share` of 2^32 cases, by the lower half of a draw. */
static bool happens(uint64_t random, uint64_t threshold)
{
    return (random & UINT32_MAX) < threshold;
}

static uint64_t threshold_of(double share)
{
    return (uint64_t)(share * 4294967296.0);
}

static bool percent(uint64_t *stream, unsigned share)
{
    return below(next(stream), 100) < share;
}

static void put_moment(struct text *text, int64_t time_ms)
{
    char moment[RFC3339_TEXT_SIZE];
    rfc3339_write(time_ms, moment);
    text_put_bytes(text, moment, sizeof moment);
}

/* ---- subscribers ---- */

/* Which line of a block each line's account begins with, by how the block is cut. */
static const uint8_t cuts[8][BLOCK_LINES] = {
    {0, 0, 0, 0}, {0, 0, 2, 2}, {0, 0, 0, 3}, {0, 0, 2, 3},
    {0, 1, 2, 3}, {0, 1, 2, 3}, {0, 1, 2, 2}, {0, 0, 2, 2},
};

static uint64_t account_of(const struct generator *generator, uint64_t line)
{
    uint64_t block = line / BLOCK_LINES;
    unsigned cut = (unsigned)(draw(generator->options.seed, DRAW_BLOCK, block) & 7);
    return block * BLOCK_LINES + cuts[cut][line % BLOCK_LINES];
}

static void put_line(const struct generator *generator, struct text *text, uint64_t line)
{
    uint64_t number = (line * number_factor + generator->options.seed % number_range) % number_range;
    switch (generator->options.subscriber_kind) {
    case IDENTIFIER_IMSI: /* MCC 999: private networks (ITU-T E.212, annex B) */
        text_put(text, "99999");
        text_put_number(text, number, 10);
        return;
    case IDENTIFIER_OPAQUE:
        text_put(text, "line-");
        text_put_number(text, number, 10);
        return;
    default: /* country code 999: assigned to nobody (ITU-T E.164, list of country codes) */
        text_put(text, "+999");
        text_put_number(text, number, 10);
    }
}

static void put_account(const struct generator *generator, struct text *text, uint64_t account)
{
    text_put(text, "acct-");
    text_put_number(text, (account * serial_factor + generator->options.seed % number_range) % number_range,
                    10);
}

/* 14 digits beginning with 00, the reporting body of test devices (GSMA TS.06), and the check digit (3GPP TS 23.003,
 * annex B). */
static void put_imei(struct text *text, uint64_t line)
{
    uint64_t serial = line * serial_factor % 1000000000000;
    unsigned sum = 0;
    uint64_t rest = serial;
    for (unsigned i = 0; i < 12; i++, rest /= 10) {
        unsigned digit = (unsigned)(rest % 10);
        if (i % 2 == 0)
            digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
        sum += digit;
    }
    text_put(text, "00");
    text_put_number(text, serial, 12);
    text_put_number(text, (10 - sum % 10) % 10, 1);
}

static void put_maid(const struct generator *generator, struct text *text, uint64_t line)
{
    uint64_t high = draw(generator->options.seed, DRAW_MAID, line), low = mix(high);
    text_put_hex(text, high >> 32, 8);
    text_put(text, "-");
    text_put_hex(text, high >> 16, 4);
    text_put(text, "-4");
    text_put_hex(text, high, 3);
    text_put(text, "-a");
    text_put_hex(text, low >> 48, 3);
    text_put(text, "-");
    text_put_hex(text, low, 12);
}

static const char *const regions[] = {
    "US-CA", "US-CA", "US-CA", "US-TX", "US-TX", "US-FL", "US-FL", "US-NY", "US-NY", "US-PA",
    "US-IL", "US-OH", "US-GA", "US-NC", "US-MI", "US-NJ", "US-VA", "US-WA", "US-AZ", "US-MA",
    "US-TN", "US-CO", "US-MD", "US-OR", "US-UT", "US-CT", "US-DE", "US-MT", "US-ME", "US-PR",
};

enum { REGIONS = sizeof regions / sizeof regions[0] };

/* What is always the same about a line. */
struct line_traits {
    uint64_t account;
    unsigned brand;
    const char *region; /* NULL: not known */
    const char *plan;
    int birth_year; /* 0: not known */
    bool maid;      /* else an IMEI */
    bool limited;   /* advertising ID of zeros */
    bool gpc;       /* its browser sends GPC */
    bool objects;   /* its browser sends 1YYN */
    uint64_t taste;
};

static struct line_traits traits_of(const struct generator *generator, uint64_t line)
{
    uint64_t seed = generator->options.seed;
    struct line_traits traits = {.account = account_of(generator, line)};
    uint64_t account_stream = draw(seed, DRAW_ACCOUNT, traits.account);
    uint64_t line_stream = draw(seed, DRAW_LINE, line);

    unsigned brands = generator->options.brand_count;
    if (brands > 1 && percent(&account_stream, 50))
        traits.brand = 1 + (unsigned)below(next(&account_stream), brands - 1);
    traits.region = percent(&account_stream, 2) ? NULL : regions[below(next(&account_stream), REGIONS)];
    bool business = percent(&account_stream, 6);
    bool prepaid = percent(&account_stream, 20);

    traits.plan = business ? "business" : prepaid ? "prepaid" : "postpaid";
    traits.birth_year = percent(&line_stream, 8) ? 0 : 1945 + (int)below(next(&line_stream), 58);
    if (!business && line != traits.account &&
        percent(&line_stream, 15)) { /* never the first line of a bill */
        traits.plan = "child";
        traits.birth_year = 2010 + (int)below(next(&line_stream), 8);
    }
    traits.maid = percent(&line_stream, 80);
    traits.limited = traits.maid && percent(&line_stream, 5);
    traits.gpc = percent(&line_stream, 4);
    traits.objects = percent(&line_stream, 2);
    traits.taste = next(&line_stream);
    return traits;
}

/* ---- what they do ---- */

static struct view pick(const struct zipf *zipf, uint64_t random)
{
    return zipf->names->items[zipf->pick[random >> 48]];
}

/* Of ten visits seven go to one of a person's favourites. Some of all lead to hosts that say nothing, that are
 * sensitive, or that no list knows. Absent: unknown. */
static struct view pick_name(const struct zipf zipfs[GENERATE_NAME_GROUPS], uint64_t taste,
                             unsigned favourites, uint64_t *stream)
{
    if (percent(stream, 70)) {
        uint64_t favourite = taste + below(next(stream), favourites);
        return pick(&zipfs[GENERATE_NAME_INTEREST], draw(favourite, DRAW_TASTE, favourites));
    }
    unsigned which = (unsigned)below(next(stream), 100);
    enum generate_name_group group = which < 45   ? GENERATE_NAME_INTEREST
                                     : which < 80 ? GENERATE_NAME_NONE
                                                  : GENERATE_NAME_DENY;
    if (which >= 85 || zipfs[group].names->count == 0)
        return VIEW_ABSENT;
    return pick(&zipfs[group], next(stream));
}

static void put_unknown_host(struct text *text, uint64_t random)
{
    text_put(text, "site-");
    text_put_number(text, below(random, 100000), 0);
    text_put(text, ".example");
}

static void put_host(struct text *text, struct view host, uint64_t random)
{
    static const char *const below_it[] = {"www.", "www.", "m.", "", "", "news.", "cdn1.img.", "www."};
    text_put_string(text, below_it[random & 7]);
    if (view_is_absent(host))
        put_unknown_host(text, random);
    else
        text_put_view(text, host);
}

static void put_app(struct text *text, struct view app, uint64_t random)
{
    if (view_is_absent(app)) {
        text_put(text, "example.app");
        text_put_number(text, below(random, 10000), 0);
        return;
    }
    if (app.size > 2 &&
        memcmp(app.data + app.size - 2, ".*", 2) == 0) { /* a maker's prefix: one of its apps */
        text_put_bytes(text, app.data, app.size - 1);
        text_put(text, "app");
        text_put_number(text, below(random, 12), 0);
        return;
    }
    text_put_view(text, app);
}

static void put_path(struct text *text, uint64_t *stream)
{
    static const char *const words[] = {"article", "category", "watch", "shop",   "item",  "profile",
                                        "topics",  "search",   "news",  "player", "lists", "review",
                                        "photos",  "offers",   "live",  "a"};
    unsigned depth = 1 + (unsigned)(next(stream) >> 62);
    for (unsigned i = 0; i < depth; i++) {
        uint64_t random = next(stream);
        text_put(text, "/");
        text_put_string(text, words[random >> 60]);
        text_put(text, "-");
        text_put_hex(text, random, 6);
    }
    uint64_t random = next(stream);
    text_put(text, "?session=");
    text_put_hex(text, random, 12);
    if (random >> 63) {
        text_put(text, "&q=");
        text_put_hex(text, random >> 16, 8);
    }
}

static void put_browse(const struct generator *generator, struct text *text, const struct line_traits *traits,
                       uint64_t *stream)
{
    struct view host = pick_name(generator->hosts, traits->taste, FAVOURITE_HOSTS, stream);
    uint64_t random = next(stream);
    if (percent(stream, 15)) {
        text_put(text, ",\"host\":\"");
        put_host(text, host, random);
        text_put(text, "\"");
    } else {
        text_put(text, ",\"url\":\"https://");
        put_host(text, host, random);
        put_path(text, stream);
        text_put(text, "\"");
    }
    if (traits->gpc)
        text_put(text, ",\"gpc\":true");
    else if (percent(stream, 20))
        text_put(text, ",\"gpc\":false");
    if (traits->objects)
        text_put(text, ",\"us_privacy\":\"1YYN\"");
    else if (percent(stream, 10))
        text_put_string(text, random & 8 ? ",\"us_privacy\":\"1YNN\"" : ",\"us_privacy\":\"1---\"");
}

static void put_app_event(const struct generator *generator, struct text *text,
                          const struct line_traits *traits, uint64_t *stream)
{
    struct view app = pick_name(generator->apps, traits->taste + 1000, FAVOURITE_APPS, stream);
    text_put(text, ",\"app\":\"");
    put_app(text, app, next(stream));
    text_put(text, "\"");
    if (percent(stream, 10))
        text_put(text, ",\"preinstalled\":true");
    else if (percent(stream, 30))
        text_put(text, ",\"preinstalled\":false");
}

/* What else stands in a clickstream, and goes nowhere: clickveil reads none of it. */
static void put_ballast(struct text *text, uint64_t *stream)
{
    static const char *const agents[] = {
        "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 "
        "Mobile "
        "Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
        "Version/17.4 Mobile/15E148",
        "Mozilla/5.0 (Linux; Android 13; SM-A536U) AppleWebKit/537.36 (KHTML, like Gecko) "
        "SamsungBrowser/24.0 Mobile Safari/537.36",
        "okhttp/4.12.0",
    };
    static const char *const networks[] = {"192.0.2.", "198.51.100.", "203.0.113."};
    uint64_t random = next(stream);
    text_put(text, ",\"user_agent\":\"");
    text_put_string(text, agents[random >> 62]);
    if (random & 3) { /* RFC 5737 */
        text_put(text, "\",\"ip\":\"");
        text_put_string(text, networks[below(random, 3)]);
        text_put_number(text, random >> 8 & 255, 0);
    } else { /* RFC 3849 */
        text_put(text, "\",\"ip\":\"2001:db8:");
        text_put_hex(text, random >> 8, 4);
        text_put(text, "::");
        text_put_hex(text, random >> 24, 4);
    }
    text_put(text, "\",\"bytes_down\":");
    text_put_number(text, random >> 40 & 0xfffff, 0);
    text_put(text, ",\"duration_ms\":");
    text_put_number(text, random >> 30 & 0x7fff, 0);
    if (random & 4) {
        text_put(text, ",\"referrer\":\"https://site-");
        text_put_number(text, random >> 50, 0);
        text_put(text, ".example/from/");
        text_put_hex(text, random, 10);
        text_put(text, "\"");
    }
    text_put(text, ",\"radio\":\"");
    text_put_string(text, random & 16 ? "5g" : "lte");
    text_put(text, "\",\"roaming\":false}");
}

/* ---- events ---- */

static void put_type(struct text *text, enum event_type type)
{
    static const char *const names[] = {
        [EVENT_UNKNOWN] = "sms",           [EVENT_BROWSE] = "browse",
        [EVENT_APP_USE] = "app_use",       [EVENT_APP_INSTALL] = "app_install",
        [EVENT_APP_REMOVE] = "app_remove",
    };
    text_put(text, "{\"type\":\"");
    text_put_string(text, names[type]);
    text_put(text, "\"");
}

static enum event_type draw_type(uint64_t *stream)
{
    unsigned which = (unsigned)below(next(stream), 100);
    return which < 70   ? EVENT_BROWSE
           : which < 92 ? EVENT_APP_USE
           : which < 97 ? EVENT_APP_INSTALL
                        : EVENT_APP_REMOVE;
}

/* A record arrives up to two minutes after what it tells of, one in 500 up to a day. */
static int64_t draw_time(int64_t timestamp_ms, enum generate_bad bad, uint64_t *stream)
{
    uint64_t random = next(stream);
    if (bad == GENERATE_BAD_FUTURE)
        return timestamp_ms + 2 * day_ms;
    if (bad == GENERATE_BAD_LATE)
        return timestamp_ms - 10 * day_ms;
    uint64_t behind_ms_max = below(random << 32, 500) == 0 ? (uint64_t)day_ms : 120000;
    return timestamp_ms - (int64_t)below(random, behind_ms_max);
}

static void put_time(struct text *text, int64_t time_ms, uint64_t random)
{
    if (random >> 61) { /* seven in eight */
        text_put(text, ",\"time\":");
        text_put_number(text, (uint64_t)time_ms, 0);
        return;
    }
    text_put(text, ",\"time\":\"");
    put_moment(text, time_ms);
    text_put(text, "\"");
}

static void put_subjects(const struct generator *generator, struct text *text, uint64_t line,
                         const struct line_traits *traits, enum generate_bad bad)
{
    text_put(text, ",\"subscriber\":\"");
    if (bad == GENERATE_BAD_SUBSCRIBER) /* a letter in a number; as an opaque one, empty */
        text_put_string(text, generator->options.subscriber_kind == IDENTIFIER_OPAQUE ? "" : "99x9");
    else
        put_line(generator, text, line);
    text_put(text, "\",\"account\":\"");
    put_account(generator, text, traits->account);
    if (traits->maid) {
        text_put(text, "\",\"device\":{\"kind\":\"maid\",\"id\":\"");
        if (traits->limited)
            text_put(text, "00000000-0000-0000-0000-000000000000");
        else
            put_maid(generator, text, line);
    } else {
        text_put(text, "\",\"device\":{\"kind\":\"imei\",\"id\":\"");
        put_imei(text, line);
    }
    text_put(text, "\"}");
}

static void put_profile(const struct generator *generator, struct text *text,
                        const struct line_traits *traits, enum generate_bad bad)
{
    if (bad == GENERATE_BAD_FIELD_TYPE) {
        text_put(text, ",\"brand\":7");
    } else if (bad != GENERATE_BAD_MISSING_FIELD) {
        text_put(text, ",\"brand\":\"");
        text_put_string(text, generator->brands[traits->brand]);
        text_put(text, "\"");
    }
    if (traits->region) {
        text_put(text, ",\"region\":\"");
        text_put_string(text, traits->region);
        text_put(text, "\"");
    }
    text_put(text, ",\"plan\":\"");
    text_put_string(text, traits->plan);
    text_put(text, "\"");
    if (traits->birth_year) {
        text_put(text, ",\"birth_year\":");
        text_put_number(text, (uint64_t)traits->birth_year, 4);
    }
    if (bad == GENERATE_BAD_DUPLICATE_KEY)
        text_put(text, ",\"plan\":\"postpaid\"");
    if (bad == GENERATE_BAD_INVALID_UTF8)
        text_put(text, ",\"note\":\"\xc0\xaf\"");
}

/* Time of event `index`: evenly spread, in whole milliseconds. */
static int64_t timestamp_of(const struct generate_options *options, uint64_t index)
{
    unsigned __int128 part = (unsigned __int128)index * (uint64_t)options->duration_ms;
    return options->start_ms + (int64_t)(part / (options->events ? options->events : 1));
}

void generator_event(struct generator *generator, uint64_t index, struct generated *out_event)
{
    const struct generate_options *options = &generator->options;
    uint64_t stream = draw(options->seed, DRAW_EVENT, index);
    uint64_t random = next(&stream);
    enum generate_bad bad = GENERATE_GOOD;
    if (happens(random, generator->bad))
        bad = (enum generate_bad)(1 + below(next(&stream), GENERATE_BAD_KINDS - 1));

    /* The product of two even draws: some people do much more than others. */
    uint64_t line = (options->subscribers * (((next(&stream) >> 32) * (random >> 32)) >> 32)) >> 32;
    struct line_traits traits = traits_of(generator, line);
    int64_t timestamp_ms = timestamp_of(options, index);

    struct text key = {generator->key, generator->key + sizeof generator->key};
    put_line(generator, &key, line);

    struct text text = {generator->value, generator->value + sizeof generator->value};
    enum event_type type = draw_type(&stream);
    if (bad == GENERATE_BAD_NOT_JSON)
        text_put(&text, "type=browse;");
    put_type(&text, bad == GENERATE_BAD_UNKNOWN_TYPE ? EVENT_UNKNOWN : type);
    put_time(&text, draw_time(timestamp_ms, bad, &stream), next(&stream));
    put_subjects(generator, &text, line, &traits, bad);
    put_profile(generator, &text, &traits, bad);
    if (type == EVENT_BROWSE)
        put_browse(generator, &text, &traits, &stream);
    else
        put_app_event(generator, &text, &traits, &stream);
    put_ballast(&text, &stream);
    if (bad == GENERATE_BAD_TRUNCATED)
        text.at -= 1 + (text.at - generator->value) / 3;

    *out_event = (struct generated){
        .key = {generator->key, (size_t)(key.at - generator->key)},
        .value = {generator->value, (size_t)(text.at - generator->value)},
        .timestamp_ms = timestamp_ms,
        .bad = bad,
    };
}

/* ---- choices ---- */

enum consent_step {
    STEP_ACCOUNT = 0,
    STEP_EARLIER_IN, /* one in four who said no had said yes before */
    STEP_LINE,
    STEPS,
};

static void write_choice(struct generator *generator, struct text key, const char *choice, uint64_t sequence,
                         uint64_t random, struct generated *out_consent)
{
    /* Between two years and a day before the first event, the later the higher the sequence. */
    int64_t day = (int64_t)below(random, 350) + (sequence > 1 ? 1 : 360);
    int64_t effective_ms =
        generator->options.start_ms - day * day_ms + (int64_t)below(random << 16, 43200000);
    if (effective_ms < 0)
        effective_ms = 0;
    struct text text = {generator->value, generator->value + sizeof generator->value};
    text_put(&text, "{\"choices\":{\"");
    text_put_string(&text, generator->programme);
    text_put(&text, "\":\"");
    text_put_string(&text, choice);
    text_put(&text, "\"},\"effective\":\"");
    put_moment(&text, effective_ms);
    text_put(&text, "\",\"seq\":");
    text_put_number(&text, sequence, 0);
    text_put(&text, "}");
    *out_consent = (struct generated){
        .key = {generator->key, (size_t)(key.at - generator->key)},
        .value = {generator->value, (size_t)(text.at - generator->value)},
        .timestamp_ms = effective_ms,
    };
}

static bool account_step(struct generator *generator, uint64_t line, struct text key, struct generated *out)
{
    uint64_t choice = draw(generator->options.seed, DRAW_ACCOUNT_CHOICE, line);
    if (account_of(generator, line) != line || !happens(choice, generator->out_account))
        return false;
    text_put(&key, "account:");
    put_account(generator, &key, line);
    write_choice(generator, key, "out", 2, next(&choice), out);
    return true;
}

static bool line_step(struct generator *generator, uint64_t line, enum consent_step step, struct text key,
                      struct generated *out)
{
    uint64_t choice = draw(generator->options.seed, DRAW_CHOICE, line);
    bool is_out = happens(choice, generator->out_line);
    bool was_in = is_out && (choice >> 62) == 0;
    bool is_in = !is_out && happens(next(&choice), generator->in_line);
    if (step == STEP_EARLIER_IN ? !was_in : !is_out && !is_in)
        return false;
    text_put(&key, "line:");
    put_line(generator, &key, line);
    if (step == STEP_EARLIER_IN)
        write_choice(generator, key, "in", 1, next(&choice), out);
    else
        write_choice(generator, key, is_out ? "out" : "in", 2, next(&choice) + 1, out);
    return true;
}

bool generator_next_consent(struct generator *generator, struct generated *out_consent)
{
    struct text key = {generator->key, generator->key + sizeof generator->key};
    while (generator->consent_line < generator->options.subscribers) {
        uint64_t line = generator->consent_line;
        enum consent_step step = generator->consent_step++;
        if (generator->consent_step == STEPS) {
            generator->consent_step = 0;
            generator->consent_line++;
        }
        bool made = step == STEP_ACCOUNT ? account_step(generator, line, key, out_consent)
                                         : line_step(generator, line, step, key, out_consent);
        if (made)
            return true;
    }
    return false;
}

/* ---- rules ---- */

bool generate_rules(uint64_t seed, uint64_t rules, FILE *out, struct error *error)
{
    /* Tier-2 rows of the IAB Audience Taxonomy 1.1 below Interest, as config/rules/hosts.tsv uses them. */
    static const unsigned interests[] = {687, 719, 607, 676, 368, 733, 457, 481, 422, 706, 243, 268,
                                         534, 344, 467, 606, 359, 258, 583, 581, 338, 541, 348, 207};
    fputs("# source: clickveil generate, nobody's hosts\n# date: 1970-01-01\n# licence: CC0-1.0\n", out);
    for (uint64_t i = 0; i < rules; i++) {
        uint64_t random = draw(seed, DRAW_RULE, i);
        unsigned which = (unsigned)below(random, 100);
        if (which < 10)
            fprintf(out, "site-%" PRIu64 ".example\t%s\n", i, which < 3 ? "deny" : "none");
        else
            fprintf(out, "site-%" PRIu64 ".example\t%u\n", i,
                    interests[(random & 0xffff) % (sizeof interests / sizeof interests[0])]);
    }
    if (fflush(out) != 0 || ferror(out))
        return error_fail(error, EXIT_STATUS_IO, "the rules", NULL, "could not be written");
    return true;
}

/* ---- life cycle ---- */

struct generate_options generate_defaults(void)
{
    return (struct generate_options){
        .seed = 1,
        .opt_out_share = 0.2,
        .opt_in_share = 0.1,
        .bad_share = 0.001,
        .duration_ms = day_ms,
        .subscriber_kind = IDENTIFIER_E164,
        .programme = VIEW("*"),
    };
}

/* Rank i gets a part of the table in proportion to 1/i (Zipf's law), at least one place as long as there is room. Which
 * name has which rank is drawn. */
static bool zipf_init(struct zipf *zipf, const struct generate_name_list *names, uint64_t seed)
{
    zipf->names = names;
    if (names->count == 0)
        return true;
    uint32_t *order = malloc(names->count * sizeof *order);
    zipf->pick = malloc(ZIPF_SIZE * sizeof *zipf->pick);
    if (!order || !zipf->pick) {
        free(order);
        return false;
    }
    double sum = 0;
    for (uint32_t i = 0; i < names->count; i++) {
        uint32_t other = (uint32_t)below(draw(seed, DRAW_RANK, i), i + 1);
        order[i] = order[other];
        order[other] = i;
        sum += 1.0 / (i + 1);
    }
    double reached = 0;
    unsigned rank = 0;
    for (unsigned i = 0; i < ZIPF_SIZE; i++) {
        zipf->pick[i] = order[rank];
        if (i + 1 >= (reached + 1.0 / (rank + 1)) / sum * ZIPF_SIZE && rank + 1 < names->count)
            reached += 1.0 / ++rank;
    }
    free(order);
    return true;
}

static bool plain_name(struct view name)
{
    for (size_t i = 0; i < name.size; i++) {
        unsigned char byte = (unsigned char)name.data[i];
        if (byte < 0x20 || byte == '"' || byte == '\\' || byte >= 0x7f)
            return false;
    }
    return name.size > 0 && name.size < GENERATE_BRAND_SIZE_MAX;
}

static bool bad_option(struct error *error, const char *what)
{
    return error_fail(error, EXIT_STATUS_USAGE, NULL, NULL, "%s", what);
}

static bool check_options(const struct generate_options *options, struct error *error)
{
    if (options->subscribers < 1 || options->subscribers > GENERATE_SUBSCRIBERS_MAX)
        return bad_option(error, "subscribers: 1 to 1,073,741,824");
    const double shares[] = {options->opt_out_share, options->opt_in_share, options->bad_share};
    for (unsigned i = 0; i < 3; i++)
        if (!(shares[i] >= 0 && shares[i] <= 1))
            return bad_option(error, "a share is 0 to 1");
    if (options->start_ms < 20 * day_ms || options->start_ms > INT64_C(253402300800000) - 20 * day_ms ||
        options->duration_ms < 1 || options->duration_ms > 3660 * day_ms)
        return bad_option(error, "start is 1970-01-21 to the year 9999, the duration up to ten years");
    if (options->subscriber_kind != IDENTIFIER_E164 && options->subscriber_kind != IDENTIFIER_IMSI &&
        options->subscriber_kind != IDENTIFIER_OPAQUE)
        return bad_option(error, "the kind of subscriber is e164, imsi or opaque");
    if (options->brand_count < 1 || options->brand_count > GENERATE_BRANDS_MAX)
        return bad_option(error, "1 to 16 brands");
    bool plain = plain_name(options->programme);
    for (unsigned i = 0; i < options->brand_count; i++)
        plain = plain && plain_name(options->brands[i]);
    if (!plain)
        return bad_option(error, "a brand or programme is 1 to 31 printable ASCII characters");
    if (!options->hosts || !options->apps)
        return bad_option(error, "lists of hosts and apps are needed");
    return true;
}

/* A share p of lines is out: three quarters of it by their own choice, the rest by their account's. */
static void set_thresholds(struct generator *generator)
{
    double share = generator->options.opt_out_share, own = share == 1 ? 1 : 0.75 * share;
    generator->out_line = threshold_of(own);
    generator->out_account = own < 1 ? threshold_of((share - own) / (1 - own)) : 0;
    generator->in_line = threshold_of(generator->options.opt_in_share);
    generator->bad = threshold_of(generator->options.bad_share);
}

static bool init_zipfs(struct zipf zipfs[GENERATE_NAME_GROUPS], const struct generate_names *names,
                       uint64_t seed)
{
    for (unsigned i = 0; i < GENERATE_NAME_GROUPS; i++)
        if (!zipf_init(&zipfs[i], &names->lists[i], seed + i))
            return false;
    return true;
}

struct generator *generator_new(const struct generate_options *options, struct error *error)
{
    if (!check_options(options, error))
        return NULL;
    struct generator *generator = calloc(1, sizeof *generator);
    if (generator) {
        generator->options = *options;
        set_thresholds(generator);
        for (unsigned i = 0; i < options->brand_count; i++)
            memcpy(generator->brands[i], options->brands[i].data, options->brands[i].size);
        memcpy(generator->programme, options->programme.data, options->programme.size);
    }
    if (!generator || !init_zipfs(generator->hosts, options->hosts, options->seed) ||
        !init_zipfs(generator->apps, options->apps, options->seed + 10)) {
        generator_free(generator);
        (void)error_fail(error, EXIT_STATUS_UNAVAILABLE, NULL, "free memory", "no memory for sample events");
        return NULL;
    }
    return generator;
}

void generator_free(struct generator *generator)
{
    if (!generator)
        return;
    for (unsigned i = 0; i < GENERATE_NAME_GROUPS; i++) {
        free(generator->hosts[i].pick);
        free(generator->apps[i].pick);
    }
    free(generator);
}
