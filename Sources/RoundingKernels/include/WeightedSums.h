// Sums of rows of values, each times its weight: what attention's output is, in the order of an emulated accumulator, or compensated
// for the reference.

#ifndef ROPEDRIFT_WEIGHTED_SUMS_H
#define ROPEDRIFT_WEIGHTED_SUMS_H

#include <stddef.h>

// sums[r][c] takes in weights[r][j] * values[j][c] for j in ascending order, in binary32, every operation rounded once to nearest even:
//   is_fused = 0: RN(sum + RN(weight * value));  is_fused = 1: RN(sum + weight * value).
// weights: row r from r * weight_stride on. values: (keys, channels). sums: (rows, channels), which go on from what they hold.
void ropedrift_weighted_sums32(const float *weights, size_t rows, size_t weight_stride, const float *values, size_t keys,
                               size_t channels, int is_fused, int allows_vectors, float *sums);

// Compensated sums (Dot2 of [Ogita2005]) of weights[j] * values[j][c] for j in ascending order, in binary64: sums[c] + compensations[c] is the
// result before its last rounding, magnitudes[c] the plain sum of |weights[j] * values[j][c]|. All three go on from what they hold.
// values: (keys, channels).
void ropedrift_compensated_weighted_sums(const double *weights, const double *values, size_t keys, size_t channels,
                                         int allows_vectors, double *sums, double *compensations, double *magnitudes);

#endif
