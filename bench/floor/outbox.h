/* Replies of a connection on their way to its socket. */
#ifndef OUTBOX_H
#define OUTBOX_H

#include <stddef.h>
#include <stdint.h>

#include "stream.h"

/* Bytes that the socket did not take; the memory belongs to the chunk. */
struct chunk {
    uint8_t *memory;
    size_t sent;
    size_t size;
};

struct outbox {
    struct chunk large;
    struct chunk rest;
};

enum outbox_state { OUTBOX_EMPTY, OUTBOX_WAITING, OUTBOX_BROKEN };

/*
 * Sends a large reply, whose memory it takes over (NULL if there is none), and small ones, whose memory it
 * only copies from, with one system call. The outbox must be empty before. What the socket does not take
 * waits.
 */
enum outbox_state outbox_send(struct outbox *outbox, struct stream *stream, uint8_t *large, size_t large_size,
                              const uint8_t *small, size_t small_size);

/* Sends what waits. */
enum outbox_state outbox_flush(struct outbox *outbox, struct stream *stream);

void outbox_free(struct outbox *outbox);

#endif
