import Checkpoints
import Distillation
import GoldenFixtures
import JSON
import Kernels
import Testing
import Text

@testable import Encoders

/// Every family against transformers' own classes in double precision, on what
/// `Tests/Goldens/make_family_goldens.py` wrote.
struct FamilyGoldenTests {
  static let models = FamilyDirectories.goldens

  @Test("logits, hidden states, attention and values agree", arguments: models, [false, true])
  func forward(model: String, keepsActivations: Bool) throws {
    let fixture = try FamilyFixture(model)
    defer { withExtendedLifetime(fixture) {} }
    let encoder = fixture.encoder
    let layers = encoder.configuration.layers
    var selection: TapSelection = [.logits, .hidden(0)]
    for layer in 1...layers { selection.formUnion([.hidden(layer), .scores(layer), Tap(.values, layer: layer)]) }
    for name in ["text", "special"] {
      let batch = try fixture.batch(name)
      let arena = Arena()
      defer { withExtendedLifetime(arena) {} }
      let taps =
        keepsActivations
        ? encoder.forward(batch, weights: fixture.weights, taps: selection, arena: arena, dropout: nil).taps
        : encoder.infer(batch, weights: fixture.weights, taps: selection, arena: arena)
      func compare(_ key: String, _ found: [Float]) throws {
        let wanted = try #require(fixture.expected["\(name).\(key)"])
        #expect(found.count == wanted.count)
        let worst = zip(found, wanted).map { abs($0 - $1) }.max() ?? .infinity
        #expect(worst < 1e-5, "\(model) \(name).\(key): off by \(worst)")
      }
      try compare("logits", taps.matrix(.logits).rowValues)
      for layer in 0...layers { try compare("hidden.\(layer)", taps.matrix(.hidden(layer)).rowValues) }
      for layer in 1...layers {
        try compare("values.\(layer)", taps.matrix(Tap(.values, layer: layer)).rowValues)
        let scores = taps.maps(.scores(layer))
        var probabilities: [Float] = []
        for sentence in 0..<batch.sentences {
          for head in 0..<encoder.configuration.heads {
            let map = scores.map(sentence: sentence, head: head)
            softmaxForward(out: map, scores: map)
            probabilities += map.rowValues
          }
        }
        try compare("attention.\(layer)", probabilities)
      }
    }
  }

  @Test("the labels' loss and its gradients agree", arguments: models)
  func gradients(model: String) throws {
    let fixture = try FamilyFixture(model)
    defer { withExtendedLifetime(fixture) {} }
    let batch = try fixture.batch("text")
    let gradient = ParameterBuffer(fixture.weights.layout)
    let arena = Arena()
    defer { withExtendedLifetime((gradient, arena)) {} }
    let pass = fixture.encoder.forward(
      batch, weights: fixture.weights, taps: [.logits], arena: arena, dropout: nil)
    let d = pass.makeGradients()
    let count = Double(batch.sentences)
    let loss =
      crossEntropy(
        logits: pass.taps.matrix(.logits), labels: batch.labels, dLogits: d.matrix(.logits), scale: 1 / count,
        arena: arena) / count
    let wanted = try #require(fixture.json["text"]?["loss"]?.double)
    #expect(abs(loss - wanted) < 1e-5 * wanted)
    pass.backward(d, gradient: gradient, headOnly: false)
    let total = fixture.expected.filter { $0.key.hasPrefix("gradient.") }.values.reduce(0.0) { sum, values in
      sum + values.reduce(0) { $0 + Double($1) * Double($1) }
    }.squareRoot()
    for entry in gradient.layout.entries {
      let wanted = try #require(fixture.expected["gradient.\(entry.key)"], "\(entry.key) has no golden gradient")
      let found = Array(gradient[entry.slot].values)
      let error = zip(found, wanted).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }.squareRoot()
      let norm = wanted.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      // Gradients that are 0 in exact arithmetic, as the key bias's, are judged by the whole gradient's norm.
      #expect(error <= 1e-4 * norm + 1e-6 * total, "\(model) \(entry.key): off by \(error) of \(norm)")
    }
  }

  @Test("a configuration says the same when it is written and read again", arguments: models)
  func configuration(model: String) throws {
    let fixture = try FamilyFixture(model)
    let configuration = fixture.encoder.configuration
    let written = configuration.huggingFaceJSON(preserving: fixture.configurationJSON)
    #expect(try EncoderConfiguration(huggingFace: written, path: model) == configuration)
    #expect(try EncoderConfiguration(huggingFace: configuration.huggingFaceJSON(), path: model) == configuration)
    // And nothing that transformers wrote is changed.
    for (key, value) in try #require(fixture.configurationJSON.object) where key != "problem_type" {
      #expect(sameNumber(written[key], value), "\(key): \(value.text()) became \(written[key]?.text() ?? "nothing")")
    }
  }

  private func sameNumber(_ a: JSON?, _ b: JSON) -> Bool {
    if let a = a?.double, let b = b.double { return a == b }
    return a == b
  }

  @Test("a new table of DistilBERT's sines is transformers'")
  func sines() throws {
    var configuration = EncoderConfiguration(family: .distilbert)
    let rows = try JSON(contentsOf: "\(FamilyFixture.root)/distilbert-sines.json").elements
    configuration.startsWithSines = true
    configuration.maxPositions = rows.count
    configuration.hiddenSize = try rows[0].elements.count
    (configuration.layers, configuration.heads, configuration.vocabularySize) = (1, 1, 3)
    var layout = ParameterLayout()
    _ = Encoder(configuration, layout: &layout)
    let weights = ParameterBuffer(layout)
    defer { withExtendedLifetime(weights) {} }
    weights.initialize(layout.entries, seed: 1)
    let entry = try #require(layout["distilbert.embeddings.position_embeddings.weight"])
    let expected = try rows.flatMap { try $0.elements.map { try #require($0.double) } }
    let found = Array(weights[entry.slot].values)
    #expect(found.count == expected.count)
    #expect(zip(found, expected).allSatisfy { abs(Double($0) - $1) < 1e-7 })
  }

  @Test("distances fall into transformers' buckets")
  func buckets() throws {
    let json = try JSON(contentsOf: "\(FamilyFixture.root)/mpnet-buckets.json")
    let first = try #require(json["first"]?.int)
    for (index, bucket) in try json["buckets"].integers.enumerated() {
      #expect(PositionBias.bucket(first + index) == bucket, "distance \(first + index)")
    }
  }
}

/// A family's model and what transformers makes of it.
private struct FamilyFixture {
  static let root = "\(GoldenFixtures.root)/../families"

  let encoder: Encoder
  let weights: ParameterBuffer
  let configurationJSON: JSON
  let expected: [String: [Float]]
  let json: JSON

  init(_ name: String) throws {
    let directory = try ModelDirectory("\(Self.root)/\(name)")
    configurationJSON = directory.configuration
    var layout = ParameterLayout()
    encoder = Encoder(
      try EncoderConfiguration(huggingFace: directory.configuration, path: directory.configurationPath),
      layout: &layout)
    weights = ParameterBuffer(layout)
    let report = try directory.weights().load(into: weights, head: .required)
    #expect(report.new == [] && report.ignored == [])
    expected = try GoldenFixtures.tensors("../families/\(name)/expected.safetensors")
    json = try JSON(contentsOf: "\(Self.root)/\(name)/batches.json")
  }

  func batch(_ name: String) throws -> Batch { try GoldenFixtures.batch(try #require(json[name])) }
}

extension Matrix {
  fileprivate var rowValues: [Float] { (0..<rows).flatMap { Array(rows($0..<$0 + 1).values) } }
}
