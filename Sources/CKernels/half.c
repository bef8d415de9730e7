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
