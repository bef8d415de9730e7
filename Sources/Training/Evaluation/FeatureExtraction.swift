import Checkpoints
import Encoders
import Kernels
import Text

extension ClassifierModel {
  /// Writes what a stage can tap of each row, as one tensor for each tap with the rows end to end: of hidden states
  /// (tokens, width), of queries, keys and values (tokens, heads, head size), of attention the probabilities of each
  /// row (heads, n, n) flat behind one another, and of what a trained head gives (rows, width). Where row i lies is from
  /// `starts[i]` to `starts[i + 1]` in tokens, and from `attention_starts[i]` on in elements of attention.
  ///
  /// Rows are tokenised, computed and written a few at a time, so that memory grows by no more than their lengths. What is
  /// more than a tensor may hold is written to several files, whose rows begin at `first_row`.
  ///
  /// - Parameters:
  ///   - tokenize: some of the rows.
  ///   - rowsPerFile: the most; `nil` takes as many as tensors have room for.
  ///   - allowsSeveral: whether more than one file will do.
  ///   - precision: what products round their factors to.
  /// - Returns: the files: `path`, or `F-00001-of-00003.safetensors` and so on of `F.safetensors`.
  package func writeFeatures(
    rows: Int, tokenize: (Range<Int>) throws -> TokenizedDataset, to path: String, rowsPerFile: Int? = nil,
    allowsSeveral: Bool, pool: WorkerPool, precision: Precision = .float32
  ) throws -> [String] {
    let packed =
      // Rows are few and long, and 32 bits gain nothing by it.
      precision == .float32
      ? nil : PackedWeights(encoder.linearWeights(for: exported), of: weights, precision: precision)
    if let packed { pool.pack(packed) }
    var lengths: [Int32] = []
    lengths.reserveCapacity(rows)
    for part in parts(of: 0..<rows) {
      let data = try tokenize(part)
      try check(data)
      lengths += (0..<data.count).map { Int32(data.length($0)) }
    }
    let files = try FeatureFiles(configuration, exported).rows(of: lengths, rowsPerFile: rowsPerFile)
    guard allowsSeveral || files.count == 1 else {
      throw ModelError(
        "\(path): \(rows) rows have more elements than the tensors of one file may have; give fewer rows at a time, or "
          + "truncate them with --max-length")
    }
    let arenas = (0..<pool.workers).map { _ in Worker(gradient: nil) }
    return try files.enumerated().map { index, own in
      let name = files.count == 1 ? path : Self.name(of: index, among: files.count, path)
      let tensors = declarations(Array(lengths[own]), firstRow: files.count == 1 ? nil : own.lowerBound)
      let writer = try SafetensorsWriter(
        replacing: name, tensors: tensors.map(\.declaration), leavesNothing: true)
      for case (let declaration, let values?) in tensors {
        try values.withUnsafeBytes { try writer.write(declaration.name, .int64, $0) }
      }
      for part in parts(of: own) {
        try append(try tokenize(part), to: writer, packed: packed, arenas: arenas, pool: pool)
      }
      try writer.finish()
      // What is written can be read.
      let file = try SafetensorsFile(name)
      guard file.tensors.count == tensors.count else {
        throw ModelError("\(name): expected \(tensors.count) tensors, found \(file.tensors.count); write it again")
      }
      return name
    }
  }

  /// Rows that are tokenised together.
  private func parts(of rows: Range<Int>) -> [Range<Int>] {
    stride(from: rows.lowerBound, to: rows.upperBound, by: 1 << 15).map { $0..<min($0 + 1 << 15, rows.upperBound) }
  }

  /// `F-00001-of-00003.safetensors` of `F.safetensors`
  private static func name(of index: Int, among count: Int, _ path: String) -> String {
    func padded(_ number: Int) -> String { String(repeating: "0", count: max(0, 5 - "\(number)".count)) + "\(number)" }
    let suffix = ".safetensors"
    let stem = path.hasSuffix(suffix) ? String(path.dropLast(suffix.count)) : path
    return "\(stem)-\(padded(index + 1))-of-\(padded(count))\(suffix)"
  }

  /// The tensors of a file, with the values of those that say where rows lie.
  private func declarations(
    _ lengths: [Int32], firstRow: Int?
  ) -> [(declaration: SafetensorsWriter.Declaration, values: [Int64]?)] {
    let starts = lengths.reduce(into: [Int64(0)]) { $0.append($0[$0.count - 1] + Int64($1)) }
    let heads = exported.inOrder.compactMap { tap in
      if case .maps(let heads) = tap.shape(in: configuration) { heads } else { nil }
    }.first
    let mapStarts = heads.map { heads in
      lengths.reduce(into: [Int64(0)]) { $0.append($0[$0.count - 1] + Int64(heads) * Int64($1) * Int64($1)) }
    }
    var tensors: [(SafetensorsWriter.Declaration, [Int64]?)] = [(.init("starts", .int64, [starts.count]), starts)]
    if let mapStarts { tensors.append((.init("attention_starts", .int64, [mapStarts.count]), mapStarts)) }
    if let firstRow { tensors.append((.init("first_row", .int64, [1]), [Int64(firstRow)])) }
    return tensors
      + exported.inOrder.map { tap in
        let tokens = Int(starts[lengths.count])
        let shape =
          switch tap.shape(in: configuration) {
          case .tokens(let width): [tokens, width]
          case .heads(let heads, let size): [tokens, heads, size]
          case .maps: [Int(mapStarts?[lengths.count] ?? 0)]
          case .sentences(let width): [lengths.count, width]
          }
        return (.init(tap.featureName, .float32, shape), nil)
      }
  }

  private func append(
    _ data: TokenizedDataset, to writer: SafetensorsWriter, packed: PackedWeights?, arenas: [Worker], pool: WorkerPool
  ) throws {
    for rows in parts(of: data, workers: pool.workers) {
      var features = [[Feature]](repeating: [], count: rows.count)
      features.withUnsafeMutableBufferPointer { features in
        // Each element is written by the one worker that took its index.
        nonisolated(unsafe) let features = features
        pool.share(0..<rows.count, arenas: arenas) { arena, index, team in
          features[index] = self.features(
            of: data.batch([rows.lowerBound + index]), packed: packed, arena: arena, team: team)
        }
      }
      for feature in features.joined() {
        try feature.values.withUnsafeBytes { try writer.append(feature.name, .float32, $0) }
      }
    }
  }

  /// Rows that are in memory together: one a worker, or more where they are short.
  private func parts(of data: TokenizedDataset, workers: Int) -> [Range<Int>] {
    var parts: [Range<Int>] = []
    var start = 0
    var tokens = 0
    for row in 0..<data.count {
      tokens += data.length(row)
      if row + 1 - start >= workers, tokens >= 32 * workers || row + 1 - start >= 64 * workers {
        parts.append(start..<row + 1)
        (start, tokens) = (row + 1, 0)
      }
    }
    return start < data.count ? parts + [start..<data.count] : parts
  }

  private struct Feature: Sendable {
    let name: String
    let values: [Float]
  }

  private var exported: TapSelection { TapSelection(allOf: configuration, head: hasTrainedHead) }

  /// All features of a batch of one sentence.
  private func features(of batch: Batch, packed: PackedWeights?, arena: Arena, team: PassTeam?) -> [Feature] {
    arena.reset()
    let taps = encoder.infer(batch, weights: weights, packed: packed, taps: exported, arena: arena, team: team)
    return exported.inOrder.map { tap in
      let parts: [Matrix]
      switch tap.shape(in: configuration) {
      // A head's columns lie beside one another.
      case .tokens, .sentences, .heads: parts = [taps.matrix(tap)]
      case .maps(let heads):
        parts = (0..<heads).map { taps.maps(tap).map(sentence: 0, head: $0) }
        for map in parts { softmaxForward(out: map, scores: map) }
      }
      return Feature(name: tap.featureName, values: parts.flatMap(\.inOrder))
    }
  }
}

extension Tap {
  /// Scores are written as probabilities.
  fileprivate var featureName: String {
    kind.isOfHead ? kind.rawValue : "\(kind == .scores ? "attention" : kind.rawValue).\(layer)"
  }
}

extension Matrix {
  /// The values row after row, without what lies between rows.
  var inOrder: [Float] {
    (0..<rows).flatMap { UnsafeBufferPointer(start: base + $0 * stride, count: columns) }
  }
}
