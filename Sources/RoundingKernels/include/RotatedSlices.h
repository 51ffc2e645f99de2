// Rotation to twice the precision of binary64, slices of the result, and dot products of it: Documentation/ErrorBounds.md derives
// the bounds.

#ifndef ROPEDRIFT_ROTATED_SLICES_H
#define ROPEDRIFT_ROTATED_SLICES_H

#include <stddef.h>
#include <stdint.h>

// Which channels are rotated together. Rotated vectors hold the pairs' first components, then their second ones, then the others.
typedef struct {
  const uint32_t *first;   // (pairs)
  const uint32_t *second;  // (pairs)
  const uint32_t *still;   // (channels - 2 pairs)
  size_t pairs;
  size_t channels;
} ropedrift_rotation;

// high + low = scale * R(angle) vector, with the angle as the sum of a coarse and a fine one.
// vector: (channels). coarse, fine: (4, pairs rounded up to eights): cos high, cos low, sin high, sin low, zero in the end.
// high, low: (channels rounded up to eights), zero in the end.
// Error: at most 2^-100 of the result's norm, and 2^-960 from underflow; where something overflows, a high is not finite.
void ropedrift_rotate_exactly(const ropedrift_rotation *rotation, const double *vector, const double *coarse, const double *fine,
                      double scale_high, double scale_low, int allows_vectors, double *high, double *low);

typedef struct {
  double norm;       // bounds the norm
  double tail_norm;  // bounds the norm of the tails
  int is_sliced;     // whether all numbers are finite and the largest lies between 2^-300 and 2^300
} ropedrift_slice_norms;

// Cuts high + low into head + tail: heads are integers times a power of two, their norm below 2^bits of it; a tail is rounded to 53 bits.
// high, low: (channels rounded up to eights), zero in the end. head, tail and, unless null, whole (the nearest number to head + tail):
// (channels) a stride apart. Nothing is written where is_sliced is 0.
ropedrift_slice_norms ropedrift_slice(const double *high, const double *low, size_t channels, int bits, double *head,
                                      double *tail, double *whole, size_t stride, int allows_vectors);

// The product of two vectors as of ropedrift_rotate_exactly, rounded to nearest even; NaN where the rounding is not decided by
// |computed - exact| <= bound + (n * n + 12 * n + 64) * 2^-106 * norms, n = channels / 8 rounded up.
// norms: bounds the product of the norms.
double ropedrift_double_double_score(const double *first_high, const double *first_low, const double *second_high,
                                     const double *second_low, size_t channels, double norms, double bound,
                                     int allows_vectors);

#endif
