import JSON
import Testing

@Suite("config")
struct ConfigTests {
  private let workspace: TinyWorkspace

  init() throws { workspace = try TinyWorkspace(trainRows: 1, validationRows: 1) }

  static let templates = [
    "finetune": "finetune", "baseline": "student_baseline", "mix-step": "distillation_ms",
    "two-step": "distillation_ts", "two-step-1st": "distillation_ts_1st", "two-step-2nd": "distillation_ts_2nd",
    "sweep": "sweep", "few-labels": "recipes/few-labels", "enough-labels": "recipes/enough-labels",
    "no-labels": "recipes/no-labels", "narrow-student": "recipes/narrow-student",
    "larger-teacher": "recipes/larger-teacher", "several-teachers": "recipes/several-teachers",
    "two-step-text": "recipes/two-step-text", "regression": "recipes/regression",
    "multilabel": "recipes/multilabel", "tokens": "recipes/tokens", "reranker": "recipes/reranker",
    "embedding": "recipes/embedding",
    "plain-text": "recipes/plain-text",
  ]

  @Test("init writes what is shipped", arguments: templates)
  func writesTemplates(name: String, file: String) throws {
    let shipped = try #require(bytes(of: "\(BinaryUnderTest.fixtures)/../../configs/\(file).yaml"))
    #expect(try workspace.output(["config", "init", name]) == String(decoding: shipped, as: UTF8.self))
    _ = try workspace.output(["config", "init", name, "--output", "mine.yaml"])
    #expect(workspace.text("mine.yaml").contains("distill-ddp --config mine.yaml\n"))
    _ = try workspace.output(["config", "show", "--config", "mine.yaml"])
    let again = try workspace.run(["config", "init", name, "--output", "mine.yaml"])
    #expect(again.status == 1 && again.errors.hasPrefix("Error: mine.yaml: exists already"), "\(again)")
    #expect(try workspace.output(["config", "init", "--help"]).contains("\(name): "))
  }

  @Test("show fills in every default, and its output shows itself")
  func shows() throws {
    try workspace.write(Configuration.everyAdaptor.yaml, to: "c.yaml")
    let shown = try workspace.output(["config", "show", "--config", "c.yaml", "--set", "training.epochs=2"])
    #expect(shown.contains("epochs: 2\n") && shown.contains("keepStates: 2\n"))
    try workspace.write(shown, to: "shown.yaml")
    #expect(try workspace.output(["config", "show", "--config", "shown.yaml"]) == shown)
  }

  @Test("schema prints a JSON Schema")
  func printsSchema() throws {
    let schema = try JSON.parse(Array(try workspace.output(["config", "schema"]).utf8))
    #expect(schema["$schema"]?.string == "https://json-schema.org/draft/2020-12/schema")
    #expect(schema["properties"]?["training"]?["properties"]?["batchSize"]?["default"] == 32)
  }

  @Test("reference replaces what stands between its marks")
  func updatesReference() throws {
    try workspace.write("# Mine\n\n<!-- keys: task -->\nold\n<!-- end of keys -->\n\nend\n", to: "mine.md")
    _ = try workspace.output(["config", "reference", "mine.md"])
    let updated = workspace.text("mine.md")
    #expect(
      updated.contains(
        "| `task.kind` | `classification`, `regression`, `multilabel`, `tokens`, `pairs`, `embedding`, `none` | classification | what is predicted; see [tasks](tasks.md) |\n"
      ))
    #expect(updated.hasPrefix("# Mine\n") && updated.hasSuffix("\nend\n") && !updated.contains("\nold\n"))
    let none = try workspace.run(["config", "reference", "none.md"])
    #expect(none.status == 1 && none.errors.hasPrefix("Error: none.md: cannot be opened"), "\(none)")
  }

  @Test("completions are scripts that bash can read and that know files, words and keys")
  func completes() throws {
    let script = try workspace.output(["--generate-completion-script", "bash"])
    try workspace.write(script, to: "completions.bash")
    let parsed = try ProgramRun.of("/bin/bash", ["-n", "completions.bash"], in: workspace.path)
    #expect(parsed.status == 0 && parsed.errors == "", "\(parsed)")
    #expect(script.contains("two-step-1st") && script.contains("markdown"))
    for shell in ["zsh", "fish"] {
      #expect(try workspace.output(["--generate-completion-script", shell]).contains("distill-ddp"))
    }
    // As bash asks for what follows a word: what is already there narrows it down.
    try workspace.write(
      """
      source completions.bash
      COMP_WORDS=(distill-ddp validate --set training.ba) COMP_CWORD=3
      COMP_LINE="${COMP_WORDS[*]}" COMP_POINT=${#COMP_LINE}
      PATH=\(BinaryUnderTest.path.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }):$PATH
      _distill-ddp distill-ddp training.ba --set
      echo "${COMPREPLY[@]}"

      """, to: "ask.bash")
    let asked = try ProgramRun.of("/bin/bash", ["ask.bash"], in: workspace.path)
    #expect(asked.output == "training.batchSize=\n", "\(asked)")
  }
}
