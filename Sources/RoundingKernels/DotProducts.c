// Dot products: the walk over tiles of queries and panels of keys, and which machine's loops it calls.

#include "DotTile.h"

#pragma STDC FP_CONTRACT OFF

#define KERNELS "DotTiles.h"
#include "EachMachine.h"

// What a machine computes a tile with.
typedef struct {
  void (*tile)(const dot_tile *tile);
  size_t rows;
  int has_half;
} machine;

static machine machine_for(int allows_vectors) {
  machine_kind kind = machine_kind_for(allows_vectors);
#if defined(__x86_64__)
  if (kind == MACHINE_AVX512) return (machine){tile_avx512, ROWS_AVX512, 1};
  if (kind == MACHINE_AVX2) return (machine){tile_avx2, ROWS_AVX2, 1};
#endif
  (void)kind;
  return (machine){tile_baseline, ROWS_BASELINE, 0};
}

static ropedrift_dot_range join(ropedrift_dot_range a, ropedrift_dot_range b) {
  return (ropedrift_dot_range){a.width > b.width ? a.width : b.width, a.lowest < b.lowest ? a.lowest : b.lowest,
                               a.highest > b.highest ? a.highest : b.highest, a.finite && b.finite};
}

// Whether, besides, the binary32 lanes of a matrix unit never leave the range of normal numbers: units are 2^(exponent - alignment).
static int stays_in_single_range(ropedrift_dot_range a, ropedrift_dot_range b, size_t channels) {
  return a.finite && b.finite && a.lowest + b.lowest >= TENSOR_CORE_LOWEST &&
         a.highest + b.highest + 2 + bits_of(channels + 1) <= 126;
}

// The exponent of a number, as the matrix unit's lanes take it.
static int exponent_of(float x) {
  uint32_t magnitude = __builtin_bit_cast(uint32_t, x) & 0x7fffffff;
  if (magnitude == 0) return EXPONENT_OF_ZERO;
  return magnitude >> 23 ? (int)(magnitude >> 23) - 127 : -118 - __builtin_clz(magnitude);
}

// Queries whose vectors stay in a cache together: a multiple of every machine's rows.
enum { QUERY_BLOCK = 168 };

// Scratch: queries of a block, twice (as binary32 and as binary64), one panel in binary64, partial sums, sums.
typedef struct {
  float *single_queries;   // (tiles)(channels, rows)
  double *wide_queries;    // likewise
  double *wide_keys;       // (channels, 32)
  int32_t *query_exponents;  // as the queries
  int16_t *key_exponents;    // (channels, 32)
  void *room;
  void *sums;
} scratch_parts;

static size_t room_of(const ropedrift_dot_plan *plan, size_t channels) {
  size_t vectors = plan->order == ROPEDRIFT_DOT_LANES ? plan->count : plan->order == ROPEDRIFT_DOT_PAIRWISE ? channels : 0;
  return (vectors + 1) * 2 * 64;
}

static size_t aligned(size_t size) { return (size + 63) / 64 * 64; }

static size_t block_of(size_t query_count) { return query_count < QUERY_BLOCK ? query_count : QUERY_BLOCK; }

size_t ropedrift_dot_scratch_size(const ropedrift_dot_plan *plan, size_t query_count, size_t channels) {
  size_t block = block_of(query_count) * channels;
  return 2 * aligned(block * sizeof(float)) + aligned(block * sizeof(double)) +
         aligned(channels * PANEL * sizeof(double)) + aligned(channels * PANEL * sizeof(int16_t)) +
         room_of(plan, channels) + MOST_ROWS * PANEL * sizeof(double);
}

static scratch_parts parts_of(void *scratch, const ropedrift_dot_plan *plan, size_t query_count, size_t channels) {
  size_t block = block_of(query_count) * channels;
  char *at = scratch;
  scratch_parts parts;
  parts.single_queries = (float *)at;
  at += aligned(block * sizeof(float));
  parts.wide_queries = (double *)at;
  at += aligned(block * sizeof(double));
  parts.wide_keys = (double *)at;
  at += aligned(channels * PANEL * sizeof(double));
  parts.query_exponents = (int32_t *)at;
  at += aligned(block * sizeof(int32_t));
  parts.key_exponents = (int16_t *)at;
  at += aligned(channels * PANEL * sizeof(int16_t));
  parts.room = at;
  parts.sums = at + room_of(plan, channels);
  return parts;
}

static int is_tensor_core(const dot_tile *tile) { return !tile->is_wide && tile->way == SINGLE_TENSOR_CORE; }

// Rows of the tile that starts with `left` rows to go.
static size_t rows_of_tile(const dot_tile *plan, size_t left, machine machine) {
  if (plan->plan->order == ROPEDRIFT_DOT_LANES || plan->plan->order == ROPEDRIFT_DOT_PAIRWISE) return 1;
  int has_main = !plan->is_wide && plan->way <= SINGLE_EXACT && plan->plan->order == ROPEDRIFT_DOT_IN_ORDER;
  if (has_main && left >= machine.rows) return machine.rows;
  return left >= 4 ? 4 : 1;
}

// The queries of a block, tile by tile.
typedef struct {
  size_t start, rows;
  ropedrift_dot_range range;
} query_tile;

static size_t pack_block(const prepared_dot_plan *prepared, const ropedrift_dot_vectors *queries, size_t first, size_t count,
                         machine machine, const scratch_parts *parts, query_tile *tiles) {
  size_t channels = queries->channels, tile_count = 0;
  int is_wide = ropedrift_dot_reads_binary64(prepared->exact.plan);
  int has_exponents = is_tensor_core(&prepared->exact);
  for (size_t start = 0; start < count;) {
    query_tile tile = {start, rows_of_tile(&prepared->exact, count - start, machine), queries->ranges[first + start]};
    for (size_t row = 0; row < tile.rows; row++) {
      tile.range = join(tile.range, queries->ranges[first + start + row]);
      for (size_t c = 0; c < channels; c++) {
        size_t from = (first + start + row) * channels + c, to = start * channels + c * tile.rows + row;
        if (is_wide) {
          parts->wide_queries[to] = ((const double *)queries->values)[from];
        } else {
          float value = ((const float *)queries->values)[from];
          parts->single_queries[to] = value;
          parts->wide_queries[to] = value;
          if (has_exponents) {
            uint16_t exponent = (uint16_t)exponent_of(value);
            parts->query_exponents[to] = (int32_t)((uint32_t)exponent << 16 | exponent);
          }
        }
      }
    }
    tiles[tile_count++] = tile;
    start += tile.rows;
  }
  return tile_count;
}

void ropedrift_dot_products(const ropedrift_dot_plan *plan, const ropedrift_dot_vectors *queries, size_t first_query,
                            size_t query_count, const ropedrift_dot_vectors *keys, size_t first_key, size_t key_count,
                            int allows_vectors, void *scratch, double *scores, size_t stride) {
  if (query_count == 0 || key_count == 0) return;
  machine machine = machine_for(allows_vectors);
  size_t channels = queries->channels, end_key = first_key + key_count;
  prepared_dot_plan prepared = ropedrift_prepare_dot_plan(plan, channels, machine.has_half);
  scratch_parts parts = parts_of(scratch, plan, query_count, channels);
  int reads_binary64 = ropedrift_dot_reads_binary64(plan);
  query_tile tiles[QUERY_BLOCK];
  for (size_t block = 0; block < query_count; block += QUERY_BLOCK) {
    size_t left = query_count - block, count = left < QUERY_BLOCK ? left : QUERY_BLOCK;
    size_t tile_count = pack_block(&prepared, queries, first_query + block, count, machine, &parts, tiles);
    for (size_t panel = first_key / PANEL; panel * PANEL < end_key; panel++) {
      size_t first_lane = panel * PANEL < first_key ? first_key - panel * PANEL : 0;
      size_t end_lane = end_key - panel * PANEL < PANEL ? end_key - panel * PANEL : PANEL;
      double *target = scores + block * stride + (panel * PANEL + first_lane - first_key);
      const float *single_keys = reads_binary64 ? 0 : (const float *)keys->values + panel * channels * PANEL;
      const double *wide_keys = reads_binary64 ? (const double *)keys->values + panel * channels * PANEL : 0;
      int has_key_exponents = 0;
      for (size_t index = 0; index < tile_count; index++) {
        const query_tile *queries_of_tile = &tiles[index];
        ropedrift_dot_range range = keys->ranges[panel];
        int is_exact = products_are_exact(queries_of_tile->range, range);
        if (is_tensor_core(&prepared.exact)) {
          is_exact = is_exact && stays_in_single_range(queries_of_tile->range, range, channels);
        }
        dot_tile tile = is_exact ? prepared.exact : prepared.other;
        tile.operands_finite = queries_of_tile->range.finite && range.finite;
        if (tile.is_wide && !wide_keys) {
          for (size_t i = 0; i < channels * PANEL; i++) parts.wide_keys[i] = single_keys[i];
          wide_keys = parts.wide_keys;
        }
        if (is_tensor_core(&tile) && !has_key_exponents) {
          for (size_t i = 0; i < channels * PANEL; i++) parts.key_exponents[i] = (int16_t)exponent_of(single_keys[i]);
          has_key_exponents = 1;
        }
        size_t offset = queries_of_tile->start * channels;
        tile.query_exponents = parts.query_exponents + offset;
        tile.key_exponents = parts.key_exponents;
        tile.rows = queries_of_tile->rows;
        tile.queries = tile.is_wide ? (const void *)(parts.wide_queries + offset) : parts.single_queries + offset;
        tile.keys = tile.is_wide ? (const void *)wide_keys : single_keys;
        tile.room = parts.room;
        tile.sums = parts.sums;
        tile.first_lane = first_lane;
        tile.lanes = end_lane - first_lane;
        tile.scores = target + queries_of_tile->start * stride;
        tile.stride = stride;
        machine.tile(&tile);
      }
    }
  }
}
