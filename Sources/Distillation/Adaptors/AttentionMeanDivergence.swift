import Encoders
import Kernels

/// `AttnMeanMiniLM`: Σ KL(A_T ‖ A_S) over layer pairs and query tokens, A = softmax of the scores' mean over heads
/// (TextBrewer's `attention_ce_mean`, as a divergence). The models' heads may differ.
struct AttentionMeanDivergence: Adaptor {
  private static let layers = AdaptorOption.layers(from: 1)

  static let kind = AdaptorKind(
    "AttnMeanMiniLM", learns: "attention averaged over heads, by KL divergence", options: [layers],
    comparesAttention: true
  ) { context in
    let pairs = try context.pairs(layers)
    try context.requireSameSight(pairs, "attention", studentMaySeeMore: true)
    return AttentionMeanDivergence(name: context.name, pairs: pairs)
  }

  let name: String
  let pairs: [LayerPair]

  var studentTaps: TapSelection { TapSelection(.scores, layers: pairs.map(\.student)) }
  var teacherTaps: TapSelection { TapSelection(.scores, layers: pairs.map(\.teacher)) }

  func count(_ counts: GlobalCounts) -> Double { Double(pairs.count * counts.tokens) }

  func accumulate(_ pair: TapPair, scale: Double) -> Double {
    var total = 0.0
    for layers in pairs {
      let teacher = pair.teacher.maps(.scores(layers.teacher))
      let student = pair.student.maps(.scores(layers.student))
      let dScores = pair.dStudent?.maps(.scores(layers.student))
      for sentence in 0..<pair.batch.sentences {
        let mark = pair.arena.mark
        defer { pair.arena.reset(to: mark) }
        let t = mean(teacher, sentence, pair.arena)
        let s = mean(student, sentence, pair.arena)
        let d = dScores.map { _ in pair.arena.tile(s.rows, s.columns) }
        d?.fill(0)
        total += klDivergence(teacher: t, student: s, d: d, scale: Float(scale))
        guard let d, let dScores else { continue }
        // mean = Σ scores / heads
        for head in 0..<dScores.heads {
          add(d, to: dScores.map(sentence: sentence, head: head), scale: 1 / Float(dScores.heads))
        }
      }
    }
    return total
  }

  /// Of a sentence's scores over heads. (length, length)
  private func mean(_ scores: AttentionMaps, _ sentence: Int, _ arena: Arena) -> Matrix {
    let first = scores.map(sentence: sentence, head: 0)
    let out = arena.tile(first.rows, first.columns)
    out.fill(0)
    for head in 0..<scores.heads {
      add(scores.map(sentence: sentence, head: head), to: out, scale: 1 / Float(scores.heads))
    }
    return out
  }
}
