import Distillation
import Encoders

extension NecessaryWork {
  /// What an adaptor multiplies itself.
  ///
  /// - Parameter backward: whether gradients are wanted.
  static func adaptor(
    _ settings: AdaptorSettings, pairs: Int, student: EncoderConfiguration, teacher: EncoderConfiguration,
    text: TextFigures, backward: Bool
  ) -> NecessaryWork {
    var work = NecessaryWork()
    let hasProjection = settings.projection == .always || student.hiddenSize != teacher.hiddenSize
    switch settings.kind {
    case .valMiniLM:
      // R = V·Vᵀ of both models, and (dR + dRᵀ)·V.
      let student = (backward ? 2 : 1) * student.hiddenSize
      work.attention += Double(pairs) * 2 * text.squares * Double(student + teacher.hiddenSize)
    case .hidnTinyBERT, .embdTinyBERT:
      guard hasProjection else { break }
      work.linear +=
        Double(pairs) * linear(text.tokens, teacher.hiddenSize, student.hiddenSize, backward: backward)
    case .hidnPKD:
      guard hasProjection else { break }
      work.linear +=
        Double(pairs) * linear(text.sentences, teacher.hiddenSize, student.hiddenSize, backward: backward)
    case .attnMiniLM, .attnTinyBERT, .logitMSE, .logitCE: break
    }
    return work
  }
}
