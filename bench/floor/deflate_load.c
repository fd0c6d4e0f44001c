/*
 * A load generator for echo servers with permessage-deflate: JSON texts, compressed beforehand, a fixed
 * number of messages in flight on each connection. Every echo is inflated and compared with what was sent. A
 * server that declines the offer is loaded with compressed messages by nobody: that is an error.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "deflate_client.h"
#include "measurement.h"
#include "memory.h"
#include "system.h"

enum {
    EVENTS_PER_WAIT = 256,
    WAIT_MILLISECONDS = 10,
    STALL_MILLISECONDS = 10000,
    SCRIPTS = 4,
    WARM_ONE_IN = 10, /* with --idle: connections that are open before memory is first read */
    REST_SECONDS = 1,
};

struct load {
    struct load_options options;
    int epoll_fd;
    struct deflate_script scripts[SCRIPTS];
    struct deflate_client *clients;
    struct measurement measured;
};

static _Noreturn void give_up(const struct load *load, const struct deflate_client *client)
{
    fprintf(stderr, "deflate_load: connection %td: %s\n", client - load->clients, client->peer.error);
    exit(1);
}

static bool same_direction(struct direction one, struct direction other)
{
    return one.window_bits == other.window_bits && one.takeover == other.takeover;
}

/* The scripts are compressed as the server agreed with the first connection, so that all must agree alike. */
static void open_client(struct load *load, uint32_t number)
{
    const struct load_options *options = &load->options;
    struct deflate_client *client = &load->clients[number];
    struct peer *peer = &client->peer;
    if (!peer_open(peer, options)) {
        give_up(load, client);
    }
    struct direction direction = peer->agreement.client;
    if (!peer->deflate) {
        peer_fail(peer, "the server declined permessage-deflate");
    } else if (number == 0) {
        for (unsigned i = 0; i < SCRIPTS; i++) {
            deflate_script_prepare(&load->scripts[i], options->size, direction, i);
        }
    } else if (!same_direction(direction, load->clients[0].peer.agreement.client)) {
        peer_fail(peer, "the server agreed otherwise with another connection");
    }
    if (peer->error[0]) {
        give_up(load, client);
    }
    deflate_client_begin(client, &load->scripts[number % SCRIPTS], options->depth);
}

/* ---- Speed --------------------------------------------------------------------------------------------- */

static void watch(struct load *load, struct deflate_client *client, int operation)
{
    uint32_t events = EPOLLIN | (client->wants_write ? EPOLLOUT : 0);
    struct epoll_event event = {.events = events, .data.ptr = client};
    if (epoll_ctl(load->epoll_fd, operation, client->peer.stream.fd, &event) < 0) {
        die("epoll_ctl");
    }
}

static void serve(struct load *load, struct deflate_client *client, uint32_t events)
{
    bool watched_write = client->wants_write;
    uint32_t echoes = 0;
    if (events & ~(uint32_t)EPOLLOUT) {
        echoes = deflate_client_receive(client, &load->measured.latencies);
        load->measured.messages += echoes;
    }
    deflate_client_send(client, echoes);
    if (client->peer.error[0]) {
        give_up(load, client);
    }
    if (client->wants_write != watched_write) {
        watch(load, client, EPOLL_CTL_MOD);
    }
}

static void run_for(struct load *load, double seconds)
{
    struct epoll_event events[EVENTS_PER_WAIT];
    uint64_t now = now_ns(), end = now + in_ns(seconds), progress = now;
    while (now < end) {
        int ready = epoll_wait(load->epoll_fd, events, EVENTS_PER_WAIT, WAIT_MILLISECONDS);
        if (ready < 0 && errno != EINTR) {
            die("epoll_wait");
        }
        for (int i = 0; i < ready; i++) {
            serve(load, events[i].data.ptr, events[i].events);
        }
        now = now_ns();
        progress = ready > 0 ? now : progress;
        if (now - progress > in_ns(STALL_MILLISECONDS / 1e3)) {
            fprintf(stderr, "deflate_load: the server was silent for %d ms\n", STALL_MILLISECONDS);
            exit(1);
        }
    }
}

static uint64_t wire_bytes(const struct load *load)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < load->options.connections; i++) {
        sum += load->clients[i].peer.wire_bytes;
    }
    return sum;
}

static void measure_speed(struct load *load)
{
    const struct load_options *options = &load->options;
    for (uint32_t i = 0; i < options->connections; i++) {
        open_client(load, i);
        watch(load, &load->clients[i], EPOLL_CTL_ADD);
    }
    for (uint32_t i = 0; i < options->connections; i++) {
        deflate_client_send(&load->clients[i], options->depth);
        watch(load, &load->clients[i], EPOLL_CTL_MOD);
    }
    run_for(load, options->warmup);
    uint64_t bytes = wire_bytes(load);
    load->measured.messages = 0;
    load->measured.latencies = (struct histogram){0};
    load->measured.start = take_reading(options);
    run_for(load, options->seconds);
    load->measured.end = take_reading(options);
    bytes = wire_bytes(load) - bytes;
    char more[AGREED_SIZE + 64];
    double per_message = (double)bytes / (double)(load->measured.messages ? load->measured.messages : 1);
    snprintf(more, sizeof more, ", \"agreed\": \"%s\", \"wire_bytes\": %.1f", load->clients[0].peer.agreed,
             per_message);
    report(options, &load->measured, more);
}

/* ---- Memory -------------------------------------------------------------------------------------------- */

static void echo_once(struct load *load, struct deflate_client *client)
{
    uint32_t echoes = 0;
    deflate_client_send(client, 1);
    while (echoes == 0 && !client->peer.error[0]) {
        short events = (short)(POLLIN | (client->wants_write ? POLLOUT : 0));
        struct pollfd waiting = {.fd = client->peer.stream.fd, .events = events};
        if (poll(&waiting, 1, STALL_MILLISECONDS) <= 0) {
            peer_fail(&client->peer, "no echo came");
        } else if (waiting.revents & POLLOUT) {
            deflate_client_send(client, 0);
        } else {
            echoes = deflate_client_receive(client, &load->measured.latencies);
        }
    }
    if (client->peer.error[0]) {
        give_up(load, client);
    }
}

static uint64_t memory_with(struct load *load, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        open_client(load, i);
        echo_once(load, &load->clients[i]);
    }
    sleep(REST_SECONDS);
    return resident_bytes(load->options.server_pid);
}

static void measure_memory(struct load *load)
{
    uint32_t all = load->options.connections;
    uint32_t warm = all / WARM_ONE_IN;
    double before = (double)memory_with(load, 0, warm);
    double after = (double)memory_with(load, warm, all);
    printf("{\"connections\": %u, \"size\": %zu, \"agreed\": \"%s\", \"bytes_per_connection\": %.1f, "
           "\"resident_bytes\": %.0f}\n",
           all, load->options.size, load->clients[0].peer.agreed, (after - before) / (all - warm), after);
}

int main(int argc, char **argv)
{
    static struct load load;
    load.options = parse_options(argc, argv);
    load.options.text = true;
    raise_descriptor_limit();
    load.clients = calloc(load.options.connections, sizeof *load.clients);
    load.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!load.clients || load.epoll_fd < 0) {
        die("deflate_load");
    }
    if (load.options.size < SMALLEST_JSON || (load.options.idle && !load.options.server_pid)) {
        fprintf(stderr, "deflate_load: needs messages of %d bytes or more; --idle needs --server-pid\n",
                SMALLEST_JSON);
        return 2;
    }
    if (load.options.idle) {
        measure_memory(&load);
    } else {
        measure_speed(&load);
    }
    return 0;
}
