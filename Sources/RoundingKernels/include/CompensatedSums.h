// Columns of compensated sums [Ogita2005]: a term is added to its slot's sum, what the addition rounded away to its compensation.
// Slots are independent of each other. Any count, any alignment; finite terms.

#ifndef ROPEDRIFT_COMPENSATED_SUMS_H
#define ROPEDRIFT_COMPENSATED_SUMS_H

#include <stddef.h>

typedef struct {
  double *sums;
  double *compensations;
} ropedrift_sum_column;

// What is added to a slot: x, |x|, x squared or x times y, the last two rounded.
typedef enum {
  ROPEDRIFT_TERM_VALUE,
  ROPEDRIFT_TERM_MAGNITUDE,
  ROPEDRIFT_TERM_SQUARE,
  ROPEDRIFT_TERM_PRODUCT
} ropedrift_term;

// y is read for products only.
void ropedrift_add_terms(ropedrift_sum_column column, ropedrift_term term, const double *x, const double *y,
                         size_t count, int allows_vectors);

// |x|, x and x squared to their columns (null sums: not kept) in one pass. Raises maxima where `raises_maxima`; returns whether an
// |x| exceeds (or exceeded) its maximum.
int ropedrift_add_differences(const double *x, size_t count, ropedrift_sum_column magnitudes,
                              ropedrift_sum_column values, ropedrift_sum_column squares, double *maxima,
                              int raises_maxima, int allows_vectors);

#endif
