/// One block of floats laid out by a `ParameterLayout`: weights, a gradient, or a moment.
///
/// `@unchecked Sendable`: the buffer hands out views and does not lock. Weights are written only between steps,
/// while no worker runs; a gradient is written by the one worker that owns it.
package final class ParameterBuffer: @unchecked Sendable {
  package let layout: ParameterLayout
  package let values: UnsafeMutableBufferPointer<Float>
  private let memory: MappedMemory

  /// Allocates zeros, which take no memory until they are touched.
  /// - Parameter what: what they are, for the error where there is no memory left.
  package init(_ layout: ParameterLayout, for what: String = "parameters") {
    self.layout = layout
    let used = layout.entries.reduce(0) { $0 + ($1.isLookup ? 0 : $1.slot.count) }
    memory = MappedMemory(count: layout.count, hugePages: false, used: used, for: what)
    values = UnsafeMutableBufferPointer(start: memory.base, count: layout.count)
  }

  deinit { memory.free() }

  /// Gives the memory of parameters back that nobody will read again. Whole pages of it read as zero from now on.
  package func discard(_ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= values.count)
    memory.discard(range)
  }

  package subscript(slot: Slot) -> Matrix {
    precondition(slot.offset >= 0 && slot.offset + slot.count <= values.count)
    return Matrix(base: memory.base + slot.offset, rows: slot.rows, columns: slot.columns)
  }
}
