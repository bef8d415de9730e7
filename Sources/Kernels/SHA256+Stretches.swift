import Limits
import Synchronization

extension SHA256 {
  /// The SHA-256 of the SHA-256 of each 4 MiB, which threads share: half a second a gigabyte and thread, or less.
  package init(ofStretches bytes: UnsafeRawBufferPointer, threads: Int) {
    // Enough stretches to share a small model among threads.
    let stretch = 4 << 20
    let count = (bytes.count + stretch - 1) / stretch
    let digests = Mutex([UInt8](repeating: 0, count: count * SHA256.byteCount))
    // Read only, until all threads have ended.
    nonisolated(unsafe) let bytes = bytes
    concurrently(max(1, threads)) { thread in
      for index in Swift.stride(from: thread, to: count, by: max(1, threads)) {
        let part = index * stretch..<min((index + 1) * stretch, bytes.count)
        let digest = SHA256(of: UnsafeRawBufferPointer(rebasing: bytes[part]))
        digests.withLock { digests in
          digests.withUnsafeMutableBytes { digest.store(to: $0.baseAddress! + index * SHA256.byteCount) }
        }
      }
    }
    self = digests.withLock { SHA256(of: $0) }
  }
}

extension ParameterBuffer {
  /// The hash of all values as they lie in memory: equal where every bit is.
  package func digest(threads: Int) -> SHA256 {
    SHA256(ofStretches: UnsafeRawBufferPointer(values), threads: threads)
  }
}
