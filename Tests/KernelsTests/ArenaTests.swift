import Kernels
import Testing

struct ArenaTests {
  @Test("blocks are aligned, apart, and readable for 16 floats more", arguments: awkwardSizes)
  func blocksAreApart(count: Int) {
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    var end: UInt?
    for _ in 0..<4 {
      let block = arena.allocate(count)
      let start = UInt(bitPattern: block)
      #expect(start % 64 == 0)
      if let end { #expect(start >= end) }
      end = start + UInt((count + 16) * MemoryLayout<Float>.stride)
    }
  }

  @Test("a request larger than a block gets one of its own")
  func largeRequests() {
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    let small = arena.zeros(1, 10)
    let large = arena.matrix(5 << 20, 1)
    large.fill(1)
    #expect(small.values.allSatisfy { $0 == 0 })
    #expect(arena.capacity >= 9 << 22)
  }

  @Test("after a reset the same memory is given again, and none is added")
  func resetReuses() {
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    func fill() -> [UnsafeMutablePointer<Float>] { (0..<40).map { _ in arena.allocate(300_000) } }
    let first = fill()
    let capacity = arena.capacity
    arena.reset()
    #expect(fill() == first)
    #expect(arena.capacity == capacity)
  }

  @Test("going back to a mark gives up what came after it, and nothing before", arguments: [100, 3_000_000])
  func marks(count: Int) {
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    let kept = arena.matrix(1, count)
    kept.fill(7)
    let mark = arena.mark
    let first = arena.allocate(count)
    for _ in 0..<3 { arena.matrix(1, count).fill(8) }
    arena.reset(to: mark)
    #expect(arena.allocate(count) == first)
    arena.matrix(1, count).fill(9)
    #expect(kept.values.allSatisfy { $0 == 7 })
  }

  @Test("zeros are zeros in memory used before")
  func zeros() {
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    arena.matrix(10, 10).fill(3)
    arena.reset()
    #expect(arena.zeros(10, 10).values.allSatisfy { $0 == 0 })
  }
}
