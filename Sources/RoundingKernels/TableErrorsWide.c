// Errors of tables over runs of positions: eight lanes, for AVX-512.

#define ROPEDRIFT_LANES 8
#include "TableErrorLanes.h"
