import Encoders
import Kernels

/// `AttnTinyBERT`: Σ (X_S − X_T)² over layer pairs, heads and pairs of tokens of a sentence, X being attention
/// probabilities, or scores as in the paper (Jiao et al., 2020, TinyBERT, eq. 7).
struct AttentionError: Adaptor {
  private static let layers = AdaptorOption.layers(from: 1)
  private static let on = AdaptorOption.on(["probabilities", "scores"], default: "probabilities")

  static let kind = AdaptorKind(
    "AttnTinyBERT", learns: "attention, by mean squared error", options: [layers, on], comparesAttention: true
  ) { context in
    let (pairs, onScores) = (try context.pairs(layers), context.settings[on] == .word("scores"))
    if onScores { try context.requireSameSight(pairs, "scores", studentMaySeeMore: false) }
    return AttentionError(
      name: context.name, pairs: pairs, heads: try context.requireEqualHeads(), onScores: onScores)
  }

  let name: String
  let pairs: [LayerPair]
  let heads: Int
  let onScores: Bool

  var studentTaps: TapSelection { TapSelection(.scores, layers: pairs.map(\.student)) }
  var teacherTaps: TapSelection { TapSelection(.scores, layers: pairs.map(\.teacher)) }

  func count(_ counts: GlobalCounts) -> Double { Double(pairs.count * heads * counts.tokenPairs) }

  func accumulate(_ pair: TapPair, scale: Double) -> Double {
    var total = 0.0
    for layers in pairs {
      let teacher = pair.teacher.maps(.scores(layers.teacher))
      let student = pair.student.maps(.scores(layers.student))
      let dScores = pair.dStudent?.maps(.scores(layers.student))
      for sentence in 0..<pair.batch.sentences {
        for head in 0..<heads {
          let (t, s) = (teacher.map(sentence: sentence, head: head), student.map(sentence: sentence, head: head))
          let d = dScores?.map(sentence: sentence, head: head)
          total +=
            onScores
            ? squaredError(s, t, d: d, scale: Float(2 * scale))
            : probabilityError(s, t, d: d, scale: Float(2 * scale), arena: pair.arena)
        }
      }
    }
    return total
  }

  /// As `squaredError` between the softmaxes; `d` is the gradient of the student's scores.
  private func probabilityError(_ student: Matrix, _ teacher: Matrix, d: Matrix?, scale: Float, arena: Arena)
    -> Double
  {
    let mark = arena.mark
    defer { arena.reset(to: mark) }
    let p = arena.tile(student.rows, student.columns)
    let q = arena.tile(student.rows, student.columns)
    softmaxForward(out: p, scores: student)
    softmaxForward(out: q, scores: teacher)
    guard let d else { return squaredError(p, q, d: nil, scale: 0) }
    let dP = arena.tile(student.rows, student.columns)
    dP.fill(0)
    let total = squaredError(p, q, d: dP, scale: scale)
    // p = softmax(student)
    softmaxBackward(d: dP, probabilities: p)
    add(dP, to: d)
    return total
  }
}
