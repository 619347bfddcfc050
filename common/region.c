#include "common/region.h"

#include <stdlib.h>

/* ISO 3166-2:US as of 2020-11-24: states, the district, outlying areas; sorted. */
static const char us_subdivisions[][2] = {
    {'A', 'K'}, {'A', 'L'}, {'A', 'R'}, {'A', 'S'}, {'A', 'Z'}, {'C', 'A'}, {'C', 'O'}, {'C', 'T'},
    {'D', 'C'}, {'D', 'E'}, {'F', 'L'}, {'G', 'A'}, {'G', 'U'}, {'H', 'I'}, {'I', 'A'}, {'I', 'D'},
    {'I', 'L'}, {'I', 'N'}, {'K', 'S'}, {'K', 'Y'}, {'L', 'A'}, {'M', 'A'}, {'M', 'D'}, {'M', 'E'},
    {'M', 'I'}, {'M', 'N'}, {'M', 'O'}, {'M', 'P'}, {'M', 'S'}, {'M', 'T'}, {'N', 'C'}, {'N', 'D'},
    {'N', 'E'}, {'N', 'H'}, {'N', 'J'}, {'N', 'M'}, {'N', 'V'}, {'N', 'Y'}, {'O', 'H'}, {'O', 'K'},
    {'O', 'R'}, {'P', 'A'}, {'P', 'R'}, {'R', 'I'}, {'S', 'C'}, {'S', 'D'}, {'T', 'N'}, {'T', 'X'},
    {'U', 'M'}, {'U', 'T'}, {'V', 'A'}, {'V', 'I'}, {'V', 'T'}, {'W', 'A'}, {'W', 'I'}, {'W', 'V'},
    {'W', 'Y'},
};

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, 2);
}

bool region_is_us_subdivision(const char code[2])
{
    return bsearch(code, us_subdivisions, sizeof us_subdivisions / sizeof *us_subdivisions,
                   sizeof *us_subdivisions, compare) != NULL;
}

static bool is_capital(char character)
{
    return character >= 'A' && character <= 'Z';
}

bool region_is_valid(struct view text)
{
    if (view_is_absent(text) || text.size < REGION_COUNTRY_SIZE || text.size > REGION_SIZE_MAX ||
        !is_capital(text.data[0]) || !is_capital(text.data[1]))
        return false;
    if (text.size == REGION_COUNTRY_SIZE)
        return true;
    if (text.data[2] != '-' || text.size == 3)
        return false;
    for (size_t i = 3; i < text.size; i++) {
        if (!is_capital(text.data[i]) && !(text.data[i] >= '0' && text.data[i] <= '9'))
            return false;
    }
    if (memcmp(text.data, "US", REGION_COUNTRY_SIZE) != 0)
        return true;
    return text.size == 5 && region_is_us_subdivision(text.data + 3);
}
