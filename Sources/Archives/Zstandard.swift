import CZstd

/// Decompression by the system's libzstd, which is opened when it is needed.
package enum Zstandard {
  /// - Parameter count: how many bytes the contents have. There must be memory for them.
  package static func decompress(_ frames: ArraySlice<UInt8>, count: Int) throws(BlockError) -> [UInt8] {
    if let problem = czstd_open() {
      throw BlockError(
        "\(String(cString: problem)), and what is compressed with zstd needs it; install libzstd1 (Debian, Ubuntu) or "
          + "libzstd, or write the file with another compression such as snappy")
    }
    var problem: String?
    let contents = [UInt8](unsafeUninitializedCapacity: count) { contents, size in
      // Nothing at all has no address.
      var none: UInt8 = 0
      frames.withUnsafeBytes { frames in
        withUnsafeMutablePointer(to: &none) { none in
          problem = czstd_decompress(
            contents.baseAddress ?? none, count, frames.baseAddress ?? UnsafeRawPointer(none), frames.count
          )
          .map { String(cString: $0) }
        }
      }
      size = problem == nil ? count : 0
    }
    if let problem { throw BlockError("damaged: zstd: \(problem)") }
    return contents
  }
}
