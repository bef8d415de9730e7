import Archives
import JSON
import Synchronization

/// A state dictionary as `torch.save` writes it, open for reading: a zip archive, or before PyTorch 1.6 pickles followed
/// by the tensors' bytes. Nothing of the file is executed.
package final class PyTorchFile: TensorFile {
  package let path: String
  package let tensors: [TensorDescription]
  package var metadata: [String: String] { [:] }
  private let file: ReadableFile
  private let places: [String: Int]
  /// The key of each tensor's storage.
  private let storageKeys: [String: String]
  private let checksums: [String: ZipDirectory.Entry]
  /// The keys of the storages whose checksum was found right.
  private let verified = Mutex<Set<String>>([])

  /// Opens and validates a file; no tensor is read.
  package init(_ path: String) throws(CheckpointError) {
    self.path = path
    file = try ReadableFile(path)
    do throws(PyTorchProblem) {
      let contents =
        switch try Self.kind(file) {
        case .zip: try PyTorchArchive(file)
        case .legacy: try PyTorchArchive(legacy: file)
        }
      tensors = contents.tensors
      storageKeys = contents.storageKeys
      checksums = contents.checksums
      var places: [String: Int] = [:]
      for (place, tensor) in tensors.enumerated() {
        guard places.updateValue(place, forKey: tensor.name) == nil else {
          throw PyTorchProblem("\(tensor.name.escapedForDisplay): two tensors of one name")
        }
      }
      self.places = places
    } catch {
      throw CheckpointError(path, error.text)
    }
  }

  package subscript(name: String) -> TensorDescription? { places[name].map { tensors[$0] } }

  package func read(_ tensor: TensorDescription, into destination: UnsafeMutableBufferPointer<Float>)
    throws(CheckpointError)
  {
    if let key = storageKeys[tensor.name], let entry = checksums[key] { try verify(key, entry) }
    try file.read(tensor, into: destination)
  }

  /// Compares a storage's bytes with their checksum, once.
  private func verify(_ key: String, _ entry: ZipDirectory.Entry) throws(CheckpointError) {
    guard !verified.withLock({ $0.contains(key) }) else { return }
    var crc = CRC32()
    var position = entry.range.lowerBound
    while position < entry.range.upperBound {
      let part = try file.bytes(min(1 << 20, entry.range.upperBound - position), at: position)
      part.withUnsafeBytes { crc.update($0) }
      position += part.count
    }
    guard crc.value == entry.crc else {
      throw CheckpointError(
        path, "data/\(key.escapedForDisplay): its checksum differs; the file is damaged; copy or download it again")
    }
    _ = verified.withLock { $0.insert(key) }
  }

  private enum Kind {
    case zip, legacy
  }

  /// By its first bytes.
  private static func kind(_ file: ReadableFile) throws(PyTorchProblem) -> Kind {
    let start = try file.part(min(file.size, 512), at: 0, "beginning")
    if start.starts(with: [0x50, 0x4b, 0x03, 0x04]) { return .zip }
    if start.starts(with: PyTorchArchive.legacyMagic) { return .legacy }
    let expected = "expected a file that torch.save wrote, found "
    if let pointer = GitPointer.problem(start, fileSize: file.size) { throw PyTorchProblem(expected + pointer) }
    if start.count >= 262, start[257..<262].elementsEqual("ustar".utf8) {
      throw PyTorchProblem(expected + "a tar archive; load it with PyTorch and save its state_dict() again")
    }
    throw PyTorchProblem(
      expected + (file.size == 0 ? "an empty one" : "something else")
        + "; copy or download it again")
  }
}
