/// The order of a dataset's rows in each epoch, the same on every machine and every rank.
package struct Sampler: Sendable, Equatable {
  package let count: Int
  package let seed: UInt64
  /// Whether each epoch has an order of its own; otherwise all have that of the file.
  package let shuffle: Bool
  /// How many rows that follow one another in the file stay together.
  private let together: Int

  /// Nil where each epoch has every row once.
  private let mixture: Mixture?

  /// Two kinds of rows that alternate in fixed shares.
  private struct Mixture: Sendable, Equatable {
    /// Rows with a label, the first of those that stay together, and rows without.
    let labelled: [Int]
    let unlabelled: [Int]
    let share: Double
  }

  /// - Parameter together: how many rows that follow one another in the file stay together; any that are left over come
  ///   last.
  package init(count: Int, seed: UInt64, shuffle: Bool, together: Int = 1) {
    self.count = count
    self.seed = seed
    self.shuffle = shuffle
    self.together = together
    mixture = nil
  }

  /// Mixes rows with and without a label so that of any rows in succession `share` have one, to within a row. An epoch has
  /// as many rows as there are; each kind is gone through from its beginning to its end, again and again, and goes on in
  /// the next epoch where the last one stopped.
  /// - Parameters:
  ///   - labels: those of all rows, negative where there is none; both kinds must occur.
  ///   - share: of rows with a label, in (0, 1).
  ///   - together: how many rows with a label that follow one another in the file stay together, from its beginning on.
  package init(labels: [Int32], share: Double, seed: UInt64, shuffle: Bool, together: Int = 1) {
    count = labels.count
    self.seed = seed
    self.shuffle = shuffle
    self.together = together
    let mixture = Mixture(
      labelled: labels.indices.filter { labels[$0] >= 0 && $0.isMultiple(of: together) },
      unlabelled: labels.indices.filter { labels[$0] < 0 }, share: share)
    precondition(!mixture.labelled.isEmpty && !mixture.unlabelled.isEmpty, "a mixture needs rows of both kinds")
    self.mixture = mixture
  }

  /// Whether a row may come more than once in an epoch.
  package var repeatsRows: Bool { mixture != nil }

  /// The rows in the order of an epoch. (count)
  package func order(epoch: Int) -> [Int] {
    if let mixture { return order(mixture, epoch: epoch) }
    if together > 1 {
      let first = Sampler(count: count / together, seed: seed, shuffle: shuffle).order(epoch: epoch)
      return first.flatMap { $0 * together..<($0 + 1) * together } + Array(count / together * together..<count)
    }
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

  private func order(_ mixture: Mixture, epoch: Int) -> [Int] {
    func labelled(before place: Int) -> Int { Int((mixture.share * Double(place)).rounded()) }
    let places = count / together
    let total = labelled(before: places)
    // Seeds of their own, so that two kinds of as many rows are not shuffled alike.
    var labelledRows = succession(mixture.labelled, total, epoch: epoch, seed: seed)[...]
    var otherRows = succession(mixture.unlabelled, count - total * together, epoch: epoch, seed: ~seed)[...]
    var order: [Int] = []
    order.reserveCapacity(count)
    for place in 0..<places {
      if labelled(before: place + 1) > labelled(before: place) {
        let first = labelledRows.removeFirst()
        order += first..<first + together
      } else {
        order += otherRows.prefix(together)
        otherRows = otherRows.dropFirst(together)
      }
    }
    return order + otherRows
  }

  /// The rows of one kind that an epoch takes, where each epoch takes as many.
  private func succession(_ rows: [Int], _ taken: Int, epoch: Int, seed: UInt64) -> [Int] {
    var result: [Int] = []
    while result.count < taken {
      let position = epoch * taken + result.count
      let pass = Sampler(count: rows.count, seed: seed, shuffle: shuffle).order(epoch: position / rows.count)
      let rest = pass[(position % rows.count)...].prefix(taken - result.count)
      result += rest.map { rows[$0] }
    }
    return result
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
