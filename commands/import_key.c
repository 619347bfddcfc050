#include "commands/import_key.h"

#include "common/public_suffix.h"
#include "common/utf8.h"

bool import_text_clean(struct view text, enum import_fault *out_fault, const char **out_why)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if ((byte < ' ' && byte != '\t') || byte == 0x7f) {
            *out_fault = IMPORT_FAULT_CONTROL;
            *out_why = byte == 0 ? "a NUL byte: is it a text file, and in UTF-8?"
                                 : "a control character has no place in a list";
            return false;
        }
    }
    if (utf8_valid(text))
        return true;
    *out_fault = IMPORT_FAULT_ENCODING;
    *out_why = "not UTF-8";
    return false;
}

struct view import_text_trim(struct view text)
{
    while (text.size > 0 && text.data[0] == ' ')
        text = (struct view){text.data + 1, text.size - 1};
    while (text.size > 0 && text.data[text.size - 1] == ' ')
        text.size--;
    return text;
}

bool import_key_judge(struct view host, enum import_fault *out_fault, const char **out_why)
{
    if (public_suffix_judge(host) == PUBLIC_SUFFIX_NO)
        return true;
    /* spec 5: never beyond the registrable domain */
    *out_fault = IMPORT_FAULT_SUFFIX;
    *out_why = "a public suffix: what is below it belongs to different owners";
    return false;
}

/* Cut a path off. *out_whole: there was none but perhaps a slash, so the host is all that is meant. */
static struct view cut_path(struct view text, bool *out_whole)
{
    for (size_t i = 0; i < text.size; i++) {
        char byte = text.data[i];
        if (byte != '/' && byte != '?' && byte != '#' && byte != '\\')
            continue;
        *out_whole = byte == '/' && i + 1 == text.size;
        return (struct view){text.data, i};
    }
    *out_whole = true;
    return text;
}

/* Without `http://` or `https://`, in any case. */
static struct view cut_scheme(struct view text)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (unsigned i = 0; i < 2; i++) {
        size_t size = strlen(schemes[i]);
        size_t same = 0;
        while (same < size && same < text.size &&
               (text.data[same] == schemes[i][same] || (text.data[same] | 0x20) == schemes[i][same]))
            same++;
        if (same == size)
            return (struct view){text.data + size, text.size - size};
    }
    return text;
}

enum import_key_result import_key_read(struct view text, char out_host[HOST_SIZE_MAX], size_t *out_size,
                                       enum import_fault *out_fault, const char **out_why)
{
    char host[HOST_SIZE_MAX];
    size_t size;
    bool whole;
    struct view rest = cut_path(cut_scheme(text), &whole);
    if (rest.size > 1 && rest.data[0] == '.')
        rest = (struct view){rest.data + 1, rest.size - 1};
    *out_fault = IMPORT_FAULT_HOST;
    switch (host_normalise(rest, host, &size)) {
    case HOST_NAME:
        break;
    case HOST_IP_LITERAL:
        *out_fault = IMPORT_FAULT_ADDRESS;
        *out_why = "an address; rules are for names";
        return IMPORT_KEY_WRONG;
    case HOST_MALFORMED:
        *out_why = rest.size > 2 && rest.data[0] == '*'
                       ? "no host name (a rule covers what is below it, without a star)"
                   : memchr(rest.data, '.', rest.size) ? "no host name"
                                                       : "no host name of two labels or more";
        return IMPORT_KEY_WRONG;
    }
    if (!whole)
        return IMPORT_KEY_PATH;
    if (!import_key_judge((struct view){host, size}, out_fault, out_why))
        return IMPORT_KEY_WRONG;
    memcpy(out_host, host, size);
    *out_size = size;
    return IMPORT_KEY_HOST;
}
