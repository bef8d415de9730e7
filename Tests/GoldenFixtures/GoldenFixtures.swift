import Checkpoints
import Distillation
import Encoders
import JSON
import Kernels
import Text

/// The values that `Tests/Goldens/make_encoder_goldens.py` wrote with PyTorch.
package enum GoldenFixtures {
  package static let root = "\(#filePath.prefix(upTo: #filePath.range(ofLast: "/GoldenFixtures/")))/Fixtures/encoder"

  /// A fixture's model: its encoder, in a layout that may get projections, and later its weights.
  package static func configuration(_ model: String) throws -> EncoderConfiguration {
    let directory = try ModelDirectory("\(root)/\(model)")
    return try EncoderConfiguration(huggingFace: directory.configuration, path: directory.configurationPath)
  }

  package static func load(_ model: String, into weights: ParameterBuffer) throws {
    _ = try ModelDirectory("\(root)/\(model)").weights().load(into: weights, head: .required)
  }

  /// The weights for a model with fewer outputs than the fixture's three, or with none.
  package static func loadFirstOutputs(of name: String, into weights: ParameterBuffer) throws {
    let (_, all) = try model(name)
    defer { withExtendedLifetime(all) {} }
    for entry in weights.layout.entries where entry.role != .projection {
      let other = try require(all.layout.entries.first { $0.key == entry.key })
      _ = weights[entry.slot].values.update(fromContentsOf: all[other.slot].values[..<entry.slot.count])
    }
  }

  /// An encoder and its weights, without projections.
  package static func model(_ name: String) throws -> (encoder: Encoder, weights: ParameterBuffer) {
    var layout = ParameterLayout()
    let encoder = Encoder(try configuration(name), layout: &layout)
    let weights = ParameterBuffer(layout)
    try load(name, into: weights)
    return (encoder, weights)
  }

  package static func json(_ path: String) throws -> JSON { try JSON(contentsOf: "\(root)/\(path)") }

  package static func batch(_ json: JSON) throws -> Batch {
    var batch = Batch()
    batch.tokens = try json["tokens"].integers.map(Int32.init)
    batch.types = try json["types"].integers.map(Int32.init)
    batch.starts = try json["starts"].integers
    batch.labels = try json["labels"].integers.map(Int32.init)
    batch.samples = Array(0..<batch.sentences)
    return batch
  }

  package static func adaptors(_ json: JSON) throws -> [AdaptorSettings] {
    try json.elements.map { entry in
      var settings = try require(AdaptorSettings(named: entry["kind"]?.string ?? ""))
      settings.weight = try require(entry["weight"]?.double)
      for option in settings.kind.options {
        // What an entry does not say is as by default, as in a configuration.
        guard let value = entry[option.key] else { continue }
        settings[option] = try optionValue(value, option.form)
      }
      return settings
    }
  }

  private static func optionValue(_ json: JSON, _ form: AdaptorOption.Form) throws -> AdaptorOptionValue {
    switch form {
    case .number: .number(try require(json.double))
    case .optionalNumber: json == .null ? .none : .number(try require(json.double))
    case .integer: .integer(try require(json.int))
    case .flag: .flag(try require(json.bool))
    case .word: .word(try require(json.string))
    case .words: .words(try json.elements.map { try require($0.string) })
    case .layers: .layers(try layers(json))
    }
  }

  private static func layers(_ json: JSON) throws -> LayerMapSettings {
    switch json.string {
    case "last": .last
    case "uniform": .uniform
    case "skip": .skip
    case "top": .top
    default:
      .pairs(
        try json.elements.map {
          let pair = try $0.integers
          return LayerPair(student: pair[0], teacher: pair[1])
        })
    }
  }

  /// The tensors of a safetensors file by name, as 32-bit floats.
  package static func tensors(_ path: String) throws -> [String: [Float]] {
    let file = try SafetensorsFile("\(root)/\(path)")
    return try Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, try file.floats($0)) })
  }

  /// Puts the projections found in `tensors` into `weights`.
  package static func loadProjections(_ tensors: [String: [Float]], into weights: ParameterBuffer) throws {
    for entry in weights.layout.entries where entry.role == .projection {
      let values = try require(tensors[entry.key])
      _ = weights[entry.slot].values.update(fromContentsOf: values)
    }
  }

  package struct Missing: Error {}

  package static func require<Value>(_ value: Value?) throws -> Value {
    guard let value else { throw Missing() }
    return value
  }
}

extension JSON? {
  package var elements: [JSON] { get throws { try GoldenFixtures.require(self?.array) } }
  package var integers: [Int] { get throws { try elements.map { try GoldenFixtures.require($0.int) } } }
}

extension JSON {
  package var elements: [JSON] { get throws { try JSON?.some(self).elements } }
  package var integers: [Int] { get throws { try JSON?.some(self).integers } }
}

extension String {
  fileprivate func range(ofLast needle: String) -> Index {
    var index = endIndex
    while index > startIndex {
      index = self.index(before: index)
      if self[index...].hasPrefix(needle) { return index }
    }
    return startIndex
  }
}
