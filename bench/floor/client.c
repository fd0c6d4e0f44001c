#include "client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "clocks.h"
#include "system.h"

enum {
    LONGEST_BATCH = 256 * 1024, /* bytes of frames prepared for one send(); at least one frame */
    PAYLOAD_VARIANTS = 26,      /* the payload is the alphabet, begun at another letter */
    CHECKED_ONE_IN = 8,         /* a power of two */
};

__attribute__((format(printf, 2, 3))) static void fail(struct client *client, const char *format, ...)
{
    if (client->state == CLIENT_CLOSED) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(client->error, sizeof client->error, format, arguments);
    va_end(arguments);
    client->state = CLIENT_CLOSED;
    stream_close(&client->stream);
}

void script_prepare(struct script *script, const struct load_options *options, unsigned variant)
{
    uint8_t first = FIN_BIT | (options->text ? OPCODE_TEXT : OPCODE_BINARY);
    uint8_t *payload = allocate(options->size);
    for (size_t i = 0; i < options->size; i++) {
        payload[i] = (uint8_t)('a' + (i + variant) % PAYLOAD_VARIANTS);
    }
    script->payload = payload;
    script->payload_size = options->size;
    fill_random(script->key, MASKING_KEY_SIZE);
    script->echo_header_size = write_header(script->echo_header, first, options->size, NULL);
    script->echo_size = script->echo_header_size + options->size;

    uint8_t header[MAX_CLIENT_HEADER];
    size_t header_size = write_header(header, first, options->size, script->key);
    script->frame_size = header_size + options->size;
    size_t copies = LONGEST_BATCH / script->frame_size;
    copies = copies < options->depth ? copies : options->depth;
    /* One more than a batch, so that a batch which begins inside a frame still leaves with one send(). */
    script->frames_size = (copies + 1) * script->frame_size;
    script->frames = allocate(script->frames_size);
    for (uint8_t *frame = script->frames; frame < script->frames + script->frames_size;
         frame += script->frame_size) {
        memcpy(frame, header, header_size);
        apply_mask(frame + header_size, payload, options->size, script->key, 0);
    }
}

/* ---- Opening ------------------------------------------------------------------------------------------- */

static size_t take_bytes(struct client *client, const uint8_t *bytes, size_t count);

bool client_open(struct client *client, const struct load_options *options, const struct script *script)
{
    *client = (struct client){
        .script = script,
        .depth = options->depth,
        .batches = allocate(options->depth * sizeof *client->batches),
    };
    struct opening opening;
    if (!opening_run(&opening, &client->stream, options)) {
        memcpy(client->error, opening.error, ERROR_SIZE);
        client->state = CLIENT_CLOSED;
        return false;
    }
    take_bytes(client, opening.rest, opening.rest_size);
    return client->state == CLIENT_OPEN;
}

/* ---- Sending ------------------------------------------------------------------------------------------- */

/* Returns false if the socket did not take it all. */
static bool send_bytes(struct client *client, const uint8_t *bytes, size_t count, size_t *sent)
{
    ssize_t taken = stream_send(&client->stream, bytes, count);
    *sent = taken < 0 ? 0 : (size_t)taken;
    if (taken < 0 && errno != EAGAIN && errno != EINTR) {
        fail(client, "cannot send: %s", strerror(errno));
    }
    return *sent == count;
}

static void queue_control(struct client *client, uint8_t opcode, const uint8_t *payload, size_t count)
{
    if (client->reply_sent > 0 || client->state == CLIENT_CLOSING) {
        return; /* RFC 6455 §5.5.3: only the latest ping needs an answer; §5.5.1: none after a close */
    }
    uint8_t key[MASKING_KEY_SIZE];
    fill_random(key, sizeof key);
    client->reply_size = write_header(client->reply, FIN_BIT | opcode, count, key);
    apply_mask(client->reply + client->reply_size, payload, count, key, 0);
    client->reply_size += count;
}

static bool send_control(struct client *client)
{
    size_t sent;
    bool all = send_bytes(client, client->reply + client->reply_sent, client->reply_size - client->reply_sent,
                          &sent);
    client->reply_sent += sent;
    if (all) {
        client->reply_sent = client->reply_size = 0;
    }
    return all;
}

static void begin_close(struct client *client)
{
    uint8_t code[2];
    write_big_endian(code, CLOSE_NORMAL, sizeof code);
    queue_control(client, OPCODE_CLOSE, code, sizeof code);
    client->state = CLIENT_CLOSING;
}

/* Sends what is owed until the socket is full; a pong or close goes out between two frames. */
static void flush(struct client *client)
{
    const struct script *script = client->script;
    bool writable = true;
    while (writable && client->state != CLIENT_CLOSED) {
        if (client->reply_size && client->frame_offset == 0) {
            writable = send_control(client);
        } else if (client->owed_bytes) {
            size_t count = script->frames_size - client->frame_offset;
            count = count < client->owed_bytes ? count : client->owed_bytes;
            size_t sent;
            writable = send_bytes(client, script->frames + client->frame_offset, count, &sent);
            client->owed_bytes -= sent;
            client->frame_offset = (client->frame_offset + sent) % script->frame_size;
        } else if (client->stopping && client->in_flight == 0 && client->state == CLIENT_OPEN) {
            begin_close(client);
        } else {
            break;
        }
    }
    client->wants_write = client->owed_bytes || client->reply_size;
}

static void promise(struct client *client, uint32_t count)
{
    uint32_t last = (client->first_batch + client->batch_count) % client->depth;
    client->batches[last] = (struct batch){now_ns(), count};
    client->batch_count++;
    client->in_flight += count;
    client->owed_bytes += count * client->script->frame_size;
}

void client_start(struct client *client)
{
    promise(client, client->depth);
    flush(client);
}

void client_on_writable(struct client *client)
{
    flush(client);
}

void client_stop(struct client *client)
{
    size_t frame_size = client->script->frame_size;
    size_t begun = client->frame_offset ? frame_size - client->frame_offset : 0;
    client->in_flight -= (uint32_t)((client->owed_bytes - begun) / frame_size);
    client->owed_bytes = begun;
    client->stopping = true;
    flush(client);
}

/* ---- Receiving ----------------------------------------------------------------------------------------- */

static void handle_control(struct client *client)
{
    const uint8_t *payload = client->control + 2;
    size_t length = client->control[1];
    switch (client->control[0]) {
    case FIN_BIT | OPCODE_PING: queue_control(client, OPCODE_PONG, payload, length); break;
    case FIN_BIT | OPCODE_PONG: break;
    case FIN_BIT | OPCODE_CLOSE:
        if (client->state == CLIENT_CLOSING) {
            client->state = CLIENT_CLOSED;
            stream_close(&client->stream);
        } else {
            unsigned code = length >= 2 ? (unsigned)read_big_endian(payload, 2) : 0;
            fail(client, "the server closed with code %u", code);
        }
        break;
    default:
        fail(client, "expected an echo that begins with %02x %02x, got %02x %02x",
             client->script->echo_header[0], client->script->echo_header[1], client->control[0],
             client->control[1]);
    }
}

/* Takes one byte of a frame that is not an echo: it must be a control frame. */
static void take_control_byte(struct client *client, uint8_t byte)
{
    client->control[client->control_filled++] = byte;
    if (client->control_filled < 2) {
        return;
    }
    bool is_control = client->control[0] & CONTROL_BIT && client->control[1] <= MAX_CONTROL_PAYLOAD;
    if (!is_control || client->control_filled == 2 + (size_t)client->control[1]) {
        client->control_filled = 0;
        handle_control(client);
    }
}

/* Takes bytes of the arriving echo and returns how many; fails the client if they are not what was sent. */
static size_t take_echo_bytes(struct client *client, const uint8_t *bytes, size_t count)
{
    const struct script *script = client->script;
    size_t filled = client->echo_filled;
    size_t rest = script->echo_size - filled;
    size_t taken = count < rest ? count : rest;
    size_t header = 0;
    if (filled < script->echo_header_size) {
        header = script->echo_header_size - filled;
        header = header < taken ? header : taken;
        if (memcmp(bytes, script->echo_header + filled, header) != 0) {
            fail(client, "an echo has the wrong opcode or length");
            return count;
        }
    }
    if (client->check_echo) {
        size_t position = filled + header - script->echo_header_size;
        if (taken > header && memcmp(bytes + header, script->payload + position, taken - header) != 0) {
            fail(client, "an echo has the wrong payload");
            return count;
        }
    }
    client->echo_filled = filled + taken;
    return taken;
}

/* Returns how many echoes were completed. */
static size_t take_bytes(struct client *client, const uint8_t *bytes, size_t count)
{
    const struct script *script = client->script;
    size_t echoes = 0;
    for (size_t at = 0; at < count && client->state != CLIENT_CLOSED;) {
        bool at_boundary = client->echo_filled == 0;
        if (at_boundary && (client->control_filled || bytes[at] != script->echo_header[0])) {
            take_control_byte(client, bytes[at++]);
            continue;
        }
        at += take_echo_bytes(client, bytes + at, count - at);
        if (client->echo_filled == script->echo_size) {
            client->echo_filled = 0;
            echoes++;
            client->echoes++;
            client->check_echo = client->check_all || client->echoes % CHECKED_ONE_IN == 0;
        }
    }
    return echoes;
}

/* Takes `count` echoes off the oldest batches: WebSocket keeps the order of messages. */
static void settle(struct client *client, uint32_t count, struct histogram *latencies)
{
    uint64_t now = now_ns();
    client->in_flight -= count;
    while (count) {
        struct batch *oldest = &client->batches[client->first_batch];
        uint32_t part = count < oldest->count ? count : oldest->count;
        histogram_record(latencies, now - oldest->promised_ns, part);
        count -= part;
        oldest->count -= part;
        if (oldest->count == 0) {
            client->first_batch = (client->first_batch + 1) % client->depth;
            client->batch_count--;
        }
    }
}

/* Takes what was received; returns how many echoes came. */
static uint32_t take_received(struct client *client, const uint8_t *buffer, size_t received,
                              struct histogram *latencies)
{
    size_t echoes = take_bytes(client, buffer, received);
    size_t frame_size = client->script->frame_size;
    size_t unsent = (client->owed_bytes + frame_size - 1) / frame_size;
    if (client->state == CLIENT_CLOSED) {
        return (uint32_t)echoes;
    }
    if (echoes > client->in_flight - unsent) {
        fail(client, "the server echoed more messages than were sent");
        return 0;
    }
    uint32_t count = (uint32_t)echoes;
    if (count) {
        settle(client, count, latencies);
        if (!client->stopping) {
            promise(client, count);
        }
    }
    flush(client);
    return count;
}

uint32_t client_on_readable(struct client *client, uint8_t *buffer, size_t capacity,
                            struct histogram *latencies)
{
    uint32_t echoes = 0;
    ssize_t received;
    do {
        received = stream_receive(&client->stream, buffer, capacity);
        if (received > 0) {
            echoes += take_received(client, buffer, (size_t)received, latencies);
        } else if (received == 0 || (errno != EAGAIN && errno != EINTR)) {
            fail(client, "the server disconnected: %s", received ? strerror(errno) : "end of stream");
        }
        /* A full buffer may leave something inside the stream, and nothing would wake us for that. */
    } while (client->state != CLIENT_CLOSED && received == (ssize_t)capacity
             && stream_has_pending(&client->stream));
    return echoes;
}
