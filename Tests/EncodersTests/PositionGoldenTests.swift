import Checkpoints
import Distillation
import Glibc
import GoldenFixtures
import JSON
import Kernels
import Testing
import Text

@testable import Encoders

/// DeBERTa-v2 and ModernBERT against PyTorch in double precision, on what `Tests/Goldens/make_position_goldens.py`
/// wrote: every switch of their configurations in more than one position.
struct PositionGoldenTests {
  static let models = [
    "deberta-v3", "deberta-unshared", "deberta-c2p", "deberta-p2c", "deberta-absolute", "modernbert",
    "modernbert-biased", "modernbert-mean", "modernbert-narrow",
  ]

  @Test("every tap agrees with PyTorch", arguments: models, [false, true])
  func forward(model: String, keepsActivations: Bool) throws {
    let fixture = try PositionFixture(model)
    defer { withExtendedLifetime(fixture) {} }
    let encoder = fixture.encoder
    let selection = TapSelection(allOf: encoder.configuration, head: true)
    let expected = try fixture.tensors("forward")
    for name in ["uneven", "long"] {
      let batch = try fixture.batch(name)
      let arena = Arena()
      defer { withExtendedLifetime(arena) {} }
      let taps =
        keepsActivations
        ? encoder.forward(batch, weights: fixture.weights, taps: selection, arena: arena, dropout: nil).taps
        : encoder.infer(batch, weights: fixture.weights, taps: selection, arena: arena)
      for tap in selection.inOrder {
        let found = tap.values(of: taps, batch, encoder.configuration)
        let wanted = try #require(expected["\(name).\(tap.goldenName)"])
        #expect(found.count == wanted.count)
        let worst = zip(found, wanted).map { abs($0 - $1) }.max() ?? .infinity
        #expect(worst < 1e-5, "\(model) \(name).\(tap.goldenName): off by \(worst)")
      }
      // What the head reads alone, and without taps of the last layer.
      let alone = encoder.infer(batch, weights: fixture.weights, taps: [.logits], arena: arena)
      let wanted = try #require(expected["\(name).logits"])
      #expect(zip(alone.matrix(.logits).values, wanted).allSatisfy { abs($0 - $1) < 1e-5 })
    }
  }

  @Test("the gradients of the labels' loss, of all taps and of scores alone agree", arguments: models)
  func gradients(model: String) throws {
    let fixture = try PositionFixture(model)
    defer { withExtendedLifetime(fixture) {} }
    let configuration = fixture.encoder.configuration
    let batch = try fixture.batch("long")
    let everything = TapSelection(allOf: configuration, head: true)
    for (name, taps) in [("hard", [.logits]), ("taps", everything), ("scores", [.scores(1)])] {
      let (gradient, arena) = (ParameterBuffer(fixture.weights.layout), Arena())
      defer { withExtendedLifetime((gradient, arena)) {} }
      let pass = fixture.encoder.forward(batch, weights: fixture.weights, taps: taps, arena: arena, dropout: nil)
      let d = pass.makeGradients()
      if name == "hard" {
        _ = crossEntropy(
          logits: pass.taps.matrix(.logits), labels: batch.labels, dLogits: d.matrix(.logits),
          scale: 1 / Double(batch.sentences), arena: arena)
      } else {
        for tap in taps.inOrder { tap.addCosines(to: d, batch, configuration) }
      }
      pass.backward(d, gradient: gradient, headOnly: false)
      let expected = try fixture.tensors("gradients-\(name)")
      let total = expected.values.reduce(0.0) { $0 + squares($1) }.squareRoot()
      for entry in gradient.layout.entries {
        let wanted = expected[entry.key] ?? [Float](repeating: 0, count: entry.slot.count)
        let found = Array(gradient[entry.slot].values)
        #expect(found.count == wanted.count)
        let error = squares(zip(found, wanted).map { $0 - $1 }).squareRoot()
        // Gradients that are 0 in exact arithmetic, as the key bias's, are judged by the whole gradient's norm.
        #expect(
          error <= 1e-4 * squares(wanted).squareRoot() + 1e-6 * total,
          "\(model) \(name) \(entry.key): off by \(error) of \(squares(wanted).squareRoot())")
      }
    }
  }

  @Test(
    "under dropout a sentence's logits do not depend on the others, and the gradient is the loss's slope",
    arguments: models)
  func dropout(model: String) throws {
    let fixture = try PositionFixture(model)
    var configuration = fixture.encoder.configuration
    configuration.setHiddenDropout(0.2)
    (configuration.attentionDropout, configuration.classifierDropout) = (0.3, 0.1)
    configuration.head.inputDropout = configuration.head.dropsInput ? 0.4 : nil
    var layout = ParameterLayout()
    let encoder = Encoder(configuration, layout: &layout)
    let (weights, gradient, arena) = (fixture.weights, ParameterBuffer(layout), Arena())
    defer { withExtendedLifetime((fixture, gradient, arena)) {} }
    var batch = try fixture.batch("long")
    batch.samples = [40, 7]
    func pass(_ batch: Batch) -> EncoderPass {
      encoder.forward(
        batch, weights: weights, taps: [.logits], arena: arena, dropout: DropoutKey(seed: 3, step: 9))
    }
    let together = Array(pass(batch).taps.matrix(.logits).values)
    let without = encoder.infer(batch, weights: weights, taps: [.logits], arena: arena)
    #expect(zip(together, without.matrix(.logits).values).contains { abs($0 - $1) > 1e-3 })
    for sentence in 0..<batch.sentences {
      let alone = pass(batch.taking([sentence])).taps.matrix(.logits).values
      #expect(zip(alone, together.dropFirst(sentence * alone.count)).allSatisfy { abs($0 - $1) < 1e-5 })
    }

    func loss(gradient: ParameterBuffer?) -> Double {
      arena.reset()
      let pass = pass(batch)
      let d = pass.makeGradients()
      let loss = crossEntropy(
        logits: pass.taps.matrix(.logits), labels: batch.labels, dLogits: d.matrix(.logits), scale: 1, arena: arena)
      if let gradient { pass.backward(d, gradient: gradient, headOnly: false) }
      return loss
    }
    _ = loss(gradient: gradient)
    let whole = squares(Array(gradient.values)).squareRoot()
    for entry in layout.entries {
      let values = weights[entry.slot].values
      let slopes = Array(gradient[entry.slot].values)
      // Up or down by turns that repeat nowhere.
      let direction = values.indices.map {
        Float(cos(2.3 * Double($0 * $0)) > 0 ? 1 : -1) / Float(values.count).squareRoot()
      }
      let before = Array(values)
      func moved(_ step: Float) -> Double {
        for index in values.indices { values[index] = before[index] + step * direction[index] }
        return loss(gradient: nil)
      }
      let step: Float = 1e-2
      let slope = (moved(step) - moved(-step)) / Double(2 * step)
      _ = values.update(fromContentsOf: before)
      let expected = zip(slopes, direction).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
      #expect(
        abs(slope - expected) <= 0.01 * squares(slopes).squareRoot() + 1e-3 * whole,
        "\(model) \(entry.key): \(slope), not \(expected) (of \(whole))")
    }
  }

  private func squares(_ values: [Float]) -> Double { values.reduce(0) { $0 + Double($1) * Double($1) } }

  @Test("a configuration says the same when it is written and read again", arguments: models)
  func configuration(model: String) throws {
    let fixture = try PositionFixture(model)
    let configuration = fixture.encoder.configuration
    let written = configuration.huggingFaceJSON(preserving: fixture.json)
    #expect(try EncoderConfiguration(huggingFace: written, path: model) == configuration)
    #expect(try EncoderConfiguration(huggingFace: configuration.huggingFaceJSON(), path: model) == configuration)
    for (key, value) in try #require(fixture.json.object) {
      #expect(written[key] == value || written[key]?.double == value.double, "\(key)")
    }
  }

  @Test("distances fall into transformers' buckets")
  func buckets() throws {
    for row in try JSON(contentsOf: "\(PositionFixture.root)/buckets.json").elements {
      var disentanglement = Disentanglement()
      disentanglement.buckets = try #require(row["buckets"]?.int)
      let longest = try #require(row["longest"]?.int)
      for (distance, bucket) in try row["rows"].integers.enumerated() {
        #expect(disentanglement.bucket(distance, maxDistance: longest) == bucket)
        #expect(disentanglement.bucket(-distance, maxDistance: longest) == -bucket)
      }
    }
  }

  @Test("a switch that is not supported is named with its remedy")
  func refusals() throws {
    let cases: [(model: String, members: [(String, JSON)], expected: [String])] = [
      ("deberta-v3", [("conv_kernel_size", 3)], ["conv_kernel_size: expected 0, found integer 3", "DeBERTa-v3"]),
      ("deberta-v3", [("pos_att_type", ["c2p", "p2p"])], ["pos_att_type: expected a list of", "\"p2p\""]),
      ("deberta-v3", [("norm_rel_ebd", "batch_norm")], ["norm_rel_ebd: expected none or layer_norm"]),
      ("deberta-v3", [("pooler_hidden_size", 9)], ["pooler_hidden_size: expected 18, found integer 9"]),
      ("deberta-v3", [("position_buckets", 1)], ["position_buckets: expected"]),
      ("deberta-v3", [("position_buckets", 64)], ["position_buckets: expected"]),
      ("modernbert-biased", [("layer_types", ["full_attention"])], ["layer_types: expected 2 entries"]),
      ("modernbert-biased", [("layer_types", ["chunked"])], ["layer_types: expected a list of", "\"chunked\""]),
      (
        "modernbert-biased", [("rope_parameters", ["full_attention": ["rope_type": "yarn"]])],
        ["rope_parameters.full_attention.rope_type: expected \"default\", found string \"yarn\""]
      ),
      ("modernbert-biased", [("num_attention_heads", 32)], ["num_attention_heads: expected"]),
      ("modernbert-biased", [("classifier_pooling", "max")], ["classifier_pooling: expected cls or mean"]),
    ]
    for (model, members, expected) in cases {
      var object = try #require(try PositionFixture(model).json.object)
      for (key, value) in members { object[key] = value }
      do {
        _ = try EncoderConfiguration(huggingFace: .object(object), path: "config.json")
        Issue.record("\(members) is accepted")
      } catch {
        for part in expected { #expect("\(error)".contains(part), "\(error)") }
      }
    }
  }

  @Test("a student of some layers sees as far as they do")
  func picking() throws {
    let configuration = try PositionFixture("modernbert").encoder.configuration
    #expect(configuration.layerSights == [.global, .local, .local, .global])
    #expect(configuration.picking(layers: [0, 3]).layerSights == [.global, .global])
    #expect(configuration.picking(layers: [0, 2]).reach(ofLayer: 1) == 3)
  }
}

/// A model and what PyTorch makes of it.
private struct PositionFixture {
  static let root = "\(GoldenFixtures.root)/../positions"

  let name: String
  let encoder: Encoder
  let weights: ParameterBuffer
  let json: JSON

  init(_ name: String) throws {
    self.name = name
    let directory = try ModelDirectory("\(Self.root)/\(name)")
    json = directory.configuration
    var layout = ParameterLayout()
    encoder = Encoder(
      try EncoderConfiguration(huggingFace: directory.configuration, path: directory.configurationPath),
      layout: &layout)
    weights = ParameterBuffer(layout)
    let report = try directory.weights().load(into: weights, head: .required)
    #expect(report.new == [] && report.ignored == [])
  }

  func tensors(_ file: String) throws -> [String: [Float]] {
    try GoldenFixtures.tensors("../positions/\(name)/\(file).safetensors")
  }

  func batch(_ batch: String) throws -> Batch {
    try GoldenFixtures.batch(try JSON(contentsOf: "\(Self.root)/\(name)/\(batch).json"))
  }
}

extension Tap {
  fileprivate var goldenName: String { kind.isOfHead ? "\(kind)" : "\(kind).\(layer)" }

  /// Row after row, of scores map after map.
  fileprivate func matrices(
    matrix: () -> Matrix, maps: () -> AttentionMaps, _ batch: Batch, _ configuration: EncoderConfiguration
  ) -> [Matrix] {
    guard kind == .scores else { return [matrix()] }
    let maps = maps()
    return (0..<batch.sentences).flatMap { sentence in
      (0..<configuration.heads).map { maps.map(sentence: sentence, head: $0) }
    }
  }

  fileprivate func values(of taps: Taps, _ batch: Batch, _ configuration: EncoderConfiguration) -> [Float] {
    matrices(matrix: { taps.matrix(self) }, maps: { taps.maps(self) }, batch, configuration).flatMap { matrix in
      (0..<matrix.rows).flatMap { Array(matrix.rows($0..<$0 + 1).values) }
    }
  }

  /// The gradient of Σ cos(0.7·i)·tapᵢ, of what is inside the window.
  fileprivate func addCosines(to d: TapGradients, _ batch: Batch, _ configuration: EncoderConfiguration) {
    var index = 0
    for matrix in matrices(matrix: { d.matrix(self) }, maps: { d.maps(self) }, batch, configuration) {
      for row in 0..<matrix.rows {
        for column in 0..<matrix.columns {
          matrix[row, column] += Float(cos(0.7 * Double(index)))
          index += 1
        }
      }
    }
  }
}
