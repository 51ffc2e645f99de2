// Tiles of an online softmax in binary32, some rows at a time: scores as they come, weights, sums of weights. Every operation is rounded
// once to nearest even, and RN(exp) and RN(exp2) are correctly rounded.

#ifndef ROPEDRIFT_ONLINE_SOFTMAX_H
#define ROPEDRIFT_ONLINE_SOFTMAX_H

#include <stddef.h>

// Scores as binary32, which holds every one of them. Returns whether one is NaN or +infinity.
int ropedrift_scores32(const double *scores, size_t count, int allows_vectors, float *results);

// The weights of a tile of each row against the maximum so far, and the factor by which what came before is rescaled.
//   inputs: row r from r * input_stride on, counts[r] numbers; a row without any is left alone.  weights: likewise.
//   exponential, factor: as ropedrift_softmax_weights32 takes them.
//   maxima: the greatest number of each row before the tile (-infinity at first); that of the tile included on return. A maximum of
//     -infinity counts as 0 in the weights.
//   rescalings: 1 where the maximum stays, else RN(exp(RN(old - new))), RN(exp2(RN(RN(old * factor) - RN(new * factor)))) or, fused,
//     RN(exp2(RN(RN(old - new) * factor))).
// Returns whether a weight lies between 0 and `small`, both excluded. Rows with a NaN or +infinity give nothing to be used.
int ropedrift_online_weights32(const float *inputs, size_t input_stride, size_t rows, const size_t *counts,
                               int exponential, float factor, float small, int allows_vectors, float *maxima,
                               float *rescalings, size_t weight_stride, float *weights);

// Adds the weights of each row to its lanes in ascending order: weight i stands at place `place` + i and goes to lane
// ((place + i) / width) mod lanes; lanes is a power of two of at most 16.
//   weights: row r from r * stride on, counts[r] numbers.  sums: (rows, lanes), which go on from what they hold.
void ropedrift_lane_sums32(const float *weights, size_t rows, size_t stride, const size_t *counts, size_t place,
                           size_t lanes, size_t width, int allows_vectors, float *sums);

#endif
