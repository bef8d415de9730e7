import CKernels
import Glibc

/// What the factors of a linear map's products are rounded to. Biases, norms, softmax, the residual stream and all sums
/// are 32-bit floats.
package enum Precision: String, Sendable, CaseIterable {
  case float32
  /// Products are summed as 32-bit floats.
  case bfloat16
  /// Each output channel of a weight and each row of its input have a scale of their own. For models that are only run.
  case int8
}

/// How products of numbers smaller than 32 bits are computed.
enum ProductBody: Int32, Sendable, CaseIterable {
  case narrow = 0
  /// Portable too, for AVX-512.
  case wide
  /// By instructions for such numbers.
  case instructions

  /// The last that this processor runs, but for instructions that are slower than what they would replace.
  static func best(_ precision: Precision) -> ProductBody { precision == .int8 ? bestOfInt8 : bestOfBFloat16 }

  /// What this processor runs.
  static func available(_ precision: Precision) -> [ProductBody] {
    allCases.filter { (precision == .int8 ? ck_int8_runs($0.rawValue) : ck_bf16_runs($0.rawValue)) != 0 }
  }

  private static let bestOfBFloat16 = choose(.bfloat16) { ck_bf16_doubles() != 0 }
  private static let bestOfInt8 = choose(.int8) { true }

  private static func choose(_ precision: Precision, instructionsPay: () -> Bool) -> ProductBody {
    let usable = available(precision).filter { $0 != .instructions || (!isForcedPortable && instructionsPay()) }
    return usable.last ?? .narrow
  }

  /// `DISTILL_DDP_PORTABLE_PRODUCTS=1` in the environment: results are those of a processor without the instructions.
  private static let isForcedPortable =
    getenv("DISTILL_DDP_PORTABLE_PRODUCTS").map { String(cString: $0) == "1" } ?? false
}

extension Precision {
  /// The instructions that this processor's products take, for logs: `portable` where there are none, or none that pay.
  package var instructions: String {
    switch self {
    case .float32: simdLevel
    case .bfloat16: ProductBody.best(self) == .instructions ? "AVX-512-BF16" : "portable"
    case .int8: ProductBody.best(self) == .instructions ? "AVX-512-VNNI" : "portable"
    }
  }

  /// `bfloat16 (AVX-512-BF16)`
  package var withInstructions: String { self == .float32 ? rawValue : "\(rawValue) (\(instructions))" }

  /// Whether this processor multiplies such numbers faster than 32-bit floats.
  package var isFasterThanFloat32: Bool { self != .float32 && ProductBody.best(self) == .instructions }
}
