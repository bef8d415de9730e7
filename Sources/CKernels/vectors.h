// 16-lane vectors and the functions of them that all kernels share.
#pragma once

#include "CKernels.h"
#include <string.h>

// One body for each instruction set, chosen when the program is loaded. Other processors have one set only.
#if defined(__x86_64__)
#define CK_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CK_CLONES
#endif
#define CK_INLINE static inline __attribute__((always_inline))

typedef float f32 __attribute__((vector_size(64), aligned(4)));
typedef int32_t i32 __attribute__((vector_size(64), aligned(4)));
typedef uint32_t u32 __attribute__((vector_size(64), aligned(4)));
typedef uint64_t u64 __attribute__((vector_size(128), aligned(8)));
typedef double f64 __attribute__((vector_size(128), aligned(8)));

// A vector passed by value would tie a function to one instruction set's calling convention, so what works on vectors
// is a macro, or an inlined function of pointers behind one.
#define load(p) (*(const f32 *)(p))
#define store(p, x) (*(f32 *)(p) = (x))
// x − 0 is x, which x + 0 is not for −0: the compiler drops the subtraction only.
#define splat(x) ((x) - (f32){0})
#define wide(x) __builtin_convertvector((x), f64)
// mask ? a : b, lane by lane.
#define select(mask, a, b) ({ i32 m_ = (mask); (f32)((m_ & (i32)(a)) | (~m_ & (i32)(b))); })
#define larger(a, b) ({ f32 a_ = (a), b_ = (b); select(a_ > b_, a_, b_); })
// The first `count` lanes from p, the others `fill`; and back. Whole vectors skip the copy.
#define load_some(p, count, fill)                                                                                    \
  ({                                                                                                                 \
    f32 v_;                                                                                                          \
    if ((count) == CK_LANES) {                                                                                       \
      v_ = load(p);                                                                                                  \
    } else {                                                                                                         \
      v_ = splat(fill);                                                                                              \
      memcpy(&v_, (p), (count) * sizeof(float));                                                                     \
    }                                                                                                                \
    v_;                                                                                                              \
  })
#define store_some(p, x, count)                                                                                      \
  ({                                                                                                                 \
    f32 v_ = (x);                                                                                                    \
    if ((count) == CK_LANES) {                                                                                       \
      store(p, v_);                                                                                                  \
    } else {                                                                                                         \
      memcpy((p), &v_, (count) * sizeof(float));                                                                     \
    }                                                                                                                \
  })
// The lanes a loop has left at `i` of `count`.
#define lanes_left(i, count) ((count) - (i) < CK_LANES ? (count) - (i) : (size_t)CK_LANES)

#define sum(x) ({ f32 v_ = (x); sum_lanes(&v_); })
#define sum_wide(x) ({ f64 v_ = (x); sum_wide_lanes(&v_); })
#define largest(x) ({ f32 v_ = (x); largest_lane(&v_); })
#define exp_(x) ({ f32 v_ = (x); exp_in_place(&v_); v_; })

// Lanes are summed pairwise, in the same order whatever the instruction set.
CK_INLINE float sum_lanes(const f32 *x) {
  float s[CK_LANES];
  memcpy(s, x, sizeof s);
  for (int half = CK_LANES / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) s[i] += s[i + half];
  return s[0];
}

CK_INLINE double sum_wide_lanes(const f64 *x) {
  double s[CK_LANES];
  memcpy(s, x, sizeof s);
  for (int half = CK_LANES / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) s[i] += s[i + half];
  return s[0];
}

CK_INLINE float largest_lane(const f32 *x) {
  float s[CK_LANES];
  memcpy(s, x, sizeof s);
  for (int half = CK_LANES / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) s[i] = s[i + half] > s[i] ? s[i + half] : s[i];
  return s[0];
}

// e^x with a relative error below 2e-7. 2^n is built from exponent bits and e^r, |r| <= ln2/2, from a polynomial
// fitted for the least relative error. NaN stays NaN; below −87.3 the result is about 1e-38.
CK_INLINE void exp_in_place(f32 *value) {
  f32 x = *value;
  x = select(x < splat(-87.3f), splat(-87.3f), x);
  x = select(x > splat(88.7f), splat(88.7f), x);
  // Adding 1.5·2^23 leaves the nearest integer in the low bits.
  const f32 magic = splat(12582912.0f);
  f32 shifted = x * splat(1.44269504f) + magic;
  f32 n = shifted - magic;
  f32 r = x - n * splat(0.693145752f) - n * splat(1.42860677e-6f);
  f32 p = splat(1.381314236e-3f);
  p = p * r + splat(8.369419043e-3f);
  p = p * r + splat(4.166845683e-2f);
  p = p * r + splat(1.666651479e-1f);
  p = p * r + splat(4.999999305e-1f);
  f32 e = p * (r * r) + r + splat(1.0f);
  // n = 128 would overflow the exponent field, so 2^n is applied as two factors.
  i32 k = (i32)shifted - (i32)magic;
  i32 half = k >> 1;
  f32 a = (f32)((half + 127) << 23), b = (f32)((k - half + 127) << 23);
  *value = e * a * b;
}
