import CKernels
import Glibc

/// A linear map's weight (out, in), with its panels where it has been packed.
package struct LinearWeight {
  package let matrix: Matrix
  let precision: Precision
  /// Of matrixᵀ, for the forward product.
  let panels: UnsafePointer<Float>?
  /// Of the matrix, for its input's gradient.
  let transposedPanels: UnsafePointer<Float>?
  /// How many of the rows a panel has, and the 32-bit words it takes; 1 and 0 without panels.
  private let panel: (rows: Int, count: Int)
  let body: ProductBody

  package init(_ matrix: Matrix, precision: Precision = .float32) {
    self.init(matrix, precision: precision, body: .best(precision))
  }

  init(
    _ matrix: Matrix, precision: Precision, panels: UnsafePointer<Float>? = nil,
    transposedPanels: UnsafePointer<Float>? = nil, panel: (rows: Int, count: Int) = (1, 0), body: ProductBody
  ) {
    self.matrix = matrix
    self.precision = precision
    self.panels = panels
    self.transposedPanels = transposedPanels
    self.panel = panel
    self.body = body
  }

  /// Some of its rows, for the forward product; where there are panels, they start with one.
  func rows(_ rows: Range<Int>) -> LinearWeight {
    precondition(panels == nil || rows.lowerBound % panel.rows == 0)
    return LinearWeight(
      matrix.rows(rows), precision: precision, panels: panels.map { $0 + rows.lowerBound / panel.rows * panel.count },
      panel: panel, body: body)
  }
}

/// The weights of linear maps in the order in which a product reads them. Packing costs as much as a product with some
/// twenty rows, so it is for weights that many products read before they change: a frozen model's, or at a lower precision
/// those of a step.
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
  ///
  /// - Parameter learning: whether they are for backward passes too.
  package convenience init?(
    _ slots: [Slot], of parameters: ParameterBuffer, precision: Precision = .float32, learning: Bool = false
  ) {
    self.init(slots, of: parameters, precision: precision, learning: learning, body: .best(precision))
  }

  convenience init?(
    _ slots: [Slot], of parameters: ParameterBuffer, precision: Precision, learning: Bool, body: ProductBody
  ) {
    guard let layout = PanelLayout(slots, precision, learning: learning, body: body) else { return nil }
    self.init(
      layout, of: parameters, MappedMemory(count: layout.count, hugePages: true, for: "packed weights"), descriptor: nil
    )
  }

  /// The same in memory that other processes of this host can map; `nil` too where the kernel has none such.
  ///
  /// - Parameter mark: tells this memory from any other.
  package convenience init?(
    sharing slots: [Slot], of parameters: ParameterBuffer, precision: Precision = .float32, mark: Mark
  ) {
    guard let layout = PanelLayout(slots, precision) else { return nil }
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
    _ slots: [Slot], of parameters: ParameterBuffer, precision: Precision = .float32, packedBy process: Int32,
    descriptor: Int32, mark: Mark
  ) {
    guard let layout = PanelLayout(slots, precision) else { return nil }
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

  package var precision: Precision { layout.precision }

  /// Bytes that panels of some weights take; `nil` where this processor has no kernel for them.
  package static func bytes(_ slots: [Slot], precision: Precision, learning: Bool = false) -> Int? {
    PanelLayout(slots, precision, learning: learning).map { $0.count * MemoryLayout<Float>.stride }
  }

  /// Packs a slot's weight, by its index.
  package func pack(_ index: Int) {
    let matrix = parameters[layout.slots[index]]
    pack(Factor(transposed: matrix), at: layout.starts[index])
    if layout.learning { pack(Factor(matrix), at: layout.transposedStarts[index]) }
  }

  /// Panels of a product's second factor.
  private func pack(_ b: Factor, at start: Int) {
    let (place, body) = (memory.base + start, layout.body.rawValue)
    switch layout.precision {
    case .float32:
      ck_pack_panels(place, layout.width, b.matrix.base, b.columnStride, b.rowStride, b.columns, b.rows)
    case .bfloat16:
      place.withMemoryRebound(to: UInt32.self, capacity: layout.panels(b.columns) * layout.panelLength(b.rows)) {
        ck_bf16_pack_panels($0, body, b.matrix.base, b.columnStride, b.rowStride, b.columns, b.rows)
      }
    case .int8:
      place.withMemoryRebound(to: UInt32.self, capacity: layout.panels(b.columns) * layout.panelLength(b.rows)) {
        ck_int8_pack_panels($0, body, b.matrix.base, b.columnStride, b.columns, b.rows)
      }
    }
  }

  /// Gives back the memory of a weight that has been packed: products no longer read it.
  package func discardOriginal(_ index: Int) {
    let slot = layout.slots[index]
    if layout.isWhole(slot) { parameters.discard(slot.offset..<slot.offset + slot.count) }
  }

  /// Some rows of a weight. They come without panels if it is not packed or they do not start with a panel.
  package func weight(_ slot: Slot, rows: Range<Int>) -> LinearWeight {
    let panels = layout.start(of: slot, row: rows.lowerBound).map { UnsafePointer(memory.base + $0) }
    let transposed = rows.count == slot.rows ? layout.transposedStart(of: slot) : nil
    return LinearWeight(
      parameters[slot].rows(rows), precision: layout.precision, panels: panels,
      transposedPanels: transposed.map { UnsafePointer(memory.base + $0) },
      panel: (layout.width, layout.panelLength(slot.columns)), body: layout.body)
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
  let precision: Precision
  /// Whether transposes have panels too.
  let learning: Bool
  let body: ProductBody
  let width: Int
  let starts: [Int]
  let transposedStarts: [Int]
  /// In 32-bit words.
  private(set) var count = 0
  private let indices: [Int: Int]

  init?(_ slots: [Slot], _ precision: Precision, learning: Bool = false, body: ProductBody? = nil) {
    let body = body ?? .best(precision)
    switch precision {
    case .float32:
      guard let panelWidth = ProductKernel.best.panelWidth else { return nil }
      width = panelWidth
    case .bfloat16: width = ck_bf16_panel_width(body.rawValue)
    case .int8: width = ck_int8_panel_width(body.rawValue)
    }
    // Products of longer rows of 8-bit integers are computed in 32 bits, from the weights as they are.
    let slots = precision == .int8 ? slots.filter { $0.columns <= Int(CK_INT8_LONGEST) } : slots
    self.slots = slots
    self.precision = precision
    self.learning = learning
    self.body = body
    var (starts, transposedStarts, count): ([Int], [Int], Int) = ([], [], 0)
    for slot in slots {
      starts.append(count)
      count += Self.panels(slot.rows, width) * Self.panelLength(slot.columns, precision, width)
      transposedStarts.append(count)
      if learning { count += Self.panels(slot.columns, width) * Self.panelLength(slot.rows, precision, width) }
    }
    self.starts = starts
    self.transposedStarts = transposedStarts
    self.count = count
    indices = Dictionary(uniqueKeysWithValues: slots.enumerated().map { ($1.offset, $0) })
  }

  func panels(_ columns: Int) -> Int { Self.panels(columns, width) }
  func panelLength(_ inner: Int) -> Int { Self.panelLength(inner, precision, width) }

  private static func panels(_ columns: Int, _ width: Int) -> Int { (columns + width - 1) / width }

  private static func panelLength(_ inner: Int, _ precision: Precision, _ width: Int) -> Int {
    switch precision {
    case .float32: width * inner
    case .bfloat16: width * ((inner + 1) / 2)
    // Four numbers a word, then each column's scale and sum.
    case .int8: width * ((inner + 3) / 4 + 2)
    }
  }

  /// Whether rows that start at any third of a weight (queries, keys, values) start with a panel.
  func isWhole(_ slot: Slot) -> Bool { slot.rows != 3 * slot.columns || slot.columns % width == 0 }

  func start(of slot: Slot, row: Int) -> Int? {
    guard let index = indices[slot.offset], slots[index] == slot, row % width == 0 else { return nil }
    return starts[index] + row / width * panelLength(slot.columns)
  }

  func transposedStart(of slot: Slot) -> Int? {
    guard learning, let index = indices[slot.offset], slots[index] == slot else { return nil }
    return transposedStarts[index]
  }
}
