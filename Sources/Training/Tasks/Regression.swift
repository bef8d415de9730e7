import Distillation
import JSON

extension TaskKind {
  /// A number a row for each output, mean squared error.
  static let regression = TaskKind(
    name: "regression", meaning: "a number for each text, or several", problem: .regression, leastOutputs: 1,
    standardOutputs: ["score"], targets: { .numbers($1) },
    card: Card(
      pipelineTag: "text-classification", title: "Scoring texts", noun: "A model that scores texts", outputs: "scores",
      pipelineArguments: ", function_to_apply=\"none\"", autoClass: "AutoModelForSequenceClassification"),
    metrics: [
      TaskMetric("mse", "MSE", .min, hub: ("mse", "Mean squared error")),
      TaskMetric("mae", "MAE", .min, hub: ("mae", "Mean absolute error")),
      TaskMetric("pearson", "Pearson", .max, hub: ("pearsonr", "Pearson correlation")),
      TaskMetric("spearman", "Spearman", .max, hub: ("spearmanr", "Spearman correlation")),
    ],
    hardLoss: { _, terms in
      squaredError(
        outputs: terms.logits, labels: terms.batch.labels, targets: terms.batch.values, dOutputs: terms.dLogits,
        scale: terms.scale)
    },
    measure: { answers in
      // The mean over outputs, as scikit-learn's errors are.
      let each = answers.regressions
      func mean(_ value: (RegressionMetrics) -> Double) -> Double {
        each.reduce(0) { $0 + value($1) } / Double(max(1, each.count))
      }
      return [
        mean(\.meanSquaredError), mean(\.meanAbsoluteError), mean(\.pearson), mean(\.spearman),
      ]
    },
    details: { answers in
      guard answers.outputs.count > 1 else { return EvaluationDetails() }
      let each = answers.regressions
      let rows = zip(answers.outputs, each).map { name, own in
        [name.escapedForDisplay]
          + [own.meanSquaredError, own.meanAbsoluteError, own.pearson, own.spearman].map { fixed($0, 4) }
      }
      return EvaluationDetails(
        members: [
          (
            "outputs",
            .array(
              each.map { own in
                [
                  "mse": .number(own.meanSquaredError), "mae": .number(own.meanAbsoluteError),
                  "pearson": .number(own.pearson), "spearman": .number(own.spearman),
                ]
              })
          )
        ], tables: [[["output", "MSE", "MAE", "Pearson", "Spearman"]] + rows])
    },
    answer: { row in
      let scores: AnswerField =
        row.outputs.count == 1
        ? .json("score", .shortest(row.logits[0])) : .numbers("scores", column: "score", row.logits)
      return [scores, .numbers("logits", column: "logit", row.logits)]
    },
    tableFields: ["score", "scores", "logits"],
    charts: { answers in
      answers.outputs.enumerated().map { output, name in
        let places = answers.labels.indices.map { $0 * answers.outputs.count + output }
        return .ofRows(
          "Predictions\(answers.outputs.count > 1 ? ": \(name)" : "")", x: "label", y: "prediction",
          targets: places.map { Double(answers.values[$0]) }, answers: places.map { Double(answers.logits[$0]) },
          hasDiagonal: true)
      }
    })
}

extension Answers {
  /// Of each output.
  var regressions: [RegressionMetrics] {
    let places = outputs.indices.map { output in labels.indices.lazy.map { $0 * outputs.count + output } }
    return places.map { places in
      RegressionMetrics(
        targets: places.map { Double(values[$0]) }, predictions: places.map { Double(logits[$0]) })
    }
  }
}
