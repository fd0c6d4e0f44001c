/* The parts of the opening handshake (RFC 6455 §4) that both ends need. */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    KEY_BYTES = 16,
    KEY_LENGTH = 24,    /* base64 of 16 bytes */
    ACCEPT_LENGTH = 28, /* base64 of a SHA-1 digest */
    MAX_HEAD = 8192,
};

struct text {
    const char *at;
    size_t length;
};

/* Writes base64 with padding and a terminating NUL. */
void encode_base64(const uint8_t *bytes, size_t count, char *to);

/* Computes Sec-WebSocket-Accept for a Sec-WebSocket-Key of KEY_LENGTH characters (RFC 6455 §4.2.2). */
void accept_for_key(const char *key, char accept[ACCEPT_LENGTH + 1]);

/* Returns the size of an HTTP head with its empty line, or 0 while it is incomplete. */
size_t find_head_end(const uint8_t *bytes, size_t count);

/* Finds a header field in a complete head; its value comes without surrounding blanks. */
bool find_field(struct text head, const char *name, struct text *value);

bool text_equals_ignoring_case(struct text text, const char *expected);

/* True if a comma-separated list holds the token, in any case. */
bool list_holds_token(struct text list, const char *token);

/* Judges an upgrade request and writes the 101 response; returns its size, or 0 if the request is refused. */
size_t answer_upgrade(struct text head, char *response, size_t capacity);

#endif
