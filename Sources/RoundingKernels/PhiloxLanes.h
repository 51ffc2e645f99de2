// Philox4x32-10 over consecutive columns, one column a 64-bit lane: what a lane holds above 32 bits is dropped by the next product.
// Not part of the interface.

#ifndef ROPEDRIFT_PHILOX_LANES_H
#define ROPEDRIFT_PHILOX_LANES_H

#include "ArrayRounding.h"
#include "VectorTargets.h"

// From the products of the columns with the second multiplier to the last products, the words 0 and 1 with bits above them.
ROPEDRIFT_BODY void philox_rounds(const ropedrift_random_place *place, size_t count, const uint64_t *products,
                                  uint64_t *low, uint64_t *high) {
  uint64_t first_word = place->first, second_word = place->row, last_word = place->last;
  uint32_t seed0 = (uint32_t)place->seed, seed1 = (uint32_t)(place->seed >> 32);
  uint64_t first_product = 0xD2511F53u * first_word;
#pragma clang loop interleave_count(4)
  for (size_t i = 0; i < count; i++) {
    uint32_t key0 = seed0, key1 = seed1;
    uint64_t first = first_product, second = products[i];
    uint64_t x0 = (second >> 32) ^ second_word ^ key0, x1 = second;
    uint64_t x2 = (first >> 32) ^ last_word ^ key1, x3 = first;
    for (int round = 1; round < 10; round++) {
      key0 += 0x9E3779B9u;
      key1 += 0xBB67AE85u;
      first = 0xD2511F53u * (x0 & 0xFFFFFFFF);
      second = 0xCD9E8D57u * (x2 & 0xFFFFFFFF);
      x0 = (second >> 32) ^ x1 ^ key0;
      x1 = second;
      x2 = (first >> 32) ^ x3 ^ key1;
      x3 = first;
    }
    if (low) low[i] = x0;
    high[i] = x1;
  }
}

enum { PHILOX_STEP = 256 };

// Products and words go through memory whole: a compiler that sees that half of a product is dropped would multiply halves, which
// costs vectors more.
ROPEDRIFT_BODY void philox_products(uint32_t column, size_t count, uint64_t *products) {
  for (size_t i = 0; i < count; i++) products[i] = 0xCD9E8D57u * (uint64_t)(column + (uint32_t)i);
}

ROPEDRIFT_BODY void philox_bits_body(const ropedrift_random_place *place, size_t count, uint64_t *bits) {
  uint64_t products[PHILOX_STEP], low[PHILOX_STEP], high[PHILOX_STEP];
  for (size_t start = 0; start < count; start += PHILOX_STEP) {
    size_t step = count - start < PHILOX_STEP ? count - start : PHILOX_STEP;
    philox_products(place->column + (uint32_t)start, step, products);
    philox_rounds(place, step, products, low, high);
    for (size_t i = 0; i < step; i++) bits[start + i] = (low[i] & 0xFFFFFFFF) | high[i] << 32;
  }
}

// Word 1, which holds the upper half of the bits, with bits above it; count <= PHILOX_STEP.
ROPEDRIFT_BODY void philox_upper_body(const ropedrift_random_place *place, size_t count, uint64_t *upper) {
  uint64_t products[PHILOX_STEP];
  philox_products(place->column, count, products);
  philox_rounds(place, count, products, 0, upper);
}

#endif
