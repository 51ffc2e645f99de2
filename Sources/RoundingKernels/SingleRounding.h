// Rounding to nearest even in binary32 lanes: which way there is for a format, and its constants.

#ifndef ROPEDRIFT_SINGLE_ROUNDING_H
#define ROPEDRIFT_SINGLE_ROUNDING_H

#include <stdint.h>

#include "NarrowFormat.h"
#include "WideRounding.h"

// Ways to round in binary32 lanes.
typedef enum {
  SINGLE_PLAIN,   // binary32's own roundings
  SINGLE_EXACT,   // the same where products are exact, so that fused and unfused steps agree
  SINGLE_BF16,    // then to bfloat16, in integers
  SINGLE_BITS,    // then to any format with binary32's exponents, likewise
  SINGLE_HALF,    // then to binary16, by the machine's conversion
  SINGLE_MAGIC,   // then to a format with a smaller range, by adding and subtracting
  SINGLE_TENSOR_CORE
} single_way;

// Rounding to nearest even in binary32 lanes.
typedef struct {
  uint32_t shift;      // bits that are cut off
  uint32_t smallest;   // 2^emin, as bits
  uint32_t offset;     // what makes 1.5 * 2^23 units of 2^e, as bits
  float clamp;         // 2^(emax + 1)
  float largest, above_largest;
} single_rounding;

static inline int is_binary32(const ropedrift_narrow_format *format) { return is_ieee(format, 24, -126, 127); }

// Binary32's exponents and fewer bits: rounding cuts bits off.
static inline int is_cut_binary32(const ropedrift_narrow_format *format) {
  return format->precision < 24 && is_ieee(format, format->precision, -126, 127);
}

// A range inside binary32's, so that numbers of 1.5 * 2^23 units are binary32 numbers.
static inline int has_single_magic(const ropedrift_narrow_format *format) {
  return format->precision <= 22 && format->minimum_exponent >= -100 &&
         format->maximum_exponent + 25 - format->precision <= 127;
}

static inline single_rounding single_rounding_of(const ropedrift_narrow_format *format) {
  return (single_rounding){.shift = (uint32_t)(24 - format->precision),
                           .smallest = (uint32_t)(format->minimum_exponent + 127) << 23,
                           .offset = (uint32_t)(24 - format->precision) << 23 | 1u << 22,
                           .clamp = (float)power_of_two(format->maximum_exponent + 1),
                           .largest = (float)format->largest,
                           .above_largest = (float)format->above_largest};
}

// The way to round binary32 numbers to a format; -1 where there is none. has_half: whether the machine converts to binary16.
static inline int single_way_to(const ropedrift_narrow_format *format, int has_half) {
  if (format->precision == 8 && is_cut_binary32(format)) return SINGLE_BF16;
  if (is_cut_binary32(format)) return SINGLE_BITS;
  if (has_half && is_ieee(format, 11, -14, 15)) return SINGLE_HALF;
  return has_single_magic(format) ? SINGLE_MAGIC : -1;
}

#endif
