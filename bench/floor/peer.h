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
    char agreed[AGREED_SIZE];                              /* the server's Sec-WebSocket-Extensions */
    uint8_t pong[MAX_CLIENT_HEADER + MAX_CONTROL_PAYLOAD]; /* the answer to a ping, that is to be sent */
    size_t pong_size;
    uint64_t wire_bytes;    /* payload bytes of the messages that came */
    char error[ERROR_SIZE]; /* why it failed; empty if it did not */
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

/* Takes out the next message, of at most `longest` bytes. The answer to a ping waits for `peer_send_pong`. */
enum peer_state peer_next(struct peer *peer, size_t longest, struct message *message);

/* Sends the answer to a ping, if one is owed; for use between two frames. */
void peer_send_pong(struct peer *peer);

#endif
