import Encoders
import Kernels

/// `AttnSumTinyBERT`: Σ (X_S − X_T)² over layer pairs and pairs of tokens of a sentence, X being attention
/// probabilities, or scores, summed over heads (TextBrewer's `attention_mse_sum`). The models' heads may differ.
struct AttentionSumError: Adaptor {
  private static let layers = AdaptorOption.layers(from: 1)
  private static let on = AdaptorOption.on(["probabilities", "scores"], default: "probabilities")

  static let kind = AdaptorKind(
    "AttnSumTinyBERT", learns: "attention summed over heads, by mean squared error", options: [layers, on],
    comparesAttention: true
  ) { context in
    let (pairs, onScores) = (try context.pairs(layers), context.settings[on] == .word("scores"))
    if onScores { try context.requireSameSight(pairs, "scores", studentMaySeeMore: false) }
    return AttentionSumError(name: context.name, pairs: pairs, onScores: onScores)
  }

  let name: String
  let pairs: [LayerPair]
  let onScores: Bool

  var studentTaps: TapSelection { TapSelection(.scores, layers: pairs.map(\.student)) }
  var teacherTaps: TapSelection { TapSelection(.scores, layers: pairs.map(\.teacher)) }

  func count(_ counts: GlobalCounts) -> Double { Double(pairs.count * counts.tokenPairs) }

  func accumulate(_ pair: TapPair, scale: Double) -> Double {
    var total = 0.0
    for layers in pairs {
      let teacher = pair.teacher.maps(.scores(layers.teacher))
      let student = pair.student.maps(.scores(layers.student))
      let dScores = pair.dStudent?.maps(.scores(layers.student))
      for sentence in 0..<pair.batch.sentences {
        let mark = pair.arena.mark
        defer { pair.arena.reset(to: mark) }
        let t = sum(teacher, sentence, pair.arena)
        let s = sum(student, sentence, pair.arena)
        let d = dScores.map { _ in pair.arena.tile(s.rows, s.columns) }
        d?.fill(0)
        total += squaredError(s, t, d: d, scale: Float(2 * scale))
        if let d, let dScores { sumBackward(d: d, dScores, student, sentence, pair.arena) }
      }
    }
    return total
  }

  /// Of a sentence's probabilities, or scores, over heads. (length, length)
  private func sum(_ scores: AttentionMaps, _ sentence: Int, _ arena: Arena) -> Matrix {
    let first = scores.map(sentence: sentence, head: 0)
    let (out, p) = (arena.tile(first.rows, first.columns), arena.tile(first.rows, first.columns))
    out.fill(0)
    for head in 0..<scores.heads {
      let map = scores.map(sentence: sentence, head: head)
      if !onScores { softmaxForward(out: p, scores: map) }
      add(onScores ? map : p, to: out)
    }
    return out
  }

  /// Adds to `dScores`. Forward: sum = Σ softmax(scores), or Σ scores.
  private func sumBackward(
    d: Matrix, _ dScores: AttentionMaps, _ scores: AttentionMaps, _ sentence: Int, _ arena: Arena
  ) {
    let (own, p) = (arena.tile(d.rows, d.columns), arena.tile(d.rows, d.columns))
    for head in 0..<dScores.heads {
      let dMap = dScores.map(sentence: sentence, head: head)
      guard !onScores else {
        add(d, to: dMap)
        continue
      }
      gatherTile(own, from: d)
      softmaxForward(out: p, scores: scores.map(sentence: sentence, head: head))
      softmaxBackward(d: own, probabilities: p)
      add(own, to: dMap)
    }
  }
}
