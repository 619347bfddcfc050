#include "stages/publish/feed_id.h"

#include "common/ratchet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <sodium.h>

/* The link of epoch -1. */
static const uint8_t first_link[FEED_ID_KEY_SIZE] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
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
     "f3095438afb9dcc1f1e03f78de30b436aa748aebe309b5f9c448a1f1b90526b1", "5314509fd70ce1bf1dc05ab90463a104",
     "UxRQn9cM4b8dwFq5BGOhBA", "146e42a29aa28b4e980d1197ad103c7d", 0x5fb9ef07bc936a57, 55, "1b6d5d76",
     "a feed"},
    {"acme", "tmobile", "user", 2681, "00000000000000000000000000000000",
     "bc8efe6d8e7f0bafc07c2f36b5262136889062f3397bde16049caa80a76b837f", "5ae076ebba0d1a99eb7f3113b807a06c",
     "WuB267oNGpnrfzETuAegbA", "befae1af6f741c572ce92f35d91765f6", 0x422d03f46740147e, 62, "1b6d5d76",
     "its next epoch: another ID, another slot"},
    {"acme", "tmobile", "device", 2680, "00000000000000000000000000000000",
     "340613a455fb5646ad6d4666420b16d8e695745317319da1510c82581b1192c5", "f735b75703a221432b61979fb6d256a1",
     "9zW3VwOiIUMrYZefttJWoQ", "cd360b7cb8ba60d778e5497303f774f0", 0xcf9cd3d54d40927c, 28, "7c2befc8",
     "the same advertiser's feed of devices"},
    {"acmet", "mobile", "user", 2680, "00000000000000000000000000000000",
     "fed6e41eb48716cfde6efea01a430ae2fc5c75958d31a19d702a7a99dc6a5fed", "701faa5444bae5fc806474aa7cf94ba8",
     "cB-qVES65fyAZHSqfPlLqA", "fc8cb4023589c57aaa01ed1d2f969166", 0xa36c1858a43c7d78, 24, "a02059d7",
     "the same letters, cut elsewhere"},
    {"self", "experience", "user", -1, "00112233445566778899aabbccddeeff",
     "16b6e5e7de93401a16f1aec544d70f3c14722cca861a0487eaa0ef902f5427b6", "0935441b11144624c61df40697305a58",
     "CTVEGxEURiTGHfQGlzBaWA", "54dc8ab222266a33d85264108ce8e8ba", 0xc41d55392797f562, 66, "568563ad",
     "an epoch before the origin"},
};

#define LINK_0    "7e6c96d6323d187796b762b5f826417addc5a44405854c5c0c7c81ee6aac978b"
#define LINK_2680 "96399e5245bca96e96eb62147dcbad2018cda4c5bb753abf587f11144d28fc5f"

static void assert_hex(const void *bytes, size_t size, const char *hex, const char *why)
{
    char text[2 * 64 + 1];
    assert_true(size <= 64);
    sodium_bin2hex(text, sizeof text, bytes, size);
    if (strcmp(text, hex) != 0)
        fail_msg("%s: %s instead of %s", why, text, hex);
}

static void link_of(int32_t epoch, uint8_t out_link[FEED_ID_KEY_SIZE])
{
    memcpy(out_link, first_link, FEED_ID_KEY_SIZE);
    for (int32_t at = -1; at < epoch; at++)
        ratchet_step(out_link);
}

static void links_equal_the_documented_ones(void **state)
{
    (void)state;
    uint8_t key[FEED_ID_KEY_SIZE];
    link_of(0, key);
    assert_hex(key, sizeof key, LINK_0, "the first step");
    link_of(2680, key);
    assert_hex(key, sizeof key, LINK_2680, "2681 steps");
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
        uint8_t link[FEED_ID_KEY_SIZE], key[FEED_ID_KEY_SIZE], slot_key[FEED_ID_SLOT_KEY_SIZE],
            id[FEED_ID_SIZE], tag[FEED_ID_TAG_SIZE];
        struct pseudonym pseudonym;
        char text[FEED_ID_TEXT_SIZE + 1] = {0};
        assert_int_equal(sodium_hex2bin(pseudonym.bytes, sizeof pseudonym.bytes, vectors[i].pseudonym, 32,
                                        NULL, NULL, NULL),
                         0);
        link_of(vectors[i].epoch, link);
        feed_id_epoch_key(link, &name, vectors[i].epoch, key);
        assert_hex(key, sizeof key, vectors[i].epoch_key, why);
        feed_id(key, &pseudonym, id);
        assert_hex(id, sizeof id, vectors[i].feed_id, why);
        feed_id_text(id, text);
        assert_string_equal(text, vectors[i].text);
        feed_id_slot_key(link, &name, vectors[i].epoch, slot_key);
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
                feed_id_epoch_key(first_link, &name, epoch, key); /* even of one link */
                feed_id(key, &pseudonym, ids[count]);
                for (unsigned i = 0; i < count; i++)
                    assert_memory_not_equal(ids[i], ids[count], FEED_ID_SIZE);
                count++;
            }
        }
    }
}

static void feed_ids_of_two_links_differ(void **state)
{
    (void)state;
    struct feed_name name = name_of(0);
    uint8_t other[FEED_ID_KEY_SIZE] = {1}, key[FEED_ID_KEY_SIZE];
    feed_id_epoch_key(other, &name, 2680, key);
    uint8_t expected[FEED_ID_KEY_SIZE];
    feed_id_epoch_key(first_link, &name, 2680, expected);
    assert_memory_not_equal(key, expected, sizeof key);
    feed_id_slot_key(other, &name, 2680, key);
    feed_id_slot_key(first_link, &name, 2680, expected);
    assert_memory_not_equal(key, expected, FEED_ID_SLOT_KEY_SIZE);
    feed_id_slot_key(first_link, &name, 2681, key); /* slots of two epochs are unrelated, too */
    assert_memory_not_equal(key, expected, FEED_ID_SLOT_KEY_SIZE);
    /* A tag says which feed it is and nothing else: it needs no key, and stays when the key changes. */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_equal_the_documented_ones),
        cmocka_unit_test(feed_ids_equal_the_documented_vectors),
        cmocka_unit_test(feed_ids_of_two_feeds_or_epochs_have_nothing_in_common),
        cmocka_unit_test(feed_ids_of_two_links_differ),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
