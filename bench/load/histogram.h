// A histogram of durations in log-linear buckets: exact below 256 ns, within 0.8 % above, for any 64 bits.
#ifndef IOMUX_BENCH_HISTOGRAM_H
#define IOMUX_BENCH_HISTOGRAM_H

#include <stdint.h>

// Each power of two is divided into 128 buckets of equal width: a bucket is at most 1/128 of its value wide.
// The first 256 values have a bucket each, which is what the formula below gives them for a shift of 0.
enum {
  BUCKET_BITS = 7,
  BUCKETS_PER_OCTAVE = 1 << BUCKET_BITS,
  BUCKETS = (64 - BUCKET_BITS + 1) * BUCKETS_PER_OCTAVE
};

struct histogram {
  uint64_t count;
  uint64_t minimum;
  uint64_t maximum;
  uint64_t buckets[BUCKETS];
};

static inline void histogram_record(struct histogram* histogram, uint64_t value) {
  const int top_bit = 63 - __builtin_clzll(value | 1);
  const int shift = top_bit > BUCKET_BITS ? top_bit - BUCKET_BITS : 0;
  histogram->buckets[(uint64_t)shift * BUCKETS_PER_OCTAVE + (value >> shift)]++;
  if (histogram->count == 0 || value < histogram->minimum) histogram->minimum = value;
  if (value > histogram->maximum) histogram->maximum = value;
  histogram->count++;
}

// The smallest value that at least `fraction` of all values do not exceed, as the middle of its bucket.
static inline double histogram_quantile(const struct histogram* histogram, double fraction) {
  const double rank = fraction * (double)histogram->count;
  uint64_t seen = 0;
  for (uint64_t index = 0; index < BUCKETS; index++) {
    seen += histogram->buckets[index];
    if (seen == 0 || (double)seen < rank) continue;
    const uint64_t shift = index < 2 * BUCKETS_PER_OCTAVE ? 0 : index / BUCKETS_PER_OCTAVE - 1;
    const double low = (double)((index - shift * BUCKETS_PER_OCTAVE) << shift);
    const double middle = low + (double)((UINT64_C(1) << shift) - 1) / 2;
    // A bucket's middle may lie outside of what was recorded, and a p99 above the maximum would be a lie.
    if (middle < (double)histogram->minimum) return (double)histogram->minimum;
    if (middle > (double)histogram->maximum) break;
    return middle;
  }
  return (double)histogram->maximum;
}

#endif
