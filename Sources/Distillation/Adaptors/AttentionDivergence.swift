import Encoders
import Kernels

/// `AttnMiniLM`: Σ KL(A_T ‖ A_S) over layer pairs, heads and query tokens (Wang et al., 2020, MiniLM, eq. 2).
///
/// Taken from attention scores by log-softmax, so no smoothing constant is needed.
struct AttentionDivergence: Adaptor {
  private static let layers = AdaptorOption.layers(from: 1)

  static let kind = AdaptorKind(
    "AttnMiniLM", learns: "attention probabilities, by KL divergence", options: [layers], comparesAttention: true
  ) { context in
    let pairs = try context.pairs(layers)
    try context.requireSameSight(pairs, "attention", studentMaySeeMore: true)
    return AttentionDivergence(name: context.name, pairs: pairs, heads: try context.requireEqualHeads())
  }

  let name: String
  let pairs: [LayerPair]
  let heads: Int

  var studentTaps: TapSelection { TapSelection(.scores, layers: pairs.map(\.student)) }
  var teacherTaps: TapSelection { TapSelection(.scores, layers: pairs.map(\.teacher)) }

  func count(_ counts: GlobalCounts) -> Double { Double(pairs.count * heads * counts.tokens) }

  func accumulate(_ pair: TapPair, scale: Double) -> Double {
    var total = 0.0
    for layers in pairs {
      let teacher = pair.teacher.maps(.scores(layers.teacher))
      let student = pair.student.maps(.scores(layers.student))
      let dScores = pair.dStudent?.maps(.scores(layers.student))
      for sentence in 0..<pair.batch.sentences {
        for head in 0..<heads {
          total += klDivergence(
            teacher: teacher.map(sentence: sentence, head: head),
            student: student.map(sentence: sentence, head: head),
            d: dScores?.map(sentence: sentence, head: head), scale: Float(scale))
        }
      }
    }
    return total
  }
}
