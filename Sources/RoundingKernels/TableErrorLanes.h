// Errors of tables over runs of positions: the bodies, compiled for every target and number of lanes.

#ifndef ROPEDRIFT_TABLE_ERROR_LANES_H
#define ROPEDRIFT_TABLE_ERROR_LANES_H

#include "TableErrors.h"
#include "VectorTypes.h"

// Angles

ROPEDRIFT_INLINE sum_of_two plus_multiple(lanes high, lanes low, lanes multiple, const double pieces[3]) {
  sum_of_two first = two_sum(high, multiple * pieces[0]);
  sum_of_two second = two_sum(first.low, multiple * pieces[1]);
  sum_of_two sum = two_sum(first.high, second.high);
  return fast_two_sum(sum.high, sum.low + (second.low + (low + multiple * pieces[2])));
}

ROPEDRIFT_INLINE void exact_angles(const double start[2], const double pieces[3], double first, size_t count,
                                   ropedrift_lane_sums angles) {
  lanes multiple = lane_numbers() + first;
  for (size_t i = 0; i < count; i += LANE_COUNT, multiple += LANE_COUNT) {
    sum_of_two angle = plus_multiple(all(start[0]), all(start[1]), multiple, pieces);
    store(angles.high + i, angle.high);
    store(angles.low + i, angle.low);
  }
}

// high + middle + low as a sum of two whose first is the nearest number to it.
ROPEDRIFT_INLINE void store_normalised(lanes high, lanes middle, lanes low, ropedrift_lane_sums to, size_t i) {
  sum_of_two sum = two_sum(high, middle);
  sum_of_two result = two_sum(sum.high, sum.low + low);
  store(to.high + i, result.high);
  store(to.low + i, result.low);
}

ROPEDRIFT_INLINE void exact_rotations(const double start[6], const double *steps, size_t stride, size_t count,
                                      ropedrift_lane_sums cosine, ropedrift_lane_sums sine) {
  double c1 = start[0], c2 = start[1], c3 = start[2], s1 = start[3], s2 = start[4], s3 = start[5];
  for (size_t i = 0; i < count; i += LANE_COUNT) {
    const double *at = steps + i;
    lanes C1 = load(at), C2 = load(at + stride), C3 = load(at + 2 * stride);
    lanes S1 = load(at + 3 * stride), S2 = load(at + 4 * stride), S3 = load(at + 5 * stride);
    sum_of_two c = two_sum(C1 * c1, -(S1 * s1));
    lanes cosine_middle = (C2 * c1 + C1 * c2) - (S2 * s1 + S1 * s2);
    lanes cosine_low = (C2 * c2 - S2 * s2) + ((C3 * c1 + C1 * c3) - (S3 * s1 + S1 * s3));
    store_normalised(c.high, cosine_middle, c.low + cosine_low, cosine, i);
    sum_of_two s = two_sum(S1 * c1, C1 * s1);
    lanes sine_middle = (S2 * c1 + S1 * c2) + (C2 * s1 + C1 * s2);
    lanes sine_low = (S2 * c2 + C2 * s2) + ((S3 * c1 + S1 * c3) + (C3 * s1 + C1 * s3));
    store_normalised(s.high, sine_middle, s.low + sine_low, sine, i);
  }
}

// Rounding

// The exponent field of the binade that decides the gap.
ROPEDRIFT_INLINE mask exponent_field(lanes magnitude, const ropedrift_lane_rounder *rounder) {
  lanes smallest = all(rounder->smallest);
  return (mask)select(magnitude < smallest, smallest, magnitude) & all_bits(0x7FF0000000000000);
}

ROPEDRIFT_INLINE lanes rounded_in_field(lanes x, mask field, const ropedrift_lane_rounder *rounder) {
  lanes magic = (lanes)(field + all_bits(rounder->magic_offset));
  lanes rounded = (magnitude_of(x) + magic) - magic;
  return (lanes)((mask)rounded | ((mask)x & all_bits(0x8000000000000000)));
}

ROPEDRIFT_INLINE lanes rounded_once(lanes x, const ropedrift_lane_rounder *rounder) {
  return rounder->is_binary64 ? x : rounded_in_field(x, exponent_field(magnitude_of(x), rounder), rounder);
}

ROPEDRIFT_INLINE lanes rounded(lanes x, const ropedrift_lane_chain *chain) {
  lanes first = rounded_once(x, &chain->first);
  return chain->is_double ? rounded_once(first, &chain->second) : first;
}

// high + low rounded, where the number meant is within the bound of it; adds to the mask where that does not decide.
ROPEDRIFT_INLINE lanes rounded_sum(lanes high, lanes low, lanes bound, const ropedrift_lane_chain *chain, mask *undecided) {
  const ropedrift_lane_rounder *rounder = &chain->first;
  sum_of_two x = fast_two_sum(high, low);
  mask field = exponent_field(magnitude_of(x.high), rounder);
  lanes result = rounder->is_binary64 ? x.high : rounded_in_field(x.high, field, rounder);
  lanes distance = magnitude_of((x.high - result) + x.low);
  // In binary64's lowest binades half a gap has no exponent field; it wraps to a NaN or a great number there, so that such numbers
  // are looked at below.
  lanes half = (lanes)(field - all_bits(rounder->half_gap_offset));
  *undecided |= (mask)(distance + bound >= half);
  if (rounder->is_binary64) *undecided |= (mask)(magnitude_of(x.high) < all(0x1p-900));
  return chain->is_double ? rounded_once(result, &chain->second) : result;
}

ROPEDRIFT_INLINE mask store_flags(mask which, mask bits, uint8_t *to) {
  mask flags = which & bits;
  for (int lane = 0; lane < LANE_COUNT; lane++) to[lane] = (uint8_t)flags[lane];
  return which;
}

ROPEDRIFT_INLINE int rounded_angles(ropedrift_lane_sums angles, const double *displacement, const double pieces[3],
                                    const ropedrift_lane_chain *given, size_t count, double *stored,
                                    uint8_t *undecided) {
  ropedrift_lane_chain chain = *given;
  mask found = {0};
  for (size_t i = 0; i < count; i += LANE_COUNT) {
    sum_of_two angle = {load(angles.high + i), load(angles.low + i)};
    if (displacement) angle = plus_multiple(angle.high, angle.low, load(displacement + i), pieces);
    mask open = {0};
    store(stored + i,
           rounded_sum(angle.high, angle.low, magnitude_of(angle.high) * 0x1p-100, &chain, &open));
    found |= store_flags(open, all_bits(1), undecided + i);
  }
  return any(found);
}

ROPEDRIFT_INLINE void rounded_products(const double *positions, double first, double frequency,
                                       const ropedrift_lane_chain *given, size_t count, double *stored) {
  ropedrift_lane_chain chain = *given;
  lanes position = lane_numbers() + first;
  for (size_t i = 0; i < count; i += LANE_COUNT, position += LANE_COUNT) {
    store(stored + i, rounded((positions ? load(positions + i) : position) * frequency, &chain));
  }
}

ROPEDRIFT_INLINE int angle_differences(const double *stored, ropedrift_lane_sums angles, size_t count,
                                       ropedrift_lane_sums differences, uint8_t *unknown) {
  mask found = {0};
  for (size_t i = 0; i < count; i += LANE_COUNT) {
    lanes angle = load(angles.high + i);
    sum_of_two difference = two_sum(load(stored + i), -angle);
    sum_of_two sum = two_sum(difference.high, -load(angles.low + i));
    sum_of_two result = fast_two_sum(sum.high, difference.low + sum.low);
    store(differences.high + i, result.high);
    store(differences.low + i, result.low);
    mask small = (mask)(magnitude_of(result.high) <= angle * 0x1p-96) & (mask)(angle > 0);
    found |= store_flags(small, all_bits(1), unknown + i);
  }
  return any(found);
}

// cos(t + d) - cos t and sin(t + d) - sin t, from cos t, sin t and d. With C = cos d - 1 and S = sin d they are cos t C - sin t S and
// sin t C + cos t S; C and S are sums of Taylor series.

typedef struct {
  lanes cosine, sine;
} lane_change;

ROPEDRIFT_INLINE lanes polynomial(lanes z, const double *coefficients, int count) {
  lanes value = all(coefficients[0]);
  for (int i = 1; i < count; i++) value = value * z + coefficients[i];
  return value;
}

// For |d| <= 2^-4: each within 2^-48.5 |d| of the exact one for cos t and sin t good to 2^-52. The series end with d^11/11! (2^-65 of d)
// and d^12/12! (2^-73 of d); four roundings of C and S are below 2^-51 |d|, the products and the sum below 2^-51 |d| again, the
// neglected low parts of cos t and sin t below 2^-52 |d|.
ROPEDRIFT_INLINE lane_change small_turn(lanes cosine, lanes sine, lanes delta) {
  static const double sine_series[] = {1.0 / 362880, -1.0 / 5040, 1.0 / 120, -1.0 / 6};
  static const double cosine_series[] = {-1.0 / 3628800, 1.0 / 40320, -1.0 / 720, 1.0 / 24, -1.0 / 2};
  lanes z = delta * delta;
  lanes s = delta + delta * z * polynomial(z, sine_series, 4);
  lanes c = z * polynomial(z, cosine_series, 5);
  return (lane_change){cosine * c - sine * s, sine * c + cosine * s};
}

// For |d + low| <= 2^20, |low| <= 2^-52 |d|: each within 2^-49 of the exact one. d = k pi/2 + r, |r| <= 0.7855, with pi/2 in pieces of 33,
// 33 and 53 bits: k < 2^20 times a piece is exact, and so are the first difference and, with its error, the second; r is within
// 2^-53 of the exact remainder. The series end below 2^-62 of their value.
ROPEDRIFT_INLINE lane_change turn(lanes cosine, lanes sine, lanes delta, lanes low) {
  static const double sine_series[] = {1.0 / 355687428096000, -1.0 / 1307674368000, 1.0 / 6227020800,
                                       -1.0 / 39916800,       1.0 / 362880,         -1.0 / 5040,
                                       1.0 / 120,             -1.0 / 6};
  static const double cosine_series[] = {-1.0 / 6402373705728000, 1.0 / 20922789888000, -1.0 / 87178291200,
                                         1.0 / 479001600,         -1.0 / 3628800,       1.0 / 40320,
                                         -1.0 / 720,              1.0 / 24,             -1.0 / 2};
  lanes magic = all(0x1.8p52);
  lanes shifted = delta * 0x1.45f306dc9c883p-1 + magic;
  lanes k = shifted - magic;
  mask quadrant = (mask)shifted & 3;
  sum_of_two near = two_sum(delta - k * 0x1.921fb544p+0, -(k * 0x1.0b4611a6p-34));
  lanes r = near.high + ((near.low - k * 0x1.3198a2e037073p-69) + low);
  lanes z = r * r;
  lanes s = r + r * z * polynomial(z, sine_series, 8);
  lanes c = 1 + z * polynomial(z, cosine_series, 9);
  mask is_odd = (mask)((quadrant & 1) == 1);
  mask cosine_sign = ((quadrant + 1) & 2) << 62;
  mask sine_sign = (quadrant & 2) << 62;
  lanes cosine_delta = (lanes)((mask)select(is_odd, s, c) ^ cosine_sign);
  lanes sine_delta = (lanes)((mask)select(is_odd, c, s) ^ sine_sign);
  return (lane_change){(cosine * cosine_delta - sine * sine_delta) - cosine,
                   (sine * cosine_delta + cosine * sine_delta) - sine};
}

// Errors of tables

// cos or sin of one vector of positions: that of the exact angle, how the stored angle changes it, what it is compared with.
typedef struct {
  lanes value, low, change, exact, exact_low;
} table_lanes;

ROPEDRIFT_INLINE void store_error(lanes stored, table_lanes x, double *to) { store(to, (stored - x.exact) - x.exact_low); }

ROPEDRIFT_INLINE lanes rounded_trig(table_lanes x, lanes bound, double factor, const ropedrift_lane_chain *chain,
                                 mask *undecided) {
  sum_of_two sum = two_sum(x.value, x.change);
  lanes result = rounded_sum(sum.high, sum.low + x.low, bound, chain, undecided);
  return factor == 1 ? result : rounded(result * factor, chain);
}

ROPEDRIFT_INLINE lanes rounded_table(table_lanes x, lanes bound, double factor, const ropedrift_lane_chain *chain,
                                  mask *undecided) {
  sum_of_two sum = two_sum(x.exact, x.change * factor);
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
  lanes trig_bound = all(in.trig_bound), table_bound = all(in.table_bound), limit = all(in.limit);
  mask found = {0};
  for (size_t i = 0; i < in.count; i += LANE_COUNT) {
    table_lanes c = {load(in.cosine.high + i), load(in.cosine.low + i), all(0), load(in.exact_cosine.high + i),
                load(in.exact_cosine.low + i)};
    table_lanes s = {load(in.sine.high + i), load(in.sine.low + i), all(0), load(in.exact_sine.high + i),
                load(in.exact_sine.low + i)};
    mask open = {0}, beyond = {0};
    if (in.difference.high) {
      lanes delta = load(in.difference.high + i);
      lane_change change = in.is_small ? small_turn(c.value, s.value, delta)
                                   : turn(c.value, s.value, delta, load(in.difference.low + i));
      c.change = change.cosine;
      s.change = change.sine;
      beyond = (mask)(magnitude_of(delta) > limit);
      open = beyond;
    }
    if (out.exact.cosine) {
      store(out.exact.cosine + i, c.change * in.factor);
      store(out.exact.sine + i, s.change * in.factor);
    }
    if (out.trig.cosine || out.both.cosine) {
      lanes cosine = rounded_trig(c, trig_bound, in.stored_factor, &in.trig, &open);
      lanes sine = rounded_trig(s, trig_bound, in.stored_factor, &in.trig, &open);
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
        store(out.stored.cosine + i, cosine);
        store(out.stored.sine + i, sine);
      }
    }
    if (out.table.cosine) {
      lanes cosine = rounded_table(c, table_bound, in.factor, &in.table, &open);
      lanes sine = rounded_table(s, table_bound, in.factor, &in.table, &open);
      store_error(cosine, c, out.table.cosine + i);
      store_error(sine, s, out.table.sine + i);
      if (out.stored.cosine && !out.trig.cosine && !out.both.cosine) {
        store(out.stored.cosine + i, cosine);
        store(out.stored.sine + i, sine);
      }
    }
    found |= store_flags(open, 1 | (beyond & 2), out.undecided + i);
  }
  return any(found);
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
  lanes a = all(floor), b = a, c = a, d = a;
  size_t i = 0;
  for (; i + 4 * LANE_COUNT <= count; i += 4 * LANE_COUNT) {
    lanes w = magnitude_of(load(numbers + i)), x = magnitude_of(load(numbers + i + LANE_COUNT));
    lanes y = magnitude_of(load(numbers + i + 2 * LANE_COUNT)), z = magnitude_of(load(numbers + i + 3 * LANE_COUNT));
    a = select(w > a, w, a);
    b = select(x > b, x, b);
    c = select(y > c, y, c);
    d = select(z > d, z, d);
  }
  a = select(b > a, b, a);
  c = select(d > c, d, c);
  a = select(c > a, c, a);
  double result = a[0];
  for (int lane = 1; lane < LANE_COUNT; lane++) result = a[lane] > result ? a[lane] : result;
  for (; i < count; i++) {
    double magnitude = __builtin_fabs(numbers[i]);
    result = magnitude > result ? magnitude : result;
  }
  return result;
}

// Targets

TARGETS(void, exact_angles,
        (const double start[2], const double pieces[3], double first, size_t count, ropedrift_lane_sums angles),
        (start, pieces, first, count, angles))

TARGETS(void, exact_rotations,
        (const double start[6], const double *steps, size_t stride, size_t count, ropedrift_lane_sums cosine,
         ropedrift_lane_sums sine),
        (start, steps, stride, count, cosine, sine))

TARGETS(int, rounded_angles,
        (ropedrift_lane_sums angles, const double *displacement, const double pieces[3],
         const ropedrift_lane_chain *chain, size_t count, double *stored, uint8_t *undecided),
        (angles, displacement, pieces, chain, count, stored, undecided))

TARGETS(void, rounded_products,
        (const double *positions, double first, double frequency, const ropedrift_lane_chain *chain, size_t count,
         double *stored),
        (positions, first, frequency, chain, count, stored))

TARGETS(int, angle_differences,
        (const double *stored, ropedrift_lane_sums angles, size_t count, ropedrift_lane_sums differences,
         uint8_t *unknown),
        (stored, angles, count, differences, unknown))

TARGETS(int, table_errors,
        (const ropedrift_table_errors_input *input, const ropedrift_table_errors_output *output), (input, output))

TARGETS(double, greatest_magnitude, (const double *numbers, size_t count, double floor), (numbers, count, floor))

#endif
