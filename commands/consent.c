/*
 * clickveil consent: what an operator does with the consent topic by hand and in bulk. Each subcommand has a file of
 * its own.
 */
#include "commands/consent.h"

#include "commands/command.h"
#include "commands/subcommand.h"
#include "common/json_writer.h"
#include "common/log.h"
#include "common/secret.h"
#include "stages/registry.h"

#include <stdio.h>
#include <unistd.h>

struct config *consent_open(const struct consent_texts *texts, struct error *error)
{
    if (!process_harden(error))
        return NULL;
    struct config *config = argument_config_quiet(texts->config, &texts->set, error);
    if (!config)
        return NULL;
    if (view_is_absent(config_topic(config, TOPIC_CONSENT, 0))) {
        (void)error_fail(error, EXIT_STATUS_CONFIGURATION, "topics.consent", "name it", "no consent topic");
        config_free(config);
        return NULL;
    }
    log_init(LOG_FORMAT_TEXT, LOG_LEVEL_NONE); /* what fails is said once, by us */
    return config;
}

#define SUBJECT_FORM "write the subject as line:ID, account:ID, device:imei:ID or device:maid:ID; "

const char *consent_subject_form(enum identifier_kind line_kind)
{
    switch (line_kind) {
    case IDENTIFIER_E164:
        return SUBJECT_FORM "of a line, ID is its number with the country code, such as line:+12025550100";
    case IDENTIFIER_IMSI:
        return SUBJECT_FORM "of a line, ID is its IMSI of 15 digits, such as line:001010123456789";
    default:
        return SUBJECT_FORM "of a line, ID is its text of 1 to 128 bytes, as events have it";
    }
}

static bool read_standard_input(char text[CONSENT_SUBJECT_TEXT_SIZE], struct error *error)
{
    if (!fgets(text, CONSENT_SUBJECT_TEXT_SIZE, stdin))
        return error_fail(error, EXIT_STATUS_USAGE, NULL, NULL, "standard input has no subject");
    text[strcspn(text, "\r\n")] = '\0';
    return true;
}

bool consent_subject_read(const char *text, const struct config *config, struct consent_key *out_key,
                          struct error *error)
{
    char line[CONSENT_SUBJECT_TEXT_SIZE];
    if (strcmp(text, "-") == 0) {
        if (!read_standard_input(line, error))
            return false;
        text = line;
    }
    enum identifier_kind kind = (enum identifier_kind)config->subscriber.kind;
    consent_key_read(view_of_string(text), kind, out_key);
    if (out_key->kind == CONSENT_KEY_CHOICE)
        return true;
    if (out_key->kind == CONSENT_KEY_WRONG_KIND)
        return error_fail(
            error, EXIT_STATUS_USAGE, NULL, NULL,
            "the subject is an identifier of another kind: lines are %s in this configuration; %s",
            subject_identifier_kind_name(kind), consent_subject_form(kind));
    if (out_key->kind == CONSENT_KEY_LIMITED)
        return error_fail(error, EXIT_STATUS_USAGE, NULL, NULL,
                          "an advertising ID of all zeros names no device");
    return error_fail(error, EXIT_STATUS_USAGE, NULL, NULL, "%s", consent_subject_form(kind));
}

bool consent_takes(const struct config *config, const struct consent_key *key)
{
    for (unsigned i = 0; registry[i]; i++) {
        if (registry[i]->judge)
            return registry[i]->judge->takes(config->stage_options[i], key->subject);
    }
    return false;
}

static void show_progress(void *context, double ratio)
{
    (void)context;
    fprintf(stderr, "\rreading the consent topic: %3.0f %% ", ratio * 100);
}

void (*consent_progress(void))(void *context, double ratio)
{
    return isatty(STDERR_FILENO) ? show_progress : NULL;
}

void consent_progress_end(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

bool consent_knows(const struct config *config, struct view name)
{
    struct choice_names names;
    struct error ignored = {0};
    return choice_names_compile(config, &names, &ignored) && choice_names_bit(&names, name) != 0;
}

int consent_print_json(const struct json_writer *writer)
{
    ensure(!writer->overflow);
    printf("%.*s\n", (int)writer->size, writer->data);
    return fflush(stdout) == 0 ? EXIT_STATUS_DONE : EXIT_STATUS_IO;
}

void consent_print_ins(const struct consent_ins *ins)
{
    if (ins->idle)
        printf("%s WILL NOT COUNT: %s. What would make it count: %s\n",
               ins->idle < ins->wanted ? "not every `in`: some" : "the `in`", ins->why, ins->remedy);
    else if (ins->unknown)
        printf("whether the `in` counts is NOT KNOWN: %s. What would tell: %s\n", ins->why, ins->remedy);
}

void consent_json_ins(struct json_writer *writer, const struct consent_ins *ins)
{
    json_writer_name(writer, "ins");
    json_writer_open_object(writer);
    json_writer_member_integer(writer, "wanted", ins->wanted);
    json_writer_member_integer(writer, "not_counting", ins->idle);
    json_writer_member_integer(writer, "unknown", ins->unknown);
    json_writer_member_string(writer, "why", view_of_string(ins->why ? ins->why : ""));
    json_writer_member_string(writer, "remedy", view_of_string(ins->remedy ? ins->remedy : ""));
    json_writer_close_object(writer);
}

const char *consent_kind_name(const struct consent_key *key)
{
    switch (key->subject) {
    case SUBJECT_LINE:
        return "line";
    case SUBJECT_ACCOUNT:
        return "account";
    case SUBJECT_DEVICE:
        return key->identifier_kind == IDENTIFIER_IMEI ? "device:imei" : "device:maid";
    case SUBJECT_KINDS:
        break;
    }
    return "unknown";
}

/* ---- which one ---- */

static const struct command subcommands[] = {
    {"get", "what is stored for a subject, what it comes to, and why", consent_get},
    {"set", "writes one choice of a subject", consent_set},
    {"import", "writes many, from CSV or JSON lines", consent_import},
    {"export", "the newest state of every subject, as CSV or JSON lines", consent_export},
    {"status", "entries, age, lag, brake and lease", consent_status},
    {"confirm", "releases the brake: what was read is meant", consent_confirm},
    {NULL, NULL, NULL},
};

int command_consent(int argc, char **argv)
{
    return subcommand_run("consent", subcommands, argc, argv);
}
