import Collectives
import Foundation
import Hub
import Testing
import Training

/// A temporary directory with small models and data, in which runs are made in this process.
final class RunWorkspace {
  let path = FileManager.default.temporaryDirectory.appending(path: "run-\(UUID().uuidString)").path

  /// Downloads nothing.
  static let hub = Hub(.offline)

  private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures")
  /// Those of `Fixtures/tokenizer`, without the special tokens.
  private static let words =
    ((try? String(contentsOf: fixtures.appending(path: "tokenizer/vocab.txt"), encoding: .utf8)) ?? "")
    .split(separator: "\n").dropFirst(5).map(String.init)

  init() throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    for model in ["teacher", "student-narrow"] {
      let target = "\(path)/\(model)"
      try FileManager.default.copyItem(atPath: Self.fixtures.appending(path: "encoder/\(model)").path, toPath: target)
      for file in ["vocab.txt", "tokenizer_config.json"] {
        try FileManager.default.copyItem(
          atPath: Self.fixtures.appending(path: "tokenizer/\(file)").path, toPath: "\(target)/\(file)")
      }
    }
    for (name, rows) in [("train", 47), ("validation", 19), ("texts", 30)] {
      let salt = name == "texts" ? 5 : 0
      // Sentences of 1 to 9 words; the label says whether the first is from the list's second half.
      let sentences = (0..<rows).map { row in
        (0...row * 7 % 9).map { Self.words[(row * row * 31 + $0 * $0 * 17 + $0 + salt * (row + 1)) % Self.words.count] }
      }
      try write(sentences.map { $0.joined(separator: " ") + "\n" }.joined(), to: "\(name).txt")
      let labels = sentences.map { sentence in Self.words.firstIndex(of: sentence[0])! < Self.words.count / 2 ? 0 : 2 }
      try write(labels.map { "\($0)\n" }.joined(), to: "\(name)_labels.txt")
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ text: String, to name: String) throws {
    try text.write(toFile: "\(path)/\(name)", atomically: true, encoding: .utf8)
  }

  /// Two stages of 14 steps with projections, dropout, and validations in mid-epoch.
  func configuration(_ directory: String, set overrides: [String] = []) throws -> RunConfiguration {
    let text = """
      run: {directory: "\(path)/\(directory)", seed: 7}
      data:
        train: {text: "\(path)/train.txt", labels: "\(path)/train_labels.txt"}
        validation: {text: "\(path)/validation.txt", labels: "\(path)/validation_labels.txt"}
        maxLength: 16
      training: {batchSize: 7, epochs: 2, learningRate: 5.0e-3, validateEverySteps: 3}
      teacher: {model: "\(path)/teacher"}
      student: {model: "\(path)/student-narrow", dropout: {hidden: 0.1, attention: 0.1, classifier: 0.1}}
      stages:
        - name: first
          adaptors: [{HidnTinyBERT: {layers: uniform}}, AttnMiniLM]
          labelWeight: 0
          update: encoder
          checkpoint: {monitor: val_distillation, saveTopK: 2}
        - name: second
          adaptors: [{LogitMSE: {temperature: 2}}]
          labelWeight: 0.5
          initialize: last
          checkpoint: {monitor: val_accuracy}
      """
    return try RunConfiguration(yaml: text, file: "run.yaml", overrides: overrides)
  }

  /// Runs until the end, or until the signal is asked for the given number of times: once before the first step and
  /// once behind each.
  @discardableResult
  func run(
    _ configuration: RunConfiguration, resume: RunSettings.Resume = .none, stoppingAt calls: Int? = nil,
    allowsChanges: Bool = false, notices: ((String) -> Void)? = nil
  ) throws -> RunEnd {
    var count = 0
    let places = try Places(pool: WorkerPool(workers: 2), ranks: SingleProcess())
    return try Trainer(
      configuration, places: places, resume: resume, allowsChanges: allowsChanges, hub: Self.hub,
      stopSignal: {
        count += 1
        return count == calls ? 15 : nil
      }
    ) { event in
      if case .notice(let text) = event { notices?(text) }
    }.run()
  }

  /// The files, links and log lines of a run, without times and its own path.
  func result(of directory: String) throws -> [String] {
    let root = "\(path)/\(directory)"
    var lines: [String] = []
    for name in try FileManager.default.subpathsOfDirectory(atPath: root).sorted() {
      let file = "\(root)/\(name)"
      if let target = try? FileManager.default.destinationOfSymbolicLink(atPath: file) {
        lines.append("\(name) → \(target)")
      } else if name.hasPrefix("tensorboard/") {
        // Named and dated by the process.
        continue
      } else if ["summary.json", "metrics.jsonl", "metrics.csv", "config.yaml"].contains(name)
        || ["README.md", "manifest.json", "state.json"].contains(where: name.hasSuffix)
      {
        lines.append(name)
      } else {
        lines.append("\(name) \(FileManager.default.contents(atPath: file)?.hashValue ?? 0)")
      }
    }
    let log = try String(contentsOfFile: "\(root)/metrics.jsonl", encoding: .utf8)
    return lines
      + log.replacing(root, with: "RUN")
      .replacing(/"(time|seconds|sentences_per_second|tokens_per_second|memory)":[-+.e0-9]+,?/, with: "")
      .split(separator: "\n").map(String.init)
  }
}
