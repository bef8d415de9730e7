/// What is wrong with a file of PyTorch's, without its name.
struct PyTorchProblem: Error {
  let text: String

  init(_ text: String) { self.text = text }

  static func incomplete(_ found: String) -> PyTorchProblem {
    PyTorchProblem("\(found); the file is incomplete or altered; copy or download it again")
  }
}

extension ReadableFile {
  /// Reads `count` bytes from `offset` on, which must be in the file.
  func part(_ count: Int, at offset: Int, _ what: String) throws(PyTorchProblem) -> [UInt8] {
    guard offset >= 0, count >= 0, count <= size, offset <= size - count else {
      throw .incomplete("\(what): expected \(count) bytes at byte \(offset), found a file of \(size)")
    }
    do throws(CheckpointError) {
      return try bytes(count, at: offset)
    } catch {
      throw PyTorchProblem(error.problems.joined(separator: "; "))
    }
  }
}

extension [UInt8] {
  /// The unsigned little-endian number of `width` bytes at `offset`, both of which the caller knows to fit.
  func littleEndian(_ offset: Int, _ width: Int) -> UInt64 {
    self[offset..<offset + width].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
