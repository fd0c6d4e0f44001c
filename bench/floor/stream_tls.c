#include "stream.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "system.h"

enum { READ_AHEAD = 64 * 1024 };

static SSL_CTX *context;

static SSL_CTX *make_context(const SSL_METHOD *method)
{
    signal(SIGPIPE, SIG_IGN);
    SSL_CTX *made = SSL_CTX_new(method);
    if (!made) {
        die("SSL_CTX_new");
    }
    SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                               | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_read_ahead(made, 1);
    SSL_CTX_set_default_read_buffer_len(made, READ_AHEAD);
    return made;
}

static SSL *make_tls(int fd)
{
    SSL *tls = SSL_new(context);
    if (!tls || !SSL_set_fd(tls, fd)) {
        die("SSL_new");
    }
    return tls;
}

bool stream_connect(struct stream *stream, const char *host, uint16_t port, int timeout_seconds)
{
    *stream = (struct stream){.fd = connect_to(host, port, timeout_seconds)};
    if (stream->fd < 0) {
        return false;
    }
    if (!context) {
        /* Certificates are not verified: what is measured comes after the handshake. */
        context = make_context(TLS_client_method());
    }
    SSL *tls = make_tls(stream->fd);
    if (SSL_connect(tls) != 1) {
        SSL_free(tls);
        close(stream->fd);
        errno = EPROTO;
        return false;
    }
    stream->tls = tls;
    return true;
}

void stream_serve(const char *certificate, const char *key)
{
    context = make_context(TLS_server_method());
    if (!certificate || !key || SSL_CTX_use_certificate_chain_file(context, certificate) != 1
        || SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "a certificate and its key are needed\n");
        exit(2);
    }
}

void stream_accept(struct stream *stream, int fd)
{
    *stream = (struct stream){.fd = fd, .tls = make_tls(fd)};
    SSL_set_accept_state(stream->tls);
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

ssize_t stream_receive_parts(struct stream *stream, struct iovec first, struct iovec second)
{
    ssize_t received = first.iov_len ? stream_receive(stream, first.iov_base, first.iov_len) : 0;
    if (first.iov_len && received < (ssize_t)first.iov_len) {
        return received;
    }
    if (first.iov_len && !SSL_has_pending(stream->tls)) {
        return received;
    }
    ssize_t more = stream_receive(stream, second.iov_base, second.iov_len);
    return first.iov_len && more <= 0 ? received : received + more;
}

ssize_t stream_send_parts(struct stream *stream, struct iovec first, struct iovec second)
{
    ssize_t sent = first.iov_len ? stream_send(stream, first.iov_base, first.iov_len) : 0;
    if (sent < (ssize_t)first.iov_len || second.iov_len == 0) {
        return sent;
    }
    ssize_t more = stream_send(stream, second.iov_base, second.iov_len);
    return first.iov_len && more <= 0 ? sent : sent + more;
}

bool stream_has_pending(const struct stream *stream)
{
    return SSL_has_pending(stream->tls);
}

void stream_close(struct stream *stream)
{
    SSL_free(stream->tls);
    close(stream->fd);
}
