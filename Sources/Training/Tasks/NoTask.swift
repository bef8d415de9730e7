import Distillation
import Text

extension TaskKind {
  /// Nothing is predicted: an encoder learns what another's layers do, from plain text.
  static let noTask = TaskKind(
    name: "none", meaning: "nothing: an encoder alone", problem: .noHead, leastOutputs: 0, standardOutputs: [],
    targets: { .classes($1) },
    card: Card(
      pipelineTag: "feature-extraction", title: "Features", noun: "An encoder", outputs: "outputs",
      pipelineArguments: "", autoClass: "AutoModel"),
    metrics: [], hardLoss: nil, measure: { _ in [] }, details: { _ in EvaluationDetails() }, answer: { _ in [] },
    tableFields: [])
}
