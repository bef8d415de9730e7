/// One block of floats laid out by a `ParameterLayout`: weights, a gradient, or a moment.
///
/// `@unchecked Sendable`: the buffer hands out views and does not lock. Weights are written only between steps,
/// while no worker runs; a gradient, and what is stale of it, are written by the one worker that owns it, and others read
/// `values` of what it has settled.
package final class ParameterBuffer: @unchecked Sendable {
  package let layout: ParameterLayout
  package let values: UnsafeMutableBufferPointer<Float>
  private let memory: MappedMemory
  /// Of a gradient that is being computed: whole weights that hold something of before and count as 0.
  private var stale: Set<Slot> = []

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
    settle(slot)
    return matrix(slot)
  }

  private func matrix(_ slot: Slot) -> Matrix {
    precondition(slot.offset >= 0 && slot.offset + slot.count <= values.count)
    return Matrix(base: memory.base + slot.offset, rows: slot.rows, columns: slot.columns)
  }

  // MARK: Gradients

  /// Begins a gradient of some parameters, which are 0 from now on. Nothing is written yet to those weights of
  /// `overwritten` that lie in them: most get all that they hold from one product, and zeros would be written for it to
  /// read. Until they are settled, `values` holds what was there before.
  ///
  /// - Parameter overwritten: in order of their place.
  package func begin(_ ranges: [Range<Int>], overwritten: [Slot]) {
    stale.removeAll(keepingCapacity: true)
    var slots = overwritten[...]
    for range in ranges {
      var start = range.lowerBound
      slots = slots.drop { $0.offset < range.lowerBound }
      while let slot = slots.first, slot.offset + slot.count <= range.upperBound {
        zero(start..<slot.offset)
        stale.insert(slot)
        start = slot.offset + slot.count
        slots = slots.dropFirst()
      }
      zero(start..<range.upperBound)
    }
  }

  private func zero(_ range: Range<Int>) {
    UnsafeMutableBufferPointer(rebasing: values[range]).update(repeating: 0)
  }

  /// A weight's gradient, and whether a product is to overwrite it, as nothing has been added to it yet.
  package func addend(_ slot: Slot) -> (d: Matrix, isStale: Bool) { (matrix(slot), stale.remove(slot) != nil) }

  /// Writes the zeros of those weights in a range that nothing has been added to.
  package func settle(_ range: Range<Int>) {
    for slot in stale where range.contains(slot.offset) { settle(slot) }
  }

  private func settle(_ slot: Slot) {
    if !stale.isEmpty, stale.remove(slot) != nil { matrix(slot).fill(0) }
  }
}
