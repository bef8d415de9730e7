import Checkpoints
import Encoders
import JSON
import ONNX

/// A model as ONNX Runtime, Optimum, sentence-transformers and Transformers.js open it: `config.json` and the tokenizer,
/// and beside them `onnx/model.onnx`, with the precision in the name as Transformers.js has it.
package struct ONNXExport {
  private let model: ClassifierModel
  private let precisions: [GraphPrecision]
  private let output: EncoderGraph.Output

  package struct File: Sendable {
    /// Below the export's directory.
    package let name: String
    package let bytes: Int
  }

  /// - Parameter featuresOnly: gives the last hidden state in place of the head's logits.
  package init(_ model: ClassifierModel, precisions: [GraphPrecision], featuresOnly: Bool) {
    self.model = model
    self.precisions = precisions
    // sentence-transformers pools and normalises what a graph gives.
    output = featuresOnly || model.configuration.problem == .embedding ? .lastHiddenState : .logits
  }

  /// Writes a directory, replacing an earlier export there.
  package func save(to path: String) throws -> [File] {
    try refuseToReplaceOtherThings(at: path)
    let tokenizerFiles =
      model.tokenizerFiles(of: try model.tokenizer()) + model.sentenceFiles(maxLength: model.configuration.maxLength)
    let graphs = precisions.map { precision in
      (
        name: "onnx/model\(precision.suffix).onnx",
        graph: EncoderGraph.graph(of: model.encoder, weights: model.weights, precision: precision, output: output)
      )
    }
    try requireDiskSpace(
      graphs.reduce(0) { $0 + $1.graph.initializers.reduce(1 << 20) { $0 + $1.byteCount } }
        + tokenizerFiles.reduce(0) { $0 + $1.bytes.count }, at: path)
    var files: [File] = []
    try replaceDirectory(path) { directory in
      try createDirectories(join(directory, "onnx"))
      for (name, graph) in graphs {
        let bytes = try ModelFile(graph, producerVersion: programVersion).write(to: join(directory, name))
        files.append(File(name: name, bytes: bytes))
      }
      for file in tokenizerFiles {
        if let slash = file.name.lastIndex(of: "/") {
          try createDirectories(join(directory, String(file.name[..<slash])))
        }
        try writeAtomically(file.bytes, to: join(directory, file.name))
      }
      // What sentence-transformers computes of the graph's output.
      try model.weights.writeFolders(into: directory)
      let configuration = model.configuration.huggingFaceJSON(preserving: model.configurationJSON)
      try writeAtomically(configuration.bytes(.pretty) + Array("\n".utf8), to: join(directory, "config.json"))
    }
    return files
  }

  /// Replacing deletes the old directory, so it must be an export and nothing more.
  private func refuseToReplaceOtherThings(at path: String) throws(CheckpointError) {
    guard fileKind(path) == .directory else { return }
    let names = try entries(of: path)
    guard names.isEmpty || names.contains("onnx") && !names.contains(where: { $0.hasPrefix("model.safetensors") })
    else {
      throw CheckpointError(
        path,
        "expected no directory, an empty one, or an earlier export to replace; choose another path or move this one away"
      )
    }
  }
}

extension GraphPrecision {
  fileprivate var suffix: String {
    switch self {
    case .float32: ""
    case .float16: "_fp16"
    case .int8: "_int8"
    }
  }
}
