// Certified scores of sliced vectors: Documentation/ErrorBounds.md derives their bound.

#ifndef ROPEDRIFT_SLICED_SCORES_H
#define ROPEDRIFT_SLICED_SCORES_H

#include <stddef.h>
#include <stdint.h>

// Keys in blocks of this many.
#define ROPEDRIFT_SLICED_BLOCK 16
// Queries in tiles of at most this many.
#define ROPEDRIFT_SLICED_ROWS 4
// Partial sums of inexact products are closed after this many channels, two products a channel.
#define ROPEDRIFT_SLICED_CHUNK 16

// Queries, each channel as head, whole (the nearest number to head + tail) and tail; the scale is in them.
typedef struct {
  const double *slices;     // (tiles, channels, 3, rows)
  const double *norm;       // (tiles, rows): bounds the norms
  const double *tail_norm;  // (tiles, rows): bounds the norms of the tails
  const size_t *first;      // (tiles, rows): the keys first ..< end are wanted; none where end <= first
  const size_t *end;
  double *const *scores;  // (tiles, rows): where the score of key `first` goes, the others after it
  size_t tiles;
  size_t rows;  // 1 or ROPEDRIFT_SLICED_ROWS
} ropedrift_sliced_queries;

// Keys, each channel as head + tail. Products of heads of a query and a key add exactly over all channels.
typedef struct {
  const double *slices;  // (blocks, channels, 2, 16)
  const double *bound;   // (blocks, 16): multiplies the query's norm in the bound of an error
  const double *tail_bound;  // (blocks, 16): multiplies the query's tail norm
  size_t channels;
} ropedrift_sliced_keys;

// The scores of queries against blocks of keys, rounded to nearest even; NaN where the bound does not decide the rounding.
// |computed - exact| <= norm * bound + tail_norm * tail_bound.
// flags: (tiles * rows, block_count): whether a score of the block may be undecided; 0 where none is wanted.
void ropedrift_sliced_scores(const ropedrift_sliced_queries *queries, const ropedrift_sliced_keys *keys,
                             size_t first_block, size_t block_count, int allows_vectors, uint8_t *flags);

#endif
