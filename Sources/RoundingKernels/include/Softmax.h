// Softmax of rows: maximum, exponentials, sum, division, each step rounded as said.

#ifndef ROPEDRIFT_SOFTMAX_H
#define ROPEDRIFT_SOFTMAX_H

#include <stddef.h>

// The greatest number of a row, -infinity for an empty one, and whether the row holds a NaN (which is passed over).
double ropedrift_row_maximum(const double *row, size_t count, int allows_vectors, int *has_nan);

// Divides a row by its sum: numbers are added in ascending order from +0, each partial sum rounded to binary64.
void ropedrift_divide_by_sum(double *row, size_t count, int allows_vectors);

// How the exponent of a weight comes about: x - shift under exp; RN(x * factor) - shift, or x * factor - shift fused, under exp2.
enum { ROPEDRIFT_EXP, ROPEDRIFT_EXP2, ROPEDRIFT_EXP2_FUSED };

// The weights of a row in binary32: every operation rounded once to nearest even, RN(exp) and RN(exp2) correctly rounded. The factor is
// not used under exp. The buffers may not overlap.
void ropedrift_softmax_weights32(const float *row, size_t count, int exponential, float factor, float shift,
                                 int allows_vectors, float *weights);

// Softmax of rows in binary32, (rows, columns) in both arrays, which may be one. Every operation is rounded once to binary32, to nearest
// even; RN(exp) and RN(exp2) are correctly rounded.
//   is_base_two = 0: e_j = RN(exp(RN(s_j - m))), m the row's maximum; the factor is not used.
//   is_base_two = 1: e_j = RN(exp2(RN(s_j * factor - RN(m * factor)))), the product inside not rounded; factor > 0.
//   p_j = RN(e_j / sum), the sum over j in ascending order from +0.
// A row with a NaN, with +infinity or with nothing but -infinity gives NaN throughout.
void ropedrift_softmax_rows32(const float *logits, size_t rows, size_t columns, int is_base_two, float factor,
                              int allows_vectors, float *probabilities);

#endif
