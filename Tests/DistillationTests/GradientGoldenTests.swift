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
    let result = try computeGradients(
      json, tensors: tensors, cutIntoMicroBatches: 1, tapsEverything: tapsEverything)

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
    let whole = try computeGradients(json, tensors: tensors, cutIntoMicroBatches: 1)
    let cut = try computeGradients(json, tensors: tensors, cutIntoMicroBatches: 2)
    defer { withExtendedLifetime((whole, cut)) {} }
    for (one, two) in zip(whole.terms, cut.terms) { expectClose(two, one, name) }
    let norm = sumOfSquares(UnsafeBufferPointer(whole.gradient.values)).squareRoot()
    for (one, two) in zip(whole.gradient.values, cut.gradient.values) {
      #expect(abs(Double(one - two)) <= 1e-6 * norm)
    }
  }

  private struct Result {
    /// Where logits were tapped.
    let hard: Double?
    let terms: [Double]
    let gradient: ParameterBuffer
  }

  private func computeGradients(
    _ json: JSON, tensors: [String: [Float]], cutIntoMicroBatches parts: Int, tapsEverything: Bool = false
  )
    throws -> Result
  {
    let (teacher, teacherWeights) = try GoldenFixtures.model(try #require(json["teacher"]?.string))
    let studentName = try #require(json["student"]?.string)
    var layout = ParameterLayout()
    var configuration = try GoldenFixtures.configuration(studentName)
    if let heads = json["studentHeads"]?.int { configuration.heads = heads }
    let student = Encoder(configuration, layout: &layout)
    let adaptors = try GoldenFixtures.adaptors(try #require(json["adaptors"])).map {
      try $0.makeAdaptor(
        name: $0.kind.name, student: student.configuration, teacher: teacher.configuration, layout: &layout)
    }
    let weights = ParameterBuffer(layout)
    try GoldenFixtures.load(studentName, into: weights)
    try GoldenFixtures.loadProjections(tensors, into: weights)
    let gradient = ParameterBuffer(layout)

    let batch = try GoldenFixtures.batch(try #require(json["batch"]))
    let counts = GlobalCounts(
      lengths: (0..<batch.sentences).map(batch.length), targets: Double(batch.labels.count { $0 >= 0 }))
    let labelWeight = try #require(json["labelWeight"]?.double)
    var studentTaps = TapSelection()
    var teacherTaps = TapSelection()
    if labelWeight != 0 { studentTaps.insert(.logits) }
    if tapsEverything { studentTaps = TapSelection(allOf: student.configuration, head: true) }
    for weighted in adaptors {
      studentTaps.formUnion(weighted.adaptor.studentTaps)
      teacherTaps.formUnion(weighted.adaptor.teacherTaps)
    }
    var hard = 0.0
    var sums = [Double](repeating: 0, count: adaptors.count)
    for part in batch.cut(into: parts) {
      let arena = Arena()
      let features = teacher.infer(part, weights: teacherWeights, taps: teacherTaps, arena: arena)
      let pass = student.forward(part, weights: weights, taps: studentTaps, arena: arena, dropout: nil)
      let d = pass.makeGradients()
      if studentTaps.contains(.logits) {
        hard += crossEntropy(
          logits: pass.taps.matrix(.logits), labels: part.labels,
          dLogits: labelWeight == 0 ? nil : d.matrix(.logits),
          scale: labelWeight / Double(max(1, counts.targets)), arena: arena)
      }
      for (index, weighted) in adaptors.enumerated() {
        sums[index] += weighted.adaptor.accumulate(
          TapPair(
            batch: part, teacher: features, student: pass.taps, dStudent: d, weights: weights, gradient: gradient,
            arena: arena),
          scale: weighted.weight / weighted.adaptor.count(counts))
      }
      pass.backward(d, gradient: gradient, headOnly: false)
    }
    return Result(
      hard: studentTaps.contains(.logits) ? hard / Double(max(1, counts.targets)) : nil,
      terms: zip(adaptors, sums).map { $1 / $0.adaptor.count(counts) }, gradient: gradient)
  }

  private func expectClose(_ found: Double, _ wanted: Double, _ what: String) {
    #expect(abs(found - wanted) <= 1e-5 * max(abs(wanted), 1e-3), "\(what): found \(found), expected \(wanted)")
  }
}

extension Batch {
  /// The sentences dealt out to `parts` batches in turn.
  fileprivate func cut(into parts: Int) -> [Batch] {
    guard parts > 1 else { return [self] }
    return (0..<parts).map { part in
      var batch = Batch()
      for sentence in stride(from: part, to: sentences, by: parts) {
        batch.tokens += tokens[starts[sentence]..<starts[sentence + 1]]
        batch.types += types[starts[sentence]..<starts[sentence + 1]]
        batch.starts.append(batch.tokens.count)
        batch.labels.append(labels[sentence])
        batch.samples.append(samples[sentence])
      }
      return batch
    }
  }
}
