import Distillation
import Encoders
import GoldenFixtures
import JSON
import Kernels
import Testing
import Text

/// Losses against those that TextBrewer's own functions give on the same tensors
/// (`Tests/Goldens/make_textbrewer_goldens.py`).
struct TextBrewerTests {
  static let cases: [String] = {
    let cases = (try? GoldenFixtures.json("../textbrewer/losses.json").elements) ?? []
    return cases.compactMap { $0["name"]?.string }
  }()

  @Test("every loss of TextBrewer's is there")
  func casesExist() { #expect(Self.cases.count >= 14) }

  @Test("a loss is TextBrewer's on the same tensors", arguments: cases)
  func agrees(name: String) throws {
    let json = try #require(
      try GoldenFixtures.json("../textbrewer/losses.json").elements.first { $0["name"]?.string == name })
    let (teacher, teacherWeights) = try GoldenFixtures.model("teacher")
    let studentName = try #require(json["student"]?.string)
    var configuration = try GoldenFixtures.configuration(studentName)
    if let heads = json["studentHeads"]?.int { configuration.heads = heads }
    var layout = ParameterLayout()
    let student = Encoder(configuration, layout: &layout)
    let settings = try GoldenFixtures.adaptors(.array([try #require(json["adaptor"])]))[0]
    let adaptor = try settings.makeAdaptor(
      name: settings.kind.name, student: configuration, teacher: teacher.configuration, layout: &layout
    ).adaptor
    let weights = ParameterBuffer(layout)
    defer { withExtendedLifetime((weights, teacherWeights)) {} }
    try GoldenFixtures.load(studentName, into: weights)
    try GoldenFixtures.loadProjections(GoldenFixtures.tensors("../textbrewer/projections.safetensors"), into: weights)
    let batch = try GoldenFixtures.batch(try #require(json["batch"]))
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    let pair = TapPair(
      batch: batch,
      teacher: teacher.infer(batch, weights: teacherWeights, taps: adaptor.teacherTaps, arena: arena),
      student: student.infer(batch, weights: weights, taps: adaptor.studentTaps, arena: arena), dStudent: nil,
      weights: weights, gradient: nil, arena: arena)
    let counts = GlobalCounts(lengths: (0..<batch.sentences).map(batch.length))
    let found = adaptor.accumulate(pair, scale: 0) / adaptor.count(counts)
    let expected = try #require(json["expected"]?.double)
    #expect(abs(found - expected) <= 2e-5 * abs(expected), "\(found), not \(expected)")
  }
}
