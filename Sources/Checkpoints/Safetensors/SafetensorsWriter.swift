import JSON

/// Writes a safetensors file tensor by tensor, so that not all need to be in memory at once.
///
/// All names and shapes are declared first; then each tensor is written once, whole or from its beginning on in parts,
/// in any order; `finish` puts the complete file in place. Without `finish` nothing is left behind.
package final class SafetensorsWriter {
  package struct Declaration: Sendable {
    package let name: String
    package let type: TensorType
    package let shape: [Int]

    package init(_ name: String, _ type: TensorType = .float32, _ shape: [Int]) {
      self.name = name
      self.type = type
      self.shape = shape
    }
  }

  private let file: PendingFile
  private var unwritten: [String: TensorDescription] = [:]
  /// Bytes of tensors that are written in parts.
  private var done: [String: Int] = [:]

  /// Of a tensor.
  package static let mostElements = TensorDescription.maximumCount

  /// - Parameters:
  ///   - metadata: The `__metadata__`; transformers refuses a file whose metadata has no `format`.
  ///   - leavesNothing: as for `PendingFile`.
  package init(
    replacing path: String, tensors: [Declaration], metadata: [String: String] = ["format": "pt"],
    leavesNothing: Bool = false
  ) throws(CheckpointError) {
    var header = JSONObject()
    if !metadata.isEmpty {
      var members = JSONObject()
      for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { members[key] = .string(value) }
      header["__metadata__"] = .object(members)
    }
    var end = 0
    var places: [TensorDescription] = []
    for tensor in tensors.sorted(by: Self.precedes) {
      guard let count = product(tensor.shape), count <= TensorDescription.maximumCount,
        tensor.shape.allSatisfy({ $0 >= 0 })
      else { throw CheckpointError(path, "\(tensor.name.escapedForDisplay): cannot write shape \(tensor.shape)") }
      let next = end + count * tensor.type.size
      let description: JSON = [
        "dtype": .string(tensor.type.rawValue), "shape": .array(tensor.shape.map { .integer($0) }),
        "data_offsets": [.integer(end), .integer(next)],
      ]
      guard header.insert(tensor.name, description) else {
        throw CheckpointError(path, "\(tensor.name.escapedForDisplay): declared twice, or reserved")
      }
      places.append(
        TensorDescription(name: tensor.name, type: tensor.type, shape: tensor.shape, count: count, range: end..<next))
      end = next
    }
    var json = JSON.object(header).bytes()
    // So that the data is aligned for any element type.
    json.append(contentsOf: repeatElement(0x20, count: -json.count & 7))
    guard json.count <= SafetensorsHeader.maximumLength else {
      throw CheckpointError(
        path,
        "header: \(json.count) bytes for \(tensors.count) tensors, expected at most "
          + "\(SafetensorsHeader.maximumLength); write fewer tensors to a file")
    }
    let length = withUnsafeBytes(of: UInt64(json.count).littleEndian) { Array($0) }
    file = try PendingFile(replacing: path, leavesNothing: leavesNothing)
    try file.write(length + json, at: 0)
    for place in places {
      let range = place.range.lowerBound + 8 + json.count..<place.range.upperBound + 8 + json.count
      unwritten[place.name] = TensorDescription(
        name: place.name, type: place.type, shape: place.shape, count: place.count, range: range)
    }
  }

  /// Writes a declared F32 tensor.
  package func write(_ name: String, _ values: UnsafeBufferPointer<Float>) throws(CheckpointError) {
    try write(name, .float32, UnsafeRawBufferPointer(values))
  }

  /// Writes a declared tensor's elements, row-major and little-endian.
  package func write(_ name: String, _ type: TensorType, _ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
    guard let tensor = unwritten.removeValue(forKey: name) else {
      throw CheckpointError(file.path, "\(name.escapedForDisplay): not declared, or written twice")
    }
    guard tensor.type == type, tensor.range.count == bytes.count else {
      throw CheckpointError(
        file.path,
        "\(name.escapedForDisplay): expected \(tensor.range.count) bytes of \(tensor.type.rawValue), "
          + "found \(bytes.count) of \(type.rawValue)")
    }
    try file.write(bytes, at: tensor.range.lowerBound)
  }

  /// Writes the next elements of a declared tensor.
  package func append(_ name: String, _ type: TensorType, _ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
    let offset = done[name, default: 0]
    guard let tensor = unwritten[name], tensor.type == type, bytes.count <= tensor.range.count - offset else {
      throw CheckpointError(
        file.path, "\(name.escapedForDisplay): not declared, or longer than declared, or of another type")
    }
    try file.write(bytes, at: tensor.range.lowerBound + offset)
    done[name] = offset + bytes.count
  }

  /// Makes the file durable and puts it in place.
  package func finish() throws(CheckpointError) {
    for (name, count) in done where unwritten[name]?.range.count == count { unwritten[name] = nil }
    // One without elements takes no part to write.
    for (name, tensor) in unwritten where tensor.range.isEmpty { unwritten[name] = nil }
    guard unwritten.isEmpty else {
      throw CheckpointError(
        file.path, unwritten.keys.sorted().map { "\($0.escapedForDisplay): declared but not written" })
    }
    try file.commit()
  }

  /// The reference library's order: larger types first, then by name.
  private static func precedes(_ left: Declaration, _ right: Declaration) -> Bool {
    let types = TensorType.allCases
    guard left.type == right.type else { return types.firstIndex(of: left.type)! > types.firstIndex(of: right.type)! }
    return left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
  }
}
