#include "vectors.h"
#include <math.h>

#pragma clang fp contract(fast)

// Rows are normalized in two passes over a row that is in cache: the mean first, then squares about it, which loses
// no digits where the mean is large.
CK_CLONES void ck_layer_norm(float *out, float *sum_, const float *residual, const float *gamma, const float *beta,
                             float eps, float *mean, float *rstd, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++) {
    float *x = sum_ + r * columns, *y = out + r * columns;
    f32 total = {0};
    for (size_t c = 0; c < columns; c += CK_LANES) {
      size_t n = lanes_left(c, columns);
      f32 v = load_some(x + c, n, 0);
      if (residual) {
        v += load_some(residual + r * columns + c, n, 0);
        store_some(x + c, v, n);
      }
      total += v;
    }
    float mu = sum(total) / (float)columns;
    f32 squares = {0};
    for (size_t c = 0; c < columns; c += CK_LANES) {
      size_t n = lanes_left(c, columns);
      f32 v = load_some(x + c, n, mu) - splat(mu);
      squares += v * v;
    }
    float scale = 1.0f / sqrtf(sum(squares) / (float)columns + eps);
    for (size_t c = 0; c < columns; c += CK_LANES) {
      size_t n = lanes_left(c, columns);
      f32 v = (load_some(x + c, n, 0) - splat(mu)) * splat(scale);
      f32 shift = {0};
      if (beta) shift = load_some(beta + c, n, 0);
      store_some(y + c, v * load_some(gamma + c, n, 0) + shift, n);
    }
    if (mean) mean[r] = mu;
    if (rstd) rstd[r] = scale;
  }
}

// With x̂ = (sum − mean)·rstd and g = d∘gamma:
//   out = gamma·x̂ + beta  →  dGamma += d∘x̂, dBeta += d, dSum = rstd·(g − mean(g) − x̂·mean(g∘x̂))
CK_CLONES void ck_layer_norm_backward(float *d, const float *sum_, const float *mean, const float *rstd,
                                      const float *gamma, float *dGamma, float *dBeta, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++) {
    float *dy = d + r * columns;
    const float *x = sum_ + r * columns;
    f32 mu = splat(mean[r]), scale = splat(rstd[r]);
    f32 sumG = {0}, sumGX = {0};
    for (size_t c = 0; c < columns; c += CK_LANES) {
      size_t n = lanes_left(c, columns);
      f32 dv = load_some(dy + c, n, 0);
      f32 hat = (load_some(x + c, n, mean[r]) - mu) * scale;
      f32 g = dv * load_some(gamma + c, n, 0);
      sumG += g;
      sumGX += g * hat;
      if (dGamma) store_some(dGamma + c, load_some(dGamma + c, n, 0) + dv * hat, n);
      if (dBeta) store_some(dBeta + c, load_some(dBeta + c, n, 0) + dv, n);
    }
    f32 meanG = splat(sum(sumG) / (float)columns), meanGX = splat(sum(sumGX) / (float)columns);
    for (size_t c = 0; c < columns; c += CK_LANES) {
      size_t n = lanes_left(c, columns);
      f32 hat = (load_some(x + c, n, mean[r]) - mu) * scale;
      f32 g = load_some(dy + c, n, 0) * load_some(gamma + c, n, 0);
      store_some(dy + c, scale * (g - meanG - hat * meanGX), n);
    }
  }
}
