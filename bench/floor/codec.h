/* permessage-deflate (RFC 7692): what was agreed, and messages deflated and inflated under it. */
#ifndef CODEC_H
#define CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

enum { RSV1_BIT = 0x40, TAIL_SIZE = 4 };

/* One direction of the agreement. */
struct direction {
    int window_bits;
    bool takeover;
};

struct agreement {
    struct direction client; /* what the client compresses */
    struct direction server;
};

/* Reads a server's Sec-WebSocket-Extensions; returns false if it is not one permessage-deflate. */
bool agreement_read(struct agreement *agreement, const char *text);

struct deflater {
    z_stream stream;
    bool takeover;
};

struct inflater {
    z_stream stream;
    bool takeover;
};

void deflater_open(struct deflater *deflater, struct direction direction, int level, int memory_level);
void deflater_close(struct deflater *deflater);

/* Returns the size that a deflated message has at most. */
size_t deflated_bound(size_t size);

/* Deflates a message without the tail of its last block (RFC 7692 §7.2.1); returns the size. */
size_t deflate_message(struct deflater *deflater, const uint8_t *message, size_t size, uint8_t *to,
                       size_t capacity);

void inflater_open(struct inflater *inflater, struct direction direction);
void inflater_close(struct inflater *inflater);

/* Inflates a message; returns false if it is broken, or longer than `capacity`. */
bool inflate_message(struct inflater *inflater, const uint8_t *from, size_t count, uint8_t *to,
                     size_t capacity, size_t *size);

#endif
