import Distillation
import Encoders
import JSON
import Kernels
import Testing
import Text

@testable import Training

@Suite("activation memory as planned")
struct ActivationMemoryTests {
  /// One stage's adaptors and whether labels count.
  struct Case: CustomTestStringConvertible, Sendable {
    let kinds: [String]
    let labelWeight: Double
    var family = "bert"
    var testDescription: String { "\(family) \(kinds), labels \(labelWeight)" }
  }

  private static let cases = [
    Case(kinds: ["AttnMiniLM", "ValMiniLM", "LogitMSE"], labelWeight: 1), Case(kinds: [], labelWeight: 1),
    Case(kinds: ["HidnTinyBERT", "AttnTinyBERT"], labelWeight: 0), Case(kinds: ["ValMiniLM"], labelWeight: 0),
    Case(kinds: ["AttnMiniLM"], labelWeight: 0), Case(kinds: ["LogitMSE"], labelWeight: 0),
    Case(kinds: ["AttnMiniLM", "LogitMSE"], labelWeight: 1, family: "electra"),
    Case(kinds: ["HidnTinyBERT"], labelWeight: 1, family: "mpnet"),
    Case(kinds: ["AttnMiniLM", "LogitMSE"], labelWeight: 1, family: "deberta-v2"),
    Case(kinds: ["AttnTinyBERT", "LogitMSE"], labelWeight: 1, family: "modernbert"),
  ]

  private static func configuration(_ family: String, layers: Int, width: Int) throws -> EncoderConfiguration {
    var configuration = EncoderConfiguration(family: try #require(EncoderFamily(modelType: family)))
    if configuration.embeddingSize != nil { configuration.embeddingSize = width / 2 }
    configuration.vocabularySize = 50
    configuration.layers = layers
    configuration.hiddenSize = width
    configuration.heads = 4
    configuration.intermediateSize = 4 * width
    configuration.maxPositions = 64
    configuration.initializerRange = 0.1
    if case .disentangled(var own) = configuration.attentionPositions {
      (own.isOn, own.contentToPosition, own.positionToContent, own.normalizesTable) = (true, true, true, true)
      own.sharesProjections = true
      own.buckets = 16
      configuration.attentionPositions = .disentangled(own)
    }
    if case .rotary = configuration.attentionPositions {
      configuration.layerSights = (0..<layers).map { $0 == 0 ? .global : .local }
      configuration.window = 8
    }
    return configuration
  }

  @Test("what is planned is what a micro-batch takes of its arena", arguments: cases)
  func agreesWithTheArena(of stage: Case) throws {
    let student = try Self.configuration(stage.family, layers: 3, width: 64)
    let teacher = try Self.configuration("bert", layers: 4, width: 96)
    let lengths = (0..<40).map { 5 + $0 * 7 % 40 }
    var batch = Batch()
    for length in lengths {
      batch.tokens += (0..<length).map { Int32($0 % 50) }
      batch.types += [Int32](repeating: 0, count: length)
      batch.starts.append(batch.tokens.count)
      batch.labels.append(0)
      batch.samples.append(batch.samples.count)
    }

    var layout = ParameterLayout()
    let encoder = Encoder(student, layout: &layout)
    let adaptors = try stage.kinds.map {
      try #require(AdaptorSettings(named: $0)).makeAdaptor(
        name: $0, student: student, teacher: teacher, layout: &layout)
    }
    let objective = StageObjective(task: TaskSettings(), labelWeight: stage.labelWeight, adaptors: adaptors)
    let (weights, gradient) = (ParameterBuffer(layout), ParameterBuffer(layout))
    var teacherLayout = ParameterLayout()
    let frozen = Encoder(teacher, layout: &teacherLayout)
    let teacherWeights = ParameterBuffer(teacherLayout)
    weights.initialize(layout.entries, seed: 1)
    teacherWeights.initialize(teacherLayout.entries, seed: 2)
    // One block of zeros, so that the last number in it says how far it was used.
    let blockCount = 16 << 20
    let arena = Arena(blockCount: blockCount)
    let base = arena.allocate(0)
    defer { withExtendedLifetime((weights, gradient, teacherWeights, arena)) {} }
    let features =
      stage.kinds.isEmpty
      ? Taps() : frozen.infer(batch, weights: teacherWeights, taps: objective.teacherTaps, arena: arena)
    let pass = encoder.forward(
      batch, weights: weights, taps: objective.studentTaps, arena: arena, dropout: DropoutKey(seed: 1, step: 1))
    let gradients = pass.makeGradients()
    var sums = objective.zero
    objective.accumulate(
      TapPair(
        batch: batch, teacher: features, student: pass.taps, dStudent: gradients, weights: weights,
        gradient: gradient, arena: arena),
      counts: GlobalCounts(lengths: lengths), into: &sums)
    pass.backward(gradients, gradient: gradient, headOnly: false)

    let memory = ActivationMemory(TextFigures(lengths: lengths))
    let inference =
      stage.kinds.isEmpty ? (kept: 0, most: 0) : memory.inference(teacher, taps: objective.teacherTaps)
    let projects = layout.entries.contains { $0.role == .projection }
    let planned = max(
      inference.most,
      inference.kept
        + memory.training(student, taps: objective.studentTaps, projected: projects ? teacher.hiddenSize : nil))
    #expect(arena.capacity == 4 * blockCount)
    let taken = Double(stride(from: blockCount - 1, through: 0, by: -16).first { base[$0] != 0 } ?? 0)
    #expect(planned > 0.85 * taken && planned < 1.15 * taken, "\(planned) planned, \(taken) taken")
  }
}
