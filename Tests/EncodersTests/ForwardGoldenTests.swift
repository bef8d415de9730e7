import Encoders
import GoldenFixtures
import Kernels
import Testing

/// Forward passes against PyTorch in double precision.
struct ForwardGoldenTests {
  static let models = ["teacher", "student", "student-narrow", "student-relu"]

  @Test("every tap agrees with PyTorch", arguments: models, [false, true])
  func agreesWithPyTorch(model: String, keepsActivations: Bool) throws {
    let (encoder, weights) = try GoldenFixtures.model(model)
    let expected = try GoldenFixtures.tensors("forward/\(model).safetensors")
    let layers = encoder.configuration.layers
    let selection = TapSelection(allOf: encoder.configuration, head: true)
    for json in try GoldenFixtures.json("forward/batches.json").elements {
      let name = try GoldenFixtures.require(json["name"]?.string)
      let batch = try GoldenFixtures.batch(json)
      let arena = Arena()
      defer { withExtendedLifetime(arena) {} }
      let taps =
        keepsActivations
        ? encoder.forward(batch, weights: weights, taps: selection, arena: arena, dropout: nil).taps
        : encoder.infer(batch, weights: weights, taps: selection, arena: arena)
      func compare(_ key: String, _ found: [Float]) throws {
        let wanted = try #require(expected["\(name).\(key)"])
        #expect(found.count == wanted.count)
        let worst = zip(found, wanted).map { abs($0 - $1) }.max() ?? .infinity
        #expect(worst < 1e-5, "\(model) \(name).\(key): off by \(worst)")
      }
      try compare("logits", Array(taps.matrix(.logits).values))
      try compare("pooled", Array(taps.matrix(.pooled).values))
      for layer in 0...layers { try compare("hidden.\(layer)", Array(taps.matrix(.hidden(layer)).values)) }
      for layer in 1...layers {
        for kind in [Tap.Kind.queries, .keys, .values] {
          let projection = taps.matrix(Tap(kind, layer: layer))
          try compare(
            "\(kind).\(layer)",
            (0..<projection.rows).flatMap { row in Array(projection.rows(row..<row + 1).values) })
        }
        let scores = taps.maps(.scores(layer))
        var all: [Float] = []
        var probabilities: [Float] = []
        for sentence in 0..<batch.sentences {
          for head in 0..<encoder.configuration.heads {
            let map = scores.map(sentence: sentence, head: head)
            for row in 0..<map.rows { all += map.rows(row..<row + 1).values }
            softmaxForward(out: map, scores: map)
            for row in 0..<map.rows { probabilities += map.rows(row..<row + 1).values }
          }
        }
        try compare("scores.\(layer)", all)
        try compare("attention.\(layer)", probabilities)
      }
    }
  }

  @Test("layers above the highest tap are not run")
  func stopsAtTheHighestTap() throws {
    let (encoder, weights) = try GoldenFixtures.model("teacher")
    let batch = try GoldenFixtures.batch(try GoldenFixtures.json("forward/batches.json").elements[0])
    let selection: TapSelection = [.hidden(1)]
    #expect(selection.depth(of: encoder.configuration) == 1)
    // Were a later layer run, its infinite weights would show.
    weights[encoder.parameters.layers[1].qkv.weight].fill(.infinity)
    let arena = Arena()
    defer { withExtendedLifetime(arena) {} }
    let taps = encoder.infer(batch, weights: weights, taps: selection, arena: arena)
    #expect(taps[.logits] == nil)
    #expect(taps.matrix(.hidden(1)).values.first { !$0.isFinite } == nil)
  }
}
