#include "common/partitioner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void murmur2_equals_the_java_client(void **state)
{
    (void)state;
    /* From Apache Kafka's own test, clients/src/test/java/org/apache/kafka/common/utils/UtilsTest.java. */
    static const struct {
        const char *key;
        int32_t hash;
    } cases[] = {
        {"21", -973932308},
        {"foobar", -790332482},
        {"a-little-bit-long-string", -985981536},
        {"a-little-bit-longer-string", -1486304829},
        {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
        {"abc", 479470107},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(partitioner_murmur2(view_of_string(cases[i].key)), cases[i].hash);
    /* every length of the tail, NUL and bytes above 0x7F (from librdkafka's unit test of rd_murmur2) */
    static const struct {
        const char *key;
        size_t size;
        uint32_t hash;
    } tails[] = {
        {"", 0, 0x106e08d9},
        {"kafka", 5, 0xd067cf64},
        {"giberish123456789", 17, 0x8f552b0c},
        {"1234", 4, 0x9fc97b14},
        {"234", 3, 0xe7c009ca},
        {"34", 2, 0x873930da},
        {"4", 1, 0x5a4b5ca1},
        {"PreAmbleWillBeRemoved,ThePrePartThatIs", 38, 0x78424f1c},
        {"reAmbleWillBeRemoved,ThePrePartThatIs", 37, 0x4a62b377},
        {"eAmbleWillBeRemoved,ThePrePartThatIs", 36, 0xe0e4e09e},
        {"AmbleWillBeRemoved,ThePrePartThatIs", 35, 0x62b8b43f},
    };
    for (unsigned i = 0; i < sizeof tails / sizeof *tails; i++)
        assert_int_equal((uint32_t)partitioner_murmur2((struct view){tails[i].key, tails[i].size}),
                         tails[i].hash);
}

static void crc32_is_the_one_of_ieee_802_3(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        size_t size;
        uint32_t crc;
        const char *why;
    } cases[] = {
        {"123456789", 9, 0xcbf43926, "the check value of the catalogue of CRC algorithms"},
        {"", 0, 0, "nothing"},
        {"\0\0\0\0", 4, 0x2144df1c, "NUL counts"},
        {"\xFF\xFF\xFF\xFF", 4, 0xffffffff, "bytes are unsigned"},
        {"The quick brown fox jumps over the lazy dog", 43, 0x414fa339, "often printed"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        if (partitioner_crc32((struct view){cases[i].key, cases[i].size}) != cases[i].crc)
            fail_msg("%s", cases[i].why);
}

static void partition_is_the_hash_modulo_their_number(void **state)
{
    (void)state;
    static const struct {
        enum events_partitioner partitioner;
        const char *key;
        int32_t partitions;
        int32_t partition;
        const char *why;
    } cases[] = {
        {EVENTS_PARTITIONER_MURMUR2, "abc", 4, 479470107 % 4, "a positive hash"},
        {EVENTS_PARTITIONER_MURMUR2, "21", 7, (-973932308 & INT32_MAX) % 7,
         "the sign is cut, not turned round"},
        {EVENTS_PARTITIONER_MURMUR2, "21", 1, 0, "one partition"},
        {EVENTS_PARTITIONER_MURMUR2, "", 3, 0x106e08d9 % 3, "an empty key is a key"},
        {EVENTS_PARTITIONER_CRC32, "123456789", 10, (int32_t)(0xcbf43926u % 10), "all 32 bits count"},
        {EVENTS_PARTITIONER_CRC32, "", 5, 0, "an empty key"},
        {EVENTS_PARTITIONER_MURMUR2, NULL, 4, -1, "no key"},
        {EVENTS_PARTITIONER_CRC32, NULL, 4, -1, "no key"},
        {EVENTS_PARTITIONER_MURMUR2, "abc", 0, -1, "no partitions"},
        {EVENTS_PARTITIONER_MURMUR2, "abc", -1, -1, "no number of partitions"},
        {EVENTS_PARTITIONER_TRUSTED, "abc", 4, -1, "nobody checks"},
        {EVENTS_PARTITIONER_UNKNOWN, "abc", 4, -1, "nobody knows"},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        if (partitioner_partition(cases[i].partitioner, view_of_string(cases[i].key), cases[i].partitions) !=
            cases[i].partition)
            fail_msg("%s", cases[i].why);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(murmur2_equals_the_java_client),
        cmocka_unit_test(crc32_is_the_one_of_ieee_802_3),
        cmocka_unit_test(partition_is_the_hash_modulo_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
