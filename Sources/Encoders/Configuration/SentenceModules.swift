import Checkpoints
import JSON

/// The `modules.json` of a sentence-transformers directory: an encoder, how its last layer's output is pooled, perhaps a
/// map of that, and whether vectors are normalised.
package struct SentenceModules: Sendable {
  package private(set) var shape = SentenceVectorShape()
  /// The folder of the map, where there is one.
  private var denseFolder: String?

  static let limits = JSON.Limits(bytes: 1 << 20)
  private static let modulesName = "modules.json"

  private struct Module {
    let name: String
    let path: String?
  }

  /// - Parameter hidden: the encoder's width.
  /// - Returns: `nil` where the directory is none of sentence-transformers.
  package init?(of directory: ModelDirectory, hidden: Int) throws {
    let path = directory.path(of: Self.modulesName)
    guard fileKind(path) != nil, let modules = try Self.modules(path) else { return nil }
    for module in modules {
      switch module.name {
      case "Pooling":
        let folder = try Self.folder(of: module, path)
        try readPooling(join(directory.path(of: folder), "config.json"))
      case "Dense":
        let folder = try Self.folder(of: module, path)
        denseFolder = folder
        shape.dense = try SentenceVectorShape.Dense(
          configurationAt: join(directory.path(of: folder), "config.json"), hidden: hidden)
      case "Normalize": shape.normalizes = true
      default: break
      }
    }
  }

  /// The modules in their order; `nil` of a cross-encoder.
  private static func modules(_ path: String) throws -> [Module]? {
    guard let list = try JSON(contentsOf: path, limits: limits).array else {
      throw CheckpointError(path, "expected a list of modules")
    }
    let modules = try list.map { module in
      // `sentence_transformers.models.Pooling`, and other places of it in other versions.
      guard let type = module["type"]?.string, let name = type.split(separator: ".").last.map(String.init) else {
        throw CheckpointError(path, "expected a type for each module, found \(module.summary)")
      }
      return Module(name: name, path: module["path"]?.string)
    }
    let names = modules.map(\.name)
    if names == ["Transformer"] { return nil }
    let known = [[], ["Normalize"], ["Dense"], ["Dense", "Normalize"]].map { ["Transformer", "Pooling"] + $0 }
    guard known.contains(names) else {
      throw CheckpointError(
        path,
        "expected the modules Transformer, Pooling, perhaps Dense and perhaps Normalize, in this order, found "
          + names.map(\.escapedForDisplay).joined(separator: ", ") + ", which is not supported; use a model of these")
    }
    return modules
  }

  /// A folder beside the list, which cannot lead elsewhere.
  private static func folder(of module: Module, _ modules: String) throws -> String {
    let folder = module.path ?? ""
    guard !folder.isEmpty, !folder.hasPrefix("."), !folder.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == 0 })
    else {
      throw CheckpointError(modules, "expected a folder beside it for \(module.name), found \(folder.quoted)")
    }
    return folder
  }

  private mutating func readPooling(_ path: String) throws {
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
    guard modes.count == 1, let pooling = SentenceVectorShape.Pooling(rawValue: modes[0]) else {
      throw CheckpointError(
        path,
        "pooling_mode: expected one of "
          + SentenceVectorShape.Pooling.allCases.map(\.rawValue).joined(separator: ", ") + ", found "
          + modes.map(\.quoted).joined(separator: ", "))
    }
    shape.pooling = pooling
  }

  /// Opens the weights, the map's among them under the keys that a layout has for it.
  ///
  /// - Parameter hidden: the encoder's width.
  package func weights(of directory: ModelDirectory, hidden: Int) throws -> ModelWeights {
    let own = try directory.weights()
    guard let denseFolder, let dense = shape.dense else { return own }
    let weights = try directory.weights(inFolder: denseFolder)
    try dense.check(weights, hidden: hidden)
    return own.joined(with: weights, of: SentenceVectorShape.Dense.folder)
  }
}

extension SentenceVectorShape {
  /// What stands beside an encoder's files, by name; the map's weights are among the model's (`ParameterLayout.folders`).
  ///
  /// - Parameters:
  ///   - hidden: the encoder's width.
  ///   - maxLength: where texts are cut off, in tokens.
  package func files(hidden: Int, maxLength: Int) -> [(name: String, bytes: [UInt8])] {
    var modules: [JSON] = []
    func add(_ path: String, _ type: String) {
      let index = modules.count
      modules.append([
        "idx": .integer(index), "name": .string("\(index)"), "path": .string(path),
        "type": .string("sentence_transformers.models.\(type)"),
      ])
    }
    add("", "Transformer")
    add("1_Pooling", "Pooling")
    if dense != nil { add(Dense.folder, "Dense") }
    if normalizes { add("\(modules.count)_Normalize", "Normalize") }
    let pooling: JSON = [
      "word_embedding_dimension": .integer(hidden), "pooling_mode_cls_token": .bool(self.pooling == .cls),
      "pooling_mode_mean_tokens": .bool(self.pooling == .mean), "pooling_mode_max_tokens": .bool(self.pooling == .max),
      "pooling_mode_mean_sqrt_len_tokens": .bool(false),
    ]
    var files: [(String, JSON)] = [
      ("modules.json", .array(modules)), ("1_Pooling/config.json", pooling),
      ("sentence_bert_config.json", ["max_seq_length": .integer(maxLength), "do_lower_case": .bool(false)]),
    ]
    if let dense { files.append(("\(Dense.folder)/config.json", dense.json(hidden: hidden))) }
    return files.map { ($0, $1.bytes(.pretty) + Array("\n".utf8)) }
  }
}
