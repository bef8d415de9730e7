import Checkpoints
import JSON

/// The `modules.json` of a sentence-transformers directory: an encoder, how its last layer's output is pooled, and
/// whether vectors are normalised.
extension SentenceVectorShape {
  private static let limits = JSON.Limits(bytes: 1 << 20)
  private static let modulesName = "modules.json"

  /// - Returns: `nil` where the directory is none of sentence-transformers.
  package init?(of directory: ModelDirectory) throws {
    let path = directory.path(of: Self.modulesName)
    guard fileKind(path) != nil else { return nil }
    guard let modules = try JSON(contentsOf: path, limits: Self.limits).array else {
      throw CheckpointError(path, "expected a list of modules")
    }
    self.init()
    var names: [String] = []
    for module in modules {
      // `sentence_transformers.models.Pooling`, and other places of it in other versions.
      guard let type = module["type"]?.string, let name = type.split(separator: ".").last.map(String.init) else {
        throw CheckpointError(path, "expected a type for each module, found \(module.summary)")
      }
      names.append(name)
      if name == "Pooling" { try readPooling(directory, folder: module["path"]?.string ?? "", modules: path) }
    }
    // A cross-encoder.
    if names == ["Transformer"] { return nil }
    let known = [["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]]
    guard known.contains(names) else {
      throw CheckpointError(
        path,
        "expected the modules Transformer, Pooling and perhaps Normalize, found "
          + names.map(\.escapedForDisplay).joined(separator: ", ") + ", which is not supported; use a model of these")
    }
    normalizes = names.count == 3
  }

  private mutating func readPooling(_ directory: ModelDirectory, folder: String, modules: String) throws {
    guard !folder.isEmpty, !folder.hasPrefix("."), !folder.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == 0 })
    else { throw CheckpointError(modules, "expected a folder beside it for Pooling, found \(folder.quoted)") }
    let path = join(directory.path(of: folder), "config.json")
    let json = try JSON(contentsOf: path, limits: Self.limits)
    // Older versions have a switch for each mode, newer ones one name or a list of them.
    var modes: [String]
    if let mode = json["pooling_mode"] {
      modes = mode.array.map { $0.map { $0.string ?? $0.summary } } ?? [mode.string ?? mode.summary]
    } else {
      modes = (json.object ?? JSONObject()).compactMap { key, value in
        guard key.hasPrefix("pooling_mode_"), value.bool == true else { return nil }
        let name = key.dropFirst("pooling_mode_".count)
        return String(name.hasSuffix("_tokens") ? name.dropLast(7) : name.hasSuffix("_token") ? name.dropLast(6) : name)
      }
      if modes.isEmpty { modes = ["mean"] }
    }
    guard modes.count == 1, let pooling = Pooling(rawValue: modes[0]) else {
      throw CheckpointError(
        path,
        "pooling_mode: expected one of \(Pooling.allCases.map(\.rawValue).joined(separator: ", ")), found "
          + modes.map(\.quoted).joined(separator: ", "))
    }
    self.pooling = pooling
  }

  /// What stands beside an encoder's files, by name.
  ///
  /// - Parameters:
  ///   - width: of the vectors.
  ///   - maxLength: where texts are cut off, in tokens.
  package func files(width: Int, maxLength: Int) -> [(name: String, bytes: [UInt8])] {
    func module(_ index: Int, _ path: String, _ type: String) -> JSON {
      [
        "idx": .integer(index), "name": .string("\(index)"), "path": .string(path),
        "type": .string("sentence_transformers.models.\(type)"),
      ]
    }
    let modules =
      [module(0, "", "Transformer"), module(1, "1_Pooling", "Pooling")]
      + (normalizes ? [module(2, "2_Normalize", "Normalize")] : [])
    let pooling: JSON = [
      "word_embedding_dimension": .integer(width), "pooling_mode_cls_token": .bool(self.pooling == .cls),
      "pooling_mode_mean_tokens": .bool(self.pooling == .mean), "pooling_mode_max_tokens": .bool(self.pooling == .max),
      "pooling_mode_mean_sqrt_len_tokens": .bool(false),
    ]
    let files: [(String, JSON)] = [
      (Self.modulesName, .array(modules)), ("1_Pooling/config.json", pooling),
      ("sentence_bert_config.json", ["max_seq_length": .integer(maxLength), "do_lower_case": .bool(false)]),
    ]
    return files.map { ($0, $1.bytes(.pretty) + Array("\n".utf8)) }
  }
}
