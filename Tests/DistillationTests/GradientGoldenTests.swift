import Distillation
import Encoders
import GoldenFixtures
import JSON
import Kernels
import Testing
import Text

/// Every loss and the gradient of every parameter against PyTorch in double precision.
struct GradientGoldenTests {
  static let cases: [String] = {
    let cases = (try? GoldenFixtures.json("gradients/cases.json").elements) ?? []
    return cases.compactMap { $0["name"]?.string }
  }()

  @Test("the golden cases are there")
  func casesExist() { #expect(Self.cases.count >= 70) }

  /// With only the taps that the losses read, the highest layer does no more than they need; with every tap it does all.
  @Test("losses and gradients agree with PyTorch", arguments: cases, [false, true])
  func agreesWithPyTorch(name: String, tapsEverything: Bool) throws {
    let json = try #require(
      try GoldenFixtures.json("gradients/cases.json").elements.first { $0["name"]?.string == name })
    let tensors = try GoldenFixtures.tensors("gradients/\(name).safetensors")
    let result = try Self.gradients(json, tensors, tapsEverything: tapsEverything)

    let expected = try #require(json["expected"])
    let terms = try expected["terms"].elements.map { try GoldenFixtures.require($0.double) }
    for (found, wanted) in zip(result.terms, terms) { expectClose(found, wanted, "\(name) term") }
    #expect(result.terms.count == terms.count)
    let hard = try #require(expected["hard"]?.double)
    if let found = result.hard { expectClose(found, hard, "\(name) hard") }

    let total = result.gradient.layout.entries.reduce(0.0) { sum, entry in
      sum + (tensors["gradient.\(entry.key)"] ?? []).reduce(0) { $0 + Double($1) * Double($1) }
    }.squareRoot()
    for entry in result.gradient.layout.entries {
      let wanted = try #require(tensors["gradient.\(entry.key)"], "\(entry.key) has no golden gradient")
      let found = Array(result.gradient[entry.slot].values)
      let error = zip(found, wanted).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }.squareRoot()
      let norm = wanted.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      // Gradients that are 0 in exact arithmetic, as the key bias's, are judged by the whole gradient's norm.
      #expect(error <= 1e-4 * norm + 1e-6 * total, "\(name) \(entry.key): off by \(error) of \(norm)")
    }
  }

  @Test(
    "micro-batches add up to their batch",
    arguments: ["mix-gelu", "mix-gelu-new", "HidnPKD-projected-per-layer", "mix-masked", "shelf-relu"])
  func microBatchesAddUp(name: String) throws {
    let json = try #require(
      try GoldenFixtures.json("gradients/cases.json").elements.first { $0["name"]?.string == name })
    let tensors = try GoldenFixtures.tensors("gradients/\(name).safetensors")
    let whole = try Self.gradients(json, tensors)
    let cut = try Self.gradients(json, tensors, cutIntoMicroBatches: 2)
    defer { withExtendedLifetime((whole, cut)) {} }
    for (one, two) in zip(whole.terms, cut.terms) { expectClose(two, one, name) }
    let norm = sumOfSquares(UnsafeBufferPointer(whole.gradient.values)).squareRoot()
    for (one, two) in zip(whole.gradient.values, cut.gradient.values) {
      #expect(abs(Double(one - two)) <= 1e-6 * norm)
    }
  }

  private static func gradients(
    _ json: JSON, _ tensors: [String: [Float]], cutIntoMicroBatches parts: Int = 1, tapsEverything: Bool = false
  ) throws -> GoldenGradients {
    try GoldenGradients(
      case: json, batch: GoldenFixtures.batch(GoldenFixtures.require(json["batch"])),
      projections: { try GoldenFixtures.loadProjections(tensors, into: $0) }, cutIntoMicroBatches: parts,
      tapsEverything: tapsEverything)
  }

  private func expectClose(_ found: Double, _ wanted: Double, _ what: String) {
    #expect(abs(found - wanted) <= 1e-5 * max(abs(wanted), 1e-3), "\(what): found \(found), expected \(wanted)")
  }
}
