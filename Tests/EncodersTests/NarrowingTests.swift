import Checkpoints
import Kernels
import Testing

@testable import Encoders

/// What a narrower encoder keeps of another's weights.
struct NarrowingTests {
  /// Every parameter of a model of its configuration, drawn, and the same without a head less.
  private static func pair(
    _ configuration: EncoderConfiguration, heads: Int, edit: (Encoder, ParameterBuffer) -> Void = { _, _ in }
  ) -> (old: (Encoder, ParameterBuffer), new: (Encoder, ParameterBuffer)) {
    var (layout, narrowLayout) = (ParameterLayout(), ParameterLayout())
    let old = Encoder(configuration, layout: &layout)
    let weights = ParameterBuffer(layout)
    weights.initialize(layout.entries, seed: 5)
    edit(old, weights)
    let new = Encoder(configuration.narrowed(toHeads: heads), layout: &narrowLayout)
    let result = ParameterBuffer(narrowLayout)
    result.values.update(repeating: .nan)
    Narrowing(from: old, weights, to: new, result).copy()
    return ((old, weights), (new, result))
  }

  @Test("every parameter of every family's model is written", arguments: FamilyDirectories.all)
  func writesAll(path: String) throws {
    let directory = try FamilyDirectories.directory(path)
    let configuration = try EncoderConfiguration(
      huggingFace: directory.configuration, path: directory.configurationPath)
    let width = configuration.headSize * (configuration.heads - 1)
    // A map to the embeddings' own width would be none.
    guard width > 0, configuration.embeddingSize != width else { return }
    let (_, (_, result)) = Self.pair(configuration, heads: configuration.heads - 1)
    for entry in result.layout.entries {
      #expect(result[entry.slot].values.allSatisfy { $0.isFinite }, "\(entry.key)")
    }
  }

  @Test("the map of sentence vectors reads the kept dimensions")
  func map() throws {
    var configuration = EncoderConfiguration()
    (configuration.vocabularySize, configuration.hiddenSize, configuration.heads) = (11, 12, 3)
    (configuration.layers, configuration.intermediateSize, configuration.maxPositions) = (1, 9, 8)
    configuration.problem = .embedding
    configuration.vector.dense = .init(width: 5, activation: .tanh)
    let (_, (new, result)) = Self.pair(configuration, heads: 2)
    let dense = try #require(new.parameters.vectorDense)
    #expect(dense.weight.rows == 5 && dense.weight.columns == 8)
    #expect(result.values.allSatisfy { $0.isFinite })
  }

  @Test("the strongest dimensions, heads and inner states stay, in their order")
  func keepsTheStrongest() throws {
    var configuration = EncoderConfiguration()
    (configuration.vocabularySize, configuration.hiddenSize, configuration.heads) = (11, 12, 3)
    (configuration.layers, configuration.intermediateSize, configuration.maxPositions) = (2, 9, 8)
    // Of three heads of four dimensions one goes, and with it four hidden dimensions and three inner states.
    let weak = [1, 4, 5, 10]
    let (old, new) = Self.pair(configuration, heads: 2) { encoder, weights in
      for (index, layer) in encoder.parameters.layers.enumerated() {
        for column in weak {
          for map in [layer.qkv, layer.intermediate] { weights[map.weight].columns(column..<column + 1).fill(1e-6) }
        }
        // The first layer's middle head, the second's first.
        let head = index == 0 ? 4..<8 : 0..<4
        weights[layer.attentionOutput.weight].columns(head).fill(0)
        weights[layer.output.weight].columns(3 * index..<3 * index + 3).fill(0)
      }
    }
    let kept = (0..<12).filter { !weak.contains($0) }
    for (column, source) in kept.enumerated() {
      for row in 0..<11 {
        let (a, b) = (old.1[old.0.parameters.wordEmbeddings], new.1[new.0.parameters.wordEmbeddings])
        #expect(b[row, column] == a[row, source])
      }
    }
    for index in 0..<2 {
      let (a, b) = (old.0.parameters.layers[index], new.0.parameters.layers[index])
      let heads = Array(index == 0 ? [0, 1, 2, 3, 8, 9, 10, 11] : [4, 5, 6, 7, 8, 9, 10, 11])
      let (wide, narrow) = (old.1[a.qkv.weight], new.1[b.qkv.weight])
      // What is left out was next to nothing, so that nothing grows.
      for part in 0..<3 {
        for (row, source) in heads.enumerated() {
          for (column, sourceColumn) in kept.enumerated() {
            let wanted = wide[part * 12 + source, sourceColumn]
            #expect(abs(narrow[part * 8 + row, column] - wanted) <= 1e-4 * abs(wanted))
          }
        }
      }
      let states = (0..<9).filter { !(3 * index..<3 * index + 3).contains($0) }
      let (output, own) = (old.1[a.output.weight], new.1[b.output.weight])
      for (row, source) in kept.enumerated() {
        for (column, state) in states.enumerated() { #expect(own[row, column] == output[source, state]) }
      }
    }
  }

  @Test("sums lose nothing in the mean: maps that read fewer dimensions are scaled up")
  func scalesUp() throws {
    var configuration = EncoderConfiguration()
    (configuration.vocabularySize, configuration.hiddenSize, configuration.heads) = (11, 64, 4)
    (configuration.layers, configuration.intermediateSize, configuration.maxPositions) = (1, 256, 8)
    let (old, new) = Self.pair(configuration, heads: 2)
    func energyOfRows(_ matrix: Matrix) -> Double {
      matrix.values.reduce(0) { $0 + Double($1) * Double($1) } / Double(matrix.rows)
    }
    let (a, b) = (old.0.parameters.layers[0], new.0.parameters.layers[0])
    for (wide, narrow) in [(a.qkv, b.qkv), (a.intermediate, b.intermediate), (a.output, b.output)] {
      let ratio = energyOfRows(new.1[narrow.weight]) / energyOfRows(old.1[wide.weight])
      #expect(abs(ratio - 1) < 0.15, "\(ratio)")
    }
  }
}
