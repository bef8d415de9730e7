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

  /// Rows that batches keep together, in order of the first of each; nil where none are.
  private let groups: [[Int]]?

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
    (mixture, groups) = (nil, nil)
  }

  /// Keeps the rows of a group together, and has them in one batch where it has room for them.
  /// - Parameter groups: of each row; nil for one that is alone.
  package init(groups: some Sequence<Int32?>, seed: UInt64, shuffle: Bool) {
    var places: [Int32: Int] = [:]
    var rows: [[Int]] = []
    var count = 0
    for group in groups {
      if let place = group.flatMap({ places[$0] }) {
        rows[place].append(count)
      } else {
        if let group { places[group] = rows.count }
        rows.append([count])
      }
      count += 1
    }
    (self.count, self.seed, self.shuffle) = (count, seed, shuffle)
    (together, mixture, self.groups) = (1, nil, rows)
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
    groups = nil
    let mixture = Mixture(
      labelled: labels.indices.filter { labels[$0] >= 0 && $0.isMultiple(of: together) },
      unlabelled: labels.indices.filter { labels[$0] < 0 }, share: share)
    precondition(!mixture.labelled.isEmpty && !mixture.unlabelled.isEmpty, "a mixture needs rows of both kinds")
    self.mixture = mixture
  }

  /// The groups in the order of an epoch.
  private func ordered(epoch: Int) -> [[Int]] {
    guard let groups else { return [] }
    return Sampler(count: groups.count, seed: seed, shuffle: shuffle).order(epoch: epoch).map { groups[$0] }
  }

  /// Whether a row may come more than once in an epoch.
  package var repeatsRows: Bool { mixture != nil }

  /// The rows in the order of an epoch. (count)
  package func order(epoch: Int) -> [Int] {
    if let mixture { return order(mixture, epoch: epoch) }
    if groups != nil { return ordered(epoch: epoch).flatMap { $0 } }
    if together > 1 {
      let first = Sampler(count: count / together, seed: seed, shuffle: shuffle).order(epoch: epoch)
      return first.flatMap { $0 * together..<($0 + 1) * together } + Array(count / together * together..<count)
    }
    return shortOrder(epoch: epoch).map(Int.init)
  }

  /// The same in half of the memory, where each epoch has every row once and in any company.
  private func shortOrder(epoch: Int) -> [UInt32] {
    precondition(count <= UInt32.max, "an epoch has fewer than 2³² rows")
    var order = (0..<UInt32(count)).map { $0 }
    guard shuffle, count > 1 else { return order }
    // Mixed twice, so that seeds and epochs that follow one another start far apart.
    var random = SplitMix64(seed: SplitMix64(seed: seed).peek ^ UInt64(bitPattern: Int64(epoch)))
    // Fisher and Yates's shuffle, in Durstenfeld's form.
    order.withUnsafeMutableBufferPointer { rows in
      var last = count - 1
      while last > 0 {
        rows.swapAt(last, Int(random.next(below: UInt64(last + 1))))
        last -= 1
      }
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
  package func batches(epoch: Int, batchSize: Int) -> EpochBatches {
    let size = max(1, batchSize)
    let order =
      if groups != nil {
        GroupPacking(ordered(epoch: epoch), size: size).rows.map(UInt32.init)
      } else if mixture != nil || together > 1 {
        self.order(epoch: epoch).map(UInt32.init)
      } else {
        shortOrder(epoch: epoch)
      }
    return EpochBatches(order: order, size: size)
  }
}

/// The batches of an epoch, made as they are asked for.
package struct EpochBatches: RandomAccessCollection, Sendable {
  private let order: [UInt32]
  private let size: Int

  fileprivate init(order: [UInt32], size: Int) { (self.order, self.size) = (order, size) }

  package var startIndex: Int { 0 }
  package var endIndex: Int { (order.count + size - 1) / size }

  package subscript(batch: Int) -> ArraySlice<Int> {
    order[batch * size..<Swift.min((batch + 1) * size, order.count)].map(Int.init)[...]
  }
}

/// Groups laid end to end so that few lie across the end of a batch: the first that has room comes next, and where none has,
/// the first of all is parted.
private struct GroupPacking {
  private(set) var rows: [Int] = []
  /// Groups of at most a batch, and parts of larger ones.
  private let pieces: [ArraySlice<Int>]
  /// The pieces of each size that are left, the first one last.
  private var left: [Int: [Int]]

  init(_ groups: [[Int]], size: Int) {
    pieces = groups.flatMap { group in
      stride(from: 0, to: group.count, by: size).map { group[$0..<min($0 + size, group.count)] }
    }
    left = Dictionary(grouping: pieces.indices.reversed()) { [pieces] in pieces[$0].count }
    rows.reserveCapacity(groups.reduce(0) { $0 + $1.count })
    var room = size
    while !left.isEmpty {
      if let piece = takeFirst(ofAtMost: room) {
        rows += pieces[piece]
        room -= pieces[piece].count
      } else if let piece = takeFirst(ofAtMost: size) {
        // Across the end of the batch.
        rows += pieces[piece]
        room += size - pieces[piece].count
      }
      if room == 0 { room = size }
    }
  }

  private mutating func takeFirst(ofAtMost room: Int) -> Int? {
    let first = left.lazy.filter { $0.key <= room }.min { ($0.value.last ?? 0) < ($1.value.last ?? 0) }
    guard let size = first?.key, let piece = left[size]?.popLast() else { return nil }
    if left[size]?.isEmpty ?? true { left[size] = nil }
    return piece
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
