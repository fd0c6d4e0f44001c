/*
 * A load generator for WebSocket echo servers: one thread, closed loop, a fixed number of messages in flight
 * on each connection. A server that answers wrongly, disconnects or stops answering makes it exit with
 * status 1.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "client.h"
#include "clocks.h"
#include "load_options.h"
#include "measurement.h"
#include "system.h"

enum {
    BUFFER_SIZE = 256 * 1024,
    EVENTS_PER_WAIT = 256,
    WAIT_MILLISECONDS = 10,
    SCRIPTS = 16, /* few enough that their frames stay in the cache, with a masking key each */
};

static const double STALL_SECONDS = 5;

struct load {
    struct load_options options;
    int epoll_fd;
    struct script scripts[SCRIPTS];
    struct client *clients;
    struct measurement measured;
    uint32_t open;
    uint64_t last_progress_ns;
    uint8_t buffer[BUFFER_SIZE];
};

static void report_error(struct load *load, const struct client *client)
{
    load->measured.errors++;
    fprintf(stderr, "load: connection %td: %s\n", client - load->clients, client->error);
}

/* Follows a client's change of state or of interest in writing. */
static void update(struct load *load, struct client *client, bool watched_write)
{
    if (client->state == CLIENT_CLOSED) {
        load->open--;
        if (client->error[0]) {
            report_error(load, client);
        }
    } else if (client->wants_write != watched_write) {
        uint32_t events = EPOLLIN | (client->wants_write ? EPOLLOUT : 0);
        struct epoll_event event = {.events = events, .data.ptr = client};
        if (epoll_ctl(load->epoll_fd, EPOLL_CTL_MOD, client->stream.fd, &event) < 0) {
            die("epoll_ctl");
        }
    }
}

static bool open_clients(struct load *load)
{
    const struct load_options *options = &load->options;
    for (unsigned i = 0; i < SCRIPTS; i++) {
        script_prepare(&load->scripts[i], options, i);
    }
    load->clients = calloc(options->connections, sizeof *load->clients);
    load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (!load->clients || load->epoll_fd < 0) {
        die("load");
    }
    for (uint32_t i = 0; i < options->connections; i++) {
        struct client *client = &load->clients[i];
        if (!client_open(client, options, &load->scripts[i % SCRIPTS])) {
            report_error(load, client);
            return false;
        }
        client->check_all = client->check_echo = i == 0;
        load->open++;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
        if (epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, client->stream.fd, &event) < 0) {
            die("epoll_ctl");
        }
    }
    return true;
}

static void for_each_open(struct load *load, void (*action)(struct client *))
{
    for (uint32_t i = 0; i < load->options.connections; i++) {
        struct client *client = &load->clients[i];
        if (client->state != CLIENT_CLOSED) {
            bool watched_write = client->wants_write;
            action(client);
            update(load, client, watched_write);
        }
    }
}

/* Serves what is ready; returns false once no connection is left or nothing has moved for too long. */
static bool turn(struct load *load)
{
    struct epoll_event events[EVENTS_PER_WAIT];
    int ready = epoll_wait(load->epoll_fd, events, EVENTS_PER_WAIT, WAIT_MILLISECONDS);
    if (ready < 0 && errno != EINTR) {
        die("epoll_wait");
    }
    for (int i = 0; i < ready; i++) {
        struct client *client = events[i].data.ptr;
        bool watched_write = client->wants_write;
        if (events[i].events & EPOLLOUT) {
            client_on_writable(client);
        }
        if (client->state != CLIENT_CLOSED && events[i].events & ~(uint32_t)EPOLLOUT) {
            load->measured.messages +=
                client_on_readable(client, load->buffer, BUFFER_SIZE, &load->measured.latencies);
        }
        update(load, client, watched_write);
    }
    uint64_t now = now_ns();
    if (ready > 0) {
        load->last_progress_ns = now;
    }
    if (load->open && now - load->last_progress_ns > in_ns(STALL_SECONDS)) {
        fprintf(stderr, "load: the server was silent for %.0f seconds\n", STALL_SECONDS);
        load->measured.errors++;
        return false;
    }
    return load->open > 0;
}

static bool run_for(struct load *load, double seconds)
{
    uint64_t end = now_ns() + in_ns(seconds);
    bool alive = true;
    while (alive && now_ns() < end) {
        alive = turn(load);
    }
    return alive;
}

int main(int argc, char **argv)
{
    static struct load load;
    load.options = parse_options(argc, argv);
    raise_descriptor_limit();
    if (!open_clients(&load)) {
        return 1;
    }
    load.last_progress_ns = now_ns();
    for_each_open(&load, client_start);
    bool alive = run_for(&load, load.options.warmup);
    load.measured.messages = 0;
    load.measured.latencies = (struct histogram){0};
    load.measured.start = take_reading(&load.options);
    alive = alive && run_for(&load, load.options.seconds);
    load.measured.end = take_reading(&load.options);

    static struct measurement measured;
    measured = load.measured;
    if (alive) {
        for_each_open(&load, client_stop);
        while (turn(&load)) {
        }
    }
    measured.errors = load.measured.errors;
    report(&load.options, &measured, "");
    return measured.errors ? 1 : 0;
}
