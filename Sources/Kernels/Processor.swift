import CKernels

/// Makes the calling thread treat denormal floats as zero; every worker does so before it computes.
package func flushDenormals() { ck_flush_denormals() }

/// The instruction set the kernels run with, for the log.
package var simdLevel: String { String(cString: ck_simd_level()) }
