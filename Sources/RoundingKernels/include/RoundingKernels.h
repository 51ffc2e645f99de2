// Inner loops in C, chosen at run time: vectors where the processor has them, one number at a time elsewhere. All ways give the same
// bits. Nothing here knows MPFR, recipes or files.

#ifndef ROPEDRIFT_ROUNDING_KERNELS_H
#define ROPEDRIFT_ROUNDING_KERNELS_H

#include "ArrayRounding.h"
#include "CompensatedSums.h"
#include "DotProducts.h"
#include "Exponential.h"
#include "KernelPaths.h"
#include "NarrowFormat.h"
#include "OnlineSoftmax.h"
#include "RotatedPanels.h"
#include "RotatedSlices.h"
#include "Rotation.h"
#include "SlicedScores.h"
#include "Softmax.h"
#include "TableErrors.h"
#include "Trigonometry.h"
#include "WeightedSums.h"

#endif
