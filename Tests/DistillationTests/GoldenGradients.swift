import Distillation
import Encoders
import GoldenFixtures
import JSON
import Kernels
import Text

/// The losses of a case of goldens, and the gradient of every parameter.
struct GoldenGradients {
  /// Where logits were tapped.
  let hard: Double?
  let terms: [Double]
  let gradient: ParameterBuffer

  /// - Parameters:
  ///   - case: the models' fixtures, the adaptors and the weight of labels.
  ///   - projections: fills in those of the adaptors.
  init(
    case json: JSON, batch: Batch, projections: (ParameterBuffer) throws -> Void, cutIntoMicroBatches parts: Int = 1,
    tapsEverything: Bool = false
  ) throws {
    let (teacher, teacherWeights) = try GoldenFixtures.model(try GoldenFixtures.require(json["teacher"]?.string))
    let studentName = try GoldenFixtures.require(json["student"]?.string)
    var layout = ParameterLayout()
    var configuration = try GoldenFixtures.configuration(studentName)
    if let heads = json["studentHeads"]?.int { configuration.heads = heads }
    let student = Encoder(configuration, layout: &layout)
    let adaptors = try GoldenFixtures.adaptors(try GoldenFixtures.require(json["adaptors"])).map {
      try $0.makeAdaptor(
        name: $0.kind.name, student: student.configuration, teacher: teacher.configuration, layout: &layout)
    }
    let weights = ParameterBuffer(layout)
    try GoldenFixtures.load(studentName, into: weights)
    try projections(weights)
    let gradient = ParameterBuffer(layout)

    let counts = GlobalCounts(
      lengths: (0..<batch.sentences).map(batch.length), targets: Double(batch.labels.count { $0 >= 0 }))
    let labelWeight = json["labelWeight"]?.double ?? 0
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
    self.hard = studentTaps.contains(.logits) ? hard / Double(max(1, counts.targets)) : nil
    terms = zip(adaptors, sums).map { $1 / $0.adaptor.count(counts) }
    self.gradient = gradient
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
