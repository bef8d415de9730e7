#include "vectors.h"

CK_CLONES void ck_add(float *out, const float *x, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] += x[i];
}

CK_CLONES void ck_add_scaled(float *out, const float *x, float scale, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] += scale * x[i];
}

CK_CLONES void ck_scale(float *x, float scale, size_t count) {
  for (size_t i = 0; i < count; i++) x[i] *= scale;
}

CK_CLONES void ck_add_column_sums(float *out, const float *x, size_t rows, size_t columns, size_t stride) {
  size_t c = 0;
  for (; c + 4 * CK_LANES <= columns; c += 4 * CK_LANES) {
    f32 s[4] = {0};
    for (size_t r = 0; r < rows; r++)
      for (int k = 0; k < 4; k++) s[k] += load(x + r * stride + c + k * CK_LANES);
    for (int k = 0; k < 4; k++) store(out + c + k * CK_LANES, load(out + c + k * CK_LANES) + s[k]);
  }
  for (; c < columns; c += CK_LANES) {
    size_t n = lanes_left(c, columns);
    f32 s = {0};
    for (size_t r = 0; r < rows; r++) s += load_some(x + r * stride + c, n, 0);
    store_some(out + c, load_some(out + c, n, 0) + s, n);
  }
}

CK_CLONES double ck_sum_of_squares(const float *x, size_t count) {
  f64 s = {0};
  size_t i = 0;
  for (; i + CK_LANES <= count; i += CK_LANES) {
    f64 v = wide(load(x + i));
    s += v * v;
  }
  if (i < count) {
    f64 v = wide(load_some(x + i, count - i, 0));
    s += v * v;
  }
  return sum_wide(s);
}

CK_CLONES double ck_squared_error(const float *a, const float *b, float *d, float scale, size_t count) {
  f64 s = {0};
  for (size_t i = 0; i < count; i += CK_LANES) {
    size_t n = lanes_left(i, count);
    f32 e = load_some(a + i, n, 0) - load_some(b + i, n, 0);
    f64 e64 = wide(e);
    s += e64 * e64;
    if (d) store_some(d + i, load_some(d + i, n, 0) + splat(scale) * e, n);
  }
  return sum_wide(s);
}
