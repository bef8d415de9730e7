import Encoders
import GoldenFixtures
import Kernels
import Testing
import Text

/// Dropout in a whole model: masks belong to a sentence, not to where it is computed.
struct DropoutTests {
  private struct Model {
    let encoder: Encoder
    let weights: ParameterBuffer

    init(hidden: Float = 0.2, attention: Float = 0.3, classifier: Float? = 0.4) throws {
      var configuration = try GoldenFixtures.configuration("student")
      configuration.hiddenDropout = hidden
      configuration.attentionDropout = attention
      configuration.classifierDropout = classifier
      var layout = ParameterLayout()
      encoder = Encoder(configuration, layout: &layout)
      weights = ParameterBuffer(layout)
      try GoldenFixtures.load("student", into: weights)
    }

    /// Each sentence's logits and hidden states, one list of numbers a tap.
    func taps(_ batch: Batch, dropout: DropoutKey?) -> [[[Float]]] {
      let layers = 0...encoder.configuration.layers
      let selection = TapSelection(.hidden, layers: layers).union([.logits])
      let arena = Arena()
      defer { withExtendedLifetime(arena) {} }
      let taps = encoder.forward(batch, weights: weights, taps: selection, arena: arena, dropout: dropout).taps
      return (0..<batch.sentences).map { sentence in
        let rows = batch.starts[sentence]..<batch.starts[sentence + 1]
        return [Array(taps.matrix(.logits).rows(sentence..<sentence + 1).values)]
          + layers.map { Array(taps.matrix(.hidden($0)).rows(rows).values) }
      }
    }
  }

  private let key = DropoutKey(seed: 11, step: 3)

  private func batch() throws -> Batch {
    var batch = try GoldenFixtures.batch(GoldenFixtures.json("forward/batches.json").elements[0])
    batch.samples = [40, 7, 99, 12]
    return batch
  }

  private func largestDifference(_ one: [[Float]], _ other: [[Float]]) -> Float {
    zip(one.joined(), other.joined()).map { abs($0 - $1) }.max() ?? .infinity
  }

  @Test("a sentence meets the same masks alone, in a batch, and in another order")
  func masksBelongToSentences() throws {
    let model = try Model()
    let batch = try batch()
    let together = model.taps(batch, dropout: key)
    for sentence in 0..<batch.sentences {
      let alone = model.taps(batch.taking([sentence]), dropout: key)
      #expect(largestDifference(alone[0], together[sentence]) < 1e-5)
    }
    let order = [2, 0, 3, 1]
    let reordered = model.taps(batch.taking(order), dropout: key)
    for (place, sentence) in order.enumerated() {
      #expect(largestDifference(reordered[place], together[sentence]) < 1e-5)
    }
  }

  @Test("another seed, step or sample has other masks")
  func keysChangeMasks() throws {
    let model = try Model()
    let batch = try batch()
    let taps = model.taps(batch, dropout: key)
    var resampled = batch
    resampled.samples = [41, 8, 100, 13]
    for other in [
      model.taps(batch, dropout: DropoutKey(seed: 12, step: 3)),
      model.taps(batch, dropout: DropoutKey(seed: 11, step: 4)), model.taps(resampled, dropout: key),
    ] {
      for sentence in 0..<batch.sentences { #expect(largestDifference(taps[sentence], other[sentence]) > 1e-2) }
    }
  }

  @Test("two sentences that are alike but for their place in the dataset meet other masks")
  func samplesChangeMasks() throws {
    let model = try Model()
    var batch = try batch().taking([0, 0])
    let alike = model.taps(batch, dropout: key)
    #expect(largestDifference(alike[0], alike[1]) < 1e-5)
    batch.samples = [40, 41]
    let different = model.taps(batch, dropout: key)
    #expect(largestDifference(different[0], different[1]) > 1e-2)
  }

  @Test("each of the three probabilities acts, and where it should")
  func probabilities() throws {
    let batch = try batch()
    let none = try Model(hidden: 0, attention: 0, classifier: 0)
    let plain = none.taps(batch, dropout: nil)
    #expect(none.taps(batch, dropout: key) == plain)
    #expect(try Model().taps(batch, dropout: nil) == plain, "no dropout in evaluation")
    /// Whether the logits, and each hidden state, of all sentences differ from those without dropout.
    func changes(_ model: Model) -> [Bool] {
      let taps = model.taps(batch, dropout: key)
      return plain[0].indices.map { tap in
        batch.labels.indices.contains { largestDifference([taps[$0][tap]], [plain[$0][tap]]) > 1e-3 }
      }
    }
    #expect(try changes(Model(hidden: 0.2, attention: 0, classifier: 0)) == [true, true, true, true])
    #expect(try changes(Model(hidden: 0, attention: 0.3, classifier: 0)) == [true, false, true, true])
    #expect(try changes(Model(hidden: 0, attention: 0, classifier: 0.4)) == [true, false, false, false])
    // A classifier without a probability of its own follows the hidden states'.
    #expect(
      try Model(hidden: 0.2, attention: 0, classifier: nil).taps(batch, dropout: key)
        == Model(hidden: 0.2, attention: 0, classifier: 0.2).taps(batch, dropout: key))
  }

  @Test("over many steps the mean hidden state after the embeddings is that without dropout")
  func meanIsKept() throws {
    let batch = try batch().taking([0])
    let model = try Model()
    let plain = model.taps(batch, dropout: nil)[0][1]
    var mean = [Double](repeating: 0, count: plain.count)
    let steps = 2000
    for step in 0..<steps {
      let taps = model.taps(batch, dropout: DropoutKey(seed: 1, step: UInt32(step)))[0][1]
      for index in mean.indices { mean[index] += Double(taps[index]) / Double(steps) }
    }
    // An element's deviation is √(rate/(1−rate)) = 1/2 of its size; 5 deviations of the mean of so many.
    for (found, expected) in zip(mean, plain) {
      #expect(abs(found - Double(expected)) <= 5 * 0.5 * abs(Double(expected)) / Double(steps).squareRoot() + 1e-6)
    }
  }
}

extension Batch {
  /// Some of its sentences, in the order given.
  func taking(_ sentences: [Int]) -> Batch {
    var batch = Batch()
    for sentence in sentences {
      let range = starts[sentence]..<starts[sentence + 1]
      batch.tokens += tokens[range]
      batch.types += types[range]
      batch.starts.append(batch.tokens.count)
      batch.labels.append(labels[sentence])
      batch.samples.append(samples[sentence])
    }
    return batch
  }
}
