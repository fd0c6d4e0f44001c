/* One connection of the compressed load: it keeps some messages in flight and checks each echo. */
#ifndef DEFLATE_CLIENT_H
#define DEFLATE_CLIENT_H

#include "deflate_script.h"
#include "histogram.h"
#include "load_options.h"
#include "peer.h"

struct deflate_client {
    struct peer peer;
    const struct deflate_script *script;
    size_t entry;    /* of the script: what is sent next, or is being sent */
    size_t cursor;   /* where in the script's frames the next byte to send lies */
    uint32_t owed;   /* messages promised and not yet wholly taken by the socket */
    size_t expected; /* the entry whose echo comes next */
    uint32_t depth;
    uint64_t *promised_ns; /* ring of `depth` entries: when the messages in flight were promised */
    uint32_t first;
    uint32_t in_flight;
    bool wants_write;
};

/* Takes over an open peer that agreed to what the script was made for. */
void deflate_client_begin(struct deflate_client *client, const struct deflate_script *script, uint32_t depth);

/* Promises messages, and sends what the socket takes; `peer.error` is set if the server is gone. */
void deflate_client_send(struct deflate_client *client, uint32_t count);

/* Receives once and checks the echoes; returns how many came. `peer.error` is set if one was wrong. */
uint32_t deflate_client_receive(struct deflate_client *client, struct histogram *latencies);

#endif
