#include "stages/publish/person.h"

static_assert(sizeof(struct contribution) == SLAB_UNIT_SIZE, "a contribution is a unit of the slab");
static_assert(sizeof(struct pseudonym) == SLAB_UNIT_SIZE, "a pseudonym is a unit of the slab");
static_assert((int)CONTRIBUTIONS_MAX <= (int)SLAB_UNITS_MAX, "a block holds all contributions");
static_assert((int)PERSON_SUBJECTS_MAX <= (int)SLAB_UNITS_MAX, "a block holds all devices and accounts");
static_assert((int)PERSON_DEVICES_MAX <= (int)CONTRIBUTION_NO_DEVICE, "a contribution names a device");

/* Move a list of `count` units to a block for `new_count`; 0 units have no block. The first units are kept. */
static bool resize(struct slab *slab, uint32_t *reference, unsigned count, unsigned new_count)
{
    unsigned old_class = count ? slab_class(count) : SLAB_CLASSES;
    unsigned new_class = new_count ? slab_class(new_count) : SLAB_CLASSES;
    if (old_class == new_class)
        return true;
    uint32_t fresh = 0;
    if (new_count) {
        fresh = slab_take(slab, new_class);
        if (!fresh)
            return false;
        unsigned same = count < new_count ? count : new_count;
        if (same)
            memcpy(slab_at(slab, fresh), slab_at(slab, *reference), (size_t)same * SLAB_UNIT_SIZE);
    }
    if (count)
        slab_give(slab, *reference, old_class);
    *reference = fresh;
    return true;
}

unsigned person_device(const struct slab *slab, const struct person *person, const struct pseudonym *device)
{
    const struct pseudonym *devices = person_devices(slab, person);
    for (unsigned i = 0; i < person->device_count; i++) {
        if (!memcmp(devices[i].bytes, device->bytes, PSEUDONYM_SIZE))
            return i;
    }
    return CONTRIBUTION_NO_DEVICE;
}

bool person_has_account(const struct slab *slab, const struct person *person, const struct pseudonym *account)
{
    const struct pseudonym *accounts = person_accounts(slab, person);
    for (unsigned i = 0; i < person->account_count; i++) {
        if (!memcmp(accounts[i].bytes, account->bytes, PSEUDONYM_SIZE))
            return true;
    }
    return false;
}

bool person_add_device(struct slab *slab, struct person *person, const struct pseudonym *device)
{
    ensure(person->device_count < PERSON_DEVICES_MAX);
    unsigned count = person_subject_count(person);
    if (!resize(slab, &person->subjects, count, count + 1))
        return false;
    struct pseudonym *subjects = slab_at(slab, person->subjects);
    unsigned place = person->device_count++;
    memmove(&subjects[place + 1], &subjects[place], (count - place) * sizeof *subjects);
    subjects[place] = *device;
    return true;
}

bool person_add_account(struct slab *slab, struct person *person, const struct pseudonym *account)
{
    ensure(person->account_count < PERSON_ACCOUNTS_MAX);
    unsigned count = person_subject_count(person);
    if (!resize(slab, &person->subjects, count, count + 1))
        return false;
    person->account_count++;
    person_subjects(slab, person)[count] = *account;
    return true;
}

bool person_insert(struct slab *slab, struct person *person, unsigned index, const struct contribution *entry)
{
    unsigned count = person->contribution_count;
    ensure(count < CONTRIBUTIONS_MAX && index <= count);
    if (!resize(slab, &person->contributions, count, count + 1))
        return false;
    person->contribution_count++;
    struct contribution *entries = person_contributions(slab, person);
    memmove(&entries[index + 1], &entries[index], (count - index) * sizeof *entries);
    entries[index] = *entry;
    return true;
}

bool person_remove_app(struct slab *slab, struct person *person, uint64_t app_token)
{
    unsigned count = person->contribution_count;
    unsigned remaining = count;
    struct contribution *entries = person_contributions(slab, person);
    for (unsigned i = 0; i < count; i++)
        remaining -= entries[i].app_token == app_token;
    uint32_t old = person->contributions;
    if (remaining && slab_class(remaining) != slab_class(count)) {
        uint32_t fresh = slab_take(slab, slab_class(remaining));
        if (!fresh)
            return false;
        contribution_remove_app(entries, count, app_token);
        memcpy(slab_at(slab, fresh), entries, remaining * sizeof *entries);
        slab_give(slab, old, slab_class(count));
        person->contributions = fresh;
    } else if (remaining != count) {
        contribution_remove_app(entries, count, app_token);
        if (!remaining) {
            slab_give(slab, old, slab_class(count));
            person->contributions = 0;
        }
    }
    person->contribution_count = (uint8_t)remaining;
    return true;
}

void person_clear_contributions(struct slab *slab, struct person *person)
{
    ensure(resize(slab, &person->contributions, person->contribution_count, 0));
    person->contribution_count = 0;
}

void person_clear(struct slab *slab, struct person *person)
{
    person_clear_contributions(slab, person);
    ensure(resize(slab, &person->subjects, person_subject_count(person), 0));
    person->device_count = person->account_count = 0;
}

bool person_replace(struct slab *slab, struct person *person, const struct contribution *contributions,
                    unsigned contribution_count, const struct pseudonym *subjects, unsigned device_count,
                    unsigned account_count)
{
    ensure(contribution_count <= CONTRIBUTIONS_MAX && device_count <= PERSON_DEVICES_MAX &&
           account_count <= PERSON_ACCOUNTS_MAX);
    unsigned subject_count = device_count + account_count;
    person_clear(slab, person);
    if (!resize(slab, &person->contributions, 0, contribution_count))
        return false;
    if (!resize(slab, &person->subjects, 0, subject_count)) {
        ensure(resize(slab, &person->contributions, contribution_count, 0));
        return false;
    }
    person->contribution_count = (uint8_t)contribution_count;
    person->device_count = (uint8_t)device_count;
    person->account_count = (uint8_t)account_count;
    if (contribution_count)
        memcpy(person_contributions(slab, person), contributions, contribution_count * sizeof *contributions);
    if (subject_count)
        memcpy(person_subjects(slab, person), subjects, subject_count * sizeof *subjects);
    return true;
}
