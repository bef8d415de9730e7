import JSON

/// A safetensors file open for reading.
package final class SafetensorsFile: Sendable {
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
        path, "expected a safetensors file, found \(file.size) bytes, less than its header's length")
    }
    let length = try file.bytes(8, at: 0).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= SafetensorsHeader.maximumLength else {
      throw CheckpointError(
        path,
        "header: expected at most \(SafetensorsHeader.maximumLength) bytes, found \(length); "
          + "is this a safetensors file?")
    }
    guard 8 + Int(length) <= file.size else {
      throw CheckpointError(path, "header: \(length) bytes long, but the file has \(file.size)")
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

  package subscript(name: String) -> TensorDescription? { places[name].map { tensors[$0] } }

  /// Reads a tensor of any floating-point type, row-major, converting its elements.
  /// - Parameter destination: As many floats as the tensor has elements.
  package func read(_ tensor: TensorDescription, into destination: UnsafeMutableBufferPointer<Float>)
    throws(CheckpointError)
  {
    precondition(destination.count == tensor.count, "\(tensor.name): destination of the wrong size")
    guard tensor.type != .float32 else {
      return try file.read(into: UnsafeMutableRawBufferPointer(destination), at: tensor.range.lowerBound)
    }
    guard tensor.type.isFloatingPoint else {
      throw CheckpointError(
        path, "\(tensor.name.escapedForDisplay): expected F32, F16, BF16 or F64, found \(tensor.type.rawValue)")
    }
    let chunk = 1 << 18
    let scratch = UnsafeMutableRawBufferPointer.allocate(
      byteCount: min(chunk, tensor.count) * tensor.type.size, alignment: 16)
    defer { scratch.deallocate() }
    var start = 0
    while start < tensor.count {
      let end = min(start + chunk, tensor.count)
      let bytes = UnsafeMutableRawBufferPointer(rebasing: scratch[..<((end - start) * tensor.type.size)])
      try file.read(into: bytes, at: tensor.range.lowerBound + start * tensor.type.size)
      tensor.type.widen(
        UnsafeRawBufferPointer(bytes), into: UnsafeMutableBufferPointer(rebasing: destination[start..<end]))
      start = end
    }
  }

  package func floats(_ tensor: TensorDescription) throws(CheckpointError) -> [Float] {
    var floats = [Float](repeating: 0, count: tensor.count)
    let result = floats.withUnsafeMutableBufferPointer { buffer in
      Result { () throws(CheckpointError) in try read(tensor, into: buffer) }
    }
    try result.get()
    return floats
  }

  /// Reads a tensor's bytes as they are.
  package func bytes(_ tensor: TensorDescription) throws(CheckpointError) -> [UInt8] {
    try file.bytes(tensor.range.count, at: tensor.range.lowerBound)
  }
}
