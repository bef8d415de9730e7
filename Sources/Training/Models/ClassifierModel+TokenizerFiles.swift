import Encoders
import JSON
import Text

extension ClassifierModel {
  /// The tokenizer's files as a saved model has them: with the length that the model can take, which transformers would
  /// otherwise hold to be endless, and a long text would fail there.
  func tokenizerFiles(of tokenizer: Tokenizer) -> [(name: String, bytes: [UInt8])] {
    tokenizer.files().map { file in
      guard file.name == "tokenizer_config.json", case .object(var members)? = try? JSON.parse(file.bytes),
        let longest = members["model_max_length"].map({ $0.double ?? .infinity }) ?? Double?.some(.infinity)
      else { return file }
      let before = members
      if longest > Double(configuration.maxLength) || longest < 1 {
        members["model_max_length"] = .integer(configuration.maxLength)
      }
      // Code and files of the original, which are not beside this model.
      for key in ["auto_map", "tokenizer_file", "special_tokens_map_file", "name_or_path"] { members[key] = nil }
      guard members != before else { return file }
      return (file.name, JSON.object(members).bytes(.pretty) + [UInt8(ascii: "\n")])
    }
  }

  /// What makes it a directory of sentence-transformers; nothing where it gives no sentence vectors.
  ///
  /// - Parameter maxLength: where texts are cut off, in tokens.
  func sentenceFiles(maxLength: Int) -> [(name: String, bytes: [UInt8])] {
    guard configuration.problem == .embedding else { return [] }
    return configuration.vector.files(width: configuration.outputs, maxLength: maxLength)
  }

  /// What the columns of a table of its outputs are called.
  package var outputNames: [String] {
    configuration.labels.isEmpty ? (0..<configuration.outputs).map(String.init) : configuration.labels
  }
}
