/* What a load generator has measured, and its report. */
#ifndef MEASUREMENT_H
#define MEASUREMENT_H

#include <stdint.h>

#include "clocks.h"
#include "histogram.h"
#include "load_options.h"

/* What was used up at one moment; the difference of two is a measurement. */
struct reading {
    uint64_t ns;
    struct cpu_reading load;
    struct cpu_reading server;
};

struct measurement {
    struct reading start;
    struct reading end;
    uint64_t messages;
    struct histogram latencies;
    uint32_t errors;
};

/* Reads the clocks of this process, and of the server if the options name its process. */
struct reading take_reading(const struct load_options *options);

uint64_t in_ns(double seconds);

double seconds_between(struct reading start, struct reading end);

/*
 * Prints one line for people, or JSON if the options say so; `more` is further members of the JSON object,
 * each with a comma before it.
 */
void report(const struct load_options *options, const struct measurement *measurement, const char *more);

#endif
