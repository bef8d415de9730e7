import Checkpoints
import Foundation
import JSON
import Kernels

/// The directory of files written by `Tests/Goldens/make_checkpoint_fixtures.py`.
let fixtures = URL(filePath: #filePath).deletingLastPathComponent().path() + "Fixtures"

/// Gives `body` a new directory, deleted afterwards.
func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
  let path = "/tmp/checkpoints-tests-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try body(path)
}

func contents(_ path: String) throws -> [UInt8] {
  Array(try Data(contentsOf: URL(filePath: path)))
}

func names(in directory: String) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
}

/// A safetensors file of this header and data.
func safetensors(_ header: String, data: [UInt8] = [], length: UInt64? = nil) -> [UInt8] {
  let length = length ?? UInt64(header.utf8.count)
  return withUnsafeBytes(of: length.littleEndian) { Array($0) } + Array(header.utf8) + data
}

/// The parameters of the fixtures' model, keyed as in transformers.
func classifierLayout(labels: Int = 3, layers: Int = 2) -> ParameterLayout {
  let hidden = 8
  var layout = ParameterLayout()
  func add(_ key: String, _ shape: [Int]) {
    let role: ParameterRole =
      key.hasPrefix("classifier.") ? .head : key.hasPrefix("bert.pooler.") ? .pooler : .backbone
    _ = layout.add(key, shape, role: role, decays: true)
  }
  func addLinear(_ key: String, _ rows: Int, _ columns: Int) {
    add(key + ".weight", [rows, columns])
    add(key + ".bias", [rows])
  }
  func addNorm(_ key: String) {
    add(key + ".weight", [hidden])
    add(key + ".bias", [hidden])
  }
  add("bert.embeddings.word_embeddings.weight", [24, hidden])
  add("bert.embeddings.position_embeddings.weight", [10, hidden])
  add("bert.embeddings.token_type_embeddings.weight", [2, hidden])
  addNorm("bert.embeddings.LayerNorm")
  for layer in 0..<layers {
    let prefix = "bert.encoder.layer.\(layer)."
    for name in ["self.query", "self.key", "self.value", "output.dense"] {
      addLinear(prefix + "attention." + name, hidden, hidden)
    }
    addNorm(prefix + "attention.output.LayerNorm")
    addLinear(prefix + "intermediate.dense", 12, hidden)
    addLinear(prefix + "output.dense", hidden, 12)
    addNorm(prefix + "output.LayerNorm")
  }
  addLinear("bert.pooler.dense", hidden, hidden)
  addLinear("classifier", labels, hidden)
  return layout
}

extension ParameterBuffer {
  func floats(_ key: String) -> [Float]? {
    layout[key].map { Array(values[$0.slot.offset..<$0.slot.offset + $0.slot.count]) }
  }

  /// Different numbers everywhere.
  func number() {
    for index in values.indices { values[index] = Float(index) + 0.5 }
  }
}

/// Random numbers that are the same in every run.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
    return value ^ value >> 31
  }
}
