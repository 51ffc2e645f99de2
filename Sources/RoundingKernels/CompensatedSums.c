// Columns of compensated sums: one elementwise loop a column, or one for the three that belong together.

#include "CompensatedSums.h"

#include "VectorTypes.h"

ROPEDRIFT_INLINE void add_lanes(ropedrift_sum_column column, size_t i, lanes term) {
  sum_of_two sum = two_sum(load(column.sums + i), term);
  store(column.sums + i, sum.high);
  store(column.compensations + i, load(column.compensations + i) + sum.low);
}

ROPEDRIFT_INLINE void add1(ropedrift_sum_column column, size_t i, double term) {
  double before = column.sums[i];
  double sum = before + term;
  double part = sum - before;
  column.sums[i] = sum;
  column.compensations[i] += (before - (sum - part)) + (term - part);
}

ROPEDRIFT_INLINE void add_terms_of(ropedrift_sum_column column, ropedrift_term term, const double *x, const double *y,
                                   size_t count) {
  size_t i = 0;
  for (; i + LANE_COUNT <= count; i += LANE_COUNT) {
    lanes value = load(x + i);
    if (term == ROPEDRIFT_TERM_MAGNITUDE) value = magnitude_of(value);
    if (term == ROPEDRIFT_TERM_SQUARE) value = value * value;
    if (term == ROPEDRIFT_TERM_PRODUCT) value = value * load(y + i);
    add_lanes(column, i, value);
  }
  for (; i < count; i++) {
    double value = x[i];
    if (term == ROPEDRIFT_TERM_MAGNITUDE) value = __builtin_fabs(value);
    if (term == ROPEDRIFT_TERM_SQUARE) value = value * value;
    if (term == ROPEDRIFT_TERM_PRODUCT) value = value * y[i];
    add1(column, i, value);
  }
}

// A loop for each term, without a branch in it.
ROPEDRIFT_INLINE void add_terms(ropedrift_sum_column column, ropedrift_term term, const double *x, const double *y,
                                size_t count) {
  switch (term) {
    case ROPEDRIFT_TERM_VALUE: add_terms_of(column, ROPEDRIFT_TERM_VALUE, x, y, count); break;
    case ROPEDRIFT_TERM_MAGNITUDE: add_terms_of(column, ROPEDRIFT_TERM_MAGNITUDE, x, y, count); break;
    case ROPEDRIFT_TERM_SQUARE: add_terms_of(column, ROPEDRIFT_TERM_SQUARE, x, y, count); break;
    case ROPEDRIFT_TERM_PRODUCT: add_terms_of(column, ROPEDRIFT_TERM_PRODUCT, x, y, count); break;
  }
}

ROPEDRIFT_INLINE int add_differences_of(const double *x, size_t count, ropedrift_sum_column magnitudes,
                                        ropedrift_sum_column values, ropedrift_sum_column squares, double *maxima,
                                        int keeps_values, int keeps_squares, int raises_maxima) {
  mask exceeds = {0};
  size_t i = 0;
  for (; i + LANE_COUNT <= count; i += LANE_COUNT) {
    lanes value = load(x + i), magnitude = magnitude_of(value), maximum = load(maxima + i);
    add_lanes(magnitudes, i, magnitude);
    if (keeps_values) add_lanes(values, i, value);
    if (keeps_squares) add_lanes(squares, i, value * value);
    mask exceeds_here = (mask)(magnitude > maximum);
    exceeds |= exceeds_here;
    if (raises_maxima) store(maxima + i, select(exceeds_here, magnitude, maximum));
  }
  int result = any(exceeds);
  for (; i < count; i++) {
    double magnitude = __builtin_fabs(x[i]);
    add1(magnitudes, i, magnitude);
    if (keeps_values) add1(values, i, x[i]);
    if (keeps_squares) add1(squares, i, x[i] * x[i]);
    if (magnitude > maxima[i]) {
      result = 1;
      if (raises_maxima) maxima[i] = magnitude;
    }
  }
  return result;
}

ROPEDRIFT_INLINE int add_differences(const double *x, size_t count, ropedrift_sum_column magnitudes,
                                     ropedrift_sum_column values, ropedrift_sum_column squares, double *maxima,
                                     int raises) {
  if (values.sums && squares.sums) {
    return raises ? add_differences_of(x, count, magnitudes, values, squares, maxima, 1, 1, 1)
                  : add_differences_of(x, count, magnitudes, values, squares, maxima, 1, 1, 0);
  }
  return add_differences_of(x, count, magnitudes, values, squares, maxima, values.sums != 0, squares.sums != 0,
                            raises);
}

TARGETS(void, add_terms,
        (ropedrift_sum_column column, ropedrift_term term, const double *x, const double *y, size_t count),
        (column, term, x, y, count))
void ropedrift_add_terms(ropedrift_sum_column column, ropedrift_term term, const double *x, const double *y,
                         size_t count, int allows_vectors) {
  DISPATCH(add_terms(column, term, x, y, count))
}

TARGETS(int, add_differences,
        (const double *x, size_t count, ropedrift_sum_column magnitudes, ropedrift_sum_column values,
         ropedrift_sum_column squares, double *maxima, int raises_maxima),
        (x, count, magnitudes, values, squares, maxima, raises_maxima))
int ropedrift_add_differences(const double *x, size_t count, ropedrift_sum_column magnitudes,
                              ropedrift_sum_column values, ropedrift_sum_column squares, double *maxima,
                              int raises_maxima, int allows_vectors) {
  DISPATCH(add_differences(x, count, magnitudes, values, squares, maxima, raises_maxima))
}
