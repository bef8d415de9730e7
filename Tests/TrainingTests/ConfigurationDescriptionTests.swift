import Distillation
import Foundation
import JSON
import Testing

@testable import Training

private let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()

private let shipped = [
  "finetune.yaml", "student_baseline.yaml", "distillation_ms.yaml", "distillation_ts.yaml", "distillation_ts_1st.yaml",
  "distillation_ts_2nd.yaml", "sweep.yaml",
]

/// What is said of the keys, and what is read.
@Suite struct ConfigurationDescriptions {
  @Test func everyKeyHasAMeaning() {
    #expect(ConfigurationKey.all.count > 150)
    for key in ConfigurationKey.all {
      #expect(!key.meaning.isEmpty && !key.meaning.hasSuffix(".") && !key.meaning.contains("|"), "\(key.path)")
    }
  }

  /// A key that only some configurations reach would be missing from the schema.
  @Test func readingAnyConfigurationMeetsDescribedKeysOnly() throws {
    let described = Set(ConfigurationKey.all.map(\.path))
    let documents =
      try shipped.map { try String(contentsOf: root.appending(path: "configs/\($0)"), encoding: .utf8) } + [
        minimal, distilling, "data: {format: glue/sst2, path: d}", "training: {optimizer: {kind: sgd}}",
        "data: {train: {tsv: t}}", "student: {model: m}",
      ]
    for document in documents {
      let node = try ConfigurationNode(yaml: document, origin: "x", isFile: false)
      let reader = ConfigurationReader(root: node, describes: true)
      _ = RunConfiguration.read(reader)
      let others = reader.keys.filter { !described.contains($0.path) }
      #expect(others.isEmpty, "\(others.map(\.path))")
    }
  }

  /// A section whose keys nobody described has an empty schema.
  @Test func everySectionHasKeys() {
    for key in ConfigurationKey.all {
      guard case .mapping = key.form else { continue }
      #expect(ConfigurationKey.all.contains { $0.parent == key.path }, "\(key.path)")
    }
  }

  @Test func referenceIsWhatIsGenerated() throws {
    let file = root.appending(path: "docs/configuration.md")
    let text = try String(contentsOf: file, encoding: .utf8)
    #expect(
      try ConfigurationReference.updating(text) == text,
      "run: distill-ddp config reference docs/configuration.md")
    let tables = text.split(separator: "\n").compactMap { $0.wholeMatch(of: #/<!-- keys: (.*) -->/#)?.output.1 }
    for key in ConfigurationKey.all where key.original == nil && key.path.contains(".") {
      #expect(tables.contains { key.path.hasPrefix("\($0).") }, "\(key.path) is in no table")
    }
  }

  @Test(arguments: [
    ("<!-- keys: run -->\n", "expected <!-- end of keys --> behind it, found none"),
    ("<!-- keys: runs -->\n<!-- end of keys -->\n", "there are no such keys; remove it, or name a section"),
    ("<!-- keys: run -->\n<!-- keys: task -->\n<!-- end of keys -->\n", "expected <!-- end of keys --> behind it"),
  ])
  func referenceWithoutItsMarksIsRefused(document: String, message: String) {
    let error = #expect(throws: ModelError.self) { try ConfigurationReference.updating(document) }
    #expect(error?.description.contains(message) == true)
  }

  @Test func misplacedKeysAreNamedWhereTheyBelong() {
    let found = complaint(minimal + "\nlearning_rate: 1e-4\nadaptors: []\nkind: x\n") ?? ""
    #expect(found.contains("learning_rate: unknown key; write training.learningRate"))
    #expect(found.contains("adaptors: unknown key; did you mean stages.N.adaptors?"))
    #expect(found.contains("kind: unknown key; the keys here are run, task,"))
  }
}

/// The schema, held against what the reader takes.
@Suite struct ConfigurationSchemas {
  private static let schema = SchemaValidator(ConfigurationSchema.json)

  private func problems(_ yaml: String) throws -> [String] {
    Self.schema.problems(of: try ConfigurationNode(yaml: yaml, origin: "x", isFile: false).json)
  }

  @Test(arguments: shipped)
  func shippedConfigurationsConform(name: String) throws {
    let yaml = try String(contentsOf: root.appending(path: "configs/\(name)"), encoding: .utf8)
    #expect(try problems(yaml) == [])
    #expect(try problems(RunConfiguration(yaml: yaml, file: name).resolvedYAML()) == [])
  }

  @Test func everyAdaptorAndFormatConforms() throws {
    let adaptors = AdaptorKind.all.map { "{\($0.name): {weight: 0.5}}, \($0.name)" }
    let yaml = try configuration(
      distilling, "stages.0.adaptors=[\(adaptors.joined(separator: ", ")), {HidnPKD: {layers: [[0, 0], [2, 4]]}}]",
      "data.validation={tsv: v.tsv, header: false, textColumn: 1, labelColumn: 0}",
      "data.train={format: glue/sst2, path: d}", "task.labels=[0, yes]", "teacher.cache={path: c}",
      "training.schedule.warmup=7", "training.microBatches=3", "run.resume=runs/x/state/last"
    ).resolvedYAML()
    #expect(try problems(yaml) == [])
    #expect(try problems(minimal.replacing("{model: m}", with: "{config: {hidden_size: 12}, tokenizer: t}")) == [])
  }

  @Test(arguments: [
    ("run.sed=1", "run.sed"), ("run.seed=-1", "run.seed"), ("run.seed=a", "run.seed"),
    ("training.learningRate=0", "training.learningRate"), ("training.epochs=[1]", "training.epochs"),
    ("training.schedule.kind=step", "training.schedule.kind"), ("data.format=glue/sst", "data.format"),
    ("stages=[]", "stages"), ("stages=[{epochs: 1}]", "stages.0.name"),
    ("stages=[{name: a, adaptors: [LogitMES]}]", "stages.0.adaptors.0"),
    ("stages=[{name: a, adaptors: [{LogitMSE: {layers: last}}]}]", "stages.0.adaptors.0"),
    ("stages=[{name: a, checkpoint: {mode: most}}]", "stages.0.checkpoint.mode"),
    ("student.dropout.hidden=1", "student.dropout.hidden"), ("task.labels=[]", "task.labels"),
    ("teacher={model: t, cache: {}}", "teacher.cache.path"),
    ("training.optimizer.betas=[0.9]", "training.optimizer.betas"),
  ])
  func whatTheReaderRefusesTheSchemaRefuses(override: String, path: String) throws {
    var node = try ConfigurationNode(yaml: minimal, origin: "x", isFile: false)
    try node.apply(override: override)
    #expect(Self.schema.problems(of: node.json) == [path])
    #expect(throws: ConfigurationError.self) { try configuration(minimal, override) }
  }

  @Test func defaultsConformToTheirKeys() throws {
    try check(ConfigurationSchema.json, at: "")
  }

  private func check(_ schema: JSON, at path: String) throws {
    if let standard = schema["default"] {
      #expect(SchemaValidator(schema).problems(of: standard) == [], "\(path)")
    }
    for (key, child) in schema["properties"]?.object ?? JSONObject() { try check(child, at: "\(path).\(key)") }
    for child in schema["anyOf"]?.array ?? [] { try check(child, at: path) }
    if let items = schema["items"] { try check(items, at: "\(path).N") }
  }
}
