/*
 * One pass per event: is it anybody's interest, does a programme name it, what is it about (host or app), whose is it.
 * Cheap questions come first; the keyed hashes, which cost most, come last and only once per subject, since consent may
 * have made them already.
 */
#include "stages/pseudonymize/pseudonymize.h"

#include "common/config.h"
#include "common/host.h"
#include "common/subject.h"
#include "stages/pseudonymize/retract.h"
#include "stages/pseudonymize/sealing.h"

struct pseudonymize {
    const struct subject_key *key;
    programme_set naming[EVENT_TYPES]; /* programmes whose `data` names events of that type */
    struct sealing sealing;
};

/* ---- start ---- */

static bool pseudonymize_init(void *state, const struct stage_context *context, struct error *error)
{
    struct pseudonymize *pseudonymize = state;
    const struct config *config = context->config;

    if (!context->subject_key)
        return error_fail(
            error, EXIT_STATUS_CONFIGURATION, NULL,
            "name a key file in pseudonymize.key and make it with `clickveil keygen --config FILE`",
            "stage pseudonymize has no key");
    ensure(config->programmes.count <= RECORD_PROGRAMMES_MAX);
    *pseudonymize = (struct pseudonymize){.key = context->subject_key};
    for (unsigned i = 0; i < config->programmes.count; i++) {
        unsigned types = programme_event_types(config_programme(config, i));
        for (unsigned type = EVENT_UNKNOWN + 1; type < EVENT_TYPES; type++) {
            if (types & 1u << type)
                pseudonymize->naming[type] |= (programme_set)(1u << i);
        }
    }
    return sealing_init(&pseudonymize->sealing, context, error);
}

static void pseudonymize_release(void *state)
{
    sealing_release(&((struct pseudonymize *)state)->sealing);
}

/* ---- what an event is about ---- */

static struct verdict arena_is_full(struct emitter *emitter)
{
    (void)error_fail(emitter->error, EXIT_STATUS_UNAVAILABLE, "pseudonymize", "raise runtime.memory_max",
                     "the memory of a transaction is full");
    if (emitter->error)
        emitter->error->abort_transaction = true; /* a smaller batch may fit */
    return (struct verdict){VERDICT_STOP, 0};
}

/* The host of a page visit, normalised. Where the operator gives both, the host is taken: in web logs the URL is often
 * just a path beside it. */
static struct verdict take_host(const struct record *record, struct emitter *emitter, struct record *outgoing)
{
    bool has_host = !view_is_absent(record->host);
    if (!has_host && view_is_absent(record->url))
        return verdict_reject(PSEUDONYMIZE_HOST_MISSING);
    char *host = arena_take(emitter->arena, HOST_SIZE_MAX);
    if (!host)
        return arena_is_full(emitter);
    size_t size = 0;
    enum host_result result =
        has_host ? host_normalise(record->host, host, &size) : host_from_url(record->url, host, &size);
    arena_shrink(emitter->arena, host, HOST_SIZE_MAX, result == HOST_NAME ? size : 0);
    switch (result) {
    case HOST_NAME:
        outgoing->host = (struct view){host, size};
        return verdict_pass();
    case HOST_IP_LITERAL:
        return verdict_drop(PSEUDONYMIZE_IP_LITERAL);
    case HOST_MALFORMED:
        break;
    }
    return verdict_reject(has_host ? PSEUDONYMIZE_HOST_MALFORMED : PSEUDONYMIZE_URL_MALFORMED);
}

static struct verdict take_app(const struct record *record, struct record *outgoing)
{
    if (view_is_absent(record->app) || record->app.size == 0)
        return verdict_reject(PSEUDONYMIZE_APP_MISSING);
    outgoing->app = record->app;
    return verdict_pass();
}

/* ---- whose it is ---- */

/* Pseudonyms only: no identifier, not even its kind. A subject without one (an advertising ID of zeros) is none. */
static void take_subjects(const struct pseudonymize *pseudonymize, struct record *record,
                          struct record *outgoing)
{
    subject_hash_record(pseudonymize->key, record);
    for (unsigned kind = 0; kind < SUBJECT_KINDS; kind++) {
        const struct subject *subject = &record->subjects[kind];
        if (subject->present && subject->has_pseudonym)
            outgoing->subjects[kind] =
                (struct subject){.present = true, .has_pseudonym = true, .pseudonym = subject->pseudonym};
    }
}

/* The fields that every record keeps; all others are absent (spec 2: an allow-list). */
static struct record outgoing_of(const struct record *record)
{
    return (struct record){
        .kind = record->kind,
        .origin = record->origin,
        .timestamp_ms = record->timestamp_ms,
        .type = record->type,
        .time_ms = record->time_ms,
        .signals = {.gpc = GPC_ABSENT,
                    .gpp_presence = PRESENCE_ABSENT,
                    .gpp_sid_presence = PRESENCE_ABSENT,
                    .us_privacy_presence = PRESENCE_ABSENT},
    };
}

static struct verdict process_event(const struct pseudonymize *pseudonymize, struct record *record,
                                    struct emitter *emitter)
{
    bool browse = record->type == EVENT_BROWSE;

    if (!browse && record->preinstalled) /* spec 2: nobody's interest */
        return verdict_drop(PSEUDONYMIZE_PREINSTALLED);
    struct record outgoing = outgoing_of(record);
    outgoing.programmes = record->programmes & pseudonymize->naming[record->type];
    if (!outgoing.programmes)
        return verdict_drop(PSEUDONYMIZE_DATA_NOT_NAMED);
    struct verdict verdict = browse ? take_host(record, emitter, &outgoing) : take_app(record, &outgoing);
    if (verdict.kind != VERDICT_PASS)
        return verdict;
    take_subjects(pseudonymize, record, &outgoing);
    const struct subject *line = &outgoing.subjects[SUBJECT_LINE];
    if (!line->present)
        return verdict_reject(PSEUDONYMIZE_SUBSCRIBER_MISSING);
    if (!browse)
        outgoing.app_token = subject_app_token(pseudonymize->key, &line->pseudonym, outgoing.app);
    if (!sealing_apply(&pseudonymize->sealing, record, emitter->arena, &outgoing))
        return arena_is_full(emitter);
    *record = outgoing;
    return verdict_pass();
}

static struct verdict pseudonymize_process(void *state, struct record *record, struct emitter *emitter)
{
    const struct pseudonymize *pseudonymize = state;

    if (record->kind == RECORD_EVENT && record->type > EVENT_UNKNOWN && record->type <= EVENT_APP_REMOVE)
        return process_event(pseudonymize, record, emitter);
    (void)error_fail(emitter->error, EXIT_STATUS_BUG, "pseudonymize", NULL,
                     "a record of unknown kind or type reached the stage");
    return (struct verdict){VERDICT_STOP, 0};
}

/* ---- descriptor ---- */

static struct view pseudonymize_key_path(const void *options)
{
    return ((const struct pseudonymize_options *)options)->key;
}

static const struct option options[] = {
    {.name = "key",
     .type = OPTION_PATH,
     .offset = offsetof(struct pseudonymize_options, key),
     .required = true,
     .judge = option_judge_key_source,
     .help =
         "Where the key of pseudonyms comes from: a file made by `clickveil keygen` that only its owner can "
         "read, credential:NAME (systemd) or fd:N (inherited descriptor)."},
    {0},
};

static const struct option_table option_table = {
    .name = "pseudonymize",
    .summary = "Identifiers become keyed pseudonyms, URLs become hosts, everything else ends here.",
    .size = sizeof(struct pseudonymize_options),
    .options = options,
};

static const struct reason reasons[PSEUDONYMIZE_REASONS] = {
    [PSEUDONYMIZE_PREINSTALLED] = {"preinstalled",
                                   "the app came with the handset, so it is nobody's interest"},
    [PSEUDONYMIZE_DATA_NOT_NAMED] = {"data_not_named",
                                     "no programme that the event is left for names its type in `data`"},
    [PSEUDONYMIZE_IP_LITERAL] = {"ip_literal", "the page visit names an IP address instead of a host"},
    [PSEUDONYMIZE_URL_MALFORMED] = {"url_malformed", "`url` is no http or https URL with a valid host name"},
    [PSEUDONYMIZE_HOST_MALFORMED] = {"host_malformed", "`host` is no valid host name"},
    [PSEUDONYMIZE_HOST_MISSING] = {"host_missing", "a page visit has neither `url` nor `host`"},
    [PSEUDONYMIZE_APP_MISSING] = {"app_missing", "an app event has no `app`"},
    [PSEUDONYMIZE_SUBSCRIBER_MISSING] = {"subscriber_missing",
                                         "the record names no subject to stand a pseudonym for"},
};

const struct stage stage_pseudonymize = {
    .name = "pseudonymize",
    .summary = "turns identifiers into keyed pseudonyms and drops everything that later stages need not know",
    .options = &option_table,
    .reasons = reasons,
    .reason_count = PSEUDONYMIZE_REASONS,
    .output = TOPIC_PSEUDONYMIZE_OUT,
    .writes = TOPIC_RETRACTIONS,
    .subject_key_path = pseudonymize_key_path,
    .named_fields = true,
    .state_size = sizeof(struct pseudonymize),
    .init = pseudonymize_init,
    .release = pseudonymize_release,
    .process = pseudonymize_process,
    .side = &pseudonymize_retract,
};
