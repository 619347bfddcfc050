/* The names of topics by role. Apart from parsing, so that it can be linked without it. */
#include "common/config.h"
#include "common/stage.h"

static struct view feed_topic(const struct config *config, unsigned feed)
{
    for (unsigned i = 0; config->stages[i]; i++) {
        if (config->stages[i]->feed_topic)
            return config->stages[i]->feed_topic(config->stage_options[i], feed);
    }
    return VIEW_ABSENT;
}

struct view config_topic(const struct config *config, enum topic_role role, unsigned feed)
{
    switch (role) {
    case TOPIC_EVENTS:
        return config->topics.events;
    case TOPIC_CONSENT:
        return config->topics.consent;
    case TOPIC_CONSENT_OUT:
        return config->topics.consent_out;
    case TOPIC_PSEUDONYMIZE_OUT:
        return config->topics.pseudonymize_out;
    case TOPIC_CLASSIFY_OUT:
        return config->topics.classify_out;
    case TOPIC_STATE:
        return config->topics.state;
    case TOPIC_RETRACTIONS:
        return config->topics.retractions;
    case TOPIC_DEAD_LETTERS:
        return config->topics.dead_letters;
    case TOPIC_FEED:
        return feed_topic(config, feed);
    case TOPIC_NONE:
    case TOPIC_ROLES:
        break;
    }
    return VIEW_ABSENT;
}

enum topic_role config_input_topic(const struct config *config)
{
    return config->first_stage == 0 ? TOPIC_EVENTS : config->stages[config->first_stage - 1]->output;
}

enum topic_role config_output_topic(const struct config *config)
{
    return config->stages[config->last_stage]->output;
}
