import JSON

/// What a directory of sentence-transformers has besides an encoder's files: the list of its modules, and folders of those
/// that have settings or weights of their own.
package enum ModuleFiles {
  package static let list = "modules.json"
  /// Read where they are there.
  package static let settings = ["config_sentence_transformers.json", "sentence_bert_config.json"]
  private static let mostModules = 64

  package struct Folder {
    package let configuration: String
    /// One of these, where the module has weights.
    package let weights: [String]
  }

  /// The folders that a list names. One that names none, or is no list, is an error for those who read the model.
  package static func folders(ofList path: String) -> [Folder] {
    let modules = (try? JSON(contentsOf: path, limits: JSON.Limits(bytes: 1 << 20)))?.array ?? []
    return modules.prefix(mostModules).compactMap { module in
      guard let folder = module["path"]?.string, !folder.isEmpty,
        let type = module["type"]?.string?.split(separator: ".").last, ["Pooling", "Dense"].contains(type)
      else { return nil }
      return Folder(
        configuration: "\(folder)/config.json",
        weights: type == "Dense" ? WeightsFormat.allCases.map { "\(folder)/\($0.fileName)" } : [])
    }
  }
}
