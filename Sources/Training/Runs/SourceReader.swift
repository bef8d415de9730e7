import Kernels
import Text

/// Makes tokens of a run's sources, a few megabytes of text at a time, in memory or where the run keeps them.
struct SourceReader: Sendable {
  private let task: TaskSettings
  private let tokenizer: Tokenizer
  private let options: TokenTableOptions
  private let cache: TokenCache
  private let threads: Int
  private let ranksOfHost: Int

  /// - Parameters:
  ///   - keepsOffsets: whether rows are to be aligned with another tokenization of them.
  ///   - threads: of this rank.
  ///   - ranksOfHost: how many read the same; all but one wait for what is kept.
  init(
    _ configuration: RunConfiguration, tokenizer: Tokenizer, keepsOffsets: Bool = false, threads: Int,
    ranksOfHost: Int = 1
  ) {
    task = configuration.task
    self.tokenizer = tokenizer
    options = TokenTableOptions(
      maxLength: configuration.data.maxLength, keepsOffsets: keepsOffsets, keepsHashes: configuration.hasPredictions)
    cache = TokenCache(configuration)
    self.threads = threads
    self.ranksOfHost = ranksOfHost
  }

  /// The rows of a source as the task has them, at least one.
  /// - Parameters:
  ///   - outputs: what outputs are called; `nil` for texts alone.
  ///   - areNeeded: whether anything in the run reads the labels.
  ///   - areRanked: whether pairs are ranked.
  func read(
    _ source: DatasetSource, outputs: [String]?, areNeeded: Bool = false, areRanked: Bool = false
  ) throws -> TokenizedDataset {
    let targets = task.targets(of: source, outputs: outputs)
    let form = task.kind == .embedding ? "texts apart" : task.kind == .pairs ? "pairs, ranked: \(areRanked)" : "rows"
    let recipe = [form, targets.map { "\($0)" } ?? "no labels"]
    let rows = try read(source, recipe, withLabels: targets != nil) { body in
      try task.forEachBlock(
        source, outputs: outputs, labelsKey: "task.labels", areNeeded: areNeeded, areRanked: areRanked, body)
    }
    guard rows.count > 0 else { throw ModelError("\(source.name): expected at least one row, found none") }
    return rows
  }

  /// The texts of a source as they are.
  func readTexts(_ source: DatasetSource) throws -> TokenizedDataset {
    try read(source, ["rows", "no labels"], withLabels: false) { body in try source.forEachBlock(nil, body) }
  }

  private func read(
    _ source: DatasetSource, _ recipe: [String], withLabels: Bool,
    forEachBlock: ((Examples) throws -> Void) throws -> Void
  ) throws -> TokenizedDataset {
    func make(in directory: String?, threads: Int) throws -> TokenTable {
      let builder = try TokenTableBuilder(tokenizer, options, in: directory, threads: threads)
      try forEachBlock { try builder.append($0) }
      return try builder.finish()
    }
    let recipe = recipe + ["\(options)", "\(RunIdentity.digest(of: tokenizer))", "version \(programVersion)"]
    let kept = try cache.table(source, withLabels: withLabels, recipe) { directory in
      try make(in: directory, threads: threads * ranksOfHost)
    }
    return TokenizedDataset([try kept ?? make(in: nil, threads: threads)])
  }
}

extension RunConfiguration {
  /// Whether rows are to be found in files of predictions.
  var hasPredictions: Bool { teachers.contains { !$0.predictions.isEmpty } }
}
