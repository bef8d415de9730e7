import Checkpoints
import Encoders
import Kernels
import Text

extension ClassifierModel {
  /// Writes what a stage can tap of each row i, from 0, as F32 tensors of a safetensors file: `i.hidden.0` to
  /// `i.hidden.L` (n, width), `i.attention.1` to `.L` (heads, n, n) probabilities, `i.queries.1`, `i.keys.1` and
  /// `i.values.1` to `.L` (heads, n, head size), and of a trained head `i.pooled` (width) and `i.logits` (classes).
  ///
  /// Rows are computed one for each worker at a time, so memory does not grow with the dataset.
  package func writeFeatures(of data: TokenizedDataset, to path: String, pool: WorkerPool) throws {
    let writer = try SafetensorsWriter(
      replacing: path,
      tensors: (0..<data.count).flatMap { row in
        featureShapes(length: data.length(row)).map {
          SafetensorsWriter.Declaration("\(row).\($0.name)", .float32, $0.shape)
        }
      })
    let arenas = (0..<pool.workers).map { _ in Worker(gradient: nil) }
    for start in stride(from: 0, to: data.count, by: pool.workers) {
      let rows = start..<min(start + pool.workers, data.count)
      var features = [[Feature]](repeating: [], count: rows.count)
      features.withUnsafeMutableBufferPointer { features in
        // Each worker writes the element of its index.
        nonisolated(unsafe) let features = features
        pool.run { worker in
          guard worker < rows.count else { return }
          features[worker] = self.features(of: data.batch([start + worker]), arena: arenas[worker].arena)
        }
      }
      for (row, features) in zip(rows, features) {
        for feature in features {
          try feature.values.withUnsafeBufferPointer { try writer.write("\(row).\(feature.name)", $0) }
        }
      }
    }
    try writer.finish()
  }

  private struct Feature: Sendable {
    let name: String
    let values: [Float]
  }

  private func featureShapes(length: Int) -> [(name: String, shape: [Int])] {
    exported.inOrder.map { tap in
      let shape =
        switch tap.shape(in: configuration) {
        case .tokens(let width): [length, width]
        case .heads(let heads, let size): [heads, length, size]
        case .maps(let heads): [heads, length, length]
        case .sentences(let width): [width]
        }
      return (tap.featureName, shape)
    }
  }

  private var exported: TapSelection { TapSelection(allOf: configuration, head: hasTrainedHead) }

  /// All features of a batch of one sentence.
  private func features(of batch: Batch, arena: Arena) -> [Feature] {
    arena.reset()
    let taps = encoder.infer(batch, weights: weights, taps: exported, arena: arena)
    return exported.inOrder.map { tap in
      let parts: [Matrix]
      switch tap.shape(in: configuration) {
      case .tokens, .sentences: parts = [taps.matrix(tap)]
      case .heads(let heads, let size):
        parts = (0..<heads).map { taps.matrix(tap).columns($0 * size..<($0 + 1) * size) }
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
