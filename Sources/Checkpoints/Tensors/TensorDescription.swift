/// A tensor's place and form in a file.
package struct TensorDescription: Sendable, Equatable {
  /// More elements than any real tensor has.
  static let maximumCount = Int(Int32.max)

  package let name: String
  package let type: TensorType
  /// Empty for a scalar; a dimension may be 0.
  package let shape: [Int]
  /// The product of the shape.
  package let count: Int
  /// The stretch of the file that its elements lie in, little-endian: they fill it in row-major order unless there are
  /// strides.
  package let range: Range<Int>
  /// How many elements lie between neighbours along each dimension, or `nil` if they are in row-major order.
  var strides: [Int]?

  /// What its elements take, in bytes.
  package var byteCount: Int { count * type.size }
}

/// The product of dimensions, or `nil` if it does not fit.
func product(_ shape: [Int]) -> Int? {
  var product = 1
  for dimension in shape {
    let (next, overflow) = product.multipliedReportingOverflow(by: dimension)
    if overflow { return nil }
    product = next
  }
  return product
}
