import Checkpoints
import Collectives
import Kernels

/// What an optimizer carries from step to step, as it is saved and read back: the number of its steps, and the moments
/// of what it updates. Of the word embeddings only the rows that ever had a gradient have moments.
extension Optimizer {
  private static let touchedRowsName = "touched_rows"

  /// The bytes that `writeMoments` writes.
  var stateByteCount: Int {
    guard firstMoment != nil else { return 0 }
    return 2 * updated.stretches.reduce(touchedRows.count * (updated.byRows?.columns ?? 0)) { $0 + $1.range.count }
      * MemoryLayout<Float>.stride + touchedRows.count * MemoryLayout<Int64>.stride
  }

  /// Writes `first.KEY` and `second.KEY` of each updated parameter, and `touched_rows`, in ascending order, where the
  /// word embeddings are updated: their moments are those rows'. Plain SGD has none.
  func writeMoments(to path: String) throws(CheckpointError) {
    let writer = try SafetensorsWriter(replacing: path, tensors: declarations)
    for (prefix, moment) in moments {
      for entry in updatedEntries {
        guard entry.slot == updated.byRows else {
          let range = entry.slot.offset..<entry.slot.offset + entry.slot.count
          try writer.write(prefix + entry.key, UnsafeBufferPointer(rebasing: moment.values[range]))
          continue
        }
        let rows = touchedRows.flatMap { moment.values[updated.range(ofRow: $0)] }
        try writer.write(prefix + entry.key, bytesOf: rows, as: .float32)
      }
    }
    if firstMoment != nil, updated.byRows != nil {
      try writer.write(Self.touchedRowsName, bytesOf: touchedRows.map { Int64($0) }, as: .int64)
    }
    try writer.finish()
  }

  /// Reads what `writeMoments` wrote into an optimizer that has taken no step.
  func readMoments(from path: String) throws(CheckpointError) {
    let file = try SafetensorsFile(path)
    if firstMoment != nil, let byRows = updated.byRows {
      guard let tensor = file[Self.touchedRowsName], tensor.type == .int64, tensor.shape.count == 1 else {
        throw CheckpointError(path, "\(Self.touchedRowsName): expected a list of I64")
      }
      let rows = try file.bytes(tensor).withUnsafeBytes { bytes in
        (0..<tensor.count).map { Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self)) }
      }
      guard rows.allSatisfy({ $0 >= 0 && $0 < byRows.rows }), zip(rows, rows.dropFirst()).allSatisfy({ $0 < $1 }) else {
        throw CheckpointError(path, "\(Self.touchedRowsName): expected ascending rows of 0…\(byRows.rows - 1)")
      }
      touch(rows.map { Int($0) })
    }
    let problems = declarations.compactMap { expected -> String? in
      guard let tensor = file[expected.name] else { return "\(expected.name): missing" }
      return tensor.shape == expected.shape && tensor.type == expected.type
        ? nil
        : "\(expected.name): expected \(expected.type.rawValue) \(expected.shape), found \(tensor.type.rawValue) "
          + "\(tensor.shape)"
    }
    guard problems.isEmpty, file.tensors.count == declarations.count else {
      throw CheckpointError(path, problems.isEmpty ? ["expected \(declarations.count) tensors"] : problems)
    }
    for (prefix, moment) in moments {
      for entry in updatedEntries {
        guard let tensor = file[prefix + entry.key] else { continue }
        guard entry.slot == updated.byRows else {
          let range = entry.slot.offset..<entry.slot.offset + entry.slot.count
          try file.read(tensor, into: UnsafeMutableBufferPointer(rebasing: moment.values[range]))
          continue
        }
        let rows = try file.floats(tensor)
        for (index, row) in touchedRows.enumerated() {
          _ = moment.values[part: updated.range(ofRow: row)].update(
            fromContentsOf: rows[index * entry.slot.columns..<(index + 1) * entry.slot.columns])
        }
      }
    }
  }

  /// Collective: gives every rank what rank 0 has read.
  func broadcast(among ranks: any Communicator) throws {
    guard ranks.size > 1 else { return }
    var rows = touchedRows.withUnsafeBytes { Array($0) }
    try ranks.broadcast(&rows, from: 0)
    if ranks.rank != 0 {
      touch(
        rows.withUnsafeBytes { bytes in
          stride(from: 0, to: bytes.count, by: 8).map { bytes.loadUnaligned(fromByteOffset: $0, as: Int.self) }
        })
    }
    let ranges = updated.wholeRanges + touchedRows.map(updated.range(ofRow:))
    for (_, moment) in moments {
      var packed = ranges.flatMap { moment.values[$0] }.withUnsafeBytes { Array($0) }
      try ranks.broadcast(&packed, from: 0)
      packed.withUnsafeBytes { bytes in
        var offset = 0
        for range in ranges {
          let count = range.count * MemoryLayout<Float>.stride
          UnsafeMutableRawBufferPointer(moment.values[part: range]).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count]))
          offset += count
        }
      }
    }
  }

  private var moments: [(prefix: String, buffer: ParameterBuffer)] {
    [("first.", firstMoment), ("second.", secondMoment)].compactMap { name, moment in moment.map { (name, $0) } }
  }

  private var updatedEntries: [ParameterLayout.Entry] {
    guard let layout = firstMoment?.layout else { return [] }
    let starts = Set(updated.stretches.map(\.range.lowerBound))
    return layout.entries.filter { $0.slot == updated.byRows || starts.contains($0.slot.offset) }
  }

  private var declarations: [SafetensorsWriter.Declaration] {
    let tensors = moments.flatMap { prefix, _ in
      updatedEntries.map { entry in
        SafetensorsWriter.Declaration(
          prefix + entry.key, .float32,
          entry.slot == updated.byRows ? [touchedRows.count, entry.slot.columns] : entry.shape)
      }
    }
    guard firstMoment != nil, updated.byRows != nil else { return tensors }
    return tensors + [.init(Self.touchedRowsName, .int64, [touchedRows.count])]
  }
}

extension SafetensorsWriter {
  fileprivate func write<Number: BitwiseCopyable>(
    _ name: String, bytesOf values: [Number], as type: TensorType
  ) throws(CheckpointError) {
    let result = values.withUnsafeBytes { bytes in
      Result { () throws(CheckpointError) in try write(name, type, bytes) }
    }
    try result.get()
  }
}
