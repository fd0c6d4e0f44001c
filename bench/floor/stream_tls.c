#include "stream.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <unistd.h>

#include "system.h"

enum { READ_AHEAD = 64 * 1024 };

/* Certificates are not verified: what is measured comes after the handshake. */
static SSL_CTX *shared_context(void)
{
    static SSL_CTX *context;
    if (!context) {
        signal(SIGPIPE, SIG_IGN);
        context = SSL_CTX_new(TLS_client_method());
        if (!context) {
            die("SSL_CTX_new");
        }
        SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                                      | SSL_MODE_AUTO_RETRY);
        SSL_CTX_set_read_ahead(context, 1);
        SSL_CTX_set_default_read_buffer_len(context, READ_AHEAD);
    }
    return context;
}

bool stream_connect(struct stream *stream, const char *host, uint16_t port, int timeout_seconds)
{
    *stream = (struct stream){.fd = connect_to(host, port, timeout_seconds)};
    if (stream->fd < 0) {
        return false;
    }
    SSL *tls = SSL_new(shared_context());
    if (!tls || !SSL_set_fd(tls, stream->fd)) {
        die("SSL_new");
    }
    if (SSL_connect(tls) != 1) {
        SSL_free(tls);
        close(stream->fd);
        errno = EPROTO;
        return false;
    }
    stream->tls = tls;
    return true;
}

/* Turns what OpenSSL answered into what recv() and send() would have said. */
static ssize_t outcome(SSL *tls, int result)
{
    switch (SSL_get_error(tls, result)) {
    case SSL_ERROR_NONE: return result;
    case SSL_ERROR_ZERO_RETURN: return 0;
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
    case SSL_ERROR_SYSCALL: return errno ? -1 : 0;
    default: errno = EPROTO; return -1;
    }
}

/* Takes all records that have arrived: nothing wakes us for those that wait inside OpenSSL. */
ssize_t stream_receive(struct stream *stream, void *to, size_t capacity)
{
    SSL *tls = stream->tls;
    size_t filled = 0;
    do {
        errno = 0;
        ssize_t received = outcome(tls, SSL_read(tls, (char *)to + filled, (int)(capacity - filled)));
        if (received <= 0) {
            return filled ? (ssize_t)filled : received;
        }
        filled += (size_t)received;
    } while (filled < capacity && SSL_has_pending(tls));
    return (ssize_t)filled;
}

ssize_t stream_send(struct stream *stream, const void *from, size_t count)
{
    size_t sent = 0;
    while (sent < count) {
        errno = 0;
        ssize_t taken =
            outcome(stream->tls, SSL_write(stream->tls, (const char *)from + sent, (int)(count - sent)));
        if (taken <= 0) {
            return sent ? (ssize_t)sent : taken;
        }
        sent += (size_t)taken;
    }
    return (ssize_t)sent;
}

void stream_close(struct stream *stream)
{
    SSL_free(stream->tls);
    close(stream->fd);
}
