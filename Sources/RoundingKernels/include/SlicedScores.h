// Certified scores of sliced vectors: Documentation/ErrorBounds.md derives their bound.

#ifndef ROPEDRIFT_SLICED_SCORES_H
#define ROPEDRIFT_SLICED_SCORES_H

#include <stddef.h>

// Keys in blocks of this many.
#define ROPEDRIFT_SLICED_BLOCK 8
// Partial sums of inexact products are closed after this many channels.
#define ROPEDRIFT_SLICED_CHUNK 32

// A query, each channel as head + tail. Products of heads of a query and a key add exactly over all channels.
typedef struct {
  const double *head;  // (channels)
  const double *tail;  // (channels)
  double norm;         // bounds the norm of the query times the scale
  double tail_norm;    // bounds the norm of the tails times the scale
  double scale_high;   // the scale as an unevaluated sum
  double scale_low;
} ropedrift_sliced_query;

// Keys, likewise, in blocks.
typedef struct {
  const double *head;   // (blocks, channels, 8)
  const double *tail;   // (blocks, channels, 8)
  const double *bound;  // (blocks, 8): multiplies the query's norm in the bound of an error
  const double *tail_bound;  // (blocks, 8): multiplies the query's tail norm
  size_t channels;
} ropedrift_sliced_keys;

// The scores of one query against whole blocks of keys, rounded to nearest even; NaN where the bound does not decide the rounding.
// score = scale * sum of products; |computed - exact| <= norm * bound + tail_norm * tail_bound + 2^-100 |score|.
// scores: (blocks, 8) from first_block on.
void ropedrift_sliced_scores(const ropedrift_sliced_query *query, const ropedrift_sliced_keys *keys,
                             size_t first_block, size_t block_count, int allows_vectors, double *scores);

#endif
