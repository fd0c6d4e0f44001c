#include "system.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096, CONNECTIONS_PER_SOURCE = 20000 };

void die(const char *what)
{
    perror(what);
    exit(2);
}

void *allocate(size_t size)
{
    void *memory = malloc(size ? size : 1);
    if (!memory) {
        die("malloc");
    }
    return memory;
}

void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

void disable_nagle(int fd)
{
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) < 0) {
        die("TCP_NODELAY");
    }
}

void make_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        die("O_NONBLOCK");
    }
}

int listen_on(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        die("socket");
    }
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0
        || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, BACKLOG) < 0) {
        die("listen");
    }
    return fd;
}

uint16_t local_port(int fd)
{
    struct sockaddr_in address;
    if (getsockname(fd, (struct sockaddr *)&address, &(socklen_t){sizeof address}) < 0) {
        die("getsockname");
    }
    return ntohs(address.sin_port);
}

/* One address has about 28,000 ports to connect from; loopback has addresses enough. */
static void choose_source(int fd)
{
    static uint32_t connections;
    uint32_t source = connections++ / CONNECTIONS_PER_SOURCE;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK + source),
    };
    if (source > 0
        && (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int)) < 0
            || bind(fd, (struct sockaddr *)&address, sizeof address) < 0)) {
        die("bind");
    }
}

int connect_to(const char *host, uint16_t port, int timeout_seconds)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        errno = EINVAL;
        return -1;
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    choose_source(fd);
    struct timeval timeout = {.tv_sec = timeout_seconds};
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) < 0
        || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) < 0
        || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        int reason = errno;
        close(fd);
        errno = reason;
        return -1;
    }
    disable_nagle(fd);
    return fd;
}
