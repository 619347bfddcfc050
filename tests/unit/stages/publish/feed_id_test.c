#include "stages/publish/feed_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <sodium.h>

static const uint8_t root[FEED_ID_KEY_SIZE] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                               11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                               22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

/* By the Python program in docs/feed-ids.md (hashlib.blake2b, and SipHash written out; checked against the reference
 * vector of its paper): independent of libsodium. */
static const struct {
    const char *advertiser, *programme, *id;
    int32_t epoch;
    const char *pseudonym;
    const char *epoch_key, *feed_id, *text, *slot_key;
    uint64_t slot_hash;
    unsigned phase; /* of 96 */
    const char *tag;
    const char *why;
} vectors[] = {
    {"acme", "tmobile", "user", 2680, "00000000000000000000000000000000",
     "0539d20391a6e3531e2a6171dc1cda94d3cd77eaca9a2b4f37ff43d8cfe315f5", "a90cdaad9f981dc9da7adc981556ffc9",
     "qQzarZ-YHcnaetyYFVb_yQ", "cb0ebac7cdf8a43d8075feaba0c6a61c", 0x52e1add8f356ab6c, 44, "1b6d5d76",
     "a feed"},
    {"acme", "tmobile", "user", 2681, "00000000000000000000000000000000",
     "5f48eeb34f621ae2a57beace75ffe6dc98e90abbc5a2d0f4bd4895312e8d2236", "9dea7a89df753812d1242308718c967a",
     "nep6id91OBLRJCMIcYyWeg", "cb0ebac7cdf8a43d8075feaba0c6a61c", 0xe503476dac7bd353, 83, "1b6d5d76",
     "its next epoch: another ID, another slot"},
    {"acme", "tmobile", "device", 2680, "00000000000000000000000000000000",
     "33b5343866a2477293f359fabec8f971eb37db6facb3a3453fa6662437a90915", "9ca508da6d3aad855da0ac2dfaa680af",
     "nKUI2m06rYVdoKwt-qaArw", "ef87055bf44c41575389a7a78196e73c", 0x59dc4e0a5c3c2b53, 51, "7c2befc8",
     "the same advertiser's feed of devices"},
    {"acmet", "mobile", "user", 2680, "00000000000000000000000000000000",
     "2840806eae1089b6baf5fdd9320837c79d2d08b6626f74b710b563bf6c26d1e3", "c2c2da07801505be5ccf5b5799972574",
     "wsLaB4AVBb5cz1tXmZcldA", "1b673ac595645788673147ab7a1857f8", 0x747880ad04059363, 3, "a02059d7",
     "the same letters, cut elsewhere"},
    {"self", "experience", "user", -1, "00112233445566778899aabbccddeeff",
     "54f76d58b3381c7756ef1c7d29eec4bfe226f895f6b30590d84a3c1f0557ab7c", "f47dc17bd477858286773a36bae80059",
     "9H3Be9R3hYKGdzo2uugAWQ", "b407165e03c90c8ad1288221ee42747d", 0xcc33d1ae747602c5, 69, "568563ad",
     "an epoch before the origin"},
};

static void assert_hex(const void *bytes, size_t size, const char *hex, const char *why)
{
    char text[2 * 64 + 1];
    assert_true(size <= 64);
    sodium_bin2hex(text, sizeof text, bytes, size);
    if (strcmp(text, hex) != 0)
        fail_msg("%s: %s instead of %s", why, text, hex);
}

static struct feed_name name_of(unsigned i)
{
    return (struct feed_name){view_of_string(vectors[i].advertiser), view_of_string(vectors[i].programme),
                              VIEW("interests"), view_of_string(vectors[i].id)};
}

static void feed_ids_equal_the_documented_vectors(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct feed_name name = name_of(i);
        const char *why = vectors[i].why;
        uint8_t key[FEED_ID_KEY_SIZE], slot_key[FEED_ID_SLOT_KEY_SIZE], id[FEED_ID_SIZE],
            tag[FEED_ID_TAG_SIZE];
        struct pseudonym pseudonym;
        char text[FEED_ID_TEXT_SIZE + 1] = {0};
        assert_int_equal(sodium_hex2bin(pseudonym.bytes, sizeof pseudonym.bytes, vectors[i].pseudonym, 32,
                                        NULL, NULL, NULL),
                         0);
        feed_id_epoch_key(root, &name, vectors[i].epoch, key);
        assert_hex(key, sizeof key, vectors[i].epoch_key, why);
        feed_id(key, &pseudonym, id);
        assert_hex(id, sizeof id, vectors[i].feed_id, why);
        feed_id_text(id, text);
        assert_string_equal(text, vectors[i].text);
        feed_id_slot_key(root, &name, slot_key);
        assert_hex(slot_key, sizeof slot_key, vectors[i].slot_key, why);
        assert_true(feed_id_slot_hash(slot_key, id) == vectors[i].slot_hash);
        assert_int_equal(feed_id_slot_hash(slot_key, id) % 96, vectors[i].phase);
        feed_id_tag(&name, tag);
        assert_hex(tag, sizeof tag, vectors[i].tag, why);
    }
}

static void feed_ids_of_two_feeds_or_epochs_have_nothing_in_common(void **state)
{
    (void)state;
    struct pseudonym pseudonym = {{7}};
    uint8_t ids[64][FEED_ID_SIZE];
    unsigned count = 0;
    static const char *const names[] = {"a", "b", "ab", ""};
    for (unsigned a = 0; a < 4; a++) {
        for (unsigned p = 0; p < 4; p++) {
            for (int32_t epoch = 0; epoch < 4; epoch++) {
                struct feed_name name = {view_of_string(names[a]), view_of_string(names[p]),
                                         VIEW("interests"), VIEW("user")};
                uint8_t key[FEED_ID_KEY_SIZE];
                feed_id_epoch_key(root, &name, epoch, key);
                feed_id(key, &pseudonym, ids[count]);
                for (unsigned i = 0; i < count; i++)
                    assert_memory_not_equal(ids[i], ids[count], FEED_ID_SIZE);
                count++;
            }
        }
    }
}

static void feed_ids_of_two_roots_differ(void **state)
{
    (void)state;
    struct feed_name name = name_of(0);
    uint8_t other[FEED_ID_KEY_SIZE] = {1}, key[FEED_ID_KEY_SIZE];
    feed_id_epoch_key(other, &name, 2680, key);
    uint8_t expected[FEED_ID_KEY_SIZE];
    feed_id_epoch_key(root, &name, 2680, expected);
    assert_memory_not_equal(key, expected, sizeof key);
    /* A tag says which feed it is and nothing else: it needs no key, and stays when the key changes. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feed_ids_equal_the_documented_vectors),
        cmocka_unit_test(feed_ids_of_two_feeds_or_epochs_have_nothing_in_common),
        cmocka_unit_test(feed_ids_of_two_roots_differ),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
