/// Cutting of a global batch into units of work.
package enum MicroBatches {
  /// Cuts a batch into `count` micro-batches of about as many tokens: the longest sentence first, each into the micro-
  /// batch that has the fewest tokens so far (of several the first). A function of the lengths alone, so that every
  /// rank finds the same.
  /// - Parameters:
  ///   - samples: The rows of the batch.
  ///   - length: The tokens of a row.
  /// - Returns: `count` lists, each in the order of the batch; empty ones if there are fewer rows.
  package static func cut(_ samples: some Sequence<Int>, into count: Int, length: (Int) -> Int) -> [[Int]] {
    let samples = Array(samples)
    let lengths = samples.map(length)
    let longestFirst = lengths.indices.sorted { (lengths[$1], $0) < (lengths[$0], $1) }
    var positions = [[Int]](repeating: [], count: max(1, count))
    var tokens = [Int](repeating: 0, count: positions.count)
    for position in longestFirst {
      let lightest = tokens.indices.min { (tokens[$0], $0) < (tokens[$1], $1) } ?? 0
      positions[lightest].append(position)
      tokens[lightest] += lengths[position]
    }
    return positions.map { $0.sorted().map { samples[$0] } }
  }
}
