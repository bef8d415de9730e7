import Distillation
import Encoders
import GoldenFixtures
import JSON
import Kernels
import Testing
import Text

/// Adaptors with `align: words` against PyTorch in double precision, on taps of models whose tokens differ
/// (`Tests/Goldens/make_word_goldens.py`).
struct WordAlignedTests {
  private static let path = "../words.json"
  static let cases = Array(0..<((try? GoldenFixtures.json(path)["cases"]?.elements.count) ?? 0))

  @Test("all kinds that compare tokens are there")
  func casesExist() throws {
    let kinds = try GoldenFixtures.json(Self.path)["cases"]?.elements.compactMap { $0["adaptor"]?["kind"]?.string }
    #expect(Set(kinds ?? []) == Set(AdaptorKind.all.filter { !$0.trainsHead }.map(\.name)))
  }

  @Test("losses and gradients agree", arguments: cases)
  func agrees(index: Int) throws {
    let json = try GoldenFixtures.json(Self.path)
    let golden = try #require(json["cases"]?.elements[index])
    var configuration = EncoderConfiguration()
    (configuration.layers, configuration.heads, configuration.hiddenSize) = (1, 2, 6)
    let settings = try GoldenFixtures.adaptors(.array([try #require(golden["adaptor"])]))[0]
    var layout = ParameterLayout()
    let adaptor = try settings.makeAdaptor(
      name: settings.kind.name, student: configuration, teacher: configuration, layout: &layout
    ).adaptor
    let words = try Words(json)
    let (weights, gradient, arena) = (ParameterBuffer(layout), ParameterBuffer(layout), Arena())
    defer { withExtendedLifetime((weights, gradient, arena)) {} }
    var batch = Batch()
    batch.starts = words.starts(of: words.own)
    batch.samples = Array(words.own.indices)
    batch.words = words.batch
    var otherBatch = Batch()
    otherBatch.starts = words.batch.otherStarts
    let student = try taps(adaptor.studentTaps, json["student"], batch, arena)
    let teacher = try taps(adaptor.teacherTaps, json["teacher"], otherBatch, arena)
    let d = TapGradients(student, batch: batch, arena: arena)
    let loss = adaptor.accumulate(
      TapPair(
        batch: batch, teacher: teacher, student: student, dStudent: d, weights: weights, gradient: gradient,
        arena: arena), scale: 1)
    let expected = try #require(golden["loss"]?.double)
    #expect(abs(loss - expected) < 1e-5 * abs(expected), "\(loss), expected \(expected)")
    for tap in adaptor.studentTaps.inOrder {
      let wanted = try #require(golden["gradient"]?["\(tap.kind.rawValue).\(tap.layer)"]).elements.compactMap(\.double)
      let found = numbers(tap.kind == .scores ? .maps(d.maps(tap)) : .matrix(d.matrix(tap)), batch)
      #expect(found.count == wanted.count)
      let largest = wanted.map(abs).max() ?? 0
      let worst = zip(found, wanted).map { abs(Double($0) - $1) }.max() ?? .infinity
      #expect(worst < 1e-4 * largest, "\(tap): off by \(worst) of \(largest)")
    }
    // Counted are words and their pairs, not tokens.
    let counts = words.batch.starts
    let lengths = zip(counts, counts.dropFirst()).map { $1 - $0 }
    let count = adaptor.count(
      GlobalCounts(lengths: (0..<batch.sentences).map(batch.length), words: lengths))
    var plain = settings
    plain["align"] = .word("tokens")
    var same = ParameterLayout()
    let inner = try plain.makeAdaptor(
      name: "plain", student: configuration, teacher: configuration, layout: &same
    ).adaptor
    #expect(count == inner.count(GlobalCounts(lengths: lengths)))
  }

  /// The words of the fixture's sentences.
  private struct Words {
    let own: [[Int]]
    let batch: BatchWords

    init(_ json: JSON) throws {
      own = try #require(json["own"]).elements.map { try $0.integers }
      let other = try #require(json["other"]).elements.map { try $0.integers }
      var batch = BatchWords()
      for (own, other) in zip(own, other) {
        let first = batch.starts[batch.starts.count - 1]
        batch.own += own.map { $0 < 0 ? -1 : Int32(first + $0) }
        batch.other += other.map { $0 < 0 ? -1 : Int32(first + $0) }
        batch.otherStarts.append(batch.other.count)
        batch.starts.append(first + (own.max() ?? 0) + 1)
      }
      self.batch = batch
    }

    func starts(of sentences: [[Int]]) -> [Int] {
      sentences.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.count) }
    }
  }

  private func taps(_ selection: TapSelection, _ json: JSON?, _ batch: Batch, _ arena: Arena) throws -> Taps {
    var values: [Tap: TapValue] = [:]
    for tap in selection.inOrder {
      var numbers = try #require(json?["\(tap.kind.rawValue).\(tap.layer)"]).elements.compactMap(\.double)[...]
      if tap.kind == .scores {
        let maps = AttentionMaps(batch, heads: 2, arena: arena)
        forEachMap(batch) { sentence, head in
          let map = maps.map(sentence: sentence, head: head)
          for row in 0..<map.rows {
            for column in 0..<map.columns { map[row, column] = Float(numbers.removeFirst()) }
          }
        }
        values[tap] = .maps(maps)
      } else {
        let matrix = arena.matrix(batch.starts[batch.sentences], 6)
        for (index, number) in numbers.enumerated() { matrix.values[index] = Float(number) }
        values[tap] = .matrix(matrix)
      }
    }
    return Taps(values)
  }

  private func numbers(_ value: TapValue, _ batch: Batch) -> [Float] {
    if let matrix = value.matrix { return Array(matrix.values) }
    var numbers: [Float] = []
    forEachMap(batch) { sentence, head in
      guard let map = value.maps?.map(sentence: sentence, head: head) else { return }
      for row in 0..<map.rows { numbers += (0..<map.columns).map { map[row, $0] } }
    }
    return numbers
  }

  private func forEachMap(_ batch: Batch, _ body: (_ sentence: Int, _ head: Int) -> Void) {
    for sentence in 0..<batch.sentences {
      for head in 0..<2 { body(sentence, head) }
    }
  }
}
