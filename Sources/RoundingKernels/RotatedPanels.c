// Panels of vectors: their packing, the plan's roundings, and which machine's loop rotates them. That loop is in PanelLanes.h.

#include "RotatedPanels.h"

#include "DotTile.h"
#include "VectorTargets.h"

#pragma STDC FP_CONTRACT OFF

typedef struct {
  const ropedrift_rotation_plan *plan;
  single_way way, stored_way;
  single_rounding rounding, stored;
  int needs_exact_products;
} prepared_panels;

#define KERNELS "PanelLanes.h"
#include "EachMachine.h"

// What is known of numbers of at most `width` bits from the smallest and the largest of them; zeros are multiples of everything.
ROPEDRIFT_BODY void bounds_body(const float *values, size_t count, int width, int level, ropedrift_dot_range *range) {
  uint32_t largest = 0, smallest = UINT32_MAX;
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    __builtin_memcpy(&bits, values + i, 4);
    uint32_t magnitude = bits & 0x7fffffff;
    largest = magnitude > largest ? magnitude : largest;
    smallest = magnitude - 1 < smallest ? magnitude - 1 : smallest;
  }
  if (largest >= 0x7f800000) {
    ropedrift_dot_range_at(values, count, level, range);
  } else if (largest == 0) {
    *range = (ropedrift_dot_range){1, 400, -400, 1};
  } else {
    int low = (int)((smallest + 1) >> 23), high = (int)(largest >> 23);
    *range = (ropedrift_dot_range){width, low ? low - 126 - width : -149, (high ? high : 1) - 127, 1};
  }
}

ROPEDRIFT_INSTANTIATE(bounds, (const float *values, size_t count, int width, int level, ropedrift_dot_range *range),
                      (values, count, width, level, range))

enum { SIDE = 8 };

typedef float square_row __attribute__((ext_vector_type(8)));
typedef double wide_row __attribute__((ext_vector_type(8)));

ROPEDRIFT_BODY float canonical(float x) { return x != x ? __builtin_nanf("") : x; }

// Eight columns of eight rows, turned.
ROPEDRIFT_BODY void turn(const void *rows, int is_binary32, size_t columns, float *panel) {
  square_row r[SIDE], s[SIDE], t[SIDE];
  for (size_t i = 0; i < SIDE; i++) {
    if (is_binary32) {
      __builtin_memcpy(&r[i], (const float *)rows + i * columns, sizeof r[i]);
    } else {
      wide_row wide;
      __builtin_memcpy(&wide, (const double *)rows + i * columns, sizeof wide);
      r[i] = __builtin_convertvector(wide, square_row);
    }
    r[i] = r[i] != r[i] ? (square_row)__builtin_nanf("") : r[i];
  }
  for (size_t i = 0; i < SIDE; i += 2) {
    s[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    s[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (size_t i = 0; i < SIDE; i += 4) {
    t[i] = __builtin_shufflevector(s[i], s[i + 2], 0, 1, 8, 9, 4, 5, 12, 13);
    t[i + 1] = __builtin_shufflevector(s[i], s[i + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    t[i + 2] = __builtin_shufflevector(s[i + 1], s[i + 3], 0, 1, 8, 9, 4, 5, 12, 13);
    t[i + 3] = __builtin_shufflevector(s[i + 1], s[i + 3], 2, 3, 10, 11, 6, 7, 14, 15);
  }
  for (size_t i = 0; i < SIDE / 2; i++) {
    square_row low = __builtin_shufflevector(t[i], t[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    square_row high = __builtin_shufflevector(t[i], t[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    __builtin_memcpy(panel + i * PANEL, &low, sizeof low);
    __builtin_memcpy(panel + (i + 4) * PANEL, &high, sizeof high);
  }
}

ROPEDRIFT_BODY void pack_panel(const void *rows, int is_binary32, size_t filled, size_t columns, float *panel) {
  size_t size = is_binary32 ? sizeof(float) : sizeof(double), whole = columns / SIDE * SIDE;
  for (size_t lane = 0; lane < PANEL; lane += SIDE) {
    size_t turned = lane + SIDE <= filled ? whole : 0;
    for (size_t c = 0; c < turned; c += SIDE) {
      turn((const char *)rows + (lane * columns + c) * size, is_binary32, columns, panel + c * PANEL + lane);
    }
    for (size_t c = turned; c < columns; c++) {
      for (size_t row = lane; row < lane + SIDE; row++) {
        size_t from = row * columns + c;
        float value = 0;
        if (row < filled) value = is_binary32 ? ((const float *)rows)[from] : (float)((const double *)rows)[from];
        panel[c * PANEL + row] = canonical(value);
      }
    }
  }
}

ROPEDRIFT_BODY void pack_panel_of_kind_body(const void *rows, int is_binary32, size_t filled, size_t columns, float *panel) {
  if (is_binary32) {
    pack_panel(rows, 1, filled, columns, panel);
  } else {
    pack_panel(rows, 0, filled, columns, panel);
  }
}

ROPEDRIFT_INSTANTIATE(pack_panel_of_kind,
                      (const void *rows, int is_binary32, size_t filled, size_t columns, float *panel),
                      (rows, is_binary32, filled, columns, panel))

void ropedrift_pack_panels(const void *rows, int is_binary32, size_t count, size_t columns, int width, int allows_vectors,
                           float *values, ropedrift_dot_range *ranges) {
  int level = ropedrift_vector_level(allows_vectors);
  size_t row_size = columns * (is_binary32 ? sizeof(float) : sizeof(double));
  for (size_t first = 0; first < count; first += PANEL) {
    size_t filled = count - first < PANEL ? count - first : PANEL;
    float *panel = values + first * columns;
    pack_panel_of_kind[level]((const char *)rows + first * row_size, is_binary32, filled, columns, panel);
    bounds[level](panel, columns * PANEL, width, level, ranges + first / PANEL);
  }
}

// The way to rotate in binary32 lanes; -1 where there is none.
static int rotation_way(const ropedrift_rotation_plan *plan, int has_half) {
  const ropedrift_narrow_format *first = &plan->formats[0], *last = &plan->formats[plan->format_count - 1];
  int rounds_both = 1;
  for (int component = 0; component < 2; component++) {
    if (plan->products[component] == ROPEDRIFT_ROUNDED_NEITHER) return -1;
    rounds_both = rounds_both && plan->products[component] == ROPEDRIFT_ROUNDED_BOTH;
  }
  if (is_binary32(first)) {
    if (plan->format_count == 1) return SINGLE_PLAIN;
    return single_way_to(last, has_half);
  }
  // Binary32's rounding before the format's changes nothing of a sum of two of its numbers where it has 2p + 2 bits [Figueroa1995]. A
  // product has to be exact.
  return plan->format_count == 1 && first->precision <= 11 && rounds_both ? single_way_to(first, has_half) : -1;
}

// The way to store what was rotated; -1 where there is none.
static int storing_way(const ropedrift_rotation_plan *plan, int has_half) {
  if (plan->stored_count == 0 || (plan->stored_count == 1 && is_binary32(&plan->stored[0]))) return SINGLE_PLAIN;
  if (plan->stored_count == 2 && !is_binary32(&plan->stored[0])) return -1;
  return single_way_to(&plan->stored[plan->stored_count - 1], has_half);
}

int ropedrift_rotation_computes_panels(const ropedrift_rotation_plan *plan) {
  return plan->format_count >= 1 && plan->format_count <= 2 && plan->stored_count <= 2 && rotation_way(plan, 0) >= 0 &&
         storing_way(plan, 0) >= 0;
}

static ropedrift_dot_range joined(ropedrift_dot_range a, ropedrift_dot_range b) {
  return (ropedrift_dot_range){a.width > b.width ? a.width : b.width, a.lowest < b.lowest ? a.lowest : b.lowest,
                               a.highest > b.highest ? a.highest : b.highest, a.finite && b.finite};
}

size_t ropedrift_rotate_panels(const ropedrift_rotation_plan *plan, const float *vectors,
                               const ropedrift_dot_range *vector_ranges, const float *cosines,
                               const ropedrift_dot_range *cosine_ranges, const float *sines,
                               const ropedrift_dot_range *sine_ranges, size_t panels, int result_width,
                               int allows_vectors, float *result, ropedrift_dot_range *result_ranges) {
  machine_kind kind = machine_kind_for(allows_vectors);
  int level = ropedrift_vector_level(allows_vectors), has_half = kind != MACHINE_BASELINE;
  prepared_panels prepared = {.plan = plan};
  prepared.way = (single_way)rotation_way(plan, has_half);
  prepared.stored_way = (single_way)storing_way(plan, has_half);
  prepared.needs_exact_products = !is_binary32(&plan->formats[0]);
  if (prepared.way != SINGLE_PLAIN) prepared.rounding = single_rounding_of(&plan->formats[plan->format_count - 1]);
  if (prepared.stored_way != SINGLE_PLAIN) prepared.stored = single_rounding_of(&plan->stored[plan->stored_count - 1]);
  void (*rotate)(const prepared_panels *, const float *, const float *, const float *, float *) = rotate_panel_baseline;
#if defined(__x86_64__)
  if (kind == MACHINE_AVX512) rotate = rotate_panel_avx512;
  if (kind == MACHINE_AVX2) rotate = rotate_panel_avx2;
#endif
  size_t left = 0, size = plan->channels * PANEL, table_size = plan->pairs * PANEL;
  int rotates_all = 2 * plan->pairs == plan->channels;
  for (size_t panel = 0; panel < panels; panel++) {
    if (prepared.needs_exact_products &&
        !products_are_exact(vector_ranges[panel], joined(cosine_ranges[panel], sine_ranges[panel]))) {
      left++;
      continue;
    }
    const float *from = vectors + panel * size;
    float *to = result + panel * size;
    if (!rotates_all) __builtin_memcpy(to, from, size * sizeof(float));
    rotate(&prepared, from, cosines + panel * table_size, sines + panel * table_size, to);
    bounds[level](to, size, result_width, level, result_ranges + panel);
  }
  return left;
}
