#include "vectors.h"

#pragma clang fp contract(off)

// Vectors, not scalars: sqrtf may set errno, and a loop that calls it stays scalar, at seven times the time.
CK_CLONES void ck_adamw_step(float *w, const float *g, float *m, float *v, ck_adamw a, size_t count) {
  for (size_t i = 0; i < count; i += CK_LANES) {
    size_t n = lanes_left(i, count);
    f32 gradient = load_some(g + i, n, 0) * splat(a.gradientScale);
    f32 first = load_some(m + i, n, 0), second = load_some(v + i, n, 0);
    first = first + (gradient - first) * splat(a.rest1);
    second = second * splat(a.beta2) + gradient * gradient * splat(a.rest2);
    f32 step = splat(a.stepSize) * (first / (__builtin_elementwise_sqrt(second) / splat(a.correction) + splat(a.eps)));
    store_some(m + i, first, n);
    store_some(v + i, second, n);
    store_some(w + i, load_some(w + i, n, 0) * splat(a.decay) - step, n);
  }
}
