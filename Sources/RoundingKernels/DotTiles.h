// The loops of one machine: DotOrders.h over binary32 and binary64 lanes with every way to round.

#include "SingleLanes.h"

INLINE VECTOR LANE(product)(single_way way, const dot_tile *tile, VECTOR a, VECTOR b) {
  return LANE(round)(way, &tile->single, a * b);
}

INLINE VECTOR LANE(sum)(single_way way, const dot_tile *tile, VECTOR a, VECTOR b) {
  return LANE(round)(way, &tile->single, a + b);
}

INLINE VECTOR LANE(fused)(single_way way, const dot_tile *tile, VECTOR a, VECTOR b, VECTOR c) {
#if !HAS_FMA
  // A call of fmaf a lane otherwise.
  if (way == SINGLE_EXACT || tile->products_exact) return LANE(round)(way, &tile->single, c + a * b);
#endif
  return LANE(round)(way, &tile->single, __builtin_elementwise_fma(a, b, c));
}

#include "DotOrders.h"
#include "TensorCoreLanes.h"
#include "SingleLanesEnd.h"

#include "WideLanes.h"

// Products of binary32 numbers are exact.
INLINE VECTOR LANE(product)(wide_way way, const dot_tile *tile, VECTOR a, VECTOR b) {
  return LANE(round)(way, tile->wide, a * b);
}

INLINE VECTOR LANE(sum)(wide_way way, const dot_tile *tile, VECTOR a, VECTOR b) {
  return way == WIDE_PLAIN ? a + b : LANE(round)(way, tile->wide, LANE(sum_to_odd)(a, b));
}

INLINE VECTOR LANE(fused)(wide_way way, const dot_tile *tile, VECTOR a, VECTOR b, VECTOR c) {
  if (way == WIDE_PLAIN) return __builtin_elementwise_fma(a, b, c);
  return LANE(sum)(way, tile, a * b, c);
}

#include "DotOrders.h"
#include "TensorCoreWide.h"
#include "WideLanesEnd.h"

// The sums of a tile as binary64, those of the lanes that were asked for.
INLINE void HERE(store)(const dot_tile *tile) {
  for (size_t row = 0; row < tile->rows; row++) {
    double *target = tile->scores + row * tile->stride;
    double copy[PANEL];
    double *whole = tile->lanes == PANEL ? target : copy;
    for (size_t lane = 0; lane < PANEL; lane += SINGLE_LANES / 2) {
      HERE(wide_vector) scores;
      if (tile->is_wide) {
        scores = HERE(wide_load)((const double *)tile->sums + row * PANEL + lane);
      } else {
        float __attribute__((ext_vector_type(SINGLE_LANES / 2))) sums;
        __builtin_memcpy(&sums, (const float *)tile->sums + row * PANEL + lane, sizeof sums);
        scores = __builtin_convertvector(sums, HERE(wide_vector));
      }
      HERE(wide_store)(whole + lane, scores);
    }
    if (whole == copy) __builtin_memcpy(target, copy + tile->first_lane, tile->lanes * sizeof(double));
  }
}

#define ROWS_OF(function, way, main)                   \
  do {                                                 \
    if (tile->rows == 1) HERE(function)(way, 1, tile); \
    else if (tile->rows == 4) HERE(function)(way, 4, tile); \
    else HERE(function)(way, main, tile);              \
  } while (0)

INLINE void HERE(accumulate)(const dot_tile *tile) {
  if (tile->is_wide) {
    switch (tile->way) {
      case WIDE_TENSOR_CORE:
        if (!tile->operands_finite) ROWS_OF(wide_tensor_core, 1, 4);
        else ROWS_OF(wide_tensor_core, 0, 4);
        return;
      case WIDE_PLAIN: ROWS_OF(wide_order, WIDE_PLAIN, 4); return;
      case WIDE_ONCE: ROWS_OF(wide_order, WIDE_ONCE, 4); return;
      default: ROWS_OF(wide_order, WIDE_TWICE, 4); return;
    }
  }
  switch (tile->way) {
    case SINGLE_PLAIN: ROWS_OF(single_order, SINGLE_PLAIN, MAIN_ROWS); return;
    case SINGLE_EXACT: ROWS_OF(single_order, SINGLE_EXACT, MAIN_ROWS); return;
    case SINGLE_BF16: ROWS_OF(single_order, SINGLE_BF16, 4); return;
    case SINGLE_BITS: ROWS_OF(single_order, SINGLE_BITS, 4); return;
    case SINGLE_TENSOR_CORE:
      if (tile->rows == 1) HERE(single_tensor_core)(1, tile);
      else HERE(single_tensor_core)(4, tile);
      return;
#if HAS_HALF
    case SINGLE_HALF: ROWS_OF(single_order, SINGLE_HALF, 4); return;
#endif
    default: ROWS_OF(single_order, SINGLE_MAGIC, 4); return;
  }
}

TARGET static void HERE(tile)(const dot_tile *tile) {
  HERE(accumulate)(tile);
  HERE(store)(tile);
}

#undef ROWS_OF
