import Kernels

/// The parameters a stage updates: most of them whole, the word embeddings by rows.
///
/// A batch holds a few hundred of some 30,000 words, and only their rows have a gradient. Gradients, sums over ranks
/// and optimizer work on those rows; what is left out is what would be zero.
package struct UpdatedParameters: Sendable {
  /// A contiguous piece of parameters that decay alike, short enough to share among workers.
  struct Stretch: Sendable {
    let range: Range<Int>
    let decays: Bool
    /// The peak learning rate in place of the stage's.
    let learningRate: Double?
  }

  /// Cut by the layout alone, so that sums over stretches do not depend on the number of workers.
  let stretches: [Stretch]
  /// A matrix whose gradient has rows; `nil` where it is not updated.
  let byRows: Slot?
  /// The peak learning rate of that matrix in place of the stage's.
  let rowsLearningRate: Double?

  private static let longestStretch = 1 << 18

  package init(_ layout: ParameterLayout, isUpdated: (ParameterLayout.Entry) -> Bool) {
    var stretches: [Stretch] = []
    var rows: (slot: Slot, learningRate: Double?)?
    for entry in layout.entries where isUpdated(entry) {
      if entry.isLookup {
        precondition(rows == nil, "\(entry.key): a second table of words")
        rows = (entry.slot, entry.learningRate)
        continue
      }
      let end = entry.slot.offset + entry.slot.count
      for start in stride(from: entry.slot.offset, to: end, by: Self.longestStretch) {
        stretches.append(
          Stretch(
            range: start..<min(start + Self.longestStretch, end), decays: entry.decays,
            learningRate: entry.learningRate))
      }
    }
    self.stretches = stretches
    byRows = rows?.slot
    rowsLearningRate = rows?.learningRate
  }

  var count: Int { stretches.reduce(byRows?.count ?? 0) { $0 + $1.range.count } }

  /// What is updated whole, as few contiguous ranges.
  var wholeRanges: [Range<Int>] {
    stretches.reduce(into: []) { ranges, stretch in
      if let last = ranges.last, last.upperBound == stretch.range.lowerBound {
        ranges[ranges.count - 1] = last.lowerBound..<stretch.range.upperBound
      } else {
        ranges.append(stretch.range)
      }
    }
  }

  /// The place of a row of `byRows`.
  func range(ofRow row: Int) -> Range<Int> {
    guard let byRows else { preconditionFailure("nothing is updated by rows") }
    let start = byRows.offset + row * byRows.columns
    return start..<start + byRows.columns
  }
}
