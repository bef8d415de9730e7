/// A column of an Arrow schema, or a part of one.
struct ArrowField {
  enum Kind {
    case null
    case int(bits: Int, isSigned: Bool)
    /// 16, 32 or 64 bits.
    case float(bits: Int)
    case bool
    /// Also of bytes that may be one.
    case string(isLarge: Bool)
    case stringView
    case list(isLarge: Bool)
    case fixedSizeList(Int)
    /// What is not read: how many buffers it has before its children's.
    case other(String, buffers: Int)
  }

  let name: String
  let kind: Kind
  let children: [ArrowField]
  /// Of values that stand in a dictionary: which, and how they refer to it.
  let dictionary: (id: Int, bits: Int, isSigned: Bool)?

  /// - Parameters:
  ///   - table: `Field` of Arrow's Schema.fbs.
  ///   - budget: of bytes for all names.
  init(_ table: FlatTable, depth: Int = 0, budget: inout Int) throws(ColumnarError) {
    guard depth < 32 else { throw .damaged("its schema is nested too deeply") }
    // One without a name costs something too: tables may be children of many.
    budget -= 1
    guard budget >= 0 else { throw .damaged("its schema has more columns than bytes") }
    name = try table.string(0, budget: &budget) ?? ""
    let type = try table.table(3)
    kind = try Self.kind(try table.number(2, else: UInt8(0)), type)
    var children: [ArrowField] = []
    for child in try table.tables(5) { children.append(try ArrowField(child, depth: depth + 1, budget: &budget)) }
    self.children = children
    if let dictionary = try table.table(4) {
      let index = try dictionary.table(1)
      self.dictionary = (
        Int(try dictionary.number(0, else: Int64(0))), Int(try index?.number(0, else: Int32(0)) ?? 32),
        try index?.number(1, else: UInt8(0)) ?? 1 != 0
      )
    } else {
      dictionary = nil
    }
  }

  private static func kind(_ type: UInt8, _ table: FlatTable?) throws(ColumnarError) -> Kind {
    switch type {
    case 1: return .null
    case 2:
      return .int(
        bits: Int(try table?.number(0, else: Int32(0)) ?? 0), isSigned: try table?.number(1, else: UInt8(0)) ?? 0 != 0)
    case 3: return .float(bits: 16 << Int(min(2, max(0, try table?.number(0, else: Int16(0)) ?? 0))))
    case 4, 5: return .string(isLarge: false)
    case 6: return .bool
    case 19, 20: return .string(isLarge: true)
    case 12: return .list(isLarge: false)
    case 21: return .list(isLarge: true)
    case 16: return .fixedSizeList(Int(try table?.number(0, else: Int32(0)) ?? 0))
    case 24, 23: return .stringView
    case 13: return .other("a structure", buffers: 1)
    case 17: return .other("a map", buffers: 2)
    case 14:
      let isDense = try table?.number(0, else: Int16(0)) == 1
      return .other("a union", buffers: isDense ? 2 : 1)
    case 22: return .other("runs", buffers: 0)
    case 25, 26: return .other("a view of lists", buffers: 3)
    case 7: return .other("decimal numbers", buffers: 2)
    case 8, 9, 10, 11, 18: return .other("dates or times", buffers: 2)
    case 15: return .other("bytes of fixed length", buffers: 2)
    default: throw ColumnarError("a column of a type that is unknown here, number \(type); write the file without it")
    }
  }

  /// How many buffers it has before its children's; of views the first of them.
  var buffers: Int {
    if dictionary != nil { return 2 }
    return switch kind {
    case .null: 0
    case .int, .float, .bool, .list, .stringView: 2
    case .string: 3
    case .fixedSizeList: 1
    case .other(_, let buffers): buffers
    }
  }
}
