import CKernels
import Glibc

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
  private let layout: PanelLayout
  private let memory: MappedMemory
  /// Of memory that other processes may map.
  private let descriptor: Int32?

  private init(_ layout: PanelLayout, of parameters: ParameterBuffer, _ memory: MappedMemory, descriptor: Int32?) {
    self.parameters = parameters
    self.layout = layout
    self.memory = memory
    self.descriptor = descriptor
  }

  /// Panels for some of a buffer's weights, yet to be packed; `nil` where this processor has no kernel for them.
  package convenience init?(_ slots: [Slot], of parameters: ParameterBuffer) {
    guard let layout = PanelLayout(slots) else { return nil }
    self.init(
      layout, of: parameters, MappedMemory(count: layout.count, hugePages: true, for: "packed weights"), descriptor: nil
    )
  }

  /// The same in memory that other processes of this host can map; `nil` too where the kernel has none such.
  ///
  /// - Parameter mark: tells this memory from any other.
  package convenience init?(sharing slots: [Slot], of parameters: ParameterBuffer, mark: Mark) {
    guard let layout = PanelLayout(slots) else { return nil }
    let descriptor = ck_memory_file("packed-weights")
    guard descriptor >= 0 else { return nil }
    guard let memory = MappedMemory(count: layout.count + Mark.floats, inFile: descriptor) else {
      close(descriptor)
      return nil
    }
    mark.write(to: memory.base + layout.count)
    self.init(layout, of: parameters, memory, descriptor: descriptor)
  }

  /// Panels that another process of this host has packed; `nil` where they cannot be mapped or bear another mark.
  package convenience init?(
    _ slots: [Slot], of parameters: ParameterBuffer, packedBy process: Int32, descriptor: Int32, mark: Mark
  ) {
    guard let layout = PanelLayout(slots) else { return nil }
    let own = open("/proc/\(process)/fd/\(descriptor)", O_RDONLY | O_CLOEXEC)
    guard own >= 0 else { return nil }
    defer { close(own) }
    guard let memory = MappedMemory(count: layout.count + Mark.floats, ofFile: own) else { return nil }
    guard mark.isAt(memory.base + layout.count) else {
      memory.free()
      return nil
    }
    self.init(layout, of: parameters, memory, descriptor: nil)
  }

  deinit {
    memory.free()
    if let descriptor { close(descriptor) }
  }

  /// What another process needs to map this memory, if it is such.
  package var sharedDescriptor: Int32? { descriptor }

  package var count: Int { layout.slots.count }

  /// Packs a slot's weight, by its index.
  package func pack(_ index: Int) {
    let matrix = parameters[layout.slots[index]]
    ck_pack_panels(
      memory.base + layout.starts[index], layout.width, matrix.base, matrix.stride, 1, matrix.rows, matrix.columns)
  }

  /// Gives back the memory of a weight that has been packed: products no longer read it.
  package func discardOriginal(_ index: Int) {
    let slot = layout.slots[index]
    if layout.isWhole(slot) { parameters.discard(slot.offset..<slot.offset + slot.count) }
  }

  /// Some rows of a weight. They come without panels if it is not packed or they do not start with a panel.
  package func weight(_ slot: Slot, rows: Range<Int>) -> LinearWeight {
    let matrix = parameters[slot].rows(rows)
    guard let start = layout.start(of: slot, row: rows.lowerBound) else { return LinearWeight(matrix) }
    return LinearWeight(matrix, panels: memory.base + start)
  }
}

extension PackedWeights {
  /// A number that nobody else has, at the end of shared memory.
  package struct Mark: Sendable, Equatable {
    package let bits: UInt64

    package init(bits: UInt64) { self.bits = bits }

    static let floats = 2

    fileprivate func write(to place: UnsafeMutablePointer<Float>) {
      place[0] = Float(bitPattern: UInt32(truncatingIfNeeded: bits))
      place[1] = Float(bitPattern: UInt32(truncatingIfNeeded: bits >> 32))
    }

    fileprivate func isAt(_ place: UnsafeMutablePointer<Float>) -> Bool {
      UInt64(place[0].bitPattern) | UInt64(place[1].bitPattern) << 32 == bits
    }
  }
}

/// Where each weight's panels lie.
private struct PanelLayout {
  let slots: [Slot]
  let width: Int
  let starts: [Int]
  let count: Int
  private let indices: [Int: Int]

  init?(_ slots: [Slot]) {
    guard let width = ProductKernel.best.panelWidth else { return nil }
    var starts: [Int] = []
    var count = 0
    for slot in slots {
      starts.append(count)
      count += (slot.rows + width - 1) / width * width * slot.columns
    }
    self.slots = slots
    self.width = width
    self.starts = starts
    self.count = count
    indices = Dictionary(uniqueKeysWithValues: slots.enumerated().map { ($1.offset, $0) })
  }

  /// Whether rows that start at any third of a weight (queries, keys, values) start with a panel.
  func isWhole(_ slot: Slot) -> Bool { slot.rows != 3 * slot.columns || slot.columns % width == 0 }

  func start(of slot: Slot, row: Int) -> Int? {
    guard let index = indices[slot.offset], slots[index] == slot, row % width == 0 else { return nil }
    return starts[index] + row * slot.columns
  }
}
