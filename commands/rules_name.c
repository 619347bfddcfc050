#include "commands/rules_name.h"

static bool is_url(struct view text)
{
    return text.size > 0 && memmem(text.data, text.size, "://", 3) != NULL;
}

struct view rules_name_host(struct view text, char space[RULES_NAME_SIZE_MAX], const char **out_reason)
{
    size_t size;
    enum host_result result =
        is_url(text) ? host_from_url(text, space, &size) : host_normalise(text, space, &size);
    switch (result) {
    case HOST_NAME:
        return (struct view){space, size};
    case HOST_IP_LITERAL:
        *out_reason = "ip_literal";
        return VIEW_ABSENT;
    case HOST_MALFORMED:
        break;
    }
    *out_reason = "host_malformed";
    return VIEW_ABSENT;
}

struct view rules_name_app(struct view text, char space[RULES_NAME_SIZE_MAX], const char **out_reason)
{
    bool good = text.size > 0 && text.size <= RULES_NAME_SIZE_MAX && text.data[text.size - 1] != '.';
    for (size_t i = 0; good && i < text.size; i++) {
        char byte = text.data[i];
        good = byte > ' ' && byte <= '~';
        space[i] = (char)(byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
    }
    if (good)
        return (struct view){space, text.size};
    *out_reason = "app_malformed";
    return VIEW_ABSENT;
}

struct view rules_name(bool app, struct view text, char space[RULES_NAME_SIZE_MAX], const char **out_reason)
{
    return app ? rules_name_app(text, space, out_reason) : rules_name_host(text, space, out_reason);
}
