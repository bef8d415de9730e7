import Distillation
import Encoders
import Kernels
import Text

/// How much of the gradient each term of a stage's objective has, its weight included.
package struct GradientShares: Sendable {
  package struct Term: Sendable {
    /// The metric's key: `hard`, or an adaptor's.
    package let name: String
    package let weight: Double
    /// Of the sum of all terms' norms, from 0 to 1: over all updated parameters, and at the student's last hidden states,
    /// which what is compared inside the layers does not reach.
    package let parameters: Double
    package let lastHidden: Double

    /// Terms with less teach next to nothing.
    package static let least = 0.02
    package var isSilent: Bool { max(parameters, lastHidden) < Self.least }

    /// What would give it a tenth: a norm grows with its weight.
    package var suggestedWeight: Double {
      let share = max(parameters, 1e-9)
      return weight * (0.1 / 0.9) * (1 - share) / share
    }
  }

  package let stage: String
  package let step: Int
  package let terms: [Term]
}

extension GradientStep {
  /// Measures the shares on one micro-batch: without dropout, and by this rank alone, so that neither ranks nor threads
  /// change them. Nothing of the run does, but what `gradient` holds is lost.
  ///
  /// - Parameters:
  ///   - samples: rows of `data`.
  ///   - norm: of the updated parameters, given which rows of words have a gradient.
  /// - Returns: `nil` where fewer than two terms count, or one's gradient is not finite.
  func shares(
    stage: String, step: Int, samples: [Int], data: TokenizedDataset, teacher: (any TeacherSource)?,
    updated: UpdatedParameters, norm: (ParameterBuffer, _ rows: [Int]) -> Double
  ) -> GradientShares? {
    // Of rows without labels, labels have no share.
    let hasLabels = samples.contains { data.label($0) >= 0 }
    let terms = objective.countingTerms.filter { hasLabels || $0.name != "hard" }
    guard terms.count > 1, !samples.isEmpty else { return nil }
    let rows = updated.byRows.map { data.words(of: samples, vocabulary: $0.rows) } ?? []
    let ranges = updated.wholeRanges + rows.map(updated.range(ofRow:))
    let batch = data.batch(samples)
    let counts = objective.counts(of: samples, in: data)
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    let features = teacher?.features(of: batch, arena: arena) ?? Taps()
    let pass = student.forward(batch, weights: weights, taps: objective.studentTaps, arena: arena, dropout: nil)
    let mark = arena.mark
    var norms: [(parameters: Double, lastHidden: Double)] = []
    for term in terms {
      gradient.zero(ranges)
      let d = pass.makeGradients()
      objective.accumulate(
        term: term.index,
        TapPair(
          batch: batch, teacher: features, student: pass.taps, dStudent: d, weights: weights, gradient: gradient,
          arena: arena),
        counts: counts)
      var lastHidden = 0.0
      pass.backward(d, gradient: gradient, headOnly: false, atLastHidden: { lastHidden = $0.norm })
      norms.append((norm(gradient, rows), lastHidden))
      arena.reset(to: mark)
    }
    let parameters = norms.reduce(0) { $0 + $1.parameters }
    let lastHidden = norms.reduce(0) { $0 + $1.lastHidden }
    guard parameters.isFinite, lastHidden.isFinite, parameters > 0 else { return nil }
    return GradientShares(
      stage: stage, step: step,
      terms: zip(terms, norms).map { term, norm in
        GradientShares.Term(
          name: term.name, weight: term.weight, parameters: norm.parameters / parameters,
          lastHidden: lastHidden > 0 ? norm.lastHidden / lastHidden : 0)
      })
  }
}

extension Matrix {
  fileprivate var norm: Double {
    (0..<rows).reduce(0) { $0 + sumOfSquares(UnsafeBufferPointer(self.rows($1..<$1 + 1).values)) }.squareRoot()
  }
}
