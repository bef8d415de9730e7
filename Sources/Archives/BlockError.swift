/// Why a compressed block cannot be read.
package struct BlockError: Error, Equatable, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }
}
