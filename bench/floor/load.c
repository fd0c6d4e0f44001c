/*
 * A load generator for WebSocket echo servers: one thread, closed loop, a fixed number of messages in flight
 * on each connection. A server that answers wrongly, disconnects or stops answering makes it exit with
 * status 1.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "client.h"
#include "clocks.h"
#include "histogram.h"
#include "load_options.h"
#include "system.h"

enum {
    BUFFER_SIZE = 256 * 1024,
    EVENTS_PER_WAIT = 256,
    WAIT_MILLISECONDS = 10,
    SCRIPTS = 16, /* few enough that their frames stay in the cache, with a masking key each */
};

static const double STALL_SECONDS = 5;

/* What was used up at one moment; the difference of two is a measurement. */
struct reading {
    uint64_t ns;
    struct cpu_time load;
    struct cpu_time server;
};

struct load {
    struct load_options options;
    int epoll_fd;
    struct script scripts[SCRIPTS];
    struct client *clients;
    struct histogram latencies;
    uint64_t messages;
    uint32_t open;
    uint32_t errors;
    uint64_t last_progress_ns;
    uint8_t buffer[BUFFER_SIZE];
};

static struct reading take_reading(const struct load *load)
{
    struct reading reading = {.ns = now_ns(), .load = process_cpu_time(getpid())};
    if (load->options.server_pid) {
        reading.server = process_cpu_time(load->options.server_pid);
    }
    return reading;
}

static uint64_t in_ns(double seconds)
{
    return (uint64_t)(seconds * 1e9);
}

static void report_error(struct load *load, const struct client *client)
{
    load->errors++;
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
        if (epoll_ctl(load->epoll_fd, EPOLL_CTL_MOD, client->fd, &event) < 0) {
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
        if (epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) < 0) {
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
            load->messages += client_on_readable(client, load->buffer, BUFFER_SIZE, &load->latencies);
        }
        update(load, client, watched_write);
    }
    uint64_t now = now_ns();
    if (ready > 0) {
        load->last_progress_ns = now;
    }
    if (load->open && now - load->last_progress_ns > in_ns(STALL_SECONDS)) {
        fprintf(stderr, "load: the server was silent for %.0f seconds\n", STALL_SECONDS);
        load->errors++;
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

static void report(const struct load *load, struct reading start, struct reading end)
{
    const struct load_options *options = &load->options;
    const struct histogram *latencies = &load->latencies;
    double seconds = (double)(end.ns - start.ns) / 1e9;
    double rate = seconds > 0 ? (double)load->messages / seconds : 0;
    double p50 = (double)histogram_quantile(latencies, 0.50) / 1e3;
    double p99 = (double)histogram_quantile(latencies, 0.99) / 1e3;
    double max = (double)latencies->max / 1e3;
    if (!options->json) {
        printf("%.0f messages/s, latency p50 %.1f p99 %.1f max %.1f us, %u errors\n", rate, p50, p99, max,
               load->errors);
        return;
    }
    struct cpu_time own = cpu_time_between(start.load, end.load);
    printf("{\"connections\": %u, \"depth\": %u, \"size\": %zu, \"opcode\": \"%s\", \"seconds\": %.6f, "
           "\"messages\": %llu, \"messages_per_second\": %.1f, "
           "\"latency_us\": {\"p50\": %.2f, \"p99\": %.2f, \"max\": %.2f}, "
           "\"load_cpu_s\": {\"user\": %.6f, \"system\": %.6f}, \"server_cpu_s\": ",
           options->connections, options->depth, options->size, options->text ? "text" : "binary", seconds,
           (unsigned long long)load->messages, rate, p50, p99, max, own.user, own.system);
    if (options->server_pid) {
        struct cpu_time server = cpu_time_between(start.server, end.server);
        printf("{\"user\": %.6f, \"system\": %.6f}", server.user, server.system);
    } else {
        printf("null");
    }
    printf(", \"errors\": %u}\n", load->errors);
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
    load.messages = 0;
    load.latencies = (struct histogram){0};
    struct reading start = take_reading(&load);
    alive = alive && run_for(&load, load.options.seconds);
    struct reading end = take_reading(&load);

    uint64_t counted = load.messages;
    struct histogram measured = load.latencies;
    if (alive) {
        for_each_open(&load, client_stop);
        while (turn(&load)) {
        }
    }
    load.messages = counted;
    load.latencies = measured;
    report(&load, start, end);
    return load.errors ? 1 : 0;
}
