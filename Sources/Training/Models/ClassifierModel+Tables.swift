import Encoders
import Text

/// Every number of a batch is a row of one of the model's tables, which is read without a look at its size. This is where
/// the sizes are held against the numbers, for teachers and students alike.
extension ClassifierModel {
  /// Checks that the model has a row for each word, position, segment and label of a dataset.
  package func check(_ data: TokenizedDataset) throws {
    let tables = [
      (
        "token", data.tokenCount, "vocab_size", configuration.vocabularySize,
        "use the tokenizer that belongs to the model"
      ),
      (
        "segment", data.segmentCount, "type_vocab_size",
        // Models without segments read none.
        configuration.typeVocabularySize == 0 ? .max : configuration.typeVocabularySize,
        "use single texts and the model's own tokenizer, or a model with more segments"
      ),
      (
        "position", data.maximumLength, "max_position_embeddings", configuration.maxLength,
        "truncate texts to this length"
      ),
      ("label", data.labelCount, "number of classes", configuration.outputs, "use data of the model's task"),
    ]
    for (name, count, key, rows, remedy) in tables where count > rows {
      throw ModelError(
        "\(path): the data has \(name) \(count - 1), but the model's \(key) is \(rows), which allows 0 to \(rows - 1); "
          + remedy)
    }
  }

  private var path: String { tokenizerDirectory }

  /// The limit on a sequence's tokens, special ones included.
  package func checkLength(_ maxLength: Int, key: String = "data.maxLength") throws {
    guard maxLength <= configuration.maxLength else {
      let unused = configuration.maxPositions - configuration.maxLength
      throw ModelError(
        "\(key): expected at most \(configuration.maxLength), the model's max_position_embeddings"
          + (unused > 0 ? " less the \(unused) that \(configuration.family.name) does not use" : "")
          + ", found \(maxLength)")
    }
  }
}
