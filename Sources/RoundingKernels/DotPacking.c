// Vectors as the dot products read them, and what is known of their numbers.

#include "DotTile.h"

static ropedrift_dot_range range_of(const float *values, size_t count, size_t stride) {
  // Trailing zeros are counted on the bits that any significand has set.
  ropedrift_dot_range range = {1, 400, -400, 1};
  for (size_t i = 0; i < count; i++) {
    uint32_t bits = __builtin_bit_cast(uint32_t, values[i * stride]);
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

// Every NaN the same, so that cutting bits off cannot make it anything else.
static float single_of(double x) { return x != x ? __builtin_nanf("") : (float)x; }

void ropedrift_dot_pack_queries(const ropedrift_dot_plan *plan, const double *queries, size_t count, size_t channels,
                                void *values, ropedrift_dot_range *ranges) {
  if (ropedrift_dot_reads_binary64(plan)) {
    if (count * channels) __builtin_memcpy(values, queries, count * channels * sizeof(double));
    for (size_t i = 0; i < count; i++) ranges[i] = (ropedrift_dot_range){53, -1074, 1023, 0};
    return;
  }
  float *single = values;
  for (size_t i = 0; i < count * channels; i++) single[i] = single_of(queries[i]);
  for (size_t i = 0; i < count; i++) ranges[i] = range_of(single + i * channels, channels, 1);
}

void ropedrift_dot_pack_keys(const ropedrift_dot_plan *plan, const double *keys, size_t count, size_t channels,
                             void *values, ropedrift_dot_range *ranges) {
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
    ranges[panel] = is_wide ? (ropedrift_dot_range){53, -1074, 1023, 0}
                            : range_of((float *)values + panel * channels * PANEL, channels * PANEL, 1);
  }
}
