// exp and exp2, correctly rounded to nearest even.

#ifndef ROPEDRIFT_EXPONENTIAL_H
#define ROPEDRIFT_EXPONENTIAL_H

#include <stddef.h>

// e^x (is_base_two: 2^x) of binary32 numbers, rounded once to binary32. NaN gives NaN, overflow and +infinity give +infinity, -infinity
// gives +0; subnormal results are rounded once. The buffers may be one.
void ropedrift_exponentials32(const float *x, size_t count, int is_base_two, int allows_vectors, float *results);

// e^(x - largest), the difference and the result each rounded once to binary64, for x <= largest, both finite or x = -infinity. Where the
// error bound does not decide (about one in 130 000, and results below 2^-1021) the result is the difference itself, a negative
// number. Returns how many such there are. The buffers may be one.
size_t ropedrift_exponentials64(const double *x, double largest, size_t count, int allows_vectors, double *results);

#endif
