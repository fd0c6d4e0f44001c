/* The command line of the load generator. */
#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct load_options {
    const char *host;
    uint16_t port;
    const char *path;
    uint32_t connections;
    uint32_t depth; /* messages in flight on each connection */
    size_t size;    /* payload bytes of a message */
    double seconds;
    double warmup; /* seconds before counting begins */
    bool text;
    const char *offer; /* Sec-WebSocket-Extensions of the requests, or NULL */
    uint32_t replies;  /* messages that the server sends to each connection for one of the load's */
    bool idle;         /* measure memory, not speed */
    bool json;
    pid_t server_pid; /* 0: do not watch the server's CPU time */
};

/* Prints the usage and exits with status 2 when the command line is not understood. */
struct load_options parse_options(int argc, char **argv);

#endif
