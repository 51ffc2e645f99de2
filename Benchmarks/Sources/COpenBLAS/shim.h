// OpenBLAS by its C interface, with the functions that say which kernels it runs and on how many threads.

#ifndef ROPEDRIFT_COPENBLAS_SHIM_H
#define ROPEDRIFT_COPENBLAS_SHIM_H

#include <cblas.h>

#endif
