// Errors of tables over runs of positions: each body stands once and is compiled for every target.

#include "TableErrors.h"

#include "VectorTypes.h"

// Angles

ROPEDRIFT_INLINE pair4 plus_multiple(v4 high, v4 low, v4 multiple, const double pieces[3]) {
  pair4 first = two_sum4(high, multiple * pieces[0]);
  pair4 second = two_sum4(first.low, multiple * pieces[1]);
  pair4 sum = two_sum4(first.high, second.high);
  return fast_two_sum4(sum.high, sum.low + (second.low + (low + multiple * pieces[2])));
}

ROPEDRIFT_INLINE void exact_angles(const double start[2], const double pieces[3], double first, size_t count,
                                   ropedrift_lane_sums angles) {
  v4 multiple = (v4){0, 1, 2, 3} + first;
  for (size_t i = 0; i < count; i += 4, multiple += 4) {
    pair4 angle = plus_multiple(all4(start[0]), all4(start[1]), multiple, pieces);
    store4(angles.high + i, angle.high);
    store4(angles.low + i, angle.low);
  }
}

// high + middle + low as a sum of two whose first is the nearest number to it.
ROPEDRIFT_INLINE void store_normalised(v4 high, v4 middle, v4 low, ropedrift_lane_sums to, size_t i) {
  pair4 sum = two_sum4(high, middle);
  pair4 result = two_sum4(sum.high, sum.low + low);
  store4(to.high + i, result.high);
  store4(to.low + i, result.low);
}

ROPEDRIFT_INLINE void exact_rotations(const double start[6], const double *steps, size_t stride, size_t count,
                                      ropedrift_lane_sums cosine, ropedrift_lane_sums sine) {
  double c1 = start[0], c2 = start[1], c3 = start[2], s1 = start[3], s2 = start[4], s3 = start[5];
  for (size_t i = 0; i < count; i += 4) {
    const double *at = steps + i;
    v4 C1 = load4(at), C2 = load4(at + stride), C3 = load4(at + 2 * stride);
    v4 S1 = load4(at + 3 * stride), S2 = load4(at + 4 * stride), S3 = load4(at + 5 * stride);
    pair4 c = two_sum4(C1 * c1, -(S1 * s1));
    v4 cosine_middle = (C2 * c1 + C1 * c2) - (S2 * s1 + S1 * s2);
    v4 cosine_low = (C2 * c2 - S2 * s2) + ((C3 * c1 + C1 * c3) - (S3 * s1 + S1 * s3));
    store_normalised(c.high, cosine_middle, c.low + cosine_low, cosine, i);
    pair4 s = two_sum4(S1 * c1, C1 * s1);
    v4 sine_middle = (S2 * c1 + S1 * c2) + (C2 * s1 + C1 * s2);
    v4 sine_low = (S2 * c2 + C2 * s2) + ((S3 * c1 + S1 * c3) + (C3 * s1 + C1 * s3));
    store_normalised(s.high, sine_middle, s.low + sine_low, sine, i);
  }
}

// Rounding

// The exponent field of the binade that decides the gap.
ROPEDRIFT_INLINE m4 exponent_field(v4 magnitude, const ropedrift_lane_rounder *rounder) {
  v4 smallest = all4(rounder->smallest);
  return (m4)select4(magnitude < smallest, smallest, magnitude) & all4_bits(0x7FF0000000000000);
}

ROPEDRIFT_INLINE v4 rounded_in_field(v4 x, m4 field, const ropedrift_lane_rounder *rounder) {
  v4 magic = (v4)(field + all4_bits(rounder->magic_offset));
  v4 rounded = (magnitude4(x) + magic) - magic;
  return (v4)((m4)rounded | ((m4)x & all4_bits(0x8000000000000000)));
}

ROPEDRIFT_INLINE v4 rounded_once(v4 x, const ropedrift_lane_rounder *rounder) {
  return rounder->is_binary64 ? x : rounded_in_field(x, exponent_field(magnitude4(x), rounder), rounder);
}

ROPEDRIFT_INLINE v4 rounded(v4 x, const ropedrift_lane_chain *chain) {
  v4 first = rounded_once(x, &chain->first);
  return chain->is_double ? rounded_once(first, &chain->second) : first;
}

// high + low rounded, where the number meant is within the bound of it; adds to the mask where that does not decide.
ROPEDRIFT_INLINE v4 rounded_sum(v4 high, v4 low, v4 bound, const ropedrift_lane_chain *chain, m4 *undecided) {
  const ropedrift_lane_rounder *rounder = &chain->first;
  pair4 x = fast_two_sum4(high, low);
  m4 field = exponent_field(magnitude4(x.high), rounder);
  v4 result = rounder->is_binary64 ? x.high : rounded_in_field(x.high, field, rounder);
  v4 distance = magnitude4((x.high - result) + x.low);
  // In binary64's lowest binades half a gap has no exponent field; it wraps to a NaN or a great number there, so that such numbers
  // are looked at below.
  v4 half = (v4)(field - all4_bits(rounder->half_gap_offset));
  *undecided |= (m4)(distance + bound >= half);
  if (rounder->is_binary64) *undecided |= (m4)(magnitude4(x.high) < all4(0x1p-900));
  return chain->is_double ? rounded_once(result, &chain->second) : result;
}

ROPEDRIFT_INLINE m4 store_flags(m4 mask, m4 bits, uint8_t *to) {
  m4 flags = mask & bits;
  for (int lane = 0; lane < 4; lane++) to[lane] = (uint8_t)flags[lane];
  return mask;
}

ROPEDRIFT_INLINE int rounded_angles(ropedrift_lane_sums angles, const double *displacement, const double pieces[3],
                                    const ropedrift_lane_chain *given, size_t count, double *stored,
                                    uint8_t *undecided) {
  ropedrift_lane_chain chain = *given;
  m4 found = {0};
  for (size_t i = 0; i < count; i += 4) {
    pair4 angle = {load4(angles.high + i), load4(angles.low + i)};
    if (displacement) angle = plus_multiple(angle.high, angle.low, load4(displacement + i), pieces);
    m4 open = {0};
    store4(stored + i,
           rounded_sum(angle.high, angle.low, magnitude4(angle.high) * 0x1p-100, &chain, &open));
    found |= store_flags(open, all4_bits(1), undecided + i);
  }
  return any4(found);
}

ROPEDRIFT_INLINE void rounded_products(const double *positions, double first, double frequency,
                                       const ropedrift_lane_chain *given, size_t count, double *stored) {
  ropedrift_lane_chain chain = *given;
  v4 position = (v4){0, 1, 2, 3} + first;
  for (size_t i = 0; i < count; i += 4, position += 4) {
    store4(stored + i, rounded((positions ? load4(positions + i) : position) * frequency, &chain));
  }
}

ROPEDRIFT_INLINE int angle_differences(const double *stored, ropedrift_lane_sums angles, size_t count,
                                       ropedrift_lane_sums differences, uint8_t *unknown) {
  m4 found = {0};
  for (size_t i = 0; i < count; i += 4) {
    v4 angle = load4(angles.high + i);
    pair4 difference = two_sum4(load4(stored + i), -angle);
    pair4 sum = two_sum4(difference.high, -load4(angles.low + i));
    pair4 result = fast_two_sum4(sum.high, difference.low + sum.low);
    store4(differences.high + i, result.high);
    store4(differences.low + i, result.low);
    m4 small = (m4)(magnitude4(result.high) <= angle * 0x1p-96) & (m4)(angle > 0);
    found |= store_flags(small, all4_bits(1), unknown + i);
  }
  return any4(found);
}

// cos(t + d) - cos t and sin(t + d) - sin t, from cos t, sin t and d. With C = cos d - 1 and S = sin d they are cos t C - sin t S and
// sin t C + cos t S; C and S are sums of Taylor series.

typedef struct {
  v4 cosine, sine;
} change4;

ROPEDRIFT_INLINE v4 polynomial(v4 z, const double *coefficients, int count) {
  v4 value = all4(coefficients[0]);
  for (int i = 1; i < count; i++) value = value * z + coefficients[i];
  return value;
}

// For |d| <= 2^-4: each within 2^-48.5 |d| of the exact one for cos t and sin t good to 2^-52. The series end with d^11/11! (2^-65 of d)
// and d^12/12! (2^-73 of d); four roundings of C and S are below 2^-51 |d|, the products and the sum below 2^-51 |d| again, the
// neglected low parts of cos t and sin t below 2^-52 |d|.
ROPEDRIFT_INLINE change4 small_turn(v4 cosine, v4 sine, v4 delta) {
  static const double sine_series[] = {1.0 / 362880, -1.0 / 5040, 1.0 / 120, -1.0 / 6};
  static const double cosine_series[] = {-1.0 / 3628800, 1.0 / 40320, -1.0 / 720, 1.0 / 24, -1.0 / 2};
  v4 z = delta * delta;
  v4 s = delta + delta * z * polynomial(z, sine_series, 4);
  v4 c = z * polynomial(z, cosine_series, 5);
  return (change4){cosine * c - sine * s, sine * c + cosine * s};
}

// For |d + low| <= 2^20, |low| <= 2^-52 |d|: each within 2^-49 of the exact one. d = k pi/2 + r, |r| <= 0.7855, with pi/2 in pieces of 33,
// 33 and 53 bits: k < 2^20 times a piece is exact, and so are the first difference and, with its error, the second; r is within
// 2^-53 of the exact remainder. The series end below 2^-62 of their value.
ROPEDRIFT_INLINE change4 turn(v4 cosine, v4 sine, v4 delta, v4 low) {
  static const double sine_series[] = {1.0 / 355687428096000, -1.0 / 1307674368000, 1.0 / 6227020800,
                                       -1.0 / 39916800,       1.0 / 362880,         -1.0 / 5040,
                                       1.0 / 120,             -1.0 / 6};
  static const double cosine_series[] = {-1.0 / 6402373705728000, 1.0 / 20922789888000, -1.0 / 87178291200,
                                         1.0 / 479001600,         -1.0 / 3628800,       1.0 / 40320,
                                         -1.0 / 720,              1.0 / 24,             -1.0 / 2};
  v4 magic = all4(0x1.8p52);
  v4 shifted = delta * 0x1.45f306dc9c883p-1 + magic;
  v4 k = shifted - magic;
  m4 quadrant = (m4)shifted & 3;
  pair4 near = two_sum4(delta - k * 0x1.921fb544p+0, -(k * 0x1.0b4611a6p-34));
  v4 r = near.high + ((near.low - k * 0x1.3198a2e037073p-69) + low);
  v4 z = r * r;
  v4 s = r + r * z * polynomial(z, sine_series, 8);
  v4 c = 1 + z * polynomial(z, cosine_series, 9);
  m4 is_odd = (m4)((quadrant & 1) == 1);
  m4 cosine_sign = ((quadrant + 1) & 2) << 62;
  m4 sine_sign = (quadrant & 2) << 62;
  v4 cosine_delta = (v4)((m4)select4(is_odd, s, c) ^ cosine_sign);
  v4 sine_delta = (v4)((m4)select4(is_odd, c, s) ^ sine_sign);
  return (change4){(cosine * cosine_delta - sine * sine_delta) - cosine,
                   (sine * cosine_delta + cosine * sine_delta) - sine};
}

// Errors of tables

// cos or sin of one vector of positions: that of the exact angle, how the stored angle changes it, what it is compared with.
typedef struct {
  v4 value, low, change, exact, exact_low;
} table4;

ROPEDRIFT_INLINE void store_error(v4 stored, table4 x, double *to) { store4(to, (stored - x.exact) - x.exact_low); }

ROPEDRIFT_INLINE v4 rounded_trig(table4 x, v4 bound, double factor, const ropedrift_lane_chain *chain,
                                 m4 *undecided) {
  pair4 sum = two_sum4(x.value, x.change);
  v4 result = rounded_sum(sum.high, sum.low + x.low, bound, chain, undecided);
  return factor == 1 ? result : rounded(result * factor, chain);
}

ROPEDRIFT_INLINE v4 rounded_table(table4 x, v4 bound, double factor, const ropedrift_lane_chain *chain,
                                  m4 *undecided) {
  pair4 sum = two_sum4(x.exact, x.change * factor);
  return rounded_sum(sum.high, sum.low + x.exact_low, bound, chain, undecided);
}

// `is_plain`: one rounding a stage, none to binary64, no attention factor.
ROPEDRIFT_INLINE int table_errors_of(const ropedrift_table_errors_input *given,
                                     const ropedrift_table_errors_output *output, int is_plain) {
  ropedrift_table_errors_input in = *given;
  ropedrift_table_errors_output out = *output;
  if (is_plain) {
    in.trig.is_double = in.trig.first.is_binary64 = in.table.is_double = in.table.first.is_binary64 = 0;
    in.factor = in.stored_factor = 1;
  }
  v4 trig_bound = all4(in.trig_bound), table_bound = all4(in.table_bound), limit = all4(in.limit);
  m4 found = {0};
  for (size_t i = 0; i < in.count; i += 4) {
    table4 c = {load4(in.cosine.high + i), load4(in.cosine.low + i), all4(0), load4(in.exact_cosine.high + i),
                load4(in.exact_cosine.low + i)};
    table4 s = {load4(in.sine.high + i), load4(in.sine.low + i), all4(0), load4(in.exact_sine.high + i),
                load4(in.exact_sine.low + i)};
    m4 open = {0}, beyond = {0};
    if (in.difference.high) {
      v4 delta = load4(in.difference.high + i);
      change4 change = in.is_small ? small_turn(c.value, s.value, delta)
                                   : turn(c.value, s.value, delta, load4(in.difference.low + i));
      c.change = change.cosine;
      s.change = change.sine;
      beyond = (m4)(magnitude4(delta) > limit);
      open = beyond;
    }
    if (out.exact.cosine) {
      store4(out.exact.cosine + i, c.change * in.factor);
      store4(out.exact.sine + i, s.change * in.factor);
    }
    if (out.trig.cosine || out.both.cosine) {
      v4 cosine = rounded_trig(c, trig_bound, in.stored_factor, &in.trig, &open);
      v4 sine = rounded_trig(s, trig_bound, in.stored_factor, &in.trig, &open);
      if (out.trig.cosine) {
        store_error(cosine, c, out.trig.cosine + i);
        store_error(sine, s, out.trig.sine + i);
      }
      if (out.both.cosine) {
        cosine = rounded(cosine, &in.table);
        sine = rounded(sine, &in.table);
        store_error(cosine, c, out.both.cosine + i);
        store_error(sine, s, out.both.sine + i);
      }
      if (out.stored.cosine) {
        store4(out.stored.cosine + i, cosine);
        store4(out.stored.sine + i, sine);
      }
    }
    if (out.table.cosine) {
      v4 cosine = rounded_table(c, table_bound, in.factor, &in.table, &open);
      v4 sine = rounded_table(s, table_bound, in.factor, &in.table, &open);
      store_error(cosine, c, out.table.cosine + i);
      store_error(sine, s, out.table.sine + i);
      if (out.stored.cosine && !out.trig.cosine && !out.both.cosine) {
        store4(out.stored.cosine + i, cosine);
        store4(out.stored.sine + i, sine);
      }
    }
    found |= store_flags(open, 1 | (beyond & 2), out.undecided + i);
  }
  return any4(found);
}

// The common case apart, so that its loop has no branches on what the others need.
ROPEDRIFT_INLINE int table_errors(const ropedrift_table_errors_input *input,
                                  const ropedrift_table_errors_output *output) {
  int is_plain = !(input->trig.is_double | input->trig.first.is_binary64 | input->table.is_double |
                   input->table.first.is_binary64) &&
                 input->factor == 1 && input->stored_factor == 1;
  return is_plain ? table_errors_of(input, output, 1) : table_errors_of(input, output, 0);
}

// Reductions

ROPEDRIFT_INLINE double greatest_magnitude(const double *numbers, size_t count, double floor) {
  v4 a = all4(floor), b = a, c = a, d = a;
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    v4 w = magnitude4(load4(numbers + i)), x = magnitude4(load4(numbers + i + 4));
    v4 y = magnitude4(load4(numbers + i + 8)), z = magnitude4(load4(numbers + i + 12));
    a = select4(w > a, w, a);
    b = select4(x > b, x, b);
    c = select4(y > c, y, c);
    d = select4(z > d, z, d);
  }
  a = select4(b > a, b, a);
  c = select4(d > c, d, c);
  a = select4(c > a, c, a);
  double result = a[0];
  for (int lane = 1; lane < 4; lane++) result = a[lane] > result ? a[lane] : result;
  for (; i < count; i++) {
    double magnitude = __builtin_fabs(numbers[i]);
    result = magnitude > result ? magnitude : result;
  }
  return result;
}

TARGETS(void, exact_angles,
        (const double start[2], const double pieces[3], double first, size_t count, ropedrift_lane_sums angles),
        (start, pieces, first, count, angles))
void ropedrift_exact_angles(const double start[2], const double pieces[3], double first, size_t count,
                            ropedrift_lane_sums angles, int allows_vectors) {
  DISPATCH(exact_angles(start, pieces, first, count, angles))
}

TARGETS(void, exact_rotations,
        (const double start[6], const double *steps, size_t stride, size_t count, ropedrift_lane_sums cosine,
         ropedrift_lane_sums sine),
        (start, steps, stride, count, cosine, sine))
void ropedrift_exact_rotations(const double start[6], const double *steps, size_t stride, size_t count,
                               ropedrift_lane_sums cosine, ropedrift_lane_sums sine, int allows_vectors) {
  DISPATCH(exact_rotations(start, steps, stride, count, cosine, sine))
}

TARGETS(int, rounded_angles,
        (ropedrift_lane_sums angles, const double *displacement, const double pieces[3],
         const ropedrift_lane_chain *chain, size_t count, double *stored, uint8_t *undecided),
        (angles, displacement, pieces, chain, count, stored, undecided))
int ropedrift_rounded_angles(ropedrift_lane_sums angles, const double *displacement, const double pieces[3],
                             const ropedrift_lane_chain *chain, size_t count, double *stored, uint8_t *undecided,
                             int allows_vectors) {
  DISPATCH(rounded_angles(angles, displacement, pieces, chain, count, stored, undecided))
}

TARGETS(void, rounded_products,
        (const double *positions, double first, double frequency, const ropedrift_lane_chain *chain, size_t count,
         double *stored),
        (positions, first, frequency, chain, count, stored))
void ropedrift_rounded_products(const double *positions, double first, double frequency,
                                const ropedrift_lane_chain *chain, size_t count, double *stored,
                                int allows_vectors) {
  DISPATCH(rounded_products(positions, first, frequency, chain, count, stored))
}

TARGETS(int, angle_differences,
        (const double *stored, ropedrift_lane_sums angles, size_t count, ropedrift_lane_sums differences,
         uint8_t *unknown),
        (stored, angles, count, differences, unknown))
int ropedrift_angle_differences(const double *stored, ropedrift_lane_sums angles, size_t count,
                                ropedrift_lane_sums differences, uint8_t *unknown, int allows_vectors) {
  DISPATCH(angle_differences(stored, angles, count, differences, unknown))
}

TARGETS(int, table_errors,
        (const ropedrift_table_errors_input *input, const ropedrift_table_errors_output *output), (input, output))
int ropedrift_table_errors(const ropedrift_table_errors_input *input, const ropedrift_table_errors_output *output,
                           int allows_vectors) {
  DISPATCH(table_errors(input, output))
}

TARGETS(double, greatest_magnitude, (const double *numbers, size_t count, double floor), (numbers, count, floor))
double ropedrift_greatest_magnitude(const double *numbers, size_t count, double floor, int allows_vectors) {
  DISPATCH(greatest_magnitude(numbers, count, floor))
}
