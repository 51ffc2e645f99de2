// binary32 to bf16 and fp16 in 32-bit lanes, to nearest even and stochastically. Part of ArrayRounding.c.

// Rounds a block and counts; returns 0, with nothing counted, where the block has to go the general way.
typedef int (*narrow_block)(const unsigned char *source, size_t count, const ropedrift_random_place *place,
                            unsigned char *result, ropedrift_rounding_counts *counts);

ROPEDRIFT_BODY uint32_t bits_at(const unsigned char *source, size_t index) {
  uint32_t bits;
  memcpy(&bits, source + 4 * index, 4);
  return bits;
}

ROPEDRIFT_BODY void put16(unsigned char *result, size_t index, uint32_t encoding) {
  uint16_t narrow = (uint16_t)encoding;
  memcpy(result + 2 * index, &narrow, 2);
}

ROPEDRIFT_BODY void nearest_bf16(const unsigned char *source, size_t count, unsigned char *result,
                                 ropedrift_rounding_counts *counts) {
  uint32_t overflowed = 0, underflowed = 0, flushed = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t bits = bits_at(source, i), magnitude = bits & 0x7FFFFFFF;
    uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    put16(result, i, magnitude > 0x7F800000 ? 0x7FC0 : rounded);
    overflowed += magnitude - 0x7F7F8000 < 0x8000;
    underflowed += (magnitude < 0x00800000) & ((magnitude & 0xFFFF) != 0);
    flushed += magnitude - 1 < 0x8000;
  }
  counts->overflowed += overflowed;
  counts->underflowed += underflowed;
  counts->flushed += flushed;
}

ROPEDRIFT_BODY void nearest_fp16(const unsigned char *source, size_t count, unsigned char *result,
                                 ropedrift_rounding_counts *counts) {
  uint32_t overflowed = 0, underflowed = 0, flushed = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t bits = bits_at(source, i), magnitude = bits & 0x7FFFFFFF;
    // Above 2^-14: the exponents differ by 112. Below: the sum with 1/2 rounds to a multiple of 2^-24.
    uint32_t normal = (magnitude - 0x38000000 + 0xFFF + (magnitude >> 13 & 1)) >> 13;
    float small;
    memcpy(&small, &magnitude, 4);
    float sum = small + 0.5f;
    uint32_t subnormal;
    memcpy(&subnormal, &sum, 4);
    subnormal -= 0x3F000000;
    uint32_t rounded = magnitude < 0x38800000 ? subnormal : normal;
    rounded = magnitude >= 0x477FF000 ? 0x7C00 : rounded;
    rounded |= bits >> 16 & 0x8000;
    put16(result, i, magnitude > 0x7F800000 ? 0x7E00 : rounded);
    overflowed += magnitude - 0x477FF000 < 0x7F800000 - 0x477FF000;
    // Multiples of 2^-24 below 2^-14 are exact.
    uint32_t back_bits = subnormal + 0x3F000000;
    float back;
    memcpy(&back, &back_bits, 4);
    underflowed += (magnitude < 0x38800000) & (back - 0.5f != small);
    flushed += magnitude - 1 < 0x33000000;
  }
  counts->overflowed += overflowed;
  counts->underflowed += underflowed;
  counts->flushed += flushed;
}

// A bf16 fraction is 16 bits wherever it stands, subnormals included.
ROPEDRIFT_BODY void stochastic_bf16(const unsigned char *source, size_t count, const ropedrift_random_place *place,
                                    unsigned char *result, ropedrift_rounding_counts *counts) {
  uint64_t random[BLOCK];
  philox_upper_body(place, count, random);
  uint32_t overflowed = 0, underflowed = 0, flushed = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t bits = bits_at(source, i), magnitude = bits & 0x7FFFFFFF, fraction = bits & 0xFFFF;
    uint32_t rounded = (bits >> 16) + ((uint32_t)random[i] >> 16 < fraction);
    put16(result, i, magnitude > 0x7F800000 ? 0x7FC0 : rounded);
    overflowed += (magnitude < 0x7F800000) & ((rounded & 0x7FFF) == 0x7F80);
    underflowed += (magnitude < 0x00800000) & (fraction != 0);
    flushed += (magnitude != 0) & ((rounded & 0x7FFF) == 0);
  }
  counts->overflowed += overflowed;
  counts->underflowed += underflowed;
  counts->flushed += flushed;
}

// Blocks with numbers below 2^-14, whose fractions are longer, go the general way.
ROPEDRIFT_BODY int stochastic_fp16(const unsigned char *source, size_t count, const ropedrift_random_place *place,
                                   unsigned char *result, ropedrift_rounding_counts *counts) {
  uint32_t tiny = 0;
  for (size_t i = 0; i < count; i++) tiny |= (bits_at(source, i) & 0x7FFFFFFF) - 1 < 0x38800000 - 1;
  if (tiny) return 0;
  uint64_t random[BLOCK];
  philox_upper_body(place, count, random);
  uint32_t overflowed = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t bits = bits_at(source, i), magnitude = bits & 0x7FFFFFFF;
    uint32_t rounded = ((magnitude - 0x38000000) >> 13) + ((uint32_t)random[i] >> 19 < (magnitude & 0x1FFF));
    rounded = magnitude == 0 ? 0 : magnitude >= 0x47800000 ? 0x7C00 : rounded;
    overflowed += (magnitude < 0x7F800000) & (rounded == 0x7C00);
    rounded |= bits >> 16 & 0x8000;
    put16(result, i, magnitude > 0x7F800000 ? 0x7E00 : rounded);
  }
  counts->overflowed += overflowed;
  return 1;
}

enum { NEAREST_BF16, NEAREST_FP16, STOCHASTIC_BF16, STOCHASTIC_FP16, NARROW_WAYS };

#define NARROW_WAY(name, target)                                                                              \
  target static int name(const unsigned char *source, size_t count, const ropedrift_random_place *place,      \
                         unsigned char *result, ropedrift_rounding_counts *counts)

#define NARROW_WAYS_FOR(suffix, target)                                                                       \
  NARROW_WAY(nearest_bf16_##suffix, target) { (void)place; nearest_bf16(source, count, result, counts); return 1; } \
  NARROW_WAY(nearest_fp16_##suffix, target) { (void)place; nearest_fp16(source, count, result, counts); return 1; } \
  NARROW_WAY(stochastic_bf16_##suffix, target) {                                                              \
    stochastic_bf16(source, count, place, result, counts);                                                    \
    return 1;                                                                                                 \
  }                                                                                                           \
  NARROW_WAY(stochastic_fp16_##suffix, target) { return stochastic_fp16(source, count, place, result, counts); } \
  static const narrow_block narrow_ways_##suffix[NARROW_WAYS] = {                                             \
      nearest_bf16_##suffix, nearest_fp16_##suffix, stochastic_bf16_##suffix, stochastic_fp16_##suffix};

NARROW_WAYS_FOR(baseline, )
#if defined(__x86_64__)
NARROW_WAYS_FOR(avx2, ROPEDRIFT_FOR_AVX2)
NARROW_WAYS_FOR(avx512, ROPEDRIFT_FOR_AVX512)
#endif

static narrow_block narrow_block_for(const job *j, int level) {
  const ropedrift_rounding *r = j->rounding;
  int is_nearest = r->rounding == ROPEDRIFT_NEAREST_EVEN, is_stochastic = r->rounding == ROPEDRIFT_STOCHASTIC;
  if (j->source_kind != ROPEDRIFT_BINARY32 || j->result_kind != ROPEDRIFT_ENCODING16 ||
      !(is_nearest || is_stochastic) || !r->has_subnormals) {
    return NULL;
  }
  int is_bf16 = r->precision == 8 && r->minimum_exponent == -126 && r->largest == 0x7F7F &&
                r->infinity[0] == 0x7F80 && r->overflow[0] == 0x7F80;
  int is_fp16 = r->precision == 11 && r->minimum_exponent == -14 && r->largest == 0x7BFF &&
                r->infinity[0] == 0x7C00 && r->overflow[0] == 0x7C00;
  if (!is_bf16 && !is_fp16) return NULL;
  int way = is_bf16 ? (is_nearest ? NEAREST_BF16 : STOCHASTIC_BF16) : (is_nearest ? NEAREST_FP16 : STOCHASTIC_FP16);
#if defined(__x86_64__)
  if (level == 2) return narrow_ways_avx512[way];
  if (level == 1) return narrow_ways_avx2[way];
#else
  (void)level;
#endif
  return narrow_ways_baseline[way];
}
