/* A latency histogram of fixed size: 128 buckets for each power of two, so a value is known to 0.8 %. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

enum {
    BUCKET_BITS = 7,
    BUCKETS_PER_OCTAVE = 1 << BUCKET_BITS,
    OCTAVES = 64 - BUCKET_BITS,
    BUCKETS = BUCKETS_PER_OCTAVE * (OCTAVES + 1),
};

struct histogram {
    uint64_t counts[BUCKETS];
    uint64_t total;
    uint64_t max;
};

void histogram_record(struct histogram *histogram, uint64_t value, uint64_t count);

/* Returns the value below which a fraction (0 to 1) of all lies, to the middle of its bucket. */
uint64_t histogram_quantile(const struct histogram *histogram, double fraction);

#endif
