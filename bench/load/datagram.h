// The datagrams that are counted, and what their receiver answers. The programs in JavaScript and Python know
// the same (bench/support/datagrams-received.mjs).
#ifndef IOMUX_BENCH_DATAGRAM_H
#define IOMUX_BENCH_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command.h"

enum {
  DATAGRAM_WORDS = 16,
  DATAGRAM_SIZE = DATAGRAM_WORDS * sizeof(uint32_t),
  // A receiver tells how far it is after each so many, and when an empty datagram asks it to.
  DATAGRAMS_PER_ANSWER = 256,
};

struct progress {
  // The highest sequence number that came, how many came, and the sum of all their sequence numbers.
  // Integers, in the one type that JavaScript has for numbers of this size.
  double newest;
  double count;
  double sum;
};

// With a datagram that came twice, or that nobody sent, these could not be right. Lost ones may be missing.
static inline void check_progress(const struct progress* progress, double sent) {
  const double sum = sent * (sent - 1) / 2;
  if (progress->count < sent ? progress->sum < sum : progress->count == sent && progress->sum == sum) return;
  fail("%.0f datagrams were sent, and %.0f received, which are not the same", sent, progress->count);
}

// The first word is the sequence number, and each says which place it has.
static inline uint32_t datagram_word(uint32_t sequence, size_t index) {
  return sequence ^ (uint32_t)index * UINT32_C(0x9e3779b1);
}

static inline void datagram_fill(uint32_t* words, uint32_t sequence) {
  for (size_t index = 0; index < DATAGRAM_WORDS; index++) words[index] = datagram_word(sequence, index);
}

// The whole costs more than to receive it, so that of most only the two ends are looked at.
static inline bool datagram_is_right(const uint32_t* words, bool wholly) {
  const uint32_t sequence = words[0];
  for (size_t index = wholly ? 1 : DATAGRAM_WORDS - 1; index < DATAGRAM_WORDS; index++) {
    if (words[index] != datagram_word(sequence, index)) return false;
  }
  return true;
}

#endif
