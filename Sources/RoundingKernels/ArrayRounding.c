// Rounding of arrays, in blocks that stay in the first cache: every element becomes a binary64 number, then an integer in units of the
// format's gap, then an encoding or a value. What is common most (binary32 to bf16 and fp16) has a loop of its own in NarrowRounding.h.

#include "ArrayRounding.h"

#include <string.h>

#include "PhiloxLanes.h"
#include "VectorTargets.h"

#pragma STDC FP_CONTRACT OFF

enum { BLOCK = 256 };

static const uint64_t MAGNITUDE = UINT64_MAX >> 1, INFINITE = 0x7FF0000000000000;

// One block on its way.
typedef struct {
  uint64_t bits[BLOCK];      // the elements as binary64
  uint64_t random[BLOCK];    // for stochastic rounding
  uint64_t integer[BLOCK];   // |x| in units of the gap, rounded
  uint64_t gap[BLOCK];       // exponent field of the binade whose gap it is
  uint64_t encoding[BLOCK];
  double value[BLOCK];
  uint64_t flag[BLOCK];      // OVERFLOWED + UNDERFLOWED + FLUSHED: a block's sum of flags holds three counts
} block;

static const uint64_t OVERFLOWED = 1, UNDERFLOWED = (uint64_t)1 << 16, FLUSHED = (uint64_t)1 << 32;

ROPEDRIFT_BODY void load_body(block *b, const unsigned char *source, int kind, size_t count) {
  if (kind == ROPEDRIFT_BINARY64) {
    memcpy(b->bits, source, 8 * count);
    return;
  }
  for (size_t i = 0; i < count; i++) {
    float narrow;
    memcpy(&narrow, source + 4 * i, 4);
    double wide = narrow;
    memcpy(&b->bits[i], &wide, 8);
  }
}

ROPEDRIFT_BODY void integers(block *b, const ropedrift_rounding *r, int rounding, size_t count) {
  uint64_t least = (uint64_t)(r->minimum_exponent + 1023);
  uint64_t smallest_normal = least << 52;
  uint64_t dropped = (uint64_t)(53 - r->precision);
  // Below 2^emin without subnormals the gap is 2^emin.
  uint64_t widened = r->has_subnormals ? 0 : (uint64_t)(r->precision - 1);
  for (size_t i = 0; i < count; i++) {
    uint64_t bits = b->bits[i], magnitude = bits & MAGNITUDE;
    uint64_t negative = bits >> 63, field = magnitude >> 52;
    uint64_t significand = (magnitude & 0xFFFFFFFFFFFFF) | (field ? (uint64_t)1 << 52 : 0);
    field = field ? field : 1;
    uint64_t gap = field > least ? field : least;
    gap = magnitude < smallest_normal ? gap + widened : gap;
    uint64_t shift = gap - field + dropped;
    // 2^53 and less shifted by 60 is zero with a fraction below a half.
    uint64_t cut = shift < 60 ? shift : 60;
    uint64_t unit = (uint64_t)1 << cut, down = significand >> cut, added;
    switch (rounding) {
      case ROPEDRIFT_NEAREST_EVEN: added = (unit >> 1) - 1 + (down & 1); break;
      case ROPEDRIFT_NEAREST_AWAY: added = unit >> 1; break;
      case ROPEDRIFT_UP: added = negative ? 0 : unit - 1; break;
      case ROPEDRIFT_DOWN: added = negative ? unit - 1 : 0; break;
      default: added = 0; break;
    }
    uint64_t integer = (significand + added) >> cut;
    if (rounding == ROPEDRIFT_ODD) integer |= (significand & (unit - 1)) != 0;
    if (rounding == ROPEDRIFT_STOCHASTIC) {
      uint64_t left = 64 - (shift < 64 ? shift : 64), right = (shift < 64 ? 64 : shift < 127 ? shift : 127) - 64;
      uint64_t fraction = shift <= 63 ? significand << (left & 63) : significand >> right;
      integer += b->random[i] < fraction;
    }
    b->integer[i] = integer;
    b->gap[i] = gap;
    uint64_t tiny = magnitude < smallest_normal, inexact = (significand & (unit - 1)) != 0;
    b->flag[i] = (tiny && inexact ? UNDERFLOWED : 0) | (integer == 0 && magnitude != 0 ? FLUSHED : 0);
  }
}

ROPEDRIFT_BODY void integers_body(block *b, const ropedrift_rounding *r, size_t count) {
  switch (r->rounding) {
    case ROPEDRIFT_NEAREST_EVEN: integers(b, r, ROPEDRIFT_NEAREST_EVEN, count); break;
    case ROPEDRIFT_NEAREST_AWAY: integers(b, r, ROPEDRIFT_NEAREST_AWAY, count); break;
    case ROPEDRIFT_TOWARD_ZERO: integers(b, r, ROPEDRIFT_TOWARD_ZERO, count); break;
    case ROPEDRIFT_UP: integers(b, r, ROPEDRIFT_UP, count); break;
    case ROPEDRIFT_DOWN: integers(b, r, ROPEDRIFT_DOWN, count); break;
    case ROPEDRIFT_ODD: integers(b, r, ROPEDRIFT_ODD, count); break;
    default: integers(b, r, ROPEDRIFT_STOCHASTIC, count); break;
  }
}

// Encodings from integers: the exponent field is added above, so that carries and subnormals need no care.
ROPEDRIFT_BODY void encodings_body(block *b, const ropedrift_rounding *r, size_t count) {
  uint64_t least = (uint64_t)(r->minimum_exponent + 1023);
  int stored = r->precision - 1;
  uint64_t flushed_gap = r->has_subnormals ? UINT64_MAX : least + (uint64_t)stored;
  for (size_t i = 0; i < count; i++) {
    uint64_t bits = b->bits[i], magnitude = bits & MAGNITUDE, negative = bits >> 63;
    uint64_t flushes = magnitude < (least << 52) && b->gap[i] == flushed_gap;
    uint64_t encoding =
        flushes ? b->integer[i] << stored : b->integer[i] + ((b->gap[i] - least) << stored);
    uint64_t overflows = encoding > r->largest;
    encoding = overflows ? (negative ? r->overflow[1] : r->overflow[0]) : encoding | (negative ? r->sign : 0);
    uint64_t infinity = negative ? r->infinity[1] : r->infinity[0];
    encoding = magnitude == INFINITE ? infinity : encoding;
    b->encoding[i] = magnitude > INFINITE ? r->nan : encoding;
    b->flag[i] |= overflows && magnitude < INFINITE ? OVERFLOWED : 0;
  }
}

ROPEDRIFT_BODY void values_body(block *b, const ropedrift_rounding *r, double largest, size_t count) {
  uint64_t stored = (uint64_t)(r->precision - 1);
  for (size_t i = 0; i < count; i++) {
    uint64_t bits = b->bits[i], magnitude = bits & MAGNITUDE, negative = bits >> 63;
    uint64_t scale_bits = (b->gap[i] - stored) << 52, value_bits;
    double scale;
    memcpy(&scale, &scale_bits, 8);
    double value = (double)(int32_t)b->integer[i] * scale;
    uint64_t overflows = value > largest;
    memcpy(&value_bits, &value, 8);
    value_bits |= negative << 63;
    memcpy(&value, &value_bits, 8);
    double over = negative ? r->overflow_value[1] : r->overflow_value[0];
    double infinity = negative ? r->infinity_value[1] : r->infinity_value[0];
    value = overflows ? over : value;
    value = magnitude == INFINITE ? infinity : value;
    b->value[i] = magnitude > INFINITE ? __builtin_nan("") : value;
    b->flag[i] |= overflows && magnitude < INFINITE ? OVERFLOWED : 0;
  }
}

ROPEDRIFT_BODY void store_body(const block *b, unsigned char *result, int kind, size_t count) {
  switch (kind) {
    case ROPEDRIFT_BINARY64: memcpy(result, b->value, 8 * count); break;
    case ROPEDRIFT_BINARY32:
      for (size_t i = 0; i < count; i++) {
        float narrow = (float)b->value[i];
        memcpy(result + 4 * i, &narrow, 4);
      }
      break;
    case ROPEDRIFT_ENCODING8:
      for (size_t i = 0; i < count; i++) result[i] = (uint8_t)b->encoding[i];
      break;
    case ROPEDRIFT_ENCODING16:
      for (size_t i = 0; i < count; i++) {
        uint16_t narrow = (uint16_t)b->encoding[i];
        memcpy(result + 2 * i, &narrow, 2);
      }
      break;
    default:
      for (size_t i = 0; i < count; i++) {
        uint32_t narrow = (uint32_t)b->encoding[i];
        memcpy(result + 4 * i, &narrow, 4);
      }
      break;
  }
}

ROPEDRIFT_BODY void count_body(const block *b, size_t count, ropedrift_rounding_counts *counts) {
  uint64_t sum = 0;
  for (size_t i = 0; i < count; i++) sum += b->flag[i];
  counts->overflowed += sum & 0xFFFF;
  counts->underflowed += sum >> 16 & 0xFFFF;
  counts->flushed += sum >> 32;
}

// Nearest even to values of formats whose range is far inside binary64's: adding and taking away 1.5 * 2^52 gaps rounds to a multiple
// of the gap, ties to even.
ROPEDRIFT_BODY void nearest_values_body(block *b, const ropedrift_rounding *r, double largest, size_t count) {
  uint64_t smallest_normal = (uint64_t)(r->minimum_exponent + 1023) << 52;
  uint64_t offset = ((uint64_t)(53 - r->precision) << 52) + ((uint64_t)1 << 51);
  for (size_t i = 0; i < count; i++) {
    uint64_t bits = b->bits[i], magnitude = bits & MAGNITUDE, negative = bits >> 63;
    uint64_t field = magnitude > smallest_normal ? magnitude & INFINITE : smallest_normal;
    // Above 2^902 everything overflows, and the sum may not.
    field = field < (uint64_t)1925 << 52 ? field : (uint64_t)1925 << 52;
    uint64_t magic_bits = field + offset, value_bits;
    double x, magic;
    memcpy(&x, &magnitude, 8);
    memcpy(&magic, &magic_bits, 8);
    double value = (x + magic) - magic;
    uint64_t overflows = !(value <= largest);
    memcpy(&value_bits, &value, 8);
    value_bits |= negative << 63;
    uint64_t tiny = magnitude < smallest_normal, inexact = value != x, flushes = value == 0 && magnitude != 0;
    memcpy(&value, &value_bits, 8);
    double over = negative ? r->overflow_value[1] : r->overflow_value[0];
    double infinity = negative ? r->infinity_value[1] : r->infinity_value[0];
    value = overflows ? over : value;
    value = magnitude == INFINITE ? infinity : value;
    b->value[i] = magnitude > INFINITE ? __builtin_nan("") : value;
    b->flag[i] = (overflows && magnitude < INFINITE ? OVERFLOWED : 0) |
                 (tiny && inexact ? UNDERFLOWED : 0) | (flushes ? FLUSHED : 0);
  }
}

// The same where every number is zero or in the format's normal range, so that nothing is to be counted; 0 where one is not.
ROPEDRIFT_BODY int ordinary_values_body(block *b, const unsigned char *source, const ropedrift_rounding *r,
                                        double largest, size_t count) {
  uint64_t smallest_normal = (uint64_t)(r->minimum_exponent + 1023) << 52, largest_bits;
  uint64_t offset = ((uint64_t)(53 - r->precision) << 52) + ((uint64_t)1 << 51), others = 0;
  memcpy(&largest_bits, &largest, 8);
  for (size_t i = 0; i < count; i++) {
    uint64_t bits, value_bits;
    memcpy(&bits, source + 8 * i, 8);
    uint64_t magnitude = bits & MAGNITUDE;
    // Of zero the addition makes zero, whatever the gap.
    uint64_t magic_bits = (magnitude & INFINITE) + offset;
    double x, magic;
    memcpy(&x, &magnitude, 8);
    memcpy(&magic, &magic_bits, 8);
    double value = (x + magic) - magic;
    memcpy(&value_bits, &value, 8);
    value_bits |= bits & ~MAGNITUDE;
    memcpy(&b->value[i], &value_bits, 8);
    others |= (magnitude - smallest_normal > largest_bits - smallest_normal) & (magnitude != 0);
  }
  return others == 0;
}

typedef struct {
  const ropedrift_rounding *rounding;
  double largest;
  int source_kind;
  int result_kind;
  int gives_values;
  int adds_magic;
} job;

ROPEDRIFT_BODY void round_block_body(const job *j, const unsigned char *source, size_t count,
                                     const ropedrift_random_place *place, unsigned char *result, uint8_t *flags,
                                     ropedrift_rounding_counts *counts) {
  block b;
  if (j->adds_magic && j->source_kind == ROPEDRIFT_BINARY64 && j->result_kind == ROPEDRIFT_BINARY64 &&
      ordinary_values_body(&b, source, j->rounding, j->largest, count)) {
    memcpy(result, b.value, 8 * count);
    return;
  }
  load_body(&b, source, j->source_kind, count);
  if (j->adds_magic) {
    nearest_values_body(&b, j->rounding, j->largest, count);
  } else {
    if (j->rounding->rounding == ROPEDRIFT_STOCHASTIC) philox_bits_body(place, count, b.random);
    integers_body(&b, j->rounding, count);
    if (j->gives_values) {
      values_body(&b, j->rounding, j->largest, count);
    } else {
      encodings_body(&b, j->rounding, count);
    }
  }
  store_body(&b, result, j->result_kind, count);
  count_body(&b, count, counts);
  if (flags) {
    for (size_t i = 0; i < count; i++) {
      flags[i] |= (uint8_t)((b.flag[i] & 1) | (b.flag[i] >> 15 & 2) | (b.flag[i] >> 30 & 4));
    }
  }
}

ROPEDRIFT_INSTANTIATE(round_block,
                      (const job *j, const unsigned char *source, size_t count, const ropedrift_random_place *place,
                       unsigned char *result, uint8_t *flags, ropedrift_rounding_counts *counts),
                      (j, source, count, place, result, flags, counts))

ROPEDRIFT_INSTANTIATE(philox_bits, (const ropedrift_random_place *place, size_t count, uint64_t *bits),
                      (place, count, bits))

#include "NarrowRounding.h"

static size_t size_of(int kind) {
  switch (kind) {
    case ROPEDRIFT_ENCODING8: return 1;
    case ROPEDRIFT_ENCODING16: return 2;
    case ROPEDRIFT_BINARY64: return 8;
    default: return 4;
  }
}

// The value of the encoding of the largest finite number.
static double largest_value(const ropedrift_rounding *r) {
  uint32_t hidden = (uint32_t)1 << (r->precision - 1);
  int field = (int)(r->largest >> (r->precision - 1));
  double significand = (double)((r->largest & (hidden - 1)) | hidden);
  uint64_t scale_bits = (uint64_t)(field + r->minimum_exponent - r->precision + 1023) << 52;
  double scale;
  memcpy(&scale, &scale_bits, 8);
  return significand * scale;
}

void ropedrift_round_array(const void *source, int source_kind, size_t rows, size_t columns,
                           const ropedrift_rounding *rounding, const ropedrift_random_place *place,
                           int allows_vectors, void *result, int result_kind, uint8_t *flags,
                           ropedrift_rounding_counts *counts) {
  int level = ropedrift_vector_level(allows_vectors);
  int is_stochastic = rounding->rounding == ROPEDRIFT_STOCHASTIC;
  if (!is_stochastic) {
    columns *= rows;
    rows = columns ? 1 : 0;
  }
  int gives_values = result_kind == ROPEDRIFT_BINARY32 || result_kind == ROPEDRIFT_BINARY64;
  double largest = largest_value(rounding);
  int adds_magic = gives_values && rounding->rounding == ROPEDRIFT_NEAREST_EVEN && rounding->has_subnormals &&
                   rounding->minimum_exponent >= -900 && largest < 0x1p901;
  job j = {rounding, largest, source_kind, result_kind, gives_values, adds_magic};
  narrow_block narrow = flags ? NULL : narrow_block_for(&j, level);
  const unsigned char *from = source;
  unsigned char *to = result;
  size_t from_size = size_of(source_kind), to_size = size_of(result_kind);
  for (size_t row = 0; row < rows; row++) {
    ropedrift_random_place here = *place;
    here.row += (uint32_t)row;
    for (size_t start = 0; start < columns; start += BLOCK) {
      size_t count = columns - start < BLOCK ? columns - start : BLOCK;
      here.column = place->column + (uint32_t)start;
      if (!narrow || !narrow(from, count, &here, to, counts)) {
        round_block[level](&j, from, count, &here, to, flags, counts);
      }
      from += count * from_size;
      to += count * to_size;
      if (flags) flags += count;
    }
  }
}

void ropedrift_random_bits(const ropedrift_random_place *place, size_t count, int allows_vectors, uint64_t *bits) {
  philox_bits[ropedrift_vector_level(allows_vectors)](place, count, bits);
}

ROPEDRIFT_BODY uint64_t odd_products_of_block(const double *restrict x, double factor, size_t count,
                                              double *restrict products) {
  uint64_t left = 0, factor_is_special = !(factor - factor == 0) | (factor == 0);
  for (size_t i = 0; i < count; i++) {
    double number = x[i], product = number * factor, error = __builtin_fma(number, factor, -product);
    uint64_t bits;
    memcpy(&bits, &product, 8);
    uint64_t magnitude = bits & MAGNITUDE;
    uint64_t is_exact = factor_is_special | !(number - number == 0) | (uint64_t)(number == 0);
    uint64_t fits = (magnitude >= (uint64_t)(1023 - 900) << 52) & (magnitude <= (uint64_t)(1023 + 1000) << 52);
    // An inexact product goes to the neighbour with an odd last bit: up by one, or down where the error points to zero.
    uint64_t to_zero = (uint64_t)(error < 0) ^ bits >> 63;
    uint64_t odd = (bits - to_zero) | 1;
    bits = (error != 0) & fits & (is_exact ^ 1) ? odd : bits;
    memcpy(&products[i], &bits, 8);
    left += (fits | is_exact) ^ 1;
  }
  return left;
}

// The numbers are copied, so that products may take their place: a loop whose buffers overlap is not made of vectors.
ROPEDRIFT_BODY void odd_products_body(const double *x, double factor, size_t count, double *products,
                                      size_t *unfit) {
  uint64_t left = 0;
  for (size_t start = 0; start < count; start += BLOCK) {
    size_t size = count - start < BLOCK ? count - start : BLOCK;
    double copy[BLOCK];
    memcpy(copy, x + start, size * sizeof(double));
    left += odd_products_of_block(copy, factor, size, products + start);
  }
  *unfit = (size_t)left;
}

ROPEDRIFT_INSTANTIATE(odd_products,
                      (const double *x, double factor, size_t count, double *products, size_t *unfit),
                      (x, factor, count, products, unfit))

size_t ropedrift_products_rounded_to_odd(const double *x, double factor, size_t count, int allows_vectors,
                                         double *products) {
  size_t unfit;
  odd_products[ropedrift_vector_level(allows_vectors)](x, factor, count, products, &unfit);
  return unfit;
}
