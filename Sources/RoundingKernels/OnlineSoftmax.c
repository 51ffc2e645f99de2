// Tiles of an online softmax, some rows at a time.

#include "OnlineSoftmax.h"

#include "SoftmaxLanes.h"

enum { ROWS = 4, LANES = 16 };

ROPEDRIFT_BODY void scores32_body(const double *scores, size_t count, float *results, int *is_special) {
  uint32_t special = 0;
  for (size_t i = 0; i < count; i++) results[i] = (float)scores[i];
  // Neither is below or at the greatest number.
  for (size_t i = 0; i < count; i++) special |= !(results[i] <= 0x1.fffffep127f);
  *is_special = special != 0;
}

ROPEDRIFT_INSTANTIATE(scores32, (const double *scores, size_t count, float *results, int *is_special),
                      (scores, count, results, is_special))

int ropedrift_scores32(const double *scores, size_t count, int allows_vectors, float *results) {
  int is_special;
  scores32[ropedrift_vector_level(allows_vectors)](scores, count, results, &is_special);
  return is_special;
}

ROPEDRIFT_BODY float rescaling32(float old, float new, int exponential, float factor) {
  if (old == new) return 1;
  float argument;
  switch (exponential) {
    case ROPEDRIFT_EXP: argument = old - new; break;
    case ROPEDRIFT_EXP2: {
      float old_exponent = old * factor, new_exponent = new * factor;
      argument = old_exponent - new_exponent;
      break;
    }
    default: {
      float difference = old - new;
      argument = difference * factor;
    }
  }
  float result;
  exponentials_of_block(&argument, 1, exponential != ROPEDRIFT_EXP, &result);
  return result;
}

ROPEDRIFT_BODY void online32_body(const float *inputs, size_t input_stride, size_t rows, const size_t *counts,
                                  int exponential, float factor, float small, float *maxima, float *rescalings,
                                  size_t weight_stride, float *weights, int *has_small) {
  uint32_t found = 0;
  for (size_t row = 0; row < rows; row++) {
    if (counts[row] == 0) continue;
    const float *from = inputs + row * input_stride;
    float *to = weights + row * weight_stride;
    float greatest = maximum32(from, counts[row]);
    float new = greatest > maxima[row] ? greatest : maxima[row];
    float shift = new == -__builtin_inff() ? 0 : new;
    rescalings[row] = rescaling32(maxima[row], shift, exponential, factor);
    maxima[row] = new;
    weights32_body(from, counts[row], exponential, factor, exponential == ROPEDRIFT_EXP ? shift : shift * factor, to);
    for (size_t i = 0; i < counts[row]; i++) found |= (to[i] > 0) & (to[i] < small);
  }
  *has_small = found != 0;
}

ROPEDRIFT_INSTANTIATE(online32,
                      (const float *inputs, size_t input_stride, size_t rows, const size_t *counts, int exponential,
                       float factor, float small, float *maxima, float *rescalings, size_t weight_stride,
                       float *weights, int *has_small),
                      (inputs, input_stride, rows, counts, exponential, factor, small, maxima, rescalings, weight_stride,
                       weights, has_small))

int ropedrift_online_weights32(const float *inputs, size_t input_stride, size_t rows, const size_t *counts,
                               int exponential, float factor, float small, int allows_vectors, float *maxima,
                               float *rescalings, size_t weight_stride, float *weights) {
  int has_small;
  online32[ropedrift_vector_level(allows_vectors)](inputs, input_stride, rows, counts, exponential, factor, small,
                                                   maxima, rescalings, weight_stride, weights, &has_small);
  return has_small;
}

ROPEDRIFT_BODY void lane_sums_one(const float *weights, size_t first, size_t end, size_t place, size_t lanes,
                                  size_t width, float *sums) {
  for (size_t i = first; i < end; i++) sums[((place + i) / width) & (lanes - 1)] += weights[i];
}

// Whole cycles of lanes, of ROWS rows whose additions do not wait for one another. The compiler knows lanes and width.
ROPEDRIFT_BODY void lane_cycles(const float *weights, size_t stride, size_t first, size_t end, size_t lanes, size_t width,
                                float *sums) {
  float own[ROWS][LANES];
  for (size_t r = 0; r < ROWS; r++) {
    for (size_t l = 0; l < lanes; l++) own[r][l] = sums[r * lanes + l];
  }
  for (size_t i = first; i < end; i += lanes * width) {
    for (size_t r = 0; r < ROWS; r++) {
      const float *from = weights + r * stride + i;
      for (size_t w = 0; w < width; w++) {
        for (size_t l = 0; l < lanes; l++) own[r][l] += from[l * width + w];
      }
    }
  }
  for (size_t r = 0; r < ROWS; r++) {
    for (size_t l = 0; l < lanes; l++) sums[r * lanes + l] = own[r][l];
  }
}

ROPEDRIFT_BODY void lane_sums32_body(const float *weights, size_t rows, size_t stride, const size_t *counts, size_t place,
                                     size_t lanes, size_t width, float *sums) {
  size_t cycle = lanes * width;
  // Up to the first whole cycle, which begins at a multiple of its length.
  size_t head = (cycle - place % cycle) % cycle;
  size_t row = 0;
  for (; row + ROWS <= rows; row += ROWS) {
    size_t common = counts[row];
    for (size_t r = 1; r < ROWS; r++) common = counts[row + r] < common ? counts[row + r] : common;
    const float *from = weights + row * stride;
    float *to = sums + row * lanes;
    size_t end = common < head ? common : head + (common - head) / cycle * cycle;
    size_t start = common < head ? common : head;
    for (size_t r = 0; r < ROWS; r++) lane_sums_one(from + r * stride, 0, start, place, lanes, width, to + r * lanes);
    if (lanes == 4 && width == 2) {
      lane_cycles(from, stride, start, end, 4, 2, to);
    } else if (lanes == 8 && width == 1) {
      lane_cycles(from, stride, start, end, 8, 1, to);
    } else if (lanes == 1 && width == 1) {
      lane_cycles(from, stride, start, end, 1, 1, to);
    } else {
      lane_cycles(from, stride, start, end, lanes, width, to);
    }
    for (size_t r = 0; r < ROWS; r++) {
      lane_sums_one(from + r * stride, end, counts[row + r], place, lanes, width, to + r * lanes);
    }
  }
  for (; row < rows; row++) {
    lane_sums_one(weights + row * stride, 0, counts[row], place, lanes, width, sums + row * lanes);
  }
}

ROPEDRIFT_INSTANTIATE(lane_sums32,
                      (const float *weights, size_t rows, size_t stride, const size_t *counts, size_t place,
                       size_t lanes, size_t width, float *sums),
                      (weights, rows, stride, counts, place, lanes, width, sums))

void ropedrift_lane_sums32(const float *weights, size_t rows, size_t stride, const size_t *counts, size_t place,
                           size_t lanes, size_t width, int allows_vectors, float *sums) {
  lane_sums32[ropedrift_vector_level(allows_vectors)](weights, rows, stride, counts, place, lanes, width, sums);
}
