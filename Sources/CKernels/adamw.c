#include "vectors.h"
#include <math.h>

#pragma clang fp contract(off)

CK_CLONES void ck_adamw_step(float *w, const float *g, float *m, float *v, ck_adamw a, size_t count) {
  for (size_t i = 0; i < count; i++) {
    float gradient = g[i] * a.gradientScale;
    float first = m[i] + (gradient - m[i]) * a.rest1;
    float second = v[i] * a.beta2 + gradient * gradient * a.rest2;
    m[i] = first;
    v[i] = second;
    w[i] = w[i] * a.decay - a.stepSize * (first / (sqrtf(second) / a.correction + a.eps));
  }
}
