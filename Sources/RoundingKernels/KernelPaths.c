// The processor's features, asked once.

#include "KernelPaths.h"

int ropedrift_kernels_have_vectors(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return 0;
#endif
}
