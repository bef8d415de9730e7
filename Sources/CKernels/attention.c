#include "vectors.h"
#include <math.h>

#pragma clang fp contract(fast)

// Six rows by one vector of columns stay in registers for the whole inner loop: twelve of AVX2's sixteen.
enum { TILE_ROWS = 6 };

CK_INLINE void tile_rows(float *c, size_t cStride, const float *a, size_t aRow, size_t aColumn, const float *b,
                         size_t bStride, size_t inner, float scale, int accumulate, int rows) {
  f32 s[TILE_ROWS] = {0};
  for (size_t k = 0; k < inner; k++) {
    f32 v = load(b + k * bStride);
    for (int i = 0; i < rows; i++) s[i] += splat(a[i * aRow + k * aColumn]) * v;
  }
  for (int i = 0; i < rows; i++) {
    f32 v = s[i] * splat(scale);
    store(c + i * cStride, accumulate ? load(c + i * cStride) + v : v);
  }
}

CK_CLONES void ck_tile_product(float *c, size_t cStride, const float *a, size_t aRow, size_t aColumn, const float *b,
                               size_t bStride, size_t rows, size_t columns, size_t inner, float scale,
                               int accumulate) {
  for (size_t j = 0; j < columns; j += CK_LANES) {
    size_t i = 0;
    for (; i + TILE_ROWS <= rows; i += TILE_ROWS)
      tile_rows(c + i * cStride + j, cStride, a + i * aRow, aRow, aColumn, b + j, bStride, inner, scale, accumulate,
                TILE_ROWS);
    for (; i < rows; i++)
      tile_rows(c + i * cStride + j, cStride, a + i * aRow, aRow, aColumn, b + j, bStride, inner, scale, accumulate,
                1);
  }
}

CK_CLONES void ck_gather_tile(float *out, size_t outStride, const float *x, size_t xStride, size_t rows,
                              size_t columns) {
  for (size_t r = 0; r < rows; r++) {
    float *to = out + r * outStride;
    const float *from = x + r * xStride;
    size_t c = 0;
    for (; c < columns; c++) to[c] = from[c];
    for (; c < outStride; c++) to[c] = 0;
  }
}

CK_CLONES void ck_transpose_tile(float *out, size_t outStride, const float *x, size_t xStride, size_t rows,
                                 size_t columns) {
  for (size_t c = 0; c < columns; c++) {
    float *to = out + c * outStride;
    size_t r = 0;
    for (; r < rows; r++) to[r] = x[r * xStride + c];
    for (; r < outStride; r++) to[r] = 0;
  }
}

// Missing lanes hold −inf as input to a maximum, so that they never win, and give exactly 0 after masking.
CK_INLINE float row_maximum(const float *s, size_t n) {
  f32 m = splat(-INFINITY);
  for (size_t j = 0; j < n; j += CK_LANES) m = larger(m, load_some(s + j, lanes_left(j, n), -INFINITY));
  return largest(m);
}

// p[j] = e^(s[j] − maximum) for j < n, 0 up to a whole vector; returns the sum.
CK_INLINE float exponentials(float *p, const float *s, float maximum, size_t n) {
  f32 total = {0};
  for (size_t j = 0; j < n; j += CK_LANES) {
    size_t lanes = lanes_left(j, n);
    f32 e = exp_(load_some(s + j, lanes, maximum) - splat(maximum));
    if (lanes < CK_LANES) {
      f32 zero = {0};
      memcpy((float *)&zero, &e, lanes * sizeof(float));
      e = zero;
    }
    total += e;
    store_some(p + j, e, lanes);
  }
  return sum(total);
}

CK_CLONES void ck_softmax(float *p, const float *s, size_t rows, size_t n, size_t stride) {
  for (size_t r = 0; r < rows; r++) {
    float *out = p + r * stride;
    float total = exponentials(out, s + r * stride, row_maximum(s + r * stride, n), n);
    float scale = 1.0f / total;
    for (size_t j = 0; j < n; j++) out[j] *= scale;
    for (size_t j = n; j < stride; j++) out[j] = 0;
  }
}

CK_CLONES void ck_softmax_backward(float *d, const float *p, float scale, size_t rows, size_t n, size_t stride) {
  for (size_t r = 0; r < rows; r++) {
    float *dr = d + r * stride;
    const float *pr = p + r * stride;
    f32 dot = {0};
    for (size_t j = 0; j < n; j += CK_LANES) {
      size_t lanes = lanes_left(j, n);
      dot += load_some(dr + j, lanes, 0) * load_some(pr + j, lanes, 0);
    }
    float mean = sum(dot);
    for (size_t j = 0; j < n; j++) dr[j] = scale * pr[j] * (dr[j] - mean);
    for (size_t j = n; j < stride; j++) dr[j] = 0;
  }
}

// KL(p ‖ q) = Σ p·(t − s) − (log Σe^t − log Σe^s), from scores relative to their maximum: no smoothing constant.
CK_CLONES double ck_kl_divergence(const float *t, const float *s, float *d, float scale, size_t rows, size_t n,
                                  size_t stride) {
  double total = 0;
  for (size_t r = 0; r < rows; r++) {
    const float *tr = t + r * stride, *sr = s + r * stride;
    float tMax = row_maximum(tr, n), sMax = row_maximum(sr, n);
    f32 tSum = {0}, sSum = {0};
    f64 dot = {0};
    for (size_t j = 0; j < n; j += CK_LANES) {
      size_t lanes = lanes_left(j, n);
      f32 a = load_some(tr + j, lanes, -INFINITY) - splat(tMax), b = load_some(sr + j, lanes, -INFINITY) - splat(sMax);
      // Not "greater than": a NaN must not pass for a missing lane.
      i32 valid = ~(a < splat(-1e30f));
      f32 p = select(valid, exp_(a), splat(0));
      tSum += p;
      sSum += select(b < splat(-1e30f), splat(0), exp_(b));
      dot += wide(select(valid, p * (a - b), splat(0)));
    }
    double zt = sum(tSum), zs = sum(sSum);
    total += sum_wide(dot) / zt - (log(zt) - log(zs));
    if (!d) continue;
    float *dr = d + r * stride;
    f32 st = splat(scale / (float)zt), ss = splat(scale / (float)zs);
    for (size_t j = 0; j < n; j += CK_LANES) {
      size_t lanes = lanes_left(j, n);
      f32 p = exp_(load_some(tr + j, lanes, 0) - splat(tMax)) * st;
      f32 q = exp_(load_some(sr + j, lanes, 0) - splat(sMax)) * ss;
      store_some(dr + j, load_some(dr + j, lanes, 0) + q - p, lanes);
    }
  }
  return total;
}
