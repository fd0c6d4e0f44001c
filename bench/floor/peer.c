#include "peer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "system.h"

enum { BUFFER_SIZE = 256 * 1024 };

void peer_fail(struct peer *peer, const char *format, ...)
{
    if (!peer->error[0]) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(peer->error, sizeof peer->error, format, arguments);
        va_end(arguments);
    }
}

bool peer_open(struct peer *peer, const struct load_options *options)
{
    *peer = (struct peer){0};
    struct opening opening;
    if (!opening_run(&opening, &peer->stream, options)) {
        memcpy(peer->error, opening.error, ERROR_SIZE);
        return false;
    }
    memcpy(peer->agreed, opening.agreed, AGREED_SIZE);
    peer->deflate = peer->agreed[0] != '\0';
    if (peer->deflate) {
        if (!agreement_read(&peer->agreement, peer->agreed)) {
            peer_fail(peer, "the server agreed to what was not offered: %.100s", peer->agreed);
            peer_close(peer);
            return false;
        }
        inflater_open(&peer->inflater, peer->agreement.server);
    }
    inbox_put(&peer->inbox, opening.rest, opening.rest_size);
    return true;
}

void peer_close(struct peer *peer)
{
    stream_close(&peer->stream);
    inbox_free(&peer->inbox);
    if (peer->deflate) {
        inflater_close(&peer->inflater);
    }
}

bool peer_receive(struct peer *peer)
{
    static uint8_t buffer[BUFFER_SIZE];
    ssize_t received = stream_receive(&peer->stream, buffer, sizeof buffer);
    if (received > 0) {
        inbox_put(&peer->inbox, buffer, (size_t)received);
        return true;
    }
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) {
        return true;
    }
    peer_fail(peer, "the server disconnected: %s", received ? strerror(errno) : "end of stream");
    return false;
}

static enum peer_state unpack(struct peer *peer, const struct frame *frame, size_t longest,
                              struct message *message)
{
    static uint8_t *plain;
    static size_t capacity;
    if (capacity < longest + 1) {
        capacity = longest + 1;
        plain = allocate(capacity);
    }
    /* One byte more than wanted, so that a message that is too long is noticed. */
    if (!inflate_message(&peer->inflater, frame->payload, frame->length, plain, longest + 1,
                         &message->size)) {
        peer_fail(peer, "a compressed message is broken or too long");
        return PEER_FAILED;
    }
    message->at = plain;
    return PEER_MESSAGE;
}

static void owe_pong(struct peer *peer, const struct frame *ping)
{
    uint8_t key[MASKING_KEY_SIZE];
    size_t length = ping->length < MAX_CONTROL_PAYLOAD ? ping->length : MAX_CONTROL_PAYLOAD;
    fill_random(key, sizeof key);
    peer->pong_size = write_header(peer->pong, FIN_BIT | OPCODE_PONG, length, key);
    apply_mask(peer->pong + peer->pong_size, ping->payload, length, key, 0);
    peer->pong_size += length;
}

void peer_send_pong(struct peer *peer)
{
    if (peer->pong_size && stream_send(&peer->stream, peer->pong, peer->pong_size) > 0) {
        peer->pong_size = 0;
    }
}

enum peer_state peer_next(struct peer *peer, size_t longest, struct message *message)
{
    struct frame frame;
    for (;;) {
        switch (inbox_next(&peer->inbox, &frame)) {
        case INBOX_EMPTY: return PEER_EMPTY;
        case INBOX_BROKEN: peer_fail(peer, "the server masked a frame"); return PEER_FAILED;
        case INBOX_FRAME: break;
        }
        bool compressed = frame.first & RSV1_BIT;
        uint8_t opcode = frame.first & OPCODE_BITS;
        if (opcode == OPCODE_PING) {
            owe_pong(peer, &frame);
            continue;
        }
        if (!(frame.first & FIN_BIT) || (opcode != OPCODE_TEXT && opcode != OPCODE_BINARY)
            || (compressed && !peer->deflate)) {
            peer_fail(peer, "expected a message in one frame, got a frame that begins with %02x",
                      frame.first);
            return PEER_FAILED;
        }
        peer->wire_bytes += frame.length;
        if (compressed) {
            return unpack(peer, &frame, longest, message);
        }
        *message = (struct message){frame.payload, frame.length};
        return PEER_MESSAGE;
    }
}
