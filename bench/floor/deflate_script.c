#include "deflate_script.h"

#include "opening.h"
#include "system.h"

enum {
    CYCLE_BYTES = 64 * 1024, /* at least; two windows, so that no message finds itself in the one before it */
    SHORTEST_CYCLE = 4,
    LEVEL = 6,
    MEMORY_LEVEL = 8,
};

static void write_messages(struct deflate_script *script, unsigned variant)
{
    uint64_t state = 0x9e3779b97f4a7c15u + variant;
    script->messages = allocate(script->cycle * script->message_size);
    for (size_t i = 0; i < script->cycle; i++) {
        write_json((char *)script->messages + i * script->message_size, script->message_size, &state);
    }
}

static void compress_messages(struct deflate_script *script, struct direction direction)
{
    struct deflater deflater;
    deflater_open(&deflater, direction, LEVEL, MEMORY_LEVEL);
    size_t bound = deflated_bound(script->message_size);
    script->payloads = allocate(script->entries * bound);
    script->payload_at = allocate((script->entries + 1) * sizeof *script->payload_at);
    size_t at = 0;
    for (size_t i = 0; i < script->entries; i++) {
        script->payload_at[i] = at;
        at += deflate_message(&deflater, script_message(script, i), script->message_size,
                              script->payloads + at, bound);
    }
    script->payload_at[script->entries] = at;
    deflater_close(&deflater);
}

static void frame_payloads(struct deflate_script *script)
{
    uint8_t key[MASKING_KEY_SIZE];
    fill_random(key, sizeof key);
    script->frames = allocate(script->payload_at[script->entries] + script->entries * MAX_CLIENT_HEADER);
    script->frame_at = allocate((script->entries + 1) * sizeof *script->frame_at);
    size_t at = 0;
    for (size_t i = 0; i < script->entries; i++) {
        const uint8_t *payload = script->payloads + script->payload_at[i];
        size_t length = script->payload_at[i + 1] - script->payload_at[i];
        script->frame_at[i] = at;
        at += write_header(script->frames + at, FIN_BIT | RSV1_BIT | OPCODE_TEXT, length, key);
        apply_mask(script->frames + at, payload, length, key, 0);
        at += length;
    }
    script->frame_at[script->entries] = at;
}

void deflate_script_prepare(struct deflate_script *script, size_t message_size, struct direction direction,
                            unsigned variant)
{
    size_t cycle = (CYCLE_BYTES + message_size - 1) / message_size;
    cycle = cycle < SHORTEST_CYCLE ? SHORTEST_CYCLE : cycle;
    *script = (struct deflate_script){
        .message_size = message_size,
        .cycle = cycle,
        .entries = direction.takeover ? 2 * cycle : cycle,
        .repeat_at = direction.takeover ? cycle : 0,
    };
    write_messages(script, variant);
    compress_messages(script, direction);
    frame_payloads(script);
}
