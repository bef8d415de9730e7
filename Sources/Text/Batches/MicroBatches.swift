/// Cutting of a global batch into units of work.
package enum MicroBatches {
  /// Cuts a batch into `count` micro-batches of about as many tokens: the longest sentence first, each into the micro-
  /// batch that has the fewest tokens so far (of several the first). A function of the lengths alone, so that every
  /// rank finds the same. B rows are sorted, and each finds its place in O(log count).
  /// - Parameters:
  ///   - samples: The rows of the batch.
  ///   - length: The tokens of a row.
  /// - Returns: `count` lists, each in the order of the batch; empty ones if there are fewer rows.
  package static func cut(_ samples: some Sequence<Int>, into count: Int, length: (Int) -> Int) -> [[Int]] {
    let samples = Array(samples)
    let lengths = samples.map(length)
    let longestFirst = lengths.indices.sorted { (lengths[$1], $0) < (lengths[$0], $1) }
    var positions = [[Int]](repeating: [], count: max(1, count))
    var lightest = LightestFirst(count: positions.count)
    for position in longestFirst {
      positions[lightest.first].append(position)
      lightest.addToFirst(lengths[position])
    }
    return positions.map { $0.sorted().map { samples[$0] } }
  }
}

/// A binary heap of weights with their indices: of two equal weights, the lower index comes first.
private struct LightestFirst {
  private var heap: [(weight: Int, index: Int)]

  /// All weigh nothing.
  init(count: Int) { heap = (0..<count).map { (0, $0) } }

  var first: Int { heap[0].index }

  mutating func addToFirst(_ weight: Int) {
    let moved = (weight: heap[0].weight + weight, index: heap[0].index)
    var place = 0
    while true {
      var child = 2 * place + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
      guard heap[child] < moved else { break }
      heap[place] = heap[child]
      place = child
    }
    heap[place] = moved
  }
}
