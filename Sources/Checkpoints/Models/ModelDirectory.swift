import JSON

/// A model directory as Hugging Face lays it out: `config.json`, weights and tokenizer files.
package struct ModelDirectory: Sendable {
  package let path: String
  /// The contents of `config.json`.
  package let configuration: JSON
  /// Names of the tokenizer files that are there.
  package let tokenizerFiles: [String]

  /// Every file that a tokenizer may consist of.
  package static let tokenizerFileNames = [
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt",
    "vocab.json", "merges.txt",
  ]

  /// What `config.json` may hold.
  package static let configurationLimits = JSON.Limits(bytes: 4 << 20)

  package init(_ path: String) throws {
    let path = withoutTrailingSlashes(path)
    switch fileKind(path) {
    case .directory: break
    case nil:
      throw CheckpointError(
        path, "does not exist; expected a model directory on this machine, or a name on the hub such as org/name")
    default:
      throw CheckpointError(path, "expected a directory that holds config.json, found a file; name its directory")
    }
    guard fileKind(join(path, "config.json")) != nil else {
      throw CheckpointError(path, "expected config.json in this directory" + Self.hint(below: path))
    }
    self.path = path
    let own = try JSON(contentsOf: join(path, "config.json"), limits: Self.configurationLimits)
    guard let members = own.object else {
      throw CheckpointError(join(path, "config.json"), "expected an object, found \(own.summary)")
    }
    configuration = try .object(Self.joining(members, path))
    tokenizerFiles = Self.tokenizerFileNames.filter { fileKind(join(path, $0)) != nil }
  }

  /// From version 6 on, sentence-transformers says in a file of its own what older ones said in `config.json`: what a
  /// cross-encoder makes of its logit.
  private static func joining(_ members: JSONObject, _ path: String) throws -> JSONObject {
    let file = join(path, "config_sentence_transformers.json")
    guard members["sentence_transformers"] == nil, fileKind(file) != nil else { return members }
    let json = try JSON(contentsOf: file, limits: configurationLimits)
    guard json["model_type"] == "CrossEncoder", let activation = json["activation_fn"] else { return members }
    var members = members
    members["sentence_transformers"] = ["activation_fn": activation]
    return members
  }

  package var configurationPath: String { join(path, "config.json") }

  /// The path of one of the directory's files.
  package func path(of name: String) -> String { join(path, name) }

  /// Opens the weights: `model.safetensors`, the shards that `model.safetensors.index.json` lists, or else the same of
  /// `pytorch_model.bin`.
  ///
  /// - Parameter folder: the one whose files are meant, where it is not the directory itself.
  package func weights(inFolder folder: String? = nil) throws -> ModelWeights {
    let place = folder.map { join(path, $0) } ?? path
    for format in WeightsFormat.allCases {
      let (file, index) = (join(place, format.fileName), join(place, format.indexName))
      if fileKind(file) != nil { return try ModelWeights(file: file) }
      if fileKind(index) != nil { return try ModelWeights(index: index) }
    }
    let names = WeightsFormat.allCases.map(\.fileName).joined(separator: " or ")
    throw CheckpointError(
      place, "expected \(names), or the .index.json of its parts, in this directory; copy the model's weights there")
  }

  /// The weights and those of folders, with the folder's name in front of theirs, as a layout has them.
  package func weights(joining folders: [String]) throws -> ModelWeights {
    try folders.reduce(weights()) { try $0.joined(with: weights(inFolder: $1), of: $1) }
  }

  /// The folders of a directory of sentence-transformers that have weights of their own.
  package func foldersWithWeights() throws -> [String] {
    guard fileKind(path(of: "modules.json")) != nil else { return [] }
    return try entries(of: path).sorted().filter { name in
      fileKind(path(of: name)) == .directory
        && WeightsFormat.allCases.contains { fileKind(join(path(of: name), $0.fileName)) != nil }
    }
  }

  /// Where a configuration lies below a directory that has none, such as the snapshots of a download cache.
  private static func hint(below path: String) -> String {
    var found: [String] = []
    var level = [""]
    for _ in 0..<3 where found.isEmpty {
      var next: [String] = []
      for folder in level {
        for name in (try? entries(of: join(path, folder))) ?? [] where !name.hasPrefix(".") && next.count < 1_000 {
          let folder = folder.isEmpty ? name : join(folder, name)
          guard fileKind(join(path, folder)) == .directory else { continue }
          next.append(folder)
          if fileKind(join(join(path, folder), "config.json")) != nil { found.append(folder) }
        }
      }
      level = next
    }
    guard !found.isEmpty else { return "" }
    return "; did you mean " + found.prefix(3).map { join(path, $0).escapedForDisplay }.joined(separator: " or ") + "?"
  }
}
