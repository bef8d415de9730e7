import Distillation

/// The `README.md` of a saved model: what it is and how it was made.
struct ModelCard {
  let configuration: RunConfiguration
  let stage: StageSettings
  let report: ValidationReport?
  let parameters: Int
  let layers: Int
  let hiddenSize: Int
  let labels: [String]

  var text: String {
    var lines = [
      "---", "library_name: transformers", "pipeline_tag: text-classification", "tags:", "- text-classification",
    ]
    if configuration.teacher != nil { lines.append("- knowledge-distillation") }
    lines += ["---", "", "# \(lastComponent(configuration.run.directory))", ""]
    lines.append(
      "A BERT text classifier of \(layers) layers of \(hiddenSize), \(parameters) parameters, "
        + "\(configuration.teacher == nil ? "fine-tuned" : "distilled") with distill-ddp.")
    lines += ["", "| | |", "|---|---|"]
    lines.append("| labels | \(labels.map(Self.escaped).joined(separator: ", ")) |")
    lines.append("| training data | \(Self.escaped(configuration.data.train.path)) |")
    if let validation = configuration.data.validation {
      lines.append("| validation data | \(Self.escaped(validation.path)) |")
    }
    if let teacher = configuration.teacher { lines.append("| teacher | \(Self.escaped(teacher.model)) |") }
    lines.append("| stage | \(stage.name) |")
    let keys = AdaptorSettings.metricKeys(of: stage.adaptors)
    let adaptors = zip(keys, stage.adaptors).map { "\($0) × \($1.weight)" }
    if !adaptors.isEmpty { lines.append("| adaptors | \(adaptors.joined(separator: ", ")) |") }
    lines.append("| weight of the labels | \(stage.labelWeight) |")
    lines.append("| batch size | \(stage.training.batchSize) |")
    lines.append("| learning rate | \(stage.training.learningRate) |")
    lines.append("| longest sequence | \(configuration.data.maxLength) tokens |")
    lines.append("| seed | \(configuration.run.seed) |")
    if let report {
      lines += [
        "", "On the validation data, after step \(report.step) of stage \(stage.name):", "", "| metric | value |",
      ]
      lines.append("|---|---|")
      lines += report.metrics.map { "| \($0.name) | \($0.value) |" }
    }
    lines += [
      "", "```python", "from transformers import AutoModelForSequenceClassification, AutoTokenizer", "",
      "tokenizer = AutoTokenizer.from_pretrained(DIRECTORY)",
      "model = AutoModelForSequenceClassification.from_pretrained(DIRECTORY)", "```", "",
    ]
    return lines.joined(separator: "\n")
  }

  private func lastComponent(_ path: String) -> String {
    Self.escaped(path.split(separator: "/").last.map(String.init) ?? "model")
  }

  /// Keeps text from a configuration inside its table cell.
  private static func escaped(_ text: String) -> String {
    String(text.map { $0 == "|" || $0.isNewline ? " " : $0 })
  }
}
