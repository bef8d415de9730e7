import Checkpoints
import Foundation
import GoldenFixtures
import JSON
import Kernels
import Testing

@testable import Encoders

/// What is saved has the names, the shapes and the bytes of what transformers saved.
struct FamilyFilesTests {
  @Test("a model that is read and saved is the same files", arguments: FamilyDirectories.all)
  func saved(model: String) throws {
    let original = try FamilyDirectories.directory(model)
    let configuration = try EncoderConfiguration(
      huggingFace: original.configuration, path: original.configurationPath)
    var layout = ParameterLayout()
    _ = Encoder(configuration, layout: &layout)
    let weights = ParameterBuffer(layout)
    defer { withExtendedLifetime(weights) {} }
    _ = try original.weights().load(into: weights, head: .required)
    let path = FileManager.default.temporaryDirectory.appending(path: "family-files-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try ModelExport(
      configuration: configuration.huggingFaceJSON(preserving: original.configuration), parameters: weights,
      tokenizerFiles: [("tokenizer.json", [0x7B, 0x7D])], modelCard: "A model."
    ).save(to: path)

    let theirs = try SafetensorsFile("\(original.path)/model.safetensors")
    let ours = try SafetensorsFile("\(path)/model.safetensors")
    #expect(Set(ours.tensors.map(\.name)) == Set(theirs.tensors.map(\.name)))
    for tensor in theirs.tensors {
      let written = try #require(ours[tensor.name])
      #expect(written.shape == tensor.shape && written.type == tensor.type, "\(tensor.name)")
      #expect(try ours.bytes(written) == theirs.bytes(tensor), "\(tensor.name)")
    }
    // transformers reads no file that does not say so.
    #expect(ours.metadata["format"] == "pt")
    let saved = try ModelDirectory(path)
    for key in ["architectures", "model_type", "id2label", "label2id"] {
      #expect(saved.configuration[key] == original.configuration[key], "\(key)")
    }
    #expect(saved.tokenizerFiles == ["tokenizer.json"])
    #expect(try EncoderConfiguration(huggingFace: saved.configuration, path: path) == configuration)
  }

  @Test("every family has a model that transformers saved", arguments: FamilyDirectories.families)
  func isThere(family: String) throws {
    let directory = try FamilyDirectories.directory(family: family)
    #expect(directory.configuration["model_type"] == .string(family))
    let architecture = try #require(EncoderFamily(modelType: family)).architecture
    #expect(directory.configuration["architectures"] == [.string(architecture)])
  }
}
