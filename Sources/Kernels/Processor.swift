import CKernels

/// Runs `body` with denormal floats treated as zero on this thread. The thread may be shared with others, whose numbers
/// are not ours to change, so its mode is put back.
package func withDenormalsFlushed(_ body: () -> Void) {
  let before = ck_flush_denormals()
  defer { ck_restore_denormals(before) }
  body()
}

/// The instruction set the kernels run with, for the log.
package var simdLevel: String { String(cString: ck_simd_level()) }

/// The columns of a panel of the product kernel that runs here; `nil` where OpenBLAS takes its place.
package var productPanelWidth: Int? { ProductKernel.best.panelWidth }
