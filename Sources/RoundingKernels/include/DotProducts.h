// Dot products of queries and keys in a stated order with a stated accumulator: what the dot stage of a recipe is computed by.

#ifndef ROPEDRIFT_DOT_PRODUCTS_H
#define ROPEDRIFT_DOT_PRODUCTS_H

#include <stddef.h>

#include "NarrowFormat.h"

// Keys in panels of this many.
#define ROPEDRIFT_DOT_PANEL 32

// In which order products are added; q and k are a query and a key, sums start from +0.
enum {
  ROPEDRIFT_DOT_IN_ORDER,    // channel by channel
  ROPEDRIFT_DOT_PAIRWISE,    // neighbours level by level; an odd last term moves up
  ROPEDRIFT_DOT_LANES,       // channel c into sum c mod count; then folded to `neighbours`, from there neighbours
  ROPEDRIFT_DOT_BLOCKS,      // blocks of count channels in order, their sums in order
  ROPEDRIFT_DOT_TENSOR_CORE  // blocks of count channels, aligned, truncated, added exactly, rounded once
};

// An order and an accumulator.
typedef struct {
  int order;
  int is_fused;          // whether a product goes into its sum unrounded; in order and in lanes
  size_t count;          // lanes, or channels of a block
  size_t neighbours;     // lanes from which neighbours are added
  int alignment_bits;    // tensor core: bits kept below the accumulator's last at the largest exponent
  int truncates;         // tensor core: whether a block's sum is rounded toward zero, else to nearest even
  int format_count;      // 1 or 2 roundings after each operation, to nearest even
  ropedrift_narrow_format formats[2];
} ropedrift_dot_plan;

// What is known of some operands: which products of theirs are exact.
typedef struct {
  int width;    // no significand has more bits
  int lowest;   // all are multiples of 2^lowest
  int highest;  // all are below 2^(highest + 1) in magnitude
  int finite;   // whether all are finite; width, lowest and highest are about those that are
} ropedrift_dot_range;

// Vectors as a kernel reads them. Binary32 for all plans but binary64's own, for which they are binary64.
typedef struct {
  const void *values;                 // queries: (count, channels); keys: (panels, channels, 32), zeros in the lanes beyond
  const ropedrift_dot_range *ranges;  // queries: (count); keys: (panels)
  size_t count;
  size_t channels;
} ropedrift_dot_vectors;

// Whether the kernels compute a plan; formats that `ropedrift_narrow_format` cannot describe are the caller's to keep away.
int ropedrift_dot_computes(const ropedrift_dot_plan *plan);

// Whether a plan reads binary64 operands.
int ropedrift_dot_reads_binary64(const ropedrift_dot_plan *plan);

// Queries for a plan, from (count, channels) binary64 numbers that binary32 holds (any for a plan that reads binary64).
void ropedrift_dot_pack_queries(const ropedrift_dot_plan *plan, const double *queries, size_t count, size_t channels,
                                int allows_vectors, void *values, ropedrift_dot_range *ranges);

// The panels of keys, likewise; room for (count + 31) / 32 of them.
void ropedrift_dot_pack_keys(const ropedrift_dot_plan *plan, const double *keys, size_t count, size_t channels,
                             int allows_vectors, void *values, ropedrift_dot_range *ranges);

// Bytes of scratch that a call for this many queries takes.
size_t ropedrift_dot_scratch_size(const ropedrift_dot_plan *plan, size_t query_count, size_t channels);

// The accumulated sums of queries [first_query, + query_count) with keys [first_key, + key_count), as binary64.
//
// Every way gives the same bits, but for the payloads of NaNs.
// allows_vectors: 0 for no vectors beyond the machine's common ones, 1 for the widest there are, 2 for 256 bits at most.
// scratch: of ropedrift_dot_scratch_size bytes, aligned at 64.
// scores: score (i, j) at scores[i * stride + j].
void ropedrift_dot_products(const ropedrift_dot_plan *plan, const ropedrift_dot_vectors *queries, size_t first_query,
                            size_t query_count, const ropedrift_dot_vectors *keys, size_t first_key, size_t key_count,
                            int allows_vectors, void *scratch, double *scores, size_t stride);

#endif
