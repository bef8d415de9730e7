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
  /// Rows are computed and written a few at a time, so that memory grows by no more than their starts.
  ///
  /// - Parameter precision: what products round their factors to.
  package func writeFeatures(
    of data: TokenizedDataset, to path: String, pool: WorkerPool, precision: Precision = .float32
  ) throws {
    try check(data)
    // Rows are few and long, and 32 bits gain nothing by it.
    let packed =
      precision == .float32
      ? nil : PackedWeights(encoder.linearWeights(for: exported), of: weights, precision: precision)
    if let packed { pool.pack(packed) }
    let starts = (0..<data.count).reduce(into: [Int64(0)]) { $0.append($0[$1] + Int64(data.length($1))) }
    let heads = exported.inOrder.compactMap { tap in
      if case .maps(let heads) = tap.shape(in: configuration) { heads } else { nil }
    }.first
    let mapStarts = heads.map { heads in
      (0..<data.count).reduce(into: [Int64(0)]) { $0.append($0[$1] + Int64(heads * data.length($1) * data.length($1))) }
    }
    var declarations = [SafetensorsWriter.Declaration("starts", .int64, [starts.count])]
    if let mapStarts { declarations.append(.init("attention_starts", .int64, [mapStarts.count])) }
    declarations += exported.inOrder.map { tap in
      .init(tap.featureName, .float32, shape(tap, rows: data.count, tokens: starts, maps: mapStarts))
    }
    for declaration in declarations {
      guard !SafetensorsWriter.holds(declaration.shape) else { continue }
      throw ModelError(
        "\(path): \(declaration.name): \(declaration.shape) are more elements than a tensor may have; give fewer rows "
          + "at a time, or truncate them with --max-length")
    }
    let writer = try SafetensorsWriter(replacing: path, tensors: declarations)
    try starts.withUnsafeBytes { try writer.write("starts", .int64, $0) }
    if let mapStarts { try mapStarts.withUnsafeBytes { try writer.write("attention_starts", .int64, $0) } }
    let arenas = (0..<pool.workers).map { _ in Worker(gradient: nil) }
    for rows in parts(of: data, workers: pool.workers) {
      var features = [[Feature]](repeating: [], count: rows.count)
      features.withUnsafeMutableBufferPointer { features in
        // Each element is written by the one worker that took its index.
        nonisolated(unsafe) let features = features
        pool.share(0..<rows.count) { worker, index in
          features[index] = self.features(
            of: data.batch([rows.lowerBound + index]), packed: packed, arena: arenas[worker].arena)
        }
      }
      for feature in features.joined() {
        try feature.values.withUnsafeBytes { try writer.append(feature.name, .float32, $0) }
      }
    }
    try writer.finish()
    // What is written can be read.
    let file = try SafetensorsFile(path)
    guard file.tensors.count == declarations.count else {
      throw ModelError("\(path): expected \(declarations.count) tensors, found \(file.tensors.count); write it again")
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

  /// Of all rows.
  private func shape(_ tap: Tap, rows: Int, tokens: [Int64], maps: [Int64]?) -> [Int] {
    let tokens = Int(tokens[rows])
    return switch tap.shape(in: configuration) {
    case .tokens(let width): [tokens, width]
    case .heads(let heads, let size): [tokens, heads, size]
    case .maps: [Int(maps?[rows] ?? 0)]
    case .sentences(let width): [rows, width]
    }
  }

  private var exported: TapSelection { TapSelection(allOf: configuration, head: hasTrainedHead) }

  /// All features of a batch of one sentence.
  private func features(of batch: Batch, packed: PackedWeights?, arena: Arena) -> [Feature] {
    arena.reset()
    let taps = encoder.infer(batch, weights: weights, packed: packed, taps: exported, arena: arena)
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
