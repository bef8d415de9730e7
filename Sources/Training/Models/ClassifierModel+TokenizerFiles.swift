import Encoders
import JSON
import Text

extension ClassifierModel {
  /// The tokenizer's files as a saved model has them: with the length that the model can take, which libraries would
  /// otherwise hold to be endless, or the teacher's, and a long text would fail there.
  func tokenizerFiles(of tokenizer: Tokenizer) -> [(name: String, bytes: [UInt8])] {
    tokenizer.files().map { file in
      guard let adapt = ["tokenizer_config.json": adaptSettings, "tokenizer.json": adaptLengths][file.name],
        case .object(let before)? = try? JSON.parse(file.bytes)
      else { return file }
      var members = before
      adapt(&members)
      guard members != before else { return file }
      return (file.name, JSON.object(members).bytes(.pretty) + [UInt8(ascii: "\n")])
    }
  }

  /// Of `tokenizer_config.json`, which transformers reads.
  private func adaptSettings(_ members: inout JSONObject) {
    let longest = members["model_max_length"].map { $0.double ?? .infinity } ?? .infinity
    if longest > Double(configuration.maxLength) || longest < 1 {
      members["model_max_length"] = .integer(configuration.maxLength)
    }
    // Code and files of the original, which are not beside this model.
    for key in ["auto_map", "tokenizer_file", "special_tokens_map_file", "name_or_path"] { members[key] = nil }
  }

  /// Of `tokenizer.json`, whose lengths the tokenizers library goes by.
  private func adaptLengths(_ members: inout JSONObject) {
    let most = configuration.maxLength
    if var truncation = members["truncation"]?.object, let length = truncation["max_length"]?.int, length > most {
      truncation["max_length"] = .integer(most)
      members["truncation"] = .object(truncation)
    }
    if var padding = members["padding"]?.object, let length = padding["strategy"]?["Fixed"]?.int, length > most {
      padding["strategy"] = ["Fixed": .integer(most)]
      members["padding"] = .object(padding)
    }
  }

  /// What makes it a directory of sentence-transformers, besides weights; nothing where it gives no sentence vectors.
  ///
  /// - Parameter maxLength: where texts are cut off, in tokens.
  func sentenceFiles(maxLength: Int) -> [(name: String, bytes: [UInt8])] {
    guard configuration.problem == .embedding else { return [] }
    return configuration.vector.files(hidden: configuration.hiddenSize, maxLength: maxLength)
  }

  /// What the columns of a table of its outputs are called.
  package var outputNames: [String] {
    configuration.labels.isEmpty ? (0..<configuration.outputs).map(String.init) : configuration.labels
  }
}
