#include "common/public_suffix.h"

#include "common/host.h"

#include <libpsl.h>

enum public_suffix public_suffix_judge(struct view name)
{
    char text[HOST_SIZE_MAX + 1];
    const psl_ctx_t *list = psl_builtin();
    if (list == NULL || view_is_absent(name) || name.size > HOST_SIZE_MAX)
        return PUBLIC_SUFFIX_YES;
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    return psl_is_public_suffix2(list, text, PSL_TYPE_ANY) ? PUBLIC_SUFFIX_YES : PUBLIC_SUFFIX_NO;
}

struct view public_suffix_registrable(struct view name)
{
    char text[HOST_SIZE_MAX + 1];
    const psl_ctx_t *list = psl_builtin();
    if (list == NULL || view_is_absent(name) || name.size > HOST_SIZE_MAX)
        return VIEW_ABSENT;
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    const char *domain = psl_registrable_domain(list, text);
    if (domain == NULL)
        return VIEW_ABSENT;
    size_t start = (size_t)(domain - text);
    return (struct view){name.data + start, name.size - start};
}
