#include "load_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char USAGE[] =
    "options: --port P [--host ADDRESS] [--path PATH] [--connections N] [--depth D] [--size BYTES]\n"
    "         [--seconds S] [--warmup S] [--text | --binary] [--server-pid PID] [--json]\n"
    "         [--offer EXTENSIONS] [--replies N] [--idle]\n"
    "\n"
    "load, load_tls: keeps D messages in flight on each of N connections to a WebSocket echo server.\n"
    "deflate_load: the same with compressed JSON texts; with --idle, memory per connection.\n"
    "fanout: one connection sends, each of N receives --replies messages.\n"
    "crowd: opens N connections, which stay idle, and has the server close them.\n"
    "\n"
    "All check what they receive, and exit with status 1 if anything went wrong.\n";

static _Noreturn void refuse(const char *option, const char *value)
{
    fprintf(stderr, "load: --%s cannot be %s\n", option, value);
    exit(2);
}

static uint64_t parse_count(const char *option, const char *value, uint64_t low, uint64_t high)
{
    char *end;
    unsigned long long number = strtoull(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || number < low || number > high) {
        refuse(option, value);
    }
    return number;
}

static double parse_seconds(const char *option, const char *value, bool may_be_zero)
{
    char *end;
    double number = strtod(value, &end);
    if (end == value || *end || !(number >= 0 && number < 1e6) || (number == 0 && !may_be_zero)) {
        refuse(option, value);
    }
    return number;
}

struct load_options parse_options(int argc, char **argv)
{
    static const struct option NAMES[] = {
        {"host",        required_argument, NULL, 'h'},
        {"port",        required_argument, NULL, 'p'},
        {"path",        required_argument, NULL, 'u'},
        {"connections", required_argument, NULL, 'c'},
        {"depth",       required_argument, NULL, 'd'},
        {"size",        required_argument, NULL, 's'},
        {"seconds",     required_argument, NULL, 't'},
        {"warmup",      required_argument, NULL, 'w'},
        {"text",        no_argument,       NULL, 'T'},
        {"binary",      no_argument,       NULL, 'B'},
        {"offer",       required_argument, NULL, 'o'},
        {"replies",     required_argument, NULL, 'r'},
        {"idle",        no_argument,       NULL, 'I'},
        {"server-pid",  required_argument, NULL, 'i'},
        {"json",        no_argument,       NULL, 'j'},
        {NULL,          0,                 NULL, 0  },
    };
    struct load_options options = {
        .host = "127.0.0.1",
        .path = "/",
        .connections = 100,
        .depth = 1,
        .size = 32,
        .replies = 1,
        .seconds = 2,
        .warmup = 0.5,
    };
    int letter, index = 0;
    while ((letter = getopt_long(argc, argv, "", NAMES, &index)) != -1) {
        const char *name = NAMES[index].name;
        switch (letter) {
        case 'h': options.host = optarg; break;
        case 'p': options.port = (uint16_t)parse_count(name, optarg, 1, UINT16_MAX); break;
        case 'u': options.path = optarg; break;
        case 'c': options.connections = (uint32_t)parse_count(name, optarg, 1, 1000000); break;
        case 'd': options.depth = (uint32_t)parse_count(name, optarg, 1, 65536); break;
        case 's': options.size = (size_t)parse_count(name, optarg, 0, (uint64_t)1 << 30); break;
        case 't': options.seconds = parse_seconds(name, optarg, false); break;
        case 'w': options.warmup = parse_seconds(name, optarg, true); break;
        case 'T': options.text = true; break;
        case 'B': options.text = false; break;
        case 'o': options.offer = *optarg ? optarg : NULL; break;
        case 'r': options.replies = (uint32_t)parse_count(name, optarg, 1, 1000000); break;
        case 'I': options.idle = true; break;
        case 'i': options.server_pid = (pid_t)parse_count(name, optarg, 1, INT32_MAX); break;
        case 'j': options.json = true; break;
        default: fputs(USAGE, stderr); exit(2);
        }
    }
    if (optind < argc || options.port == 0) {
        fputs(USAGE, stderr);
        exit(2);
    }
    return options;
}
