// A format that numbers are rounded to, as the kernels take it.

#ifndef ROPEDRIFT_NARROW_FORMAT_H
#define ROPEDRIFT_NARROW_FORMAT_H

// A format with subnormals.
typedef struct {
  int precision;         // p
  int minimum_exponent;  // emin, of the smallest normal number
  int maximum_exponent;  // emax
  double largest;        // the largest finite number
  double above_largest;  // what greater ones become: infinity, NaN, or the largest
} ropedrift_narrow_format;

#endif
