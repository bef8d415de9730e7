import Glibc

/// What a worker found so far, in a file mapped by it and by its supervisor, so that it outlives a crash.
final class Tally {
  enum Field: Int, CaseIterable {
    /// The case that is being parsed, or the next one.
    case current
    case accepted, refused
    case tooSlow, tooLarge
    case slowestMicroseconds, slowestCase
    /// Memory beyond that at the start, and beyond what the case may take.
    case peakBytes, peakCase
  }

  private let fields: UnsafeMutablePointer<Int>

  init(path: String) {
    let size = Field.allCases.count * MemoryLayout<Int>.stride
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    precondition(descriptor >= 0 && ftruncate(descriptor, off_t(size)) == 0)
    defer { close(descriptor) }
    let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    precondition(memory != MAP_FAILED)
    fields = memory!.bindMemory(to: Int.self, capacity: Field.allCases.count)
  }

  subscript(field: Field) -> Int {
    get { fields[field.rawValue] }
    set { fields[field.rawValue] = newValue }
  }
}
