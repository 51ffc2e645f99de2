// The orders of accumulation over lanes of keys. Included once for every kind of lanes, which brings VECTOR, LANES, SCALAR, WAY and
// the rounded operations LANE(product), LANE(sum) and LANE(fused): one body for all machines and accumulators.

// acc + q * k, each product rounded or not.
INLINE VECTOR LANE(take)(WAY way, int is_fused, const dot_tile *tile, VECTOR sum, VECTOR q, VECTOR k) {
  return is_fused ? LANE(fused)(way, tile, q, k, sum) : LANE(sum)(way, tile, sum, LANE(product)(way, tile, q, k));
}

// Channels [start, end) in order from +0, for `rows` queries and 2 vectors of keys. rows is a constant where this is expanded.
INLINE void LANE(in_order)(WAY way, int is_fused, int rows, const dot_tile *tile, const SCALAR *keys, size_t start,
                           size_t end, VECTOR *sums) {
  const SCALAR *queries = tile->queries;
  VECTOR first[MOST_ROWS], second[MOST_ROWS];
#pragma clang loop unroll(full)
  for (int row = 0; row < rows; row++) first[row] = second[row] = (VECTOR)0;
#pragma clang loop unroll(disable)
  for (size_t c = start; c < end; c++) {
    VECTOR k1 = LANE(load)(keys + c * PANEL), k2 = LANE(load)(keys + c * PANEL + LANES);
#pragma clang loop unroll(full)
    for (int row = 0; row < rows; row++) {
      VECTOR q = (VECTOR)queries[c * rows + row];
      first[row] = LANE(take)(way, is_fused, tile, first[row], q, k1);
      second[row] = LANE(take)(way, is_fused, tile, second[row], q, k2);
    }
  }
#pragma clang loop unroll(full)
  for (int row = 0; row < rows; row++) {
    sums[2 * row] = first[row];
    sums[2 * row + 1] = second[row];
  }
}

INLINE void LANE(blocks)(WAY way, int rows, const dot_tile *tile, const SCALAR *keys, VECTOR *sums) {
  VECTOR total[2 * MOST_ROWS];
  for (int i = 0; i < 2 * rows; i++) total[i] = (VECTOR)0;
  for (size_t start = 0; start < tile->channels; start += tile->plan->count) {
    size_t rest = tile->channels - start, size = tile->plan->count < rest ? tile->plan->count : rest;
    LANE(in_order)(way, way == (WAY)EXACT_WAY, rows, tile, keys, start, start + size, sums);
    for (int i = 0; i < 2 * rows; i++) total[i] = LANE(sum)(way, tile, total[i], sums[i]);
  }
  for (int i = 0; i < 2 * rows; i++) sums[i] = total[i];
}

// One query.
INLINE void LANE(lanes)(WAY way, int is_fused, const dot_tile *tile, const SCALAR *keys, VECTOR *sums) {
  const SCALAR *query = tile->queries;
  VECTOR *room = tile->room;
  size_t left = tile->plan->count, neighbours = tile->plan->neighbours;
  for (size_t lane = 0; lane < 2 * left; lane++) room[lane] = (VECTOR)0;
  for (size_t c = 0, lane = 0; c < tile->channels; c++) {
    VECTOR q = (VECTOR)query[c];
    room[lane] = LANE(take)(way, is_fused, tile, room[lane], q, LANE(load)(keys + c * PANEL));
    room[lane + 1] = LANE(take)(way, is_fused, tile, room[lane + 1], q, LANE(load)(keys + c * PANEL + LANES));
    lane = lane + 2 == 2 * left ? 0 : lane + 2;
  }
  while (left > 1) {
    int folds = left > neighbours;
    left /= 2;
    for (size_t lane = 0; lane < left; lane++) {
      size_t a = folds ? lane : 2 * lane, b = folds ? lane + left : 2 * lane + 1;
      room[2 * lane] = LANE(sum)(way, tile, room[2 * a], room[2 * b]);
      room[2 * lane + 1] = LANE(sum)(way, tile, room[2 * a + 1], room[2 * b + 1]);
    }
  }
  sums[0] = room[0];
  sums[1] = room[1];
}

// One query.
INLINE void LANE(pairwise)(WAY way, const dot_tile *tile, const SCALAR *keys, VECTOR *sums) {
  const SCALAR *query = tile->queries;
  VECTOR *room = tile->room;
  size_t count = tile->channels;
  for (size_t c = 0; c < count; c++) {
    VECTOR q = (VECTOR)query[c];
    room[2 * c] = LANE(product)(way, tile, q, LANE(load)(keys + c * PANEL));
    room[2 * c + 1] = LANE(product)(way, tile, q, LANE(load)(keys + c * PANEL + LANES));
  }
  for (; count > 1; count = (count + 1) / 2) {
    for (size_t i = 0; i < count / 2; i++) {
      room[2 * i] = LANE(sum)(way, tile, room[4 * i], room[4 * i + 2]);
      room[2 * i + 1] = LANE(sum)(way, tile, room[4 * i + 1], room[4 * i + 3]);
    }
    if (count % 2) {
      room[count - 1] = room[2 * count - 2];
      room[count] = room[2 * count - 1];
    }
  }
  sums[0] = room[0];
  sums[1] = room[1];
}

// A tile in a way and with a number of rows that are constants where this is expanded.
INLINE void LANE(order)(WAY way, int rows, const dot_tile *tile) {
  for (int lane = 0; lane < PANEL; lane += 2 * LANES) {
    const SCALAR *keys = (const SCALAR *)tile->keys + lane;
    VECTOR sums[2 * MOST_ROWS];
    switch (tile->plan->order) {
      case ROPEDRIFT_DOT_IN_ORDER:
        if (way == (WAY)EXACT_WAY || tile->plan->is_fused) {
          LANE(in_order)(way, 1, rows, tile, keys, 0, tile->channels, sums);
        } else {
          LANE(in_order)(way, way == (WAY)EXACT_WAY, rows, tile, keys, 0, tile->channels, sums);
        }
        break;
      case ROPEDRIFT_DOT_BLOCKS:
        if (rows <= 4) LANE(blocks)(way, rows, tile, keys, sums);
        break;
      case ROPEDRIFT_DOT_LANES:
        if (rows > 1) break;
        if (way == (WAY)EXACT_WAY || tile->plan->is_fused) {
          LANE(lanes)(way, 1, tile, keys, sums);
        } else {
          LANE(lanes)(way, way == (WAY)EXACT_WAY, tile, keys, sums);
        }
        break;
      default:
        if (rows == 1) LANE(pairwise)(way, tile, keys, sums);
    }
    SCALAR *out = (SCALAR *)tile->sums + lane;
    for (int row = 0; row < rows; row++) {
      LANE(store)(out + row * PANEL, sums[2 * row]);
      LANE(store)(out + row * PANEL + LANES, sums[2 * row + 1]);
    }
  }
}
