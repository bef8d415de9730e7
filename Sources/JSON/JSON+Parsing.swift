import Glibc

extension JSON {
  /// What is accepted, so that a hostile text cannot exhaust memory or the stack.
  package struct Limits: Sendable {
    /// Arrays and objects within each other.
    package var depth = 64
    package var bytes = 64 << 20
    /// Values of any kind, each of which takes up to fifty bytes of memory however short its text. An object counts as
    /// four values and an array as two, which is what they take. Half a million tokens with their ids are well below.
    package var values = 1_000_000

    package init(depth: Int = 64, bytes: Int = 64 << 20, values: Int = 1_000_000) {
      self.depth = depth
      self.bytes = bytes
      self.values = values
    }
  }

  /// Parses one JSON value, which must be the whole text.
  ///
  /// Strict: duplicate keys, invalid UTF-8, lone surrogates, a byte order mark and numbers beyond the range of a double
  /// are refused along with everything that RFC 8259 does not allow.
  package static func parse(_ bytes: UnsafeRawBufferPointer, limits: Limits = Limits()) throws(JSONError) -> JSON {
    guard bytes.count <= limits.bytes else {
      throw JSONError(reason: "\(bytes.count) bytes of JSON: expected at most \(limits.bytes)")
    }
    var parser = JSONParser(bytes, limits: limits)
    do throws(JSONParser.Failure) {
      return try parser.parseText()
    } catch {
      throw JSONError(location: JSONError.Location(of: error.position, in: bytes), reason: error.reason)
    }
  }

  package static func parse(_ bytes: [UInt8], limits: Limits = Limits()) throws(JSONError) -> JSON {
    let result = bytes.withUnsafeBytes { bytes in
      Result { () throws(JSONError) in try parse(bytes, limits: limits) }
    }
    return try result.get()
  }

  package static func parse(_ text: String, limits: Limits = Limits()) throws(JSONError) -> JSON {
    try parse(Array(text.utf8), limits: limits)
  }

  /// Reads and parses a regular file; errors name it.
  package init(contentsOf path: String, limits: Limits = Limits()) throws(JSONError) {
    do throws(JSONError) {
      let bytes = try Self.bytes(ofFile: path, limit: limits.bytes)
      // Editors of Windows put a byte order mark first.
      self = try Self.parse(bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes, limits: limits)
    } catch {
      throw JSONError(path: path, location: error.location, reason: error.reason)
    }
  }

  private static func bytes(ofFile path: String, limit: Int) throws(JSONError) -> [UInt8] {
    // Opening a FIFO would wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw JSONError(reason: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw JSONError(reason: String(cString: strerror(errno))) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw JSONError(reason: "expected a regular file") }
    guard status.st_size <= limit else {
      throw JSONError(reason: "\(status.st_size) bytes of JSON: expected at most \(limit)")
    }
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: Int(status.st_size)) { buffer, count in
      while count < buffer.count {
        let got = read(descriptor, buffer.baseAddress! + count, buffer.count - count)
        if got < 0 && errno == EINTR { continue }
        if got < 0 { failure = errno }
        if got <= 0 { break }
        count += got
      }
    }
    guard failure == 0 else { throw JSONError(reason: String(cString: strerror(failure))) }
    return bytes
  }
}
