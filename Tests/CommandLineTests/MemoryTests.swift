import JSON
import Testing

/// Memory that is not there is an error, not a trap.
@Suite("memory that is limited")
struct MemoryTests {
  private let workspace: TinyWorkspace

  init() throws {
    workspace = try TinyWorkspace()
    try workspace.write(Configuration.finetune.yaml, to: "c.yaml")
  }

  /// A student whose weights take 4.8 GB, where 3 GB may be had.
  private static let large =
    "student={config: {num_hidden_layers: 24, hidden_size: 2048, num_attention_heads: 16, intermediate_size: 8192, "
    + "vocab_size: 31, max_position_embeddings: 16}, tokenizer: teacher}"

  private func limited(_ arguments: [String]) throws -> ProgramRun {
    try workspace.runInShell(#"ulimit -v 3000000; exec "$0" "$@""#, arguments)
  }

  @Test("weights that do not fit are named with their bytes and the limit", arguments: ["train", "validate"])
  func weights(command: String) throws {
    let run = try limited([
      command, "--config", "c.yaml", "--set", Self.large, "--set", "task.labels=[negative, neutral, positive]",
    ])
    #expect(run.status == 1, "\(run)")
    #expect(run.errors.contains("out of memory: the student's weights: 48"), "\(run)")
    #expect(run.errors.contains(" bytes are needed, and the limit on address space (ulimit -v) leaves "), "\(run)")
    #expect(run.errors.contains("; raise it, as with ulimit -v unlimited"), "\(run)")
    #expect(!workspace.exists("run"))
  }

  @Test("plan and doctor know the same limit")
  func examined() throws {
    let options = ["--config", "c.yaml", "--set", Self.large, "--set", "task.labels=[negative, neutral, positive]"]
    let plan = try limited(["plan", "--ranks", "1", "--gflops", "10"] + options)
    #expect(plan.output.contains("Here, the limit on address space (ulimit -v) leaves "), "\(plan)")
    let doctor = try limited(["doctor", "--json"] + options)
    #expect(doctor.status == 1)
    let finding = try #require(
      try jsonLines(doctor.output).first?["findings"]?.array?.first { $0["check"] == "memory" })
    #expect(finding["status"] == "problem" && finding["finding"]?.string?.contains("ulimit -v") == true, "\(doctor)")
  }

  @Test("many rows are predicted in parts, in order")
  func parts() throws {
    let texts = ["good\n", "cold bad\n", "\n"]
    let count = 33_000
    try workspace.write((0..<count).map { texts[$0 % 3] }.joined(), to: "many.txt")
    let lines = try workspace.output(["predict", "--model", "teacher", "--input", "many.txt"]).split(separator: "\n")
    #expect(lines.count == count)
    #expect((3..<count).allSatisfy { lines[$0] == lines[$0 % 3] })
    #expect(Set(lines).count == 3)
    // The mean over all parts is the mean over one of each.
    try workspace.write(texts.joined(), to: "few.txt")
    for (name, rows) in [("many", count), ("few", 3)] {
      try workspace.write((0..<rows).map { "\($0 % 3)\n" }.joined(), to: "\(name)_labels.txt")
    }
    let (many, few) = try (evaluate("many"), evaluate("few"))
    #expect(many["rows"] == .integer(count))
    for key in ["loss", "accuracy", "macro_f1"] {
      let (all, each) = (try #require(many[key]?.double), try #require(few[key]?.double))
      #expect(abs(all - each) < 1e-6, "\(key): \(all), \(each)")
    }
  }

  private func evaluate(_ name: String) throws -> JSON {
    try JSON.parse(
      Array(
        workspace.output(["evaluate", "--model", "teacher", "--data", "\(name).txt", "\(name)_labels.txt", "--json"])
          .utf8
      ))
  }
}
