// cos and sin: reduction by multiples of pi/2 in two numbers, polynomials in binary64, rounding test.
// Documentation/ElementaryFunctions.md derives the bound.

#include "Trigonometry.h"

#include <stdint.h>
#include <string.h>

#include "VectorTargets.h"

#pragma STDC FP_CONTRACT OFF

static const uint64_t MAGNITUDE = UINT64_MAX >> 1, EXPONENT = 0x7FF0000000000000;

ROPEDRIFT_BODY uint64_t bits_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, 8);
  return bits;
}

ROPEDRIFT_BODY double number(uint64_t bits) {
  double value;
  memcpy(&value, &bits, 8);
  return value;
}

// y rounded, where what is meant lies within the bound of y; NaN where that does not decide.
ROPEDRIFT_BODY double rounded_within(double y, double bound, uint64_t smallest_normal, uint64_t precision,
                                     uint64_t is_known) {
  uint64_t bits = bits_of(y), magnitude = bits & MAGNITUDE;
  uint64_t field = magnitude > smallest_normal ? magnitude & EXPONENT : smallest_normal;
  double magic = number(field + ((53 - precision) << 52) + ((uint64_t)1 << 51));
  double half_gap = number(field - (precision << 52));
  double rounded = (number(magnitude) + magic) - magic;
  double distance = number(bits_of(number(magnitude) - rounded) & MAGNITUDE);
  uint64_t decided = (uint64_t)(distance + bound < half_gap) & is_known;
  return decided ? number(bits_of(rounded) | (bits & ~MAGNITUDE)) : __builtin_nan("");
}

ROPEDRIFT_BODY void cosines_and_sines_body(const double *angles, size_t count, int precision, int minimum_exponent,
                                           double *cosines, double *sines, size_t *undecided) {
  uint64_t smallest_normal = (uint64_t)(minimum_exponent + 1023) << 52, p = (uint64_t)precision, left = 0;
  for (size_t i = 0; i < count; i++) {
    uint64_t bits = bits_of(angles[i]), sign = bits & ~MAGNITUDE;
    double x = number(bits & MAGNITUDE);
    uint64_t is_known = (uint64_t)(x <= ROPEDRIFT_LARGEST_ANGLE) & ((uint64_t)(x >= 0x1p-900) | (uint64_t)(x == 0));
    x = is_known ? x : 0;
    // x = k pi/2 + (r + low): the first difference is exact, the second is kept with its error.
    double shifted = __builtin_fma(x, 0x1.45f306dc9c883p-1, 0x1.8p52), k = shifted - 0x1.8p52;
    double reduced = __builtin_fma(-k, 0x1.921fb54442d18p+0, x);
    double change = k * -0x1.1a62633145c07p-54, change_low = __builtin_fma(k, -0x1.1a62633145c07p-54, -change);
    double r = reduced + change, part = r - reduced;
    double low = (reduced - (r - part)) + (change - part);
    low = __builtin_fma(k, 0x1.f1976b7ed8fbcp-110, low + change_low);
    double z = r * r;
    double s = -0x1.ab17cf930dca4p-41;
    s = __builtin_fma(s, z, 0x1.61217f03f5d5cp-33);
    s = __builtin_fma(s, z, -0x1.ae645412bbdd3p-26);
    s = __builtin_fma(s, z, 0x1.71de3a5460903p-19);
    s = __builtin_fma(s, z, -0x1.a01a01a019938p-13);
    s = __builtin_fma(s, z, 0x1.1111111111110p-7);
    s = __builtin_fma(s, z, -0x1.5555555555555p-3);
    double sine = r + __builtin_fma(r * z, s, low);
    double c = -0x1.907d9f5b4de2bp-37;
    c = __builtin_fma(c, z, 0x1.1eeb68e39cf4dp-29);
    c = __builtin_fma(c, z, -0x1.27e4fa17d4a58p-22);
    c = __builtin_fma(c, z, 0x1.a01a019f4eabep-16);
    c = __builtin_fma(c, z, -0x1.6c16c16c16967p-10);
    c = __builtin_fma(c, z, 0x1.5555555555555p-5);
    double cosine = 1 - __builtin_fma(-z * z, c, __builtin_fma(0.5, z, r * low));
    // Quadrants: the low bits of the integer.
    uint64_t quadrant = bits_of(shifted);
    double first = quadrant & 1 ? sine : cosine, second = quadrant & 1 ? cosine : sine;
    first = number(bits_of(first) ^ ((quadrant + 1) << 62 & ~MAGNITUDE));
    second = number(bits_of(second) ^ (quadrant << 62 & ~MAGNITUDE) ^ sign);
    double least = k == 0 ? 0 : 0x1p-100;
    double first_bound = __builtin_fma(number(bits_of(first) & MAGNITUDE), 0x1p-50, least);
    double second_bound = __builtin_fma(number(bits_of(second) & MAGNITUDE), 0x1p-50, least);
    first = rounded_within(first, first_bound, smallest_normal, p, is_known);
    second = rounded_within(second, second_bound, smallest_normal, p, is_known);
    cosines[i] = first;
    sines[i] = second;
    left += (uint64_t)(first != first) + (uint64_t)(second != second);
  }
  *undecided = (size_t)left;
}

ROPEDRIFT_INSTANTIATE(cosines_and_sines,
                      (const double *angles, size_t count, int precision, int minimum_exponent, double *cosines,
                       double *sines, size_t *undecided),
                      (angles, count, precision, minimum_exponent, cosines, sines, undecided))

size_t ropedrift_cosines_and_sines(const double *angles, size_t count, int precision, int minimum_exponent,
                                   int allows_vectors, double *cosines, double *sines) {
  size_t undecided;
  cosines_and_sines[ropedrift_vector_level(allows_vectors)](angles, count, precision, minimum_exponent, cosines,
                                                            sines, &undecided);
  return undecided;
}
