// Rotation in binary32 lanes of one machine, a vector a lane. Included by RotatedPanels.c.

#include "SingleLanes.h"

// a b + c d with the products that are rounded.
INLINE VECTOR LANE(product_sum)(single_way way, const single_rounding *to, int products, VECTOR a, VECTOR b, VECTOR c,
                                VECTOR d) {
  switch (products) {
    case ROPEDRIFT_ROUNDED_FIRST:
      return LANE(round)(way, to, __builtin_elementwise_fma(c, d, LANE(round)(way, to, a * b)));
    case ROPEDRIFT_ROUNDED_SECOND:
      return LANE(round)(way, to, __builtin_elementwise_fma(a, b, LANE(round)(way, to, c * d)));
    default: return LANE(round)(way, to, LANE(round)(way, to, a * b) + LANE(round)(way, to, c * d));
  }
}

INLINE void LANE(rotate_pairs)(single_way way, int first, int second, const prepared_panels *prepared,
                               const float *vectors, const float *cosines, const float *sines, float *result) {
  const ropedrift_rotation_plan *plan = prepared->plan;
  const single_rounding *to = &prepared->rounding;
  for (size_t pair = 0; pair < plan->pairs; pair++) {
    size_t a = plan->step * pair * PANEL, b = a + plan->offset * PANEL;
    for (size_t lane = 0; lane < PANEL; lane += LANES) {
      VECTOR x = LANE(load)(vectors + a + lane), y = LANE(load)(vectors + b + lane);
      VECTOR c = LANE(load)(cosines + pair * PANEL + lane), s = LANE(load)(sines + pair * PANEL + lane);
      LANE(store)(result + a + lane, LANE(product_sum)(way, to, first, x, c, y, -s));
      LANE(store)(result + b + lane, LANE(product_sum)(way, to, second, x, s, y, c));
    }
  }
}

INLINE void LANE(rotate_way)(single_way way, const prepared_panels *prepared, const float *vectors,
                             const float *cosines, const float *sines, float *result) {
  const int *products = prepared->plan->products;
  if (products[0] == ROPEDRIFT_ROUNDED_BOTH && products[1] == ROPEDRIFT_ROUNDED_BOTH) {
    LANE(rotate_pairs)(way, ROPEDRIFT_ROUNDED_BOTH, ROPEDRIFT_ROUNDED_BOTH, prepared, vectors, cosines, sines, result);
  } else {
    LANE(rotate_pairs)(way, products[0], products[1], prepared, vectors, cosines, sines, result);
  }
}

INLINE void LANE(round_all)(single_way way, const single_rounding *to, size_t count, float *values) {
  for (size_t i = 0; i < count; i += LANES) LANE(store)(values + i, LANE(round)(way, to, LANE(load)(values + i)));
}

#if HAS_HALF
#define HALF_OR_MAGIC SINGLE_HALF
#else
#define HALF_OR_MAGIC SINGLE_MAGIC
#endif
#define EACH_WAY(way, function, ...)                                \
  switch (way) {                                                    \
    case SINGLE_BF16: function(SINGLE_BF16, __VA_ARGS__); break;    \
    case SINGLE_BITS: function(SINGLE_BITS, __VA_ARGS__); break;    \
    case SINGLE_HALF: function(HALF_OR_MAGIC, __VA_ARGS__); break;  \
    case SINGLE_MAGIC: function(SINGLE_MAGIC, __VA_ARGS__); break;  \
    default: function(SINGLE_PLAIN, __VA_ARGS__);                   \
  }

TARGET static void HERE(rotate_panel)(const prepared_panels *prepared, const float *vectors, const float *cosines,
                                      const float *sines, float *result) {
  EACH_WAY(prepared->way, LANE(rotate_way), prepared, vectors, cosines, sines, result)
  if (prepared->stored_way == SINGLE_PLAIN) return;
  size_t count = prepared->plan->channels * PANEL;
  EACH_WAY(prepared->stored_way, LANE(round_all), &prepared->stored, count, result)
}

#undef EACH_WAY
#undef HALF_OR_MAGIC
#include "SingleLanesEnd.h"
