// Arrays of exponentials.

#include "Exponential.h"

#include "ExponentialLanes.h"

ROPEDRIFT_BODY void exponentials32_body(const float *x, size_t count, int is_base_two, float *results) {
  if (is_base_two) {
    for (size_t i = 0; i < count; i++) results[i] = (float)wide_exp2((double)x[i]);
  } else {
    for (size_t i = 0; i < count; i++) results[i] = (float)wide_exp((double)x[i]);
  }
}

ROPEDRIFT_INSTANTIATE(exponentials32, (const float *x, size_t count, int is_base_two, float *results),
                      (x, count, is_base_two, results))

void ropedrift_exponentials32(const float *x, size_t count, int is_base_two, int allows_vectors, float *results) {
  exponentials32[ropedrift_vector_level(allows_vectors)](x, count, is_base_two, results);
}

ROPEDRIFT_BODY void exponentials64_body(const double *x, double largest, size_t count, double *results,
                                        size_t *undecided) {
  uint64_t left = 0;
  for (size_t i = 0; i < count; i++) {
    double result = rounded_exp(x[i] - largest);
    results[i] = result;
    left += result < 0;
  }
  *undecided = (size_t)left;
}

ROPEDRIFT_INSTANTIATE(exponentials64,
                      (const double *x, double largest, size_t count, double *results, size_t *undecided),
                      (x, largest, count, results, undecided))

size_t ropedrift_exponentials64(const double *x, double largest, size_t count, int allows_vectors, double *results) {
  size_t undecided;
  exponentials64[ropedrift_vector_level(allows_vectors)](x, largest, count, results, &undecided);
  return undecided;
}
