#include "codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "handshake.h"
#include "system.h"

static const uint8_t TAIL[TAIL_SIZE] = {0x00, 0x00, 0xff, 0xff};

/* ---- The agreement ------------------------------------------------------------------------------------- */

static bool read_window_bits(const char *value, int *bits)
{
    char *end;
    long number = strtol(value + (*value == '"'), &end, 10);
    *bits = (int)number;
    return number >= 8 && number <= 15 && (*end == '\0' || strcmp(end, "\"") == 0);
}

static bool read_parameter(struct agreement *agreement, char *parameter)
{
    char *value = strchr(parameter, '=');
    if (value) {
        *value++ = '\0';
    }
    if (strcasecmp(parameter, "server_no_context_takeover") == 0) {
        agreement->server.takeover = false;
        return !value;
    }
    if (strcasecmp(parameter, "client_no_context_takeover") == 0) {
        agreement->client.takeover = false;
        return !value;
    }
    if (strcasecmp(parameter, "server_max_window_bits") == 0) {
        return value && read_window_bits(value, &agreement->server.window_bits);
    }
    if (strcasecmp(parameter, "client_max_window_bits") == 0) {
        return value && read_window_bits(value, &agreement->client.window_bits);
    }
    return false;
}

bool agreement_read(struct agreement *agreement, const char *text)
{
    *agreement = (struct agreement){
        .client = {MAX_WBITS, true},
          .server = {MAX_WBITS, true}
    };
    char copy[256];
    snprintf(copy, sizeof copy, "%s", text);
    char *position = NULL;
    char *word = strtok_r(copy, "; ", &position);
    if (!word || strcasecmp(word, "permessage-deflate") != 0) {
        return false;
    }
    while ((word = strtok_r(NULL, "; ", &position))) {
        if (!read_parameter(agreement, word)) {
            return false;
        }
    }
    return true;
}

/* ---- Deflating ----------------------------------------------------------------------------------------- */

void deflater_open(struct deflater *deflater, struct direction direction, int level, int memory_level)
{
    *deflater = (struct deflater){.takeover = direction.takeover};
    /* zlib cannot do raw deflate with a window of 256 bytes: it would use 512. */
    int bits = direction.window_bits < 9 ? 9 : direction.window_bits;
    if (deflateInit2(&deflater->stream, level, Z_DEFLATED, -bits, memory_level, Z_DEFAULT_STRATEGY) != Z_OK) {
        die("deflateInit2");
    }
}

void deflater_close(struct deflater *deflater)
{
    deflateEnd(&deflater->stream);
}

size_t deflated_bound(size_t size)
{
    return compressBound((uLong)size) + 64;
}

size_t deflate_message(struct deflater *deflater, const uint8_t *message, size_t size, uint8_t *to,
                       size_t capacity)
{
    z_stream *stream = &deflater->stream;
    stream->next_in = (Bytef *)message;
    stream->avail_in = (uInt)size;
    stream->next_out = to;
    stream->avail_out = (uInt)capacity;
    if (deflate(stream, Z_SYNC_FLUSH) != Z_OK || stream->avail_in || stream->avail_out == 0) {
        die("deflate");
    }
    size_t count = capacity - stream->avail_out - TAIL_SIZE;
    if (!deflater->takeover) {
        deflateReset(stream);
    }
    return count;
}

/* ---- Inflating ----------------------------------------------------------------------------------------- */

void inflater_open(struct inflater *inflater, struct direction direction)
{
    *inflater = (struct inflater){.takeover = direction.takeover};
    if (inflateInit2(&inflater->stream, -direction.window_bits) != Z_OK) {
        die("inflateInit2");
    }
}

void inflater_close(struct inflater *inflater)
{
    inflateEnd(&inflater->stream);
}

static bool feed(z_stream *stream, const uint8_t *from, size_t count)
{
    stream->next_in = (Bytef *)from;
    stream->avail_in = (uInt)count;
    int result = inflate(stream, Z_SYNC_FLUSH);
    return (result == Z_OK || result == Z_BUF_ERROR) && stream->avail_in == 0;
}

bool inflate_message(struct inflater *inflater, const uint8_t *from, size_t count, uint8_t *to,
                     size_t capacity, size_t *size)
{
    z_stream *stream = &inflater->stream;
    stream->next_out = to;
    stream->avail_out = (uInt)capacity;
    if (!feed(stream, from, count) || !feed(stream, TAIL, TAIL_SIZE)) {
        return false;
    }
    *size = capacity - stream->avail_out;
    if (!inflater->takeover) {
        inflateReset(stream);
    }
    return true;
}
