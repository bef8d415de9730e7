import Distillation
import Encoders
import JSON
import Text

/// The `README.md` of a saved model: what it is, how it was made, how good it is and how it is used. Its front matter is
/// what the hub reads. Times are not in it, so that a run leaves the same bytes on any machine, interrupted or not.
struct ModelCard {
  let configuration: RunConfiguration
  let stage: StageSettings
  let model: Shape
  /// What it learned from, where it did.
  let teacher: Shape?
  let step: Int
  let epoch: Int
  let sentences: Int
  let report: ValidationReport?

  /// A model's size.
  struct Shape {
    let configuration: EncoderConfiguration
    let parameters: Int

    /// Floating-point operations for one sentence: two for each multiplication and addition of the matrix products.
    func operations(tokens: Int) -> Double {
      let (width, inner) = (Double(configuration.hiddenSize), Double(configuration.intermediateSize))
      let linear = 4 * width * width + 2 * width * inner
      let attention = 2 * Double(tokens) * width
      return 2 * Double(tokens) * Double(configuration.layers) * (linear + attention)
    }
  }

  var text: String {
    ([frontMatter, "# \(Self.escaped(configuration.modelName))", introduction, making, quality, cost, usage].compactMap
    { $0 })
    .joined(separator: "\n\n") + "\n"
  }

  private var task: TaskKind { configuration.task.kind }

  // MARK: Front matter

  /// YAML, in which a JSON text is a text.
  private var frontMatter: String {
    var lines = [
      "---", "library_name: \(task == .embedding || task == .pairs ? "sentence-transformers" : "transformers")",
      "pipeline_tag: \(task.card.pipelineTag)",
      "# license: add yours before you publish; the teacher's may bind you", "tags:",
      "- \(model.configuration.family.modelType)", "- \(task.card.pipelineTag)",
    ]
    if teacher != nil { lines.append("- knowledge-distillation") }
    lines.append("- distill-ddp")
    if let validation = configuration.data.validation, let report {
      let results = configuration.results(on: validation, split: "validation") { report.value($0.key) }
      if !results.isEmpty { lines += configuration.modelIndex + results }
    }
    return (lines + ["---"]).joined(separator: "\n")
  }

  // MARK: Sections

  private var introduction: String {
    let shape = model.configuration
    let made: String
    if let teacher {
      let path = configuration.teacherName
      made =
        sizeComparison(model.parameters, to: teacher.parameters, called: Self.escaped(path.portablePath))
        + ", from which it was distilled"
    } else {
      made = "fine-tuned"
    }
    return
      "\(task.card.noun) (\(shape.family.name)) of \(shape.layers) layers of \(shape.hiddenSize) with \(grouped(model.parameters)) "
      + "parameters, \(made), by distill-ddp."
  }

  private var making: String {
    var rows: [(String, String)] = [
      (task.card.outputs, outputs),
      ("training data", configuration.data.train.portableName),
    ]
    if !stage.unlabelled.sources.isEmpty {
      rows.append(
        ("text without labels", stage.unlabelled.sources.map { $0.portableName }.joined(separator: ", ")))
    }
    if let validation = configuration.data.validation {
      rows.append(("validation data", validation.portableName))
    }
    if let teacher {
      let path = configuration.teacherName
      let shape = teacher.configuration
      let size = "\(shape.layers) layers of \(shape.hiddenSize), \(grouped(teacher.parameters)) parameters"
      let precision = configuration.teacher?.precision.resolved ?? .float32
      rows.append(
        ("teacher", "\(path.portablePath): \(size)\(precision == .float32 ? "" : ", run in \(precision.rawValue)")"))
    }
    rows += [("start", start), ("stages", configuration.stages.map(\.name).joined(separator: ", then "))]
    rows.append(("stage", stage.name))
    let keys = AdaptorSettings.metricKeys(of: stage.adaptors)
    let adaptors = zip(keys, stage.adaptors).map { "\($0) × \($1.weight)" }
    if !adaptors.isEmpty { rows.append(("adaptors", adaptors.joined(separator: ", "))) }
    rows += [
      ("products of training", stage.training.precision.rawValue), ("weight of the labels", "\(stage.labelWeight)"),
      ("batch size", "\(stage.training.batchSize)"),
      ("learning rate", "\(stage.training.learningRate)"),
      ("longest sequence", "\(configuration.data.maxLength) tokens"), ("seed", "\(configuration.run.seed)"),
    ]
    return "## How it was made\n\n" + Self.table(("", ""), rows)
      + "\n\nEvery key is in the run's `config.yaml`, with which `distill-ddp --config config.yaml` makes it again."
  }

  private var outputs: String {
    if task == .noTask { return "the last hidden states" }
    guard task == .embedding else { return model.configuration.labels.joined(separator: ", ") }
    let shape = model.configuration.vector
    return "\(model.configuration.outputs) numbers: \(shape.pooling.rawValue) of the last hidden states"
      + (shape.dense.map { ", mapped (Dense, \($0.activation.rawValue))" } ?? "")
      + (shape.normalizes ? ", normalized" : "")
  }

  private var start: String {
    switch configuration.student.source {
    case .model(let path): "started as \(part(configuration.student.layers))\(path.portablePath)"
    case .teacherLayers(let layers):
      "started as \(part(layers))\(configuration.teacher?.model?.portablePath ?? "")"
        + (configuration.student.hidden.map { ", with \($0) of its hidden dimensions" } ?? "")
    case .fresh: "started with random weights"
    }
  }

  /// `layers 2, 4, 6 of `
  private func part(_ layers: [Int]?) -> String {
    layers.map { "layers \($0.map(String.init).joined(separator: ", ")) of " } ?? ""
  }

  private var quality: String? {
    guard let report else { return nil }
    let choice =
      stage.checkpoint.monitor.map { monitor in
        report.isBest ? ", the best \(monitor) so far" : ", not the best \(monitor) so far"
      } ?? ""
    return "## How good it is\n\nOn the validation data, after step \(report.step) of stage \(stage.name)\(choice):\n\n"
      + Self.table(("metric", "value"), report.metrics.map { ($0.name, fixed($0.value, 4)) })
  }

  private var cost: String {
    let tokens = min(128, configuration.data.maxLength)
    func row(_ shape: Shape) -> String {
      "\(grouped(shape.parameters)) | \(fixed(Double(shape.parameters) * 4 / 1e6, 1)) MB | "
        + "\(fixed(shape.operations(tokens: tokens) / 1e9, 3)) GFLOP"
    }
    var lines = [
      "## What it costs", "",
      "It saw \(grouped(sentences)) sentences in \(grouped(step)) steps of stage \(stage.name), up to epoch \(epoch). "
        + "To run, it takes:", "",
      "| model | parameters | weights (F32) | a sentence of \(tokens) tokens |", "|---|---|---|---|",
      "| this model | \(row(model)) |",
    ]
    if let teacher { lines.append("| its teacher | \(row(teacher)) |") }
    return lines.joined(separator: "\n")
  }

  private var usage: String {
    if task == .noTask {
      return """
        ## How to load it

        ```python
        from transformers import AutoModel

        model = AutoModel.from_pretrained(DIRECTORY)
        ```

        It has no head: fine-tune it, or distil a task into it. Its hidden states without Python:
        `distill-ddp features --model DIRECTORY --input FILE --output features.safetensors`.
        """
    }
    guard task != .embedding else {
      return """
        ## How to load it

        ```python
        from sentence_transformers import SentenceTransformer

        vectors = SentenceTransformer(DIRECTORY).encode(["A sentence.", "Another one."])
        ```

        Without Python: `distill-ddp predict --model DIRECTORY --input FILE --output vectors.jsonl`.
        """
    }
    guard task != .pairs else {
      return """
        ## How to load it

        ```python
        from sentence_transformers import CrossEncoder

        model = CrossEncoder(DIRECTORY)
        scores = model.predict([("a query", "a text"), ("a query", "another text")])
        order = model.rank("a query", ["a text", "another text"])
        ```

        Without Python: `distill-ddp predict --model DIRECTORY --input pairs.tsv --text query --text-pair text`.
        """
    }
    return """
      ## How to load it

      ```python
      from transformers import \(task.card.autoClass), AutoTokenizer, pipeline

      tokenizer = AutoTokenizer.from_pretrained(DIRECTORY)
      model = \(task.card.autoClass).from_pretrained(DIRECTORY)
      predict = pipeline("\(task.card.pipelineTag)", model=model, tokenizer=tokenizer\(task.card.pipelineArguments))
      ```

      \(model.configuration.problem == .tokens ? "" : "With sentence-transformers: `CrossEncoder(DIRECTORY)`. ")Without Python:
      `distill-ddp predict --model DIRECTORY --input FILE --output predictions.jsonl`.
      """
  }

  // MARK: Markdown

  static func table(_ header: (String, String), _ rows: [(String, String)]) -> String {
    (["| \(header.0) | \(header.1) |", "|---|---|"] + rows.map { "| \($0) | \(escaped($1)) |" }).joined(separator: "\n")
  }

  /// Keeps text from a configuration inside its table cell.
  static func escaped(_ text: String) -> String {
    String(text.map { $0 == "|" || $0.isNewline ? " " : $0 })
  }
}
