import CKernels

/// Bytes of `count` 16-bit floats from 32-bit ones, rounded to nearest, ties to even. The bytes may lie anywhere even.
///
/// - Returns: whether all fit; where one is beyond ±65504 or not a number, the bytes are of no use.
package func encodeHalves(_ bytes: UnsafeMutableRawPointer, from floats: UnsafePointer<Float>, count: Int) -> Bool {
  ck_half_from_float(bytes.assumingMemoryBound(to: UInt16.self), floats, count) != 0
}

/// `count` 32-bit floats from the bytes of 16-bit ones, exactly.
package func decodeHalves(_ floats: UnsafeMutablePointer<Float>, from bytes: UnsafeRawPointer, count: Int) {
  ck_float_from_half(floats, bytes.assumingMemoryBound(to: UInt16.self), count)
}

/// Bytes of `count` bfloat16 numbers from 32-bit ones, rounded to nearest, ties to even.
package func encodeBFloat16(_ bytes: UnsafeMutableRawPointer, from floats: UnsafePointer<Float>, count: Int) {
  ck_bfloat16_from_float(bytes.assumingMemoryBound(to: UInt16.self), floats, count)
}

/// `count` 32-bit floats from the bytes of bfloat16 ones, exactly.
package func decodeBFloat16(_ floats: UnsafeMutablePointer<Float>, from bytes: UnsafeRawPointer, count: Int) {
  ck_float_from_bfloat16(floats, bytes.assumingMemoryBound(to: UInt16.self), count)
}
