import Distillation
import JSON
import Text

extension TaskKind {
  /// A vector for each text, learned from a teacher's, or from scores of pairs.
  package static let embedding = TaskKind(
    name: "embedding", meaning: "a vector for each text", problem: .embedding, leastOutputs: 0, standardOutputs: [],
    options: ["pooling", "normalize", "projection", "largestScore"], targets: { _, _ in .numbers(["score"]) },
    card: Card(
      pipelineTag: "sentence-similarity", title: "Sentence similarity", noun: "A model of sentence vectors",
      outputs: "vector", pipelineArguments: "", autoClass: "AutoModel"),
    metrics: [
      TaskMetric("spearman", "Spearman", .max, hub: ("spearmanr", "Spearman correlation of cosines")),
      TaskMetric("pearson", "Pearson", .max, hub: ("pearsonr", "Pearson correlation of cosines")),
    ],
    hardLoss: { task, terms in scoredPairsError(terms.pair, largest: task.largestScore, scale: terms.scale) },
    scoresPairsOfRows: true,
    measure: { answers in
      let scores = answers.similarities
      return [scores.spearman, scores.pearson]
    },
    details: { _ in EvaluationDetails() },
    answer: { [.numbers("vector", column: "vector", $0.logits)] },
    tableFields: ["vector"],
    charts: { answers in
      [
        .ofRows(
          "Similar pairs", x: "label", y: "cosine", targets: answers.values.map(Double.init), answers: answers.cosines,
          hasDiagonal: false)
      ]
    })
}

extension Answers {
  /// Of the cosines of pairs, whose texts are rows side by side, with the scores that they are labelled with.
  var similarities: RegressionMetrics {
    RegressionMetrics(targets: values.map(Double.init), predictions: cosines)
  }
}

/// 0 where a vector has no direction.
func cosine(_ a: [Float], _ b: [Float]) -> Double {
  var (product, ofA, ofB) = (0.0, 0.0, 0.0)
  for (x, y) in zip(a, b) {
    product += Double(x) * Double(y)
    ofA += Double(x) * Double(x)
    ofB += Double(y) * Double(y)
  }
  let lengths = (ofA * ofB).squareRoot()
  return lengths > 0 ? product / lengths : 0
}

extension TaskSettings {
  /// Reads a source as the task has its rows: with the labels that go with it; where texts are compared by their vectors
  /// each text of a pair as a row of its own, and where pairs are ranked with their groups.
  ///
  /// - Parameters:
  ///   - outputs: what outputs are called; `nil` for texts alone.
  ///   - labelsKey: what names the classes.
  package func read(
    _ source: DatasetSource, outputs: [String]?, labelsKey: String? = nil, areNeeded: Bool = true
  ) throws -> Examples {
    let examples = try source.read(targets(of: source, outputs: outputs), labelsKey: labelsKey, areNeeded: areNeeded)
    try checkPairs(examples, path: source.path)
    return isOfVectors ? examples.separated : kind == .pairs ? examples.grouped() : examples
  }

  /// Reads a source as `read` does, and gives some of its rows at a time.
  ///
  /// - Parameter areRanked: whether anybody asks for the groups of pairs, whose names are in memory meanwhile.
  func forEachBlock(
    _ source: DatasetSource, outputs: [String]?, labelsKey: String, areNeeded: Bool, areRanked: Bool,
    _ body: (Examples) throws -> Void
  ) throws {
    let targets = targets(of: source, outputs: outputs)
    var rows = 0
    var groups = RowGroups()
    try source.forEachBlock(targets, labelsKey: labelsKey, areNeeded: areNeeded) { examples in
      try checkPairs(examples, path: source.path, rowsBefore: rows)
      rows += examples.count
      if isOfVectors { return try body(examples.separated) }
      try body(kind == .pairs && areRanked ? examples.grouped(behind: &groups) : examples.ungrouped)
    }
  }

  private var isOfVectors: Bool { kind == .embedding }

  /// What a source's rows are labelled with; `nil` where they are not.
  func targets(of source: DatasetSource, outputs: [String]?) -> Targets? {
    // A single text has no score.
    let hasTargets = isOfVectors ? source.pairColumn != nil && source.hasLabels : kind.hasLoss
    return hasTargets ? outputs.map { kind.targets(self, $0) } : nil
  }
}
