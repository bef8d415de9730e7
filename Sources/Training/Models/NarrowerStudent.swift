import Encoders
import Kernels
import Limits

extension EncoderConfiguration {
  /// A model of fewer hidden dimensions: whole heads of the same size, and as much less of everything inside layers.
  func narrowed(to hidden: Int, of path: String) throws -> EncoderConfiguration {
    let key = "student.fromTeacher.hidden"
    guard hidden < hiddenSize, hidden > 0, hidden.isMultiple(of: headSize) else {
      throw ModelError(
        "\(key): expected a multiple of \(headSize), the size of a head, below \(hiddenSize), which \(path) has, found "
          + "\(hidden); \(headSize * max(1, heads / 2)) keeps half of its \(heads) heads")
    }
    guard embeddingSize == hiddenSize || hidden != embeddingSize else {
      throw ModelError(
        "\(key): expected another width than that of \(path)'s embeddings, \(hidden), which a linear map carries to the "
          + "layers'; choose \(hidden + headSize)")
    }
    return narrowed(toHeads: hidden / headSize)
  }
}

extension ClassifierModel {
  /// The same layers with the strongest of their hidden dimensions, heads and inner states; all where there is no number.
  func narrowed(to hidden: Int?) throws -> ClassifierModel {
    guard let hidden else { return self }
    var layout = ParameterLayout()
    let narrow = Encoder(try configuration.narrowed(to: hidden, of: tokenizerDirectory), layout: &layout)
    try OutOfMemory.check(4 * layout.count, for: "the student's weights")
    let result = ParameterBuffer(layout, for: "the student's weights")
    Narrowing(from: encoder, weights, to: narrow, result).copy()
    return ClassifierModel(
      encoder: narrow, weights: result, configurationJSON: configurationJSON, tokenizerDirectory: tokenizerDirectory,
      ownTokenizer: ownTokenizer, notices: notices, hasTrainedHead: hasTrainedHead)
  }
}
