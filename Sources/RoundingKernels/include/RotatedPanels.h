// Vectors side by side in the lanes of a machine, and their rotation in binary32: the way of a few keys against many queries.

#ifndef ROPEDRIFT_ROTATED_PANELS_H
#define ROPEDRIFT_ROTATED_PANELS_H

#include <stddef.h>

#include "DotProducts.h"
#include "Rotation.h"

// Rows of binary32 numbers, or of binary64 numbers that binary32 holds, as panels: number c of row r goes to panel r / 32, channel c, lane
// r % 32. Every NaN becomes the same one; lanes beyond the last row become zeros.
//
// rows: (count, columns). values: ((count + 31) / 32, columns, 32). ranges: one a panel.
// width: no number has a significand of more bits.
void ropedrift_pack_panels(const void *rows, int is_binary32, size_t count, size_t columns, int width, int allows_vectors,
                           float *values, ropedrift_dot_range *ranges);

// Whether ropedrift_rotate_panels computes a plan, whose vectors and tables have to be binary32 numbers: products that are rounded, to
// binary32 first or to a format so narrow that binary32's own rounding changes nothing.
int ropedrift_rotation_computes_panels(const ropedrift_rotation_plan *plan);

// Rotates panels; the bits of ropedrift_rotate. Returns how many panels it left, because a product might be no binary32 number: nothing
// useful stands in their places.
//
// vectors, result: (panels, channels, 32), apart. cosines, sines: (panels, pairs, 32).
// vector_ranges, cosine_ranges, sine_ranges, result_ranges: one a panel.
// result_width: no number of the result has a significand of more bits.
size_t ropedrift_rotate_panels(const ropedrift_rotation_plan *plan, const float *vectors,
                               const ropedrift_dot_range *vector_ranges, const float *cosines,
                               const ropedrift_dot_range *cosine_ranges, const float *sines,
                               const ropedrift_dot_range *sine_ranges, size_t panels, int result_width,
                               int allows_vectors, float *result, ropedrift_dot_range *result_ranges);

#endif
