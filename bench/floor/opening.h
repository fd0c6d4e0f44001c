/* The client's side of the opening handshake. */
#ifndef OPENING_H
#define OPENING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handshake.h"
#include "load_options.h"
#include "stream.h"

enum { ERROR_SIZE = 160, AGREED_SIZE = 160 };

struct opening {
    char key[KEY_LENGTH + 1];
    char request[1024];
    size_t request_size;
    bool offered;             /* an extension */
    char agreed[AGREED_SIZE]; /* the server's Sec-WebSocket-Extensions; empty if there is none */
    char error[ERROR_SIZE];   /* why it failed; empty if it did not */
    uint8_t rest[MAX_HEAD];   /* what came after the response */
    size_t rest_size;
};

void fill_random(void *to, size_t count);

/* Builds a request with a fresh key; returns false with `error` set if it does not fit. */
bool opening_prepare(struct opening *opening, const struct load_options *options);

/* Judges a complete response; returns false with `error` set if it does not open the WebSocket. */
bool opening_judge(struct opening *opening, struct text head);

/* Connects and shakes hands, blocking, and makes the stream non-blocking; returns false with `error` set. */
bool opening_run(struct opening *opening, struct stream *stream, const struct load_options *options);

#endif
