// One body, several instruction sets: a kernel is written once as an inlined function of plain loops and instantiated here for
// each set, so that the ways cannot differ. Not part of the interface.

#ifndef ROPEDRIFT_VECTOR_TARGETS_H
#define ROPEDRIFT_VECTOR_TARGETS_H

#define ROPEDRIFT_BODY static inline __attribute__((always_inline))

#if defined(__x86_64__)

#define ROPEDRIFT_FOR_AVX2 __attribute__((target("avx2,fma,f16c")))
#define ROPEDRIFT_FOR_AVX512 \
  __attribute__((target("avx2,fma,f16c,avx512f,avx512vl,avx512bw,avx512dq"), min_vector_width(512)))

// 0: no instruction set beyond the baseline; 1: AVX2 and FMA; 2: AVX-512. allows_vectors: 0 none, 1 the widest there are, 2 AVX2 at most.
static inline int ropedrift_vector_level(int allows_vectors) {
  if (!allows_vectors || !__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") ||
      !__builtin_cpu_supports("f16c")) {
    return 0;
  }
  return allows_vectors != 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                 __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")
             ? 2
             : 1;
}

// Defines `static void name(parameters)`, which runs name_body with the arguments (level first) for the instruction set of `level`.
#define ROPEDRIFT_INSTANTIATE(name, parameters, arguments)                   \
  ROPEDRIFT_FOR_AVX512 static void name##_avx512 parameters { name##_body arguments; } \
  ROPEDRIFT_FOR_AVX2 static void name##_avx2 parameters { name##_body arguments; }     \
  static void name##_baseline parameters { name##_body arguments; }          \
  static void (*const name[3]) parameters = {name##_baseline, name##_avx2, name##_avx512};

#else

static inline int ropedrift_vector_level(int allows_vectors) {
  (void)allows_vectors;
  return 0;
}

#define ROPEDRIFT_INSTANTIATE(name, parameters, arguments)          \
  static void name##_baseline parameters { name##_body arguments; } \
  static void (*const name[1]) parameters = {name##_baseline};

#endif

#endif
