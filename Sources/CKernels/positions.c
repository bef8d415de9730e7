#include "vectors.h"

#pragma clang fp contract(fast)

CK_CLONES void ck_rotate(float *x, size_t stride, size_t rows, size_t heads, size_t half, const float *cosine,
                         const float *sine, float direction) {
  for (size_t r = 0; r < rows; r++, cosine += half, sine += half) {
    for (size_t c = 0; c < half; c += CK_LANES) {
      size_t n = lanes_left(c, half);
      f32 cosines = load_some(cosine + c, n, 0), sines = splat(direction) * load_some(sine + c, n, 0);
      float *a = x + r * stride + c;
      for (size_t h = 0; h < heads; h++, a += 2 * half) {
        f32 u = load_some(a, n, 0), v = load_some(a + half, n, 0);
        store_some(a, u * cosines - v * sines, n);
        store_some(a + half, v * cosines + u * sines, n);
      }
    }
  }
}

// Distances that have a column each lie side by side, so that a row is added without a table.
#define are_neighbours(column, count) ((size_t)((column)[(count) - 1] - (column)[0]) == (count) - 1)

CK_CLONES void ck_add_by_distance(float *out, size_t outStride, const float *x, size_t xStride, const int32_t *column,
                                  size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i++) {
    float *to = out + i * outStride;
    const float *from = x + i * xStride;
    const int32_t *at = column - i;
    if (are_neighbours(at, columns)) {
      for (size_t j = 0; j < columns; j++) to[j] += from[at[0] + j];
    } else {
      for (size_t j = 0; j < columns; j++) to[j] += from[at[j]];
    }
  }
}

CK_CLONES void ck_sum_by_distance(float *out, size_t outStride, const float *d, size_t dStride, const int32_t *column,
                                  size_t rows, size_t columns) {
  for (size_t i = 0; i < rows; i++) {
    float *to = out + i * outStride;
    const float *from = d + i * dStride;
    const int32_t *at = column - i;
    if (are_neighbours(at, columns)) {
      for (size_t j = 0; j < columns; j++) to[at[0] + j] += from[j];
    } else {
      for (size_t j = 0; j < columns; j++) to[at[j]] += from[j];
    }
  }
}

// A block's rows of x stay in the caches while the rows of `out` pass.
enum { BLOCK = 32 };

CK_CLONES void ck_add_by_distance_transposed(float *out, size_t outStride, const float *x, size_t xStride,
                                             const int32_t *column, size_t rows, size_t columns) {
  for (size_t start = 0; start < columns; start += BLOCK) {
    size_t end = start + BLOCK < columns ? start + BLOCK : columns;
    for (size_t i = 0; i < rows; i++) {
      float *to = out + i * outStride;
      for (size_t j = start; j < end; j++) to[j] += x[j * xStride + (size_t)column[(ptrdiff_t)i - (ptrdiff_t)j]];
    }
  }
}

CK_CLONES void ck_sum_by_distance_transposed(float *out, size_t outStride, const float *d, size_t dStride,
                                             const int32_t *column, size_t rows, size_t columns) {
  for (size_t start = 0; start < columns; start += BLOCK) {
    size_t end = start + BLOCK < columns ? start + BLOCK : columns;
    for (size_t i = 0; i < rows; i++) {
      const float *from = d + i * dStride;
      for (size_t j = start; j < end; j++) out[j * outStride + (size_t)column[(ptrdiff_t)i - (ptrdiff_t)j]] += from[j];
    }
  }
}
