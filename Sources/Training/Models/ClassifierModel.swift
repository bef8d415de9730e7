import Checkpoints
import Encoders
import JSON
import Kernels
import Limits
import Text

/// A model and its data, task or tokenizer do not fit together.
package struct ModelError: Error, CustomStringConvertible, Equatable {
  package let description: String

  package init(_ description: String) { self.description = description }
}

/// A classifier in memory: what it is, its weights, and where its tokenizer lies.
package struct ClassifierModel: Sendable {
  package let encoder: Encoder
  package let weights: ParameterBuffer
  /// The `config.json` it came with, whose unknown keys are kept when it is saved.
  package let configurationJSON: JSON?
  /// The directory whose tokenizer it uses.
  package let tokenizerDirectory: String
  /// What was made of that tokenizer; `nil` where it is used as it is.
  let ownTokenizer: Tokenizer?
  /// What the user should know although it is no error.
  package let notices: [String]
  /// Whether the classification head was read rather than drawn.
  package let hasTrainedHead: Bool

  package var configuration: EncoderConfiguration { encoder.configuration }
  package var parameterCount: Int { weights.layout.count }
  /// What the head is for.
  package var task: TaskSettings {
    var task = TaskSettings(configuration.task, labels: configuration.labels)
    task.loss = PairLoss(configuration.pairScore)
    return task
  }

  package init(
    encoder: Encoder, weights: ParameterBuffer, configurationJSON: JSON?, tokenizerDirectory: String,
    ownTokenizer: Tokenizer? = nil, notices: [String], hasTrainedHead: Bool
  ) {
    self.encoder = encoder
    self.weights = weights
    self.configurationJSON = configurationJSON
    self.tokenizerDirectory = tokenizerDirectory
    self.ownTokenizer = ownTokenizer
    self.notices = notices
    self.hasTrainedHead = hasTrainedHead
  }

  /// Reads a Hugging Face model directory.
  ///
  /// - Parameters:
  ///   - labels: the task's classes; `nil` takes the model's own.
  ///   - task: what the head is for; `nil` takes the model's own.
  ///   - layers: the file's layers to read, from 0; `nil` reads all.
  ///   - seed: keys the numbers of a new head.
  package init(
    directory path: String, head: HeadPolicy, labels: [String]? = nil, task: TaskKind? = nil, layers: [Int]? = nil,
    seed: UInt64 = 0, role: ModelRole
  ) throws {
    let directory = try ModelDirectory(path)
    var notices: [String] = []
    var configuration = try EncoderConfiguration(
      huggingFace: directory.configuration, path: directory.configurationPath, notices: &notices)
    let ownLabels = configuration.labels
    let modules = try SentenceModules(of: directory, hidden: configuration.hiddenSize)
    if let modules { configuration.vector = modules.shape }
    // A directory of sentence-transformers that is run as it is.
    let isSentenceModel =
      role == .alone && task == nil && modules != nil && Problem.stated(in: directory.configuration) == nil
    let task = isSentenceModel ? .embedding : task
    // A head that nothing reads keeps classes of its own; sentence vectors have none.
    if head != .unread || task == .embedding { configuration.take(task, labels: labels) }
    if let layers { configuration = configuration.picking(layers: layers) }
    var layout = ParameterLayout()
    var encoder = Encoder(configuration, layout: &layout)
    let files =
      try configuration.problem == .embedding
      ? modules?.weights(of: directory, hidden: configuration.hiddenSize) ?? directory.weights() : directory.weights()
    try files.check(layout, head: head, layers: layers, remedies: role.headRemedies)
    try OutOfMemory.check(4 * layout.count, for: "\(path): its weights")
    let weights = ParameterBuffer(layout, for: "\(path): its weights")
    let report = try files.load(into: weights, head: head, layers: layers, remedies: role.headRemedies)
    notices += report.notices(path: path)
    if configuration.normPlace == .beforeBlocks, let first = layers?.first, first > 0 {
      notices.append(
        "\(path.escapedForDisplay): layer \(first + 1) becomes the first, which reads the embeddings as they are in "
          + "\(configuration.family.modelType): its attn_norm is left out; a student whose layers "
          + "begin with 1 keeps all norms")
    }
    try Self.checkFinite(weights, path: files.path)
    let new = report.new.compactMap { layout[$0] }
    weights.initialize(new, seed: seed)
    var hasTrainedHead = !new.contains { $0.role == .head }
    if !configuration.problem.hasHead {
      hasTrainedHead = hasTrainedHead && configuration.problem == .embedding
    } else if head == .unread {
      let match = labels.flatMap { $0.count == ownLabels.count ? ClassMatch(ownLabels, in: $0) : nil }
      if let labels, let match, hasTrainedHead {
        weights.moveClasses(of: encoder, to: match)
        configuration.labels = labels
        var same = ParameterLayout()
        encoder = Encoder(configuration, layout: &same)
      } else {
        hasTrainedHead = false
      }
    } else if hasTrainedHead {
      try configuration.checkTask(of: directory.configuration, labels: ownLabels, path: path, role)
      if let labels {
        notices += try weights.arrange(ownLabels, as: labels, of: encoder, path: path, role).map { [$0] } ?? []
      }
    } else {
      notices.append(
        "\(path): the \(configuration.task.name) head is new (\(configuration.labels.count) "
          + "\(configuration.labels.count == 1 ? "output" : "outputs")) and will be trained")
    }
    self.init(
      encoder: encoder, weights: weights, configurationJSON: directory.configuration, tokenizerDirectory: path,
      notices: notices, hasTrainedHead: hasTrainedHead)
  }

  /// A single NaN makes every loss NaN, long after it was read.
  private static func checkFinite(_ weights: ParameterBuffer, path: String) throws {
    guard let key = weights.firstNonFinite() else { return }
    throw CheckpointError(
      path,
      "\(key): expected finite numbers, found NaN or infinity; use a checkpoint from before its "
        + "training diverged, or copy the file again")
  }

  /// Opens the tokenizer and checks that the model has an embedding for each of its tokens.
  package func tokenizer() throws -> Tokenizer {
    let tokenizer = try ownTokenizer ?? Tokenizer(directory: tokenizerDirectory)
    guard tokenizer.vocabularySize <= configuration.vocabularySize else {
      throw ModelError(
        "\(tokenizerDirectory): the tokenizer has \(tokenizer.vocabularySize) tokens, but the model's vocab_size is "
          + "\(configuration.vocabularySize); use the tokenizer that belongs to the model")
    }
    return tokenizer
  }
}

extension LoadReport {
  /// What the user should know of how a file was read.
  fileprivate func notices(path: String) -> [String] {
    var notices: [String] = []
    if let prefix {
      notices.append("\(path.escapedForDisplay): \(prefix.quoted) before the names of its tensors is left off")
    }
    if !outside.isEmpty {
      var groups: [(name: String, count: Int)] = []
      for name in outside {
        let group = name.dropFirst(prefix.map { name.hasPrefix($0) ? $0.count : 0 } ?? 0).prefix { $0 != "." }
        if groups.last?.name == String(group) {
          groups[groups.count - 1].count += 1
        } else {
          groups.append((String(group), 1))
        }
      }
      let shown = groups.prefix(5).map { "\($0.name.escapedForDisplay).* (\($0.count))" }.joined(separator: ", ")
      notices.append(
        "\(path.escapedForDisplay): tensors that this model has no use for are not read: "
          + "\(shown)\(groups.count > 5 ? ", …" : "")")
    }
    return notices
  }
}
