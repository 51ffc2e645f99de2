// Rotated vectors without MPFR: angles added and vectors rotated in unevaluated sums of two binary64 numbers, cut into the slices that
// SlicedScores.c reads; and the products of such sums, for scores that slices do not decide.

#include "RoundingKernels.h"

#include "EightLanes.h"

#pragma STDC FP_CONTRACT OFF

enum { LANES = 8 };

ROPEDRIFT_INLINE size_t eights(size_t count) { return (count + LANES - 1) / LANES * LANES; }

// a*b as a sum of two numbers that need not be normalised: error at most 6u^2 |a b|.
ROPEDRIFT_INLINE pair8 product8(pair8 a, pair8 b) {
  v8 high = a.high * b.high;
  v8 error = fma8(a.high, b.high, -high);
  return (pair8){high, fma8(a.high, b.low, fma8(a.low, b.high, error))};
}

// x*b for one number x: error at most 2u^2 |x b|.
ROPEDRIFT_INLINE pair8 multiple8(v8 x, pair8 b) {
  v8 high = x * b.high;
  return (pair8){high, fma8(x, b.low, fma8(x, b.high, -high))};
}

// a + b, normalised.
ROPEDRIFT_INLINE pair8 sum8(pair8 a, pair8 b) {
  pair8 sum = two_sum8(a.high, b.high);
  return two_sum8(sum.high, sum.low + (a.low + b.low));
}

ROPEDRIFT_INLINE pair8 negative8(pair8 a) { return (pair8){-a.high, -a.low}; }

// Times the scale, normalised.
ROPEDRIFT_INLINE pair8 scaled8(pair8 a, pair8 scale) {
  pair8 product = product8(a, scale);
  return two_sum8(product.high, product.low);
}

ROPEDRIFT_INLINE void rotate_body(const ropedrift_rotation *rotation, const double *vector, const double *coarse,
                                  const double *fine, double scale_high, double scale_low, double *high, double *low) {
  size_t pairs = rotation->pairs, stride = eights(pairs), channels = rotation->channels;
  pair8 scale = {all8(scale_high), all8(scale_low)};
  int has_scale = scale_high != 1 || scale_low != 0;
  for (size_t pair = 0; pair < pairs; pair += LANES) {
    size_t count = pairs - pair < LANES ? pairs - pair : LANES;
    double x[LANES] = {0}, y[LANES] = {0};
    for (size_t i = 0; i < count; i++) {
      x[i] = vector[rotation->first[pair + i]];
      y[i] = vector[rotation->second[pair + i]];
    }
    pair8 c = {load8(coarse + pair), load8(coarse + stride + pair)};
    pair8 s = {load8(coarse + 2 * stride + pair), load8(coarse + 3 * stride + pair)};
    pair8 d = {load8(fine + pair), load8(fine + stride + pair)};
    pair8 t = {load8(fine + 2 * stride + pair), load8(fine + 3 * stride + pair)};
    pair8 cosine = sum8(product8(c, d), negative8(product8(s, t)));
    pair8 sine = sum8(product8(s, d), product8(c, t));
    v8 a = load8(x), b = load8(y);
    pair8 first = sum8(multiple8(a, cosine), negative8(multiple8(b, sine)));
    pair8 second = sum8(multiple8(a, sine), multiple8(b, cosine));
    if (has_scale) {
      first = scaled8(first, scale);
      second = scaled8(second, scale);
    }
    if (count == LANES) {
      store8(high + pair, first.high);
      store8(low + pair, first.low);
      store8(high + pairs + pair, second.high);
      store8(low + pairs + pair, second.low);
    } else {
      for (size_t i = 0; i < count; i++) {
        high[pair + i] = first.high[i];
        low[pair + i] = first.low[i];
        high[pairs + pair + i] = second.high[i];
        low[pairs + pair + i] = second.low[i];
      }
    }
  }
  for (size_t c = 2 * pairs; c < channels; c++) {
    pair8 still = {all8(vector[rotation->still[c - 2 * pairs]]), all8(0)};
    if (has_scale) still = scaled8(still, scale);
    high[c] = still.high[0];
    low[c] = still.low[0];
  }
  for (size_t c = channels; c < eights(channels); c++) high[c] = low[c] = 0;
}

// The sum of eight lanes in one order.
ROPEDRIFT_INLINE double lane_sum(v8 x) { return ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + (x[6] + x[7])); }

// A bound on the norm from the sum of squares, whose relative error is below (channels + 2) 2^-53, and which may have underflowed.
ROPEDRIFT_INLINE double norm_bound(v8 squares) {
  double norm = __builtin_sqrt(lane_sum(squares)) * (1 + 0x1p-30);
  return norm > 0x1p-500 ? norm : 0x1p-500;
}

ROPEDRIFT_INLINE ropedrift_slice_norms slice_body(const double *high, const double *low, size_t channels, int bits,
                                                  double *head, double *tail, double *whole, size_t stride) {
  size_t padded = eights(channels);
  v8 squares = all8(0);
  m8 is_below = {-1, -1, -1, -1, -1, -1, -1, -1}, is_above = {0};
  for (size_t c = 0; c < padded; c += LANES) {
    v8 x = load8(high + c), size = magnitude8(x);
    is_below &= (m8)(size < all8(0x1p300));
    is_above |= (m8)(size > all8(0x1p-300));
    squares = fma8(x, x, squares);
  }
  ropedrift_slice_norms norms = {0, 0, 0};
  if (any8(~is_below) || !any8(is_above)) return norms;
  norms.norm = norm_bound(squares);
  // The power of two above (1 + 2^-10) norm; adding and taking away 1.5 * 2^52 units rounds to units.
  double ceiling = norms.norm * (1 + 0x1p-10), shifter;
  uint64_t encoding;
  __builtin_memcpy(&encoding, &ceiling, sizeof encoding);
  encoding = ((encoding >> 52) + 1 + 52 - (uint64_t)bits) << 52 | (uint64_t)1 << 51;
  __builtin_memcpy(&shifter, &encoding, sizeof shifter);
  v8 shift = all8(shifter);
  squares = all8(0);
  for (size_t c = 0; c < padded; c += LANES) {
    v8 x = load8(high + c);
    v8 heads = (x + shift) - shift;
    v8 tails = (x - heads) + load8(low + c);
    v8 wholes = heads + tails;
    squares = fma8(tails, tails, squares);
    size_t count = channels - c < LANES ? channels - c : LANES;
    for (size_t i = 0; i < count; i++) {
      head[(c + i) * stride] = heads[i];
      tail[(c + i) * stride] = tails[i];
      if (whole) whole[(c + i) * stride] = wholes[i];
    }
  }
  norms.tail_norm = norm_bound(squares);
  norms.is_sliced = 1;
  return norms;
}

ROPEDRIFT_INLINE double score_body(const double *first_high, const double *first_low, const double *second_high,
                                   const double *second_low, size_t channels, double norms, double bound) {
  v8 high = all8(0), low = all8(0);
  size_t padded = eights(channels);
  for (size_t c = 0; c < padded; c += LANES) {
    pair8 product = product8((pair8){load8(first_high + c), load8(first_low + c)},
                             (pair8){load8(second_high + c), load8(second_low + c)});
    pair8 sum = two_sum8(high, product.high);
    high = sum.high;
    low += sum.low + product.low;
  }
  // Eight lanes become four, two and one.
  for (int width = LANES / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; i++) {
      double a = high[i], b = high[i + width], sum = a + b, part = sum - a;
      high[i] = sum;
      low[i] = low[i] + (low[i + width] + ((a - (sum - part)) + (b - part)));
    }
  }
  double sum = high[0], rest = low[0];
  double score = sum + rest, part = score - sum;
  double remainder = (sum - (score - part)) + (rest - part);
  double blocks = (double)(padded / LANES);
  double error = __builtin_fma(norms, (blocks * blocks + 12 * blocks + 64) * 0x1p-106, bound);
  return score + (remainder + error) == score && score + (remainder - error) == score ? score : __builtin_nan("");
}

#define ROTATE (rotation, vector, coarse, fine, scale_high, scale_low, high, low)
#define ROTATE_PARAMETERS \
  (const ropedrift_rotation *rotation, const double *vector, const double *coarse, const double *fine, \
   double scale_high, double scale_low, double *high, double *low)
#define SLICE (high, low, channels, bits, head, tail, whole, stride)
#define SLICE_PARAMETERS \
  (const double *high, const double *low, size_t channels, int bits, double *head, double *tail, double *whole, \
   size_t stride)
#define SCORE (first_high, first_low, second_high, second_low, channels, norms, bound)
#define SCORE_PARAMETERS \
  (const double *first_high, const double *first_low, const double *second_high, const double *second_low, \
   size_t channels, double norms, double bound)

#define COMPILED(attributes, level) \
  attributes static void level##_rotate ROTATE_PARAMETERS { rotate_body ROTATE; } \
  attributes static ropedrift_slice_norms level##_slice SLICE_PARAMETERS { return slice_body SLICE; } \
  attributes static double level##_score SCORE_PARAMETERS { return score_body SCORE; }

#if defined(__x86_64__)
COMPILED(FOR_AVX512, avx512)
COMPILED(FOR_AVX2, avx2)
#endif
COMPILED(, baseline)

#if defined(__x86_64__)
#define RUN(name, arguments) \
  switch (eight_lanes_level(allows_vectors)) { \
    case 2: return avx512_##name arguments; \
    case 1: return avx2_##name arguments; \
    default: return baseline_##name arguments; \
  }
#else
#define RUN(name, arguments) \
  (void)allows_vectors; \
  return baseline_##name arguments;
#endif

void ropedrift_rotate_exactly(const ropedrift_rotation *rotation, const double *vector, const double *coarse, const double *fine,
                      double scale_high, double scale_low, int allows_vectors, double *high, double *low) {
  RUN(rotate, ROTATE)
}

ropedrift_slice_norms ropedrift_slice(const double *high, const double *low, size_t channels, int bits, double *head,
                                      double *tail, double *whole, size_t stride, int allows_vectors) {
  RUN(slice, SLICE)
}

double ropedrift_double_double_score(const double *first_high, const double *first_low, const double *second_high,
                                     const double *second_low, size_t channels, double norms, double bound,
                                     int allows_vectors) {
  RUN(score, SCORE)
}
