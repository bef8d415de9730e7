import Encoders
import Kernels
import Text

/// Where a model looks while it reads one sentence, and what it makes of it.
package struct SentenceAttention: Sendable {
  /// By layer from 1 and head: (tokens, tokens) probabilities, row after row; a row is a query.
  package let layers: [Int: [[Float]]]
  /// (classes)
  package let logits: [Float]
}

extension ClassifierModel {
  /// - Parameters:
  ///   - batch: of one sentence.
  ///   - layers: from 1.
  package func attention(of batch: Batch, layers: Set<Int>) -> SentenceAttention {
    let arena = Worker(gradient: nil).arena
    var selection = TapSelection()
    selection.scores = layers
    selection.logits = true
    let taps = encoder.infer(batch, weights: weights, taps: selection, arena: arena)
    let maps = taps.scores.mapValues { scores in
      (0..<configuration.heads).map { head in
        let map = scores.map(sentence: 0, head: head)
        softmaxForward(out: map, scores: map)
        return map.inOrder
      }
    }
    return SentenceAttention(layers: maps, logits: taps.logits?.inOrder ?? [])
  }
}
