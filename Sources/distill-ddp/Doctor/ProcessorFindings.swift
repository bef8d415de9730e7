import Kernels
import Training

/// What runs on this processor.
enum ProcessorFindings {
  static var all: [Finding] { [simd, products] }

  private static var simd: Finding {
    let level = simdLevel
    guard level == "baseline" else { return Finding("SIMD", .ok, level) }
    return Finding(
      "SIMD", .warning, "this processor has neither AVX2 with FMA nor AVX-512: everything runs several times slower",
      remedy: "choose another host, or let the virtual machine use the host's processor model (-cpu host)")
  }

  private static var products: Finding {
    if let width = productPanelWidth {
      return Finding("matrix product", .ok, "our own, in panels of \(width) columns")
    }
    guard let blas = openBLASInUse() else {
      return Finding(
        "matrix product", .problem, "none: there is no kernel of our own for this processor, and no OpenBLAS",
        remedy: "install libopenblas0-pthread")
    }
    let text =
      "OpenBLAS's, as there is no kernel of our own for this processor: \(blas.configuration), kernel \(blas.core), "
      + counted(blas.threads, "thread")
    if !blas.isThreaded {
      return Finding(
        "matrix product", .warning, "\(text); built for one thread, it may not bear several at a time",
        remedy: "install libopenblas0-pthread")
    }
    if simdLevel != "baseline", ["Prescott", "Core2", "Generic", "ARMV8"].contains(blas.core) {
      return Finding(
        "matrix product", .warning, "\(text); that kernel is for old processors",
        remedy: "install a newer libopenblas0")
    }
    return Finding(
      "matrix product", .warning, text, remedy: "expect about nine tenths of the speed; nothing needs to be done")
  }
}
