#if _endian(big)
  #error("tensor files are little-endian, and are read without swapping bytes")
#endif

extension TensorType {
  /// Converts floating-point elements to `Float`: exactly, except that F64 is rounded.
  func widen(_ bytes: UnsafeRawBufferPointer, into destination: UnsafeMutableBufferPointer<Float>) {
    precondition(isFloatingPoint && bytes.count == destination.count * size)
    switch self {
    case .float16:
      let halves = bytes.bindMemory(to: UInt16.self)
      for index in destination.indices { destination[index] = Self.float(half: halves[index]) }
    case .bfloat16:
      let halves = bytes.bindMemory(to: UInt16.self)
      for index in destination.indices { destination[index] = Float(bitPattern: UInt32(halves[index]) << 16) }
    case .float64:
      let doubles = bytes.bindMemory(to: Double.self)
      for index in destination.indices { destination[index] = Float(doubles[index]) }
    default:
      UnsafeMutableRawBufferPointer(destination).copyMemory(from: bytes)
    }
  }

  /// IEEE 754 binary16: 1 sign, 5 exponent (bias 15) and 10 fraction bits. `Float16` does not exist on every platform.
  private static func float(half: UInt16) -> Float {
    let sign = UInt32(half & 0x8000) << 16
    let exponent = UInt32(half >> 10) & 0x1f
    let fraction = UInt32(half & 0x3ff)
    switch exponent {
    case 0: return Float(bitPattern: (Float(fraction) * 0x1p-24).bitPattern | sign)
    case 31: return Float(bitPattern: sign | 0x7f80_0000 | fraction << 13)
    default: return Float(bitPattern: sign | (exponent + 127 - 15) << 23 | fraction << 13)
    }
  }
}
