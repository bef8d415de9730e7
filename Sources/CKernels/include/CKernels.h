// The loops that need SIMD. Each function is compiled for several instruction sets in one binary and the loader
// picks the best; all take plain row-major buffers, and none allocates.
//
// "Tile" below means a matrix whose row stride is a multiple of CK_LANES and whose columns past the valid ones are
// readable: heads and score maps are kept so, and no loop then needs a remainder.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { CK_LANES = 16 };

// MARK: Matrix product

/// c = base + a·b, c (rows, columns), a (rows, inner), b (inner, columns).
/// An element's sum has the same order whatever the number of rows and columns.
typedef struct {
  float *c;
  size_t cStride;
  /// Added to the product, null for nothing: c itself to accumulate, or a bias with a stride of 0.
  const float *base;
  size_t baseStride;
  /// a[i, k] is a[i·aRow + k·aInner], b[k, j] is b[k·bInner + j·bColumn]; one stride of each is 1.
  const float *a;
  size_t aRow, aInner;
  const float *b;
  size_t bInner, bColumn;
  /// b as packed by `ck_pack_panels`, where not null; `b` is then not read.
  const float *panels;
  size_t rows, columns, inner;
  /// The columns of a panel, as `ck_panel_width` gives it, which also chooses the instruction set.
  size_t width;
} ck_product;

/// The widest panels, of up to `limit` columns, that this processor multiplies; 0 where there are none.
size_t ck_panel_width(size_t limit);
/// The floats that `ck_multiply` needs as scratch.
size_t ck_product_scratch(void);
void ck_multiply(const ck_product *product, float *scratch);
/// panels (columns / width rounded up, inner, width) from b as above, the last panel padded with zeros.
void ck_pack_panels(float *panels, size_t width, const float *b, size_t bColumn, size_t bInner, size_t columns,
                    size_t inner);

// MARK: bfloat16 product

/// How products of numbers smaller than 32 bits are computed.
enum {
  /// Portable, panels of 16 columns.
  CK_BODY_NARROW,
  /// Portable, for AVX-512: panels of 32 columns.
  CK_BODY_WIDE,
  /// By AVX-512-BF16's or AVX-512-VNNI's instructions, panels of 32 columns.
  CK_BODY_DOT,
};

/// As `ck_product`, of a and b rounded to nearest, ties to even, and summed in 32 bits.
/// An element's sum has the same order whatever the number of rows and columns. The portable bodies' bits are the same on
/// every processor; the instructions round otherwise.
typedef struct {
  float *c;
  size_t cStride;
  const float *base;
  size_t baseStride;
  const float *a;
  size_t aRow, aInner;
  const float *b;
  size_t bInner, bColumn;
  /// b as packed by `ck_bf16_pack_panels` for this body, where not null; `b` is then not read.
  const uint32_t *panels;
  size_t rows, columns, inner;
  int body;
} ck_bf16_product;

/// Whether this processor runs a body.
int ck_bf16_runs(int body);
/// Whether this processor's own instructions are faster than products of 32-bit floats.
int ck_bf16_doubles(void);
/// The columns of a body's panel.
size_t ck_bf16_panel_width(int body);
/// Needs the scratch of `ck_multiply`.
void ck_bf16_multiply(const ck_bf16_product *product, float *scratch);
/// panels (columns / width rounded up, inner / 2 rounded up, width) of pairs of b's rows, the last panel and an odd last
/// row padded with zeros.
void ck_bf16_pack_panels(uint32_t *panels, int body, const float *b, size_t bColumn, size_t bInner, size_t columns,
                         size_t inner);

// MARK: 8-bit product

/// The longest inner dimension.
enum { CK_INT8_LONGEST = 12288 };

/// c = base + a·b, where each row of a and each column of b are quantised by a scale of their own.
/// An element's result does not depend on the rows and columns beside it, and all bodies give the same bits.
typedef struct {
  float *c;
  size_t cStride;
  const float *base;
  size_t baseStride;
  /// (rows, inner), rows `aStride` apart.
  const float *a;
  size_t aStride;
  /// b as packed by `ck_int8_pack_panels` for this body.
  const uint32_t *panels;
  size_t rows, columns, inner;
  int body;
} ck_int8_product;

/// Whether this processor runs a body.
int ck_int8_runs(int body);
/// The columns of a body's panel.
size_t ck_int8_panel_width(int body);
/// A panel in 32-bit words: four numbers each, and two for each column.
size_t ck_int8_panel_length(int body, size_t inner);
/// Needs the scratch of `ck_multiply`.
void ck_int8_multiply(const ck_int8_product *product, float *scratch);
/// Panels from b's columns, each contiguous and `bColumn` behind the one before.
void ck_int8_pack_panels(uint32_t *panels, int body, const float *b, size_t bColumn, size_t columns, size_t inner);

// MARK: Activations

/// out[i] = x·Φ(x), Φ by the error function; absolute error below 3e-7.
void ck_gelu(float *out, const float *x, size_t count);
/// d[i] *= d(x·Φ(x))/dx.
void ck_gelu_backward(float *d, const float *x, size_t count);
/// out[i] = 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
void ck_gelu_new(float *out, const float *x, size_t count);
void ck_gelu_new_backward(float *d, const float *x, size_t count);
void ck_relu(float *out, const float *x, size_t count);
void ck_relu_backward(float *d, const float *x, size_t count);
void ck_tanh(float *out, const float *x, size_t count);
/// d[i] *= 1 − y², where y = tanh(x) is the forward's output.
void ck_tanh_backward(float *d, const float *y, size_t count);

/// out = f(passing)·gate, row by row: x (rows, 2·columns) holds what passes and behind it the gate, out (rows, columns).
void ck_gelu_gated(float *out, const float *x, size_t rows, size_t columns);
/// dx (rows, 2·columns), overwritten, from the gradient d of `out`.
void ck_gelu_gated_backward(float *dx, const float *d, const float *x, size_t rows, size_t columns);
void ck_gelu_new_gated(float *out, const float *x, size_t rows, size_t columns);
void ck_gelu_new_gated_backward(float *dx, const float *d, const float *x, size_t rows, size_t columns);
void ck_relu_gated(float *out, const float *x, size_t rows, size_t columns);
void ck_relu_gated_backward(float *dx, const float *d, const float *x, size_t rows, size_t columns);

// MARK: Sums

/// out[i] += x[i]
void ck_add(float *out, const float *x, size_t count);
/// out[i] += scale·x[i]
void ck_add_scaled(float *out, const float *x, float scale, size_t count);
/// x[i] *= scale
void ck_scale(float *x, float scale, size_t count);
/// out[c] += Σ_r x[r, c]; x: (rows, columns), rows `stride` apart.
void ck_add_column_sums(float *out, const float *x, size_t rows, size_t columns, size_t stride);
/// Σ x², in double precision.
double ck_sum_of_squares(const float *x, size_t count);
/// Σ (a − b)², in double precision; where d is given, d[i] += scale·(a − b).
double ck_squared_error(const float *a, const float *b, float *d, float scale, size_t count);

// MARK: Layer normalization

/// sum += residual (where given), then out = gamma·(sum − mean)/√(variance + eps) + beta (where given), row by row.
/// sum, residual, out: (rows, columns); mean, rstd: (rows), where given.
void ck_layer_norm(float *out, float *sum, const float *residual, const float *gamma, const float *beta, float eps,
                   float *mean, float *rstd, size_t rows, size_t columns);
/// d becomes the gradient of `sum` from that of `out`; dGamma and dBeta are added to where given.
void ck_layer_norm_backward(float *d, const float *sum, const float *mean, const float *rstd, const float *gamma,
                            float *dGamma, float *dBeta, size_t rows, size_t columns);

// MARK: Attention tiles

/// c = a·b (added to c where `accumulate`), c: (rows, columns) and b: (inner, columns) tiles;
/// a[i, k] is a[i·aRow + k·aColumn], so that a transposed a costs nothing.
void ck_tile_product(float *c, size_t cStride, const float *a, size_t aRow, size_t aColumn, const float *b,
                     size_t bStride, size_t rows, size_t columns, size_t inner, float scale, int accumulate);
/// out (rows, outStride) = x (rows, columns), padded with zeros to outStride.
void ck_gather_tile(float *out, size_t outStride, const float *x, size_t xStride, size_t rows, size_t columns);
/// out (columns, outStride) = xᵀ, x (rows, columns); each row padded with zeros to outStride.
void ck_transpose_tile(float *out, size_t outStride, const float *x, size_t xStride, size_t rows, size_t columns);
/// p = softmax(s) along rows of n valid columns; columns from n to stride become 0. Tiles, as in the next two.
void ck_softmax(float *p, const float *s, size_t rows, size_t n, size_t stride);
/// The same where row r sees the columns at most `window` from column first + r only; all others become 0.
void ck_softmax_window(float *p, const float *s, size_t rows, size_t n, size_t stride, ptrdiff_t first, size_t window);
/// d = scale·p∘(d − Σ_j d·p): the gradient of softmax's input, in place; columns from n to stride become 0.
void ck_softmax_backward(float *d, const float *p, float scale, size_t rows, size_t n, size_t stride);
/// Σ_rows KL(softmax(t) ‖ softmax(s)); where d is given, d += scale·(softmax(s) − softmax(t)). n <= stride columns.
double ck_kl_divergence(const float *t, const float *s, float *d, float scale, size_t rows, size_t n, size_t stride);

// MARK: Positions

/// Turns each pair (x[c], x[half + c]) of each head by its row's angle, whose cosine and sine are (rows, half);
/// x: (rows, heads·2·half), rows `stride` apart. A direction of −1 turns back.
void ck_rotate(float *x, size_t stride, size_t rows, size_t heads, size_t half, const float *cosine, const float *sine,
               float direction);

/// out[i, j] += x[i, column[j − i]], out: (rows, columns); `column` points at distance 0 of a table that does not
/// fall, from 1 − rows to columns − 1.
void ck_add_by_distance(float *out, size_t outStride, const float *x, size_t xStride, const int32_t *column,
                        size_t rows, size_t columns);
/// out[i, column[j − i]] += d[i, j], j from 0 on.
void ck_sum_by_distance(float *out, size_t outStride, const float *d, size_t dStride, const int32_t *column,
                        size_t rows, size_t columns);
/// out[i, j] += x[j, column[i − j]], out: (rows, columns); the table from 1 − columns to rows − 1.
void ck_add_by_distance_transposed(float *out, size_t outStride, const float *x, size_t xStride, const int32_t *column,
                                   size_t rows, size_t columns);
/// out[j, column[i − j]] += d[i, j], i from 0 on.
void ck_sum_by_distance_transposed(float *out, size_t outStride, const float *d, size_t dStride, const int32_t *column,
                                   size_t rows, size_t columns);

// MARK: Dropout

/// Where a block of random numbers belongs: the same key gives the same mask on any rank, thread or machine.
typedef struct {
  uint32_t seed, step, sample, site;
  /// Of what one site drops of a sample in several calls.
  uint32_t part;
} ck_dropout_key;

/// x[i] = 0 with probability `rate`, rounded to 1/65536, else x[i]/(1 − rate). Linear, so the backward pass is the same call on the
/// gradient: no mask is stored. Philox4x32-10 (Salmon et al., SC 2011), 16 random bits an element.
void ck_dropout(float *x, size_t count, float rate, ck_dropout_key key);

// MARK: Optimizer

typedef struct {
  /// Multiplies the gradient (clipping).
  float gradientScale;
  /// 1 − β₁; and β₂ and 1 − β₂, each rounded once from double precision.
  float rest1, beta2, rest2;
  /// 1 − learning rate · weight decay.
  float decay;
  /// learning rate / (1 − β₁^step).
  float stepSize;
  /// √(1 − β₂^step).
  float correction;
  float eps;
} ck_adamw;

/// One step of AdamW (Loshchilov & Hutter, 2019), in PyTorch's order of operations and without fused multiply-adds,
/// so that every instruction set rounds alike.
void ck_adamw_step(float *w, const float *g, float *m, float *v, ck_adamw settings, size_t count);

// MARK: Half precision

/// out[i] = x[i] rounded to the nearest 16-bit float, ties to even. Returns 0 where some x is NaN or beyond the
/// largest half (65504); `out` is then of no use.
int ck_half_from_float(uint16_t *out, const float *x, size_t count);
/// out[i] = x[i], exactly.
void ck_float_from_half(float *out, const uint16_t *x, size_t count);
/// out[i] = x[i] rounded to the nearest bfloat16, ties to even: what is too large becomes infinite, NaN stays NaN.
void ck_bfloat16_from_float(uint16_t *out, const float *x, size_t count);
/// out[i] = x[i], exactly.
void ck_float_from_bfloat16(float *out, const uint16_t *x, size_t count);

// MARK: Hashing

/// The SHA-256 of some bytes; `portable` does without the processor's instructions for it.
void ck_sha256(uint8_t digest[32], const void *bytes, size_t count, int portable);

/// The same of bytes that come in pieces: start, whole blocks of 64 bytes, and a rest of fewer with the total count.
void ck_sha256_start(uint32_t state[8]);
void ck_sha256_blocks(uint32_t state[8], const void *bytes, size_t blocks, int portable);
void ck_sha256_finish(uint8_t digest[32], uint32_t state[8], const void *rest, size_t left, uint64_t total,
                      int portable);

// MARK: Memory

/// A file that exists in memory only, closed when another program takes this one's place; −1 where there are none.
/// Swift's Glibc does not show the function behind it.
int ck_memory_file(const char *name);

// MARK: Processor

/// Flush denormals to zero on the calling thread: they cost a hundred times a normal number's time.
/// Returns the mode before, for `ck_restore_denormals`.
uint64_t ck_flush_denormals(void);
void ck_restore_denormals(uint64_t before);
/// What a thread does between looks at memory that another is about to write.
void ck_pause(void);
/// Whether the CPU has what the widest compiled clone needs: "x86-64-v4", "x86-64-v3" or "baseline".
const char *ck_simd_level(void);
