#include "common/explain.h"

#include "common/hop.h"
#include "common/named_fields.h"

#include <yyjson.h>

enum { ARENA_BLOCK_BYTES = 1024 * 1024 };

/* ---- what a record has ---- */

/* Does the record have that field of the table of hops? Only those that one could miss: version, kind and timestamp are
 * always there. */
static bool has_field(const struct record *record, const char *field)
{
    const struct subject *subjects = record->subjects;
    const struct signals *signals = &record->signals;
    const struct {
        const char *name;
        bool there;
    } fields[] = {
        {"type", record->type != EVENT_UNKNOWN},
        {"time", true},
        {"subscriber", !view_is_absent(subjects[SUBJECT_LINE].identifier)},
        {"account", !view_is_absent(subjects[SUBJECT_ACCOUNT].identifier)},
        {"device.kind", subjects[SUBJECT_DEVICE].present},
        {"device.id", !view_is_absent(subjects[SUBJECT_DEVICE].identifier)},
        {"brand", !view_is_absent(record->brand)},
        {"region", !view_is_absent(record->region)},
        {"plan", !view_is_absent(record->plan)},
        {"birth_year", record->birth_year != 0},
        {"url", !view_is_absent(record->url)},
        {"host", !view_is_absent(record->host)},
        {"app", !view_is_absent(record->app)},
        {"preinstalled", record->preinstalled},
        {"gpc", signals->gpc != GPC_ABSENT},
        {"gpp", signals->gpp_presence != PRESENCE_ABSENT},
        {"gpp_sid", signals->gpp_sid_presence != PRESENCE_ABSENT},
        {"us_privacy", signals->us_privacy_presence != PRESENCE_ABSENT},
        {"programmes", record->programmes != 0},
        {"pseudonyms.line", subjects[SUBJECT_LINE].has_pseudonym},
        {"pseudonyms.account", subjects[SUBJECT_ACCOUNT].has_pseudonym},
        {"pseudonyms.device", subjects[SUBJECT_DEVICE].has_pseudonym},
        {"app_token", record->app_token != 0},
        {"interests", record->interest_count > 0},
        {"sealed", record->sealed != 0},
        {"rules_digest", record->rules_digest != 0},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (strcmp(fields[i].name, field) == 0)
            return fields[i].there;
    return false;
}

/* Behind consent these go on only where a programme names them. */
static bool is_unnamed(const char *field, unsigned named)
{
    return (strcmp(field, "region") == 0 && !(named & 1u << NAMED_FIELD_REGION)) ||
           (strcmp(field, "birth_year") == 0 && !(named & 1u << NAMED_FIELD_AGE_BAND));
}

static uint64_t fields_of(const struct config *config, const struct record *record, enum hop hop)
{
    uint64_t fields = 0;
    unsigned named = hop == HOP_EVENTS ? ~0u : named_fields_of(config, record->programmes);
    for (unsigned i = 0; hop_fields[i].name; i++) {
        ensure(i < 64);
        if (hop_carries(hop, hop_fields[i].name) && has_field(record, hop_fields[i].name) &&
            !is_unnamed(hop_fields[i].name, named))
            fields |= UINT64_C(1) << i;
    }
    return fields;
}

/* ---- the run ---- */

static struct explain_step *step_of(struct explanation *explanation, const char *stage)
{
    for (unsigned i = 0; i < explanation->step_count; i++)
        if (strcmp(explanation->steps[i].stage, stage) == 0)
            return &explanation->steps[i];
    return NULL;
}

static void note_programmes(struct explain_step *step, const struct stage *stage, const struct record *record,
                            unsigned programmes)
{
    if (!stage->programmes || !record->by_programme)
        return;
    step->by_programme = true;
    for (unsigned i = 0; i < programmes; i++) {
        ensure(record->programme_reasons[i] < stage->reason_count);
        if (record->programme_reasons[i])
            step->programme_reasons[i] = &stage->reasons[record->programme_reasons[i]];
    }
}

static void observe(void *context, const char *stage, enum verdict_kind verdict, const struct reason *reason,
                    const struct record *record)
{
    struct explanation *explanation = context;
    struct explain_step *step = step_of(explanation, stage);
    ensure(step != NULL);
    step->reached = true;
    step->verdict = verdict;
    step->reason = reason;
    unsigned index = (unsigned)(step - explanation->steps);
    const struct config *config = explanation->config;
    if (index > 0 && record)
        note_programmes(step, config->stages[config->first_stage + index - 1], record,
                        config->programmes.count);
    if (verdict != VERDICT_PASS)
        return;
    enum topic_role topic =
        index == 0 ? TOPIC_EVENTS : config->stages[config->first_stage + index - 1]->output;
    step->fields = topic == TOPIC_NONE ? 0 : fields_of(config, record, hop_of_topic(topic));
    step->programmes = record->programmes;
    step->interest_count = record->interest_count;
    for (unsigned i = 0; i < record->interest_count; i++)
        step->interests[i] = record->interests[i].taxonomy_id;
}

static bool discard(void *context, const struct output *output, struct error *error)
{
    (void)context;
    (void)output;
    (void)error;
    return true;
}

static void list_stages(struct explanation *explanation, const struct config *config)
{
    *explanation = (struct explanation){.config = config, .step_count = 1};
    explanation->steps[0].stage = "input";
    for (unsigned i = config->first_stage; i <= config->last_stage; i++) {
        ensure(explanation->step_count < EXPLAIN_STEPS_MAX);
        explanation->steps[explanation->step_count++].stage = config->stages[i]->name;
    }
}

static bool run_input(struct chain *chain, const struct chain_input *input, int64_t now_ms,
                      struct error *error)
{
    int32_t partition = input->partition;
    int32_t partitions = input->partition_count > partition ? input->partition_count : partition + 1;
    if (chain_is_partitioned(chain) &&
        (!chain_assign(chain, partition, partitions, error) || !chain_restored(chain, partition, error)))
        return false;
    chain_clock(chain, now_ms);
    bool decided = chain_process(chain, input, error) != CHAIN_STOP;
    chain_abort(chain);
    if (chain_is_partitioned(chain))
        chain_revoke(chain, partition);
    return decided;
}

bool explain_event(const struct config *config, struct chain_shared *shared, struct view event,
                   int64_t now_ms, struct explanation *out_explanation, struct error *error)
{
    struct chain_input input = {.timestamp_ms = now_ms, .value = event};
    return explain_input(config, shared, &input, now_ms, out_explanation, error);
}

bool explain_input(const struct config *config, struct chain_shared *shared, const struct chain_input *input,
                   int64_t now_ms, struct explanation *out_explanation, struct error *error)
{
    if (config_input_topic(config) != TOPIC_EVENTS)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, config->file,
                          "take a configuration with stage consent",
                          "the chain does not begin at the events");
    struct explanation explanation;
    struct arena arena = {0};
    list_stages(&explanation, config);
    if (!arena_init(&arena, ARENA_BLOCK_BYTES, (size_t)config->runtime.memory_bytes_max, error))
        return false;
    struct chain *chain = chain_new(shared, 0, &arena, (struct sink){.send = discard}, error);
    bool decided = false;
    if (chain) {
        chain_observe(chain, observe, &explanation);
        decided = run_input(chain, input, now_ms, error);
        chain_free(chain);
    }
    arena_release(&arena);
    if (decided)
        *out_explanation = explanation;
    return decided;
}

/* ---- telling ---- */

static const char *outcome_of(const struct explain_step *step)
{
    return step->reached ? verdict_name(step->verdict) : "not_reached";
}

static void put_fields(const char *head, uint64_t fields, FILE *out)
{
    if (!fields)
        return;
    fprintf(out, "    %s", head);
    const char *between = " ";
    for (unsigned i = 0; hop_fields[i].name; i++) {
        if (!(fields >> i & 1))
            continue;
        fprintf(out, "%s%s", between, hop_fields[i].name);
        between = ", ";
    }
    fputs("\n", out);
}

static void put_programmes(const struct explanation *explanation, programme_set programmes, FILE *out)
{
    if (!programmes)
        return;
    fputs("    kept for:", out);
    const char *between = " ";
    for (unsigned i = 0; i < explanation->config->programmes.count; i++) {
        if (!(programmes >> i & 1))
            continue;
        struct view name = config_programme(explanation->config, i)->name;
        fprintf(out, "%s%.*s", between, (int)name.size, name.data);
        between = ", ";
    }
    fputs("\n", out);
}

/* Of one programme alone the stage's own line says it. */
static void put_denied(const struct explanation *explanation, const struct explain_step *step, FILE *out)
{
    unsigned count = explanation->config->programmes.count;
    for (unsigned i = 0; step->by_programme && count > 1 && i < count; i++) {
        struct view name = config_programme(explanation->config, i)->name;
        if (step->programme_reasons[i])
            fprintf(out, "    not for %.*s: %s, %s\n", (int)name.size, name.data,
                    step->programme_reasons[i]->name, step->programme_reasons[i]->help);
    }
}

static void put_interests(const struct explain_step *step, FILE *out)
{
    fputs("    interests:", out);
    for (unsigned i = 0; i < step->interest_count; i++)
        fprintf(out, "%s %u", i ? "," : "", step->interests[i]);
    fputs(" (rows of the taxonomy)\n", out);
}

static void put_passed(const struct explanation *explanation, unsigned index, FILE *out)
{
    const struct explain_step *step = &explanation->steps[index];
    uint64_t before = index ? explanation->steps[index - 1].fields : 0;
    bool first_with_interests = step->interest_count && !explanation->steps[index - 1].interest_count;
    if (index && step->programmes != explanation->steps[index - 1].programmes)
        put_programmes(explanation, step->programmes, out);
    if (first_with_interests)
        put_interests(step, out);
    put_fields(index ? "goes on:" : "read:", step->fields, out);
    bool is_end = index + 1 == explanation->step_count && !step->fields;
    if (!is_end)
        put_fields("ends here:", before & ~step->fields, out);
    else
        fputs("    counts for the person; the advertiser sees an interest once enough people have it, at the "
              "ID's "
              "slot\n",
              out);
}

void explanation_write_text(const struct explanation *explanation, FILE *out)
{
    for (unsigned i = 0; i < explanation->step_count; i++) {
        const struct explain_step *step = &explanation->steps[i];
        if (!step->reached)
            fprintf(out, "%s: not reached\n", step->stage);
        else if (step->reason)
            fprintf(out, "%s: %s, %s\n    %s\n", step->stage,
                    step->verdict == VERDICT_DROP ? "drops" : "rejects (dead letter)", step->reason->name,
                    step->reason->help);
        else
            fprintf(out, "%s: passes\n", step->stage);
        put_denied(explanation, step, out);
        if (step->reached && step->verdict == VERDICT_PASS)
            put_passed(explanation, i, out);
    }
}

static bool add_by_programme(const struct explanation *explanation, const struct explain_step *step,
                             yyjson_mut_doc *json, yyjson_mut_val *entry)
{
    if (!step->by_programme)
        return true;
    yyjson_mut_val *object = yyjson_mut_obj_add_obj(json, entry, "by_programme");
    bool made = object != NULL;
    for (unsigned i = 0; i < explanation->config->programmes.count && made; i++) {
        struct view name = config_programme(explanation->config, i)->name;
        const struct reason *reason = step->programme_reasons[i];
        made = yyjson_mut_obj_put(object, yyjson_mut_strncpy(json, name.data, name.size),
                                  reason ? yyjson_mut_str(json, reason->name) : yyjson_mut_null(json));
    }
    return made;
}

static bool add_lists(const struct explanation *explanation, const struct explain_step *step,
                      yyjson_mut_doc *json, yyjson_mut_val *entry)
{
    yyjson_mut_val *fields = yyjson_mut_obj_add_arr(json, entry, "fields");
    yyjson_mut_val *programmes = yyjson_mut_obj_add_arr(json, entry, "programmes");
    yyjson_mut_val *interests = yyjson_mut_obj_add_arr(json, entry, "interests");
    bool made = fields && programmes && interests;
    for (unsigned i = 0; hop_fields[i].name && made; i++)
        if (step->fields >> i & 1)
            made = yyjson_mut_arr_add_str(json, fields, hop_fields[i].name);
    for (unsigned i = 0; i < explanation->config->programmes.count && made; i++)
        if (step->programmes >> i & 1)
            made = yyjson_mut_arr_add_strncpy(json, programmes,
                                              config_programme(explanation->config, i)->name.data,
                                              config_programme(explanation->config, i)->name.size);
    made = made && add_by_programme(explanation, step, json, entry);
    for (unsigned i = 0; i < step->interest_count && made; i++)
        made = yyjson_mut_arr_add_uint(json, interests, step->interests[i]);
    return made;
}

struct yyjson_mut_val *explanation_json(const struct explanation *explanation, struct yyjson_mut_doc *json)
{
    yyjson_mut_val *root = yyjson_mut_arr(json);
    bool made = root != NULL;
    for (unsigned i = 0; i < explanation->step_count && made; i++) {
        const struct explain_step *step = &explanation->steps[i];
        yyjson_mut_val *entry = yyjson_mut_arr_add_obj(json, root);
        made = entry && yyjson_mut_obj_add_str(json, entry, "stage", step->stage) &&
               yyjson_mut_obj_add_str(json, entry, "verdict", outcome_of(step)) &&
               (step->reason ? yyjson_mut_obj_add_str(json, entry, "reason", step->reason->name)
                             : yyjson_mut_obj_add_null(json, entry, "reason")) &&
               (!step->reason || yyjson_mut_obj_add_str(json, entry, "help", step->reason->help)) &&
               add_lists(explanation, step, json, entry);
    }
    return made ? root : NULL;
}
