// Rounding to nearest even in binary64 lanes: its constants, for all machines.

#ifndef ROPEDRIFT_WIDE_ROUNDING_H
#define ROPEDRIFT_WIDE_ROUNDING_H

#include <stdint.h>

#include "NarrowFormat.h"

// What is done after an operation in binary64 lanes: nothing, one or two roundings; or all that a matrix unit does.
typedef enum { WIDE_PLAIN, WIDE_ONCE, WIDE_TWICE, WIDE_TENSOR_CORE } wide_way;

typedef struct {
  uint64_t smallest;     // 2^emin, as bits
  uint64_t offset;       // what makes 1.5 * 2^52 units of 2^e, as bits
  double clamp;          // 2^(emax + 1)
  double largest, above_largest;
  int precision;
} wide_rounding;

// Whether a format is far enough inside binary64.
static inline int has_wide_rounding(const ropedrift_narrow_format *format) {
  return format->precision <= 50 && format->minimum_exponent >= -900 && format->maximum_exponent <= 900;
}

static inline int is_ieee(const ropedrift_narrow_format *format, int precision, int emin, int emax) {
  return format->precision == precision && format->minimum_exponent == emin && format->maximum_exponent == emax &&
         __builtin_isinf(format->above_largest);
}

static inline int is_binary64(const ropedrift_narrow_format *format) { return is_ieee(format, 53, -1022, 1023); }

static inline double power_of_two(int exponent) {
  uint64_t bits = (uint64_t)(exponent + 1023) << 52;
  return __builtin_bit_cast(double, bits);
}

static inline wide_rounding wide_rounding_of(const ropedrift_narrow_format *format) {
  return (wide_rounding){.smallest = (uint64_t)(format->minimum_exponent + 1023) << 52,
                         .offset = (uint64_t)(53 - format->precision) << 52 | (uint64_t)1 << 51,
                         .clamp = power_of_two(format->maximum_exponent + 1),
                         .largest = format->largest,
                         .above_largest = format->above_largest,
                         .precision = format->precision};
}

#endif
