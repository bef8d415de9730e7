import Encoders
import Kernels
import Text

/// What a model gives for a few rows in 32 bits, to compare with what it gives once its weights are 8-bit integers: some
/// models have rows with a few numbers so large that the others are lost beside them.
struct Calibration {
  /// ‖difference‖ ÷ ‖what 32 bits give‖ above which a model is refused. Models whose numbers suit 8 bits stay below a
  /// third of it.
  static let bound = 0.15
  private static let rows = 32

  private let name: String
  private let batch: Batch
  private let taps: TapSelection
  private let expected: [(tap: Tap, values: [Float])]

  /// - Parameter taps: what is asked of the model. Its logits decide where they are among them, else all of these do.
  init(_ model: ClassifierModel, taps: TapSelection, rows: TokenizedDataset, name: String) {
    self.name = name
    self.taps = taps.contains(.logits) ? [.logits] : taps
    batch = rows.batch(0..<min(Self.rows, rows.count))
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    expected = Self.values(
      of: model.encoder.infer(batch, weights: model.weights, taps: self.taps, arena: arena), self.taps, batch)
  }

  /// - Throws: where what the model gives is further from its 32 bits than the bound, with the figures.
  func check(_ model: FrozenModel) throws {
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    let found = Self.values(of: model.infer(batch, taps: taps, arena: arena), taps, batch)
    for (reference, other) in zip(expected, found) {
      var (distance, size, worst) = (0.0, 0.0, 0.0)
      for (exact, value) in zip(reference.values, other.values) {
        let difference = Double(value) - Double(exact)
        distance += difference * difference
        size += Double(exact) * Double(exact)
        worst = max(worst, abs(difference))
      }
      let error = (distance / max(size, .leastNormalMagnitude)).squareRoot()
      guard !(error <= Self.bound) else { continue }
      throw ModelError(
        "teacher.precision: int8: \(name.escapedForDisplay): expected its \(reference.tap) of the first "
          + "\(batch.sentences) rows within \(Self.bound) of their size in 32 bits, found them \(rounded(error)) off "
          + "(\(rounded(worst)) at worst); use bfloat16 or float32")
    }
  }

  private func rounded(_ value: Double) -> String { "\((value * 1000).rounded() / 1000)" }

  private static func values(of taps: Taps, _ selection: TapSelection, _ batch: Batch) -> [(tap: Tap, values: [Float])]
  {
    selection.inOrder.map { tap in
      guard case .maps(let maps)? = taps[tap] else { return (tap, taps.matrix(tap).inOrder) }
      let all = (0..<batch.sentences).flatMap { sentence in
        (0..<maps.heads).flatMap { maps.map(sentence: sentence, head: $0).inOrder }
      }
      // Scores of what lies outside a window stand for nothing.
      return (tap, all.map { $0 <= AttentionMaps.outsideWindow ? 0 : $0 })
    }
  }
}
