import Distillation
import JSON

extension TaskKind {
  /// Any number of classes a row, binary cross-entropy for each.
  package static let multilabel = TaskKind(
    name: "multilabel", meaning: "any number of classes for each text", problem: .multiLabel, leastOutputs: 1,
    standardOutputs: nil, options: ["positiveWeights", "threshold"], targets: { .classSets($1) },
    card: Card(
      pipelineTag: "text-classification", title: "Multi-label text classification",
      noun: "A classifier of texts that may have several labels", outputs: "labels",
      pipelineArguments: ", top_k=None", autoClass: "AutoModelForSequenceClassification"),
    metrics: [
      TaskMetric("micro_f1", "micro-F1", .max, hub: ("f1", "Micro-F1")),
      TaskMetric("macro_f1", "macro-F1", short: "F1", .max, hub: ("f1", "Macro-F1")),
      TaskMetric("samples_f1", "samples-F1", .max),
      TaskMetric("exact_match", "exact match", short: "exact", .max, hub: ("accuracy", "Exact match")),
      TaskMetric(
        "mean_average_precision", "mean average precision", short: "mAP", .max,
        hub: ("mean_average_precision", "Mean average precision")),
    ],
    hardLoss: { task, terms in
      binaryCrossEntropy(
        logits: terms.logits, labels: terms.batch.labels, targets: terms.batch.values,
        positiveWeights: task.positiveWeights, dLogits: terms.dLogits, scale: terms.scale)
    },
    measure: { answers in
      let scores = answers.multilabel
      return [scores.microF1, scores.macroF1, scores.samplesF1, scores.exactMatch, scores.meanAveragePrecision]
    },
    details: { answers in
      let classes = answers.multilabel.classes
      let names = answers.outputs.map(\.escapedForDisplay)
      let rows = zip(names, classes).map { name, own in
        [name, grouped(own.rows)]
          + [own.precision, own.recall, own.f1, own.averagePrecision].map { fixed($0, 4) }
      }
      let members = zip(answers.outputs, classes).map { name, own -> JSON in
        [
          "label": .string(name), "rows": .integer(own.rows), "precision": .number(own.precision),
          "recall": .number(own.recall), "f1": .number(own.f1), "average_precision": .number(own.averagePrecision),
        ]
      }
      return EvaluationDetails(
        members: [("threshold", .number(answers.task.threshold)), ("classes", .array(members))],
        tables: [[["label", "rows", "precision", "recall", "F1", "average precision"]] + rows])
    },
    answer: { row in
      let probabilities = row.logits.map { sigmoid(Double($0)) }
      let chosen = zip(row.outputs, probabilities).filter { $1 >= row.task.threshold }.map(\.0)
      return [
        AnswerField(name: "labels", column: "labels", value: .names(chosen)),
        .numbers("logits", column: "logit", row.logits),
        .numbers("probabilities", column: "probability", probabilities),
      ]
    },
    tableFields: ["labels", "probabilities", "logits"],
    charts: { answers in
      let rows = answers.labels.indices
      // Those that most rows have.
      let shown = answers.outputs.indices.map { output in
        (output, rows.map { answers.values(of: $0)[$0 * answers.outputs.count + output] > 0.5 })
      }
      .sorted { ($1.1.count { $0 }, $0.0) < ($0.1.count { $0 }, $1.0) }.prefix(12)
      return shown.map { output, targets in
        TaskChart(
          "Precision and recall: \(answers.outputs[output])", x: "recall", y: "precision", .line,
          MultilabelMetrics.precisionsByRecall(
            targets, rows.map { answers.logits(of: $0)[$0 * answers.outputs.count + output] }))
      }
    })
}

extension Answers {
  var multilabel: MultilabelMetrics {
    MultilabelMetrics(
      targets: labels.indices.map { values(of: $0).map { $0 > 0.5 } },
      scores: labels.indices.map { Array(logits(of: $0)) },
      outputs: outputs.count,
      isChosen: { [threshold = task.threshold] in sigmoid(Double($0)) >= threshold })
  }
}
