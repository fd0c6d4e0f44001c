/* Compressed messages that are ready to be sent, as often as one likes. */
#ifndef DEFLATE_SCRIPT_H
#define DEFLATE_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

#include "codec.h"
#include "json.h"
#include "websocket.h"

/*
 * `cycle` different messages, again and again. With context takeover a compressed message depends on the
 * 32 KiB before it, so the first time around is compressed apart: its entries come first. From the second
 * time on those 32 KiB are always the same, and the same entries can be sent for ever.
 */
struct deflate_script {
    size_t message_size;
    uint8_t *messages; /* `cycle` of them */
    size_t cycle;
    size_t entries;   /* cycle, or 2 * cycle with context takeover */
    size_t repeat_at; /* the entry that follows the last one */
    uint8_t *payloads;
    size_t *payload_at; /* entries + 1 of them */
    uint8_t *frames;    /* the payloads as masked text frames with RSV1 */
    size_t *frame_at;   /* entries + 1 of them */
};

/* `variant` gives other messages, so that crossed echoes are noticed. */
void deflate_script_prepare(struct deflate_script *script, size_t message_size, struct direction direction,
                            unsigned variant);

static inline size_t script_after(const struct deflate_script *script, size_t entry)
{
    return entry + 1 == script->entries ? script->repeat_at : entry + 1;
}

static inline const uint8_t *script_message(const struct deflate_script *script, size_t entry)
{
    return script->messages + entry % script->cycle * script->message_size;
}

#endif
