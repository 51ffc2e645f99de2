// Rounding in binary32 lanes. Included for every machine by EachMachine.h's files; leaves the names of its lanes defined for what is
// built on them, until SingleLanesEnd.h.

typedef float HERE(single_vector) __attribute__((ext_vector_type(SINGLE_LANES)));
typedef uint32_t HERE(single_integers) __attribute__((ext_vector_type(SINGLE_LANES)));

#define VECTOR HERE(single_vector)
#define BITS HERE(single_integers)
#define SCALAR float
#define LANES SINGLE_LANES
#define WAY single_way
#define EXACT_WAY SINGLE_EXACT
#define LANE(name) HERE(JOIN(single, name))

INLINE VECTOR LANE(load)(const float *source) {
  VECTOR value;
  __builtin_memcpy(&value, source, sizeof value);
  return value;
}

INLINE void LANE(store)(float *target, VECTOR value) { __builtin_memcpy(target, &value, sizeof value); }

INLINE BITS LANE(bits)(VECTOR x) { return __builtin_bit_cast(BITS, x); }
INLINE VECTOR LANE(of_bits)(BITS x) { return __builtin_bit_cast(VECTOR, x); }

// Cuts off `shift` bits, ties to even. A carry goes into the exponent as it should, up to infinity; NaNs have no low bits set
// here and stay.
INLINE VECTOR LANE(cut)(VECTOR x, uint32_t shift) {
  BITS bits = LANE(bits)(x);
  // Half a unit, less one bit where the last bit that stays is 0.
  uint32_t half = 1u << (shift - 1);
  bits += (bits & (1u << shift)) == 0 ? (BITS)(half - 1) : (BITS)half;
  return LANE(of_bits)(bits & -(1u << shift));
}

// The addition that NearestEvenRounder.swift explains, on magnitudes.
INLINE VECTOR LANE(add_magic)(VECTOR x, const single_rounding *to) {
  BITS sign = LANE(bits)(x) & 0x80000000u;
  VECTOR magnitude = LANE(of_bits)(LANE(bits)(x) & 0x7fffffffu);
  magnitude = magnitude > to->clamp ? (VECTOR)to->clamp : magnitude;
  BITS exponent = LANE(bits)(magnitude) & 0x7f800000u;
  exponent = exponent > to->smallest ? exponent : (BITS)to->smallest;
  VECTOR magic = LANE(of_bits)(exponent + to->offset);
  VECTOR rounded = (magnitude + magic) - magic;
  rounded = rounded > to->largest ? (VECTOR)to->above_largest : rounded;
  return LANE(of_bits)(LANE(bits)(rounded) | sign);
}

INLINE VECTOR LANE(round)(single_way way, const single_rounding *to, VECTOR x) {
  switch (way) {
    case SINGLE_BF16: return LANE(cut)(x, 16);
    case SINGLE_BITS: return LANE(cut)(x, to->shift);
    case SINGLE_MAGIC: return LANE(add_magic)(x, to);
#if HAS_HALF
    case SINGLE_HALF:
      return __builtin_convertvector(
          __builtin_convertvector(x, _Float16 __attribute__((ext_vector_type(SINGLE_LANES)))), VECTOR);
#endif
    default: return x;
  }
}
