/*
 * The state of a partition under random transactions, some of them aborted: after every one it is checked from outside,
 * and again after a restore from what the transactions wrote.
 */
#include "stages/publish/changelog.h"
#include "stages/publish/due.h"
#include "tests/unit/stages/publish/rig.h"

static struct rig rig;
static struct partition_rules rules;
static struct arena arena;
static struct ratchet *ratchet;

static int setup(void **state)
{
    (void)state;
    rig_init(&rig);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_USER);
    rig_feed(&rig, "acme", "a", FEED_SUBJECT_DEVICE);
    rig_feed(&rig, "best", "b", FEED_SUBJECT_DEVICE); /* a programme with devices only */
    ratchet = rig_ratchet(&rig);
    rules = (struct partition_rules){
        .calendar = {.epoch_ms = 7 * RIG_DAY, .life_ms = 2 * RIG_DAY, .slots = 96},
        .interests_max = 3,
        .k = 3,
        .memory = {.max = 1 << 26},
        .persons_max = 100000,
    };
    if (!arena_init(&arena, 1 << 16, 1 << 26, &rig.error))
        return 1;
    return feed_list_init(&rules.feeds, &rig.config, &rig.options, ratchet, 0, &rig.error) ? 0 : 1;
}

static int teardown(void **state)
{
    (void)state;
    feed_list_release(&rules.feeds);
    ratchet_free(ratchet);
    slab_budget_release(&rules.memory);
    arena_release(&arena);
    rig_release(&rig);
    return 0;
}

/* ---- random numbers that are the same everywhere ---- */

static uint64_t seed;

static unsigned below(unsigned bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 11) % bound;
}

/* ---- a table of changelog records ---- */

struct entry {
    char bytes[4096]; /* size of key, key, value */
    size_t size;
};

struct table {
    struct entry *entries;
    unsigned count, capacity;
};

static int by_bytes(const void *a, const void *b)
{
    const struct entry *one = a, *other = b;
    size_t size = one->size < other->size ? one->size : other->size;
    int order = memcmp(one->bytes, other->bytes, size);
    return order ? order : (one->size > other->size) - (one->size < other->size);
}

static void table_append(struct table *table, struct view key, struct view value)
{
    if (table->count == table->capacity) {
        table->capacity = table->capacity ? table->capacity * 2 : 64;
        table->entries = realloc(table->entries, table->capacity * sizeof *table->entries);
        assert_non_null(table->entries);
    }
    struct entry *entry = &table->entries[table->count++];
    entry->size = 1 + key.size + value.size;
    assert_true(key.size < 256 && entry->size <= sizeof entry->bytes);
    entry->bytes[0] = (char)key.size;
    memcpy(entry->bytes + 1, key.data, key.size);
    memcpy(entry->bytes + 1 + key.size, value.data, value.size);
}

/* What a compacted topic does; value absent: a tombstone. */
static void table_put(struct table *table, struct view key, struct view value)
{
    for (unsigned i = 0; i < table->count; i++) {
        if ((size_t)(uint8_t)table->entries[i].bytes[0] == key.size &&
            !memcmp(table->entries[i].bytes + 1, key.data, key.size)) {
            table->entries[i] = table->entries[--table->count];
            break;
        }
    }
    if (!view_is_absent(value))
        table_append(table, key, value);
}

static void put_person(struct table *table, const struct partition *partition, const struct person *person,
                       void (*put)(struct table *table, struct view key, struct view value))
{
    struct view key, value = VIEW_ABSENT;
    assert_true(changelog_person_key(partition, person, &arena, &key));
    bool is_mark = partition_is_mark(partition, person);
    if (person->live > 0 && !is_mark)
        assert_true(changelog_person_value(partition, person, &arena, &value));
    if (!view_is_absent(value) || put == table_put)
        put(table, key, value);
    if (person->standing != PERSON_MARKED)
        return;
    assert_true(changelog_mark_key(partition, person, &arena, &key));
    if (is_mark || put == table_put)
        put(table, key, is_mark ? changelog_mark_value() : VIEW_ABSENT);
}

/* All persons of a partition, in the order of their bytes. */
static struct table dump(const struct partition *partition)
{
    struct table table = {0};
    for (uint32_t i = 0; i < partition->persons.capacity; i++) {
        if (partition->persons.slots[i].reference)
            put_person(&table, partition, partition_person(partition, partition->persons.slots[i].reference),
                       table_append);
    }
    if (table.count)
        qsort(table.entries, table.count, sizeof *table.entries, by_bytes);
    return table;
}

static void assert_same(const struct table *one, const struct table *other)
{
    assert_int_equal(one->count, other->count);
    for (unsigned i = 0; i < one->count; i++) {
        assert_int_equal(one->entries[i].size, other->entries[i].size);
        assert_memory_equal(one->entries[i].bytes, other->entries[i].bytes, one->entries[i].size);
    }
}

/* ---- what must always hold ---- */

static void check_person(const struct partition *partition, uint32_t reference, uint32_t *counts)
{
    const struct person *person = partition_person(partition, reference);
    const struct people *people = partition_people(partition, person);
    const struct contribution *entries = person_contributions(&partition->slab, person);
    assert_int_equal(partition_find(partition, people->programme, people->epoch, &person->line), reference);
    struct interest_set capped =
        contribution_cap(entries, person->contribution_count, &person->kept, rules.interests_max);
    assert_int_equal(capped.count, person->capped.count);
    for (unsigned i = 0; i < capped.count; i++) {
        assert_true(interest_set_index(&person->capped, capped.ids[i]) >= 0);
        counts[capped.ids[i]]++;
    }
    assert_true(person->kept.count <= rules.interests_max); /* over all versions of all records */
    unsigned live = 0;
    for (uint32_t id_reference = person->ids; id_reference;) {
        const struct live_id *id = slab_at(&partition->slab, id_reference);
        assert_int_equal(id->person, reference);
        assert_int_equal(id->published >> person->kept.count, 0);
        live += !id->ended;
        id_reference = id->person_next;
    }
    assert_int_equal(live, person->live);
}

static void check(const struct partition *partition)
{
    uint64_t persons = 0, contributions = 0, ids = 0;
    for (unsigned group = 0; group < partition->people.count; group++) {
        uint32_t counts[256] = {0}, members = 0;
        for (uint32_t i = 0; i < partition->persons.capacity; i++) {
            uint32_t reference = partition->persons.slots[i].reference;
            if (!reference || partition_person(partition, reference)->people != group)
                continue;
            members++;
            contributions += partition_person(partition, reference)->contribution_count;
            check_person(partition, reference, counts);
        }
        assert_int_equal(members, partition->people.items[group].persons);
        for (uint16_t interest = 0; interest < 256; interest++)
            assert_int_equal(people_count(&partition->people, group, interest), counts[interest]);
        persons += members;
    }
    for (unsigned bucket = 0; bucket < partition->wheel.bucket_count; bucket++) {
        uint32_t over = 0, length = 0;
        for (uint32_t reference = partition->wheel.buckets[bucket]; reference; length++) {
            const struct live_id *id = slab_at(&partition->slab, reference);
            assert_int_equal(id->bucket, bucket);
            over += !id->person;
            if (id->person && !live_id_is_state_only(id)) {
                uint8_t bytes[FEED_ID_SIZE];
                partition_feed_id(partition, id, bytes);
                assert_int_equal(
                    feed_list_slot_hash(
                        &rules.feeds, id->feed,
                        partition_people(partition, partition_person(partition, id->person))->epoch, bytes) %
                        96,
                    bucket);
            }
            reference = id->bucket_next;
        }
        assert_int_equal(length, partition->wheel.lengths[bucket]);
        assert_int_equal(over, partition->wheel.over[bucket]);
        assert_true(over == 0 || over < length / 4);
        ids += length - over;
    }
    assert_true(persons == partition->persons_here && persons == partition->persons.count);
    assert_true(contributions == partition->contributions);
    assert_true(ids == partition->live_ids);
}

/* ---- one random transaction ---- */

static void random_event(struct partition *partition, int32_t epoch)
{
    uint8_t programme = (uint8_t)below(2);
    struct record record = rig_event(&rig, below(25), (uint16_t)(1 + below(12)));
    record.interests[0].weight = (uint16_t)(1 + below(3));
    if (below(3) == 0) {
        record.interests[1] = (struct record_interest){(uint16_t)(20 + below(5)), 1};
        record.interest_count = 2;
    }
    if (below(3))
        record = rig_with_device(record, below(30));
    if (below(2)) {
        record.subjects[SUBJECT_ACCOUNT] =
            (struct subject){.present = true, .has_pseudonym = true, .pseudonym = rig_pseudonym(1, below(9))};
    }
    enum partition_result result;
    if (below(4) == 0) {
        record = rig_with_app(record, EVENT_APP_REMOVE, 1 + below(3));
        result = partition_remove_app(partition, programme, epoch, &record, &arena, &rig.error);
    } else {
        if (below(2))
            record = rig_with_app(record, EVENT_APP_USE, 1 + below(3));
        result = partition_add(partition, programme, epoch, &record, &arena, &rig.error);
    }
    assert_int_not_equal(result, PARTITION_STOP);
    uint32_t reference =
        partition_find(partition, programme, epoch, &record.subjects[SUBJECT_LINE].pseudonym);
    bool stands = !reference || partition_person(partition, reference)->standing == PERSON_STANDS;
    assert_int_equal(result == PARTITION_RETRACTED, !stands);
}

/* Somebody says no: by any subject, so that the person's mark may have to stay. */
static bool retract_one(void *context, uint32_t reference)
{
    struct partition *partition = context;
    const struct person *person = partition_person(partition, reference);
    if (person->standing != PERSON_STANDS)
        return true;
    assert_true(partition_retract(partition, reference, below(2), &arena, &rig.error));
    assert_int_equal(person->contribution_count + person->capped.count, 0);
    for (uint32_t at = person->ids; at;) {
        const struct live_id *id = slab_at(&partition->slab, at);
        assert_true(id->ended || id->published || live_id_is_state_only(id));
        at = id->person_next;
    }
    return true;
}

static void random_retraction(struct partition *partition)
{
    unsigned kind = below(3);
    struct pseudonym subject = rig_pseudonym(kind, below(kind == 0 ? 25 : kind == 1 ? 9 : 30));
    assert_true(partition_visit_subject(partition, &subject, retract_one, partition));
}

static void random_slots(struct partition *partition, int64_t now_ms)
{
    for (unsigned bucket = below(8); bucket < partition->wheel.bucket_count; bucket += 1 + below(8)) {
        for (uint32_t reference = partition->wheel.buckets[bucket]; reference;) {
            const struct live_id *id = slab_at(&partition->slab, reference);
            struct interest_set set = {.count = 0};
            enum due_action action = due_look(partition, id, now_ms, &set);
            if (action == DUE_END || action == DUE_END_TOMBSTONE)
                assert_true(partition_end(partition, reference, &arena, &rig.error));
            else if (action != DUE_NOTHING)
                assert_true(partition_publish(partition, reference, &set, &arena, &rig.error));
            if (action != DUE_NOTHING)
                assert_int_equal(due_look(partition, id, now_ms, &set), DUE_NOTHING);
            reference = id->bucket_next;
        }
    }
}

static struct partition *restored(const struct table *table)
{
    struct partition *partition = partition_new(0, &rules, &rig.error);
    assert_non_null(partition);
    for (unsigned pass = 0; pass < 2;
         pass++) { /* a changelog may hold older versions too, and gone persons */
        for (unsigned i = 0; i < table->count; i++) {
            const struct entry *entry = &table->entries[i];
            size_t key_size = (uint8_t)entry->bytes[0];
            struct changelog_key key;
            assert_true(changelog_read_key((struct view){entry->bytes + 1, key_size}, &key));
            struct person_state person = {.programme =
                                              (uint8_t)config_programme_index(&rig.config, key.programme),
                                          .epoch = key.epoch,
                                          .line = key.line};
            struct view value = {entry->bytes + 1 + key_size, entry->size - 1 - key_size};
            if (key.kind == CHANGELOG_MARK) {
                assert_true(changelog_read_mark(value));
                assert_true(
                    partition_restore_mark(partition, person.programme, key.epoch, &key.line, &rig.error));
                continue;
            }
            assert_true(changelog_read_person(value, &rules.feeds, &person));
            if (pass == 0 && i % 3 == 0)
                person.contribution_count = person.kept.count = person.published_count = 0;
            assert_true(partition_restore(partition, &person, &rig.error));
            if (pass == 0 && i % 5 == 0)
                partition_restore_gone(partition, person.programme, person.epoch, &person.line);
        }
    }
    partition_restored(partition);
    return partition;
}

static void run(uint64_t with_seed, unsigned transactions)
{
    seed = with_seed;
    struct partition *partition = partition_new(0, &rules, &rig.error);
    assert_non_null(partition);
    struct table changelog = {0};
    struct table before = {0};
    int64_t now_ms = RIG_NOW;
    for (unsigned i = 0; i < transactions; i++) {
        arena_reset(&arena);
        unsigned events = below(40);
        int32_t epoch = calendar_epoch(&rules.calendar, now_ms);
        for (unsigned j = 0; j < events; j++)
            random_event(partition, epoch - (int32_t)(below(6) == 0));
        if (below(3) == 0)
            random_retraction(partition);
        if (below(2))
            random_slots(partition, now_ms);
        now_ms += below(2) * RIG_DAY;
        if (below(3) == 0) {
            partition_abort(partition);
        } else {
            for (const struct partition_undo *undo = partition->undo; undo; undo = undo->next)
                put_person(&changelog, partition, partition_person(partition, undo->person), table_put);
            partition_commit(partition);
            free(before.entries);
            before = dump(partition);
            if (changelog.count)
                qsort(changelog.entries, changelog.count, sizeof *changelog.entries, by_bytes);
        }
        check(partition);
        struct table after = dump(partition);
        assert_same(&before, &after);
        assert_same(&changelog, &after); /* what was written is what is there */
        free(after.entries);
        if (below(8) == 0) { /* a crash */
            partition_free(partition);
            partition = restored(&changelog);
            check(partition);
            after = dump(partition);
            assert_same(&before, &after);
            free(after.entries);
        }
    }
    free(before.entries);
    free(changelog.entries);
    partition_free(partition);
    assert_true(rules.persons == 0);
    assert_true(rules.memory.used == 0);
}

static void partition_is_as_if_aborted_transactions_had_not_been(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 6; i++)
        run(UINT64_C(88172645463325252) + i, 80);
}

static void partition_loses_nothing_when_memory_runs_out(void **state)
{
    (void)state;
    seed = 4711;
    struct partition *partition = partition_new(0, &rules, &rig.error);
    assert_non_null(partition);
    size_t budget = rules.memory.max;
    unsigned stops = 0;
    for (unsigned round = 0; round < 40; round++) {
        arena_reset(&arena);
        struct table before = dump(partition);
        rules.memory.max = rules.memory.used; /* not one chunk more */
        bool stopped = false;
        for (unsigned i = 0; i < 400 && !stopped; i++) {
            struct record record = rig_event(&rig, below(3000), (uint16_t)(1 + below(100)));
            if (below(2))
                record = rig_with_device(record, below(3000));
            stopped = partition_add(partition, 0, 2677, &record, &arena, &rig.error) == PARTITION_STOP;
        }
        rules.memory.max = budget;
        if (stopped) {
            assert_non_null(strstr(rig.error.action, "publish.people_max"));
            stops++;
            partition_abort(partition);
            check(partition);
            struct table after = dump(partition);
            assert_same(&before, &after);
            free(after.entries);
            struct record record = rig_event(&rig, 5000 + round, 1); /* now there is a chunk */
            for (unsigned line = 0; line < 500; line++) {
                record.subjects[SUBJECT_LINE].pseudonym = rig_pseudonym(0, 5000 + 500 * round + line);
                assert_int_equal(partition_add(partition, 0, 2677, &record, &arena, &rig.error),
                                 PARTITION_CHANGED);
            }
        }
        partition_commit(partition);
        check(partition);
        free(before.entries);
    }
    assert_true(stops > 5);
    partition_free(partition);
}

static void partition_takes_masks_of_feeds_that_moved_in_the_configuration(void **state)
{
    (void)state;
    struct partition *partition = partition_new(0, &rules, &rig.error);
    for (unsigned line = 0; line < 3; line++) {
        struct record record = rig_with_device(rig_event(&rig, line, 10), line);
        assert_int_equal(partition_add(partition, 0, 2677, &record, &arena, &rig.error), PARTITION_CHANGED);
    }
    unsigned published = 0;
    for (unsigned bucket = 0; bucket < partition->wheel.bucket_count; bucket++) {
        for (uint32_t reference = partition->wheel.buckets[bucket]; reference;) {
            const struct live_id *id = slab_at(&partition->slab, reference);
            if (id->feed == 1) {
                struct interest_set set;
                assert_int_equal(due_look(partition, id, RIG_NOW, &set), DUE_RECORD);
                assert_true(partition_publish(partition, reference, &set, &arena, &rig.error));
                published++;
            }
            reference = id->bucket_next;
        }
    }
    assert_int_equal(published, 3);
    partition_commit(partition);
    struct table table = dump(partition);
    partition_free(partition);

    struct feed_options swapped = rig.feeds[0];
    rig.feeds[0] = rig.feeds[1];
    rig.feeds[1] = swapped;
    feed_list_release(&rules.feeds);
    assert_true(feed_list_init(&rules.feeds, &rig.config, &rig.options, ratchet, 0, &rig.error));
    partition = restored(&table);
    check(partition);
    unsigned shown = 0;
    for (unsigned bucket = 0; bucket < partition->wheel.bucket_count; bucket++) {
        for (uint32_t reference = partition->wheel.buckets[bucket]; reference;) {
            const struct live_id *id = slab_at(&partition->slab, reference);
            struct interest_set set;
            assert_int_equal(due_look(partition, id, RIG_NOW, &set),
                             id->feed == 0 ? DUE_NOTHING : DUE_RECORD);
            shown += id->published != 0;
            reference = id->bucket_next;
        }
    }
    assert_int_equal(shown, 3);
    partition_free(partition);
    free(table.entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(partition_is_as_if_aborted_transactions_had_not_been, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(partition_loses_nothing_when_memory_runs_out, setup, teardown),
        cmocka_unit_test_setup_teardown(partition_takes_masks_of_feeds_that_moved_in_the_configuration, setup,
                                        teardown),
    };
    struct error error;
    return process_harden(&error) ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
