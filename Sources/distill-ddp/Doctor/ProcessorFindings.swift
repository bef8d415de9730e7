import Kernels
import Training

/// What runs on this processor.
enum ProcessorFindings {
  static var all: [Finding] { [simd, products, blas] }

  private static var simd: Finding {
    let level = simdLevel
    guard level == "baseline" else { return Finding("SIMD", .ok, level) }
    return Finding(
      "SIMD", .warning, "this processor has neither AVX2 with FMA nor AVX-512: everything runs several times slower",
      remedy: "choose another host, or let the virtual machine show its processor (-cpu host)")
  }

  private static var products: Finding {
    if let width = productPanelWidth {
      return Finding("matrix product", .ok, "our own, in panels of \(width) columns")
    }
    return Finding(
      "matrix product", .warning, "OpenBLAS's: there is no kernel of our own for this processor",
      remedy: "expect about nine tenths of the speed; nothing needs to be done")
  }

  private static var blas: Finding {
    let (core, threads) = openBLASDescription()
    let (build, isThreaded) = openBLASBuild()
    let text = "\(build), kernel \(core), \(counted(threads, "thread"))"
    if threads != 1 {
      return Finding(
        "OpenBLAS", .warning, "\(text), which compete with the workers", remedy: "export OPENBLAS_NUM_THREADS=1")
    }
    if !isThreaded {
      return Finding(
        "OpenBLAS", .warning, "\(text); built for one thread, it may not bear several at a time",
        remedy: "install libopenblas0-pthread")
    }
    if productPanelWidth == nil, simdLevel != "baseline", ["Prescott", "Core2", "Generic", "ARMV8"].contains(core) {
      return Finding(
        "OpenBLAS", .warning, "\(text): a kernel for old processors", remedy: "install a newer libopenblas0")
    }
    return Finding("OpenBLAS", .ok, text)
  }
}
