#include "vectors.h"

// Where the processor converts (F16C, AVX-512, NEON), one instruction does a vector; baseline clones call the
// compiler's library, lane by lane.
typedef _Float16 f16 __attribute__((vector_size(32), aligned(2), may_alias));

// Rounding to nearest takes everything below to at most 65504, the largest half.
#define OVERFLOWS 65520.0f

CK_CLONES int ck_half_from_float(uint16_t *out, const float *x, size_t count) {
  i32 fits = (i32){0} - 1;
  const f32 limit = splat(OVERFLOWS);
  size_t i = 0;
  for (; i + CK_LANES <= count; i += CK_LANES) {
    f32 v = load(x + i);
    fits &= (v < limit) & (v > -limit);
    *(f16 *)(out + i) = __builtin_convertvector(v, f16);
  }
  if (i < count) {
    f32 v = load_some(x + i, count - i, 0);
    fits &= (v < limit) & (v > -limit);
    f16 h = __builtin_convertvector(v, f16);
    memcpy(out + i, &h, (count - i) * sizeof(uint16_t));
  }
  int32_t all = -1;
  for (int lane = 0; lane < CK_LANES; lane++) all &= fits[lane];
  return all != 0;
}

CK_CLONES void ck_float_from_half(float *out, const uint16_t *x, size_t count) {
  size_t i = 0;
  for (; i + CK_LANES <= count; i += CK_LANES) store(out + i, __builtin_convertvector(*(const f16 *)(x + i), f32));
  if (i < count) {
    f16 h = {0};
    memcpy(&h, x + i, (count - i) * sizeof(uint16_t));
    store_some(out + i, __builtin_convertvector(h, f32), count - i);
  }
}

// bfloat16 is the upper half of a float. Adding just less than half of its last place, and that place's bit, rounds to
// nearest, ties to even; a NaN, which could round to infinity, is made quiet instead.
CK_INLINE void bfloat16_round(uint16_t *out, const f32 *x) {
  typedef uint16_t h16 __attribute__((vector_size(32), aligned(2), may_alias));
  u32 bits = (u32)*x;
  u32 rounded = bits + 0x7FFF + (bits >> 16 & 1);
  u32 nan = (u32)(*x != *x);
  rounded = (nan & (bits | 0x400000)) | (~nan & rounded);
  *(h16 *)out = __builtin_convertvector(rounded >> 16, h16);
}

CK_CLONES void ck_bfloat16_from_float(uint16_t *out, const float *x, size_t count) {
  size_t i = 0;
  for (; i + CK_LANES <= count; i += CK_LANES) {
    f32 v = load(x + i);
    bfloat16_round(out + i, &v);
  }
  if (i < count) {
    uint16_t last[CK_LANES];
    f32 v = load_some(x + i, count - i, 0);
    bfloat16_round(last, &v);
    memcpy(out + i, last, (count - i) * sizeof(uint16_t));
  }
}

CK_CLONES void ck_float_from_bfloat16(float *out, const uint16_t *x, size_t count) {
  uint32_t *bits = (uint32_t *)out;
  for (size_t i = 0; i < count; i++) bits[i] = (uint32_t)x[i] << 16;
}
