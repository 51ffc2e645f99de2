// What the driver of the dot products hands to the loops of a machine: one tile of queries and one panel of keys.

#ifndef ROPEDRIFT_DOT_TILE_H
#define ROPEDRIFT_DOT_TILE_H

#include <stddef.h>
#include <stdint.h>

#include "RoundingKernels.h"
#include "SingleRounding.h"
#include "WideRounding.h"

enum { PANEL = ROPEDRIFT_DOT_PANEL, MOST_ROWS = 16 };

// Where the matrix unit's binary32 lanes need not look further down: products that are not zero are at least this power of two.
enum { TENSOR_CORE_LOWEST = -96, EXPONENT_OF_ZERO = -16000 };

typedef struct {
  const ropedrift_dot_plan *plan;
  size_t channels;
  int is_wide;
  int way;             // a single_way or a wide_way
  int products_exact;  // in binary32
  int operands_finite;
  // For a matrix unit in binary32 lanes: exponents, those of zeros far below all others.
  const int32_t *query_exponents;  // (channels, rows), each in both halves of a word
  const int16_t *key_exponents;    // (channels, 32)
  single_rounding single;
  wide_rounding wide[2];
  size_t rows;
  const void *queries;  // (channels, rows)
  const void *keys;     // (channels, 32)
  void *room;           // for the partial sums of lanes and pairwise orders
  void *sums;           // (rows, 32)
  size_t first_lane, lanes;
  double *scores;  // (rows, stride): for lanes from first_lane on
  size_t stride;
} dot_tile;

// Most rows of a tile in order, on binary32 lanes without further rounding; other tiles have 4 or 1.
enum { ROWS_BASELINE = 6, ROWS_AVX2 = 6, ROWS_AVX512 = 14 };

// Whether every product of finite operands is a binary32 number.
static inline int products_are_exact(ropedrift_dot_range a, ropedrift_dot_range b) {
  return a.width + b.width <= 24 && a.lowest + b.lowest >= -149 && a.highest + b.highest <= 126;
}

// How a plan is computed where its products are exact in binary32, and where they need not be.
typedef struct {
  dot_tile exact;
  dot_tile other;
} prepared_dot_plan;

// has_half: whether the machine converts to binary16.
prepared_dot_plan ropedrift_prepare_dot_plan(const ropedrift_dot_plan *plan, size_t channels, int has_half);

// What is known of some numbers. Level: of ropedrift_vector_level.
void ropedrift_dot_range_at(const float *values, size_t count, int level, ropedrift_dot_range *range);

// log2 of the least power of two that is not below.
static inline int bits_of(size_t count) {
  int bits = 0;
  while (((size_t)1 << bits) < count) bits++;
  return bits;
}

#endif
