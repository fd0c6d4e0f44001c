#include "outbox.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "system.h"

static bool is_broken(ssize_t sent)
{
    return sent < 0 && errno != EAGAIN && errno != EINTR;
}

enum outbox_state outbox_send(struct outbox *outbox, struct stream *stream, uint8_t *large, size_t large_size,
                              const uint8_t *small, size_t small_size)
{
    ssize_t sent = stream_send_parts(stream, (struct iovec){large, large_size},
                                     (struct iovec){(void *)small, small_size});
    if (is_broken(sent)) {
        free(large);
        return OUTBOX_BROKEN;
    }
    size_t done = sent < 0 ? 0 : (size_t)sent;
    if (done < large_size) {
        outbox->large = (struct chunk){large, done, large_size};
    } else {
        free(large);
    }
    if (done == large_size + small_size) {
        return OUTBOX_EMPTY;
    }
    size_t small_done = done < large_size ? 0 : done - large_size;
    size_t rest = small_size - small_done;
    if (rest) {
        outbox->rest = (struct chunk){allocate(rest), 0, rest};
        memcpy(outbox->rest.memory, small + small_done, rest);
    }
    return OUTBOX_WAITING;
}

static struct iovec unsent(const struct chunk *chunk)
{
    return (struct iovec){chunk->memory + chunk->sent, chunk->size - chunk->sent};
}

/* Notes that up to `count` bytes of the chunk have left; returns how many of them were another chunk's. */
static size_t advance(struct chunk *chunk, size_t count)
{
    size_t left = chunk->size - chunk->sent;
    if (count < left) {
        chunk->sent += count;
        return 0;
    }
    free(chunk->memory);
    *chunk = (struct chunk){0};
    return count - left;
}

enum outbox_state outbox_flush(struct outbox *outbox, struct stream *stream)
{
    ssize_t sent = stream_send_parts(stream, unsent(&outbox->large), unsent(&outbox->rest));
    if (is_broken(sent)) {
        return OUTBOX_BROKEN;
    }
    advance(&outbox->rest, advance(&outbox->large, sent < 0 ? 0 : (size_t)sent));
    return outbox->large.memory || outbox->rest.memory ? OUTBOX_WAITING : OUTBOX_EMPTY;
}

void outbox_free(struct outbox *outbox)
{
    free(outbox->large.memory);
    free(outbox->rest.memory);
}
