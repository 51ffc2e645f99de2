// What the driver of the dot products hands to the loops of a machine: one tile of queries and one panel of keys.

#ifndef ROPEDRIFT_DOT_TILE_H
#define ROPEDRIFT_DOT_TILE_H

#include <stddef.h>
#include <stdint.h>

#include "RoundingKernels.h"
#include "WideRounding.h"

enum { PANEL = ROPEDRIFT_DOT_PANEL, MOST_ROWS = 16 };

// Where the matrix unit's binary32 lanes need not look further down: products that are not zero are at least this power of two.
enum { TENSOR_CORE_LOWEST = -96, EXPONENT_OF_ZERO = -16000 };

// Ways to round in binary32 lanes.
typedef enum {
  SINGLE_PLAIN,   // binary32's own roundings
  SINGLE_EXACT,   // the same where products are exact, so that fused and unfused steps agree
  SINGLE_BF16,    // then to bfloat16, in integers
  SINGLE_BITS,    // then to any format with binary32's exponents, likewise
  SINGLE_HALF,    // then to binary16, by the machine's conversion
  SINGLE_MAGIC,   // then to a format with a smaller range, by adding and subtracting
  SINGLE_TENSOR_CORE
} single_way;

// Rounding to nearest even in binary32 lanes.
typedef struct {
  uint32_t shift;      // bits that are cut off
  uint32_t smallest;   // 2^emin, as bits
  uint32_t offset;     // what makes 1.5 * 2^23 units of 2^e, as bits
  float clamp;         // 2^(emax + 1)
  float largest, above_largest;
} single_rounding;

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

// How a plan is computed where its products are exact in binary32, and where they need not be.
typedef struct {
  dot_tile exact;
  dot_tile other;
} prepared_dot_plan;

// has_half: whether the machine converts to binary16.
prepared_dot_plan ropedrift_prepare_dot_plan(const ropedrift_dot_plan *plan, size_t channels, int has_half);

// log2 of the least power of two that is not below.
static inline int bits_of(size_t count) {
  int bits = 0;
  while (((size_t)1 << bits) < count) bits++;
  return bits;
}

#endif
