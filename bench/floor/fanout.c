/*
 * A load generator for servers that answer one message with many: connection 0 sends a JSON text, and each of
 * N connections must receive it as often as --replies says. Then the next one is sent. One reply to many
 * connections is a broadcast, many replies to one connection are a burst.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "json.h"
#include "measurement.h"
#include "peer.h"
#include "system.h"

enum {
    EVENTS_PER_WAIT = 256,
    STALL_MILLISECONDS = 10000,
    FRAMES = 64,
    LOOK_AFTER = 200, /* connections opened, those before are looked after: they may be pinged */
};

struct receiver {
    struct peer peer;
    uint32_t missing; /* replies of this round that have not come */
};

struct fanout {
    struct load_options options;
    int epoll_fd;
    struct receiver *receivers;
    uint8_t *messages[FRAMES]; /* as the payload of the round */
    uint8_t *frame;
    uint64_t round;
    uint64_t sent_ns;
    uint32_t waiting; /* receivers that miss replies of this round */
    struct measurement measured;
};

static _Noreturn void give_up(const struct fanout *fanout, const struct receiver *receiver)
{
    fprintf(stderr, "fanout: connection %td: %s\n", receiver - fanout->receivers, receiver->peer.error);
    exit(1);
}

static const uint8_t *current_message(const struct fanout *fanout)
{
    return fanout->messages[fanout->round % FRAMES];
}

static void begin_round(struct fanout *fanout)
{
    const struct load_options *options = &fanout->options;
    uint8_t key[MASKING_KEY_SIZE];
    fill_random(key, sizeof key);
    fanout->round++;
    for (uint32_t i = 0; i < options->connections; i++) {
        fanout->receivers[i].missing = options->replies;
    }
    fanout->waiting = options->connections;
    size_t header_size = write_header(fanout->frame, FIN_BIT | OPCODE_TEXT, options->size, key);
    apply_mask(fanout->frame + header_size, current_message(fanout), options->size, key, 0);
    ssize_t count = (ssize_t)(header_size + options->size);
    fanout->sent_ns = now_ns();
    struct receiver *sender = &fanout->receivers[0];
    if (stream_send(&sender->peer.stream, fanout->frame, (size_t)count) != count) {
        peer_fail(&sender->peer, "cannot send");
        give_up(fanout, sender);
    }
}

static void receive(struct fanout *fanout, struct receiver *receiver)
{
    struct peer *peer = &receiver->peer;
    size_t size = fanout->options.size;
    struct message message;
    peer_receive(peer);
    uint64_t now = now_ns();
    while (!peer->error[0] && peer_next(peer, size, &message) == PEER_MESSAGE) {
        if (message.size != size || memcmp(message.at, current_message(fanout), size) != 0) {
            peer_fail(peer, "a reply is not what was sent");
        } else if (receiver->missing == 0) {
            peer_fail(peer, "the server sent more replies than it should");
        } else {
            histogram_record(&fanout->measured.latencies, now - fanout->sent_ns, 1);
            fanout->measured.messages++;
            fanout->waiting -= --receiver->missing == 0;
        }
    }
    peer_send_pong(peer);
    if (peer->error[0]) {
        give_up(fanout, receiver);
    }
}

/* Returns how many connections were ready. */
static int serve(struct fanout *fanout, int milliseconds)
{
    struct epoll_event events[EVENTS_PER_WAIT];
    int ready = epoll_wait(fanout->epoll_fd, events, EVENTS_PER_WAIT, milliseconds);
    if (ready < 0 && errno != EINTR) {
        die("epoll_wait");
    }
    for (int i = 0; i < ready; i++) {
        receive(fanout, events[i].data.ptr);
    }
    return ready;
}

static void open_receivers(struct fanout *fanout)
{
    const struct load_options *options = &fanout->options;
    for (uint32_t i = 0; i < options->connections; i++) {
        struct receiver *receiver = &fanout->receivers[i];
        if (!peer_open(&receiver->peer, options)) {
            give_up(fanout, receiver);
        }
        if (options->offer && !receiver->peer.deflate) {
            peer_fail(&receiver->peer, "the server declined permessage-deflate");
            give_up(fanout, receiver);
        }
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = receiver};
        if (epoll_ctl(fanout->epoll_fd, EPOLL_CTL_ADD, receiver->peer.stream.fd, &event) < 0) {
            die("epoll_ctl");
        }
        if (i % LOOK_AFTER == 0) {
            serve(fanout, 0);
        }
    }
}

static void finish_round(struct fanout *fanout)
{
    while (fanout->waiting) {
        if (serve(fanout, STALL_MILLISECONDS) == 0) {
            fprintf(stderr, "fanout: %u connections wait for replies\n", fanout->waiting);
            exit(1);
        }
    }
}

/* Whole rounds, at least one. */
static void run_for(struct fanout *fanout, double seconds)
{
    uint64_t end = now_ns() + in_ns(seconds);
    do {
        begin_round(fanout);
        finish_round(fanout);
    } while (now_ns() < end);
}

int main(int argc, char **argv)
{
    static struct fanout fanout;
    fanout.options = parse_options(argc, argv);
    fanout.options.text = true;
    const struct load_options *options = &fanout.options;
    if (options->size < SMALLEST_JSON) {
        fprintf(stderr, "fanout: needs messages of %d bytes or more\n", SMALLEST_JSON);
        return 2;
    }
    raise_descriptor_limit();
    uint64_t state = 1;
    for (unsigned i = 0; i < FRAMES; i++) {
        fanout.messages[i] = allocate(options->size);
        write_json((char *)fanout.messages[i], options->size, &state);
    }
    fanout.frame = allocate(MAX_CLIENT_HEADER + options->size);
    fanout.receivers = calloc(options->connections, sizeof *fanout.receivers);
    fanout.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!fanout.receivers || fanout.epoll_fd < 0) {
        die("fanout");
    }
    open_receivers(&fanout);
    run_for(&fanout, options->warmup);
    fanout.measured.messages = 0;
    fanout.measured.latencies = (struct histogram){0};
    fanout.measured.start = take_reading(options);
    run_for(&fanout, options->seconds);
    fanout.measured.end = take_reading(options);
    char more[AGREED_SIZE + 64];
    snprintf(more, sizeof more, ", \"replies\": %u, \"agreed\": \"%s\"", options->replies,
             fanout.receivers[0].peer.agreed);
    report(options, &fanout.measured, more);
    return 0;
}
