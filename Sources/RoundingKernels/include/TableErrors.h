// Exact angles, stored angles and the errors of stored cos and sin over runs of positions. EmulatedEngine's FastTableErrors says what
// the numbers mean and proves the bounds; all arrays are (count), count a multiple of 8, and may be unaligned.

#ifndef ROPEDRIFT_TABLE_ERRORS_H
#define ROPEDRIFT_TABLE_ERRORS_H

#include <stddef.h>
#include <stdint.h>

// Rounds to nearest even by adding and taking away a number whose last bit weighs what the format's last bit weighs there.
typedef struct {
  double smallest;           // the smallest normal number
  uint64_t magic_offset;     // from a number's exponent field to the number that is added
  uint64_t half_gap_offset;  // from a number's exponent field down to half a gap
  int is_binary64;
} ropedrift_lane_rounder;

// One rounding or two.
typedef struct {
  ropedrift_lane_rounder first;
  ropedrift_lane_rounder second;
  int is_double;
} ropedrift_lane_chain;

// Numbers as high + low.
typedef struct {
  double *high;
  double *low;
} ropedrift_lane_sums;

// cos and sin.
typedef struct {
  double *cosine;
  double *sine;
} ropedrift_lane_table;

// start + (position - start) * frequency: the start as a sum, the frequency in pieces of 32 bits. first: position - start of lane 0.
void ropedrift_exact_angles(const double start[2], const double pieces[3], double first, size_t count,
                            ropedrift_lane_sums angles, int allows_vectors);

// cos and sin of a + b from those of a (pieces of 26, 26 and 53 bits: cos, then sin) and those of b (six such arrays, each `stride` from the
// one before).
void ropedrift_exact_rotations(const double start[6], const double *steps, size_t stride, size_t count,
                               ropedrift_lane_sums cosine, ropedrift_lane_sums sine, int allows_vectors);

// angle + displacement * frequency rounded; displacement null for none. undecided: 1 where 2^-100 of the angle does not decide
// the rounding. Returns whether any is.
int ropedrift_rounded_angles(ropedrift_lane_sums angles, const double *displacement, const double pieces[3],
                             const ropedrift_lane_chain *chain, size_t count, double *stored, uint8_t *undecided,
                             int allows_vectors);

// position * frequency, exact in binary64, rounded; positions null for first, first + 1, ....
void ropedrift_rounded_products(const double *positions, double first, double frequency,
                                const ropedrift_lane_chain *chain, size_t count, double *stored, int allows_vectors);

// stored - angle as a sum. unknown: 1 where it is below 2^-96 of the angle. Returns whether any is.
int ropedrift_angle_differences(const double *stored, ropedrift_lane_sums angles, size_t count,
                                ropedrift_lane_sums differences, uint8_t *unknown, int allows_vectors);

// What the errors of stored cos and sin are made from.
typedef struct {
  size_t count;
  ropedrift_lane_sums cosine, sine;              // of the exact angles
  ropedrift_lane_sums exact_cosine, exact_sine;  // times the attention factor
  ropedrift_lane_sums difference;                // of the stored angles from the exact ones; null: none
  int is_small;                                  // all |differences| <= 2^-4
  double limit;                                  // greater differences are left to the caller
  double factor;                                 // the attention factor
  double stored_factor;                          // as the trig stage multiplies by it; 1 for none
  double trig_bound, table_bound;                // of what is rounded there
  ropedrift_lane_chain trig, table;              // the roundings
} ropedrift_table_errors_input;

// Where errors go, for every way to round after the angle; null: not asked for.
typedef struct {
  ropedrift_lane_table exact, trig, table, both;
  ropedrift_lane_table stored;  // the stored values: of `both`, else of `trig`, else of `table`, as they are asked for
  uint8_t *undecided;           // 1: a bound does not decide; 3: the difference is beyond the limit
} ropedrift_table_errors_output;

// Returns whether any lane is undecided.
int ropedrift_table_errors(const ropedrift_table_errors_input *input, const ropedrift_table_errors_output *output,
                           int allows_vectors);

// The greatest magnitude of numbers and `floor`; NaN is passed over. Any count.
double ropedrift_greatest_magnitude(const double *numbers, size_t count, double floor, int allows_vectors);

#endif
