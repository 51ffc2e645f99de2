// Arrays of exponentials.

#include "Exponential.h"

#include "ExponentialLanes.h"

// Arguments are copied block by block, so that results may take their place: a loop whose buffers overlap is not made of vectors.
enum { BLOCK = EXPONENTIAL_BLOCK };

ROPEDRIFT_BODY void exponentials32_body(const float *x, size_t count, int is_base_two, float *results) {
  for (size_t start = 0; start < count; start += BLOCK) {
    size_t size = count - start < BLOCK ? count - start : BLOCK;
    float copy[BLOCK];
    memcpy(copy, x + start, size * sizeof(float));
    exponentials_of_block(copy, size, is_base_two, results + start);
  }
}

ROPEDRIFT_INSTANTIATE(exponentials32, (const float *x, size_t count, int is_base_two, float *results),
                      (x, count, is_base_two, results))

void ropedrift_exponentials32(const float *x, size_t count, int is_base_two, int allows_vectors, float *results) {
  exponentials32[ropedrift_vector_level(allows_vectors)](x, count, is_base_two, results);
}

ROPEDRIFT_BODY uint64_t exponentials64_of_block(const double *restrict x, double largest, size_t count,
                                                double *restrict results) {
  uint64_t left = 0;
  for (size_t i = 0; i < count; i++) {
    double result = rounded_exp(x[i] - largest);
    results[i] = result;
    left += result < 0;
  }
  return left;
}

ROPEDRIFT_BODY void exponentials64_body(const double *x, double largest, size_t count, double *results,
                                        size_t *undecided) {
  uint64_t left = 0;
  for (size_t start = 0; start < count; start += BLOCK) {
    size_t size = count - start < BLOCK ? count - start : BLOCK;
    double copy[BLOCK];
    memcpy(copy, x + start, size * sizeof(double));
    left += exponentials64_of_block(copy, largest, size, results + start);
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
