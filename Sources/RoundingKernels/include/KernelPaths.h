// Which way a kernel goes on this processor.

#ifndef ROPEDRIFT_KERNEL_PATHS_H
#define ROPEDRIFT_KERNEL_PATHS_H

// Whether this processor runs the vector kernels.
int ropedrift_kernels_have_vectors(void);

#endif
