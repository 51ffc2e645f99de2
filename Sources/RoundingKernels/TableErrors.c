// Errors of tables over runs of positions: four lanes, and the choice of the target.

#include "TableErrorLanes.h"

void ropedrift_exact_angles(const double start[2], const double pieces[3], double first, size_t count,
                            ropedrift_lane_sums angles, int allows_vectors) {
  DISPATCH_WIDE(exact_angles(start, pieces, first, count, angles))
}

void ropedrift_exact_rotations(const double start[6], const double *steps, size_t stride, size_t count,
                               ropedrift_lane_sums cosine, ropedrift_lane_sums sine, int allows_vectors) {
  DISPATCH_WIDE(exact_rotations(start, steps, stride, count, cosine, sine))
}

int ropedrift_rounded_angles(ropedrift_lane_sums angles, const double *displacement, const double pieces[3],
                             const ropedrift_lane_chain *chain, size_t count, double *stored, uint8_t *undecided,
                             int allows_vectors) {
  DISPATCH_WIDE(rounded_angles(angles, displacement, pieces, chain, count, stored, undecided))
}

void ropedrift_rounded_products(const double *positions, double first, double frequency,
                                const ropedrift_lane_chain *chain, size_t count, double *stored,
                                int allows_vectors) {
  DISPATCH_WIDE(rounded_products(positions, first, frequency, chain, count, stored))
}

int ropedrift_angle_differences(const double *stored, ropedrift_lane_sums angles, size_t count,
                                ropedrift_lane_sums differences, uint8_t *unknown, int allows_vectors) {
  DISPATCH_WIDE(angle_differences(stored, angles, count, differences, unknown))
}

int ropedrift_table_errors(const ropedrift_table_errors_input *input, const ropedrift_table_errors_output *output,
                           int allows_vectors) {
  DISPATCH_WIDE(table_errors(input, output))
}

double ropedrift_greatest_magnitude(const double *numbers, size_t count, double floor, int allows_vectors) {
  DISPATCH_WIDE(greatest_magnitude(numbers, count, floor))
}
