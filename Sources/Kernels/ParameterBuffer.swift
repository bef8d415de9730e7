/// One block of floats laid out by a `ParameterLayout`: weights, a gradient, or a moment.
///
/// `@unchecked Sendable`: the buffer hands out views and does not lock. Weights are written only between steps,
/// while no worker runs; a gradient is written by the one worker that owns it.
package final class ParameterBuffer: @unchecked Sendable {
  package let layout: ParameterLayout
  package let values: UnsafeMutableBufferPointer<Float>

  /// Allocates zeros.
  package init(_ layout: ParameterLayout) {
    self.layout = layout
    let bytes = max(layout.count, 1) * MemoryLayout<Float>.stride
    let raw = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
    raw.initializeMemory(as: Float.self, repeating: 0, count: max(layout.count, 1))
    values = UnsafeMutableBufferPointer(start: raw.assumingMemoryBound(to: Float.self), count: layout.count)
  }

  deinit { UnsafeMutableRawPointer(values.baseAddress)?.deallocate() }

  package subscript(slot: Slot) -> Matrix {
    precondition(slot.offset >= 0 && slot.offset + slot.count <= values.count)
    return Matrix(base: values.baseAddress! + slot.offset, rows: slot.rows, columns: slot.columns)
  }
}
