/*
 * Opens many connections to a server, IN_FLIGHT at a time, lets them rest, and has the server close them: it
 * gets SIGUSR2 and must close each with a closing handshake. Reports opening handshakes per second, resident
 * memory per connection, and how long the closing took.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "inbox.h"
#include "measurement.h"
#include "memory.h"
#include "opening.h"
#include "system.h"

enum {
    IN_FLIGHT = 64,
    EVENTS_PER_WAIT = 256,
    STALL_MILLISECONDS = 20000,
    WARM_ONE_IN = 10, /* connections that are open before anything is measured */
    REST_SECONDS = 1,
    CONNECT_TIMEOUT = 10,
};

enum member_state { MEMBER_OPENING, MEMBER_OPEN, MEMBER_CLOSED };

struct member {
    struct stream stream;
    enum member_state state;
    bool got_close;          /* the server's close frame */
    struct opening *opening; /* NULL once open */
    struct inbox inbox;
};

struct crowd {
    struct load_options options;
    int epoll_fd;
    struct member *members;
    uint32_t begun;
    uint32_t open;
    uint32_t closed;
    bool may_close;
};

static _Noreturn void give_up(const struct crowd *crowd, const struct member *member, const char *reason)
{
    fprintf(stderr, "crowd: connection %td: %s\n", member - crowd->members, reason);
    exit(1);
}

/* On loopback a connection is made at once: the listener's queue takes it. */
static void begin(struct crowd *crowd)
{
    const struct load_options *options = &crowd->options;
    struct member *member = &crowd->members[crowd->begun++];
    member->opening = allocate(sizeof *member->opening);
    if (!opening_prepare(member->opening, options)
        || !stream_connect(&member->stream, options->host, options->port, CONNECT_TIMEOUT)) {
        give_up(crowd, member, strerror(errno));
    }
    make_nonblocking(member->stream.fd);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = member};
    if (epoll_ctl(crowd->epoll_fd, EPOLL_CTL_ADD, member->stream.fd, &event) < 0) {
        die("epoll_ctl");
    }
    ssize_t size = (ssize_t)member->opening->request_size;
    if (stream_send(&member->stream, member->opening->request, (size_t)size) != size) {
        give_up(crowd, member, "cannot send the upgrade request");
    }
}

/* A response comes with one recv(): servers write it with one send(), and it is short. */
static void take_response(struct crowd *crowd, struct member *member, const uint8_t *bytes, size_t count)
{
    size_t head_size = find_head_end(bytes, count);
    if (head_size == 0) {
        give_up(crowd, member, "the response came in parts");
    }
    if (!opening_judge(member->opening, (struct text){(const char *)bytes, head_size})) {
        give_up(crowd, member, member->opening->error);
    }
    free(member->opening);
    member->opening = NULL;
    member->state = MEMBER_OPEN;
    crowd->open++;
}

/* Sends a control frame back, as what it is or as a pong. */
static void answer(struct crowd *crowd, struct member *member, const struct frame *frame, uint8_t opcode)
{
    uint8_t reply[MAX_CLIENT_HEADER + MAX_CONTROL_PAYLOAD];
    uint8_t key[MASKING_KEY_SIZE];
    if (frame->length > MAX_CONTROL_PAYLOAD) {
        give_up(crowd, member, "a control frame is too long");
    }
    fill_random(key, sizeof key);
    size_t size = write_header(reply, FIN_BIT | opcode, frame->length, key);
    apply_mask(reply + size, frame->payload, frame->length, key, 0);
    size += frame->length;
    if (stream_send(&member->stream, reply, size) != (ssize_t)size) {
        give_up(crowd, member, "cannot answer a control frame");
    }
}

static void take_frames(struct crowd *crowd, struct member *member, const uint8_t *bytes, size_t count)
{
    struct frame frame;
    inbox_put(&member->inbox, bytes, count);
    while (inbox_next(&member->inbox, &frame) == INBOX_FRAME) {
        switch (frame.first) {
        case FIN_BIT | OPCODE_PING: answer(crowd, member, &frame, OPCODE_PONG); break;
        case FIN_BIT | OPCODE_CLOSE:
            if (crowd->may_close) {
                member->got_close = true;
                answer(crowd, member, &frame, OPCODE_CLOSE);
                break;
            }
            give_up(crowd, member, "the server closed it");
        default: give_up(crowd, member, "unexpected frame");
        }
    }
}

static void receive(struct crowd *crowd, struct member *member)
{
    uint8_t bytes[MAX_HEAD];
    ssize_t received = stream_receive(&member->stream, bytes, sizeof bytes);
    if (received > 0 && member->state == MEMBER_OPENING) {
        take_response(crowd, member, bytes, (size_t)received);
    } else if (received > 0) {
        take_frames(crowd, member, bytes, (size_t)received);
    } else if (received == 0 && member->got_close) {
        stream_close(&member->stream);
        inbox_free(&member->inbox);
        member->state = MEMBER_CLOSED;
        crowd->closed++;
    } else if (received == 0 || (errno != EAGAIN && errno != EINTR)) {
        give_up(crowd, member, received ? strerror(errno) : "the server disconnected");
    }
}

static void turn(struct crowd *crowd)
{
    struct epoll_event events[EVENTS_PER_WAIT];
    int ready = epoll_wait(crowd->epoll_fd, events, EVENTS_PER_WAIT, STALL_MILLISECONDS);
    if (ready == 0) {
        fprintf(stderr, "crowd: %u open, %u closed, and then nothing happened\n", crowd->open, crowd->closed);
        exit(1);
    }
    if (ready < 0 && errno != EINTR) {
        die("epoll_wait");
    }
    for (int i = 0; i < ready; i++) {
        receive(crowd, events[i].data.ptr);
    }
}

static void open_until(struct crowd *crowd, uint32_t count)
{
    while (crowd->open < count) {
        while (crowd->begun < count && crowd->begun - crowd->open < IN_FLIGHT) {
            begin(crowd);
        }
        turn(crowd);
    }
}

static uint64_t memory_at_rest(const struct crowd *crowd)
{
    sleep(REST_SECONDS);
    return resident_bytes(crowd->options.server_pid);
}

/* Returns the seconds until all were closed. */
static double have_closed(struct crowd *crowd)
{
    uint64_t start = now_ns();
    crowd->may_close = true;
    if (kill(crowd->options.server_pid, SIGUSR2) < 0) {
        die("kill");
    }
    while (crowd->closed < crowd->open) {
        turn(crowd);
    }
    return (double)(now_ns() - start) / 1e9;
}

int main(int argc, char **argv)
{
    static struct crowd crowd;
    static struct measurement measured;
    crowd.options = parse_options(argc, argv);
    const struct load_options *options = &crowd.options;
    if (!options->server_pid) {
        fprintf(stderr, "crowd: needs --server-pid\n");
        return 2;
    }
    raise_descriptor_limit();
    crowd.members = calloc(options->connections, sizeof *crowd.members);
    crowd.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!crowd.members || crowd.epoll_fd < 0) {
        die("crowd");
    }
    uint32_t warm = options->connections / WARM_ONE_IN;
    open_until(&crowd, warm);
    double before = (double)memory_at_rest(&crowd);
    measured.start = take_reading(options);
    open_until(&crowd, options->connections);
    measured.end = take_reading(options);
    measured.messages = options->connections - warm;
    double after = (double)memory_at_rest(&crowd);
    double closing = options->idle ? -1 : have_closed(&crowd);
    char more[128];
    snprintf(more, sizeof more,
             ", \"bytes_per_connection\": %.1f, \"resident_bytes\": %.0f, \"closing_seconds\": %.6f",
             (after - before) / (double)measured.messages, after, closing);
    report(options, &measured, more);
    return 0;
}
