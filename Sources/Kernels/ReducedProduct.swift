import CKernels

/// c = a·b + addend, of a and b rounded to bfloat16 and summed in 32 bits.
///
/// An element's sum has an order that depends on the inner dimension alone. Portable bodies give the same bits on every
/// processor; instructions round otherwise.
///
/// - Parameter panels: b as `PackedWeights` keeps it for this body.
func multiplyBFloat16(
  _ c: Matrix, _ a: Factor, _ b: Factor, panels: UnsafePointer<Float>? = nil, adding addend: Addend, arena: Arena,
  body: ProductBody = .best(.bfloat16)
) {
  precondition(c.rows == a.rows && c.columns == b.columns && a.columns == b.rows)
  guard c.count > 0 else { return }
  // An empty sum has nothing to round.
  guard a.columns > 0 else { return multiply(c, a, b, adding: addend, arena: arena) }
  var product = ck_bf16_product()
  product.c = c.base
  product.cStride = c.stride
  (product.base, product.baseStride) = addend.base(of: c)
  product.a = UnsafePointer(a.matrix.base)
  product.aRow = a.rowStride
  product.aInner = a.columnStride
  product.b = UnsafePointer(b.matrix.base)
  product.bInner = b.rowStride
  product.bColumn = b.columnStride
  product.rows = c.rows
  product.columns = c.columns
  product.inner = a.columns
  product.body = body.rawValue
  withWords(of: panels) {
    product.panels = $0
    ck_bf16_multiply(&product, arena.productScratch())
  }
}

/// c = a·weightᵀ + addend, of 8-bit integers: each row of a and each row of the weight is quantised by a scale of its own.
/// Sums are exact, so all bodies give the same bits.
///
/// - Parameter panels: of weightᵀ, as `PackedWeights` keeps it for this body; without, the weight is quantised here.
func multiplyInt8(
  _ c: Matrix, _ a: Matrix, weight: Matrix, panels: UnsafePointer<Float>? = nil, adding addend: Addend, arena: Arena,
  body: ProductBody = .best(.int8)
) {
  precondition(c.rows == a.rows && c.columns == weight.rows && a.columns == weight.columns)
  guard c.count > 0 else { return }
  // Sums of more could overflow, and of none have nothing to round.
  guard 1...Int(CK_INT8_LONGEST) ~= a.columns else {
    return multiply(c, Factor(a), Factor(transposed: weight), adding: addend, arena: arena)
  }
  let mark = arena.mark
  defer { arena.reset(to: mark) }
  var product = ck_int8_product()
  product.c = c.base
  product.cStride = c.stride
  (product.base, product.baseStride) = addend.base(of: c)
  product.a = UnsafePointer(a.base)
  product.aStride = a.stride
  product.rows = c.rows
  product.columns = c.columns
  product.inner = a.columns
  product.body = body.rawValue
  let width = ck_int8_panel_width(body.rawValue)
  let words = (weight.rows + width - 1) / width * ck_int8_panel_length(body.rawValue, weight.columns)
  func pack() -> UnsafePointer<Float> {
    let own = arena.allocate(words)
    own.withMemoryRebound(to: UInt32.self, capacity: words) {
      ck_int8_pack_panels($0, body.rawValue, weight.base, weight.stride, weight.rows, weight.columns)
    }
    return UnsafePointer(own)
  }
  withWords(of: panels ?? pack()) {
    product.panels = $0
    ck_int8_multiply(&product, arena.productScratch())
  }
}

/// Panels of smaller numbers are read as words.
private func withWords(of panels: UnsafePointer<Float>?, _ body: (UnsafePointer<UInt32>?) -> Void) {
  body(panels.map { UnsafeRawPointer($0).assumingMemoryBound(to: UInt32.self) })
}

extension Addend {
  /// What the kernels add to each row, and how far its rows are apart.
  fileprivate func base(of c: Matrix) -> (UnsafePointer<Float>?, Int) {
    switch self {
    case .nothing: (nil, 0)
    case .itself: (UnsafePointer(c.base), c.stride)
    case .row(let row): (UnsafePointer(row.base), 0)
    }
  }
}
