import Archives
import JSON

/// A safetensors file open for reading.
package final class SafetensorsFile: TensorFile {
  package let path: String
  /// In the order of their bytes.
  package let tensors: [TensorDescription]
  /// The header's `__metadata__`.
  package let metadata: [String: String]
  private let file: ReadableFile
  private let places: [String: Int]

  /// Opens and validates a file; no tensor is read.
  package init(_ path: String) throws(CheckpointError) {
    self.path = path
    file = try ReadableFile(path)
    guard file.size >= 8 else {
      throw CheckpointError(
        path,
        "expected a safetensors file, found \(file.size) bytes, less than its header's length; \(Self.again)")
    }
    if let pointer = GitPointer.problem(try file.bytes(min(file.size, 64), at: 0), fileSize: file.size) {
      throw CheckpointError(path, "expected a safetensors file, found \(pointer)")
    }
    let length = try file.bytes(8, at: 0).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= SafetensorsHeader.maximumLength else {
      throw CheckpointError(
        path,
        "header: expected at most \(SafetensorsHeader.maximumLength) bytes, found \(length); "
          + "is this a safetensors file?")
    }
    guard 8 + Int(length) <= file.size else {
      throw CheckpointError(path, "header: \(length) bytes long, but the file has \(file.size); \(Self.again)")
    }
    let json = try file.bytes(Int(length), at: 8)
    let header: SafetensorsHeader
    do throws(SafetensorsHeader.Problem) {
      header = try SafetensorsHeader(json, fileSize: file.size)
    } catch {
      throw CheckpointError(path, error.text)
    }
    tensors = header.tensors
    metadata = header.metadata
    var places: [String: Int] = [:]
    for (place, tensor) in tensors.enumerated() {
      // Different to the JSON parser, but the same to anybody who types it.
      guard places.updateValue(place, forKey: tensor.name) == nil else {
        throw CheckpointError(path, "\(tensor.name.escapedForDisplay): two tensors whose names differ only in encoding")
      }
    }
    self.places = places
  }

  private static let again = "the file is incomplete or altered; copy or download it again"

  package subscript(name: String) -> TensorDescription? { places[name].map { tensors[$0] } }

  package func read(_ tensor: TensorDescription, into destination: UnsafeMutableBufferPointer<Float>)
    throws(CheckpointError)
  {
    try file.read(tensor, into: destination)
  }

  /// Reads a tensor's bytes as they are.
  package func bytes(_ tensor: TensorDescription) throws(CheckpointError) -> [UInt8] {
    try file.bytes(tensor.range.count, at: tensor.range.lowerBound)
  }
}
