import Checkpoints
import Foundation
import GoldenFixtures
import Kernels
import Testing

@testable import Encoders

/// Each family's files: of the backbone alone, and what does not fit.
struct FamilyLoadingTests {
  static let models = ["roberta", "camembert", "xlm-roberta", "distilbert", "electra", "mpnet"]
  private static let remedy = "does config.json belong to this file?"

  @Test("a file of the backbone alone, with a pooler of its own, leaves only the head new", arguments: models)
  func headless(model: String) throws {
    let (whole, read) = (try Self.buffer(model), try Self.buffer(model))
    defer { withExtendedLifetime((whole, read)) {} }
    _ = try Self.directory(model).weights().load(into: whole, head: .required)
    let backbone = whole.layout.entries.filter { $0.role == .backbone }
    let path = "/tmp/encoders-tests-\(UUID().uuidString).safetensors"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let names = backbone.map { String($0.key.drop { $0 != "." }.dropFirst()) }
    let tensors = zip(names, backbone).map { SafetensorsWriter.Declaration($0, .float32, $1.shape) }
    let writer = try SafetensorsWriter(replacing: path, tensors: tensors + [.init("pooler.dense.bias", .float32, [1])])
    for (name, entry) in zip(names, backbone) {
      try writer.write(name, UnsafeBufferPointer(whole[entry.slot].values))
    }
    try [Float(1)].withUnsafeBufferPointer { try writer.write("pooler.dense.bias", $0) }
    try writer.finish()

    let report = try ModelWeights(file: path).load(into: read, head: .newIfMissing)
    #expect(report.new == read.layout.entries.filter { $0.role == .head }.map(\.key) && !report.new.isEmpty)
    #expect(report.outside == ["pooler.dense.bias"] && report.prefix == nil)
    for entry in backbone {
      #expect(Array(read[entry.slot].values) == Array(whole[entry.slot].values), "\(entry.key)")
    }
    let error = #expect(throws: CheckpointError.self) {
      try ModelWeights(file: path).load(into: read, head: .required)
    }
    #expect(error?.problems == report.new.map { "\($0): missing; \(Self.remedy)" })
  }

  @Test("a missing layer and another width are named", arguments: models)
  func misfits(model: String) throws {
    let weights = try Self.directory(model).weights()
    let deeper = try Self.buffer(model) { $0.layers += 1 }
    defer { withExtendedLifetime(deeper) {} }
    let missing = #expect(throws: CheckpointError.self) { try weights.load(into: deeper, head: .required) }
    #expect(missing?.problems.count == 16)
    let key = deeper.layout.entries.last { $0.role == .backbone }?.key ?? ""
    #expect(missing?.problems.contains("\(key): missing; \(Self.remedy)") == true, "\(key)")
    let wider = try Self.buffer(model) { $0.intermediateSize += 1 }
    defer { withExtendedLifetime(wider) {} }
    let shapes = #expect(throws: CheckpointError.self) { try weights.load(into: wider, head: .required) }
    #expect(shapes?.problems.isEmpty == false)
    for problem in shapes?.problems ?? [] {
      #expect(problem.contains(": expected [") && problem.contains("], found [") && problem.hasSuffix(Self.remedy))
    }
  }

  private static func directory(_ model: String) throws -> ModelDirectory {
    try ModelDirectory("\(GoldenFixtures.root)/../families/\(model)")
  }

  private static func buffer(
    _ model: String, _ change: (inout EncoderConfiguration) -> Void = { _ in }
  ) throws -> ParameterBuffer {
    let directory = try directory(model)
    var configuration = try EncoderConfiguration(
      huggingFace: directory.configuration, path: directory.configurationPath)
    change(&configuration)
    var layout = ParameterLayout()
    _ = Encoder(configuration, layout: &layout)
    return ParameterBuffer(layout)
  }
}
