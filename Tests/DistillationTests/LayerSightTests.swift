import Distillation
import Encoders
import Kernels
import Testing

/// Attention of layers with windows is compared where that means something.
struct LayerSightTests {
  private static func configuration(_ sights: [LayerSight], window: Int = 8) -> EncoderConfiguration {
    var configuration = EncoderConfiguration()
    (configuration.hiddenSize, configuration.heads, configuration.layers) = (8, 2, sights.count)
    (configuration.layerSights, configuration.window) = (sights, window)
    return configuration
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let adaptor: String
    var on: String?
    var student = LayerSight.global
    var teacher = LayerSight.global
    var window = 8
    /// Of the message; `nil` where the pair is accepted.
    let refusal: String?

    var testDescription: String { "\(adaptor) \(on ?? "") \(student) \(teacher) \(window)" }
  }

  static let cases =
    ["AttnMiniLM", "AttnMeanMiniLM"].flatMap { name in
      [
        Case(
          adaptor: name, student: .local,
          refusal: "compares attention, and the student's layer 1 sees 4 tokens on either "
            + "side, the teacher's layer 1 the whole sentence; "),
        Case(
          adaptor: name, student: .local, teacher: .local, window: 16,
          refusal: "sees 4 tokens on either side, the teacher's layer 1 8 tokens on either side"),
        Case(adaptor: name, teacher: .local, refusal: nil),
        Case(adaptor: name, student: .local, teacher: .local, refusal: nil),
      ]
    }
    + ["AttnTinyBERT", "AttnSumTinyBERT"].flatMap { name in
      [
        Case(
          adaptor: name, on: "scores", student: .local, refusal: "compares scores, and the student's layer 1 sees 4"),
        Case(
          adaptor: name, on: "scores", teacher: .local,
          refusal: "sees the whole sentence, the teacher's layer 1 4 tokens on either side"),
        Case(adaptor: name, on: "scores", student: .local, teacher: .local, refusal: nil),
        Case(adaptor: name, on: "probabilities", student: .local, refusal: nil),
      ]
    }

  @Test(arguments: cases)
  func pairs(item: Case) throws {
    var settings = try #require(AdaptorSettings(named: item.adaptor))
    if let on = item.on { settings["on"] = .word(on) }
    var layout = ParameterLayout()
    func make() throws {
      _ = try settings.makeAdaptor(
        name: item.adaptor, student: Self.configuration([item.student]),
        teacher: Self.configuration([item.teacher], window: item.window), layout: &layout)
    }
    guard let refusal = item.refusal else { return try make() }
    let error = #expect(throws: AdaptorError.self) { try make() }
    #expect(error.map { "\($0)".contains(refusal) } == true, "\(error.map { "\($0)" } ?? "")")
  }
}
