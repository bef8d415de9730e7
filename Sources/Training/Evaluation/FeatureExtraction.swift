import Checkpoints
import Encoders
import Kernels
import Text

extension ClassifierModel {
  /// Writes what a stage can tap of each row i, from 0, as F32 tensors of a safetensors file: `i.hidden.0` to
  /// `i.hidden.L` (n, width), `i.attention.1` to `.L` (heads, n, n) probabilities, `i.values.1` to `.L`
  /// (heads, n, head size), and `i.logits` (classes) if the head is a trained one.
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
    let (layers, heads) = (configuration.layers, configuration.heads)
    return (0...layers).map { ("hidden.\($0)", [length, configuration.hiddenSize]) }
      + (1...layers).map { ("attention.\($0)", [heads, length, length]) }
      + (1...layers).map { ("values.\($0)", [heads, length, configuration.headSize]) }
      + (hasTrainedHead ? [("logits", [configuration.labels.count])] : [])
  }

  /// All features of a batch of one sentence.
  private func features(of batch: Batch, arena: Arena) -> [Feature] {
    arena.reset()
    var selection = TapSelection()
    selection.hidden = Set(0...configuration.layers)
    selection.scores = Set(1...configuration.layers)
    selection.values = selection.scores
    selection.logits = hasTrainedHead
    let taps = encoder.infer(batch, weights: weights, taps: selection, arena: arena)
    var features = taps.hidden.map { Feature(name: "hidden.\($0)", values: $1.inOrder) }
    for (layer, scores) in taps.scores {
      let maps = (0..<configuration.heads).map { scores.map(sentence: 0, head: $0) }
      for map in maps { softmaxForward(out: map, scores: map) }
      features.append(Feature(name: "attention.\(layer)", values: maps.flatMap(\.inOrder)))
    }
    for (layer, values) in taps.values {
      let size = configuration.headSize
      let heads = (0..<configuration.heads).map { values.columns($0 * size..<($0 + 1) * size) }
      features.append(Feature(name: "values.\(layer)", values: heads.flatMap(\.inOrder)))
    }
    if let logits = taps.logits { features.append(Feature(name: "logits", values: logits.inOrder)) }
    return features
  }
}

extension Matrix {
  /// The values row after row, without what lies between rows.
  var inOrder: [Float] {
    (0..<rows).flatMap { UnsafeBufferPointer(start: base + $0 * stride, count: columns) }
  }
}
