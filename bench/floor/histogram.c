#include "histogram.h"

/* Small values have a bucket each; above, the leading one and the bits after it choose the bucket. */
static unsigned bucket_shift(uint64_t value)
{
    unsigned width = value ? 64 - (unsigned)__builtin_clzll(value) : 0;
    return width > BUCKET_BITS + 1 ? width - (BUCKET_BITS + 1) : 0;
}

void histogram_record(struct histogram *histogram, uint64_t value, uint64_t count)
{
    unsigned shift = bucket_shift(value);
    histogram->counts[shift * BUCKETS_PER_OCTAVE + (value >> shift)] += count;
    histogram->total += count;
    if (value > histogram->max) {
        histogram->max = value;
    }
}

static uint64_t bucket_middle(unsigned index)
{
    unsigned shift = index < 2 * BUCKETS_PER_OCTAVE ? 0 : index / BUCKETS_PER_OCTAVE - 1;
    uint64_t low = (uint64_t)(index - shift * BUCKETS_PER_OCTAVE) << shift;
    return low + (((uint64_t)1 << shift) >> 1);
}

uint64_t histogram_quantile(const struct histogram *histogram, double fraction)
{
    uint64_t wanted = (uint64_t)(fraction * (double)histogram->total);
    uint64_t seen = 0;
    for (unsigned index = 0; index < BUCKETS; index++) {
        seen += histogram->counts[index];
        if (seen > wanted) {
            uint64_t middle = bucket_middle(index);
            return middle < histogram->max ? middle : histogram->max;
        }
    }
    return histogram->max;
}
