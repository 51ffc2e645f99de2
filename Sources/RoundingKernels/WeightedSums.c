// Weighted sums of rows: channels are independent of each other, so that vectors run over them and keys stay in order.

#include "WeightedSums.h"

#include "VectorTargets.h"

#pragma STDC FP_CONTRACT OFF

// Channels and rows that are summed in registers at a time.
enum { CHANNELS = 32, WIDE_CHANNELS = 16, ROWS = 4 };

// A block of rows and channels whose sizes the compiler knows where they are whole.
ROPEDRIFT_BODY void block32(const float *weights, size_t rows, size_t weight_stride, const float *values, size_t keys,
                            size_t channels, size_t width, int is_fused, float *sums) {
  float block[ROWS][CHANNELS];
  for (size_t r = 0; r < rows; r++) {
    for (size_t c = 0; c < width; c++) block[r][c] = sums[r * channels + c];
  }
  for (size_t j = 0; j < keys; j++) {
    const float *value = values + j * channels;
    for (size_t r = 0; r < rows; r++) {
      float weight = weights[r * weight_stride + j];
      if (is_fused) {
        for (size_t c = 0; c < width; c++) block[r][c] = __builtin_fmaf(weight, value[c], block[r][c]);
      } else {
        for (size_t c = 0; c < width; c++) block[r][c] = block[r][c] + weight * value[c];
      }
    }
  }
  for (size_t r = 0; r < rows; r++) {
    for (size_t c = 0; c < width; c++) sums[r * channels + c] = block[r][c];
  }
}

// Some channels of all rows: their values stay near while the rows go by.
ROPEDRIFT_BODY void channels32(const float *weights, size_t rows, size_t weight_stride, const float *values, size_t keys,
                               size_t channels, size_t width, int is_fused, float *sums) {
  size_t r = 0;
  for (; r + ROWS <= rows; r += ROWS) {
    block32(weights + r * weight_stride, ROWS, weight_stride, values, keys, channels, width, is_fused, sums + r * channels);
  }
  for (; r < rows; r++) {
    block32(weights + r * weight_stride, 1, weight_stride, values, keys, channels, width, is_fused, sums + r * channels);
  }
}

ROPEDRIFT_BODY void all_channels32(const float *weights, size_t rows, size_t weight_stride, const float *values,
                                   size_t keys, size_t channels, int is_fused, float *sums) {
  size_t c = 0;
  for (; c + CHANNELS <= channels; c += CHANNELS) {
    channels32(weights, rows, weight_stride, values + c, keys, channels, CHANNELS, is_fused, sums + c);
  }
  if (c < channels) {
    channels32(weights, rows, weight_stride, values + c, keys, channels, channels - c, is_fused, sums + c);
  }
}

ROPEDRIFT_BODY void weighted32_body(const float *weights, size_t rows, size_t weight_stride, const float *values,
                                    size_t keys, size_t channels, int is_fused, float *sums) {
  if (is_fused) {
    all_channels32(weights, rows, weight_stride, values, keys, channels, 1, sums);
  } else {
    all_channels32(weights, rows, weight_stride, values, keys, channels, 0, sums);
  }
}

ROPEDRIFT_INSTANTIATE(weighted32,
                      (const float *weights, size_t rows, size_t weight_stride, const float *values, size_t keys,
                       size_t channels, int is_fused, float *sums),
                      (weights, rows, weight_stride, values, keys, channels, is_fused, sums))

void ropedrift_weighted_sums32(const float *weights, size_t rows, size_t weight_stride, const float *values, size_t keys,
                               size_t channels, int is_fused, int allows_vectors, float *sums) {
  weighted32[ropedrift_vector_level(allows_vectors)](weights, rows, weight_stride, values, keys, channels, is_fused,
                                                     sums);
}

ROPEDRIFT_BODY void compensated_block(const double *weights, const double *values, size_t keys, size_t channels,
                                      size_t width, double *sums, double *compensations, double *magnitudes) {
  double sum[WIDE_CHANNELS], rest[WIDE_CHANNELS], size[WIDE_CHANNELS];
  for (size_t c = 0; c < width; c++) sum[c] = sums[c], rest[c] = compensations[c], size[c] = magnitudes[c];
  for (size_t j = 0; j < keys; j++) {
    const double *value = values + j * channels;
    double weight = weights[j];
    for (size_t c = 0; c < width; c++) {
      double product = weight * value[c];
      double product_rest = __builtin_fma(weight, value[c], -product);
      double before = sum[c], after = before + product, part = after - before;
      sum[c] = after;
      rest[c] += ((before - (after - part)) + (product - part)) + product_rest;
      size[c] += __builtin_fabs(product);
    }
  }
  for (size_t c = 0; c < width; c++) sums[c] = sum[c], compensations[c] = rest[c], magnitudes[c] = size[c];
}

ROPEDRIFT_BODY void compensated_body(const double *weights, const double *values, size_t keys, size_t channels,
                                     double *sums, double *compensations, double *magnitudes) {
  size_t c = 0;
  for (; c + WIDE_CHANNELS <= channels; c += WIDE_CHANNELS) {
    compensated_block(weights, values + c, keys, channels, WIDE_CHANNELS, sums + c, compensations + c, magnitudes + c);
  }
  if (c < channels) {
    compensated_block(weights, values + c, keys, channels, channels - c, sums + c, compensations + c, magnitudes + c);
  }
}

ROPEDRIFT_INSTANTIATE(compensated,
                      (const double *weights, const double *values, size_t keys, size_t channels, double *sums,
                       double *compensations, double *magnitudes),
                      (weights, values, keys, channels, sums, compensations, magnitudes))

void ropedrift_compensated_weighted_sums(const double *weights, const double *values, size_t keys, size_t channels,
                                         int allows_vectors, double *sums, double *compensations, double *magnitudes) {
  compensated[ropedrift_vector_level(allows_vectors)](weights, values, keys, channels, sums, compensations, magnitudes);
}
