#include "measurement.h"

#include <stdio.h>
#include <unistd.h>

struct reading take_reading(const struct load_options *options)
{
    struct reading reading = {.ns = now_ns(), .load = read_cpu(getpid())};
    if (options->server_pid) {
        reading.server = read_cpu(options->server_pid);
    }
    return reading;
}

uint64_t in_ns(double seconds)
{
    return (uint64_t)(seconds * 1e9);
}

double seconds_between(struct reading start, struct reading end)
{
    return (double)(end.ns - start.ns) / 1e9;
}

static void print_cpu(const char *name, struct cpu_time time)
{
    printf(", \"%s\": {\"user\": %.6f, \"system\": %.6f}", name, time.user, time.system);
}

void report(const struct load_options *options, const struct measurement *measurement, const char *more)
{
    const struct histogram *latencies = &measurement->latencies;
    struct reading start = measurement->start, end = measurement->end;
    double seconds = seconds_between(start, end);
    double rate = seconds > 0 ? (double)measurement->messages / seconds : 0;
    double p50 = (double)histogram_quantile(latencies, 0.50) / 1e3;
    double p99 = (double)histogram_quantile(latencies, 0.99) / 1e3;
    double max = (double)latencies->max / 1e3;
    if (!options->json) {
        printf("%.0f messages/s, latency p50 %.1f p99 %.1f max %.1f us, %u errors\n", rate, p50, p99, max,
               measurement->errors);
        return;
    }
    printf("{\"connections\": %u, \"depth\": %u, \"size\": %zu, \"opcode\": \"%s\", \"seconds\": %.6f, "
           "\"messages\": %llu, \"messages_per_second\": %.1f, "
           "\"latency_us\": {\"p50\": %.2f, \"p99\": %.2f, \"max\": %.2f}",
           options->connections, options->depth, options->size, options->text ? "text" : "binary", seconds,
           (unsigned long long)measurement->messages, rate, p50, p99, max);
    print_cpu("load_cpu_s", cpu_time_between(start.load, end.load));
    if (options->server_pid) {
        print_cpu("server_cpu_s", cpu_time_between(start.server, end.server));
    }
    printf("%s, \"errors\": %u}\n", more, measurement->errors);
}
