/*
 * The floor of compressed echoes: the time that zlib alone needs to inflate what the load generator sends and
 * to deflate it again, without sockets, frames or anything else.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clocks.h"
#include "codec.h"
#include "deflate_script.h"
#include "system.h"

struct settings {
    int level;
    int memory_level;
    double seconds;
};

static double measure(const struct deflate_script *script, struct agreement agreement,
                      struct settings settings, size_t *wire_bytes)
{
    struct inflater inflater;
    struct deflater deflater;
    inflater_open(&inflater, agreement.client);
    deflater_open(&deflater, agreement.server, settings.level, settings.memory_level);
    size_t size = script->message_size;
    size_t bound = deflated_bound(size);
    uint8_t *plain = allocate(size + 1);
    uint8_t *packed = allocate(bound);
    double start = 0;
    uint64_t messages = 0, counted_from = 0, now = now_ns();
    uint64_t warm = now + (uint64_t)(settings.seconds * 0.1e9);
    uint64_t end = now + (uint64_t)(settings.seconds * 1.1e9);
    *wire_bytes = 0;
    for (size_t index = 0; now < end; index = script_after(script, index)) {
        size_t count;
        const uint8_t *payload = script->payloads + script->payload_at[index];
        size_t length = script->payload_at[index + 1] - script->payload_at[index];
        if (!inflate_message(&inflater, payload, length, plain, size + 1, &count) || count != size
            || memcmp(plain, script_message(script, index), size) != 0) {
            fprintf(stderr, "zlib_floor: zlib did not give back what it was given\n");
            exit(1);
        }
        *wire_bytes += deflate_message(&deflater, plain, size, packed, bound);
        messages++;
        now = now_ns();
        if (start == 0 && now > warm) {
            start = read_cpu(getpid()).total;
            counted_from = messages;
            *wire_bytes = 0;
        }
    }
    /* Not wall time: that would be longer where something else has the core. */
    double used = read_cpu(getpid()).total - start;
    *wire_bytes /= messages - counted_from;
    inflater_close(&inflater);
    deflater_close(&deflater);
    return used * 1e6 / (double)(messages - counted_from);
}

int main(int argc, char **argv)
{
    static const struct option NAMES[] = {
        {"size",         required_argument, NULL, 's'},
        {"seconds",      required_argument, NULL, 't'},
        {"agreed",       required_argument, NULL, 'a'},
        {"level",        required_argument, NULL, 'l'},
        {"memory-level", required_argument, NULL, 'm'},
        {NULL,           0,                 NULL, 0  },
    };
    size_t size = 1024;
    struct settings settings = {.level = 6, .memory_level = 8, .seconds = 1};
    const char *agreed = "permessage-deflate";
    int letter;
    while ((letter = getopt_long(argc, argv, "", NAMES, NULL)) != -1) {
        switch (letter) {
        case 's': size = strtoul(optarg, NULL, 10); break;
        case 't': settings.seconds = strtod(optarg, NULL); break;
        case 'l': settings.level = atoi(optarg); break;
        case 'm': settings.memory_level = atoi(optarg); break;
        case 'a': agreed = optarg; break;
        default: size = 0;
        }
    }
    struct agreement agreement;
    if (optind < argc || size < SMALLEST_JSON || !(settings.seconds > 0)
        || !agreement_read(&agreement, agreed)) {
        fprintf(
            stderr,
            "usage: %s [--size BYTES] [--seconds S] [--agreed EXTENSION] [--level N] [--memory-level N]\n",
            argv[0]);
        return 2;
    }
    struct deflate_script script;
    deflate_script_prepare(&script, size, agreement.client, 0);
    size_t wire_bytes;
    double microseconds = measure(&script, agreement, settings, &wire_bytes);
    printf("{\"us_per_message\": %.3f, \"wire_bytes\": %zu}\n", microseconds, wire_bytes);
}
