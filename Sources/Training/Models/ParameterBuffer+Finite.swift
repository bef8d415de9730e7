import Kernels

extension ParameterBuffer {
  /// The key of the first parameter that holds a NaN or an infinity, or `nil` where none does.
  package func firstNonFinite() -> String? {
    // Squares of floats are summed in double precision, which they cannot overflow.
    guard !sumOfSquares(UnsafeBufferPointer(values)).isFinite else { return nil }
    return layout.entries.first { entry in
      let range = entry.slot.offset..<entry.slot.offset + entry.slot.count
      return !sumOfSquares(UnsafeBufferPointer(rebasing: values[range])).isFinite
    }?.key ?? layout.entries.first?.key
  }
}
