/* CRC32C (Castagnoli), reflected polynomial 0x82f63b78: by the processor's own instruction or by tables.
 *
 * The instruction gives one result per cycle but takes three, so a long input is cut into three equal lanes that are
 * computed side by side and joined afterwards: crc(A B) = shift(crc(A), |B|) ^ crc(B), where shift() appends zeros,
 * a linear map of 32 bits that four tables of 256 entries look up for a fixed |B|. The portable way takes eight bytes
 * a step through eight tables. All functions here work on the raw register (callers invert before and after).
 * The tables are filled once, at import, by crc32c_init().
 */
#ifndef KSTORE_CRC32C_H
#define KSTORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CRC32C_POLYNOMIAL 0x82f63b78u
#define CRC32C_LANE_LONG 4096
#define CRC32C_LANE_SHORT 168

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <nmmintrin.h>
#define CRC32C_HARDWARE 1
#define CRC32C_TARGET __attribute__((target("sse4.2")))
#define CRC32C_WORD(crc, word) ((uint32_t)_mm_crc32_u64((crc), (word)))
#define CRC32C_BYTE(crc, byte) (_mm_crc32_u8((crc), (byte)))
#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#define CRC32C_HARDWARE 1
#define CRC32C_TARGET
#define CRC32C_WORD(crc, word) (__crc32cd((crc), (word)))
#define CRC32C_BYTE(crc, byte) (__crc32cb((crc), (byte)))
#else
#define CRC32C_HARDWARE 0
#endif

static uint32_t crc32c_slices[8][256];
static uint32_t crc32c_shift_long[4][256];
static uint32_t crc32c_shift_short[4][256];

static inline uint64_t crc32c_word_at(const uint8_t *p) {
    uint64_t word;
    memcpy(&word, p, 8);
    return word;
}

/* Tables for appending n zero bytes: each basis bit is pushed through them once, the rest follows by xor. */
static void crc32c_fill_shift(uint32_t tables[4][256], size_t n) {
    for (int bit = 0; bit < 32; bit++) {
        uint32_t crc = 1u << bit;
        for (size_t i = 0; i < n; i++)
            crc = (crc >> 8) ^ crc32c_slices[0][crc & 0xff];
        uint32_t *table = tables[bit / 8];
        uint32_t low = 1u << (bit % 8);
        for (uint32_t rest = 0; rest < low; rest++)
            table[low + rest] = table[rest] ^ crc;
    }
}

static void crc32c_init(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? CRC32C_POLYNOMIAL : 0);
        crc32c_slices[0][i] = crc;
    }
    for (int slice = 1; slice < 8; slice++)
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t before = crc32c_slices[slice - 1][i];
            crc32c_slices[slice][i] = (before >> 8) ^ crc32c_slices[0][before & 0xff];
        }
    crc32c_fill_shift(crc32c_shift_long, CRC32C_LANE_LONG);
    crc32c_fill_shift(crc32c_shift_short, CRC32C_LANE_SHORT);
}

static uint32_t crc32c_by_tables(uint32_t crc, const uint8_t *p, size_t n) {
    for (; n >= 8; p += 8, n -= 8) {
        uint32_t low = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
        crc = crc32c_slices[7][low & 0xff] ^ crc32c_slices[6][low >> 8 & 0xff] ^
              crc32c_slices[5][low >> 16 & 0xff] ^ crc32c_slices[4][low >> 24] ^
              crc32c_slices[3][p[4]] ^ crc32c_slices[2][p[5]] ^ crc32c_slices[1][p[6]] ^ crc32c_slices[0][p[7]];
    }
    for (; n > 0; p++, n--)
        crc = (crc >> 8) ^ crc32c_slices[0][(crc ^ *p) & 0xff];
    return crc;
}

#if CRC32C_HARDWARE
static inline uint32_t crc32c_shifted(const uint32_t tables[4][256], uint32_t crc) {
    return tables[0][crc & 0xff] ^ tables[1][crc >> 8 & 0xff] ^ tables[2][crc >> 16 & 0xff] ^ tables[3][crc >> 24];
}

#define CRC32C_THREE_LANES(lane, tables)                                        \
    while (n >= 3 * (lane)) {                                                   \
        uint32_t second = 0, third = 0;                                         \
        for (size_t i = 0; i < (lane); i += 8) {                                \
            crc = CRC32C_WORD(crc, crc32c_word_at(p + i));                      \
            second = CRC32C_WORD(second, crc32c_word_at(p + (lane) + i));       \
            third = CRC32C_WORD(third, crc32c_word_at(p + 2 * (lane) + i));     \
        }                                                                       \
        crc = crc32c_shifted((tables), crc) ^ second;                           \
        crc = crc32c_shifted((tables), crc) ^ third;                            \
        p += 3 * (lane);                                                        \
        n -= 3 * (lane);                                                        \
    }

CRC32C_TARGET static uint32_t crc32c_by_hardware(uint32_t crc, const uint8_t *p, size_t n) {
    CRC32C_THREE_LANES(CRC32C_LANE_LONG, crc32c_shift_long)
    CRC32C_THREE_LANES(CRC32C_LANE_SHORT, crc32c_shift_short)
    for (; n >= 8; p += 8, n -= 8)
        crc = CRC32C_WORD(crc, crc32c_word_at(p));
    for (; n > 0; p++, n--)
        crc = CRC32C_BYTE(crc, *p);
    return crc;
}

static int crc32c_has_hardware(void) {
#if defined(__x86_64__)
    return __builtin_cpu_supports("sse4.2");
#else
    return 1;
#endif
}
#else
static uint32_t crc32c_by_hardware(uint32_t crc, const uint8_t *p, size_t n) { return crc32c_by_tables(crc, p, n); }
static int crc32c_has_hardware(void) { return 0; }
#endif

#endif
