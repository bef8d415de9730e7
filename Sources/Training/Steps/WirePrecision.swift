import Kernels

/// How gradients travel between ranks.
package enum WirePrecision: String, Sendable, CaseIterable {
  case float32
  /// Half the bytes. What a rank sends is rounded on its way to where it is added, in each of log₂ P rounds, and the sum
  /// once on its way back; it is added in 32 bits.
  case bfloat16

  var bytes: Int { self == .float32 ? 4 : 2 }

  func encode(_ bytes: UnsafeMutableRawBufferPointer, from floats: UnsafeMutableBufferPointer<Float>) {
    precondition(bytes.count == floats.count * self.bytes)
    guard let source = floats.baseAddress, let target = bytes.baseAddress else { return }
    switch self {
    case .float32: target.copyMemory(from: source, byteCount: bytes.count)
    case .bfloat16: encodeBFloat16(target, from: source, count: floats.count)
    }
  }

  func decode(_ floats: UnsafeMutableBufferPointer<Float>, from bytes: UnsafeMutableRawBufferPointer) {
    precondition(bytes.count == floats.count * self.bytes)
    guard let source = bytes.baseAddress, let target = floats.baseAddress else { return }
    switch self {
    case .float32: UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: bytes.count)
    case .bfloat16: decodeBFloat16(target, from: source, count: floats.count)
    }
  }
}

/// Numbers as they travel, or as they are added. Grows to what was most asked for.
struct WireBuffer: ~Copyable {
  private var memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 0, alignment: Self.alignment)
  private static let alignment = 64

  deinit { memory.deallocate() }

  /// Contents are undefined where it grows.
  mutating func reserve(_ count: Int, _ precision: WirePrecision) {
    let bytes = count * precision.bytes
    guard bytes > memory.count else { return }
    memory.deallocate()
    memory = .allocate(byteCount: bytes + bytes / 8, alignment: Self.alignment)
  }

  /// The bytes of some numbers.
  func bytes(_ range: Range<Int>, _ precision: WirePrecision) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(
      rebasing: memory[range.lowerBound * precision.bytes..<range.upperBound * precision.bytes])
  }

  func floats(_ range: Range<Int>) -> UnsafeMutableBufferPointer<Float> {
    bytes(range, .float32).assumingMemoryBound(to: Float.self)
  }
}
