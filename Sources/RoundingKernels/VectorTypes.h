// Some binary64 numbers abreast, written once for every processor: the compiler splits a vector where the target has narrower
// registers. Every operation is one of IEEE 754's, so that all targets give the same bits. ROPEDRIFT_LANES, 4 unless it is defined
// before, is how many.

#ifndef ROPEDRIFT_VECTOR_TYPES_H
#define ROPEDRIFT_VECTOR_TYPES_H

#include <stdint.h>

#include "VectorTargets.h"

#pragma STDC FP_CONTRACT OFF

// Vectors are passed between functions that are all inlined: no call, no calling convention.
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpsabi"
#elif defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

#define ROPEDRIFT_INLINE static inline __attribute__((always_inline))

#ifndef ROPEDRIFT_LANES
#define ROPEDRIFT_LANES 4
#endif
enum { LANE_COUNT = ROPEDRIFT_LANES };

typedef double lanes __attribute__((vector_size(8 * ROPEDRIFT_LANES)));
typedef int64_t mask __attribute__((vector_size(8 * ROPEDRIFT_LANES)));

ROPEDRIFT_INLINE lanes load(const double *from) {
  lanes x;
  __builtin_memcpy(&x, from, sizeof x);
  return x;
}

ROPEDRIFT_INLINE void store(double *to, lanes x) { __builtin_memcpy(to, &x, sizeof x); }

ROPEDRIFT_INLINE lanes all(double x) { return (lanes){0} + x; }

ROPEDRIFT_INLINE mask all_bits(uint64_t x) { return (mask){0} + (int64_t)x; }

// 0, 1, 2, ...
ROPEDRIFT_INLINE lanes lane_numbers(void) {
#if ROPEDRIFT_LANES == 8
  return (lanes){0, 1, 2, 3, 4, 5, 6, 7};
#else
  return (lanes){0, 1, 2, 3};
#endif
}

// a where the mask is all ones, b where it is zero.
ROPEDRIFT_INLINE lanes select(mask which, lanes a, lanes b) { return (lanes)((which & (mask)a) | (~which & (mask)b)); }

ROPEDRIFT_INLINE lanes magnitude_of(lanes x) { return (lanes)((mask)x & all_bits(0x7FFFFFFFFFFFFFFF)); }

ROPEDRIFT_INLINE int any(mask bits) {
  int64_t found = 0;
  for (int lane = 0; lane < LANE_COUNT; lane++) found |= bits[lane];
  return found != 0;
}

// A number and what its rounding left, unevaluated.
typedef struct {
  lanes high, low;
} sum_of_two;

// a + b exactly [Knuth1997].
ROPEDRIFT_INLINE sum_of_two two_sum(lanes a, lanes b) {
  lanes sum = a + b;
  lanes part = sum - a;
  return (sum_of_two){sum, (a - (sum - part)) + (b - part)};
}

// The same for |a| >= |b| or a = 0.
ROPEDRIFT_INLINE sum_of_two fast_two_sum(lanes a, lanes b) {
  lanes sum = a + b;
  return (sum_of_two){sum, b - (sum - a)};
}

// One body, one function a target. TARGETS defines avx2_NAME and baseline_NAME, or where there are eight lanes ropedrift_wide_NAME
// for a file of its own, and declares that one elsewhere; DISPATCH calls one of the first two, DISPATCH_WIDE one of all.
#if ROPEDRIFT_LANES == 8
#if defined(__x86_64__)
#define TARGETS(type, name, parameters, arguments) \
  type ropedrift_wide_##name parameters; \
  ROPEDRIFT_FOR_AVX512 type ropedrift_wide_##name parameters { return name arguments; }
#else
#define TARGETS(type, name, parameters, arguments)
#endif
#elif defined(__x86_64__)
#define TARGETS(type, name, parameters, arguments) \
  type ropedrift_wide_##name parameters; \
  __attribute__((target("avx2"))) static type avx2_##name parameters { return name arguments; } \
  static type baseline_##name parameters { return name arguments; }
#define DISPATCH(call) \
  return ropedrift_vector_level(allows_vectors) > 0 ? avx2_##call : baseline_##call;
#define DISPATCH_WIDE(call) \
  int level = ropedrift_vector_level(allows_vectors); \
  return level == 2 ? ropedrift_wide_##call : level == 1 ? avx2_##call : baseline_##call;
#else
#define TARGETS(type, name, parameters, arguments) \
  static type baseline_##name parameters { return name arguments; }
#define DISPATCH(call) \
  (void)allows_vectors; \
  return baseline_##call;
#define DISPATCH_WIDE(call) DISPATCH(call)
#endif

#endif
