import Encoders
import Glibc
import Kernels

/// `LogitMSE`: Σ (x_S − x_T)² over sentences and classes, x = softmax(z/T) or z/T; times T² with temperature scaling.
struct LogitError: Adaptor {
  let name: String
  let classes: Int
  let onProbabilities: Bool
  let temperature: Double
  let temperatureScaling: Bool

  let pairs: [LayerPair] = []
  var studentTaps: TapSelection { [.logits] }
  var teacherTaps: TapSelection { [.logits] }

  func count(_ counts: GlobalCounts) -> Double { Double(counts.sentences * classes) }

  func accumulate(_ pair: TapPair, scale: Double) -> Double {
    let dLogits = pair.dStudent?.matrix(.logits)
    let mark = pair.arena.mark
    defer { pair.arena.reset(to: mark) }
    let factor = temperatureScaling ? temperature * temperature : 1
    let s = softened(pair.student.matrix(.logits), temperature, softmax: onProbabilities, pair.arena)
    let t = softened(pair.teacher.matrix(.logits), temperature, softmax: onProbabilities, pair.arena)
    guard let dLogits else { return factor * squaredError(s, t, d: nil, scale: 0) }
    let d = pair.arena.tile(s.rows, s.columns)
    d.fill(0)
    let total = squaredError(s, t, d: d, scale: Float(2 * scale * factor))
    // x = softmax(z/T), or z/T
    if onProbabilities { softmaxBackward(d: d, probabilities: s) }
    add(d, to: dLogits, scale: Float(1 / temperature))
    return factor * total
  }
}

/// `LogitCE`: −Σ p_T·log p_S over sentences and classes, p = softmax(z/T); times T² with temperature scaling (Hinton
/// et al., 2015).
struct LogitCrossEntropy: Adaptor {
  let name: String
  let temperature: Double
  let temperatureScaling: Bool

  let pairs: [LayerPair] = []
  var studentTaps: TapSelection { [.logits] }
  var teacherTaps: TapSelection { [.logits] }

  func count(_ counts: GlobalCounts) -> Double { Double(counts.sentences) }

  func accumulate(_ pair: TapPair, scale: Double) -> Double {
    let dLogits = pair.dStudent?.matrix(.logits)
    let mark = pair.arena.mark
    defer { pair.arena.reset(to: mark) }
    let factor = temperatureScaling ? temperature * temperature : 1
    let s = softened(pair.student.matrix(.logits), temperature, softmax: false, pair.arena)
    let t = softened(pair.teacher.matrix(.logits), temperature, softmax: false, pair.arena)
    let d = dLogits.map { _ in pair.arena.tile(s.rows, s.columns) }
    d?.fill(0)
    // The cross-entropy is the divergence, with the same gradient p_S − p_T, plus the teacher's entropy.
    let divergence = klDivergence(teacher: t, student: s, d: d, scale: Float(scale * factor))
    if let d, let dLogits { add(d, to: dLogits, scale: Float(1 / temperature)) }
    return factor * (divergence + entropy(of: t, pair.arena))
  }

  private func entropy(of scores: Matrix, _ arena: Arena) -> Double {
    let p = arena.tile(scores.rows, scores.columns)
    softmaxForward(out: p, scores: scores)
    var total = 0.0
    for row in 0..<p.rows {
      for value in p.rows(row..<row + 1).values where value > 0 { total -= Double(value) * log(Double(value)) }
    }
    return total
  }
}

/// z/T, or its softmax. (sentences, classes), as a tile
private func softened(_ logits: Matrix, _ temperature: Double, softmax: Bool, _ arena: Arena) -> Matrix {
  let out = arena.tile(logits.rows, logits.columns)
  out.fill(0)
  add(logits, to: out, scale: Float(1 / temperature))
  if softmax { softmaxForward(out: out, scores: out) }
  return out
}
