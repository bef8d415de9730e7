import Checkpoints
import Foundation
import GoldenFixtures
import JSON
import Kernels
import Testing

@testable import Encoders

/// Each family's files: of the backbone alone, and what does not fit.
struct FamilyLoadingTests {
  /// BERT's pooler may be in a file of the backbone.
  private static let withoutPooler = FamilyDirectories.families.filter { $0 != "bert" }
  private static let remedy = "does config.json belong to this file?"

  @Test("a file of the backbone alone, with a pooler of its own, leaves only the head new", arguments: withoutPooler)
  func headless(model: String) throws {
    let (whole, read) = (try Self.buffer(model), try Self.buffer(model))
    // DeBERTa's pooler is a part of its head.
    let other = model == "deberta-v2" ? "lm_predictions.lm_head.bias" : "pooler.dense.bias"
    defer { withExtendedLifetime((whole, read)) {} }
    _ = try FamilyDirectories.directory(family: model).weights().load(into: whole, head: .required)
    let backbone = whole.layout.entries.filter { $0.role == .backbone }
    let path = "/tmp/encoders-tests-\(UUID().uuidString).safetensors"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let names = backbone.map { String($0.key.drop { $0 != "." }.dropFirst()) }
    let tensors = zip(names, backbone).map { SafetensorsWriter.Declaration($0, .float32, $1.shape) }
    let writer = try SafetensorsWriter(replacing: path, tensors: tensors + [.init(other, .float32, [1])])
    for (name, entry) in zip(names, backbone) {
      try writer.write(name, UnsafeBufferPointer(whole[entry.slot].values))
    }
    try [Float(1)].withUnsafeBufferPointer { try writer.write(other, $0) }
    try writer.finish()

    let report = try ModelWeights(file: path).load(into: read, head: .newIfMissing)
    #expect(report.new == read.layout.entries.filter { $0.role == .head }.map(\.key) && !report.new.isEmpty)
    #expect(report.outside == [other] && report.prefix == nil)
    for entry in backbone {
      #expect(Array(read[entry.slot].values) == Array(whole[entry.slot].values), "\(entry.key)")
    }
    let error = #expect(throws: CheckpointError.self) {
      try ModelWeights(file: path).load(into: read, head: .required)
    }
    #expect(error?.problems == report.new.map { "\($0): missing; \(Self.remedy)" })
  }

  @Test("a missing layer and another width are named", arguments: FamilyDirectories.families)
  func misfits(model: String) throws {
    let weights = try FamilyDirectories.directory(family: model).weights()
    let whole = try Self.buffer(model)
    let deeper = try Self.buffer(model) { $0.layers += 1 }
    defer { withExtendedLifetime((whole, deeper)) {} }
    let keys = deeper.layout.entries.map(\.key).filter { whole.layout[$0] == nil }
    #expect(keys.count >= 5)
    let missing = #expect(throws: CheckpointError.self) { try weights.load(into: deeper, head: .required) }
    #expect(missing?.problems == keys.map { "\($0): missing; \(Self.remedy)" })
    let wider = try Self.buffer(model) { $0.intermediateSize += 1 }
    defer { withExtendedLifetime(wider) {} }
    let shapes = #expect(throws: CheckpointError.self) { try weights.load(into: wider, head: .required) }
    #expect(shapes?.problems.isEmpty == false)
    for problem in shapes?.problems ?? [] {
      #expect(problem.contains(": expected [") && problem.contains("], found [") && problem.hasSuffix(Self.remedy))
    }
  }

  @Test("each member of a configuration is named with what it must be", arguments: FamilyDirectories.families)
  func members(family: String) throws {
    let directory = try FamilyDirectories.directory(family: family)
    let original = directory.configuration
    var configuration = try EncoderConfiguration(huggingFace: original, path: directory.configurationPath)
    let members = MemberFaults()
    configuration.family.visit(&configuration, members)
    #expect(members.faults.count >= 10)
    for fault in members.faults {
      let error = #expect(throws: CheckpointError.self) {
        try EncoderConfiguration(huggingFace: original.replacing(fault.keys, fault.value), path: "config.json")
      }
      // Others may follow, of sizes that no longer fit what is taken in its place.
      let start = "\(fault.keys.joined(separator: ".")): expected \(fault.expected)"
      let problem = error?.problems.first { $0.hasPrefix(start) }
      #expect(
        problem?.contains(", found ") == true && problem?.hasSuffix(fault.remedy) == true,
        "\(error?.problems ?? []), not \(start) … \(fault.remedy)")
    }
  }

  private static func buffer(
    _ model: String, _ change: (inout EncoderConfiguration) -> Void = { _ in }
  ) throws -> ParameterBuffer {
    let directory = try FamilyDirectories.directory(family: model)
    var configuration = try EncoderConfiguration(
      huggingFace: directory.configuration, path: directory.configurationPath)
    change(&configuration)
    var layout = ParameterLayout()
    _ = Encoder(configuration, layout: &layout)
    return ParameterBuffer(layout)
  }
}

/// For each member that a family visits, a value that it must refuse.
private final class MemberFaults: ConfigurationMembers {
  private(set) var faults: [(keys: [String], value: JSON, expected: String, remedy: String)] = []

  private func add(_ keys: [String], _ value: JSON, _ expected: String, remedy: String = "") {
    faults.append((keys, value, expected, remedy))
  }

  func integer(_ key: String, _ value: inout Int, in range: ClosedRange<Int>, _ meaning: String) {
    add([key], .integer(range.lowerBound - 1), "an integer from \(range.lowerBound) to \(range.upperBound)")
  }

  func probability(_ key: String, _ value: inout Float, _ meaning: String) {
    add([key], 1, "a number from 0 to below 1")
  }

  func probabilityOrNull(_ key: String, _ value: inout Float?, _ meaning: String) {
    add([key], 1, "a number from 0 to below 1")
  }

  func fraction(_ key: String, _ value: inout Float, _ meaning: String) { add([key], 0, "a number above 0, at most 1") }

  func number(_ keys: [String], _ value: inout Float, _ meaning: String) { add(keys, 0, "a number above 0") }

  func flag(_ key: String, _ value: inout Bool, _ meaning: String) { add([key], "yes", "true or false") }

  func choice<Value: RawRepresentable & CaseIterable & Sendable>(_ key: String, _ value: inout Value, _ meaning: String)
  where Value.RawValue == String {
    let words = Value.allCases.map(\.rawValue)
    add(
      [key], "silu", words[0],
      remedy: " or \(words[words.count - 1]), found string \"silu\"; use a model with one of these")
  }

  func words<Value: RawRepresentable & CaseIterable & Sendable>(
    _ key: String, _ values: inout [Value], _ meaning: String
  ) where Value.RawValue == String {
    add([key], ["chunked"], "a list of ", remedy: "; use a model with these")
  }

  func only(_ keys: [String], _ value: JSON, remedy: String) {
    add(keys, value == true ? false : true, value.text(), remedy: "; \(remedy)")
  }
}

extension JSON {
  /// The same with another value on the way that `keys` say.
  fileprivate func replacing(_ keys: some Collection<String>, _ value: JSON) -> JSON {
    guard let key = keys.first else { return value }
    var members = object ?? JSONObject()
    members[key] = (members[key] ?? [:]).replacing(keys.dropFirst(), value)
    return .object(members)
  }
}
