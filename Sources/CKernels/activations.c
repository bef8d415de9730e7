#include "vectors.h"

// Multiply-adds may fuse: these functions promise accuracy, not the same bits on every processor.
#pragma clang fp contract(fast)

// Φ(x), and φ(x) for the derivative, from one exponential: erfc(a) = e^(−a²)·t·Q(t), t = 1/(1 + p·a), a = |x|/√2,
// Q fitted for the least relative error (5e-8).
CK_INLINE void normal_cdf(const f32 *value, f32 *cdf, f32 *density) {
  f32 x = *value;
  f32 a = select(x < splat(0), -x, x) * splat(0.707106781f);
  f32 e = exp_(-a * a);
  f32 t = splat(1.0f) / (splat(1.0f) + splat(0.3275911f) * a);
  f32 q = splat(-1.438137170e-1f);
  q = q * t + splat(5.078269786e-1f);
  q = q * t + splat(-4.249739760e-1f);
  q = q * t + splat(4.706207802e-1f);
  q = q * t + splat(1.638477412e-2f);
  q = q * t + splat(2.085523694e-1f);
  q = q * t + splat(1.803262188e-1f);
  q = q * t + splat(1.850765185e-1f);
  f32 tail = splat(0.5f) * e * t * q;
  *density = splat(0.398942280f) * e;
  *cdf = select(x < splat(0), tail, splat(1.0f) - tail);
}

CK_INLINE void gelu(f32 *x) {
  f32 cdf, density;
  normal_cdf(x, &cdf, &density);
  *x *= cdf;
}

CK_INLINE void gelu_slope(f32 *x) {
  f32 cdf, density;
  normal_cdf(x, &cdf, &density);
  *x = cdf + *x * density;
}

// 0.5·(1 + tanh(u)) = 1/(1 + e^(−2u)), with u = √(2/π)·(x + 0.044715·x³)
#define gelu_new_gate(x) (splat(1.0f) / (splat(1.0f) + exp_(splat(-1.59576912f) * x * (splat(1.0f) + splat(0.044715f) * x * x))))

CK_INLINE void gelu_new(f32 *x) {
  f32 gate = gelu_new_gate(*x);
  *x *= gate;
}

CK_INLINE void gelu_new_slope(f32 *value) {
  f32 x = *value, gate = gelu_new_gate(x);
  f32 slope = splat(1.59576912f) * (splat(1.0f) + splat(3 * 0.044715f) * x * x);
  *value = gate + x * gate * (splat(1.0f) - gate) * slope;
}

// NaN stays NaN.
CK_INLINE void relu(f32 *x) { *x = select(*x < splat(0), splat(0), *x); }
CK_INLINE void relu_slope(f32 *x) { *x = select(*x > splat(0), splat(1.0f), splat(0)); }

// tanh(x) = 1 − 2/(e^(2x) + 1)
CK_INLINE void tanh_(f32 *x) { *x = splat(1.0f) - splat(2.0f) / (exp_(*x + *x) + splat(1.0f)); }
CK_INLINE void tanh_slope(f32 *y) { *y = splat(1.0f) - *y * *y; }

#define CK_MAP(NAME, F)                                                                                              \
  CK_CLONES void NAME(float *out, const float *x, size_t count) {                                                    \
    size_t i = 0;                                                                                                    \
    for (; i + CK_LANES <= count; i += CK_LANES) {                                                                   \
      f32 v = load(x + i);                                                                                           \
      F(&v);                                                                                                         \
      store(out + i, v);                                                                                             \
    }                                                                                                                \
    if (i < count) {                                                                                                 \
      f32 v = load_some(x + i, count - i, 0);                                                                        \
      F(&v);                                                                                                         \
      store_some(out + i, v, count - i);                                                                             \
    }                                                                                                                \
  }

#define CK_MAP_BACKWARD(NAME, F)                                                                                     \
  CK_CLONES void NAME(float *d, const float *x, size_t count) {                                                      \
    size_t i = 0;                                                                                                    \
    for (; i + CK_LANES <= count; i += CK_LANES) {                                                                   \
      f32 v = load(x + i);                                                                                           \
      F(&v);                                                                                                         \
      store(d + i, load(d + i) * v);                                                                                 \
    }                                                                                                                \
    if (i < count) {                                                                                                 \
      f32 v = load_some(x + i, count - i, 0);                                                                        \
      F(&v);                                                                                                         \
      store_some(d + i, load_some(d + i, count - i, 0) * v, count - i);                                              \
    }                                                                                                                \
  }

CK_MAP(ck_gelu, gelu)
CK_MAP_BACKWARD(ck_gelu_backward, gelu_slope)
CK_MAP(ck_gelu_new, gelu_new)
CK_MAP_BACKWARD(ck_gelu_new_backward, gelu_new_slope)
CK_MAP(ck_relu, relu)
CK_MAP_BACKWARD(ck_relu_backward, relu_slope)
CK_MAP(ck_tanh, tanh_)
CK_MAP_BACKWARD(ck_tanh_backward, tanh_slope)

// x (rows, 2·columns): what passes, and behind it the gate. out = f(passing)·gate.
#define CK_GATED(NAME, F)                                                                                            \
  CK_CLONES void NAME(float *out, const float *x, size_t rows, size_t columns) {                                     \
    for (size_t r = 0; r < rows; r++, x += 2 * columns, out += columns) {                                            \
      for (size_t c = 0; c < columns; c += CK_LANES) {                                                               \
        size_t n = lanes_left(c, columns);                                                                           \
        f32 v = load_some(x + c, n, 0);                                                                              \
        F(&v);                                                                                                       \
        store_some(out + c, v * load_some(x + columns + c, n, 0), n);                                                \
      }                                                                                                              \
    }                                                                                                                \
  }

// out = f(passing)·gate  →  dPassing = d·gate·f'(passing), dGate = d·f(passing)
#define CK_GATED_BACKWARD(NAME, F, SLOPE)                                                                            \
  CK_CLONES void NAME(float *dx, const float *d, const float *x, size_t rows, size_t columns) {                      \
    for (size_t r = 0; r < rows; r++, x += 2 * columns, dx += 2 * columns, d += columns) {                           \
      for (size_t c = 0; c < columns; c += CK_LANES) {                                                               \
        size_t n = lanes_left(c, columns);                                                                           \
        f32 value = load_some(x + c, n, 0), slope = value, dv = load_some(d + c, n, 0);                              \
        F(&value);                                                                                                   \
        SLOPE(&slope);                                                                                               \
        store_some(dx + c, dv * load_some(x + columns + c, n, 0) * slope, n);                                        \
        store_some(dx + columns + c, dv * value, n);                                                                 \
      }                                                                                                              \
    }                                                                                                                \
  }

CK_GATED(ck_gelu_gated, gelu)
CK_GATED_BACKWARD(ck_gelu_gated_backward, gelu, gelu_slope)
CK_GATED(ck_gelu_new_gated, gelu_new)
CK_GATED_BACKWARD(ck_gelu_new_gated_backward, gelu_new, gelu_new_slope)
CK_GATED(ck_relu_gated, relu)
CK_GATED_BACKWARD(ck_relu_gated_backward, relu, relu_slope)
