import JSON

/// A column at the top of a Parquet file's schema, and how its values are written.
struct ParquetColumn: Sendable {
  enum Physical: Int, Sendable {
    case boolean, int32, int64, int96, float, double, byteArray, fixedLengthByteArray
  }

  let name: String
  /// Which of a row group's columns it is.
  let leaf: Int
  /// `nil` of what cannot be read.
  let physical: Physical?
  let isUnsigned: Bool
  /// Which definition level a value has that is there.
  let mostDefinition: Int
  /// 1 of lists, 0 of others.
  let mostRepetition: Int
  /// Of lists: the definition level of an element that may be null.
  let elementDefinition: Int
  /// For messages, of what cannot be read.
  let kind: String
}

extension ParquetColumn {
  /// The columns of a schema, which is written as a tree, parents first.
  static func columns(_ schema: [Thrift]) throws(ColumnarError) -> [ParquetColumn] {
    guard let root = schema.first else { throw .damaged("it has no schema") }
    var columns: [ParquetColumn] = []
    var position = 1
    var leaf = 0
    for _ in 0..<(try root.count(5, "the number of columns")) {
      let start = position
      var leaves: [ParquetColumn] = []
      try read(schema, &position, &leaf, Level(), into: &leaves)
      guard let name = schema[start][4]?.text else { throw .damaged("a column has no name") }
      let first = leaves.first
      let isFlat = leaves.count == 1 && (first?.mostRepetition ?? 2) <= 1
      columns.append(
        ParquetColumn(
          name: name, leaf: first?.leaf ?? 0, physical: isFlat ? first?.physical : nil,
          isUnsigned: first?.isUnsigned ?? false, mostDefinition: first?.mostDefinition ?? 0,
          mostRepetition: first?.mostRepetition ?? 0, elementDefinition: first?.elementDefinition ?? 0,
          kind: isFlat ? first?.kind ?? "nothing" : "a structure"))
    }
    guard position == schema.count else { throw .damaged("its schema has more parts than columns") }
    return columns
  }

  /// What is above a part of the schema.
  private struct Level {
    var definition = 0
    var repetition = 0
    var element = 0
    var depth = 0
    /// Groups that are no lists.
    var isNested = false
  }

  private static func read(
    _ schema: [Thrift], _ position: inout Int, _ leaf: inout Int, _ above: Level, into leaves: inout [ParquetColumn]
  ) throws(ColumnarError) {
    guard position < schema.count else { throw .damaged("its schema lacks columns") }
    guard above.depth < 32 else { throw .damaged("its schema is nested too deeply") }
    let part = schema[position]
    position += 1
    var level = above
    level.depth += 1
    let repetition = part[3]?.int ?? 0
    if repetition != 0 { level.definition += 1 }
    if repetition == 2 {
      level.repetition += 1
      level.element = level.definition
    }
    let children = part[5]?.int ?? 0
    if children > 0 {
      // A list is a group of one repeated part, which is a group of the element alone, or the element itself.
      let isList = children == 1 && (part[6]?.int == 3 || part[10]?[3] != nil || repetition == 2 && above.depth == 1)
      level.isNested = above.isNested || !isList
      for _ in 0..<children { try read(schema, &position, &leaf, level, into: &leaves) }
      return
    }
    defer { leaf += 1 }
    let physical = part[1]?.int.flatMap(Physical.init)
    let converted = part[6]?.int
    let logical = part[10]
    // Of nothing but nulls, and of numbers that stand for something else.
    let isOther =
      logical?[5] != nil || logical?[15] != nil || converted == 5 || physical == .int96
      || physical == .fixedLengthByteArray
    let isUnsigned = (converted.map { (11...14).contains($0) } ?? false) || logical?[10]?[2]?.bool == false
    leaves.append(
      ParquetColumn(
        name: "", leaf: leaf, physical: level.isNested || isOther ? nil : physical, isUnsigned: isUnsigned,
        mostDefinition: level.definition, mostRepetition: level.repetition, elementDefinition: level.element,
        kind: level.isNested ? "a structure" : physical.map { "\($0)" } ?? "an unknown type"))
  }
}
