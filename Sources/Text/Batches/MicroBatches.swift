/// Cutting of a global batch into units of work.
package enum MicroBatches {
  /// Cuts a batch into `count` micro-batches of about as many tokens: the longest sentence first, each into the micro-
  /// batch that has the fewest tokens so far (of several the first). A function of the lengths alone, so that every
  /// rank finds the same. Each finds its place in O(log count).
  /// - Parameters:
  ///   - samples: The rows of the batch.
  ///   - length: The tokens of a row.
  /// - Returns: `count` lists, each in the order of the batch; empty ones if there are fewer rows.
  package static func cut(_ samples: ArraySlice<Int>, into count: Int, length: (Int) -> Int) -> [[Int]] {
    let lengths = samples.map(length)
    var lightest = LightestFirst(count: max(1, count))
    var parts = [Int](repeating: 0, count: samples.count)
    var sizes = [Int](repeating: 0, count: max(1, count))
    for position in longestFirst(lengths) {
      parts[position] = lightest.first
      sizes[lightest.first] += 1
      lightest.addToFirst(lengths[position])
    }
    var cut = sizes.map { size in
      var part: [Int] = []
      part.reserveCapacity(size)
      return part
    }
    for (sample, part) in zip(samples, parts) { cut[part].append(sample) }
    return cut
  }

  /// Positions by falling length, equal ones in order. Lengths are small numbers, so they are counted rather than compared.
  private static func longestFirst(_ lengths: [Int]) -> [Int] {
    let longest = lengths.max() ?? 0
    // Where those of each length begin, the longest first.
    var starts = [Int](repeating: 0, count: longest + 2)
    for length in lengths { starts[longest - length + 1] += 1 }
    for rank in 1..<starts.count { starts[rank] += starts[rank - 1] }
    var positions = [Int](repeating: 0, count: lengths.count)
    for (position, length) in lengths.enumerated() {
      positions[starts[longest - length]] = position
      starts[longest - length] += 1
    }
    return positions
  }
}

/// A binary heap of weights with their indices: of two equal weights, the lower index comes first.
private struct LightestFirst {
  /// The weight, then 32 bits of the index.
  private var heap: [Int]

  /// All weigh nothing.
  init(count: Int) { heap = Array(0..<count) }

  var first: Int { heap[0] & 0xFFFF_FFFF }

  mutating func addToFirst(_ weight: Int) {
    heap.withUnsafeMutableBufferPointer { heap in
      let moved = heap[0] + weight << 32
      var place = 0
      while 2 * place + 1 < heap.count {
        var child = 2 * place + 1
        if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
        guard heap[child] < moved else { break }
        heap[place] = heap[child]
        place = child
      }
      heap[place] = moved
    }
  }
}
