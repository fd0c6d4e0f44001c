/* Memory and sockets, as the echo server and the load generator both need them. */
#ifndef SYSTEM_H
#define SYSTEM_H

#include <stddef.h>
#include <stdint.h>

/* Prints what failed, with errno's text, and exits with status 2. */
_Noreturn void die(const char *what);

/* Like malloc(), but never returns NULL. */
void *allocate(size_t size);

/* Allows as many open sockets as the system lets this process have. */
void raise_descriptor_limit(void);

void disable_nagle(int fd);
void make_nonblocking(int fd);

/* Returns a non-blocking listening socket on 127.0.0.1; port 0 lets the system choose. */
int listen_on(uint16_t port);
uint16_t local_port(int fd);

/* Returns a blocking connected socket whose reads give up after `timeout_seconds`, or -1 with errno set. */
int connect_to(const char *host, uint16_t port, int timeout_seconds);

#endif
