// Four binary64 numbers abreast, written once for every processor: the compiler splits a vector where the target has narrower
// registers. Every operation is one of IEEE 754's, so that all targets give the same bits.

#ifndef ROPEDRIFT_VECTOR_TYPES_H
#define ROPEDRIFT_VECTOR_TYPES_H

#include <stdint.h>

#include "KernelPaths.h"

#pragma STDC FP_CONTRACT OFF

// Vectors are passed between functions that are all inlined: no call, no calling convention.
#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpsabi"
#elif defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

#define ROPEDRIFT_INLINE static inline __attribute__((always_inline))

typedef double v4 __attribute__((vector_size(32)));
typedef int64_t m4 __attribute__((vector_size(32)));

ROPEDRIFT_INLINE v4 load4(const double *from) {
  v4 x;
  __builtin_memcpy(&x, from, sizeof x);
  return x;
}

ROPEDRIFT_INLINE void store4(double *to, v4 x) { __builtin_memcpy(to, &x, sizeof x); }

ROPEDRIFT_INLINE v4 all4(double x) { return (v4){x, x, x, x}; }

ROPEDRIFT_INLINE m4 all4_bits(uint64_t x) { return (m4){(int64_t)x, (int64_t)x, (int64_t)x, (int64_t)x}; }

// a where the mask is all ones, b where it is zero.
ROPEDRIFT_INLINE v4 select4(m4 mask, v4 a, v4 b) { return (v4)((mask & (m4)a) | (~mask & (m4)b)); }

ROPEDRIFT_INLINE v4 magnitude4(v4 x) { return (v4)((m4)x & all4_bits(0x7FFFFFFFFFFFFFFF)); }

ROPEDRIFT_INLINE int any4(m4 mask) { return (mask[0] | mask[1] | mask[2] | mask[3]) != 0; }

// A number and what its rounding left, unevaluated.
typedef struct {
  v4 high, low;
} pair4;

// a + b exactly [Knuth1997].
ROPEDRIFT_INLINE pair4 two_sum4(v4 a, v4 b) {
  v4 sum = a + b;
  v4 part = sum - a;
  return (pair4){sum, (a - (sum - part)) + (b - part)};
}

// The same for |a| >= |b| or a = 0.
ROPEDRIFT_INLINE pair4 fast_two_sum4(v4 a, v4 b) {
  v4 sum = a + b;
  return (pair4){sum, b - (sum - a)};
}

// One body, one function a target: TARGETS defines them, DISPATCH calls the one for this processor.
#if defined(__x86_64__)
#define DISPATCH(call) \
  if (allows_vectors && ropedrift_kernels_have_vectors()) return avx2_##call; \
  return baseline_##call;
#define TARGETS(type, name, parameters, arguments) \
  __attribute__((target("avx2"))) static type avx2_##name parameters { return name arguments; } \
  static type baseline_##name parameters { return name arguments; }
#else
#define DISPATCH(call) \
  (void)allows_vectors; \
  return baseline_##call;
#define TARGETS(type, name, parameters, arguments) \
  static type baseline_##name parameters { return name arguments; }
#endif

#endif
