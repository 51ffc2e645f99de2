// Rotation in binary64 lanes of one machine, several pairs abreast. Included by Rotation.c.

#include "WideLanes.h"

// A product, its error where that is a number, and whether it is: NaN, infinities and zeros of the operands make exact products.
typedef struct {
  VECTOR value, error;
  BITS is_known;
} HERE(checked_product);

INLINE HERE(checked_product) LANE(product)(VECTOR a, VECTOR b) {
  HERE(checked_product) product;
  VECTOR value = a * b;
  VECTOR error = __builtin_elementwise_fma(a, b, -value);
  VECTOR magnitude = LANE(of_bits)(LANE(bits)(value) & MAGNITUDE);
  BITS in_range = __builtin_bit_cast(BITS, magnitude >= 0x1p-900 & magnitude <= 0x1p1000);
  BITS is_special = __builtin_bit_cast(BITS, (a == 0) | (b == 0)) |
                    __builtin_bit_cast(BITS, (LANE(bits)(a) & EXPONENT) == EXPONENT) |
                    __builtin_bit_cast(BITS, (LANE(bits)(b) & EXPONENT) == EXPONENT);
  product.value = value;
  product.error = LANE(of_bits)(LANE(bits)(error) & in_range);
  product.is_known = in_range | is_special;
  return product;
}

// a b + c d with the products that are rounded; clears `known` in lanes that are to be left. Where the operands are narrow, products are
// exact and binary64's sum of two rounded ones may be rounded again [Figueroa1995].
INLINE VECTOR LANE(product_sum)(wide_way way, const wide_rounding *to, int products, int are_narrow, VECTOR a,
                                VECTOR b, VECTOR c, VECTOR d, BITS *known) {
  if (are_narrow && way != WIDE_PLAIN && products == ROPEDRIFT_ROUNDED_BOTH) {
    return LANE(round)(way, to, LANE(round)(way, to, a * b) + LANE(round)(way, to, c * d));
  }
  HERE(checked_product) first = LANE(product)(a, b), second = LANE(product)(c, d);
  BITS first_exact = first.is_known & __builtin_bit_cast(BITS, first.error == 0);
  BITS second_exact = second.is_known & __builtin_bit_cast(BITS, second.error == 0);
  if (way == WIDE_PLAIN) {
    switch (products) {
      case ROPEDRIFT_ROUNDED_BOTH: return first.value + second.value;
      case ROPEDRIFT_ROUNDED_FIRST: return __builtin_elementwise_fma(c, d, first.value);
      case ROPEDRIFT_ROUNDED_SECOND: return __builtin_elementwise_fma(a, b, second.value);
      default:
        *known &= first_exact & second_exact;
        return first.value + second.value;
    }
  }
  int rounds_first = products == ROPEDRIFT_ROUNDED_BOTH || products == ROPEDRIFT_ROUNDED_FIRST;
  int rounds_second = products == ROPEDRIFT_ROUNDED_BOTH || products == ROPEDRIFT_ROUNDED_SECOND;
  VECTOR x = first.value, y = second.value;
  if (rounds_first) x = LANE(round)(way, to, LANE(to_odd)(x, first.error));
  if (rounds_second) y = LANE(round)(way, to, LANE(to_odd)(y, second.error));
  *known &= (rounds_first ? first.is_known : first_exact) & (rounds_second ? second.is_known : second_exact);
  return LANE(round)(way, to, LANE(sum_to_odd)(x, y));
}

// Numbers of `count` pairs from every `step`th place, zeros beyond.
INLINE VECTOR LANE(gather)(const double *source, size_t step, size_t count) {
  if (step == 1 && count == LANES) return LANE(load)(source);
  double values[LANES] = {0};
  for (size_t i = 0; i < count; i++) values[i] = source[i * step];
  return LANE(load)(values);
}

INLINE void LANE(scatter)(double *target, size_t step, size_t count, VECTOR numbers) {
  double values[LANES];
  LANE(store)(values, numbers);
  for (size_t i = 0; i < count; i++) target[i * step] = values[i];
}

// One vector; whether all of it is done.
INLINE int LANE(rotate)(wide_way way, int are_narrow, const wide_rounding *to, const ropedrift_rotation_plan *plan,
                        const double *vector, const double *cosine, const double *sine, double *result) {
  BITS known = ~(BITS)0;
  for (size_t pair = 0; pair < plan->pairs; pair += LANES) {
    size_t count = plan->pairs - pair < LANES ? plan->pairs - pair : LANES, a = plan->step * pair, b = a + plan->offset;
    VECTOR x = LANE(gather)(vector + a, plan->step, count), y = LANE(gather)(vector + b, plan->step, count);
    VECTOR c = LANE(gather)(cosine + pair, 1, count), s = LANE(gather)(sine + pair, 1, count);
    LANE(scatter)(result + a, plan->step, count,
                  LANE(product_sum)(way, to, plan->products[0], are_narrow, x, c, y, -s, &known));
    LANE(scatter)(result + b, plan->step, count,
                  LANE(product_sum)(way, to, plan->products[1], are_narrow, x, s, y, c, &known));
  }
  uint64_t lanes[LANES], all = ~(uint64_t)0;
  __builtin_memcpy(lanes, &known, sizeof lanes);
  for (int i = 0; i < LANES; i++) all &= lanes[i];
  return all == ~(uint64_t)0;
}

INLINE void LANE(round_all)(wide_way way, const wide_rounding *to, size_t count, double *values) {
  for (size_t i = 0; i < count; i += LANES) {
    size_t rest = count - i < LANES ? count - i : LANES;
    LANE(scatter)(values + i, 1, rest, LANE(round)(way, to, LANE(gather)(values + i, 1, rest)));
  }
}

TARGET static int HERE(rotate)(const prepared_rotation *prepared, const double *vector, const double *cosine,
                               const double *sine, double *result) {
  const ropedrift_rotation_plan *plan = prepared->plan;
  const wide_rounding *to = prepared->rounding;
  int done;
  switch (prepared->way) {
    case WIDE_PLAIN: done = LANE(rotate)(WIDE_PLAIN, 0, to, plan, vector, cosine, sine, result); break;
    case WIDE_ONCE:
      done = plan->operands_are_narrow ? LANE(rotate)(WIDE_ONCE, 1, to, plan, vector, cosine, sine, result)
                                       : LANE(rotate)(WIDE_ONCE, 0, to, plan, vector, cosine, sine, result);
      break;
    default: done = LANE(rotate)(WIDE_TWICE, 0, to, plan, vector, cosine, sine, result);
  }
  switch (prepared->stored_way) {
    case WIDE_PLAIN: break;
    case WIDE_ONCE: LANE(round_all)(WIDE_ONCE, prepared->stored, plan->channels, result); break;
    default: LANE(round_all)(WIDE_TWICE, prepared->stored, plan->channels, result);
  }
  return done;
}

#include "WideLanesEnd.h"
