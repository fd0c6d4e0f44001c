#include "json.h"

#include <stdio.h>
#include <string.h>

enum { LONGEST_RECORD = 160, CLOSING_SIZE = 3 /* "", and the bracket */ };

static const char *const NAMES[] = {"alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel"};
static const char FILLER[] = "the quick brown fox jumps over the lazy dog; ";

/* xorshift64: the same messages in every run. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static size_t write_record(char to[LONGEST_RECORD], uint64_t *state)
{
    uint64_t random = next_random(state);
    uint64_t more = next_random(state);
    int size = snprintf(to, LONGEST_RECORD, "{\"id\":%u,\"user\":\"%s\",\"price\":%u.%02u,\"count\":%u},",
                        (unsigned)(random & 0xfffff), NAMES[random >> 20 & 7],
                        (unsigned)(random >> 24 & 0x3ff), (unsigned)(more % 100), (unsigned)(more >> 8 & 63));
    return (size_t)size;
}

void write_json(char *to, size_t size, uint64_t *state)
{
    size_t at = 0;
    to[at++] = '[';
    for (;;) {
        char record[LONGEST_RECORD];
        size_t record_size = write_record(record, state);
        if (at + record_size + CLOSING_SIZE > size) {
            break;
        }
        memcpy(to + at, record, record_size);
        at += record_size;
    }
    /* The rest is a string. */
    to[at++] = '"';
    for (size_t i = 0; at < size - 2; i++) {
        to[at++] = FILLER[i % (sizeof FILLER - 1)];
    }
    to[at++] = '"';
    to[at] = ']';
}
