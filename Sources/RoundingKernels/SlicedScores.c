// Certified scores: dot products of sliced vectors with a bound of the error, and the rounding test.
//
// Every channel is head + tail, with heads so short that their products add exactly. What is left, whole*tail and tail*head, is
// added in chunks, which keeps its rounding errors small. The two sums become one number and a rest, exactly, and the test asks
// whether all numbers within the bound round alike. A tile of queries and keys stays in registers; each score has its own
// additions in one order, so that tiles do not change it.

#include "RoundingKernels.h"

#include "EightLanes.h"

#pragma STDC FP_CONTRACT OFF

enum { WIDTH = ROPEDRIFT_SLICED_BLOCK, ROWS = ROPEDRIFT_SLICED_ROWS, CHUNK = ROPEDRIFT_SLICED_CHUNK, LANES = 8 };
enum { MOST_VECTORS = WIDTH / LANES };

#define UNROLLED _Pragma("clang loop unroll(full)")

// `rows` queries of a tile that holds `all` of them, from `row` on, against `vectors` times eight keys from `lane` on.
ROPEDRIFT_INLINE void tile_part(const ropedrift_sliced_queries *queries, const ropedrift_sliced_keys *keys, size_t tile,
                                size_t block, int all, int rows, int row, int vectors, int lane,
                                double *const *destinations, uint8_t *undecided_rows) {
  size_t channels = keys->channels;
  const double *q = queries->slices + tile * channels * 3 * (size_t)all + row;
  const double *k = keys->slices + block * channels * 2 * WIDTH + lane;
  v8 heads[ROWS][MOST_VECTORS] = {{{0}}}, mixed[ROWS][MOST_VECTORS] = {{{0}}};
  for (size_t start = 0; start < channels; start += CHUNK) {
    size_t count = channels - start < CHUNK ? channels - start : CHUNK;
    v8 part[ROWS][MOST_VECTORS] = {{{0}}};
    for (size_t c = 0; c < count; c++) {
      v8 k1[MOST_VECTORS], k2[MOST_VECTORS];
      UNROLLED for (int v = 0; v < vectors; v++) {
        k1[v] = load8(k + v * LANES);
        k2[v] = load8(k + WIDTH + v * LANES);
      }
      UNROLLED for (int r = 0; r < rows; r++) {
        v8 head = all8(q[r]), whole = all8(q[all + r]), tail = all8(q[2 * all + r]);
        UNROLLED for (int v = 0; v < vectors; v++) {
          heads[r][v] = fma8(head, k1[v], heads[r][v]);
          part[r][v] = fma8(whole, k2[v], part[r][v]);
          part[r][v] = fma8(tail, k1[v], part[r][v]);
        }
      }
      q += 3 * all;
      k += 2 * WIDTH;
    }
    UNROLLED for (int r = 0; r < rows; r++) {
      UNROLLED for (int v = 0; v < vectors; v++) mixed[r][v] += part[r][v];
    }
  }
  const double *bounds = keys->bound + block * WIDTH + lane, *tail_bounds = keys->tail_bound + block * WIDTH + lane;
  UNROLLED for (int r = 0; r < rows; r++) {
    v8 norm = all8(queries->norm[tile * (size_t)all + row + r]);
    v8 tail_norm = all8(queries->tail_norm[tile * (size_t)all + row + r]);
    m8 decided = {-1, -1, -1, -1, -1, -1, -1, -1};
    UNROLLED for (int v = 0; v < vectors; v++) {
      pair8 sum = two_sum8(heads[r][v], mixed[r][v]);
      v8 bound = fma8(norm, load8(bounds + v * LANES), tail_norm * load8(tail_bounds + v * LANES));
      m8 rounds_alike = (m8)((sum.high + (sum.low + bound)) == sum.high) & (m8)((sum.high + (sum.low - bound)) == sum.high);
      decided &= rounds_alike;
      store8(destinations[row + r] + lane + v * LANES, select8(rounds_alike, sum.high, all8(__builtin_nan(""))));
    }
    undecided_rows[row + r] |= (uint8_t)any8(~decided);
  }
}

// A tile of `all` queries against a block, `rows` by `vectors` at a time; scores go straight to rows that want the whole block.
ROPEDRIFT_INLINE void tile_scores(const ropedrift_sliced_queries *queries, const ropedrift_sliced_keys *keys, size_t tile,
                                  size_t block, int all, int rows, int vectors, uint8_t *flags, size_t flag_stride) {
  double aside[ROWS][WIDTH];
  double *destinations[ROWS];
  const size_t *first = queries->first + tile * (size_t)all, *end = queries->end + tile * (size_t)all;
  size_t start = block * WIDTH, stop = start + WIDTH;
  int is_wanted = 0;
  for (int r = 0; r < all; r++) {
    int sees_all = first[r] <= start && stop <= end[r];
    destinations[r] = sees_all ? queries->scores[tile * (size_t)all + r] + (start - first[r]) : aside[r];
    is_wanted |= first[r] < stop && start < end[r];
  }
  if (!is_wanted) return;
  uint8_t undecided[ROWS] = {0};
  for (int row = 0; row < all; row += rows) {
    for (int lane = 0; lane < WIDTH; lane += vectors * LANES) {
      tile_part(queries, keys, tile, block, all, rows, row, vectors, lane, destinations, undecided);
    }
  }
  for (int r = 0; r < all; r++) {
    size_t from = first[r] > start ? first[r] : start, to = end[r] < stop ? end[r] : stop;
    if (from >= to) continue;
    flags[(size_t)r * flag_stride] = undecided[r];
    if (destinations[r] == aside[r]) {
      __builtin_memcpy(queries->scores[tile * (size_t)all + r] + (from - first[r]), aside[r] + (from - start),
                       (to - from) * sizeof(double));
    }
  }
}

ROPEDRIFT_INLINE void scores_body(const ropedrift_sliced_queries *queries, const ropedrift_sliced_keys *keys,
                                  size_t first_block, size_t block_count, uint8_t *flags, int rows, int vectors) {
  for (size_t index = 0; index < block_count; index++) {
    for (size_t tile = 0; tile < queries->tiles; tile++) {
      uint8_t *row_flags = flags + tile * queries->rows * block_count + index;
      if (queries->rows == ROWS) {
        tile_scores(queries, keys, tile, first_block + index, ROWS, rows, vectors, row_flags, block_count);
      } else {
        tile_scores(queries, keys, tile, first_block + index, 1, 1, vectors, row_flags, block_count);
      }
    }
  }
}

// Accumulators of a part: what the registers hold.
#if defined(__x86_64__)
FOR_AVX512 static void avx512_scores(const ropedrift_sliced_queries *queries, const ropedrift_sliced_keys *keys,
                                     size_t first_block, size_t block_count, uint8_t *flags) {
  scores_body(queries, keys, first_block, block_count, flags, 4, 2);
}
FOR_AVX2 static void avx2_scores(const ropedrift_sliced_queries *queries, const ropedrift_sliced_keys *keys,
                                 size_t first_block, size_t block_count, uint8_t *flags) {
  scores_body(queries, keys, first_block, block_count, flags, 2, 1);
}
#endif
static void baseline_scores(const ropedrift_sliced_queries *queries, const ropedrift_sliced_keys *keys,
                            size_t first_block, size_t block_count, uint8_t *flags) {
  scores_body(queries, keys, first_block, block_count, flags, 2, 1);
}

void ropedrift_sliced_scores(const ropedrift_sliced_queries *queries, const ropedrift_sliced_keys *keys,
                             size_t first_block, size_t block_count, int allows_vectors, uint8_t *flags) {
  __builtin_memset(flags, 0, queries->tiles * queries->rows * block_count);
#if defined(__x86_64__)
  int level = eight_lanes_level(allows_vectors);
  if (level == 2) {
    avx512_scores(queries, keys, first_block, block_count, flags);
    return;
  }
  if (level == 1) {
    avx2_scores(queries, keys, first_block, block_count, flags);
    return;
  }
#endif
  baseline_scores(queries, keys, first_block, block_count, flags);
}
