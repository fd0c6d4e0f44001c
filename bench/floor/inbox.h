/* Cuts what a client receives into frames. */
#ifndef INBOX_H
#define INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "websocket.h"

struct inbox {
    uint8_t *kept; /* the beginning of a frame whose rest has not come */
    size_t kept_size;
    size_t kept_capacity;
    const uint8_t *at;
    const uint8_t *end;
};

struct frame {
    uint8_t first; /* FIN, RSV1-3 and opcode, as on the wire */
    const uint8_t *payload;
    size_t length;
};

enum inbox_state { INBOX_FRAME, INBOX_EMPTY, INBOX_BROKEN };

/* Puts in what was received; it must stay in place until the inbox is empty. */
void inbox_put(struct inbox *inbox, const uint8_t *bytes, size_t count);

/* Takes out the next whole frame. A frame with a masking key is broken: servers send none. */
enum inbox_state inbox_next(struct inbox *inbox, struct frame *frame);

void inbox_free(struct inbox *inbox);

#endif
