import Distillation
import Encoders
import Kernels
import Text

/// Where a model looks while it reads one sentence, and what it makes of it.
package struct SentenceAttention: Sendable {
  /// By layer from 1 and head: (tokens, tokens) probabilities, row after row; a row is a query.
  package let layers: [Int: [[Float]]]
  /// (classes); empty where there is no head
  package let logits: [Float]

  /// - Parameters:
  ///   - batch: of one sentence.
  ///   - layers: from 1.
  init(_ encoder: Encoder, _ weights: ParameterBuffer, of batch: Batch, layers: Set<Int>) {
    let arena = Worker(gradient: nil).arena
    let hasHead = encoder.configuration.outputs > 0
    let selection = TapSelection(.scores, layers: layers).union(hasHead ? [.logits] : [])
    let taps = encoder.infer(batch, weights: weights, taps: selection, arena: arena)
    self.layers = Dictionary(
      uniqueKeysWithValues: layers.map { layer in
        let scores = taps.maps(.scores(layer))
        let maps = (0..<scores.heads).map { head in
          let map = scores.map(sentence: 0, head: head)
          softmaxForward(out: map, scores: map)
          return map.inOrder
        }
        return (layer, maps)
      })
    logits = hasHead ? taps.matrix(.logits).inOrder : []
  }
}

extension ClassifierModel {
  /// - Parameters:
  ///   - batch: of one sentence.
  ///   - layers: from 1.
  package func attention(of batch: Batch, layers: Set<Int>) -> SentenceAttention {
    SentenceAttention(encoder, weights, of: batch, layers: layers)
  }
}

extension [[Float]] {
  /// Of a layer's heads.
  package var meanOverHeads: [Float] {
    guard var sum = first else { return [] }
    for head in dropFirst() { for index in sum.indices { sum[index] += head[index] } }
    return sum.map { $0 / Float(count) }
  }
}

/// A student's layer and the teacher's that its attention is compared with, from 1.
package struct ComparedLayers: Sendable, Equatable {
  package let student: Int
  package let teacher: Int

  /// As attention adaptors pair them, or else at the same relative depth.
  ///
  /// - Parameter adaptors: the metric's key and the pairs of each.
  package static func of(
    _ adaptors: [(name: String, pairs: [(student: Int, teacher: Int)])], student: Int, teacher: Int
  ) -> [ComparedLayers] {
    var learned: [ComparedLayers] = []
    for pair in adaptors.filter({ AdaptorKind.ofMetric($0.name)?.comparesAttention ?? false }).flatMap(\.pairs)
    where (1...student).contains(pair.student) && (1...teacher).contains(pair.teacher) {
      let layers = ComparedLayers(student: pair.student, teacher: pair.teacher)
      if !learned.contains(layers) { learned.append(layers) }
    }
    guard learned.isEmpty else { return learned.sorted { ($0.student, $0.teacher) < ($1.student, $1.teacher) } }
    return (1...student).map { ComparedLayers(student: $0, teacher: Swift.max(1, $0 * teacher / student)) }
  }
}

extension TokenizedDataset {
  /// Up to three rows, short enough that their attention maps can be read, each of another class where there are several.
  package var rowsToLookAt: [Int] {
    let short = (0..<count).filter { (7...16).contains(length($0)) }
    let candidates = short.isEmpty ? Array((0..<count).filter { length($0) <= 40 }.prefix(3)) : short
    var chosen: [Int] = []
    for row in candidates where chosen.count < 3 {
      if !chosen.contains(where: { label($0) == label(row) }) { chosen.append(row) }
    }
    for row in candidates where chosen.count < min(3, candidates.count) && !chosen.contains(row) { chosen.append(row) }
    return chosen
  }
}
