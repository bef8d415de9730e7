import Checkpoints
import Distillation
import Encoders
import GoldenFixtures
import JSON
import Kernels
import Testing
import Text

@testable import Training

/// Token classifiers of every family as transformers saves them, against its own classes in double precision:
/// `Tests/Goldens/make_task_goldens.py`.
struct TokenModelTests {
  static let families = ((try? TaskGoldenTests.cases("token_models")) ?? []).compactMap { $0["name"]?.string }

  @Test("every head for tokens has a model")
  func areThere() { #expect(Self.families.count >= 7) }

  @Test("logits, the loss over tagged tokens and its gradients agree", arguments: families)
  func agreesWithTransformers(family: String) throws {
    let item = try #require(try TaskGoldenTests.cases("token_models").first { $0["name"]?.string == family })
    let root = GoldenFixtures.root.split(separator: "/").dropLast().joined(separator: "/")
    let directory = try ModelDirectory("/\(root)/tasks/tokens/\(family)")
    let configuration = try EncoderConfiguration(
      huggingFace: directory.configuration, path: directory.configurationPath)
    #expect(configuration.task == .tokens)
    var layout = ParameterLayout()
    let encoder = Encoder(configuration, layout: &layout)
    let weights = ParameterBuffer(layout)
    _ = try directory.weights().load(into: weights, head: .required)

    var batch = Batch()
    let tags = try (item["tags"]?.array ?? []).map { try TaskGoldenTests.numbers($0) }
    for (index, sentence) in try (item["sentences"]?.array ?? []).map({ try TaskGoldenTests.numbers($0) }).enumerated()
    {
      batch.tokens += sentence.map { Int32($0) }
      batch.types += sentence.map { _ in 0 }
      batch.starts.append(batch.tokens.count)
      batch.labels.append(0)
      batch.samples.append(index)
      batch.tags += tags[index].map { Int32($0) }
    }
    let arena = Arena()
    let gradient = ParameterBuffer(layout)
    defer { withExtendedLifetime((arena, gradient, weights)) {} }
    let pass = encoder.forward(batch, weights: weights, taps: [.logits], arena: arena, dropout: nil)
    let logits = pass.taps.matrix(.logits)
    let wanted = try TaskGoldenTests.matrix(item["logits"], arena)
    #expect(logits.rows == wanted.rows && logits.columns == wanted.columns)
    for row in 0..<wanted.rows {
      for column in 0..<wanted.columns { #expect(abs(logits[row, column] - wanted[row, column]) < 1e-5) }
    }
    let inferred = encoder.infer(batch, weights: weights, taps: [.logits], arena: arena).matrix(.logits)
    for row in 0..<wanted.rows { #expect(abs(inferred[row, 0] - wanted[row, 0]) < 1e-5) }

    let d = pass.makeGradients()
    let count = try #require(item["count"]?.double)
    let hardLoss = try #require(TaskKind.tokens.hardLoss)
    let loss = hardLoss(
      TaskSettings(.tokens),
      HardLossTerms(
        pair: TapPair(
          batch: batch, teacher: Taps(), student: pass.taps, dStudent: d, weights: weights, gradient: gradient,
          arena: arena), scale: 1 / count))
    let expected = try #require(item["loss"]?.double)
    #expect(abs(loss / count - expected) < 1e-5 * expected)
    pass.backward(d, gradient: gradient, headOnly: false)
    let file = try SafetensorsFile("/\(root)/tasks/tokens/\(family)/gradients.safetensors")
    var worst = 0.0
    var total = 0.0
    for entry in layout.entries {
      let tensor = try #require(file.tensors.first { $0.name == "gradient.\(entry.key)" }, "\(entry.key)")
      var values = [Float](repeating: 0, count: tensor.count)
      try values.withUnsafeMutableBufferPointer { try file.read(tensor, into: $0) }
      for (found, wanted) in zip(gradient[entry.slot].values, values) {
        worst = max(worst, Double(abs(found - wanted)))
        total = max(total, Double(abs(wanted)))
      }
    }
    #expect(total > 0 && worst < 2e-5 * max(1, total), "\(family): off by \(worst) of \(total)")
    #expect(Set(file.tensors.map(\.name)) == Set(layout.entries.map { "gradient.\($0.key)" }))
  }
}
