// Eight binary64 numbers abreast with fused multiply-adds, for the kernels of the reference: one body, compiled for AVX-512, for AVX2
// with FMA, and for any processor. Every operation is one of IEEE 754's, so that all of them give the same bits.

#ifndef ROPEDRIFT_EIGHT_LANES_H
#define ROPEDRIFT_EIGHT_LANES_H

#include <stdint.h>

#include "VectorTypes.h"

#pragma STDC FP_CONTRACT OFF

typedef double v8 __attribute__((vector_size(64)));
typedef int64_t m8 __attribute__((vector_size(64)));

ROPEDRIFT_INLINE v8 load8(const double *from) {
  v8 x;
  __builtin_memcpy(&x, from, sizeof x);
  return x;
}

ROPEDRIFT_INLINE void store8(double *to, v8 x) { __builtin_memcpy(to, &x, sizeof x); }

ROPEDRIFT_INLINE v8 all8(double x) { return (v8){x, x, x, x, x, x, x, x}; }

// a*b + c, rounded once.
ROPEDRIFT_INLINE v8 fma8(v8 a, v8 b, v8 c) { return __builtin_elementwise_fma(a, b, c); }

ROPEDRIFT_INLINE v8 magnitude8(v8 x) { return (v8)((m8)x & (m8){INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX}); }

// a where the mask is all ones, b where it is zero.
ROPEDRIFT_INLINE v8 select8(m8 mask, v8 a, v8 b) { return (v8)((mask & (m8)a) | (~mask & (m8)b)); }

ROPEDRIFT_INLINE int any8(m8 mask) { return __builtin_reduce_or(mask) != 0; }

// A number and what its rounding left, unevaluated.
typedef struct {
  v8 high, low;
} pair8;

// a + b exactly [Knuth1997].
ROPEDRIFT_INLINE pair8 two_sum8(v8 a, v8 b) {
  v8 sum = a + b;
  v8 part = sum - a;
  return (pair8){sum, (a - (sum - part)) + (b - part)};
}

// Which of the three compilations of a body runs: 2 AVX-512, 1 AVX2 with FMA, 0 any processor. allows_vectors: 0 none, 1 the best
// there is, 2 the best without AVX-512.
ROPEDRIFT_INLINE int eight_lanes_level(int allows_vectors) {
#if defined(__x86_64__)
  if (!allows_vectors || !ropedrift_kernels_have_vectors()) return 0;
  return allows_vectors != 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                 __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
             ? 2
             : 1;
#else
  (void)allows_vectors;
  return 0;
#endif
}

#if defined(__x86_64__)
#define FOR_AVX512 __attribute__((target("avx2,fma,avx512f,avx512vl,avx512bw,avx512dq"), min_vector_width(512)))
#define FOR_AVX2 __attribute__((target("avx2,fma")))
#endif

#endif
