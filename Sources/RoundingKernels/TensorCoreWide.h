// A matrix unit in binary64 lanes: any accumulator, operands of any kind. Included where DotOrders.h is.

// A matrix unit. Where operands may be infinite or NaN, blocks with one of them (or after an overflow) add as IEEE 754 does.
INLINE void LANE(tensor_core)(int may_be_special, int rows, const dot_tile *tile) {
  const double *queries = tile->queries;
  const wide_rounding *to = &tile->wide[0];
  int truncates = tile->plan->truncates;
  // Weights of 2^0 in the units of an exponent E: 2^(bits - E), as bits of a number; twice the bias for the difference of two.
  uint64_t bits = (uint64_t)(to->precision - 1 + tile->plan->alignment_bits + 2 * 1023) << 52;
  for (int lane = 0; lane < PANEL; lane += LANES) {
    const double *keys = (const double *)tile->keys + lane;
    VECTOR sums[4];
    for (int row = 0; row < rows; row++) sums[row] = (VECTOR)0;
    for (size_t start = 0; start < tile->channels; start += tile->plan->count) {
      size_t rest = tile->channels - start, end = start + (tile->plan->count < rest ? tile->plan->count : rest);
      // The largest power of two: those of zeros are zero, and 2^-600 is below all others.
      VECTOR largest[4], total[4], lift[4], plain[4];
#pragma clang loop unroll(full)
      for (int row = 0; row < rows; row++) {
        VECTOR own = LANE(of_bits)(LANE(bits)(sums[row]) & EXPONENT);
        largest[row] = own > 0x1p-600 ? own : (VECTOR)0x1p-600;
      }
#pragma clang loop unroll(disable)
      for (size_t c = start; c < end; c++) {
        VECTOR k = LANE(of_bits)(LANE(bits)(LANE(load)(keys + c * PANEL)) & EXPONENT);
#pragma clang loop unroll(full)
        for (int row = 0; row < rows; row++) {
          VECTOR q = LANE(of_bits)(LANE(bits)((VECTOR)queries[c * rows + row]) & EXPONENT);
          VECTOR power = q * k;
          largest[row] = power > largest[row] ? power : largest[row];
        }
      }
#pragma clang loop unroll(full)
      for (int row = 0; row < rows; row++) {
        lift[row] = LANE(of_bits)(bits - LANE(bits)(largest[row]));
        total[row] = (VECTOR)0 + __builtin_elementwise_trunc(sums[row] * lift[row]);
        plain[row] = sums[row];
      }
#pragma clang loop unroll(disable)
      for (size_t c = start; c < end; c++) {
        VECTOR k = LANE(load)(keys + c * PANEL);
#pragma clang loop unroll(full)
        for (int row = 0; row < rows; row++) {
          VECTOR q = (VECTOR)queries[c * rows + row];
          total[row] += __builtin_elementwise_trunc(q * k * lift[row]);
          if (may_be_special) plain[row] += q * k;
        }
      }
#pragma clang loop unroll(full)
      for (int row = 0; row < rows; row++) {
        VECTOR unit = LANE(of_bits)((uint64_t)(2 * 1023) * (1ull << 52) - LANE(bits)(lift[row]));
        VECTOR sum = LANE(add_magic)(total[row] * unit, to, truncates);
        VECTOR special = may_be_special ? LANE(add_magic)(plain[row], to, truncates) : sums[row];
        sums[row] = LANE(of_bits)(LANE(bits)(plain[row]) & MAGNITUDE) <= 0x1.fffffffffffffp1023 ? sum : special;
      }
    }
    double *out = (double *)tile->sums + lane;
    for (int row = 0; row < rows; row++) LANE(store)(out + row * PANEL, sums[row]);
  }
}
