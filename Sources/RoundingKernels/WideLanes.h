// Rounding in binary64 lanes, by the addition that NearestEvenRounder.swift explains. Included for every machine by EachMachine.h's
// files; leaves the names of its lanes defined for what is built on them, until WideLanesEnd.h.

typedef double HERE(wide_vector) __attribute__((ext_vector_type(SINGLE_LANES / 2)));
typedef uint64_t HERE(wide_integers) __attribute__((ext_vector_type(SINGLE_LANES / 2)));

#define VECTOR HERE(wide_vector)
#define BITS HERE(wide_integers)
#define SCALAR double
#define LANES (SINGLE_LANES / 2)
#define WAY wide_way
#define EXACT_WAY -1
#define LANE(name) HERE(JOIN(wide, name))

INLINE VECTOR LANE(load)(const double *source) {
  VECTOR value;
  __builtin_memcpy(&value, source, sizeof value);
  return value;
}

INLINE void LANE(store)(double *target, VECTOR value) { __builtin_memcpy(target, &value, sizeof value); }

INLINE BITS LANE(bits)(VECTOR x) { return __builtin_bit_cast(BITS, x); }
INLINE VECTOR LANE(of_bits)(BITS x) { return __builtin_bit_cast(VECTOR, x); }

#define MAGNITUDE 0x7fffffffffffffffu
#define EXPONENT 0x7ff0000000000000u

INLINE VECTOR LANE(add_magic)(VECTOR x, const wide_rounding *to, int truncates) {
  BITS sign = LANE(bits)(x) & ~MAGNITUDE;
  VECTOR magnitude = LANE(of_bits)(LANE(bits)(x) & MAGNITUDE);
  VECTOR clamped = magnitude > to->clamp ? (VECTOR)to->clamp : magnitude;
  BITS exponent = LANE(bits)(clamped) & EXPONENT;
  exponent = exponent > to->smallest ? exponent : (BITS)to->smallest;
  VECTOR magic = LANE(of_bits)(exponent + to->offset);
  VECTOR rounded = (clamped + magic) - magic;
  if (truncates) {
    // One unit back where rounding went up.
    VECTOR unit = LANE(of_bits)(exponent - ((uint64_t)(to->precision - 1) << 52));
    rounded = rounded > clamped ? rounded - unit : rounded;
    rounded = rounded > to->largest ? (VECTOR)to->largest : rounded;
    rounded = magnitude > 0x1.fffffffffffffp1023 ? (VECTOR)to->above_largest : rounded;
  } else {
    rounded = rounded > to->largest ? (VECTOR)to->above_largest : rounded;
  }
  return LANE(of_bits)(LANE(bits)(rounded) | sign);
}

// One or two roundings to nearest even, or none.
INLINE VECTOR LANE(round)(wide_way way, const wide_rounding *to, VECTOR x) {
  if (way == WIDE_PLAIN) return x;
  VECTOR once = LANE(add_magic)(x, &to[0], 0);
  return way == WIDE_ONCE ? once : LANE(add_magic)(once, &to[1], 0);
}

// A number whose error is known, rounded to odd: rounding it again, to 51 bits at most, is single rounding [Boldo2008]. An error
// that is NaN, as that of a sum that is not finite, changes nothing.
INLINE VECTOR LANE(to_odd)(VECTOR x, VECTOR error) {
  BITS toward_zero = (LANE(bits)(error) ^ LANE(bits)(x)) >> 63;
  VECTOR odd = LANE(of_bits)((LANE(bits)(x) - toward_zero) | 1);
  return LANE(of_bits)(LANE(bits)(error) & MAGNITUDE) > (VECTOR)0 ? odd : x;
}

INLINE VECTOR LANE(sum_to_odd)(VECTOR a, VECTOR b) {
  VECTOR sum = a + b, virtual = sum - a;
  return LANE(to_odd)(sum, (a - (sum - virtual)) + (b - virtual));
}
