import GoldenFixtures
import JSON
import Testing

@testable import Encoders

/// What a plan counts of each family, against what PyTorch counts of transformers' own classes
/// (`Tests/Goldens/make_family_work.py`).
struct NecessaryWorkTests {
  @Test("products are those that PyTorch counts")
  func products() throws {
    let cases = try GoldenFixtures.json("../training/family-work.json").elements
    #expect(cases.count == 8)
    for json in cases {
      let name = json["name"]?.string ?? ""
      let configuration = try EncoderConfiguration(huggingFace: try #require(json["config"]), path: name)
      let length = try #require(json["length"]?.int)
      let text = TextFigures(lengths: [Int](repeating: length, count: try #require(json["sentences"]?.int)))
      func counted(_ pass: String, _ kind: String) throws -> Double { try #require(json[pass]?[kind]?.double) }
      // Of every layer's whole output, as transformers computes it.
      let taps: TapSelection = [.logits, .hidden(configuration.layers)]
      // PyTorch multiplies with all rows of a table of positions, of which distances need one fewer.
      let tolerance = configuration.disentanglement == nil ? 0 : 0.5 / Double(length)
      for trains in [false, true] {
        let work = NecessaryWork.encoder(configuration, taps: taps, text: text, backward: trains)
        for (kind, found) in [("linear", work.linear), ("attention", work.attention)] {
          let expected = try counted("forward", kind) + (trains ? try counted("backward", kind) : 0)
          #expect(abs(found / expected - 1) <= tolerance, "\(name) \(kind): \(found), not \(expected)")
        }
      }
    }
  }

  @Test("a local layer's pairs are those in its window, of all tokens or of the first")
  func windows() throws {
    var configuration = EncoderConfiguration(family: .modernbert)
    (configuration.hiddenSize, configuration.heads, configuration.layers) = (8, 2, 2)
    configuration.layerSights = [.local, .local]
    let lengths = [1, 2, 4, 5, 6, 30, 30]
    for window in [1, 2, 8, 200] {
      configuration.window = window
      func pairs(queries: (Int) -> Range<Int>) -> Double {
        let counts = lengths.map { length in
          queries(length).reduce(0) { sum, query in sum + (0..<length).count { abs($0 - query) <= window / 2 } }
        }
        return Double(counts.reduce(0, +))
      }
      let (all, first) = (pairs { 0..<$0 }, pairs { _ in 0..<1 })
      func attention(_ taps: TapSelection) -> Double {
        NecessaryWork.encoder(configuration, taps: taps, text: TextFigures(lengths: lengths), backward: false).attention
      }
      // Scores and contexts, 2 · 8 operations a pair each.
      #expect(attention([.hidden(2)]) == 32 * 2 * all, "window \(window)")
      #expect(attention([.logits]) == 32 * (all + first), "window \(window)")
    }
  }

  @Test("rows of DeBERTa's table are those that its distances need")
  func positionRows() throws {
    var own = Disentanglement()
    own.isOn = true
    for (buckets, maxDistance, length) in [(-1, 8, 5), (-1, 8, 20), (8, 32, 3), (8, 32, 30), (8, 32, 200)] {
      (own.buckets, own.maxDistance) = (buckets, maxDistance)
      var configuration = EncoderConfiguration(family: .debertaV2)
      configuration.attentionPositions = .disentangled(own)
      let span = buckets > 0 ? buckets : maxDistance
      let rows = Set(
        (-(length - 1)...length - 1).map { distance in
          min(max(own.bucket(distance, maxDistance: maxDistance) + span, 0), 2 * span - 1)
        })
      // They lie between the first and the last, though long distances may leave some out.
      let needed = (rows.max() ?? 0) - (rows.min() ?? 0) + 1
      #expect(configuration.positionRows(length: length) == needed, "\(buckets), \(maxDistance), \(length)")
    }
  }
}
