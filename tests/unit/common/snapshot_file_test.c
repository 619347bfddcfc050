#include "common/snapshot_file.h"

#include "common/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { BODY_SIZE = 5 << 20, WAIT_MS = 60000 };

static char folder[64], path[96];

static int set_up(void **unused)
{
    (void)unused;
    snprintf(folder, sizeof folder, "/tmp/clickveil-snapshot.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/table", folder);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    char beside[128];
    snprintf(beside, sizeof beside, "%s.new", path);
    unlink(beside);
    unlink(path);
    rmdir(folder);
    return 0;
}

static char body_byte(size_t at)
{
    return (char)(at * 31 ^ at >> 9);
}

static const struct snapshot_partition partitions[2] = {
    {.offset = 4711, .birth_offset = 0, .birth = "a"},
    {.offset = INT64_MAX, .birth_offset = 7, .birth = "b"},
};

static struct snapshot_head head_of(uint64_t entries)
{
    return (struct snapshot_head){.cluster = "cluster",
                                  .topic = "topic",
                                  .made_ms = 1700000000000,
                                  .entries = entries,
                                  .partitions = 2};
}

static struct snapshot_writer *begin(uint64_t entries)
{
    struct error error = {0};
    struct snapshot_head head = head_of(entries);
    struct snapshot_writer *writer = snapshot_writer_new(path, &head, partitions, &error);
    if (!writer)
        fail_msg("%s", error.what);
    return writer;
}

static void put_body(struct snapshot_writer *writer, size_t size, size_t step)
{
    char *data = malloc(step);
    for (size_t at = 0; at < size; at += step) {
        size_t part = size - at < step ? size - at : step;
        for (size_t i = 0; i < part; i++)
            data[i] = body_byte(at + i);
        snapshot_put(writer, data, part);
    }
    free(data);
}

static enum snapshot_progress finish(struct snapshot_writer *writer)
{
    uint64_t size;
    struct error error;
    enum snapshot_progress progress;
    snapshot_writer_end(writer);
    int64_t until_ms = clock_monotonic_ms() + WAIT_MS;
    while ((progress = snapshot_writer_progress(writer, &size, &error)) == SNAPSHOT_WRITING &&
           clock_monotonic_ms() < until_ms)
        clock_sleep_ms(1);
    snapshot_writer_free(writer);
    return progress;
}

static void write_whole(uint64_t entries, size_t size, size_t step)
{
    struct snapshot_writer *writer = begin(entries);
    put_body(writer, size, step);
    assert_int_equal(finish(writer), SNAPSHOT_WRITTEN);
}

/* Reads all in pieces; false and why when it may not be used. */
static bool read_whole(size_t size, size_t step, struct error *error)
{
    bool missing, fine = true;
    struct snapshot_reader *reader = snapshot_reader_new(path, &missing, error);
    if (!reader)
        return false;
    char *data = malloc(step);
    for (size_t at = 0; fine && at < size; at += step) {
        size_t part = size - at < step ? size - at : step;
        fine = snapshot_get(reader, data, part);
        for (size_t i = 0; fine && i < part; i += 997)
            fine = data[i] == body_byte(at + i);
    }
    free(data);
    bool whole = snapshot_reader_end(reader, error);
    assert_true(!whole || fine);
    snapshot_reader_free(reader);
    return whole;
}

static void snapshot_is_read_as_it_was_written(void **unused)
{
    (void)unused;
    static const size_t sizes[] = {0, 1, 100, 1 << 18, (1 << 20) + 1, BODY_SIZE};
    static const size_t steps[] = {7919, 1 << 18, SNAPSHOT_PUT_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t j = 0; j < sizeof steps / sizeof *steps; j++) {
            struct error error = {0};
            write_whole(i, sizes[i], steps[j]);
            if (!read_whole(sizes[i], steps[(j + 1) % 3], &error))
                fail_msg("%zu bytes: %s", sizes[i], error.what);
        }
    }
    bool missing;
    struct error error = {0};
    struct snapshot_reader *reader = snapshot_reader_new(path, &missing, &error);
    assert_string_equal(snapshot_reader_head(reader)->cluster, "cluster");
    assert_int_equal(snapshot_reader_head(reader)->entries, 5);
    assert_memory_equal(snapshot_reader_partitions(reader), partitions, sizeof partitions);
    snapshot_reader_free(reader);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
}

static void snapshot_that_is_damaged_is_refused_with_the_reason(void **unused)
{
    (void)unused;
    enum { SIZE = 300000, HEAD = 40 + 376 + 2 * 56 };
    static const struct {
        const char *why;
        long at;       /* of a bit that is flipped; negative: none */
        long cut;      /* new size; 0: as it is */
        unsigned mode; /* 0: as it is */
        const char *says;
    } rows[] = {
        {"magic", 0, 0, 0, "no snapshot"},
        {"version", 8, 0, 0, "another version"},
        {"size", 17, 0, 0, "cut, or something was added"},
        {"head's checksum", 24, 0, 0, "head is damaged"},
        {"body's checksum", 32, 0, 0, "head is damaged"},
        {"cluster", 41, 0, 0, "head is damaged"},
        {"padding of the topic", 200, 0, 0, "head is damaged"},
        {"offset of a partition", 40 + 376, 0, 0, "head is damaged"},
        {"last byte of the head", HEAD - 1, 0, 0, "head is damaged"},
        {"first byte of the body", HEAD, 0, 0, "content is damaged"},
        {"last byte", HEAD + SIZE - 1, 0, 0, "content is damaged"},
        {"the last byte is cut", -1, HEAD + SIZE - 1, 0, "cut"},
        {"the body is cut", -1, HEAD, 0, "cut"},
        {"the head is cut", -1, 100, 0, "cut"},
        {"nearly nothing is left", -1, 1, 0, "cut"},
        {"a byte too many", -1, HEAD + SIZE + 1, 0, "something was added"},
        {"the group may read it", -1, 0, 0640, "others may read"},
        {"others may write it", -1, 0, 0602, "others may read or write"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_whole(1, SIZE, SIZE);
        FILE *file = fopen(path, "r+");
        if (rows[i].at >= 0) {
            fseek(file, rows[i].at, SEEK_SET);
            int byte = fgetc(file);
            fseek(file, rows[i].at, SEEK_SET);
            fputc(byte ^ 0x10, file);
        }
        fclose(file);
        if (rows[i].cut)
            assert_int_equal(truncate(path, rows[i].cut), 0);
        if (rows[i].mode)
            assert_int_equal(chmod(path, rows[i].mode), 0);
        struct error error = {0};
        if (read_whole(SIZE, 4096, &error) || !strstr(error.what, rows[i].says))
            fail_msg("%s: %s", rows[i].why, error.what);
    }
}

static void snapshot_that_is_read_beyond_its_end_or_not_to_it_is_refused(void **unused)
{
    (void)unused;
    bool missing;
    char byte;
    struct error error = {0};
    write_whole(1, 1000, 1000);
    struct snapshot_reader *reader = snapshot_reader_new(path, &missing, &error);
    for (unsigned i = 0; i < 1000; i++)
        assert_true(snapshot_get(reader, &byte, 1));
    assert_false(snapshot_get(reader, &byte, 1));
    snapshot_reader_free(reader);
    assert_false(read_whole(999, 999, &error));
}

static void snapshot_that_is_not_there_is_told_from_a_bad_one(void **unused)
{
    (void)unused;
    bool missing = false;
    struct error error = {0};
    assert_null(snapshot_reader_new(path, &missing, &error));
    assert_true(missing);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_null(snapshot_reader_new(path, &missing, &error));
    assert_false(missing);
    rmdir(path);
}

static void snapshot_that_is_given_up_leaves_the_old_one(void **unused)
{
    (void)unused;
    struct error error = {0};
    write_whole(1, 1000, 1000);
    struct snapshot_writer *writer = begin(2);
    put_body(writer, BODY_SIZE, SNAPSHOT_PUT_MAX);
    snapshot_writer_free(writer);
    assert_true(read_whole(1000, 1000, &error));
    char beside[128];
    snprintf(beside, sizeof beside, "%s.new", path);
    assert_int_not_equal(access(beside, F_OK), 0);
}

static void snapshot_is_written_by_one_at_a_time(void **unused)
{
    (void)unused;
    struct error error = {0};
    struct snapshot_head head = head_of(1);
    struct snapshot_writer *writer = begin(1);
    assert_null(snapshot_writer_new(path, &head, partitions, &error));
    assert_non_null(strstr(error.what, "another process"));
    put_body(writer, 1000, 1000);
    assert_int_equal(finish(writer), SNAPSHOT_WRITTEN);
    assert_true(read_whole(1000, 1000, &error));
    write_whole(2, 1000, 1000);
}

static void snapshot_that_cannot_be_written_says_so(void **unused)
{
    (void)unused;
    struct error error = {0};
    struct snapshot_head head = head_of(1);
    assert_null(snapshot_writer_new("/nowhere/at/all", &head, partitions, &error));
    assert_non_null(strstr(error.what, "can't be written"));
    assert_int_equal(mkdir(path, 0700), 0); /* nothing can be renamed to a folder */
    struct snapshot_writer *writer = begin(1);
    assert_int_equal(finish(writer), SNAPSHOT_FAILED);
    rmdir(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(snapshot_is_read_as_it_was_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(snapshot_that_is_damaged_is_refused_with_the_reason, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(snapshot_that_is_read_beyond_its_end_or_not_to_it_is_refused, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(snapshot_that_is_not_there_is_told_from_a_bad_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(snapshot_that_is_given_up_leaves_the_old_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(snapshot_is_written_by_one_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(snapshot_that_cannot_be_written_says_so, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
