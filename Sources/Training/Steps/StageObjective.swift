import Distillation
import Encoders
import Kernels
import Text

/// What a stage minimises: labelWeight · hard + Σ weight · adaptor, each a sum divided by a count of the global batch: that
/// of the hard loss counts the targets of the rows that have a label.
package struct StageObjective: Sendable {
  let task: TaskSettings
  private(set) var labelWeight: Double
  private(set) var adaptors: [WeightedAdaptor]
  /// Whether the hard loss is computed, whatever its weight is.
  private(set) var measuresLabels: Bool

  /// - Parameter measuresLabels: nil where the weight says so.
  package init(
    task: TaskSettings, labelWeight: Double, adaptors: [WeightedAdaptor], measuresLabels: Bool? = nil
  ) {
    self.task = task
    self.labelWeight = labelWeight
    self.adaptors = adaptors
    self.measuresLabels = measuresLabels ?? (labelWeight != 0)
  }

  /// The sums of one micro-batch, batch or dataset, before division: the hard loss, then each adaptor.
  struct Sums: Sendable {
    var values: [Double]
  }

  /// The losses themselves.
  package struct Losses: Sendable {
    package let total: Double
    /// `nil` where the rows have no labels.
    package let hard: Double?
    /// Each adaptor's, in order, before its weight.
    package let adaptors: [Double]
    /// Σ weight · adaptor: what the student still has to learn from the teacher.
    let distillation: Double
  }

  var zero: Sums { Sums(values: [Double](repeating: 0, count: adaptors.count + 1)) }

  var studentTaps: TapSelection {
    var taps: TapSelection = measuresLabels ? [.logits] : []
    for weighted in adaptors { taps.formUnion(weighted.adaptor.studentTaps) }
    return taps
  }

  package var teacherTaps: TapSelection {
    var taps = TapSelection()
    for weighted in adaptors { taps.formUnion(weighted.adaptor.teacherTaps) }
    return taps
  }

  /// Whether some losses compare the sentences of the global batch with each other.
  var comparesSentences: Bool { learnsFromPairsOfRows || adaptors.contains { $0.adaptor.comparedWidth != nil } }

  /// Whether the hard loss is one of them.
  var learnsFromPairsOfRows: Bool { measuresLabels && task.kind.scoresPairsOfRows }

  /// The width of the teacher's outputs that they read; 0 where they read none.
  var comparedWidth: Int { adaptors.compactMap(\.adaptor.comparedWidth).max() ?? 0 }

  /// Adds the gradients of a micro-batch's part of the objective to the student's taps, and its sums to `sums`.
  func accumulate(_ pair: TapPair, counts: GlobalCounts, into sums: inout Sums) {
    if measuresLabels, let hardLoss = task.kind.hardLoss {
      sums.values[0] += hardLoss(
        task,
        HardLossTerms(pair: pair, scale: labelWeight / counts.hardLossCount))
    }
    accumulateAdaptors(pair, counts: counts, into: &sums)
  }

  /// The terms whose weight is not zero, by their place in `Sums`.
  var countingTerms: [(index: Int, name: String, weight: Double)] {
    let all = [(0, "hard", labelWeight)] + adaptors.enumerated().map { ($0 + 1, $1.adaptor.name, $1.weight) }
    return all.filter { $0.2 != 0 }
  }

  /// Adds the gradient of one term, by its place in `Sums`.
  func accumulate(term: Int, _ pair: TapPair, counts: GlobalCounts) {
    var alone = self
    alone.labelWeight = term == 0 ? labelWeight : 0
    alone.measuresLabels = term == 0
    alone.adaptors = term == 0 ? [] : [adaptors[term - 1]]
    var sums = alone.zero
    alone.accumulate(pair, counts: counts, into: &sums)
  }

  /// - Parameter comparing: only those that compare sentences with each other, or only all others.
  func accumulateAdaptors(_ pair: TapPair, counts: GlobalCounts, comparing: Bool? = nil, into sums: inout Sums) {
    for (index, weighted) in adaptors.enumerated() {
      if let comparing, comparing != (weighted.adaptor.comparedWidth != nil) { continue }
      let scale = weighted.weight / weighted.adaptor.count(counts)
      sums.values[index + 1] += weighted.adaptor.accumulate(pair, scale: scale)
    }
  }

  /// What sums over some rows are divided by.
  ///
  /// - Parameter batches: of the rows that are compared with each other; nil where all are.
  func counts(
    of rows: some Sequence<Int>, in data: TokenizedDataset, comparedIn batches: [Range<Int>]? = nil
  ) -> GlobalCounts {
    GlobalCounts(
      lengths: rows.lazy.map { data.length($0) }, targets: rows.reduce(0) { $0 + task.targets(of: $1, in: data) },
      words: data.alignment.map { alignment in rows.map(alignment.count) },
      sentencePairs: batches.map { batches in batches.reduce(0) { $0 + $1.count * $1.count } },
      margins: comparesSentences && task.kind == .pairs ? data.margins(of: rows) : 0)
  }

  /// - Parameter hasLabels: whether the first sum means something. Of no labelled rows it is 0, and so is the loss.
  func losses(_ sums: Sums, counts: GlobalCounts, hasLabels: Bool) -> Losses {
    let terms = adaptors.indices.map { sums.values[$0 + 1] / adaptors[$0].adaptor.count(counts) }
    let distillation = zip(adaptors, terms).reduce(0) { $0 + $1.0.weight * $1.1 }
    let hard = hasLabels ? sums.values[0] / counts.hardLossCount : nil
    return Losses(
      total: labelWeight * (hard ?? 0) + distillation, hard: hard, adaptors: terms, distillation: distillation)
  }
}

extension GlobalCounts {
  /// What the hard loss's sum is divided by. Of no targets it is 0, whatever that is divided by.
  fileprivate var hardLossCount: Double { targets > 0 ? targets : 1 }
}

extension TokenizedDataset {
  /// Pairs of labelled rows of a group whose labels differ.
  func margins(of rows: some Sequence<Int>) -> Int {
    GlobalCounts.margins(
      rows.compactMap { row -> (group: Int32, label: Float)? in
        guard label(row) >= 0, let group = group(row), let label = values(row).first else { return nil }
        return (group, label)
      })
  }

  /// Rows as losses see them that read none of their tokens.
  func withoutTokens(_ rows: some Sequence<Int>) -> Batch {
    var batch = Batch()
    batch.samples = Array(rows)
    batch.starts = [Int](repeating: 0, count: batch.samples.count + 1)
    for row in batch.samples {
      batch.labels.append(label(row))
      batch.values.append(contentsOf: values(row))
      batch.groups.append(group(row) ?? -1)
    }
    return batch
  }
}

extension TaskSettings {
  /// How much a row counts in the hard loss: its targets, or the weight of its class.
  package func targets(of row: Int, in data: TokenizedDataset) -> Double {
    let targets = data.targets(row)
    guard case .list(let weights) = classWeights, targets > 0 else { return Double(targets) }
    return weights[Int(data.label(row))]
  }
}
