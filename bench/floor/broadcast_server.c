/*
 * The floor of broadcasts: whatever message a client sends is framed once and sent to all clients, by a loop
 * of send(). It expects small whole frames and clients that read: only what a broadcast costs is of interest.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handshake.h"
#include "system.h"
#include "websocket.h"

enum { EVENTS_PER_WAIT = 256, MAX_CLIENTS = 1 << 20, MAX_MESSAGE = 60 * 1024 };

static int epoll_fd;
static int clients[MAX_CLIENTS]; /* descriptors of those that are open */
static size_t client_count;
static bool is_open[MAX_CLIENTS]; /* by descriptor */

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        disable_nagle(fd);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (fd >= MAX_CLIENTS || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
            die("accept");
        }
    }
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        die("accept4");
    }
}

static void drop(int fd)
{
    close(fd);
    for (size_t i = 0; is_open[fd] && i < client_count; i++) {
        if (clients[i] == fd) {
            clients[i] = clients[--client_count];
            break;
        }
    }
    is_open[fd] = false;
}

static void open_client(int fd, const uint8_t *bytes, size_t count)
{
    char response[512];
    size_t head_size = find_head_end(bytes, count);
    size_t size = answer_upgrade((struct text){(const char *)bytes, head_size}, response, sizeof response);
    if (size == 0 || send(fd, response, size, MSG_NOSIGNAL) != (ssize_t)size) {
        drop(fd);
        return;
    }
    is_open[fd] = true;
    clients[client_count++] = fd;
}

/* Returns false if the frame is not a small whole message. */
static bool broadcast(const uint8_t *bytes, size_t count)
{
    static uint8_t frame[MAX_SERVER_HEADER + MAX_MESSAGE];
    struct frame_header header;
    size_t header_size = parse_header(bytes, count, &header);
    if (header_size == 0 || !header.masked || header.first & CONTROL_BIT
        || header.length != count - header_size) {
        return false;
    }
    size_t size = write_header(frame, header.first, header.length, NULL);
    apply_mask(frame + size, bytes + header_size, (size_t)header.length, header.key, 0);
    size += (size_t)header.length;
    for (size_t i = 0; i < client_count; i++) {
        if (send(clients[i], frame, size, MSG_NOSIGNAL) != (ssize_t)size) {
            fprintf(stderr, "a client does not take its messages\n");
            exit(1);
        }
    }
    return true;
}

static void on_readable(int fd)
{
    static uint8_t input[MAX_MESSAGE];
    ssize_t received = recv(fd, input, sizeof input, 0);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (received <= 0) {
        drop(fd);
    } else if (!is_open[fd]) {
        open_client(fd, input, (size_t)received);
    } else if (!broadcast(input, (size_t)received)) {
        drop(fd);
    }
}

int main(void)
{
    raise_descriptor_limit();
    int listener = listen_on(0);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event) < 0) {
        die("epoll");
    }
    printf("listening %u\n", local_port(listener));
    fflush(stdout);
    struct epoll_event events[EVENTS_PER_WAIT];
    for (;;) {
        int ready = epoll_wait(epoll_fd, events, EVENTS_PER_WAIT, -1);
        if (ready < 0 && errno != EINTR) {
            die("epoll_wait");
        }
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener) {
                accept_all(listener);
            } else {
                on_readable(events[i].data.fd);
            }
        }
    }
}
