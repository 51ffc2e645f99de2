// Rotation of vectors by stored cosines and sines, each operation rounded as a recipe says.

#ifndef ROPEDRIFT_ROTATION_H
#define ROPEDRIFT_ROTATION_H

#include <stddef.h>

#include "NarrowFormat.h"

// Which products are rounded before the sum of two is.
enum { ROPEDRIFT_ROUNDED_BOTH, ROPEDRIFT_ROUNDED_FIRST, ROPEDRIFT_ROUNDED_SECOND, ROPEDRIFT_ROUNDED_NEITHER };

// (x_a c - y s, x s + y c) for the channels step * i and step * i + offset of every pair i; other channels stay.
typedef struct {
  size_t channels, pairs, step, offset;
  int products[2];     // which products are rounded, for either component
  int operands_are_narrow;  // products are exact in binary64, and all formats have at most 24 bits
  int format_count;    // 1 or 2 roundings after each operation that is rounded, to nearest even
  ropedrift_narrow_format formats[2];
  int stored_count;    // 0 to 2 roundings of all channels at last
  ropedrift_narrow_format stored[2];
} ropedrift_rotation_plan;

// Whether the kernel computes a plan.
int ropedrift_rotation_computes(const ropedrift_rotation_plan *plan);

// Rotates `tokens` vectors; every way gives the same bits. Returns how many it left, where the error of a product that had to be
// exact is no number: those have a 1 in `left`, others a 0, and nothing useful in `result`.
// vectors, result: (tokens, channels), apart. cosines, sines: (tokens, pairs).
size_t ropedrift_rotate(const ropedrift_rotation_plan *plan, const double *vectors, const double *cosines,
                        const double *sines, size_t tokens, int allows_vectors, double *result, unsigned char *left);

#endif
