import CKernels

/// A linear map's weight (out, in), with its panels where it has been packed.
package struct LinearWeight {
  package let matrix: Matrix
  let panels: UnsafePointer<Float>?

  package init(_ matrix: Matrix) { (self.matrix, panels) = (matrix, nil) }

  fileprivate init(_ matrix: Matrix, panels: UnsafePointer<Float>?) {
    self.matrix = matrix
    self.panels = panels
  }
}

/// The weights of linear maps in the order in which a product reads them. Packing costs as much as a product with some
/// twenty rows, so it is for weights that many products read before they change: a frozen model's.
///
/// `@unchecked Sendable`: weights are packed while nothing reads them, each by one thread, and only read afterwards.
package final class PackedWeights: @unchecked Sendable {
  private let parameters: ParameterBuffer
  private let slots: [Slot]
  private let width: Int
  private let memory: MappedMemory
  /// Where each slot's panels start.
  private let starts: [Int]
  private let indices: [Int: Int]

  /// Panels for some of a buffer's weights, yet to be packed; `nil` where this processor has no kernel for them.
  package init?(_ slots: [Slot], of parameters: ParameterBuffer) {
    guard let width = ProductKernel.best.panelWidth else { return nil }
    var starts: [Int] = []
    var count = 0
    for slot in slots {
      starts.append(count)
      count += (slot.rows + width - 1) / width * width * slot.columns
    }
    self.parameters = parameters
    self.slots = slots
    self.width = width
    self.starts = starts
    indices = Dictionary(uniqueKeysWithValues: slots.enumerated().map { ($1.offset, $0) })
    memory = MappedMemory(count: count, hugePages: true)
  }

  deinit { memory.free() }

  package var count: Int { slots.count }

  /// Packs a slot's weight, by its index.
  package func pack(_ index: Int) {
    let matrix = parameters[slots[index]]
    ck_pack_panels(memory.base + starts[index], width, matrix.base, matrix.stride, 1, matrix.rows, matrix.columns)
  }

  /// Some rows of a weight. They come without panels if it is not packed or they do not start with a panel.
  package func weight(_ slot: Slot, rows: Range<Int>) -> LinearWeight {
    let matrix = parameters[slot].rows(rows)
    guard let index = indices[slot.offset], slots[index] == slot, rows.lowerBound % width == 0 else {
      return LinearWeight(matrix)
    }
    return LinearWeight(matrix, panels: memory.base + starts[index] + rows.lowerBound * slot.columns)
  }
}
