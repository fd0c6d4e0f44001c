/* Non-blocking receive, send and epoll, each returning -errno on failure. */
#ifndef WSLINE_SYSCALLS_H
#define WSLINE_SYSCALLS_H

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

static inline ssize_t wsline_receive(int fd, void *to, size_t n)
{
    ssize_t got = recv(fd, to, n, 0);
    return got < 0 ? -(ssize_t)errno : got;
}

static inline ssize_t wsline_send(int fd, const void *from, size_t n)
{
    ssize_t taken = send(fd, from, n, MSG_NOSIGNAL);
    return taken < 0 ? -(ssize_t)errno : taken;
}

static inline int wsline_try_again(ssize_t result)
{
    return result == -EAGAIN || result == -EWOULDBLOCK || result == -EINTR;
}

#define WSLINE_MOST_READY 256

#ifdef __linux__
#include <sys/epoll.h>
#define WSLINE_HAS_EPOLL 1
typedef struct epoll_event wsline_event;

static inline int wsline_epoll_create(void)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static inline int wsline_epoll_control(int epoll, int operation, int fd, unsigned events)
{
    struct epoll_event event = {.events = events, .data = {.fd = fd}};
    return epoll_ctl(epoll, operation, fd, &event) < 0 ? -errno : 0;
}

static inline int wsline_epoll_wait(int epoll, wsline_event *ready, int most)
{
    int n = epoll_wait(epoll, ready, most < WSLINE_MOST_READY ? most : WSLINE_MOST_READY, 0);
    return n < 0 ? (errno == EINTR ? 0 : -errno) : n;
}

static inline int wsline_event_fd(const wsline_event *event)
{
    return event->data.fd;
}

static inline unsigned wsline_event_mask(const wsline_event *event)
{
    return event->events;
}
#else
#define WSLINE_HAS_EPOLL 0
#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3
typedef int wsline_event;
static inline int wsline_epoll_create(void) { return -ENOSYS; }
static inline int wsline_epoll_control(int epoll, int operation, int fd, unsigned events)
{
    (void)epoll, (void)operation, (void)fd, (void)events;
    return -ENOSYS;
}
static inline int wsline_epoll_wait(int epoll, wsline_event *ready, int most)
{
    (void)epoll, (void)ready, (void)most;
    return -ENOSYS;
}
static inline int wsline_event_fd(const wsline_event *event) { return *event; }
static inline unsigned wsline_event_mask(const wsline_event *event) { return (unsigned)*event; }
#endif

#endif
