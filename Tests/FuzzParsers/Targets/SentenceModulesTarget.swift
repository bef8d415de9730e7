import Checkpoints
import Encoders

extension FuzzTarget {
  /// The `modules.json` of a directory of sentence-transformers and the `config.json` of its Pooling and of its Dense, with
  /// a byte 0 between them. What is accepted has weights that fit it, and says the same when written and read again.
  static func sentenceModules(in workspace: Workspace) -> FuzzTarget {
    let fixtures = "Tests/Fixtures/dense/tanh"
    let (path, written) = (workspace.directory("sentence"), workspace.directory("sentence-written"))
    for directory in [path, written] {
      for folder in ["1_Pooling", "2_Dense"] { _ = workspace.directory("\(directory.lastPart)/\(folder)") }
      for name in ["config.json", "model.safetensors", "2_Dense/model.safetensors"] {
        writeFile(Repository.bytes("\(fixtures)/\(name)"), "\(directory)/\(name)")
      }
    }
    let files = ["modules.json", "1_Pooling/config.json", "2_Dense/config.json"]
    guard let model = try? ModelDirectory(path), let again = try? ModelDirectory(written) else {
      preconditionFailure("expected a model")
    }
    let hidden = 6
    return FuzzTarget(
      "sentence-modules", parts: [files.map { Repository.bytes("\(fixtures)/\($0)") }],
      words: words + [
        "\"type\"", "\"path\"", "Transformer", "Pooling", "Dense", "Normalize", ".", "../", "/", "1_Pooling", "2_Dense",
        "\"pooling_mode\"", "\"pooling_mode_cls_token\"", "\"cls\"", "\"max\"", "\"in_features\"", "\"out_features\"",
        "\"bias\"", "\"activation_function\"", "torch.nn.Tanh", "Identity", "\"use_residual\"", "9223372036854775807",
      ],
      bombs: [
        { .repeating("[", 1 << 20) },
        { .repeating("{\"type\":\"Dense\",\"path\":\"2_Dense\"},", 1 << 14, before: "[") },
        { .counting(1 << 15, before: "{", after: "\"\":0}") { "\"pooling_mode_\($0)\":true," } },
      ],
      assemble: { parts, _ in Array(parts.joined(separator: [0])) },
      parse: { bytes in
        let parts = bytes.split(separator: 0, maxSplits: files.count - 1, omittingEmptySubsequences: false)
        for (index, name) in files.enumerated() {
          writeFile(index < parts.count ? Array(parts[index]) : [], "\(path)/\(name)")
        }
        guard let modules = try SentenceModules(of: model, hidden: hidden) else { return }
        let shape = modules.shape
        promise(shape.dense.map { SentenceVectorShape.Dense.widths.contains($0.width) } ?? true)
        let weights = try modules.weights(of: model, hidden: hidden)
        promise(weights.tensors.allSatisfy { $0.file.path.hasPrefix(path + "/") })
        promise(weights.tensors.contains { $0.name == "2_Dense.linear.weight" } == (shape.dense != nil))
        for file in shape.files(hidden: hidden, maxLength: 8) { writeFile(file.bytes, "\(written)/\(file.name)") }
        promise(try SentenceModules(of: again, hidden: hidden)?.shape == shape)
      })
  }
}

extension String {
  /// Behind the last slash.
  fileprivate var lastPart: Substring { split(separator: "/").last ?? "" }
}
