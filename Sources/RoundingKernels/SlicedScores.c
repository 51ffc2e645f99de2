// Certified scores: dot products of sliced vectors with a bound of the error, and the rounding test.
//
// Every channel is head + tail, with heads so short that their products add exactly. The products head*tail and tail*head are
// added in chunks, which keeps their rounding errors small, and tail*tail in one sum. The four sums become one number and a
// rest; times the scale, in twice the precision; and the test asks whether all numbers within the bound round alike.

#include "RoundingKernels.h"

#pragma STDC FP_CONTRACT OFF

#if defined(__x86_64__)
#include <immintrin.h>
#define HAS_VECTOR_KERNELS 1
#else
#define HAS_VECTOR_KERNELS 0
#endif

enum { BLOCK = ROPEDRIFT_SLICED_BLOCK, CHUNK = ROPEDRIFT_SLICED_CHUNK };

// Scores below and above which the test is not made.
static const double SMALLEST = 0x1p-900;
static const double LARGEST = 0x1p900;
static const double RELATIVE = 0x1p-100;

static double finish(double heads, double mixed_first, double mixed_second, double tails,
                     const ropedrift_sliced_query *query, double bound_factor, double tail_factor) {
  // (mixed, mixed_error) = mixed_first + mixed_second and (sum, sum_error) = heads + mixed, exactly [Knuth1997].
  double mixed = mixed_first + mixed_second;
  double virtual = mixed - mixed_first;
  double mixed_error = (mixed_first - (mixed - virtual)) + (mixed_second - virtual);
  double sum = heads + mixed;
  virtual = sum - heads;
  double sum_error = (heads - (sum - virtual)) + (mixed - virtual);
  double rest = sum_error + (tails + mixed_error);
  double product = sum * query->scale_high;
  double low = __builtin_fma(sum, query->scale_high, -product) + __builtin_fma(sum, query->scale_low, rest * query->scale_high);
  double score = product + low;
  virtual = score - product;
  double remainder = (product - (score - virtual)) + (low - virtual);
  double magnitude = __builtin_fabs(score);
  double bound = __builtin_fma(
      magnitude, RELATIVE, __builtin_fma(query->norm, bound_factor, query->tail_norm * tail_factor));
  int decided = score + (remainder + bound) == score && score + (remainder - bound) == score &&
                magnitude > SMALLEST && magnitude < LARGEST;
  return decided ? score : __builtin_nan("");
}

static void scalar_block(const ropedrift_sliced_query *query, const ropedrift_sliced_keys *keys, size_t block,
                         double *scores) {
  size_t channels = keys->channels;
  const double *head = keys->head + block * channels * BLOCK;
  const double *tail = keys->tail + block * channels * BLOCK;
  for (size_t lane = 0; lane < BLOCK; lane++) {
    double heads = 0, first = 0, second = 0, tails = 0;
    for (size_t start = 0; start < channels; start += CHUNK) {
      size_t end = start + CHUNK < channels ? start + CHUNK : channels;
      double part_first = 0, part_second = 0;
      for (size_t c = start; c < end; c++) {
        double k1 = head[c * BLOCK + lane], k2 = tail[c * BLOCK + lane];
        heads = __builtin_fma(query->head[c], k1, heads);
        part_first = __builtin_fma(query->head[c], k2, part_first);
        part_second = __builtin_fma(query->tail[c], k1, part_second);
        tails = __builtin_fma(query->tail[c], k2, tails);
      }
      first += part_first;
      second += part_second;
    }
    scores[lane] = finish(heads, first, second, tails, query, keys->bound[block * BLOCK + lane],
                          keys->tail_bound[block * BLOCK + lane]);
  }
}

#if HAS_VECTOR_KERNELS

__attribute__((target("avx2,fma"))) static inline __m256d finish_vector(
    __m256d heads, __m256d mixed_first, __m256d mixed_second, __m256d tails,
    const ropedrift_sliced_query *query, const double *bound_factor, const double *tail_factor) {
  __m256d scale_high = _mm256_set1_pd(query->scale_high), scale_low = _mm256_set1_pd(query->scale_low);
  __m256d mixed = _mm256_add_pd(mixed_first, mixed_second);
  __m256d virtual = _mm256_sub_pd(mixed, mixed_first);
  __m256d mixed_error = _mm256_add_pd(_mm256_sub_pd(mixed_first, _mm256_sub_pd(mixed, virtual)),
                                      _mm256_sub_pd(mixed_second, virtual));
  __m256d sum = _mm256_add_pd(heads, mixed);
  virtual = _mm256_sub_pd(sum, heads);
  __m256d sum_error = _mm256_add_pd(_mm256_sub_pd(heads, _mm256_sub_pd(sum, virtual)),
                                    _mm256_sub_pd(mixed, virtual));
  __m256d rest = _mm256_add_pd(sum_error, _mm256_add_pd(tails, mixed_error));
  __m256d product = _mm256_mul_pd(sum, scale_high);
  __m256d low = _mm256_add_pd(_mm256_fmsub_pd(sum, scale_high, product),
                              _mm256_fmadd_pd(sum, scale_low, _mm256_mul_pd(rest, scale_high)));
  __m256d score = _mm256_add_pd(product, low);
  virtual = _mm256_sub_pd(score, product);
  __m256d remainder = _mm256_add_pd(_mm256_sub_pd(product, _mm256_sub_pd(score, virtual)),
                                    _mm256_sub_pd(low, virtual));
  __m256d magnitude = _mm256_andnot_pd(_mm256_set1_pd(-0.0), score);
  __m256d bound = _mm256_fmadd_pd(
      magnitude, _mm256_set1_pd(RELATIVE),
      _mm256_fmadd_pd(_mm256_set1_pd(query->norm), _mm256_loadu_pd(bound_factor),
                      _mm256_mul_pd(_mm256_set1_pd(query->tail_norm), _mm256_loadu_pd(tail_factor))));
  __m256d above = _mm256_add_pd(score, _mm256_add_pd(remainder, bound));
  __m256d below = _mm256_add_pd(score, _mm256_sub_pd(remainder, bound));
  __m256d decided = _mm256_and_pd(
      _mm256_and_pd(_mm256_cmp_pd(above, score, _CMP_EQ_OQ), _mm256_cmp_pd(below, score, _CMP_EQ_OQ)),
      _mm256_and_pd(_mm256_cmp_pd(magnitude, _mm256_set1_pd(SMALLEST), _CMP_GT_OQ),
                    _mm256_cmp_pd(magnitude, _mm256_set1_pd(LARGEST), _CMP_LT_OQ)));
  return _mm256_blendv_pd(_mm256_set1_pd(__builtin_nan("")), score, decided);
}

__attribute__((target("avx2,fma"))) static void vector_blocks(const ropedrift_sliced_query *query,
                                                             const ropedrift_sliced_keys *keys,
                                                             size_t first_block, size_t block_count,
                                                             double *scores) {
  size_t channels = keys->channels;
  for (size_t index = 0; index < block_count; index++) {
    size_t block = first_block + index;
    const double *head = keys->head + block * channels * BLOCK;
    const double *tail = keys->tail + block * channels * BLOCK;
    __m256d zero = _mm256_setzero_pd();
    __m256d heads0 = zero, heads1 = zero, tails0 = zero, tails1 = zero;
    __m256d first0 = zero, first1 = zero, second0 = zero, second1 = zero;
    for (size_t start = 0; start < channels; start += CHUNK) {
      size_t end = start + CHUNK < channels ? start + CHUNK : channels;
      __m256d part_first0 = zero, part_first1 = zero, part_second0 = zero, part_second1 = zero;
      for (size_t c = start; c < end; c++) {
        __m256d q1 = _mm256_broadcast_sd(query->head + c), q2 = _mm256_broadcast_sd(query->tail + c);
        __m256d k10 = _mm256_loadu_pd(head + c * BLOCK), k11 = _mm256_loadu_pd(head + c * BLOCK + 4);
        __m256d k20 = _mm256_loadu_pd(tail + c * BLOCK), k21 = _mm256_loadu_pd(tail + c * BLOCK + 4);
        heads0 = _mm256_fmadd_pd(q1, k10, heads0);
        heads1 = _mm256_fmadd_pd(q1, k11, heads1);
        part_first0 = _mm256_fmadd_pd(q1, k20, part_first0);
        part_first1 = _mm256_fmadd_pd(q1, k21, part_first1);
        part_second0 = _mm256_fmadd_pd(q2, k10, part_second0);
        part_second1 = _mm256_fmadd_pd(q2, k11, part_second1);
        tails0 = _mm256_fmadd_pd(q2, k20, tails0);
        tails1 = _mm256_fmadd_pd(q2, k21, tails1);
      }
      first0 = _mm256_add_pd(first0, part_first0);
      first1 = _mm256_add_pd(first1, part_first1);
      second0 = _mm256_add_pd(second0, part_second0);
      second1 = _mm256_add_pd(second1, part_second1);
    }
    const double *bound = keys->bound + block * BLOCK, *tail_bound = keys->tail_bound + block * BLOCK;
    _mm256_storeu_pd(scores + index * BLOCK,
                     finish_vector(heads0, first0, second0, tails0, query, bound, tail_bound));
    _mm256_storeu_pd(scores + index * BLOCK + 4,
                     finish_vector(heads1, first1, second1, tails1, query, bound + 4, tail_bound + 4));
  }
}

#endif

void ropedrift_sliced_scores(const ropedrift_sliced_query *query, const ropedrift_sliced_keys *keys,
                             size_t first_block, size_t block_count, int allows_vectors, double *scores) {
#if HAS_VECTOR_KERNELS
  if (allows_vectors && ropedrift_kernels_have_vectors()) {
    vector_blocks(query, keys, first_block, block_count, scores);
    return;
  }
#endif
  for (size_t index = 0; index < block_count; index++) {
    scalar_block(query, keys, first_block + index, scores + index * BLOCK);
  }
}
