/* A client's connection to a server: plain TCP, or TLS over it. Which one is a matter of what is linked. */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct stream {
    int fd;
    void *tls; /* NULL on plain TCP */
};

/* Connects, and shakes hands if this is TLS; the stream blocks. Returns false with errno set if that fails.
 */
bool stream_connect(struct stream *stream, const char *host, uint16_t port, int timeout_seconds);

/* As recv() and send() do, these return -1 with errno EAGAIN when a non-blocking stream is not ready. */
ssize_t stream_receive(struct stream *stream, void *to, size_t capacity);
ssize_t stream_send(struct stream *stream, const void *from, size_t count);

void stream_close(struct stream *stream);

#endif
