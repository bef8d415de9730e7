import Encoders
import Glibc
import Kernels
import Text

/// An adaptor on words in the place of tokens, for models whose tokens differ. What it reads of either model is pooled to
/// the words that both have in common (`WordAlignment`); its gradient goes back to the tokens.
struct WordAligned: Adaptor {
  private let adaptor: any Adaptor

  init(_ adaptor: any Adaptor) { self.adaptor = adaptor }

  var name: String { adaptor.name }
  var studentTaps: TapSelection { adaptor.studentTaps }
  var teacherTaps: TapSelection { adaptor.teacherTaps }
  var pairs: [LayerPair] { adaptor.pairs }

  func count(_ counts: GlobalCounts) -> Double { adaptor.count(counts.ofWords) }

  func work(_ text: TextFigures, backward: Bool) -> NecessaryWork { adaptor.work(text, backward: backward) }

  func accumulate(_ pair: TapPair, scale: Double) -> Double {
    // Both have the same tokens.
    guard let words = pair.batch.words else { return adaptor.accumulate(pair, scale: scale) }
    let arena = pair.arena
    // Gradients stay; everything else is given back.
    if let dStudent = pair.dStudent {
      for tap in studentTaps.inOrder { _ = dStudent.value(tap) }
    }
    let mark = arena.mark
    defer { arena.reset(to: mark) }
    var batch = Batch()
    batch.starts = words.starts
    batch.samples = pair.batch.samples
    let own = WordPooling(words.own, starts: pair.batch.starts, words: words.starts)
    let other = WordPooling(words.other, starts: words.otherStarts, words: words.starts)
    let student = own.forward(pair.student, studentTaps, batch, arena)
    let teacher = other.forward(pair.teacher, teacherTaps, batch, arena)
    let dWords = pair.dStudent.map { _ in TapGradients(student, batch: batch, arena: arena) }
    let total = adaptor.accumulate(
      TapPair(
        batch: batch, teacher: teacher, student: student, dStudent: dWords, weights: pair.weights,
        gradient: pair.gradient, precision: pair.precision, arena: arena), scale: scale)
    if let dWords, let dStudent = pair.dStudent {
      for tap in studentTaps.inOrder {
        guard let d = dWords[tap] else { continue }
        own.backward(dStudent.value(tap), d: d, input: pair.student, tap, batch)
      }
    }
    return total
  }
}

/// Carries what a model gives for tokens to words, and gradients back. Rows of words are means over their tokens. A score
/// of two words is the logarithm of the sum of the exponentials of one token's scores of the other word's tokens, so that
/// their softmax adds up the attention that these get; and the mean of that over the tokens that look.
private struct WordPooling {
  /// Of each token its word, −1 for none. (tokens)
  private let words: [Int32]
  /// Where each sentence's tokens start, with the total at the end. (sentences + 1)
  private let starts: [Int]
  /// Where each sentence's words start, with the total at the end. (sentences + 1)
  private let wordStarts: [Int]
  /// 1 / the tokens of each word. (words)
  private let shares: [Float]

  init(_ words: [Int32], starts: [Int], words wordStarts: [Int]) {
    (self.words, self.starts, self.wordStarts) = (words, starts, wordStarts)
    var counts = [Float](repeating: 0, count: wordStarts[wordStarts.count - 1])
    for word in words where word >= 0 { counts[Int(word)] += 1 }
    shares = counts.map { 1 / max(1, $0) }
  }

  func forward(_ taps: Taps, _ selection: TapSelection, _ batch: Batch, _ arena: Arena) -> Taps {
    var pooled: [Tap: TapValue] = [:]
    for tap in selection.inOrder {
      if tap.kind == .scores {
        let maps = taps.maps(tap)
        let out = AttentionMaps(batch, heads: maps.heads, arena: arena)
        forEachMap(maps.heads) { sentence, head in
          forward(out: out.map(sentence: sentence, head: head), maps.map(sentence: sentence, head: head), sentence)
        }
        pooled[tap] = .maps(out)
      } else {
        let x = taps.matrix(tap)
        let out = arena.zeros(shares.count, x.columns)
        forEachToken { token, word in add(x.rows(token..<token + 1), to: out.rows(word..<word + 1), scale: shares[word])
        }
        pooled[tap] = .matrix(out)
      }
    }
    return Taps(pooled)
  }

  /// Adds to `dX`. Forward: `forward`
  func backward(_ dX: TapValue, d: TapValue, input: Taps, _ tap: Tap, _ batch: Batch) {
    switch (dX, d) {
    case (.matrix(let dX), .matrix(let d)):
      // out[word] = Σ x[token] / tokens of the word
      forEachToken { token, word in add(d.rows(word..<word + 1), to: dX.rows(token..<token + 1), scale: shares[word]) }
    case (.maps(let dX), .maps(let d)):
      let maps = input.maps(tap)
      forEachMap(maps.heads) { sentence, head in
        backward(
          dX: dX.map(sentence: sentence, head: head), d: d.map(sentence: sentence, head: head),
          maps.map(sentence: sentence, head: head), sentence)
      }
    default: preconditionFailure("\(tap) and its gradient are of one kind")
    }
  }

  private func forEachToken(_ body: (_ token: Int, _ word: Int) -> Void) {
    for (token, word) in words.enumerated() where word >= 0 { body(token, Int(word)) }
  }

  private func forEachMap(_ heads: Int, _ body: (_ sentence: Int, _ head: Int) -> Void) {
    for sentence in 0..<starts.count - 1 {
      for head in 0..<heads { body(sentence, head) }
    }
  }

  /// The words of a sentence's tokens, counted from its first.
  private func places(_ sentence: Int) -> [Int] {
    words[starts[sentence]..<starts[sentence + 1]].map { $0 < 0 ? -1 : Int($0) - wordStarts[sentence] }
  }

  /// scores: (tokens, tokens), out: (words, words) of one sentence and head
  private func forward(out: Matrix, _ scores: Matrix, _ sentence: Int) {
    let (places, first) = (places(sentence), wordStarts[sentence])
    out.fill(0)
    var sums = LogSums(words: out.columns)
    for (query, word) in places.enumerated() where word >= 0 {
      sums.set(scores.rows(query..<query + 1), places)
      for column in 0..<out.columns { out[word, column] += shares[first + word] * sums[column] }
    }
  }

  /// Adds to `dX`. Forward: out[w, v] = Σ_q log Σ_k exp(scores[q, k]) / tokens of w, with q of w and k of v
  private func backward(dX: Matrix, d: Matrix, _ scores: Matrix, _ sentence: Int) {
    let (places, first) = (places(sentence), wordStarts[sentence])
    var sums = LogSums(words: d.columns)
    for (query, word) in places.enumerated() where word >= 0 {
      sums.set(scores.rows(query..<query + 1), places)
      for (key, column) in places.enumerated() where column >= 0 {
        dX[query, key] += shares[first + word] * d[word, column] * Glibc.expf(scores[query, key] - sums[column])
      }
    }
  }

  /// For each word log Σ exp(score) of its tokens, of one query after the other.
  private struct LogSums {
    private var largest: [Float]
    private var sums: [Float]

    init(words: Int) {
      largest = Array(repeating: 0, count: words)
      sums = largest
    }

    subscript(word: Int) -> Float { sums[word] }

    /// - Parameters:
    ///   - scores: of one query. (1, tokens)
    ///   - places: the word of each token, −1 where it is of none.
    mutating func set(_ scores: Matrix, _ places: [Int]) {
      for word in sums.indices { (largest[word], sums[word]) = (-.infinity, 0) }
      for (key, word) in places.enumerated() where word >= 0 { largest[word] = max(largest[word], scores[0, key]) }
      for (key, word) in places.enumerated() where word >= 0 {
        sums[word] += Glibc.expf(scores[0, key] - largest[word])
      }
      for word in sums.indices { sums[word] = Glibc.logf(sums[word]) + largest[word] }
    }
  }
}

extension TapGradients {
  /// The gradient of a tap of either kind.
  fileprivate func value(_ tap: Tap) -> TapValue { tap.kind == .scores ? .maps(maps(tap)) : .matrix(matrix(tap)) }
}
