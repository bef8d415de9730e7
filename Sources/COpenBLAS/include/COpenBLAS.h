// OpenBLAS, opened where a processor has no matrix product of ours: whoever has one neither links nor loads it. Loading
// it starts a thread for each core, ahead of `main` where a program is linked to it; opened here, it is told before that
// it shall have one.
#pragma once

// Opens the library once. Returns NULL, or why it cannot be opened.
const char *copenblas_open(void);

// c = alpha * a * b + beta * c of row-major matrices, as CBLAS has it. Only where the library is open.
void copenblas_sgemm(
    int transposeA, int transposeB, int rows, int columns, int inner, float alpha, const float *a, int strideA,
    const float *b, int strideB, float beta, float *c, int strideC);

// The name of its kernel, its version and options, its threads, and whether many threads may call it at once. Only
// where the library is open.
const char *copenblas_core(void);
const char *copenblas_configuration(void);
int copenblas_threads(void);
int copenblas_is_parallel(void);
