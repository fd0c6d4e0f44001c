#include "handshake.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char ACCEPT_GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

enum { SHA1_BLOCK = 64, SHA1_DIGEST = 20 };

static uint32_t rotate_left(uint32_t word, int count)
{
    return word << count | word >> (32 - count);
}

/* FIPS 180-4 §6.1.2, one block. */
static void sha1_block(uint32_t state[5], const uint8_t block[SHA1_BLOCK])
{
    uint32_t schedule[80];
    for (int t = 0; t < 16; t++) {
        const uint8_t *from = block + 4 * t;
        schedule[t] = (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
    }
    for (int t = 16; t < 80; t++) {
        schedule[t] = rotate_left(schedule[t - 3] ^ schedule[t - 8] ^ schedule[t - 14] ^ schedule[t - 16], 1);
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int t = 0; t < 80; t++) {
        uint32_t mix, constant;
        if (t < 20) {
            mix = (b & c) | (~b & d);
            constant = 0x5a827999;
        } else if (t < 40) {
            mix = b ^ c ^ d;
            constant = 0x6ed9eba1;
        } else if (t < 60) {
            mix = (b & c) | (b & d) | (c & d);
            constant = 0x8f1bbcdc;
        } else {
            mix = b ^ c ^ d;
            constant = 0xca62c1d6;
        }
        uint32_t next = rotate_left(a, 5) + mix + e + constant + schedule[t];
        e = d;
        d = c;
        c = rotate_left(b, 30);
        b = a;
        a = next;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

static void sha1(const uint8_t *message, size_t count, uint8_t digest[SHA1_DIGEST])
{
    uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    size_t at = 0;
    for (; count - at >= SHA1_BLOCK; at += SHA1_BLOCK) {
        sha1_block(state, message + at);
    }
    size_t rest = count - at;
    uint8_t tail[2 * SHA1_BLOCK] = {0};
    memcpy(tail, message + at, rest);
    tail[rest] = 0x80;
    size_t tail_size = rest + 9 <= SHA1_BLOCK ? SHA1_BLOCK : 2 * SHA1_BLOCK;
    uint64_t bits = (uint64_t)count * 8;
    for (size_t i = 0; i < 8; i++) {
        tail[tail_size - 1 - i] = (uint8_t)(bits >> (8 * i));
    }
    for (size_t block = 0; block < tail_size; block += SHA1_BLOCK) {
        sha1_block(state, tail + block);
    }
    for (size_t i = 0; i < SHA1_DIGEST; i++) {
        digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
    }
}

void encode_base64(const uint8_t *bytes, size_t count, char *to)
{
    static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < count; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= i + 1 < count ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= i + 2 < count ? bytes[i + 2] : 0;
        *to++ = ALPHABET[group >> 18];
        *to++ = ALPHABET[group >> 12 & 63];
        *to++ = i + 1 < count ? ALPHABET[group >> 6 & 63] : '=';
        *to++ = i + 2 < count ? ALPHABET[group & 63] : '=';
    }
    *to = '\0';
}

void accept_for_key(const char *key, char accept[ACCEPT_LENGTH + 1])
{
    uint8_t joined[KEY_LENGTH + sizeof ACCEPT_GUID - 1];
    memcpy(joined, key, KEY_LENGTH);
    memcpy(joined + KEY_LENGTH, ACCEPT_GUID, sizeof ACCEPT_GUID - 1);
    uint8_t digest[SHA1_DIGEST];
    sha1(joined, sizeof joined, digest);
    encode_base64(digest, sizeof digest, accept);
}

size_t find_head_end(const uint8_t *bytes, size_t count)
{
    const uint8_t *end = memmem(bytes, count, "\r\n\r\n", 4);
    return end ? (size_t)(end - bytes) + 4 : 0;
}

static bool is_blank(char character)
{
    return character == ' ' || character == '\t';
}

static struct text trim(struct text text)
{
    while (text.length && is_blank(text.at[0])) {
        text.at++;
        text.length--;
    }
    while (text.length && is_blank(text.at[text.length - 1])) {
        text.length--;
    }
    return text;
}

bool text_equals_ignoring_case(struct text text, const char *expected)
{
    return text.length == strlen(expected) && strncasecmp(text.at, expected, text.length) == 0;
}

bool find_field(struct text head, const char *name, struct text *value)
{
    const char *end = head.at + head.length;
    const char *line = head.at;
    const char *line_end;
    for (; (line_end = memmem(line, (size_t)(end - line), "\r\n", 2)); line = line_end + 2) {
        const char *colon = memchr(line, ':', (size_t)(line_end - line));
        if (colon && text_equals_ignoring_case((struct text){line, (size_t)(colon - line)}, name)) {
            *value = trim((struct text){colon + 1, (size_t)(line_end - colon - 1)});
            return true;
        }
    }
    return false;
}

bool list_holds_token(struct text list, const char *token)
{
    while (list.length) {
        const char *comma = memchr(list.at, ',', list.length);
        size_t length = comma ? (size_t)(comma - list.at) : list.length;
        if (text_equals_ignoring_case(trim((struct text){list.at, length}), token)) {
            return true;
        }
        size_t step = comma ? length + 1 : length;
        list.at += step;
        list.length -= step;
    }
    return false;
}

static bool is_upgrade_request(struct text head, struct text *key)
{
    struct text value;
    const char *line_end = memmem(head.at, head.length, " HTTP/1.1\r\n", 11);
    return line_end && head.length > 4 && memcmp(head.at, "GET ", 4) == 0
           && !memchr(head.at, '\r', (size_t)(line_end - head.at)) && find_field(head, "Host", &value)
           && find_field(head, "Upgrade", &value) && list_holds_token(value, "websocket")
           && find_field(head, "Connection", &value) && list_holds_token(value, "upgrade")
           && find_field(head, "Sec-WebSocket-Version", &value) && text_equals_ignoring_case(value, "13")
           && find_field(head, "Sec-WebSocket-Key", key) && key->length == KEY_LENGTH;
}

size_t answer_upgrade(struct text head, char *response, size_t capacity)
{
    struct text key;
    if (!is_upgrade_request(head, &key)) {
        return 0;
    }
    char accept[ACCEPT_LENGTH + 1];
    accept_for_key(key.at, accept);
    int size = snprintf(response, capacity,
                        "HTTP/1.1 101 Switching Protocols\r\n"
                        "Upgrade: websocket\r\n"
                        "Connection: Upgrade\r\n"
                        "Sec-WebSocket-Accept: %s\r\n\r\n",
                        accept);
    return size > 0 && (size_t)size < capacity ? (size_t)size : 0;
}
