#include "stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system.h"

bool stream_connect(struct stream *stream, const char *host, uint16_t port, int timeout_seconds)
{
    *stream = (struct stream){.fd = connect_to(host, port, timeout_seconds)};
    return stream->fd >= 0;
}

void stream_serve(const char *certificate, const char *key)
{
    if (certificate || key) {
        fprintf(stderr, "this program has no TLS\n");
        exit(2);
    }
}

void stream_accept(struct stream *stream, int fd)
{
    *stream = (struct stream){.fd = fd};
}

ssize_t stream_receive(struct stream *stream, void *to, size_t capacity)
{
    return recv(stream->fd, to, capacity, 0);
}

ssize_t stream_send(struct stream *stream, const void *from, size_t count)
{
    return send(stream->fd, from, count, MSG_NOSIGNAL);
}

ssize_t stream_receive_parts(struct stream *stream, struct iovec first, struct iovec second)
{
    if (first.iov_len == 0) {
        return recv(stream->fd, second.iov_base, second.iov_len, 0);
    }
    return readv(stream->fd, (struct iovec[]){first, second}, 2);
}

ssize_t stream_send_parts(struct stream *stream, struct iovec first, struct iovec second)
{
    if (first.iov_len == 0) {
        return send(stream->fd, second.iov_base, second.iov_len, MSG_NOSIGNAL);
    }
    struct msghdr message = {
        .msg_iov = (struct iovec[]){first, second},
           .msg_iovlen = 2
    };
    return sendmsg(stream->fd, &message, MSG_NOSIGNAL);
}

bool stream_has_pending(const struct stream *stream)
{
    (void)stream;
    return false;
}

void stream_close(struct stream *stream)
{
    close(stream->fd);
}
