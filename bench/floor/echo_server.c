/*
 * The floor: the least work with which one thread can echo WebSocket messages on Linux.
 *
 * One epoll descriptor, one receive buffer and one reply buffer serve every connection. All frames of a
 * recv() are answered together by one send(). It checks the framing rules of RFC 6455 §5, but neither UTF-8
 * nor close codes, has no timers and no compression: whatever a real server adds is measured against it.
 */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "handshake.h"
#include "outbox.h"
#include "stream.h"
#include "system.h"
#include "websocket.h"

enum {
    INPUT_SIZE = 256 * 1024,
    /* A reply is shorter than its request by the masking key, so only the server's own words need room. */
    REPLY_SIZE = INPUT_SIZE + 256,
    EVENTS_PER_WAIT = 256,
    MAX_PAYLOAD = 64 * 1024 * 1024,
};

enum phase { PHASE_HANDSHAKE, PHASE_OPEN, PHASE_CLOSED };

/* A data frame longer than what has arrived: its payload is received straight into its own reply. */
struct partial {
    uint8_t *reply;
    size_t header_size;
    size_t filled;
    size_t size;
    uint8_t key[MASKING_KEY_SIZE];
};

struct connection {
    struct stream stream;
    enum phase phase;
    bool in_message; /* a fragmented message is unfinished */
    uint8_t *kept;   /* an unfinished HTTP head, frame header or control frame */
    size_t kept_size;
    struct partial partial;
    struct outbox outbox;
};

static int epoll_fd;
static uint8_t input[INPUT_SIZE];
static uint8_t replies[REPLY_SIZE];
static size_t replies_size;

static void watch(struct connection *connection, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(epoll_fd, operation, connection->stream.fd, &event) < 0) {
        die("epoll_ctl");
    }
}

static void drop(struct connection *connection)
{
    stream_close(&connection->stream);
    free(connection->kept);
    free(connection->partial.reply);
    outbox_free(&connection->outbox);
    free(connection);
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        disable_nagle(fd);
        struct connection *connection = calloc(1, sizeof *connection);
        if (!connection) {
            die("calloc");
        }
        stream_accept(&connection->stream, fd);
        watch(connection, EPOLL_CTL_ADD, EPOLLIN);
    }
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        die("accept4");
    }
}

/* ---- Sending ------------------------------------------------------------------------------------------- */

/* Returns false if the connection was dropped. */
static bool follow(struct connection *connection, enum outbox_state before, enum outbox_state after)
{
    if (after == OUTBOX_BROKEN) {
        drop(connection);
        return false;
    }
    if (after != before) {
        /* Reading stops until the peer has taken its replies: that is all the flow control an echo needs. */
        watch(connection, EPOLL_CTL_MOD, after == OUTBOX_WAITING ? EPOLLOUT : EPOLLIN);
    }
    if (after == OUTBOX_EMPTY && connection->phase == PHASE_CLOSED) {
        /* What the peer still sends is read and dropped: a close() now could reset the close frame away. */
        shutdown(connection->stream.fd, SHUT_WR);
    }
    return true;
}

/* Sends a finished large reply (or none) and the small ones; returns false if the connection was dropped. */
static bool transmit(struct connection *connection, uint8_t *large, size_t large_size)
{
    if (large_size + replies_size > 0) {
        struct stream *stream = &connection->stream;
        enum outbox_state after =
            outbox_send(&connection->outbox, stream, large, large_size, replies, replies_size);
        return follow(connection, OUTBOX_EMPTY, after);
    }
    return true;
}

/* ---- Frames -------------------------------------------------------------------------------------------- */

static void fail(struct connection *connection, enum close_code code)
{
    replies_size += write_header(replies + replies_size, FIN_BIT | OPCODE_CLOSE, 2, NULL);
    write_big_endian(replies + replies_size, code, 2);
    replies_size += 2;
    connection->phase = PHASE_CLOSED;
}

/* RFC 6455 §5.2, §5.4, §5.5: returns 0 for a legal frame, else the close code to fail with. */
static int judge(const struct connection *connection, const struct frame_header *header)
{
    uint8_t opcode = header->first & OPCODE_BITS;
    bool legal = header->masked && !(header->first & RESERVED_BITS);
    if (opcode & CONTROL_BIT) {
        legal = legal && opcode <= OPCODE_PONG && header->first & FIN_BIT
                && header->length <= MAX_CONTROL_PAYLOAD && !(opcode == OPCODE_CLOSE && header->length == 1);
    } else {
        legal = legal && opcode <= OPCODE_BINARY && (opcode == OPCODE_CONTINUATION) == connection->in_message;
    }
    if (!legal) {
        return CLOSE_PROTOCOL_ERROR;
    }
    return header->length > MAX_PAYLOAD ? CLOSE_MESSAGE_TOO_BIG : 0;
}

/* Answers a frame that has arrived whole: data and close come back as they are, a ping as a pong. */
static void answer(struct connection *connection, const struct frame_header *header, const uint8_t *payload)
{
    uint8_t first = header->first;
    switch (first & OPCODE_BITS) {
    case OPCODE_PONG: return;
    case OPCODE_PING: first = FIN_BIT | OPCODE_PONG; break;
    case OPCODE_CLOSE: connection->phase = PHASE_CLOSED; break;
    default: connection->in_message = !(first & FIN_BIT);
    }
    size_t length = (size_t)header->length;
    replies_size += write_header(replies + replies_size, first, length, NULL);
    apply_mask(replies + replies_size, payload, length, header->key, 0);
    replies_size += length;
}

static void begin_partial(struct connection *connection, const struct frame_header *header,
                          const uint8_t *payload, size_t available)
{
    struct partial *partial = &connection->partial;
    uint8_t *reply = allocate(MAX_SERVER_HEADER + (size_t)header->length);
    partial->reply = reply;
    partial->header_size = write_header(reply, header->first, header->length, NULL);
    partial->size = partial->header_size + (size_t)header->length;
    partial->filled = partial->header_size + available;
    memcpy(partial->key, header->key, MASKING_KEY_SIZE);
    apply_mask(reply + partial->header_size, payload, available, header->key, 0);
    connection->in_message = !(header->first & FIN_BIT);
}

/* Unmasks what was received into the partial reply; returns how many of the `count` bytes were its. */
static size_t advance_partial(struct partial *partial, size_t count)
{
    size_t rest = partial->size - partial->filled;
    size_t taken = count < rest ? count : rest;
    uint8_t *payload = partial->reply + partial->filled;
    apply_mask(payload, payload, taken, partial->key, partial->filled - partial->header_size);
    partial->filled += taken;
    return taken;
}

static void keep(struct connection *connection, const uint8_t *bytes, size_t count)
{
    connection->kept = allocate(count);
    memcpy(connection->kept, bytes, count);
    connection->kept_size = count;
}

static void answer_frames(struct connection *connection, const uint8_t *at, const uint8_t *end)
{
    while (at < end && connection->phase == PHASE_OPEN) {
        struct frame_header header;
        size_t header_size = parse_header(at, (size_t)(end - at), &header);
        if (header_size == 0) {
            keep(connection, at, (size_t)(end - at));
            return;
        }
        int violated = judge(connection, &header);
        if (violated) {
            fail(connection, violated);
            return;
        }
        const uint8_t *payload = at + header_size;
        size_t available = (size_t)(end - payload);
        if (header.length > available) {
            if (header.first & CONTROL_BIT) {
                keep(connection, at, (size_t)(end - at));
            } else {
                begin_partial(connection, &header, payload, available);
            }
            return;
        }
        answer(connection, &header, payload);
        at = payload + header.length;
    }
}

/* ---- Receiving ----------------------------------------------------------------------------------------- */

/* Returns how many bytes of the input the opening handshake took. */
static size_t take_handshake(struct connection *connection, size_t count)
{
    static const char REFUSAL[] =
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    size_t head_size = find_head_end(input, count);
    if (head_size == 0 && count < MAX_HEAD) {
        keep(connection, input, count);
        return count;
    }
    replies_size = answer_upgrade((struct text){(char *)input, head_size}, (char *)replies, REPLY_SIZE);
    connection->phase = PHASE_OPEN;
    if (replies_size == 0) {
        replies_size = sizeof REFUSAL - 1;
        memcpy(replies, REFUSAL, replies_size);
        connection->phase = PHASE_CLOSED;
    }
    return head_size;
}

static ssize_t receive(struct connection *connection)
{
    struct partial *partial = &connection->partial;
    struct iovec nothing = {0};
    if (!partial->reply) {
        struct iovec free_input = {input + connection->kept_size, INPUT_SIZE - connection->kept_size};
        return stream_receive_parts(&connection->stream, nothing, free_input);
    }
    struct iovec rest = {partial->reply + partial->filled, partial->size - partial->filled};
    return stream_receive_parts(&connection->stream, rest, (struct iovec){input, INPUT_SIZE});
}

/* True if there may be more to receive that epoll does not know of. */
static bool has_more(const struct connection *connection)
{
    const struct outbox *outbox = &connection->outbox;
    return !outbox->large.memory && !outbox->rest.memory && stream_has_pending(&connection->stream);
}

/* Returns false if the connection was dropped, or has nothing more to receive now. */
static bool on_readable(struct connection *connection)
{
    ssize_t received = receive(connection);
    if (received <= 0) {
        if (received == 0 || (errno != EAGAIN && errno != EINTR)) {
            drop(connection);
        }
        return false;
    }
    if (connection->phase == PHASE_CLOSED) {
        return has_more(connection);
    }
    size_t count = (size_t)received;
    uint8_t *large = NULL;
    size_t large_size = 0;
    struct partial *partial = &connection->partial;
    if (partial->reply) {
        count -= advance_partial(partial, count);
        if (partial->filled == partial->size) {
            large = partial->reply;
            large_size = partial->size;
            partial->reply = NULL;
        }
    } else if (connection->kept) {
        memcpy(input, connection->kept, connection->kept_size);
        count += connection->kept_size;
        free(connection->kept);
        connection->kept = NULL;
        connection->kept_size = 0;
    }
    replies_size = 0;
    size_t at = connection->phase == PHASE_HANDSHAKE ? take_handshake(connection, count) : 0;
    answer_frames(connection, input + at, input + count);
    return transmit(connection, large, large_size) && has_more(connection);
}

/* Returns true if there is something to receive that was left while replies waited. */
static bool on_writable(struct connection *connection)
{
    struct outbox *outbox = &connection->outbox;
    return follow(connection, OUTBOX_WAITING, outbox_flush(outbox, &connection->stream))
           && has_more(connection);
}

static void serve(int listener)
{
    struct epoll_event events[EVENTS_PER_WAIT];
    for (;;) {
        int ready = epoll_wait(epoll_fd, events, EVENTS_PER_WAIT, -1);
        if (ready < 0 && errno != EINTR) {
            die("epoll_wait");
        }
        for (int i = 0; i < ready; i++) {
            struct connection *connection = events[i].data.ptr;
            if (!connection) {
                accept_all(listener);
                continue;
            }
            bool more = events[i].events & EPOLLOUT ? on_writable(connection) : on_readable(connection);
            while (more) {
                more = on_readable(connection);
            }
        }
    }
}

int main(int argc, char **argv)
{
    char *end = NULL;
    bool understood = argc == 2 || argc == 4;
    unsigned long port = understood ? strtoul(argv[1], &end, 10) : 0;
    if (!understood || *argv[1] == '\0' || *end || port > UINT16_MAX) {
        fprintf(stderr, "usage: %s PORT [CERTIFICATE KEY]\n", argv[0]);
        return 2;
    }
    stream_serve(argc == 4 ? argv[2] : NULL, argc == 4 ? argv[3] : NULL);
    /* Large replies come and go: giving their pages back each time costs 256 page faults for each MiB. */
    mallopt(M_MMAP_THRESHOLD, INT_MAX);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    raise_descriptor_limit();
    int listener = listen_on((uint16_t)port);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0) {
        die("epoll_create1");
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event) < 0) {
        die("epoll_ctl");
    }
    printf("listening %u\n", local_port(listener));
    fflush(stdout);
    serve(listener);
}
