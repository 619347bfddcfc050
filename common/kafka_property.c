#include "common/kafka_property.h"

#include "common/lint.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The library's property that looks like the unknown one. Its own table is the only list of all of them. */
static void suggest_property(const char *name, char out[LINT_QUOTE_SIZE + 20])
{
    struct lint_suggestion suggestion = lint_suggest(view_of_string(name));
    char *table = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&table, &size);
    out[0] = '\0';
    if (!stream)
        return;
    rd_kafka_conf_properties_show(stream);
    if (fclose(stream) == 0) {
        for (const char *line = table; line && *line;) {
            lint_suggest_candidate(&suggestion, (struct view){line, strcspn(line, " |\n")});
            line = strchr(line, '\n');
            line += line != NULL;
        }
        lint_suggestion_text(&suggestion, out);
    }
    free(table);
}

bool kafka_property_judge(const char *name, const char *value, char *why, size_t why_size)
{
    char library_text[512], suggested[LINT_QUOTE_SIZE + 20];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_res_t result = rd_kafka_conf_set(conf, name, value, library_text, sizeof library_text);
    rd_kafka_conf_destroy(conf);
    if (result == RD_KAFKA_CONF_UNKNOWN) {
        suggest_property(name, suggested);
        snprintf(why, why_size, "librdkafka %s has no property '%s'%s", rd_kafka_version_str(), name,
                 suggested);
    } else if (result != RD_KAFKA_CONF_OK) {
        /* The library's text can repeat the value. */
        snprintf(why, why_size,
                 "librdkafka does not take the value of '%s'; see the library's CONFIGURATION.md", name);
    }
    return result == RD_KAFKA_CONF_OK;
}
