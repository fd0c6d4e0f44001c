/* The frame layout of RFC 6455 §5.2, shared by the echo server and the load generator. */
#ifndef WEBSOCKET_H
#define WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum opcode {
    OPCODE_CONTINUATION = 0x0,
    OPCODE_TEXT = 0x1,
    OPCODE_BINARY = 0x2,
    OPCODE_CLOSE = 0x8,
    OPCODE_PING = 0x9,
    OPCODE_PONG = 0xA,
};

enum close_code {
    CLOSE_NORMAL = 1000,
    CLOSE_PROTOCOL_ERROR = 1002,
    CLOSE_MESSAGE_TOO_BIG = 1009,
};

enum {
    FIN_BIT = 0x80,
    RESERVED_BITS = 0x70,
    OPCODE_BITS = 0x0F,
    CONTROL_BIT = 0x08,
    MASK_BIT = 0x80,
    LENGTH_BITS = 0x7F,
    LENGTH_IS_16_BITS = 126,
    LENGTH_IS_64_BITS = 127,
    MAX_CONTROL_PAYLOAD = 125,
    MASKING_KEY_SIZE = 4,
    MAX_SERVER_HEADER = 10,
    MAX_CLIENT_HEADER = MAX_SERVER_HEADER + MASKING_KEY_SIZE,
};

struct frame_header {
    uint64_t length;
    uint8_t first; /* FIN, RSV1-3 and opcode, as on the wire */
    bool masked;
    uint8_t key[MASKING_KEY_SIZE];
};

static inline uint64_t read_big_endian(const uint8_t *from, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        value = value << 8 | from[i];
    }
    return value;
}

static inline void write_big_endian(uint8_t *to, uint64_t value, size_t count)
{
    for (size_t i = count; i-- > 0; value >>= 8) {
        to[i] = (uint8_t)value;
    }
}

/* Returns the header's size, or 0 while `available` bytes do not hold all of it. */
static inline size_t parse_header(const uint8_t *from, size_t available, struct frame_header *header)
{
    if (available < 2) {
        return 0;
    }
    header->first = from[0];
    header->masked = from[1] & MASK_BIT;
    header->length = from[1] & LENGTH_BITS;
    size_t extended = header->length == LENGTH_IS_16_BITS ? 2 : header->length == LENGTH_IS_64_BITS ? 8 : 0;
    size_t size = 2 + extended + (header->masked ? MASKING_KEY_SIZE : 0);
    if (available < size) {
        return 0;
    }
    if (extended) {
        header->length = read_big_endian(from + 2, extended);
    }
    if (header->masked) {
        memcpy(header->key, from + 2 + extended, MASKING_KEY_SIZE);
    }
    return size;
}

/* Writes the header of a frame; `key` is NULL in a server's frame. Returns its size. */
static inline size_t write_header(uint8_t *to, uint8_t first, uint64_t length, const uint8_t *key)
{
    uint8_t mask_bit = key ? MASK_BIT : 0;
    size_t size = 2;
    to[0] = first;
    if (length <= MAX_CONTROL_PAYLOAD) {
        to[1] = (uint8_t)(mask_bit | length);
    } else if (length <= UINT16_MAX) {
        to[1] = mask_bit | LENGTH_IS_16_BITS;
        write_big_endian(to + 2, length, 2);
        size += 2;
    } else {
        to[1] = mask_bit | LENGTH_IS_64_BITS;
        write_big_endian(to + 2, length, 8);
        size += 8;
    }
    if (key) {
        memcpy(to + size, key, MASKING_KEY_SIZE);
        size += MASKING_KEY_SIZE;
    }
    return size;
}

/* Masks or unmasks `count` bytes; `position` is where they begin in the payload. `to` may equal `from`. */
static inline void apply_mask(uint8_t *to, const uint8_t *from, size_t count, const uint8_t *key,
                              size_t position)
{
    uint8_t turned[8];
    for (size_t i = 0; i < sizeof turned; i++) {
        turned[i] = key[(position + i) % MASKING_KEY_SIZE];
    }
    uint64_t wide_key;
    memcpy(&wide_key, turned, sizeof wide_key);
    size_t i = 0;
    for (; i + sizeof wide_key <= count; i += sizeof wide_key) {
        uint64_t word;
        memcpy(&word, from + i, sizeof word);
        word ^= wide_key;
        memcpy(to + i, &word, sizeof word);
    }
    for (; i < count; i++) {
        to[i] = from[i] ^ turned[i % sizeof turned];
    }
}

#endif
