import CKernels

/// The SHA-256 of bytes that come in pieces, such as a file too large for memory.
package struct SHA256Stream {
  private var state = [UInt32](repeating: 0, count: 8)
  /// What has not filled a block yet.
  private var rest: [UInt8] = []
  private var count: UInt64 = 0

  private static let block = 64

  package init() { ck_sha256_start(&state) }

  package mutating func append(_ bytes: UnsafeRawBufferPointer) {
    count += UInt64(bytes.count)
    var bytes = bytes
    if !rest.isEmpty {
      let missing = min(Self.block - rest.count, bytes.count)
      rest += bytes[..<missing]
      bytes = UnsafeRawBufferPointer(rebasing: bytes[missing...])
      guard rest.count == Self.block else { return }
      ck_sha256_blocks(&state, rest, 1, 0)
      rest.removeAll(keepingCapacity: true)
    }
    let whole = bytes.count / Self.block
    if whole > 0 { ck_sha256_blocks(&state, bytes.baseAddress, whole, 0) }
    rest += bytes[(whole * Self.block)...]
  }

  package func digest() -> SHA256 {
    var state = state
    return withUnsafeTemporaryAllocation(byteCount: SHA256.byteCount, alignment: 8) { digest in
      ck_sha256_finish(digest.baseAddress, &state, rest, rest.count, count, 0)
      return SHA256(stored: UnsafeRawBufferPointer(digest))
    }
  }
}
