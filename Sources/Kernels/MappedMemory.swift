import Glibc
import Limits

/// Floats straight from the kernel: page-aligned, and of no cost until a page is touched.
///
/// Whoever creates it owns it, frees it with `free()`, and hands out views.
struct MappedMemory {
  let base: UnsafeMutablePointer<Float>
  let count: Int

  /// Zeros of this process.
  ///
  /// Where there is none left, the process ends with an error that says for what it was.
  ///
  /// - Parameters:
  ///   - hugePages: asks for 2 MiB pages, for memory that is used from end to end. Rows that are mostly never touched are
  ///     better off with small ones.
  ///   - used: how many of the floats will be used for certain; `nil` is all. The system gives more than it has, and ends
  ///     the process when it is used.
  init(count: Int, hugePages: Bool, used: Int? = nil, for what: String) {
    do {
      try OutOfMemory.check((used ?? count) * MemoryLayout<Float>.stride, for: what)
    } catch {
      UnthrownError.fail(error)
    }
    // A descriptor of −1 with MAP_ANONYMOUS: no file.
    guard let memory = Self(count: count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, descriptor: -1) else {
      UnthrownError.fail(OutOfMemory(what, bytes: Self.bytes(count)))
    }
    self = memory
    if hugePages { madvise(base, Self.bytes(count), MADV_HUGEPAGE) }
  }

  /// Zeros in a file that exists in memory only; `nil` where the kernel makes none.
  init?(count: Int, inFile descriptor: Int32) {
    guard ftruncate(descriptor, Self.bytes(count)) == 0 else { return nil }
    self.init(count: count, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor: descriptor)
  }

  /// What another process wrote to such a file, to be read only.
  init?(count: Int, ofFile descriptor: Int32) {
    var status = stat()
    guard fstat(descriptor, &status) == 0, Int(status.st_size) == Self.bytes(count) else { return nil }
    self.init(count: count, PROT_READ, MAP_SHARED, descriptor: descriptor)
  }

  private init?(count: Int, _ protection: Int32, _ flags: Int32, descriptor: Int32) {
    let raw = mmap(nil, Self.bytes(count), protection, flags, descriptor, 0)
    guard let raw, raw != MAP_FAILED else { return nil }
    base = raw.bindMemory(to: Float.self, capacity: count)
    self.count = count
  }

  func free() { munmap(base, Self.bytes(count)) }

  /// Gives back the pages that lie within a stretch. What was there reads as zero.
  func discard(_ range: Range<Int>) {
    let page = Int(sysconf(Int32(_SC_PAGESIZE))) / MemoryLayout<Float>.stride
    let first = (range.lowerBound + page - 1) / page * page
    // The last page is whole even where the floats end within it.
    let end = range.upperBound == count ? range.upperBound : range.upperBound / page * page
    if first < end { madvise(base + first, (end - first) * MemoryLayout<Float>.stride, MADV_DONTNEED) }
  }

  /// At least one page, and 16 floats more than asked for, so that a whole-vector load at the end stays inside.
  private static func bytes(_ count: Int) -> Int { (count + 16) * MemoryLayout<Float>.stride }
}
