import JSON
import Testing

/// Products in fewer than 32 bits, as a user asks for them.
@Suite("precision")
struct PrecisionTests {
  private static let portable = ["DISTILL_DDP_PORTABLE_PRODUCTS": "1"]
  private static let bfloat16 = ["teacher.precision=bfloat16", "training.precision=bfloat16"]

  private func logits(_ workspace: TinyWorkspace, _ precision: String, variables: [String: String?] = [:]) throws
    -> (values: [Double], notes: String)
  {
    let run = try workspace.run(
      ["predict", "--model", "student", "--input", "texts.txt", "--precision", precision], variables: variables)
    try #require(run.status == 0, "\(run)")
    return (try jsonLines(run.output).flatMap { try #require($0["logits"]).numbers }, run.errors)
  }

  @Test("predictions of each precision are near those of 32 bits, and say so", arguments: ["bfloat16", "int8"])
  func predict(precision: String) throws {
    let workspace = try TinyWorkspace(trainRows: 1, validationRows: 1)
    try workspace.write(TinyWorkspace.sentences(25, seed: 5).map { $0.text + "\n" }.joined(), to: "texts.txt")
    let (exact, silent) = try logits(workspace, "float32")
    let (found, notes) = try logits(workspace, precision)
    let (portable, portableNotes) = try logits(workspace, precision, variables: Self.portable)
    #expect(silent.isEmpty && notes.contains("Note: products are computed in \(precision) ("))
    #expect(portableNotes.contains("\(precision) (portable)"))
    #expect(found != exact && found.count == exact.count)
    let size = exact.map(abs).max() ?? 0
    for (a, b) in zip(exact, found) { #expect(abs(a - b) < 0.05 * size) }
    // Sums of integers are exact; bfloat16 instructions round sums otherwise.
    if precision == "int8" { #expect(portable == found) }
    for (a, b) in zip(portable, found) { #expect(abs(a - b) < 0.01 * size) }
  }

  @Test("evaluate and features take a precision; others are refused")
  func otherCommands() throws {
    let workspace = try TinyWorkspace(trainRows: 1, validationRows: 9)
    let evaluated = try workspace.run([
      "evaluate", "--model", "student", "--data", "val_text.txt", "val_labels.txt", "--precision", "bfloat16",
    ])
    #expect(evaluated.status == 0 && evaluated.errors.contains("bfloat16"), "\(evaluated)")
    try workspace.write("good\nbad day\n", to: "texts.txt")
    let features = ["features", "--model", "student", "--input", "texts.txt", "--output"]
    for precision in ["float32", "int8"] {
      let run = try workspace.run(features + ["\(precision).safetensors", "--precision", precision])
      #expect(run.status == 0, "\(run)")
    }
    #expect(workspace.text("float32.safetensors") != workspace.text("int8.safetensors"))
    let refused = try workspace.run(features + ["x.safetensors", "--precision", "fp8"])
    #expect(refused.status != 0 && refused.errors.contains("fp8"), "\(refused)")
  }

  @Test("training in bfloat16 with pinned micro-batches gives the same bytes on any number of ranks")
  func ranks() throws {
    let workspace = try TinyWorkspace()
    let overrides = [
      "training={batchSize: 10, maxSteps: 20, learningRate: 2.0e-3}", "training.microBatches=8",
    ]
    let exact = try workspace.train(.everyAdaptor, set: overrides + ["run.directory=exact"])
    let runs = try [(1, 1), (1, 2), (2, 1), (3, 1), (4, 1)].map { ranks, threads in
      try workspace.train(
        .everyAdaptor, set: overrides + Self.bfloat16 + ["run.directory=\(ranks)-\(threads)"], ranks: ranks,
        threads: threads)
    }
    for run in runs.dropFirst() {
      #expect(run.weightBytes("last") == runs[0].weightBytes("last"), "\(run.directory)")
      #expect(run.comparableEvents == runs[0].comparableEvents, "\(run.directory)")
    }
    #expect(runs[0].losses != exact.losses)
    let deviation = zip(runs[0].losses, exact.losses).map { abs($0 - $1) / abs($1) }.max() ?? .infinity
    #expect(deviation < 0.05, "\(deviation)")
    #expect(runs[0].events("run_started")[0]["teacher_precision"]?.string?.hasPrefix("bfloat16 (") == true)
    let card = workspace.text("1-1/best/README.md")
    #expect(card.contains("run in bfloat16") && card.contains("| products of training | bfloat16 |"))
  }

  @Test("a cache of one precision is not read at another")
  func cache() throws {
    let workspace = try TinyWorkspace()
    func firstHits(_ name: String, _ precision: String) throws -> Double? {
      let run = try workspace.train(
        .mixStep, set: ["teacher.cache={path: cache}", "teacher.precision=\(precision)", "run.directory=\(name)"])
      return run.events("teacher_cache").first?["hit_rate"]?.double
    }
    let computed = try #require(try firstHits("a", "float32"))
    #expect(computed < 1)
    for precision in ["bfloat16", "int8"] {
      #expect(try firstHits("\(precision)-first", precision) == computed)
      #expect(try firstHits("\(precision)-again", precision) == 1)
    }
    #expect(try firstHits("b", "float32") == 1)
  }
}
