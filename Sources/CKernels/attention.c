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

// A row's last vector is read and written whole, tiles having the room: copying single lanes costs several times as much.
#define valid_lanes(count)                                                                                           \
  ((i32){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} < (i32){0} + (int32_t)(count))
#define load_valid(p, valid, fill) select(valid, load(p), splat(fill))

// Missing lanes hold −inf as input to a maximum, so that they never win.
CK_INLINE float row_maximum(const float *s, size_t n) {
  f32 m = splat(-INFINITY);
  for (size_t j = 0; j < n; j += CK_LANES) m = larger(m, load_valid(s + j, valid_lanes(lanes_left(j, n)), -INFINITY));
  return largest(m);
}

CK_CLONES void ck_softmax(float *p, const float *s, size_t rows, size_t n, size_t stride) {
  for (size_t r = 0; r < rows; r++) {
    float *out = p + r * stride;
    const float *in = s + r * stride;
    f32 maximum = splat(row_maximum(in, n)), total = {0};
    for (size_t j = 0; j < n; j += CK_LANES) {
      i32 valid = valid_lanes(lanes_left(j, n));
      f32 e = select(valid, exp_(load(in + j) - maximum), splat(0));
      total += e;
      store(out + j, e);
    }
    f32 scale = splat(1.0f / sum(total));
    size_t j = 0;
    for (; j < n; j += CK_LANES) store(out + j, select(valid_lanes(lanes_left(j, n)), load(out + j) * scale, splat(0)));
    for (; j < stride; j += CK_LANES) store(out + j, splat(0));
  }
}

// Lanes outside first..<last of a row, seen from column j.
#define lanes_between(j, first, last)                                                                                \
  ({                                                                                                                 \
    i32 lane_ = (i32){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} + (int32_t)(j);                          \
    (lane_ >= (i32){0} + (int32_t)(first)) & (lane_ < (i32){0} + (int32_t)(last));                                   \
  })

CK_CLONES void ck_softmax_window(float *p, const float *s, size_t rows, size_t n, size_t stride, ptrdiff_t first,
                                 size_t window) {
  for (size_t r = 0; r < rows; r++) {
    float *out = p + r * stride;
    const float *in = s + r * stride;
    ptrdiff_t from = first + (ptrdiff_t)r - (ptrdiff_t)window, to = first + (ptrdiff_t)(r + window) + 1;
    if (from < 0) from = 0;
    if (to > (ptrdiff_t)n) to = (ptrdiff_t)n;
    size_t start = (size_t)from / CK_LANES * CK_LANES, end = (size_t)to;
    f32 m = splat(-INFINITY), total = {0};
    for (size_t j = start; j < end; j += CK_LANES)
      m = larger(m, load_valid(in + j, lanes_between(j, from, to), -INFINITY));
    f32 maximum = splat(largest(m));
    for (size_t j = 0; j < start; j += CK_LANES) store(out + j, splat(0));
    size_t j = start;
    for (; j < end; j += CK_LANES) {
      f32 e = select(lanes_between(j, from, to), exp_(load(in + j) - maximum), splat(0));
      total += e;
      store(out + j, e);
    }
    for (; j < stride; j += CK_LANES) store(out + j, splat(0));
    f32 scale = splat(1.0f / sum(total));
    for (j = start; j < end; j += CK_LANES) store(out + j, load(out + j) * scale);
  }
}

CK_CLONES void ck_softmax_backward(float *d, const float *p, float scale, size_t rows, size_t n, size_t stride) {
  for (size_t r = 0; r < rows; r++) {
    float *dr = d + r * stride;
    const float *pr = p + r * stride;
    f32 dot = {0};
    for (size_t j = 0; j < n; j += CK_LANES)
      dot += select(valid_lanes(lanes_left(j, n)), load(dr + j) * load(pr + j), splat(0));
    f32 mean = splat(sum(dot));
    size_t j = 0;
    for (; j < n; j += CK_LANES) {
      f32 g = splat(scale) * load(pr + j) * (load(dr + j) - mean);
      store(dr + j, select(valid_lanes(lanes_left(j, n)), g, splat(0)));
    }
    for (; j < stride; j += CK_LANES) store(dr + j, splat(0));
  }
}

// KL(p ‖ q) = Σ p·(t − s) − (log Σe^t − log Σe^s), from scores relative to their maximum: no smoothing constant.
CK_CLONES double ck_kl_divergence(const float *t, const float *s, float *d, float scale, size_t rows, size_t n,
                                  size_t stride) {
  double total = 0;
  for (size_t r = 0; r < rows; r++) {
    const float *tr = t + r * stride, *sr = s + r * stride;
    f32 tMax = splat(row_maximum(tr, n)), sMax = splat(row_maximum(sr, n));
    f32 tSum = {0}, sSum = {0};
    f64 dot = {0};
    for (size_t j = 0; j < n; j += CK_LANES) {
      i32 valid = valid_lanes(lanes_left(j, n));
      f32 a = load(tr + j) - tMax, b = load(sr + j) - sMax;
      f32 p = select(valid, exp_(a), splat(0));
      tSum += p;
      sSum += select(valid, exp_(b), splat(0));
      dot += wide(select(valid, p * (a - b), splat(0)));
    }
    double zt = sum(tSum), zs = sum(sSum);
    total += sum_wide(dot) / zt - (log(zt) - log(zs));
    if (!d) continue;
    float *dr = d + r * stride;
    f32 st = splat(scale / (float)zt), ss = splat(scale / (float)zs);
    for (size_t j = 0; j < n; j += CK_LANES) {
      // Fused, q − p of equal scores would be the rounding of p.
#pragma clang fp contract(off)
      f32 p = exp_(load(tr + j) - tMax) * st, q = exp_(load(sr + j) - sMax) * ss;
      f32 before = load(dr + j);
      store(dr + j, select(valid_lanes(lanes_left(j, n)), before + (q - p), before));
    }
  }
  return total;
}
