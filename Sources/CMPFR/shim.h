// Why this file exists: some of MPFR's and GMP's interface is macros or variadic functions, which
// Swift cannot import. Each static function below gives one of them a plain C name.
#ifndef ROPEDRIFT_CMPFR_SHIM_H
#define ROPEDRIFT_CMPFR_SHIM_H

#include <stddef.h>
#include <stdint.h>
#include <gmp.h>
#include <mpfr.h>

static inline size_t ropedrift_mpfr_custom_get_size(mpfr_prec_t precision) {
  return mpfr_custom_get_size(precision);
}

/* Makes `x` a NaN of the given precision whose significand lives in `limbs`. */
static inline void ropedrift_mpfr_custom_init_set_nan(mpfr_ptr x, mpfr_prec_t precision, void *limbs) {
  mpfr_custom_init(limbs, precision);
  mpfr_custom_init_set(x, MPFR_NAN_KIND, 0, precision, limbs);
}

static inline mp_limb_t *ropedrift_mpfr_limbs(mpfr_srcptr x) { return x->_mpfr_d; }

static inline int ropedrift_mpfr_limb_bits(void) { return GMP_NUMB_BITS; }

static inline size_t ropedrift_mpz_size_in_base2(mpz_srcptr x) { return mpz_sizeinbase(x, 2); }

static inline int ropedrift_mpz_sign(mpz_srcptr x) { return mpz_sgn(x); }

static inline int ropedrift_mpq_sign(mpq_srcptr x) { return mpq_sgn(x); }

static inline mpz_ptr ropedrift_mpq_numerator(mpq_ptr x) { return mpq_numref(x); }

static inline mpz_ptr ropedrift_mpq_denominator(mpq_ptr x) { return mpq_denref(x); }

static inline const char *ropedrift_gmp_version(void) { return gmp_version; }

#endif
