import JSON

/// The tensors of a model, in one file or in shards.
package struct ModelWeights: Sendable {
  package struct Tensor: Sendable {
    /// What the file calls it; of a folder's file, with the folder's name in front.
    package let name: String
    package let description: TensorDescription
    package let file: any TensorFile

    init(_ description: TensorDescription, of file: any TensorFile) {
      (name, self.description, self.file) = (description.name, description, file)
    }

    fileprivate init(_ other: Tensor, in folder: String) {
      (name, description, file) = ("\(folder).\(other.name)", other.description, other.file)
    }
  }

  /// What errors name: the file, or the index of the shards.
  package let path: String
  package let tensors: [Tensor]

  package init(file path: String) throws {
    let file = try WeightsFormat(of: path).open(path)
    self.path = path
    tensors = file.tensors.map { Tensor($0, of: file) }
  }

  private init(path: String, tensors: [Tensor]) { (self.path, self.tensors) = (path, tensors) }

  /// These and those of a folder, whose names get `folder` and a dot in front.
  package func joined(with others: ModelWeights, of folder: String) -> ModelWeights {
    ModelWeights(path: path, tensors: tensors + others.tensors.map { Tensor($0, in: folder) })
  }

  /// Opens the shards that an index lists: `{"weight_map": {TENSOR: SHARD}}`, each shard a file beside the index.
  package init(index path: String) throws {
    let format = Self.format(ofIndex: path)
    var tensors: [Tensor] = []
    var problems: [String] = []
    for (shard, names) in try Self.shards(ofIndex: path).sorted(by: { $0.key < $1.key }) {
      let file = try format.open(join(parent(of: path), shard))
      for name in names {
        if let description = file[name] {
          tensors.append(Tensor(description, of: file))
        } else {
          problems.append("weight_map: \(name.escapedForDisplay): not in \(shard.escapedForDisplay)")
        }
      }
      let mapped = Set(names)
      for tensor in file.tensors where !mapped.contains(tensor.name) {
        problems.append(
          "weight_map: \(tensor.name.escapedForDisplay): expected \(shard.escapedForDisplay), found no entry")
      }
    }
    guard problems.isEmpty else { throw CheckpointError(path, problems) }
    self.path = path
    self.tensors = tensors
  }

  private static func format(ofIndex path: String) -> WeightsFormat {
    WeightsFormat.allCases.first { path.hasSuffix($0.suffix + ".index.json") } ?? .safetensors
  }

  /// The names of the tensors in each of the shards that an index lists, which need not be there.
  package static func shards(ofIndex path: String) throws -> [String: [String]] {
    let format = format(ofIndex: path)
    guard let map = try JSON(contentsOf: path, limits: SafetensorsHeader.limits)["weight_map"]?.object else {
      throw CheckpointError(path, "weight_map: expected an object of tensor names and shard names")
    }
    guard map.count <= SafetensorsHeader.maximumTensors else {
      throw CheckpointError(
        path, "weight_map: expected at most \(SafetensorsHeader.maximumTensors) tensors, found \(map.count)")
    }
    var namesByShard: [String: [String]] = [:]
    for (name, value) in map {
      guard let shard = value.string, Self.isShardName(shard, format) else {
        throw CheckpointError(
          path,
          "weight_map: \(name.quoted): expected the name of a \(format.suffix) file in the same directory, "
            + "found \(value.summary)")
      }
      namesByShard[shard, default: []].append(name)
    }
    return namesByShard
  }

  /// Whether this is a plain file name, on any system, that cannot leave its directory.
  private static func isShardName(_ name: String, _ format: WeightsFormat) -> Bool {
    name.hasSuffix(format.suffix) && !name.hasPrefix(".")
      && name.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0 != "/" && $0 != "\\" && $0 != ":" }
  }
}
