import Checkpoints
import Encoders
import Foundation
import GoldenFixtures
import JSON
import Kernels
import Testing
import Text

@testable import Training

/// Sentence vectors through a Dense, as sentence-transformers computes and saves them:
/// `Tests/Goldens/make_dense_goldens.py`.
struct DenseVectorTests {
  static let root = GoldenFixtures.root.split(separator: "/").dropLast().map { "/\($0)" }.joined() + "/dense"

  /// A directory of its own.
  private final class Copy {
    let path = FileManager.default.temporaryDirectory.appending(path: "dense-\(UUID().uuidString)").path

    init(of name: String) throws {
      try FileManager.default.copyItem(atPath: "\(DenseVectorTests.root)/\(name)", toPath: path)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ text: String, to name: String) throws {
      try text.write(toFile: "\(path)/\(name)", atomically: true, encoding: .utf8)
    }

    func replace(_ old: String, by new: String, in name: String) throws {
      let text = try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8)
      try #require(text.contains(old))
      try write(text.replacing(old, with: new), to: name)
    }
  }

  private static func batch(_ item: JSON) throws -> Batch {
    var batch = Batch()
    for (index, sentence) in (item["sentences"]?.array ?? []).enumerated() {
      batch.tokens += try TaskGoldenTests.numbers(sentence).map { Int32($0) }
      batch.starts.append(batch.tokens.count)
      batch.labels.append(-1)
      batch.samples.append(index)
    }
    batch.types = batch.tokens.map { _ in 0 }
    return batch
  }

  private static func vectors(of model: ClassifierModel, _ item: JSON, arena: Arena) throws -> Matrix {
    let taps: TapSelection = [.logits]
    let packed = PackedWeights(model.encoder.linearWeights(for: taps), of: model.weights)
    for index in 0..<(packed?.count ?? 0) { packed?.pack(index) }
    let batch = try batch(item)
    return model.encoder.infer(batch, weights: model.weights, packed: packed, taps: taps, arena: arena).matrix(.logits)
  }

  private static func expectEqual(_ found: Matrix, _ item: JSON, _ name: String) throws {
    let wanted = try (item["vectors"]?.array ?? []).map(TaskGoldenTests.numbers)
    #expect(found.rows == 3 && found.columns == wanted[0].count)
    for (row, values) in wanted.enumerated() {
      for (column, value) in values.enumerated() {
        #expect(abs(Double(found[row, column]) - value) < 1e-5, "\(name) (\(row), \(column))")
      }
    }
  }

  @Test("vectors and their gradients", arguments: 0..<3)
  func vectors(index: Int) throws {
    let item = try JSON(contentsOf: "\(Self.root)/cases.json").elements[index]
    let name = try #require(item["name"]?.string)
    let model = try ClassifierModel(directory: "\(Self.root)/\(name)", head: .required, role: .alone)
    #expect(model.task.kind == .embedding && model.hasTrainedHead)
    let arena = Arena()
    let gradient = ParameterBuffer(model.weights.layout)
    defer { withExtendedLifetime((arena, gradient, model)) {} }
    let pass = model.encoder.forward(
      try Self.batch(item), weights: model.weights, taps: [.logits], arena: arena, dropout: nil)
    try Self.expectEqual(pass.taps.matrix(.logits), item, name)
    try Self.expectEqual(Self.vectors(of: model, item, arena: arena), item, name)
    let d = pass.makeGradients()
    d.matrix(.logits).copy(from: try TaskGoldenTests.matrix(item["factors"], arena))
    pass.backward(d, gradient: gradient, headOnly: false)
    let file = try SafetensorsFile("\(Self.root)/\(name)/gradients.safetensors")
    #expect(file.tensors.count == gradient.layout.entries.count)
    for entry in gradient.layout.entries {
      let wanted = try file.floats(try #require(file[entry.key], "\(entry.key)"))
      let largest = wanted.reduce(0) { max($0, abs($1)) }
      for (found, wanted) in zip(gradient[entry.slot].values, wanted) {
        #expect(abs(found - wanted) < 2e-5 * max(1, largest), "\(name) \(entry.key): \(found), not \(wanted)")
      }
    }
    let dense = gradient.layout.entries.filter { $0.key.hasPrefix("2_Dense.linear.") }
    #expect(dense.first?.key == "2_Dense.linear.weight" && dense.allSatisfy { $0.role == .head })
  }

  @Test("what is saved has the encoder and the Dense in files of their own, and reads back", arguments: 0..<3)
  func savesAndReads(index: Int) throws {
    let item = try JSON(contentsOf: "\(Self.root)/cases.json").elements[index]
    let name = try #require(item["name"]?.string)
    let model = try ClassifierModel(directory: "\(Self.root)/\(name)", head: .required, role: .alone)
    let copy = try Copy(of: name)
    let path = "\(copy.path)/saved"
    try ModelExport(
      configuration: model.configuration.huggingFaceJSON(), parameters: model.weights,
      tokenizerFiles: model.sentenceFiles(maxLength: 8), modelCard: ""
    ).save(to: path)
    let dense = try SafetensorsFile("\(path)/2_Dense/model.safetensors")
    let hasBias = name != "identity-normalized"
    #expect(dense.tensors.map(\.name).sorted() == (hasBias ? ["linear.bias"] : []) + ["linear.weight"])
    #expect(try SafetensorsFile("\(path)/model.safetensors").tensors.allSatisfy { $0.name.hasPrefix("bert.") })
    // As sentence-transformers has it, except for what it says of the rest of a pass.
    for (file, keys) in [
      ("2_Dense/config.json", ["in_features", "out_features", "bias", "activation_function"]),
      ("1_Pooling/config.json", []),
    ] {
      let (found, wanted) = (
        try JSON(contentsOf: "\(path)/\(file)"), try JSON(contentsOf: "\(Self.root)/\(name)/\(file)")
      )
      for key in keys { #expect(found[key] == wanted[key], "\(key)") }
      if keys.isEmpty { #expect(found["word_embedding_dimension"] == wanted["embedding_dimension"]) }
    }
    let again = try ClassifierModel(directory: path, head: .required, role: .alone)
    #expect(again.configuration == model.configuration)
    #expect(again.weights.values.elementsEqual(model.weights.values))
    let arena = Arena()
    defer { withExtendedLifetime((arena, again)) {} }
    try Self.expectEqual(Self.vectors(of: again, item, arena: arena), item, name)
    _ = try CheckpointManifest.verify(path)
  }

  @Test("a Dense that does not fit, or that this is not, is refused with its file and key")
  func refusals() throws {
    let activation = #""torch.nn.modules.activation.Tanh""#
    let mistakes: [(old: String, new: String, message: String)] = [
      (
        #""in_features": 6"#, #""in_features": 7"#,
        "2_Dense/config.json: in_features: expected 6, the hidden size of the encoder, found 7; does this folder belong"
      ),
      (#""in_features": 6"#, #""other": 6"#, "in_features: expected 6, the hidden size of the encoder, found nothing"),
      (#""out_features": 5"#, #""out_features": 0"#, "out_features: expected 1 to 65536, found 0"),
      (#""out_features": 5"#, #""out_features": 9e30"#, "out_features: expected 1 to 65536, found number 9e+30"),
      (#""out_features": 5"#, #""out_features": -9223372036854775808"#, "out_features: expected 1 to 65536"),
      (#""bias": true"#, #""bias": 1"#, "bias: expected true or false, found 1"),
      (
        activation, #""torch.nn.modules.activation.ReLU""#,
        #"activation_function: expected "torch.nn.modules.linear.Identity" or "torch.nn.modules.activation.Tanh", found "#
          + #""torch.nn.modules.activation.ReLU""#
      ),
      (activation, #""mine.Tanh""#, #"found "mine.Tanh""#), (activation, "null", "found null"),
      (
        #""module_input_name": "sentence_embedding""#, #""module_input_name": "token_embeddings""#,
        #"module_input_name: expected "sentence_embedding", found "token_embeddings""#
      ),
      (#""bias": true"#, #""bias": true, "use_residual": true"#, "use_residual: expected false, found true"),
      (
        #""out_features": 5"#, #""out_features": 4"#,
        "2_Dense/model.safetensors: 2 problems:\n  linear.bias: expected [4], found [5]; does config.json belong"
      ),
      (#""bias": true"#, #""bias": false"#, "2_Dense/model.safetensors: linear.bias: unexpected"),
    ]
    for mistake in mistakes {
      let copy = try Copy(of: "tanh")
      try copy.replace(mistake.old, by: mistake.new, in: "2_Dense/config.json")
      let found = try Self.refusal(of: copy)
      #expect(found.contains(mistake.message), "\(mistake.new): \(found)")
    }
    let whole = try Copy(of: "identity-normalized")
    try whole.replace(#""bias": false"#, by: #""bias": true"#, in: "2_Dense/config.json")
    let noBias = try Self.refusal(of: whole)
    #expect(noBias.contains("linear.bias: expected [9], found nothing; does config.json belong"), "\(noBias)")
    try FileManager.default.removeItem(atPath: "\(whole.path)/2_Dense/model.safetensors")
    let noFile = try Self.refusal(of: whole)
    #expect(noFile.contains("/2_Dense: expected model.safetensors or pytorch_model.bin"), "\(noFile)")
    try FileManager.default.removeItem(atPath: "\(whole.path)/2_Dense/config.json")
    let noConfiguration = try Self.refusal(of: whole)
    #expect(
      noConfiguration.contains("2_Dense/config.json: expected what a Dense is made of, found no such file"),
      "\(noConfiguration)")
    // In another order, or twice, and from elsewhere.
    let order = try Copy(of: "identity-normalized")
    let modules = try String(contentsOfFile: "\(order.path)/modules.json", encoding: .utf8)
    try order.write(modules.replacing("Normalize", with: "Dense"), to: "modules.json")
    let twice = try Self.refusal(of: order)
    #expect(twice.contains("found Transformer, Pooling, Dense, Dense, which is not supported"), "\(twice)")
    try order.write(modules.replacing("2_Dense", with: "../2_Dense"), to: "modules.json")
    let outside = try Self.refusal(of: order)
    #expect(outside.contains(#"expected a folder beside it for Dense, found "../2_Dense""#), "\(outside)")
  }

  private static func refusal(of copy: Copy) throws -> String {
    let error = #expect(throws: (any Error).self) {
      try ClassifierModel(directory: copy.path, head: .required, role: .alone)
    }
    return error.map { "\($0)" } ?? ""
  }

  @Test("other tasks take the encoder alone")
  func otherTasks() throws {
    let model = try ClassifierModel(
      directory: "\(Self.root)/tanh", head: .newIfMissing, labels: ["a", "b"], task: .classification, role: .student)
    #expect(model.configuration.outputs == 2 && model.weights.layout.folders.isEmpty)
    #expect(model.sentenceFiles(maxLength: 8).isEmpty)
  }

  @Test("what the map costs is counted")
  func costs() throws {
    var plain = EncoderConfiguration()
    (plain.hiddenSize, plain.heads, plain.layers) = (12, 3, 1)
    plain.take(.embedding, labels: nil)
    var mapped = plain
    mapped.vector.dense = .init(width: 7, activation: .tanh)
    let text = TextFigures(lengths: [4, 9, 2])
    for backward in [false, true] {
      let work = [plain, mapped].map { NecessaryWork.encoder($0, taps: [.logits], text: text, backward: backward) }
      #expect(work[1].linear - work[0].linear == (backward ? 3 : 1) * 2 * 3 * 7 * 12)
    }
  }
}
