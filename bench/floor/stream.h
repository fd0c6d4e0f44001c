/* A connection: plain TCP, or TLS over it. Which one is a matter of what is linked. */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct stream {
    int fd;
    void *tls; /* NULL on plain TCP */
};

/* Connects, and shakes hands if this is TLS; the stream blocks. Returns false with errno set if that fails.
 */
bool stream_connect(struct stream *stream, const char *host, uint16_t port, int timeout_seconds);

/* Servers over TLS name their certificate and its key first; plain ones have none. */
void stream_serve(const char *certificate, const char *key);

/* Takes over an accepted, non-blocking socket; over TLS the first calls for it shake hands. */
void stream_accept(struct stream *stream, int fd);

/* As recv() and send() do, these return -1 with errno EAGAIN when a non-blocking stream is not ready. */
ssize_t stream_receive(struct stream *stream, void *to, size_t capacity);
ssize_t stream_send(struct stream *stream, const void *from, size_t count);

/* As readv() and sendmsg() do, with two parts, either of which may be empty. */
ssize_t stream_receive_parts(struct stream *stream, struct iovec first, struct iovec second);
ssize_t stream_send_parts(struct stream *stream, struct iovec first, struct iovec second);

/* True if something that was received may wait in the stream itself, of which the socket knows nothing. */
bool stream_has_pending(const struct stream *stream);

void stream_close(struct stream *stream);

#endif
