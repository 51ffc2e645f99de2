// Vectors as the dot products read them, and what is known of their numbers.

#include "DotTile.h"
#include "VectorTargets.h"

// One number at a time: subnormal numbers have fewer bits than the format.
static ropedrift_dot_range range_with_subnormals(const float *values, size_t count) {
  // Trailing zeros are counted on the bits that any significand has set.
  ropedrift_dot_range range = {1, 400, -400, 1};
  for (size_t i = 0; i < count; i++) {
    uint32_t bits = __builtin_bit_cast(uint32_t, values[i]);
    uint32_t field = bits >> 23 & 0xff, fraction = bits & 0x7fffff;
    if (field == 0xff) {
      range.finite = 0;
      continue;
    }
    if ((field | fraction) == 0) continue;
    uint32_t significand = field ? fraction | 0x800000 : fraction;
    int zeros = __builtin_ctz(significand), length = 32 - __builtin_clz(significand);
    int unit = (field ? (int)field : 1) - 150;
    if (length - zeros > range.width) range.width = length - zeros;
    if (unit + zeros < range.lowest) range.lowest = unit + zeros;
    if (unit + length - 1 > range.highest) range.highest = unit + length - 1;
  }
  return range;
}

// The same without branches, for normal numbers; what it finds of others makes it ask the above.
ROPEDRIFT_BODY void range_at_body(const float *values, size_t count, ropedrift_dot_range *range) {
  int width = 1, lowest = 400, highest = -400, specials = 0, subnormals = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t bits = __builtin_bit_cast(uint32_t, values[i]);
    int field = (int)(bits >> 23 & 0xff);
    uint32_t fraction = bits & 0x7fffff, significand = fraction | 0x800000;
    // The exponent of the lowest bit that is set counts the zeros below it.
    float lowest_bit = (float)(int32_t)(significand & (0u - significand));
    int zeros = (int)(__builtin_bit_cast(uint32_t, lowest_bit) >> 23) - 127;
    int is_normal = (field != 0) & (field != 0xff);
    specials |= field == 0xff;
    subnormals |= (field == 0) & (fraction != 0);
    int bits_here = is_normal ? 24 - zeros : 1, unit = is_normal ? field - 150 + zeros : 400;
    int top = is_normal ? field - 127 : -400;
    width = bits_here > width ? bits_here : width;
    lowest = unit < lowest ? unit : lowest;
    highest = top > highest ? top : highest;
  }
  *range = subnormals ? range_with_subnormals(values, count)
                      : (ropedrift_dot_range){width, lowest, highest, !specials};
}

// Every NaN the same, so that cutting bits off cannot make it anything else.
static inline __attribute__((always_inline)) float single_of(double x) { return x != x ? __builtin_nanf("") : (float)x; }

ROPEDRIFT_BODY void singles_at_body(const double *numbers, size_t count, float *singles) {
  for (size_t i = 0; i < count; i++) singles[i] = single_of(numbers[i]);
}

ROPEDRIFT_INSTANTIATE(range_at, (const float *values, size_t count, ropedrift_dot_range *range), (values, count, range))
void ropedrift_dot_range_at(const float *values, size_t count, int level, ropedrift_dot_range *range) {
  range_at[level](values, count, range);
}

ROPEDRIFT_INSTANTIATE(singles_at, (const double *numbers, size_t count, float *singles), (numbers, count, singles))

void ropedrift_dot_pack_queries(const ropedrift_dot_plan *plan, const double *queries, size_t count, size_t channels,
                                int allows_vectors, void *values, ropedrift_dot_range *ranges) {
  int level = ropedrift_vector_level(allows_vectors);
  if (ropedrift_dot_reads_binary64(plan)) {
    if (count * channels) __builtin_memcpy(values, queries, count * channels * sizeof(double));
    for (size_t i = 0; i < count; i++) ranges[i] = (ropedrift_dot_range){53, -1074, 1023, 0};
    return;
  }
  float *single = values;
  singles_at[level](queries, count * channels, single);
  for (size_t i = 0; i < count; i++) range_at[level](single + i * channels, channels, ranges + i);
}

void ropedrift_dot_pack_keys(const ropedrift_dot_plan *plan, const double *keys, size_t count, size_t channels,
                             int allows_vectors, void *values, ropedrift_dot_range *ranges) {
  int level = ropedrift_vector_level(allows_vectors);
  int is_wide = ropedrift_dot_reads_binary64(plan);
  for (size_t panel = 0; panel * PANEL < count; panel++) {
    size_t rest = count - panel * PANEL, filled = rest < PANEL ? rest : PANEL;
    const double *source = keys + panel * PANEL * channels;
    for (size_t c = 0; c < channels; c++) {
      size_t at = (panel * channels + c) * PANEL;
      for (size_t lane = 0; lane < PANEL; lane++) {
        double value = lane < filled ? source[lane * channels + c] : 0;
        if (is_wide) {
          ((double *)values)[at + lane] = value;
        } else {
          ((float *)values)[at + lane] = single_of(value);
        }
      }
    }
    ranges[panel] = (ropedrift_dot_range){53, -1074, 1023, 0};
    if (!is_wide) range_at[level]((float *)values + panel * channels * PANEL, channels * PANEL, ranges + panel);
  }
}
