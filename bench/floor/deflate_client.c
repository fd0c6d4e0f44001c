#include "deflate_client.h"

#include <errno.h>
#include <string.h>

#include "clocks.h"
#include "system.h"

void deflate_client_begin(struct deflate_client *client, const struct deflate_script *script, uint32_t depth)
{
    client->script = script;
    client->depth = depth;
    client->promised_ns = allocate(depth * sizeof *client->promised_ns);
}

/* Sends what is owed, up to where the script starts over. */
static bool send_stretch(struct deflate_client *client)
{
    const struct deflate_script *script = client->script;
    size_t left = script->entries - client->entry;
    size_t last = client->entry + (client->owed < left ? client->owed : left);
    size_t count = script->frame_at[last] - client->cursor;
    ssize_t taken = stream_send(&client->peer.stream, script->frames + client->cursor, count);
    if (taken < 0) {
        if (errno != EAGAIN && errno != EINTR) {
            peer_fail(&client->peer, "cannot send: %s", strerror(errno));
        }
        return false;
    }
    client->cursor += (size_t)taken;
    while (client->entry < last && client->cursor >= script->frame_at[client->entry + 1]) {
        client->owed--;
        client->entry++;
    }
    if (client->entry == script->entries) {
        client->entry = script->repeat_at;
        client->cursor = script->frame_at[script->repeat_at];
    }
    return (size_t)taken == count;
}

void deflate_client_send(struct deflate_client *client, uint32_t count)
{
    uint64_t now = now_ns();
    for (uint32_t i = 0; i < count; i++) {
        client->promised_ns[(client->first + client->in_flight + i) % client->depth] = now;
    }
    client->in_flight += count;
    client->owed += count;
    if (client->cursor == client->script->frame_at[client->entry]) {
        peer_send_pong(&client->peer);
    }
    while (client->owed && send_stretch(client)) {
    }
    client->wants_write = client->owed > 0;
}

uint32_t deflate_client_receive(struct deflate_client *client, struct histogram *latencies)
{
    const struct deflate_script *script = client->script;
    struct peer *peer = &client->peer;
    uint32_t echoes = 0;
    if (!peer_receive(peer)) {
        return 0;
    }
    uint64_t now = now_ns();
    struct message message;
    while (peer_next(peer, script->message_size, &message) == PEER_MESSAGE) {
        if (echoes == client->in_flight) {
            peer_fail(peer, "the server echoed more messages than were sent");
        } else if (message.size != script->message_size
                   || memcmp(message.at, script_message(script, client->expected), message.size) != 0) {
            peer_fail(peer, "an echo is not what was sent");
        }
        if (peer->error[0]) {
            return 0;
        }
        client->expected = script_after(script, client->expected);
        histogram_record(latencies, now - client->promised_ns[client->first], 1);
        client->first = (client->first + 1) % client->depth;
        echoes++;
    }
    client->in_flight -= echoes;
    return echoes;
}
