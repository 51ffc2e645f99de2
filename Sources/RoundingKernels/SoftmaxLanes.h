// Maximum and weights of a row in binary32: what whole rows and the tiles of an online softmax share. Not part of the interface.

#ifndef ROPEDRIFT_SOFTMAX_LANES_H
#define ROPEDRIFT_SOFTMAX_LANES_H

#include "ExponentialLanes.h"
#include "Softmax.h"

#pragma STDC FP_CONTRACT OFF

enum { SOFTMAX_LANES = 16 };

ROPEDRIFT_BODY void weights32_body(const float *row, size_t count, int exponential, float factor, float shift,
                                   float *weights) {
  for (size_t start = 0; start < count; start += EXPONENTIAL_BLOCK) {
    size_t size = count - start < EXPONENTIAL_BLOCK ? count - start : EXPONENTIAL_BLOCK;
    const float *from = row + start;
    float arguments[EXPONENTIAL_BLOCK];
    switch (exponential) {
      case ROPEDRIFT_EXP:
        for (size_t i = 0; i < size; i++) arguments[i] = from[i] - shift;
        break;
      case ROPEDRIFT_EXP2:
        for (size_t i = 0; i < size; i++) arguments[i] = from[i] * factor - shift;
        break;
      default:
        for (size_t i = 0; i < size; i++) arguments[i] = __builtin_fmaf(from[i], factor, -shift);
    }
    exponentials_of_block(arguments, size, exponential != ROPEDRIFT_EXP, weights + start);
  }
}

ROPEDRIFT_BODY float maximum32(const float *row, size_t count) {
  float lanes[SOFTMAX_LANES], maximum = -__builtin_inff();
  for (int l = 0; l < SOFTMAX_LANES; l++) lanes[l] = maximum;
  uint32_t nan = 0;
  size_t whole = count - count % SOFTMAX_LANES;
  for (size_t i = 0; i < whole; i += SOFTMAX_LANES) {
    for (int l = 0; l < SOFTMAX_LANES; l++) lanes[l] = row[i + (size_t)l] > lanes[l] ? row[i + (size_t)l] : lanes[l];
  }
  for (size_t i = 0; i < count; i++) nan |= row[i] != row[i];
  for (size_t i = whole; i < count; i++) maximum = row[i] > maximum ? row[i] : maximum;
  for (int l = 0; l < SOFTMAX_LANES; l++) maximum = lanes[l] > maximum ? lanes[l] : maximum;
  return nan ? __builtin_nanf("") : maximum;
}

#endif
