#include "stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include "system.h"

bool stream_connect(struct stream *stream, const char *host, uint16_t port, int timeout_seconds)
{
    *stream = (struct stream){.fd = connect_to(host, port, timeout_seconds)};
    return stream->fd >= 0;
}

ssize_t stream_receive(struct stream *stream, void *to, size_t capacity)
{
    return recv(stream->fd, to, capacity, 0);
}

ssize_t stream_send(struct stream *stream, const void *from, size_t count)
{
    return send(stream->fd, from, count, MSG_NOSIGNAL);
}

void stream_close(struct stream *stream)
{
    close(stream->fd);
}
