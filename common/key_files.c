/*
 * Of a pair the secret half is written first: a crash between the two leaves a half from which the other can be made
 * again, never a public key that nobody can open letters with.
 */
#include "common/key_files.h"

#include "common/named_fields.h"
#include "common/ratchet.h"
#include "common/stage.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

static void tell(key_file_visitor *visit, void *context, const struct secret *secret,
                 enum key_file_state state, const char *path)
{
    struct key_file file = {secret_purpose(secret), state, path, secret_id(secret), NULL};
    visit(context, &file);
}

static bool ends_with(const char *text, size_t size, const char *end)
{
    return size > strlen(end) && memcmp(text + size - strlen(end), end, strlen(end)) == 0;
}

bool key_file_secret_path(const char *public_path, char out_path[KEY_FILE_PATH_SIZE], struct error *error)
{
    size_t size = strlen(public_path);
    size_t stem = ends_with(public_path, size, ".pub")      ? size - 4
                  : ends_with(public_path, size, ".public") ? size - 7
                                                            : size;
    char path[KEY_FILE_PATH_SIZE];
    int written = snprintf(path, sizeof path, "%.*s.secret", (int)stem, public_path);
    if (written < 0 || (size_t)written >= sizeof path)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, NULL, "use a shorter path",
                          "the path of a key file is too long");
    memcpy(out_path, path, (size_t)written + 1);
    return true;
}

/* Anything under that name, a dangling link included. */
static bool exists(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 || errno != ENOENT;
}

/* Write one key and tell. Frees it. */
static bool write_and_tell(struct secret *secret, const char *path, key_file_visitor *visit, void *context,
                           struct error *error)
{
    bool written = secret && secret_write(secret, path, error);
    if (written)
        tell(visit, context, secret, KEY_FILE_MADE, path);
    secret_free(secret);
    return written;
}

static bool refuse_existing(const char *path, struct error *error)
{
    if (!exists(path))
        return true;
    return error_fail(error, EXIT_STATUS_CONFIGURATION, path,
                      "a key that is overwritten is lost for ever: move the file away first",
                      "the file exists already");
}

static bool make_pair(const char *public_path, key_file_visitor *visit, void *context, struct error *error)
{
    char secret_path[KEY_FILE_PATH_SIZE];
    struct secret *public_half = NULL, *secret_half = NULL;

    /* Both are looked at before one is written. */
    if (!key_file_secret_path(public_path, secret_path, error) || !refuse_existing(public_path, error) ||
        !refuse_existing(secret_path, error) || !secret_pair_new(&public_half, &secret_half, error))
        return false;
    if (!write_and_tell(secret_half, secret_path, visit, context, error)) {
        secret_free(public_half);
        return false;
    }
    return write_and_tell(public_half, public_path, visit, context, error);
}

bool key_file_make(enum secret_purpose purpose, const char *path, key_file_visitor *visit, void *context,
                   struct error *error)
{
    ensure(purpose != SECRET_UNKNOWN && purpose != SECRET_DEAD_LETTER_SECRET && purpose != SECRET_PUBLISH);
    if (purpose == SECRET_DEAD_LETTER_PUBLIC)
        return make_pair(path, visit, context, error);
    return write_and_tell(secret_random(purpose, error), path, visit, context, error);
}

/* One key that the configuration names. */
struct named_key {
    enum secret_purpose purpose;
    struct view source;         /* absent: none is named */
    struct ratchet_times times; /* SECRET_PUBLISH */
    int64_t now_ms;             /* when it is made, or looked at */
    bool kept_up;               /* SECRET_PUBLISH: as a process on Kafka takes it, not as a run over files */
};

static struct secret *load(const struct named_key *key, struct error *error)
{
    if (key->purpose != SECRET_PUBLISH)
        return secret_load(key->source.data, key->purpose, error);
    return key->kept_up ? ratchet_check(key->source.data, &key->times, key->now_ms, error)
                        : ratchet_load(key->source.data, &key->times, error);
}

/* Read a key file that is there and tell. */
static bool check_and_tell(const struct named_key *key, key_file_visitor *visit, void *context,
                           struct error *error)
{
    struct secret *secret = load(key, error);
    if (!secret)
        return false;
    tell(visit, context, secret, KEY_FILE_FOUND, key->source.data);
    secret_free(secret);
    return true;
}

/* The secret half is there, the public one is not. */
static bool make_public_half(const char *secret_path, const char *public_path, key_file_visitor *visit,
                             void *context, struct error *error)
{
    struct secret *secret_half = secret_load(secret_path, SECRET_DEAD_LETTER_SECRET, error);
    if (!secret_half)
        return false;
    tell(visit, context, secret_half, KEY_FILE_FOUND, secret_path);
    struct secret *public_half = secret_public_half(secret_half, error);
    secret_free(secret_half);
    return write_and_tell(public_half, public_path, visit, context, error);
}

static bool make_missing(const struct named_key *key, key_file_visitor *visit, void *context,
                         struct error *error)
{
    char secret_path[KEY_FILE_PATH_SIZE];
    const char *path = key->source.data;

    if (view_is_absent(key->source))
        return true;
    if (secret_source_is_scheme(key->source)) {
        struct key_file file = {key->purpose, KEY_FILE_ELSEWHERE, path, "", NULL};
        visit(context, &file);
        return true;
    }
    if (exists(path))
        return check_and_tell(key, visit, context, error);
    if (key->purpose == SECRET_PUBLISH)
        return write_and_tell(ratchet_begin(&key->times, key->now_ms, error), path, visit, context, error);
    if (key->purpose == SECRET_DEAD_LETTER_PUBLIC) {
        if (!key_file_secret_path(path, secret_path, error))
            return false;
        if (exists(secret_path))
            return make_public_half(secret_path, path, visit, context, error);
    }
    return key_file_make(key->purpose, path, visit, context, error);
}

/* A stage's option of that name, or absent. */
static struct view key_option(const struct stage *stage, const void *values, const char *name)
{
    for (const struct option *option = stage->options->options; option->name; option++)
        if (option->type == OPTION_PATH && strcmp(option->name, name) == 0)
            return *(const struct view *)((const char *)values + option->offset);
    return VIEW_ABSENT;
}

/* What is done with one key. */
typedef bool key_action(const struct named_key *key, key_file_visitor *visit, void *context,
                        struct error *error);

static bool with_keys_of(const struct config *config, unsigned index, int64_t now_ms, key_action *act,
                         key_file_visitor *visit, void *context, struct error *error)
{
    const struct stage *stage = config->stages[index];
    const void *options = config->stage_options[index];
    if (!stage->options || !options)
        return true;
    struct named_key key = {.now_ms = now_ms, .source = VIEW_ABSENT};
    if (stage->key_chain) {
        key.purpose = SECRET_PUBLISH;
        key.source = stage->key_chain(config, options, &key.times);
    } else if (stage->subject_key_path) {
        key.purpose = SECRET_PSEUDONYM;
        key.source = stage->subject_key_path(options);
    }
    struct named_key suppression = {.purpose = SECRET_SUPPRESSION,
                                    .source = key_option(stage, options, "suppression_key")};
    return act(&key, visit, context, error) && act(&suppression, visit, context, error);
}

static bool with_each(const struct config *config, int64_t now_ms, key_action *act, key_file_visitor *visit,
                      void *context, struct error *error)
{
    for (unsigned i = 0; config->stages[i]; i++) {
        if (!with_keys_of(config, i, now_ms, act, visit, context, error))
            return false;
    }
    struct named_key fields = {.purpose = SECRET_FIELDS, .source = config->named_fields.key};
    struct named_key letters = {.purpose = SECRET_DEAD_LETTER_PUBLIC,
                                .source = config->dead_letters.public_key};
    return act(&fields, visit, context, error) && act(&letters, visit, context, error);
}

bool key_files_make(const struct config *config, int64_t now_ms, key_file_visitor *visit, void *context,
                    struct error *error)
{
    return with_each(config, now_ms, make_missing, visit, context, error);
}

static bool look(const struct named_key *key, key_file_visitor *visit, void *context, struct error *error)
{
    (void)error;
    if (view_is_absent(key->source))
        return true;
    struct error why = {0};
    struct named_key kept = *key;
    kept.kept_up = true;
    struct key_file file = {key->purpose, KEY_FILE_ELSEWHERE, key->source.data, "", NULL};
    if (!secret_source_is_scheme(key->source)) {
        if (exists(key->source.data) && check_and_tell(&kept, visit, context, &why))
            return true;
        file.state = exists(key->source.data) ? KEY_FILE_WRONG : KEY_FILE_MISSING;
        file.error = &why;
    }
    visit(context, &file);
    return true;
}

void key_files_look(const struct config *config, int64_t now_ms, key_file_visitor *visit, void *context)
{
    (void)with_each(config, now_ms, look, visit, context, NULL);
}

/* ---- of a process that runs ---- */

/* All of the process's own keys, always in the same order. */
static bool with_own(const struct config *config, key_action *act, void *context, struct error *error)
{
    bool fields_asked = false;
    for (unsigned i = config->first_stage; i <= config->last_stage; i++) {
        fields_asked |= config->stages[i]->named_fields && named_fields_programmes(config);
        if (!with_keys_of(config, i, RATCHET_NO_CLOCK, act, NULL, context, error))
            return false;
    }
    struct named_key fields = {.purpose = SECRET_FIELDS,
                               .source = fields_asked ? config->named_fields.key : VIEW_ABSENT};
    struct named_key letters = {.purpose = SECRET_DEAD_LETTER_PUBLIC,
                                .source = config->dead_letters.public_key};
    return act(&fields, NULL, context, error) && act(&letters, NULL, context, error);
}

static struct key_note note_of(const struct secret *secret)
{
    struct key_note note = {.id = ""};
    memcpy(note.id, secret_id(secret), sizeof note.id);
    if (secret_purpose(secret) == SECRET_PUBLISH)
        note.place = *secret_place(secret);
    return note;
}

/* Is it the noted key, or a later link of its chain? What moves a file on within a chain is an advance. */
static bool is_noted_key(const struct key_note *noted, const struct key_note *found)
{
    if (strcmp(noted->id, found->id) == 0)
        return true;
    return found->place.epoch_ms > 0 && strcmp(noted->place.chain, found->place.chain) == 0 &&
           found->place.epoch > noted->place.epoch;
}

static bool refuse_other(const struct named_key *key, const struct key_note *noted,
                         const struct key_note *found, struct error *error)
{
    const char *path = key->source.data;
    if (key->purpose != SECRET_PUBLISH)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, path,
                          "put the file back as it was; a new key needs a new start (docs/keys.md)",
                          "the file holds another key (ID %s) than the one that this process works with (%s)",
                          found->id, noted->id);
    if (strcmp(noted->place.chain, found->place.chain) != 0)
        return error_fail(error, EXIT_STATUS_CONFIGURATION, path,
                          "put the file back as it was; a new chain needs a new start with fresh state "
                          "(docs/keys.md)",
                          "the file holds a key of another chain (%s) than the one that this process works "
                          "with (%s)",
                          found->place.chain, noted->place.chain);
    return error_fail(error, EXIT_STATUS_CONFIGURATION, path,
                      "put a copy of the file in place that another host has (docs/keys.md)",
                      "the file's key of epoch %d stood at epoch %d already, or is another one",
                      (int)found->place.epoch, (int)noted->place.epoch);
}

struct noting {
    struct key_notes *notes;
    unsigned at;
    bool again; /* they are there already */
};

static bool note(const struct named_key *key, key_file_visitor *visit, void *context, struct error *error)
{
    (void)visit;
    struct noting *noting = context;
    if (view_is_absent(key->source) ||
        (secret_source_is_scheme(key->source) && key->source.data[0] == 'f')) /* fd:N serves once */
        return true;
    struct named_key kept = *key;
    kept.kept_up = true;
    struct secret *secret = load(&kept, error);
    if (!secret)
        return false;
    ensure(noting->at < KEY_NOTES_MAX);
    struct key_note *noted = &noting->notes->keys[noting->at++], found = note_of(secret);
    secret_free(secret);
    if (noting->again && !is_noted_key(noted, &found))
        return refuse_other(key, noted, &found, error);
    *noted = found;
    return true;
}

bool key_files_note(const struct config *config, struct key_notes *out_notes, struct error *error)
{
    struct key_notes notes = {.count = 0};
    struct noting noting = {.notes = &notes};
    if (!with_own(config, note, &noting, error))
        return false;
    notes.count = noting.at;
    *out_notes = notes;
    return true;
}

bool key_files_stay(const struct config *config, struct key_notes *notes, struct error *error)
{
    struct noting noting = {.notes = notes, .again = true};
    bool stay = with_own(config, note, &noting, error);
    ensure(!stay || noting.at == notes->count);
    return stay;
}
