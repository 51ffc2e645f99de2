// exp and exp2 in plain loops: binary32 results by one evaluation in binary64, binary64 results by a sum of two numbers with a rounding
// test. Documentation/ElementaryFunctions.md derives the bounds. Not part of the interface.

#ifndef ROPEDRIFT_EXPONENTIAL_LANES_H
#define ROPEDRIFT_EXPONENTIAL_LANES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "VectorTargets.h"

#pragma STDC FP_CONTRACT OFF

// Adding and taking away 1.5 * 2^52 rounds to an integer; before it is taken away, the low bits are that integer's.
#define ROPEDRIFT_TO_INTEGER 0x1.8p52

// value * 2^power for normal numbers and results.
ROPEDRIFT_BODY double with_power(double value, uint64_t power) {
  uint64_t bits;
  memcpy(&bits, &value, 8);
  bits += power << 52;
  memcpy(&value, &bits, 8);
  return value;
}

ROPEDRIFT_BODY uint64_t bits_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, 8);
  return bits;
}

// e^x in binary64 for binary32 x from -110 to 95, within 2^-51.5 of itself: x = k ln 2 + r, e^r = 1 + (r + r^2 q(r)).
ROPEDRIFT_BODY double wide_exp(double x) {
  double shifted = __builtin_fma(x, 0x1.71547652b82fep+0, ROPEDRIFT_TO_INTEGER);
  double k = shifted - ROPEDRIFT_TO_INTEGER;
  double r = __builtin_fma(-k, 0x1.62e42fefa4000p-1, x);
  r = __builtin_fma(-k, -0x1.8432a1b0e2634p-43, r);
  double q = 0x1.1f730349868cep-29;
  q = __builtin_fma(q, r, 0x1.af4de97ca4194p-26);
  q = __builtin_fma(q, r, 0x1.27e4db646b17ep-22);
  q = __builtin_fma(q, r, 0x1.71de0231960ebp-19);
  q = __builtin_fma(q, r, 0x1.a01a01a6d889cp-16);
  q = __builtin_fma(q, r, 0x1.a01a01abe7fe1p-13);
  q = __builtin_fma(q, r, 0x1.6c16c16c162d4p-10);
  q = __builtin_fma(q, r, 0x1.11111111100dcp-7);
  q = __builtin_fma(q, r, 0x1.5555555555556p-5);
  q = __builtin_fma(q, r, 0x1.5555555555557p-3);
  q = __builtin_fma(q, r, 0x1p-1);
  return with_power(1 + __builtin_fma(r * r, q, r), bits_of(shifted));
}

// 2^x in binary64 for binary32 x from -160 to 130, within 2^-52 of itself, exact for integers: x = k + r, 2^r = 1 + r q(r).
ROPEDRIFT_BODY double wide_exp2(double x) {
  double shifted = x + ROPEDRIFT_TO_INTEGER;
  double r = x - (shifted - ROPEDRIFT_TO_INTEGER);
  double q = 0x1.ea1828186097ep-32;
  q = __builtin_fma(q, r, 0x1.e61ca9671a742p-28);
  q = __builtin_fma(q, r, 0x1.b524cdff16000p-24);
  q = __builtin_fma(q, r, 0x1.62bfc6cc18782p-20);
  q = __builtin_fma(q, r, 0x1.ffcbfc7c3d38fp-17);
  q = __builtin_fma(q, r, 0x1.4309130f2fc8dp-13);
  q = __builtin_fma(q, r, 0x1.5d87fe78a0e50p-10);
  q = __builtin_fma(q, r, 0x1.3b2ab6fb9ff54p-7);
  q = __builtin_fma(q, r, 0x1.c6b08d704a0d7p-5);
  q = __builtin_fma(q, r, 0x1.ebfbdff82c5a5p-3);
  q = __builtin_fma(q, r, 0x1.62e42fefa39efp-1);
  return with_power(__builtin_fma(r, q, 1), bits_of(shifted));
}

// Results beyond these are 0 or infinity, as theirs are.
ROPEDRIFT_BODY float clamped_argument(float x, float smallest, float largest) {
  float clamped = x < smallest ? smallest : x;
  return clamped > largest ? largest : clamped;
}

enum { EXPONENTIAL_BLOCK = 256 };

// e^x or 2^x, rounded to nearest, of up to EXPONENTIAL_BLOCK numbers that do not overlap the results. What can be done in binary32 is
// done before and after, in twice as many lanes. The two arguments whose 2^x lies less than 2^-53 above the middle between two binary32
// numbers, on which binary64 puts it, are the two that y alone would round wrongly.
ROPEDRIFT_BODY void exponentials_of_block(const float *restrict x, size_t count, int is_base_two,
                                          float *restrict results) {
  float clamped[EXPONENTIAL_BLOCK];
  if (is_base_two) {
    for (size_t i = 0; i < count; i++) clamped[i] = clamped_argument(x[i], -160, 130);
    for (size_t i = 0; i < count; i++) results[i] = (float)wide_exp2((double)clamped[i]);
    for (size_t i = 0; i < count; i++) {
      float y = clamped[i] == 0x1.853a6ep-9f ? 0x1.00870ap+0f : results[i];
      results[i] = clamped[i] == -0x1.e7526ep-6f ? 0x1.f58d62p-1f : y;
    }
  } else {
    for (size_t i = 0; i < count; i++) clamped[i] = clamped_argument(x[i], -110, 95);
    for (size_t i = 0; i < count; i++) results[i] = (float)wide_exp((double)clamped[i]);
  }
  for (size_t i = 0; i < count; i++) results[i] = clamped[i] != clamped[i] ? __builtin_nanf("") : results[i];
}

// 2^(j/64) as an unevaluated sum.
static const double powers_of_two[64][2] = {
    {0x1.0000000000000p+0, 0x0.0p+0},
    {0x1.02c9a3e778061p+0, -0x1.19083535b085dp-56},
    {0x1.059b0d3158574p+0, 0x1.d73e2a475b465p-55},
    {0x1.0874518759bc8p+0, 0x1.186be4bb284ffp-57},
    {0x1.0b5586cf9890fp+0, 0x1.8a62e4adc610bp-54},
    {0x1.0e3ec32d3d1a2p+0, 0x1.03a1727c57b53p-59},
    {0x1.11301d0125b51p+0, -0x1.6c51039449b3ap-54},
    {0x1.1429aaea92de0p+0, -0x1.32fbf9af1369ep-54},
    {0x1.172b83c7d517bp+0, -0x1.19041b9d78a76p-55},
    {0x1.1a35beb6fcb75p+0, 0x1.e5b4c7b4968e4p-55},
    {0x1.1d4873168b9aap+0, 0x1.e016e00a2643cp-54},
    {0x1.2063b88628cd6p+0, 0x1.dc775814a8495p-55},
    {0x1.2387a6e756238p+0, 0x1.9b07eb6c70573p-54},
    {0x1.26b4565e27cddp+0, 0x1.2bd339940e9d9p-55},
    {0x1.29e9df51fdee1p+0, 0x1.612e8afad1255p-55},
    {0x1.2d285a6e4030bp+0, 0x1.0024754db41d5p-54},
    {0x1.306fe0a31b715p+0, 0x1.6f46ad23182e4p-55},
    {0x1.33c08b26416ffp+0, 0x1.32721843659a6p-54},
    {0x1.371a7373aa9cbp+0, -0x1.63aeabf42eae2p-54},
    {0x1.3a7db34e59ff7p+0, -0x1.5e436d661f5e3p-56},
    {0x1.3dea64c123422p+0, 0x1.ada0911f09ebcp-55},
    {0x1.4160a21f72e2ap+0, -0x1.ef3691c309278p-58},
    {0x1.44e086061892dp+0, 0x1.89b7a04ef80d0p-59},
    {0x1.486a2b5c13cd0p+0, 0x1.3c1a3b69062f0p-56},
    {0x1.4bfdad5362a27p+0, 0x1.d4397afec42e2p-56},
    {0x1.4f9b2769d2ca7p+0, -0x1.4b309d25957e3p-54},
    {0x1.5342b569d4f82p+0, -0x1.07abe1db13cadp-55},
    {0x1.56f4736b527dap+0, 0x1.9bb2c011d93adp-54},
    {0x1.5ab07dd485429p+0, 0x1.6324c054647adp-54},
    {0x1.5e76f15ad2148p+0, 0x1.ba6f93080e65ep-54},
    {0x1.6247eb03a5585p+0, -0x1.383c17e40b497p-54},
    {0x1.6623882552225p+0, -0x1.bb60987591c34p-54},
    {0x1.6a09e667f3bcdp+0, -0x1.bdd3413b26456p-54},
    {0x1.6dfb23c651a2fp+0, -0x1.bbe3a683c88abp-57},
    {0x1.71f75e8ec5f74p+0, -0x1.16e4786887a99p-55},
    {0x1.75feb564267c9p+0, -0x1.0245957316dd3p-54},
    {0x1.7a11473eb0187p+0, -0x1.41577ee04992fp-55},
    {0x1.7e2f336cf4e62p+0, 0x1.05d02ba15797ep-56},
    {0x1.82589994cce13p+0, -0x1.d4c1dd41532d8p-54},
    {0x1.868d99b4492edp+0, -0x1.fc6f89bd4f6bap-54},
    {0x1.8ace5422aa0dbp+0, 0x1.6e9f156864b27p-54},
    {0x1.8f1ae99157736p+0, 0x1.5cc13a2e3976cp-55},
    {0x1.93737b0cdc5e5p+0, -0x1.75fc781b57ebcp-57},
    {0x1.97d829fde4e50p+0, -0x1.d185b7c1b85d1p-54},
    {0x1.9c49182a3f090p+0, 0x1.c7c46b071f2bep-56},
    {0x1.a0c667b5de565p+0, -0x1.359495d1cd533p-54},
    {0x1.a5503b23e255dp+0, -0x1.d2f6edb8d41e1p-54},
    {0x1.a9e6b5579fdbfp+0, 0x1.0fac90ef7fd31p-54},
    {0x1.ae89f995ad3adp+0, 0x1.7a1cd345dcc81p-54},
    {0x1.b33a2b84f15fbp+0, -0x1.2805e3084d708p-57},
    {0x1.b7f76f2fb5e47p+0, -0x1.5584f7e54ac3bp-56},
    {0x1.bcc1e904bc1d2p+0, 0x1.23dd07a2d9e84p-55},
    {0x1.c199bdd85529cp+0, 0x1.11065895048ddp-55},
    {0x1.c67f12e57d14bp+0, 0x1.2884dff483cadp-54},
    {0x1.cb720dcef9069p+0, 0x1.503cbd1e949dbp-56},
    {0x1.d072d4a07897cp+0, -0x1.cbc3743797a9cp-54},
    {0x1.d5818dcfba487p+0, 0x1.2ed02d75b3707p-55},
    {0x1.da9e603db3285p+0, 0x1.c2300696db532p-54},
    {0x1.dfc97337b9b5fp+0, -0x1.1a5cd4f184b5cp-54},
    {0x1.e502ee78b3ff6p+0, 0x1.39e8980a9cc8fp-55},
    {0x1.ea4afa2a490dap+0, -0x1.e9c23179c2893p-54},
    {0x1.efa1bee615a27p+0, 0x1.dc7f486a4b6b0p-54},
    {0x1.f50765b6e4540p+0, 0x1.9d3e12dd8a18bp-54},
    {0x1.fa7c1819e90d8p+0, 0x1.74853f3a5931ep-55},
};

// e^x rounded to nearest for x <= 0, or x itself where the bound does not decide: x = (64k + j) ln2/64 + r,
// e^x = 2^k T_j (1 + (r + r^2/2 + ...)), in sums of two numbers. The error is below 2^-73 * 2^k.
ROPEDRIFT_BODY double rounded_exp(double x) {
  double clamped = x < -708 ? -708 : x;
  double shifted = __builtin_fma(clamped, 0x1.71547652b82fep+6, ROPEDRIFT_TO_INTEGER);
  double k = shifted - ROPEDRIFT_TO_INTEGER;
  uint64_t integer = bits_of(shifted);
  // The first difference is exact; (first, low) = the second one without error.
  double reduced = __builtin_fma(-k, 0x1.62e42fefc0000p-7, clamped), change = k * 0x1.c610ca86c3899p-43;
  double first = reduced + change, part = first - reduced;
  double low = (reduced - (first - part)) + (change - part);
  // r + r^2/2 = sum + (sum_low + square_low/2), and the rest of the series.
  double square = first * first, square_low = __builtin_fma(first, first, -square);
  double sum = __builtin_fma(0.5, square, first), sum_low = __builtin_fma(0.5, square, first - sum);
  double cubic = __builtin_fma(first, 1.0 / 40320, 1.0 / 5040);
  cubic = __builtin_fma(first, cubic, 1.0 / 720);
  cubic = __builtin_fma(first, cubic, 1.0 / 120);
  cubic = __builtin_fma(first, cubic, 1.0 / 24);
  cubic = __builtin_fma(first, cubic, 1.0 / 6);
  double tail = __builtin_fma(0.5, square_low, sum_low) + __builtin_fma(first, low, low);
  tail = __builtin_fma(square * first, cubic, tail);
  // T (1 + sum + tail).
  const double *power = powers_of_two[integer & 63];
  double high = power[0], high_low = power[1];
  double product = high * sum, product_low = __builtin_fma(high, sum, -product);
  double head = high + product, head_low = product - (head - high);
  double correction = head_low + (__builtin_fma(high, tail, __builtin_fma(high_low, sum, high_low)) + product_low);
  double result = head + correction, rest = correction - (result - head);
  int decided = (result == result + (rest + 0x1p-70)) & (result == result + (rest - 0x1p-70)) & (x > -708);
  // The integer is negative or zero: an arithmetic shift.
  double y = with_power(result, (uint64_t)((int64_t)(integer << 13) >> 19));
  y = x < -745.25 ? 0 : y;
  return (decided | (x < -745.25)) ? y : x;
}

#endif
