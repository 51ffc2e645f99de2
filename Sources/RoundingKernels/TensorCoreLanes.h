// A matrix unit in binary32 lanes, for a binary32 accumulator and operands for which DotProducts.c proved that products are exact,
// that nothing overflows and that nothing falls below 2^-126. Included where DotOrders.h is.

typedef int32_t HERE(single_signed) __attribute__((ext_vector_type(SINGLE_LANES)));
typedef int16_t HERE(exponents) __attribute__((ext_vector_type(2 * SINGLE_LANES)));
typedef int16_t HERE(half_exponents) __attribute__((ext_vector_type(SINGLE_LANES)));
typedef double HERE(rounded_integers) __attribute__((ext_vector_type(SINGLE_LANES)));
typedef uint64_t HERE(rounded_bits) __attribute__((ext_vector_type(SINGLE_LANES)));

// 2^exponent.
INLINE VECTOR LANE(power)(HERE(single_signed) exponent) {
  return __builtin_bit_cast(VECTOR, (exponent + 127) << 23);
}

// Adds the truncated products of channels [start, end), in units of 1/lift.
INLINE void LANE(add_truncated)(int rows, const dot_tile *tile, const float *keys, size_t start, size_t end,
                                const VECTOR *lifts, HERE(single_signed) *totals) {
  const float *queries = tile->queries;
  HERE(single_signed) first[4], second[4];
#pragma clang loop unroll(full)
  for (int row = 0; row < rows; row++) {
    first[row] = totals[2 * row];
    second[row] = totals[2 * row + 1];
  }
#pragma clang loop unroll(disable)
  for (size_t c = start; c < end; c++) {
    VECTOR k1 = LANE(load)(keys + c * PANEL), k2 = LANE(load)(keys + c * PANEL + LANES);
#pragma clang loop unroll(full)
    for (int row = 0; row < rows; row++) {
      VECTOR q = (VECTOR)queries[c * rows + row];
      first[row] += __builtin_convertvector(q * k1 * lifts[2 * row], HERE(single_signed));
      second[row] += __builtin_convertvector(q * k2 * lifts[2 * row + 1], HERE(single_signed));
    }
  }
#pragma clang loop unroll(full)
  for (int row = 0; row < rows; row++) {
    totals[2 * row] = first[row];
    totals[2 * row + 1] = second[row];
  }
}

INLINE void LANE(tensor_core)(int rows, const dot_tile *tile) {
  int alignment = 23 + tile->plan->alignment_bits;
  uint64_t kept = tile->plan->truncates ? ~(((uint64_t)1 << 29) - 1) : ~(uint64_t)0;
  for (int lane = 0; lane < PANEL; lane += 2 * LANES) {
    const float *keys = (const float *)tile->keys + lane;
    VECTOR sums[8];
    for (int i = 0; i < 2 * rows; i++) sums[i] = (VECTOR)0;
    for (size_t start = 0; start < tile->channels; start += tile->plan->count) {
      size_t rest = tile->channels - start, size = tile->plan->count < rest ? tile->plan->count : rest;
      HERE(exponents) largest[4];
#pragma clang loop unroll(full)
      for (int row = 0; row < rows; row++) largest[row] = (HERE(exponents))TENSOR_CORE_LOWEST;
#pragma clang loop unroll(disable)
      for (size_t c = start; c < start + size; c++) {
        HERE(exponents) k;
        __builtin_memcpy(&k, tile->key_exponents + c * PANEL + lane, sizeof k);
#pragma clang loop unroll(full)
        for (int row = 0; row < rows; row++) {
          HERE(single_signed) pairs = (HERE(single_signed))tile->query_exponents[c * rows + row];
          HERE(exponents) sum = __builtin_bit_cast(HERE(exponents), pairs) + k;
          largest[row] = sum > largest[row] ? sum : largest[row];
        }
      }
      VECTOR lifts[8], units[8];
      HERE(single_signed) early[8], late[8];
#pragma clang loop unroll(full)
      for (int i = 0; i < 2 * rows; i++) {
        int16_t halves[2 * LANES];
        __builtin_memcpy(halves, &largest[i / 2], sizeof halves);
        HERE(half_exponents) half;
        __builtin_memcpy(&half, halves + (i % 2) * LANES, sizeof half);
        HERE(single_signed) products = __builtin_convertvector(half, HERE(single_signed));
        // The exponent of a sum that is zero comes out below all others.
        HERE(single_signed) own = __builtin_bit_cast(HERE(single_signed), LANE(bits)(sums[i]) << 1 >> 24) - 127;
        HERE(single_signed) exponent = own > products ? own : products;
        lifts[i] = LANE(power)(alignment - exponent);
        units[i] = LANE(power)(exponent - alignment);
        early[i] = __builtin_convertvector(sums[i] * lifts[i], HERE(single_signed));
        late[i] = (HERE(single_signed))0;
      }
      // In halves, whose sums are integers of 32 bits.
      size_t middle = start + (size + 1) / 2;
      LANE(add_truncated)(rows, tile, keys, start, middle, lifts, early);
      LANE(add_truncated)(rows, tile, keys, middle, start + size, lifts, late);
#pragma clang loop unroll(full)
      for (int i = 0; i < 2 * rows; i++) {
        HERE(rounded_integers) sum = __builtin_convertvector(early[i], HERE(rounded_integers)) +
                                     __builtin_convertvector(late[i], HERE(rounded_integers));
        sum = __builtin_bit_cast(HERE(rounded_integers), __builtin_bit_cast(HERE(rounded_bits), sum) & kept);
        sums[i] = __builtin_convertvector(sum, VECTOR) * units[i];
      }
    }
    float *out = (float *)tile->sums + lane;
    for (int row = 0; row < rows; row++) {
      LANE(store)(out + row * PANEL, sums[2 * row]);
      LANE(store)(out + row * PANEL + LANES, sums[2 * row + 1]);
    }
  }
}
