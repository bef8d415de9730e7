import Testing

@testable import Text

struct TokenizedDatasetTests {
  private func dataset(threads: Int, rows: Int = 2000, maxLength: Int? = 9) throws -> TokenizedDataset {
    var examples = Examples(hasPairs: true)
    for row in 0..<rows {
      let text = String(repeating: "play ", count: row % 7)
      examples.append(text.utf8, pair: "good film \(row)".utf8, target: .label(Int32(row % 3)))
    }
    return try TokenizedDataset(
      examples, tokenizer: TokenizerTests.tokenizer("uncased"), maxLength: maxLength, threads: threads)
  }

  @Test func threadsChangeNothing() throws {
    let (one, many) = (try dataset(threads: 1), try dataset(threads: 5))
    #expect(one.count == 2000)
    #expect(one.truncatedRows > 0)
    #expect(one.truncatedRows == many.truncatedRows)
    let (left, right) = (one.batch(0..<2000), many.batch(0..<2000))
    #expect(left.tokens == right.tokens)
    #expect(left.types == right.types)
    #expect(left.starts == right.starts)
    #expect(left.labels == right.labels)
  }

  @Test func batchesHoldTheNamedRows() throws {
    let tokenizer = try TokenizerTests.tokenizer("uncased")
    let dataset = try dataset(threads: 2, maxLength: nil)
    let batch = dataset.batch([1999, 3, 3])
    #expect(batch.sentences == 3)
    #expect(batch.samples == [1999, 3, 3])
    #expect(batch.labels == [1, 0, 0])
    for (sentence, row) in batch.samples.enumerated() {
      let encoding = try tokenizer.encode(String(repeating: "play ", count: row % 7), pair: "good film \(row)")
      let range = batch.starts[sentence]..<batch.starts[sentence + 1]
      #expect(Array(batch.tokens[range]) == encoding.ids)
      #expect(Array(batch.types[range]) == encoding.typeIds)
      #expect(dataset.length(row) == encoding.ids.count)
      #expect(batch.length(sentence) == encoding.ids.count)
    }
  }

  @Test func knowsItsLengths() throws {
    let dataset = try dataset(threads: 1, rows: 7, maxLength: nil)
    let lengths = (0..<7).map(dataset.length)
    #expect(dataset.maximumLength == lengths.max())
    #expect(dataset.meanLength == Double(lengths.reduce(0, +)) / 7)
    #expect(try self.dataset(threads: 3, rows: 0).meanLength == 0)
  }

  @Test func saysWhichRowCannotBeCut() throws {
    var examples = Examples(hasPairs: true)
    for text in ["good", "good good good good"] { examples.append(text.utf8, pair: "film".utf8, target: .none) }
    let tokenizer = try TokenizerTests.tokenizer("uncased")
    let error = #expect(throws: TokenizerError.self) {
      try TokenizedDataset(examples, tokenizer: tokenizer, maxLength: 5, truncation: .onlySecond)
    }
    #expect(
      "\(error!)" == "row 2: maxLength: only_second cannot cut 4 and 1 tokens to 2 in all; use longest_first")
  }
}

struct SamplerTests {
  @Test("mixed rows come in their share, each kind as often as any other of it", arguments: [0.01, 0.25, 0.5, 0.9])
  func mixture(share: Double) {
    let labels = (0..<103).map { Int32($0 % 5 == 0 ? 1 : -1) }
    let sampler = Sampler(labels: labels, share: share, seed: 2022, shuffle: true)
    var visits = [Int](repeating: 0, count: 103)
    for epoch in 0..<9 {
      let order = sampler.order(epoch: epoch)
      #expect(order.count == 103)
      for start in 0..<90 {
        let labelled = order[start..<start + 13].count { labels[$0] >= 0 }
        #expect(abs(Double(labelled) - 13 * share) < 1.5)
      }
      for row in order { visits[row] += 1 }
      let (some, others) = (visits.indices.filter { labels[$0] >= 0 }, visits.indices.filter { labels[$0] < 0 })
      for kind in [some, others] {
        let counts = kind.map { visits[$0] }
        #expect(counts.max()! - counts.min()! <= 1)
      }
      #expect(order == sampler.order(epoch: epoch))
    }
    #expect(sampler.order(epoch: 0) != Sampler(labels: labels, share: share, seed: 1, shuffle: true).order(epoch: 0))
  }

  @Test("without shuffling a mixture is in the order of the file")
  func orderedMixture() {
    let sampler = Sampler(labels: [-1, 0, -1, 2, -1, -1], share: 0.5, seed: 1, shuffle: false)
    #expect(sampler.order(epoch: 0) == [1, 0, 3, 2, 1, 4])
    #expect(sampler.order(epoch: 1) == [3, 5, 1, 0, 3, 2])
  }

  @Test("rows that stay together are visited as one")
  func together() {
    for sampler in [
      Sampler(count: 100, seed: 5, shuffle: true, together: 2),
      Sampler(
        labels: (0..<100).map { $0 % 10 < 4 ? 0 : -1 }, share: 0.3, seed: 5, shuffle: true, together: 2),
    ] {
      let order = sampler.order(epoch: 1)
      #expect(order.count == 100 && order != sampler.order(epoch: 0))
      for place in stride(from: 0, to: 100, by: 2) {
        let isPair = order[place].isMultiple(of: 2) && order[place + 1] == order[place] + 1
        #expect(isPair || sampler.repeatsRows && order[place] % 10 >= 4 && order[place + 1] % 10 >= 4)
      }
    }
    #expect(Sampler(count: 5, seed: 5, shuffle: true, together: 2).order(epoch: 0).last == 4)
  }

  @Test func everyEpochHoldsEveryRowOnce() {
    let sampler = Sampler(count: 1000, seed: 2022, shuffle: true)
    let orders = (0..<3).map { sampler.order(epoch: $0) }
    for order in orders { #expect(order.sorted() == Array(0..<1000)) }
    #expect(Set(orders).count == 3)
    #expect(sampler.order(epoch: 1) == orders[1])
    #expect(Sampler(count: 1000, seed: 2023, shuffle: true).order(epoch: 0) != orders[0])
  }

  /// Computed with Python's integers from the definition of SplitMix64 and Lemire's method.
  @Test func orderIsTheSameOnEveryMachine() {
    #expect(Sampler(count: 8, seed: 2022, shuffle: true).order(epoch: 0) == [7, 6, 3, 1, 5, 2, 4, 0])
    #expect(Sampler(count: 8, seed: .max, shuffle: true).order(epoch: 7) == [3, 7, 5, 1, 6, 4, 2, 0])
  }

  @Test func rowsAreInOrderWithoutShuffling() {
    let sampler = Sampler(count: 7, seed: 1, shuffle: false)
    #expect(Array(sampler.batches(epoch: 4, batchSize: 3)) == [[0, 1, 2], [3, 4, 5], [6]])
    #expect(Sampler(count: 0, seed: 1, shuffle: true).batches(epoch: 0, batchSize: 3).isEmpty)
  }

  @Test("a group is parted only where a batch has no room for it")
  func groups() {
    // Groups of two, three and one, and one row without any.
    let groups: [Int32?] = [0, 1, 0, 1, nil, 2, 1]
    let kept = Sampler(groups: groups, seed: 1, shuffle: false)
    #expect(Array(kept.batches(epoch: 0, batchSize: 4)) == [[0, 2, 4, 5], [1, 3, 6]])
    #expect(Array(kept.batches(epoch: 0, batchSize: 2)) == [[0, 2], [1, 3], [6, 4], [5]])
    let many = (0..<500).map { Int32(($0 * $0) % 61) }
    let sampler = Sampler(groups: many.map(Optional.some), seed: 3, shuffle: true)
    for size in [1, 7, 32, 600] {
      let batches = (0..<2).map { Array(sampler.batches(epoch: $0, batchSize: size)) }
      for epoch in batches {
        #expect(epoch.joined().sorted() == Array(0..<500) && epoch.dropLast().allSatisfy { $0.count == size })
      }
      #expect(batches[0] != batches[1])
      let parts = batches[0].reduce(0) { $0 + Set($1.map { many[$0] }).count }
      if size == 32 { #expect(parts <= Set(many).count + batches[0].count) }
      if size == 600 { #expect(parts == Set(many).count) }
    }
  }

  @Test func firstRowsAreEvenlySpread() {
    var counts = [Int](repeating: 0, count: 5)
    for seed in 0..<5000 { counts[Sampler(count: 5, seed: UInt64(seed), shuffle: true).order(epoch: 0)[0]] += 1 }
    // Four standard deviations of a binomial of 5000 throws at 1/5 are 113.
    for count in counts { #expect(abs(count - 1000) < 113) }
  }
}

struct MicroBatchTests {
  private func lengths(_ count: Int) -> [Int] { (0..<count).map { 2 + ($0 * $0 * 7919) % 61 } }

  @Test(arguments: [1, 2, 3, 4, 7, 64])
  func everySentenceOnceAndBalanced(_ count: Int) {
    let lengths = lengths(32)
    let samples = (0..<32).map { 100 + 31 - $0 }
    let parts = MicroBatches.cut(samples[...], into: count) { lengths[$0 - 100] }
    #expect(parts.count == count)
    #expect(parts.flatMap { $0 }.sorted() == samples.sorted())
    for part in parts { #expect(part == part.sorted(by: >)) }
    let tokens = parts.map { $0.reduce(0) { $0 + lengths[$1 - 100] } }
    // The lightest was chosen for each, so that none leads by more than one sentence.
    if count <= 32 { #expect(tokens.max()! - tokens.min()! <= lengths.max()!) }
    #expect(parts.count(where: \.isEmpty) == max(0, count - 32))
  }

  /// Looks at every micro-batch for every sentence.
  private func cutOneByOne(_ lengths: [Int], into count: Int) -> [[Int]] {
    var parts = [[Int]](repeating: [], count: count)
    var tokens = [Int](repeating: 0, count: count)
    for row in lengths.indices.sorted(by: { (lengths[$1], $0) < (lengths[$0], $1) }) {
      let lightest = tokens.indices.min { (tokens[$0], $0) < (tokens[$1], $1) }!
      parts[lightest].append(row)
      tokens[lightest] += lengths[row]
    }
    return parts.map { $0.sorted() }
  }

  @Test(arguments: [(1, 5), (7, 3), (100, 7), (500, 64), (1000, 333), (300, 1000)])
  func eachSentenceJoinsTheLightest(rows: Int, count: Int) {
    // Few lengths, so that many are equal.
    for factor in [1, 7919, 104_729] {
      let lengths = (0..<rows).map { 1 + ($0 * $0 * factor) % 23 }
      #expect(MicroBatches.cut(Array(0..<rows)[...], into: count) { lengths[$0] } == cutOneByOne(lengths, into: count))
    }
  }

  @Test func tiesGoToTheFirst() {
    #expect(MicroBatches.cut([5, 6, 7, 8, 9], into: 2) { _ in 10 } == [[5, 7, 9], [6, 8]])
    #expect(MicroBatches.cut([0, 1, 2, 3], into: 2) { [1, 9, 5, 4][$0] } == [[0, 1], [2, 3]])
  }
}
