// Rotation of vectors: the plan's roundings, and which machine's loop runs. The loop is in RotationLanes.h.

#include "Rotation.h"

#include <stdint.h>

#include "WideRounding.h"

#pragma STDC FP_CONTRACT OFF

typedef struct {
  const ropedrift_rotation_plan *plan;
  wide_way way, stored_way;
  wide_rounding rounding[2], stored[2];
} prepared_rotation;

#define KERNELS "RotationLanes.h"
#include "EachMachine.h"

// The way through some formats; -1 where there is none.
static int way_through(const ropedrift_narrow_format *formats, int count) {
  if (count == 0 || (count == 1 && is_binary64(formats))) return WIDE_PLAIN;
  if (count > 2) return -1;
  for (int i = 0; i < count; i++) {
    if (!has_wide_rounding(&formats[i])) return -1;
  }
  return count == 1 ? WIDE_ONCE : WIDE_TWICE;
}

int ropedrift_rotation_computes(const ropedrift_rotation_plan *plan) {
  return plan->format_count > 0 && way_through(plan->formats, plan->format_count) >= 0 &&
         way_through(plan->stored, plan->stored_count) >= 0;
}

static void set_roundings(wide_way way, const ropedrift_narrow_format *formats, wide_rounding *roundings) {
  for (int i = 0; i < (int)way; i++) roundings[i] = wide_rounding_of(&formats[i]);
}

size_t ropedrift_rotate(const ropedrift_rotation_plan *plan, const double *vectors, const double *cosines,
                        const double *sines, size_t tokens, int allows_vectors, double *result, unsigned char *left) {
  prepared_rotation prepared = {.plan = plan};
  prepared.way = (wide_way)way_through(plan->formats, plan->format_count);
  prepared.stored_way = (wide_way)way_through(plan->stored, plan->stored_count);
  set_roundings(prepared.way, plan->formats, prepared.rounding);
  set_roundings(prepared.stored_way, plan->stored, prepared.stored);
  int (*rotate)(const prepared_rotation *, const double *, const double *, const double *, double *) = rotate_baseline;
  machine_kind kind = machine_kind_for(allows_vectors);
#if defined(__x86_64__)
  if (kind == MACHINE_AVX512) rotate = rotate_avx512;
  if (kind == MACHINE_AVX2) rotate = rotate_avx2;
#endif
  (void)kind;
  size_t count = 0;
  for (size_t token = 0; token < tokens; token++) {
    const double *vector = vectors + token * plan->channels;
    double *target = result + token * plan->channels;
    if (plan->channels) __builtin_memcpy(target, vector, plan->channels * sizeof(double));
    left[token] = !rotate(&prepared, vector, cosines + token * plan->pairs, sines + token * plan->pairs, target);
    count += left[token];
  }
  return count;
}
