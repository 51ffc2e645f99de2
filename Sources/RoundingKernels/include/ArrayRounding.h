// Arrays rounded to a narrow format, in every rounding: encodings or values.

#ifndef ROPEDRIFT_ARRAY_ROUNDING_H
#define ROPEDRIFT_ARRAY_ROUNDING_H

#include <stddef.h>
#include <stdint.h>

enum {
  ROPEDRIFT_NEAREST_EVEN,
  ROPEDRIFT_NEAREST_AWAY,
  ROPEDRIFT_TOWARD_ZERO,
  ROPEDRIFT_UP,
  ROPEDRIFT_DOWN,
  ROPEDRIFT_ODD,
  ROPEDRIFT_STOCHASTIC,
};

// What elements are.
enum {
  ROPEDRIFT_BINARY32,
  ROPEDRIFT_BINARY64,
  ROPEDRIFT_ENCODING8,
  ROPEDRIFT_ENCODING16,
  ROPEDRIFT_ENCODING32,
};

// A format and a rounding. 2 <= precision <= 24, and every power of two from the format's smallest number to its largest is a normal
// binary64 number. Two-element members are for + and -.
typedef struct {
  int rounding;
  int precision;
  int minimum_exponent;
  int has_subnormals;
  uint32_t largest;         // encoding of the largest finite value
  uint32_t sign;            // sign bit
  uint32_t nan;             // encoding of NaN
  uint32_t infinity[2];     // what infinities become
  uint32_t overflow[2];     // what finite values above the largest become
  double infinity_value[2];
  double overflow_value[2];
} ropedrift_rounding;

// Where the first element stands: the element of row r and column c draws its random bits at
// (first, row + r, column + c, last), each modulo 2^32.
typedef struct {
  uint64_t seed;
  uint32_t first;
  uint32_t row;
  uint32_t column;
  uint32_t last;
} ropedrift_random_place;

// What happened to elements. The bits of a flag byte are 1 (overflowed), 2 (underflowed), 4 (flushed).
typedef struct {
  uint64_t overflowed;   // finite, rounded beyond the largest finite value
  uint64_t underflowed;  // not zero, below the smallest normal value, inexact
  uint64_t flushed;      // not zero, became zero
} ropedrift_rounding_counts;

// Rounds rows * columns elements, adds to `counts`, and ORs into flags[i] unless `flags` is null.
//
// source: ROPEDRIFT_BINARY32 or ROPEDRIFT_BINARY64. result: encodings of at least the format's width, or values; the same buffer as
// source where both are of one kind, else a buffer apart. No alignment is needed. NaN gives `nan`; zeros keep their sign.
void ropedrift_round_array(const void *source, int source_kind, size_t rows, size_t columns,
                           const ropedrift_rounding *rounding, const ropedrift_random_place *place,
                           int allows_vectors, void *result, int result_kind, uint8_t *flags,
                           ropedrift_rounding_counts *counts);

// The 64 random bits of `count` consecutive columns, as Philox4x32-10 gives them.
void ropedrift_random_bits(const ropedrift_random_place *place, size_t count, int allows_vectors, uint64_t *bits);

#endif
