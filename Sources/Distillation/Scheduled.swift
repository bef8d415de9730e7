import Glibc

/// A number that changes over a stage's steps. It follows from the step alone, so that a resumed run has the same.
package struct Scheduled: Sendable, Equatable {
  package enum Kind: String, Sendable, CaseIterable {
    case linear
    /// Half a cosine: slow at both ends.
    case cosine
    /// `from` up to the end of `over`, then `to`.
    case step
  }

  /// How long it takes from one end to the other.
  package enum Span: Sendable, Equatable {
    /// Of the stage's steps, in (0, 1].
    case share(Double)
    case steps(Int)
  }

  package var from: Double
  package var to: Double
  package var over: Span
  package var kind: Kind

  package init(from: Double, to: Double, over: Span = .share(1), kind: Kind = .linear) {
    (self.from, self.to, self.over, self.kind) = (from, to, over, kind)
  }

  package var largest: Double { max(from, to) }

  /// - Parameters:
  ///   - step: the optimizer's, from 0.
  ///   - steps: how many the stage has.
  package func value(at step: Int, of steps: Int) -> Double {
    let span =
      switch over {
      case .share(let share): share * Double(steps)
      case .steps(let count): Double(count)
      }
    let progress = min(1, Double(step) / max(span, 1))
    return switch kind {
    case .linear: from + (to - from) * progress
    case .cosine: from + (to - from) * (1 - cos(.pi * progress)) / 2
    case .step: progress < 1 ? from : to
    }
  }
}
