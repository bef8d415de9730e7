/// Memory that cannot be had: for what, how many bytes, and what limits it.
package struct OutOfMemory: Error, CustomStringConvertible, Equatable {
  package let what: String
  package let bytes: Int
  package let limit: MemoryLimit?

  package init(_ what: String, bytes: Int, limit: MemoryLimit? = .tightest()) {
    self.what = what
    self.bytes = bytes
    self.limit = limit
  }

  package var description: String {
    let needs = "out of memory: \(what): \(bytes) bytes are needed"
    guard let limit else { return "\(needs), and the system has none; use a smaller model or batch" }
    return "\(needs), and \(limit.name) leaves \(limit.left); \(limit.remedy)"
  }

  /// Smaller requests are not worth asking the system first.
  private static let least = 8 << 20

  /// Refuses, before it is taken, memory that will be used from end to end and that some limit does not leave. Only a
  /// limit on the address space fails when memory is asked for; the others end the process when it is used.
  package static func check(_ bytes: Int, for what: @autoclosure () -> String) throws(OutOfMemory) {
    guard bytes >= least, let limit = MemoryLimit.tightest(), limit.left < bytes else { return }
    throw OutOfMemory(what(), bytes: bytes, limit: limit)
  }
}
