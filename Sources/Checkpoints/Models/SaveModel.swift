import JSON
import Kernels

/// A model to be written as Hugging Face lays it out.
package struct ModelExport {
  /// The contents of `config.json`.
  package var configuration: JSON
  /// Of these, the model's own are written and projections are not.
  package var parameters: ParameterBuffer
  /// The tokenizer's files, and what else stands beside the weights, perhaps in a folder.
  package var tokenizerFiles: [(name: String, bytes: [UInt8])]
  /// `README.md`: what the model is and how it was made.
  package var modelCard: String

  package init(
    configuration: JSON, parameters: ParameterBuffer, tokenizerFiles: [(name: String, bytes: [UInt8])],
    modelCard: String
  ) {
    self.configuration = configuration
    self.parameters = parameters
    self.tokenizerFiles = tokenizerFiles
    self.modelCard = modelCard
  }

  /// Writes a complete model directory with its manifest at `path`, replacing an earlier model there; readers find the
  /// old or the new.
  package func save(to path: String) throws {
    try Self.refuseToReplaceOtherThings(at: path)
    let floats = parameters.layout.entries.reduce(0) { $1.role != .projection ? $0 + $1.slot.count : $0 }
    try requireDiskSpace(
      floats * MemoryLayout<Float>.stride + tokenizerFiles.reduce(0) { $0 + $1.bytes.count }, at: path)
    try replaceDirectory(path) { directory in
      try write(into: directory)
      try CheckpointManifest.write(into: directory)
    }
  }

  /// Writes the files into an existing directory, for callers who replace a larger directory as a whole.
  package func write(into directory: String) throws {
    try parameters.write(
      to: join(directory, "model.safetensors"), where: { $0.role != .projection && $0.folder == nil })
    try parameters.writeFolders(into: directory)
    for file in tokenizerFiles {
      if let slash = file.name.lastIndex(of: "/") {
        try createDirectories(join(directory, String(file.name[..<slash])))
      }
      guard fileKind(join(directory, file.name), followingLinks: false) == nil else {
        throw CheckpointError(
          join(directory, file.name), "cannot be written: the model has a file of that name already")
      }
      try writeAtomically(file.bytes, to: join(directory, file.name))
    }
    try writeAtomically(Array(modelCard.utf8), to: join(directory, "README.md"))
    // Last, as a directory counts as a model when it has a configuration.
    try writeAtomically(configuration.bytes(.pretty) + Array("\n".utf8), to: join(directory, "config.json"))
  }

  /// Replacing deletes the old directory, so it must be a model and nothing more.
  private static func refuseToReplaceOtherThings(at path: String) throws(CheckpointError) {
    guard fileKind(path) == .directory else { return }
    let names = try entries(of: path)
    guard !names.isEmpty else { return }
    // sentence-transformers keeps a module's settings in a folder: 1_Pooling.
    let isSentenceModel = names.contains("modules.json")
    let hasFolders = names.contains { name in
      fileKind(join(path, name)) == .directory && !(isSentenceModel && name.first?.isNumber == true)
    }
    if !names.contains("config.json") || hasFolders {
      throw CheckpointError(
        path,
        "expected no directory, an empty one, or a model without subfolders to replace; "
          + "choose another path or move this one away")
    }
  }
}

extension ParameterBuffer {
  /// Writes the parameters that pass as F32 tensors of a safetensors file.
  package func write(
    to path: String, where isIncluded: (ParameterLayout.Entry) -> Bool = { _ in true }
  ) throws(CheckpointError) {
    try write(layout.entries.filter(isIncluded), to: path, name: \.key)
  }

  /// Writes what belongs into folders of a model's directory, each into a `model.safetensors` of its own.
  package func writeFolders(into directory: String) throws(CheckpointError) {
    for folder in layout.folders {
      let place = join(directory, folder)
      try createDirectories(place)
      try write(
        layout.entries.filter { $0.folder == folder }, to: join(place, "model.safetensors"), name: \.nameInFile)
    }
  }

  private func write(
    _ entries: [ParameterLayout.Entry], to path: String, name: (ParameterLayout.Entry) -> String
  ) throws(CheckpointError) {
    let writer = try SafetensorsWriter(replacing: path, tensors: entries.map { .init(name($0), .float32, $0.shape) })
    for entry in entries {
      let range = entry.slot.offset..<entry.slot.offset + entry.slot.count
      try writer.write(name(entry), UnsafeBufferPointer(rebasing: values[range]))
    }
    try writer.finish()
  }

  /// Reads what `write` wrote: exactly the layout's keys and shapes, all F32, or an error that lists the differences.
  package func read(from path: String) throws(CheckpointError) {
    let file = try SafetensorsFile(path)
    var problems: [String] = []
    for entry in layout.entries {
      guard let tensor = file[entry.key] else {
        problems.append("\(entry.key): missing")
        continue
      }
      if tensor.shape != entry.shape || tensor.type != .float32 {
        problems.append("\(entry.key): expected F32 \(entry.shape), found \(tensor.type.rawValue) \(tensor.shape)")
      }
    }
    for tensor in file.tensors where layout[tensor.name] == nil {
      problems.append("\(tensor.name.escapedForDisplay): unexpected")
    }
    guard problems.isEmpty else { throw CheckpointError(path, problems) }
    for tensor in file.tensors {
      guard let slot = layout[tensor.name]?.slot else { continue }
      try file.read(tensor, into: UnsafeMutableBufferPointer(rebasing: values[slot.offset..<slot.offset + slot.count]))
    }
  }
}
