import Checkpoints
import Distillation
import Encoders
import GoldenFixtures
import JSON
import Kernels
import Testing
import Text

@testable import Training

/// Sentence vectors and what is learned from a teacher's, against PyTorch in double precision:
/// `Tests/Goldens/make_task_goldens.py`.
struct SentenceVectorTests {
  private static let root = GoldenFixtures.root.split(separator: "/").dropLast().joined(separator: "/")

  @Test("vectors of each form and their gradients", arguments: 0..<6)
  func vectors(index: Int) throws {
    let item = try TaskGoldenTests.cases("vector_models")[index]
    let name = try #require(item["name"]?.string)
    let directory = try ModelDirectory("/\(Self.root)/tasks/tokens/bert")
    var configuration = try EncoderConfiguration(
      huggingFace: directory.configuration, path: directory.configurationPath)
    configuration.take(.embedding, labels: nil)
    configuration.vector.pooling = try #require(item["pooling"]?.string.flatMap(SentenceVectorShape.Pooling.init))
    configuration.vector.normalizes = item["normalize"]?.bool == true
    var layout = ParameterLayout()
    let encoder = Encoder(configuration, layout: &layout)
    let (weights, gradient) = (ParameterBuffer(layout), ParameterBuffer(layout))
    // Its head for tokens is left where it is.
    _ = try directory.weights().load(into: weights, head: .newIfMissing)

    var batch = Batch()
    for (index, sentence) in (item["sentences"]?.array ?? []).enumerated() {
      batch.tokens += try TaskGoldenTests.numbers(sentence).map { Int32($0) }
      batch.starts.append(batch.tokens.count)
      batch.labels.append(-1)
      batch.samples.append(index)
    }
    batch.types = batch.tokens.map { _ in 0 }
    let arena = Arena()
    defer { withExtendedLifetime((arena, gradient, weights)) {} }
    let pass = encoder.forward(batch, weights: weights, taps: [.logits], arena: arena, dropout: nil)
    let inferred = encoder.infer(batch, weights: weights, taps: [.logits], arena: arena).matrix(.logits)
    for found in [pass.taps.matrix(.logits), inferred] {
      #expect(found.rows == 3 && found.columns == configuration.hiddenSize)
      for (row, values) in (item["vectors"]?.array ?? []).enumerated() {
        for (column, wanted) in try TaskGoldenTests.numbers(values).enumerated() {
          #expect(abs(Double(found[row, column]) - wanted) < 1e-5, "\(name) (\(row), \(column))")
        }
      }
    }
    let d = pass.makeGradients()
    d.matrix(.logits).copy(from: try TaskGoldenTests.matrix(item["factors"], arena))
    pass.backward(d, gradient: gradient, headOnly: false)
    let file = try SafetensorsFile("/\(Self.root)/tasks/vector_gradients.safetensors")
    var (worst, largest) = (0.0, 0.0)
    for entry in layout.entries {
      let tensor = try #require(file.tensors.first { $0.name == "\(name).\(entry.key)" }, "\(entry.key)")
      var values = [Float](repeating: 0, count: tensor.count)
      try values.withUnsafeMutableBufferPointer { try file.read(tensor, into: $0) }
      for (found, wanted) in zip(gradient[entry.slot].values, values) {
        worst = max(worst, Double(abs(found - wanted)))
        largest = max(largest, Double(abs(wanted)))
      }
    }
    #expect(largest > 0 && worst < 2e-5 * max(1, largest), "\(name): off by \(worst) of \(largest)")
  }

  @Test("losses on a teacher's vectors")
  func losses() throws {
    for item in try TaskGoldenTests.cases("vector_losses") {
      let arena = Arena()
      let kind = try #require(item["kind"]?.string)
      let (vectors, teacherVectors) = (
        try TaskGoldenTests.matrix(item["student"], arena), try TaskGoldenTests.matrix(item["teacher"], arena)
      )
      func shape(_ width: Int) -> EncoderConfiguration {
        var shape = EncoderConfiguration()
        (shape.hiddenSize, shape.heads) = (width, 1)
        shape.take(.embedding, labels: nil)
        return shape
      }
      var layout = ParameterLayout()
      let settings = try #require(AdaptorSettings(named: kind))
      let adaptor = try settings.makeAdaptor(
        name: kind, student: shape(vectors.columns), teacher: shape(teacherVectors.columns), layout: &layout
      ).adaptor
      let (weights, gradient) = (ParameterBuffer(layout), ParameterBuffer(layout))
      let projection = layout.entries.first
      let weight = try TaskGoldenTests.matrix(item["weight"], arena)
      if let projection { weights[projection.slot].copy(from: weight) } else { #expect(weight.rows == 0) }
      var batch = Batch()
      batch.starts = Array(0...vectors.rows)
      let taps = Taps([.logits: .matrix(vectors)])
      let d = TapGradients(taps, batch: batch, arena: arena)
      let sentences = try #require(item["sentences"]?.int)
      let count = adaptor.count(GlobalCounts(lengths: [Int](repeating: 1, count: sentences)))
      let loss = adaptor.accumulate(
        TapPair(
          batch: batch, teacher: Taps([.logits: .matrix(teacherVectors)]), student: taps, dStudent: d,
          weights: weights, gradient: gradient, arena: arena), scale: 1 / count)
      let wanted = try #require(item["loss"]?.double)
      #expect(abs(loss / count - wanted) <= 2e-6 * wanted, "\(kind): \(loss / count), not \(wanted)")
      try TaskGoldenTests.expectClose(d.matrix(.logits), item["gradient"], kind)
      if let projection { try TaskGoldenTests.expectClose(gradient[projection.slot], item["dWeight"], kind) }
      withExtendedLifetime((weights, gradient)) {}
    }
  }
}
