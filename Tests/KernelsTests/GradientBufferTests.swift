import Testing

@testable import Kernels

/// Gradients of which weights are written late.
struct GradientBufferTests {
  private let buffer: ParameterBuffer
  private let slots: [Slot]

  init() {
    var layout = ParameterLayout()
    slots = [("a", [2, 3]), ("b", [5]), ("c", [4, 2]), ("d", [3, 3])].map { layout.add($0, $1, decays: true) }
    buffer = ParameterBuffer(layout)
    for index in buffer.values.indices { buffer.values[index] = 7 }
  }

  private func values(_ slot: Slot) -> [Float] { Array(buffer.values[slot.offset..<slot.offset + slot.count]) }

  @Test("parameters are 0 once they are settled or read, and others are left alone")
  func settles() {
    let (a, c, d) = (slots[0], slots[2], slots[3])
    buffer.begin([1..<d.offset + 2], overwritten: [a, c, d])
    // Those that lie in the range in part alone are zeros from their part on.
    #expect(values(a) == [7, 0, 0, 0, 0, 0] && values(d) == [0, 0] + Array(repeating: 7, count: 7))
    #expect(values(slots[1]).allSatisfy { $0 == 0 } && values(c).allSatisfy { $0 == 7 })
    buffer.settle(0..<c.offset)
    #expect(values(c).allSatisfy { $0 == 7 })
    buffer.settle(c.offset..<d.offset)
    #expect(values(c).allSatisfy { $0 == 0 })

    buffer.values[c.offset] = 7
    buffer.begin([0..<buffer.values.count], overwritten: [a, c, d])
    #expect(buffer[c][0, 0] == 0 && !buffer.addend(c).isStale)
  }

  @Test("the first product overwrites a weight's gradient, and the next add to it")
  func overwrites() {
    let c = slots[2]
    buffer.begin([c.offset..<c.offset + c.count], overwritten: [c])
    let first = buffer.addend(c)
    first.d.fill(2)
    #expect(first.isStale && !buffer.addend(c).isStale)
    buffer.settle(0..<buffer.values.count)
    #expect(values(c).allSatisfy { $0 == 2 })
    // What was not begun is added to.
    #expect(!buffer.addend(slots[0]).isStale && values(slots[0]).allSatisfy { $0 == 7 })
  }

  @Test("rows of words behind the weights, and none of a step before, are stale")
  func rows() {
    let (a, c) = (slots[0], slots[2])
    buffer.begin([c.offset..<c.offset + c.count, a.offset..<a.offset + 3], overwritten: [a, c])
    #expect(values(a) == [0, 0, 0, 7, 7, 7] && !buffer.addend(a).isStale)
    buffer.begin([a.offset..<a.offset + a.count], overwritten: [a, c])
    #expect(!buffer.addend(c).isStale && buffer.addend(a).isStale)
  }
}
