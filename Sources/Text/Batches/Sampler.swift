/// The order of a dataset's rows in each epoch, the same on every machine and every rank.
package struct Sampler: Sendable, Equatable {
  package let count: Int
  package let seed: UInt64
  /// Whether each epoch has an order of its own; otherwise all have that of the file.
  package let shuffle: Bool

  package init(count: Int, seed: UInt64, shuffle: Bool) {
    self.count = count
    self.seed = seed
    self.shuffle = shuffle
  }

  /// The rows in the order of an epoch. (count)
  package func order(epoch: Int) -> [Int] {
    var order = Array(0..<count)
    guard shuffle, count > 1 else { return order }
    // Mixed twice, so that seeds and epochs that follow one another start far apart.
    var random = SplitMix64(seed: SplitMix64(seed: seed).peek ^ UInt64(bitPattern: Int64(epoch)))
    // Fisher and Yates's shuffle, in Durstenfeld's form.
    for last in stride(from: count - 1, through: 1, by: -1) {
      order.swapAt(last, Int(random.next(below: UInt64(last + 1))))
    }
    return order
  }

  /// The rows of an epoch cut into batches, of which the last may be short.
  package func batches(epoch: Int, batchSize: Int) -> [ArraySlice<Int>] {
    let order = order(epoch: epoch)
    let size = max(1, batchSize)
    return stride(from: 0, to: count, by: size).map { order[$0..<min($0 + size, count)] }
  }
}

/// Steele, Lea and Flood's generator: a counter, mixed. Ours because the standard library's is not fixed for ever.
private struct SplitMix64 {
  private var counter: UInt64

  init(seed: UInt64) { counter = seed }

  mutating func next() -> UInt64 {
    counter &+= 0x9E37_79B9_7F4A_7C15
    var mixed = counter
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// The first number of a generator that stays as it is.
  var peek: UInt64 {
    var copy = self
    return copy.next()
  }

  /// A number below `bound`, each as likely (Lemire, 2019).
  mutating func next(below bound: UInt64) -> UInt64 {
    let threshold = (0 &- bound) % bound
    while true {
      let product = next().multipliedFullWidth(by: bound)
      if product.low >= threshold { return product.high }
    }
  }
}
