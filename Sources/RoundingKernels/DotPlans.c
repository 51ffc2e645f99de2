// Which way a plan of dot products is computed: in binary32 lanes where they give its roundings, in binary64 lanes elsewhere.

#include "DotTile.h"

int ropedrift_dot_reads_binary64(const ropedrift_dot_plan *plan) {
  return plan->format_count == 1 && is_binary64(&plan->formats[0]);
}

int ropedrift_dot_computes(const ropedrift_dot_plan *plan) {
  const ropedrift_narrow_format *first = &plan->formats[0];
  if (plan->order == ROPEDRIFT_DOT_TENSOR_CORE) {
    // The sum of a block and the accumulator in units is an integer of binary64; exponents stay far from binary64's limits.
    return plan->format_count == 1 && plan->count > 0 && has_wide_rounding(first) &&
           first->minimum_exponent - first->precision >= -500 && first->maximum_exponent <= 400 &&
           first->precision + 1 + plan->alignment_bits + bits_of(plan->count + 1) <= 53;
  }
  if (plan->order < ROPEDRIFT_DOT_IN_ORDER || plan->order > ROPEDRIFT_DOT_BLOCKS) return 0;
  if (plan->order >= ROPEDRIFT_DOT_LANES && plan->count == 0) return 0;
  if (ropedrift_dot_reads_binary64(plan)) return 1;
  if (plan->format_count < 1 || plan->format_count > 2) return 0;
  for (int i = 0; i < plan->format_count; i++) {
    if (!has_wide_rounding(&plan->formats[i])) return 0;
  }
  return 1;
}

prepared_dot_plan ropedrift_prepare_dot_plan(const ropedrift_dot_plan *plan, size_t channels, int has_half) {
  const ropedrift_narrow_format *first = &plan->formats[0], *last = &plan->formats[plan->format_count - 1];
  dot_tile wide = {.plan = plan, .channels = channels, .is_wide = 1};
  if (plan->order == ROPEDRIFT_DOT_TENSOR_CORE) {
    wide.way = WIDE_TENSOR_CORE;
  } else if (!ropedrift_dot_reads_binary64(plan)) {
    wide.way = plan->format_count == 1 ? WIDE_ONCE : WIDE_TWICE;
  } else {
    wide.way = WIDE_PLAIN;
  }
  if (wide.way != WIDE_PLAIN) {
    wide.wide[0] = wide_rounding_of(first);
    wide.wide[1] = wide_rounding_of(last);
  }
  dot_tile single = {.plan = plan, .channels = channels};
  prepared_dot_plan result = {wide, wide};
  if (wide.way == WIDE_TENSOR_CORE) {
    // Half a block and the accumulator, in units, are integers of 32 bits.
    size_t half = (plan->count + 1) / 2;
    if (is_binary32(first) && plan->alignment_bits < 7 && half < 64 &&
        (4 * half + 2) << (23 + plan->alignment_bits) < (size_t)1 << 31) {
      single.way = SINGLE_TENSOR_CORE;
      result.exact = single;
    }
    return result;
  }
  if (wide.way == WIDE_PLAIN) return result;
  if (plan->format_count == 1 && is_binary32(first)) {
    single.way = SINGLE_PLAIN;
    result.other = single;
    // A product that is exact leaves one rounding to either step.
    if (plan->order != ROPEDRIFT_DOT_PAIRWISE) single.way = SINGLE_EXACT;
    single.products_exact = 1;
    result.exact = single;
    return result;
  }
  int way = single_way_to(last, has_half);
  if (way < 0) return result;
  single.way = way;
  single.single = single_rounding_of(last);
  if (plan->format_count == 2 && is_binary32(first)) {
    // Binary32's own rounding, then the other.
    result.other = single;
    single.products_exact = 1;
    result.exact = single;
  } else if (plan->format_count == 1 && first->precision <= 11 && !plan->is_fused) {
    // Two formats stand for one where the wider has 2p + 2 bits [Figueroa1995]: 24 for p up to 11. What sums to less than
    // binary32's smallest normal number is exact in it.
    single.products_exact = 1;
    result.exact = single;
  }
  return result;
}
