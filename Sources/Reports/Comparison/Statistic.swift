import Glibc

/// A number over several runs.
struct Statistic: Sendable, Equatable {
  let mean: Double
  /// Of the sample, over n − 1; `nil` of a single number.
  let deviation: Double?

  /// - Returns: `nil` of no numbers.
  init?(_ values: [Double]) {
    guard !values.isEmpty else { return nil }
    let mean = values.reduce(0, +) / Double(values.count)
    self.mean = mean
    deviation =
      values.count == 1
      ? nil
      : (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
  }
}
