// cos and sin of arrays of angles, correctly rounded to a narrow format.

#ifndef ROPEDRIFT_TRIGONOMETRY_H
#define ROPEDRIFT_TRIGONOMETRY_H

#include <stddef.h>

// Angles beyond this are left undecided.
#define ROPEDRIFT_LARGEST_ANGLE 0x1p30

// cos and sin of binary64 angles, each rounded once, to nearest even, to a format with subnormals of 2 <= precision <= 24 bits and
// -900 <= minimum_exponent <= 0. NaN where the error bound does not decide the rounding (about one in 2^(48 - precision)), where
// an angle is above ROPEDRIFT_LARGEST_ANGLE, not finite, or below 2^-900 and not zero. Returns how many NaNs there are among
// the 2 * count results. angles may be one of the result buffers.
size_t ropedrift_cosines_and_sines(const double *angles, size_t count, int precision, int minimum_exponent,
                                   int allows_vectors, double *cosines, double *sines);

#endif
