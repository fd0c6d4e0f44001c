/* A client connection from which whole messages are taken, compressed or not. */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec.h"
#include "inbox.h"
#include "load_options.h"
#include "opening.h"
#include "stream.h"

struct peer {
    struct stream stream;
    struct inbox inbox;
    bool deflate; /* was agreed */
    struct agreement agreement;
    struct inflater inflater;
    char agreed[AGREED_SIZE]; /* the server's Sec-WebSocket-Extensions */
    uint64_t wire_bytes;      /* payload bytes of the messages that came */
    char error[ERROR_SIZE];   /* why it failed; empty if it did not */
};

struct message {
    const uint8_t *at; /* valid until the next call for any peer */
    size_t size;
};

enum peer_state { PEER_MESSAGE, PEER_EMPTY, PEER_FAILED };

__attribute__((format(printf, 2, 3))) void peer_fail(struct peer *peer, const char *format, ...);

/* Connects and shakes hands; returns false with `error` set if that fails. */
bool peer_open(struct peer *peer, const struct load_options *options);
void peer_close(struct peer *peer);

/* Receives what has come, at most `BUFFER_SIZE`; returns false with `error` set at the end of the stream. */
bool peer_receive(struct peer *peer);

/*
 * Takes out the next message, of at most `longest` bytes. Pings are passed over: a run is shorter than the
 * time that servers give for an answer.
 */
enum peer_state peer_next(struct peer *peer, size_t longest, struct message *message);

#endif
