/* One connection of the load generator: it keeps some messages in flight and checks each echo. */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"
#include "load_options.h"
#include "opening.h"
#include "stream.h"
#include "websocket.h"

/* Frames ready to be sent, and what their echoes look like. A few of them are shared by all connections. */
struct script {
    uint8_t *frames; /* equal masked frames, one after the other */
    size_t frames_size;
    size_t frame_size;
    uint8_t key[MASKING_KEY_SIZE];
    const uint8_t *payload;
    size_t payload_size;
    uint8_t echo_header[MAX_SERVER_HEADER];
    size_t echo_header_size;
    size_t echo_size;
};

/* `count` messages promised at the same moment. */
struct batch {
    uint64_t promised_ns;
    uint32_t count;
};

enum client_state { CLIENT_OPEN, CLIENT_CLOSING, CLIENT_CLOSED };

struct client {
    struct stream stream;
    enum client_state state;
    bool check_all;  /* compare every payload, not a sample */
    bool check_echo; /* compare the payload of the echo that is arriving */
    bool wants_write;
    bool stopping;
    const struct script *script;
    size_t echo_filled;  /* bytes of the arriving echo so far */
    size_t owed_bytes;   /* promised and not yet taken by the socket */
    size_t frame_offset; /* where in a frame the next byte to send lies */
    uint32_t in_flight;  /* messages promised and not yet echoed */
    uint32_t depth;
    struct batch *batches; /* ring of `depth` entries, oldest first */
    uint32_t first_batch;
    uint32_t batch_count;
    uint64_t echoes;
    uint8_t control[2 + MAX_CONTROL_PAYLOAD]; /* the control frame that is arriving */
    size_t control_filled;
    uint8_t reply[2 + MASKING_KEY_SIZE + MAX_CONTROL_PAYLOAD]; /* a pong or close that waits for its turn */
    size_t reply_size;
    size_t reply_sent;
    char error[ERROR_SIZE]; /* why the connection failed; empty if it did not */
};

/* Makes the frames for one masking key. `variant` shifts the payload, so that crossed echoes are noticed. */
void script_prepare(struct script *script, const struct load_options *options, unsigned variant);

/* Connects and shakes hands; returns false with `error` set if that fails. */
bool client_open(struct client *client, const struct load_options *options, const struct script *script);

/* Promises and sends the first `depth` messages. */
void client_start(struct client *client);

/*
 * Receives once, sends as many new messages as echoes came, and returns how many those were. Their latencies
 * go into the histogram. `buffer` is scratch memory that all clients share.
 */
uint32_t client_on_readable(struct client *client, uint8_t *buffer, size_t capacity,
                            struct histogram *latencies);
void client_on_writable(struct client *client);

/* Sends no new messages and starts the closing handshake once all echoes have come. */
void client_stop(struct client *client);

#endif
