#include "inbox.h"

#include <stdlib.h>

#include "system.h"

static void append(struct inbox *inbox, const uint8_t *bytes, size_t count)
{
    if (inbox->kept_size + count > inbox->kept_capacity) {
        size_t wanted = inbox->kept_size + count;
        inbox->kept_capacity = wanted > 2 * inbox->kept_capacity ? wanted : 2 * inbox->kept_capacity;
        inbox->kept = realloc(inbox->kept, inbox->kept_capacity);
        if (!inbox->kept) {
            die("realloc");
        }
    }
    memcpy(inbox->kept + inbox->kept_size, bytes, count);
    inbox->kept_size += count;
}

void inbox_put(struct inbox *inbox, const uint8_t *bytes, size_t count)
{
    if (inbox->kept_size) {
        append(inbox, bytes, count);
        bytes = inbox->kept;
        count = inbox->kept_size;
    }
    inbox->at = bytes;
    inbox->end = bytes + count;
}

/* Keeps what is left, which may lie in the kept memory itself. */
static void keep_rest(struct inbox *inbox)
{
    size_t rest = (size_t)(inbox->end - inbox->at);
    if (inbox->kept_size) {
        memmove(inbox->kept, inbox->at, rest);
        inbox->kept_size = rest;
    } else if (rest) {
        append(inbox, inbox->at, rest);
    }
    inbox->at = inbox->end;
}

enum inbox_state inbox_next(struct inbox *inbox, struct frame *frame)
{
    struct frame_header header;
    size_t available = (size_t)(inbox->end - inbox->at);
    size_t header_size = parse_header(inbox->at, available, &header);
    if (header_size && header.masked) {
        return INBOX_BROKEN;
    }
    if (header_size == 0 || header.length > available - header_size) {
        keep_rest(inbox);
        return INBOX_EMPTY;
    }
    frame->first = header.first;
    frame->length = (size_t)header.length;
    frame->payload = inbox->at + header_size;
    inbox->at += header_size + frame->length;
    return INBOX_FRAME;
}

void inbox_free(struct inbox *inbox)
{
    free(inbox->kept);
    *inbox = (struct inbox){0};
}
