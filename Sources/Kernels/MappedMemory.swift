import Glibc

/// Zeroed floats straight from the kernel: page-aligned, and of no cost until a page is touched.
///
/// Whoever creates it owns it, frees it with `free()`, and hands out views.
struct MappedMemory {
  let base: UnsafeMutablePointer<Float>
  let count: Int

  /// - Parameter hugePages: asks for 2 MiB pages, for memory that is used from end to end. Rows that are mostly never
  ///   touched are better off with small ones.
  init(count: Int, hugePages: Bool) {
    self.count = count
    let bytes = Self.bytes(count)
    // A descriptor of −1 with MAP_ANONYMOUS: no file.
    let raw = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let raw, raw != MAP_FAILED else { preconditionFailure("out of memory: \(bytes) bytes") }
    if hugePages { madvise(raw, bytes, MADV_HUGEPAGE) }
    base = raw.bindMemory(to: Float.self, capacity: count)
  }

  func free() { munmap(base, Self.bytes(count)) }

  /// At least one page, and 16 floats more than asked for, so that a whole-vector load at the end stays inside.
  private static func bytes(_ count: Int) -> Int { (count + 16) * MemoryLayout<Float>.stride }
}
