import Distillation
import Encoders
import JSON
import Text

extension TaskKind {
  /// A number for a pair of texts, by which the second texts of a query are ranked.
  package static let pairs = TaskKind(
    name: "pairs", meaning: "a number for each pair of texts, to rank by", problem: .pairs, leastOutputs: 1,
    mostOutputs: 1, standardOutputs: ["score"], options: ["loss", "cutoff", "threshold", "positiveWeights"],
    targets: { task, names in task.loss == .bce ? .shares(names) : .numbers(names) },
    card: Card(
      pipelineTag: "text-ranking", title: "Text ranking", noun: "A model that scores pairs of texts",
      outputs: "scores", pipelineArguments: "", autoClass: "AutoModelForSequenceClassification"),
    metrics: [
      TaskMetric("mrr", "MRR", .max, hub: ("mrr", "Mean reciprocal rank")),
      TaskMetric("ndcg", "nDCG", .max, hub: ("ndcg", "Normalized discounted cumulative gain")),
      TaskMetric("map", "MAP", .max, hub: ("map", "Mean average precision of groups")),
      TaskMetric("pearson", "Pearson", .max, hub: ("pearsonr", "Pearson correlation")),
      TaskMetric("spearman", "Spearman", .max, hub: ("spearmanr", "Spearman correlation")),
      TaskMetric("accuracy", "accuracy", .max, hub: ("accuracy", "Accuracy")),
    ],
    hardLoss: { task, terms in
      switch task.loss {
      case .bce:
        binaryCrossEntropy(
          logits: terms.logits, labels: terms.batch.labels, targets: terms.batch.values,
          positiveWeights: task.positiveWeights, dLogits: terms.dLogits, scale: terms.scale)
      case .mse:
        squaredError(
          outputs: terms.logits, labels: terms.batch.labels, targets: terms.batch.values, dOutputs: terms.dLogits,
          scale: terms.scale)
      }
    },
    measure: { answers in
      let (ranking, scores) = (answers.ranking, answers.scores)
      let fits = zip(scores, answers.values).count {
        ($0 >= answers.task.threshold) == (Double($1) >= RankingMetrics.relevance)
      }
      let values = RegressionMetrics(targets: answers.values.map(Double.init), predictions: scores)
      return [
        ranking.meanReciprocalRank, ranking.meanGain, ranking.meanAveragePrecision, values.pearson, values.spearman,
        Double(fits) / Double(max(1, scores.count)),
      ]
    },
    details: { answers in
      let ranking = answers.ranking
      return EvaluationDetails(members: [
        ("groups", .integer(ranking.groups)), ("ranked_groups", .integer(ranking.ranked)),
        ("cutoff", .integer(answers.task.cutoff)),
      ])
    },
    answer: { row in
      [
        .json("score", .shortest(Float(row.task.score(row.logits[0])))),
        .numbers("logits", column: "logit", row.logits),
      ]
    },
    tableFields: ["score", "logits"],
    charts: { answers in
      let recalls = RankingMetrics.recalls(
        groups: answers.groups, labels: answers.values, scores: answers.logits, mostRows: 20)
      guard recalls.isEmpty else {
        return [
          TaskChart(
            "Relevant texts found", x: "texts of each query that are looked at", y: "share", .line,
            recalls.enumerated().map { (Double($0 + 1), $1) })
        ]
      }
      return [
        .ofRows(
          "Scores", x: "label", y: "score", targets: answers.values.map(Double.init), answers: answers.scores,
          hasDiagonal: true)
      ]
    })
}

/// What a task of pairs does with labels, and what its score is.
package enum PairLoss: String, Sendable, CaseIterable {
  /// Binary cross-entropy; the score is the logit's sigmoid.
  case bce
  /// Squared error; the score is the logit.
  case mse

  init(_ score: PairScore) { self = score == .sigmoid ? .bce : .mse }

  var score: PairScore { self == .bce ? .sigmoid : .identity }
}

extension TaskSettings {
  /// As sentence-transformers' `CrossEncoder` gives it.
  func score(_ logit: Float) -> Double { loss == .bce ? sigmoid(Double(logit)) : Double(logit) }

  /// Refuses single texts where pairs are scored.
  package func requirePairs(_ examples: Examples, path: String, remedy: String) throws {
    guard kind == .pairs, !examples.hasPairs, examples.count > 0 else { return }
    throw ModelError("\(path): expected pairs of texts, as these are scored, found single texts; \(remedy)")
  }

  /// Refuses rows to learn from, or to be judged by, that are no pairs.
  /// - Parameter rowsBefore: how many rows of the source lie before these.
  func checkPairs(_ examples: Examples, path: String, rowsBefore: Int = 0) throws {
    guard kind == .pairs else { return }
    try requirePairs(
      examples, path: path, remedy: "name the column of the second in pairColumn (of a command, --text-pair)")
    if let row = examples.firstWithoutPair {
      throw ModelError(
        "\(path): row \(rowsBefore + row + 1): expected two texts, found an empty one; give the row both, or leave "
          + "it out")
    }
  }
}

extension Answers {
  fileprivate var scores: [Double] { logits.map(task.score) }

  /// By logits, which differ where their sigmoids no longer do.
  fileprivate var ranking: RankingMetrics {
    RankingMetrics(groups: groups, labels: values, scores: logits, cutoff: task.cutoff)
  }
}
