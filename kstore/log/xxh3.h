/* XXH3-128 of a key, without the GIL: what the xxhash package's xxh3_128 gives for seed 0 (a test holds it to that).
 *
 * That package offers no C interface, and a call of it in Python for each key costs more than all else that compaction
 * does with a record. Written after Yann Collet's xxHash (BSD 2-Clause License, Copyright (C) 2012-2023 Yann Collet),
 * in its portable form: keys are short, and the vectors of the library pay only from 240 bytes on. It needs a compiler
 * that has numbers of 128 bits.
 */
#ifndef KSTORE_XXH3_H
#define KSTORE_XXH3_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define XXH3_P32_1 0x9E3779B1u
#define XXH3_P32_2 0x85EBCA77u
#define XXH3_P32_3 0xC2B2AE3Du
#define XXH3_P64_1 0x9E3779B185EBCA87ull
#define XXH3_P64_2 0xC2B2AE3D27D4EB4Full
#define XXH3_P64_3 0x165667B19E3779F9ull
#define XXH3_P64_4 0x85EBCA77C2B2AE63ull
#define XXH3_P64_5 0x27D4EB2F165667C5ull
#define XXH3_MX1 0x165667919E3779F9ull
#define XXH3_MX2 0x9FB21C651E98DF25ull

#define XXH3_SECRET_BYTES 192
#define XXH3_SECRET_BYTES_LEAST 136
#define XXH3_STRIPE_BYTES 64
#define XXH3_BLOCK_STRIPES ((XXH3_SECRET_BYTES - XXH3_STRIPE_BYTES) / 8)
#define XXH3_BLOCK_BYTES (XXH3_STRIPE_BYTES * XXH3_BLOCK_STRIPES)

typedef struct { uint64_t low, high; } xxh3_digest;

static const uint8_t xxh3_secret[XXH3_SECRET_BYTES] = {
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
};

static inline uint64_t xxh3_read64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static inline uint32_t xxh3_read32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap32(v);
#endif
    return v;
}

static inline xxh3_digest xxh3_multiply(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    xxh3_digest parts = {(uint64_t)product, (uint64_t)(product >> 64)};
    return parts;
}

static inline uint64_t xxh3_folded(uint64_t a, uint64_t b) {
    xxh3_digest parts = xxh3_multiply(a, b);
    return parts.low ^ parts.high;
}

static inline uint64_t xxh3_avalanche(uint64_t h) {
    h ^= h >> 37;
    h *= XXH3_MX1;
    return h ^ (h >> 32);
}

static inline uint64_t xxh3_avalanche_short(uint64_t h) {
    h ^= h >> 33;
    h *= XXH3_P64_2;
    h ^= h >> 29;
    h *= XXH3_P64_3;
    return h ^ (h >> 32);
}

static inline xxh3_digest xxh3_of_0_to_3(const uint8_t *key, size_t n) {
    xxh3_digest h;
    uint32_t low, high;
    if (n == 0) {
        h.low = xxh3_avalanche_short(xxh3_read64(xxh3_secret + 64) ^ xxh3_read64(xxh3_secret + 72));
        h.high = xxh3_avalanche_short(xxh3_read64(xxh3_secret + 80) ^ xxh3_read64(xxh3_secret + 88));
        return h;
    }
    low = (uint32_t)key[0] << 16 | (uint32_t)key[n >> 1] << 24 | (uint32_t)key[n - 1] | (uint32_t)n << 8;
    high = __builtin_bswap32(low);
    high = high << 13 | high >> 19;
    h.low = xxh3_avalanche_short(low ^ (uint64_t)(xxh3_read32(xxh3_secret) ^ xxh3_read32(xxh3_secret + 4)));
    h.high = xxh3_avalanche_short(high ^ (uint64_t)(xxh3_read32(xxh3_secret + 8) ^ xxh3_read32(xxh3_secret + 12)));
    return h;
}

static inline xxh3_digest xxh3_of_4_to_8(const uint8_t *key, size_t n) {
    uint64_t both = xxh3_read32(key) + ((uint64_t)xxh3_read32(key + n - 4) << 32);
    uint64_t keyed = both ^ xxh3_read64(xxh3_secret + 16) ^ xxh3_read64(xxh3_secret + 24);
    xxh3_digest h = xxh3_multiply(keyed, XXH3_P64_1 + (n << 2));
    h.high += h.low << 1;
    h.low ^= h.high >> 3;
    h.low ^= h.low >> 35;
    h.low *= XXH3_MX2;
    h.low ^= h.low >> 28;
    h.high = xxh3_avalanche(h.high);
    return h;
}

static inline xxh3_digest xxh3_of_9_to_16(const uint8_t *key, size_t n) {
    uint64_t low = xxh3_read64(key), high = xxh3_read64(key + n - 8);
    uint64_t flip_low = xxh3_read64(xxh3_secret + 32) ^ xxh3_read64(xxh3_secret + 40);
    uint64_t flip_high = xxh3_read64(xxh3_secret + 48) ^ xxh3_read64(xxh3_secret + 56);
    xxh3_digest h, m = xxh3_multiply(low ^ high ^ flip_low, XXH3_P64_1);
    m.low += (uint64_t)(n - 1) << 54;
    high ^= flip_high;
    m.high += high + (uint64_t)(uint32_t)high * (XXH3_P32_2 - 1);
    m.low ^= __builtin_bswap64(m.high);
    h = xxh3_multiply(m.low, XXH3_P64_2);
    h.high += m.high * XXH3_P64_2;
    h.low = xxh3_avalanche(h.low);
    h.high = xxh3_avalanche(h.high);
    return h;
}

static inline uint64_t xxh3_mix16(const uint8_t *key, const uint8_t *secret) {
    return xxh3_folded(xxh3_read64(key) ^ xxh3_read64(secret), xxh3_read64(key + 8) ^ xxh3_read64(secret + 8));
}

static inline void xxh3_mix32(xxh3_digest *acc, const uint8_t *a, const uint8_t *b, const uint8_t *secret) {
    acc->low += xxh3_mix16(a, secret);
    acc->low ^= xxh3_read64(b) + xxh3_read64(b + 8);
    acc->high += xxh3_mix16(b, secret + 16);
    acc->high ^= xxh3_read64(a) + xxh3_read64(a + 8);
}

static inline xxh3_digest xxh3_finished(xxh3_digest acc, size_t n) {
    xxh3_digest h;
    h.low = xxh3_avalanche(acc.low + acc.high);
    h.high = 0 - xxh3_avalanche(acc.low * XXH3_P64_1 + acc.high * XXH3_P64_4 + n * XXH3_P64_2);
    return h;
}

static inline xxh3_digest xxh3_of_17_to_128(const uint8_t *key, size_t n) {
    xxh3_digest acc = {n * XXH3_P64_1, 0};
    int i;
    for (i = (int)(n - 1) / 32; i >= 0; i--)
        xxh3_mix32(&acc, key + 16 * i, key + n - 16 * (i + 1), xxh3_secret + 32 * i);
    return xxh3_finished(acc, n);
}

static xxh3_digest xxh3_of_129_to_240(const uint8_t *key, size_t n) {
    const uint8_t *last = xxh3_secret + XXH3_SECRET_BYTES_LEAST - 17;
    xxh3_digest acc = {n * XXH3_P64_1, 0};
    size_t i;
    for (i = 32; i < 160; i += 32)
        xxh3_mix32(&acc, key + i - 32, key + i - 16, xxh3_secret + i - 32);
    acc.low = xxh3_avalanche(acc.low);
    acc.high = xxh3_avalanche(acc.high);
    for (i = 160; i <= n; i += 32)
        xxh3_mix32(&acc, key + i - 32, key + i - 16, xxh3_secret + 3 + i - 160);
    xxh3_mix32(&acc, key + n - 16, key + n - 32, last - 16);
    return xxh3_finished(acc, n);
}

static inline void xxh3_add_stripe(uint64_t *acc, const uint8_t *key, const uint8_t *secret) {
    int lane;
    for (lane = 0; lane < 8; lane++) {
        uint64_t value = xxh3_read64(key + 8 * lane);
        uint64_t keyed = value ^ xxh3_read64(secret + 8 * lane);
        acc[lane ^ 1] += value;
        acc[lane] += (keyed & 0xFFFFFFFFu) * (keyed >> 32);
    }
}

static uint64_t xxh3_merged(const uint64_t *acc, const uint8_t *secret, uint64_t start) {
    int i;
    for (i = 0; i < 4; i++) {
        uint64_t even = acc[2 * i] ^ xxh3_read64(secret + 16 * i);
        start += xxh3_folded(even, acc[2 * i + 1] ^ xxh3_read64(secret + 16 * i + 8));
    }
    return xxh3_avalanche(start);
}

static xxh3_digest xxh3_of_more(const uint8_t *key, size_t n) {
    uint64_t acc[8] = {XXH3_P32_3, XXH3_P64_1, XXH3_P64_2, XXH3_P64_3, XXH3_P64_4, XXH3_P32_2, XXH3_P64_5, XXH3_P32_1};
    const uint8_t *end = xxh3_secret + XXH3_SECRET_BYTES;
    size_t blocks = (n - 1) / XXH3_BLOCK_BYTES, stripes = ((n - 1) - XXH3_BLOCK_BYTES * blocks) / XXH3_STRIPE_BYTES;
    size_t block, stripe;
    int lane;
    xxh3_digest h;
    for (block = 0; block < blocks; block++) {
        for (stripe = 0; stripe < XXH3_BLOCK_STRIPES; stripe++)
            xxh3_add_stripe(acc, key + block * XXH3_BLOCK_BYTES + stripe * XXH3_STRIPE_BYTES, xxh3_secret + 8 * stripe);
        for (lane = 0; lane < 8; lane++) {
            acc[lane] ^= acc[lane] >> 47;
            acc[lane] = (acc[lane] ^ xxh3_read64(end - XXH3_STRIPE_BYTES + 8 * lane)) * XXH3_P32_1;
        }
    }
    for (stripe = 0; stripe < stripes; stripe++)
        xxh3_add_stripe(acc, key + blocks * XXH3_BLOCK_BYTES + stripe * XXH3_STRIPE_BYTES, xxh3_secret + 8 * stripe);
    xxh3_add_stripe(acc, key + n - XXH3_STRIPE_BYTES, end - XXH3_STRIPE_BYTES - 7);
    h.low = xxh3_merged(acc, xxh3_secret + 11, n * XXH3_P64_1);
    h.high = xxh3_merged(acc, end - XXH3_STRIPE_BYTES - 11, ~(n * XXH3_P64_2));
    return h;
}

static inline xxh3_digest xxh3_128(const uint8_t *key, size_t n) {
    if (n <= 3) return xxh3_of_0_to_3(key, n);
    if (n <= 8) return xxh3_of_4_to_8(key, n);
    if (n <= 16) return xxh3_of_9_to_16(key, n);
    if (n <= 128) return xxh3_of_17_to_128(key, n);
    if (n <= 240) return xxh3_of_129_to_240(key, n);
    return xxh3_of_more(key, n);
}

/* Where a digest's search begins in a table of so many slots. */
static inline size_t xxh3_slot(xxh3_digest digest, size_t slots) {
    return (size_t)xxh3_multiply(digest.low, slots).high;
}

#endif
