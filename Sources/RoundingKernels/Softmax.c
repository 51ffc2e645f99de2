// Rows of softmax.

#include "Softmax.h"

#include "SoftmaxLanes.h"

enum { ROWS = 4 };

typedef struct {
  double maximum;
  int has_nan;
} row_summary;

ROPEDRIFT_BODY void summarise64_body(const double *row, size_t count, row_summary *summary) {
  double lanes[SOFTMAX_LANES], maximum = -__builtin_inf();
  for (int l = 0; l < SOFTMAX_LANES; l++) lanes[l] = maximum;
  uint64_t nan = 0;
  size_t whole = count - count % SOFTMAX_LANES;
  for (size_t i = 0; i < whole; i += SOFTMAX_LANES) {
    for (int l = 0; l < SOFTMAX_LANES; l++) lanes[l] = row[i + (size_t)l] > lanes[l] ? row[i + (size_t)l] : lanes[l];
  }
  for (size_t i = 0; i < count; i++) nan |= row[i] != row[i];
  for (size_t i = whole; i < count; i++) maximum = row[i] > maximum ? row[i] : maximum;
  for (int l = 0; l < SOFTMAX_LANES; l++) maximum = lanes[l] > maximum ? lanes[l] : maximum;
  summary->maximum = maximum;
  summary->has_nan = nan != 0;
}

ROPEDRIFT_INSTANTIATE(summarise64, (const double *row, size_t count, row_summary *summary), (row, count, summary))

double ropedrift_row_maximum(const double *row, size_t count, int allows_vectors, int *has_nan) {
  row_summary summary;
  summarise64[ropedrift_vector_level(allows_vectors)](row, count, &summary);
  *has_nan = summary.has_nan;
  return summary.maximum;
}

ROPEDRIFT_BODY void divide64_body(double *row, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += row[i];
  for (size_t i = 0; i < count; i++) row[i] /= sum;
}

ROPEDRIFT_INSTANTIATE(divide64, (double *row, size_t count), (row, count))

void ropedrift_divide_by_sum(double *row, size_t count, int allows_vectors) {
  divide64[ropedrift_vector_level(allows_vectors)](row, count);
}

ROPEDRIFT_INSTANTIATE(weights32,
                      (const float *row, size_t count, int exponential, float factor, float shift, float *weights),
                      (row, count, exponential, factor, shift, weights))

void ropedrift_softmax_weights32(const float *row, size_t count, int exponential, float factor, float shift,
                                 int allows_vectors, float *weights) {
  weights32[ropedrift_vector_level(allows_vectors)](row, count, exponential, factor, shift, weights);
}

// Up to ROWS rows, whose sums wait for one another's additions no longer.
ROPEDRIFT_BODY void softmax32_body(const float *logits, size_t rows, size_t columns, int is_base_two, float factor,
                                   float *probabilities) {
  float sums[ROWS] = {0};
  for (size_t row = 0; row < rows; row++) {
    const float *from = logits + row * columns;
    float maximum = maximum32(from, columns);
    weights32_body(from, columns, is_base_two ? ROPEDRIFT_EXP2_FUSED : ROPEDRIFT_EXP, factor,
                   is_base_two ? maximum * factor : maximum, probabilities + row * columns);
  }
  if (rows == ROWS) {
    float first = 0, second = 0, third = 0, fourth = 0;
    for (size_t i = 0; i < columns; i++) {
      first += probabilities[i];
      second += probabilities[columns + i];
      third += probabilities[2 * columns + i];
      fourth += probabilities[3 * columns + i];
    }
    sums[0] = first, sums[1] = second, sums[2] = third, sums[3] = fourth;
  } else {
    for (size_t row = 0; row < rows; row++) {
      for (size_t i = 0; i < columns; i++) sums[row] += probabilities[row * columns + i];
    }
  }
  for (size_t row = 0; row < rows; row++) {
    float *to = probabilities + row * columns;
    for (size_t i = 0; i < columns; i++) to[i] /= sums[row];
  }
}

ROPEDRIFT_INSTANTIATE(softmax32,
                      (const float *logits, size_t rows, size_t columns, int is_base_two, float factor,
                       float *probabilities),
                      (logits, rows, columns, is_base_two, factor, probabilities))

void ropedrift_softmax_rows32(const float *logits, size_t rows, size_t columns, int is_base_two, float factor,
                              int allows_vectors, float *probabilities) {
  int level = ropedrift_vector_level(allows_vectors);
  for (size_t row = 0; row < rows; row += ROWS) {
    size_t group = rows - row < ROWS ? rows - row : ROWS;
    softmax32[level](logits + row * columns, group, columns, is_base_two, factor, probabilities + row * columns);
  }
}
