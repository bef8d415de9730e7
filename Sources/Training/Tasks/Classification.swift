import Distillation
import Glibc
import JSON

extension TaskKind {
  /// One class a row, cross-entropy.
  package static let classification = TaskKind(
    name: "classification", meaning: "one class for each text", problem: .singleLabel, leastOutputs: 2,
    standardOutputs: nil, options: ["classWeights", "labelSmoothing"], targets: { .classes($1) },
    card: Card(
      pipelineTag: "text-classification", title: "Text classification", noun: "A text classifier", outputs: "labels",
      pipelineArguments: "", autoClass: "AutoModelForSequenceClassification"),
    metrics: [
      TaskMetric("accuracy", "accuracy", short: "acc", .max, hub: ("accuracy", "Accuracy")),
      TaskMetric("macro_f1", "macro-F1", short: "F1", .max, hub: ("f1", "Macro-F1")),
      TaskMetric("macro_recall", "macro-recall", short: "recall", .max, hub: ("recall", "Macro-recall")),
      TaskMetric("matthews", "Matthews", short: "MCC", .max, hub: ("matthews_correlation", "Matthews correlation")),
      TaskMetric("auroc", "AUROC", .max, hub: ("roc_auc", "AUROC")),
    ],
    hardLoss: { task, terms in
      crossEntropy(
        logits: terms.logits, labels: terms.batch.labels, weights: task.classWeights?.numbers ?? [],
        smoothing: task.labelSmoothing, dLogits: terms.dLogits, scale: terms.scale, arena: terms.arena)
    },
    measure: { answers in
      let scores = answers.classification
      let area = AreaUnderROC.ofClasses(answers.labels, logits: answers.logits, classes: answers.outputs.count)
      return [scores.accuracy, scores.macroF1, scores.macroRecall, scores.matthews, area]
    },
    details: { answers in
      let scores = answers.classification
      let names = answers.outputs.map(\.escapedForDisplay)
      let classes = names.indices.map(scores.figures(ofClass:))
      let members = zip(answers.outputs, classes).map { name, own -> JSON in
        [
          "label": .string(name), "rows": .integer(own.rows), "precision": .number(own.precision),
          "recall": .number(own.recall), "f1": .number(own.f1),
        ]
      }
      let rows = zip(names, classes).map { name, own in
        [name, grouped(own.rows)] + [own.precision, own.recall, own.f1].map { fixed($0, 4) }
      }
      let confusion = zip(names, scores.confusion).map { name, row in [name] + row.map(grouped) }
      return EvaluationDetails(
        members: [
          ("classes", .array(members)),
          ("confusion", .array(scores.confusion.map { .array($0.map(JSON.integer)) })),
        ],
        tables: [
          [["label", "rows", "precision", "recall", "F1"]] + rows, [["true \\ predicted"] + names] + confusion,
        ])
    },
    answer: { row in
      [
        .json("label", .string(row.outputs[row.logits.indexOfLargest])),
        .numbers("logits", column: "logit", row.logits),
        .numbers("probabilities", column: "probability", softmax(row.logits)),
      ]
    },
    tableFields: ["label", "probabilities", "logits"])
}

extension Answers {
  /// The confusion of labels and largest logits.
  package var classification: ClassificationMetrics {
    ClassificationMetrics(
      labels: labels.lazy.map(Int.init), predictions: labels.indices.lazy.map { logits(of: $0).placeOfLargest },
      classes: outputs.count)
  }
}

func softmax(_ logits: some Collection<Float>) -> [Double] {
  let largest = Double(logits.max() ?? 0)
  let exponentials = logits.map { exp(Double($0) - largest) }
  let sum = exponentials.reduce(0, +)
  return exponentials.map { $0 / sum }
}
