// Expands the file that KERNELS names once for every machine, with MACHINE (a suffix), TARGET (an attribute), SINGLE_LANES (of a
// vector), MAIN_ROWS (of the largest tile), HAS_FMA and HAS_HALF: one body, so that the ways of machines cannot differ.

#ifndef ROPEDRIFT_EACH_MACHINE_H
#define ROPEDRIFT_EACH_MACHINE_H

typedef enum { MACHINE_BASELINE, MACHINE_AVX2, MACHINE_AVX512 } machine_kind;

// The machine for what a caller allows: 0 no vectors beyond the common ones, 1 the widest there are, 2 at most 256 bits.
static inline machine_kind machine_kind_for(int allows_vectors) {
#if defined(__x86_64__)
  int has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  if (allows_vectors == 1 && has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
    return MACHINE_AVX512;
  }
  if (allows_vectors && has_avx2) return MACHINE_AVX2;
#else
  (void)allows_vectors;
#endif
  return MACHINE_BASELINE;
}

#endif

#define JOIN_TOKENS(a, b) a##_##b
#define JOIN(a, b) JOIN_TOKENS(a, b)
#define HERE(name) JOIN(name, MACHINE)
#define INLINE static inline __attribute__((always_inline)) TARGET

#define MACHINE baseline
#define TARGET
#define SINGLE_LANES 4
#define MAIN_ROWS ROWS_BASELINE
#if defined(__aarch64__)
#define HAS_FMA 1
#else
#define HAS_FMA 0
#endif
#define HAS_HALF 0
#include KERNELS
#undef MACHINE
#undef TARGET
#undef SINGLE_LANES
#undef MAIN_ROWS
#undef HAS_FMA
#undef HAS_HALF

#if defined(__x86_64__)

#define HAS_FMA 1
#define HAS_HALF 1

#define MACHINE avx2
#define TARGET __attribute__((target("avx2,fma,f16c")))
#define SINGLE_LANES 8
#define MAIN_ROWS ROWS_AVX2
#include KERNELS
#undef MACHINE
#undef TARGET
#undef SINGLE_LANES
#undef MAIN_ROWS

#define MACHINE avx512
#define TARGET __attribute__((target("avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq")))
#define SINGLE_LANES 16
#define MAIN_ROWS ROWS_AVX512
#include KERNELS
#undef MACHINE
#undef TARGET
#undef SINGLE_LANES
#undef MAIN_ROWS

#undef HAS_FMA
#undef HAS_HALF

#endif
