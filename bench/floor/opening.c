#include "opening.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "system.h"

enum { HANDSHAKE_TIMEOUT = 10 /* seconds */ };

void fill_random(void *to, size_t count)
{
    if (getrandom(to, count, 0) != (ssize_t)count) {
        die("getrandom");
    }
}

bool opening_prepare(struct opening *opening, const struct load_options *options)
{
    uint8_t nonce[KEY_BYTES];
    fill_random(nonce, sizeof nonce);
    encode_base64(nonce, sizeof nonce, opening->key);
    opening->offered = options->offer != NULL;
    opening->agreed[0] = opening->error[0] = '\0';
    opening->rest_size = 0;
    int size = snprintf(opening->request, sizeof opening->request,
                        "GET %s HTTP/1.1\r\n"
                        "Host: %s:%u\r\n"
                        "Upgrade: websocket\r\n"
                        "Connection: Upgrade\r\n"
                        "Sec-WebSocket-Key: %s\r\n"
                        "Sec-WebSocket-Version: 13\r\n%s%s%s\r\n",
                        options->path, options->host, options->port, opening->key,
                        options->offer ? "Sec-WebSocket-Extensions: " : "",
                        options->offer ? options->offer : "", options->offer ? "\r\n" : "");
    opening->request_size = (size_t)size;
    if (size >= (int)sizeof opening->request) {
        snprintf(opening->error, ERROR_SIZE, "the path or the offer is too long");
        return false;
    }
    return true;
}

static bool take_agreed(struct opening *opening, struct text head)
{
    struct text value;
    if (!find_field(head, "Sec-WebSocket-Extensions", &value)) {
        return true;
    }
    if (!opening->offered || value.length >= AGREED_SIZE) {
        return false;
    }
    memcpy(opening->agreed, value.at, value.length);
    opening->agreed[value.length] = '\0';
    return true;
}

bool opening_judge(struct opening *opening, struct text head)
{
    char expected[ACCEPT_LENGTH + 1];
    accept_for_key(opening->key, expected);
    struct text value;
    char *error = opening->error;
    if (head.length < 13 || memcmp(head.at, "HTTP/1.1 101 ", 13) != 0) {
        snprintf(error, ERROR_SIZE, "upgrade refused: %.*s", (int)strcspn(head.at, "\r"), head.at);
    } else if (!find_field(head, "Upgrade", &value) || !list_holds_token(value, "websocket")
               || !find_field(head, "Connection", &value) || !list_holds_token(value, "upgrade")) {
        snprintf(error, ERROR_SIZE, "the 101 response does not upgrade to websocket");
    } else if (!find_field(head, "Sec-WebSocket-Accept", &value) || value.length != ACCEPT_LENGTH
               || memcmp(value.at, expected, ACCEPT_LENGTH) != 0) {
        snprintf(error, ERROR_SIZE, "wrong Sec-WebSocket-Accept");
    } else if (!take_agreed(opening, head) || find_field(head, "Sec-WebSocket-Protocol", &value)) {
        snprintf(error, ERROR_SIZE, "the server chose an extension or a subprotocol that was not offered");
    }
    return !error[0];
}

static bool exchange(struct opening *opening, struct stream *stream)
{
    if (stream_send(stream, opening->request, opening->request_size) != (ssize_t)opening->request_size) {
        snprintf(opening->error, ERROR_SIZE, "cannot send the upgrade request: %s", strerror(errno));
        return false;
    }
    uint8_t response[MAX_HEAD];
    size_t filled = 0, head_size = 0;
    while (head_size == 0) {
        ssize_t received = stream_receive(stream, response + filled, sizeof response - filled);
        if (received <= 0) {
            snprintf(opening->error, ERROR_SIZE, "no response to the upgrade request: %s",
                     received ? strerror(errno) : "end of stream");
            return false;
        }
        filled += (size_t)received;
        head_size = find_head_end(response, filled);
    }
    opening->rest_size = filled - head_size;
    memcpy(opening->rest, response + head_size, opening->rest_size);
    return opening_judge(opening, (struct text){(char *)response, head_size});
}

bool opening_run(struct opening *opening, struct stream *stream, const struct load_options *options)
{
    if (!opening_prepare(opening, options)) {
        return false;
    }
    if (!stream_connect(stream, options->host, options->port, HANDSHAKE_TIMEOUT)) {
        snprintf(opening->error, ERROR_SIZE, "cannot connect to %s:%u: %s", options->host, options->port,
                 strerror(errno));
        return false;
    }
    if (!exchange(opening, stream)) {
        stream_close(stream);
        return false;
    }
    make_nonblocking(stream->fd);
    return true;
}
