import JSON
import Testing

/// `data.test` is measured once, at the end, with the model that the run leaves.
@Suite struct TestData {
  private static let test = ["data.test.text=test_text.txt", "data.test.labels=test_labels.txt", "training.epochs=3"]

  private static func workspace() throws -> TinyWorkspace {
    let workspace = try TinyWorkspace()
    let sentences = TinyWorkspace.sentences(41, seed: 3)
    try workspace.write(sentences.map { $0.text + "\n" }.joined(), to: "test_text.txt")
    try workspace.write(sentences.map { "\($0.label)\n" }.joined(), to: "test_labels.txt")
    return workspace
  }

  @Test func isWhatEvaluateSaysOfTheBestModel() throws {
    let workspace = try Self.workspace()
    let without = try workspace.train(.twoStep, set: ["training.epochs=3", "run.directory=without"])
    let run = try workspace.train(.twoStep, set: Self.test)
    #expect(run.weightBytes() == without.weightBytes())
    #expect(run.losses == without.losses && without.summary["test"] == .null)
    let test = try #require(run.summary["test"])
    let evaluated = try workspace.run(
      ["evaluate", "--model", "run/best", "--data", "test_text.txt", "test_labels.txt", "--json"])
    let expected = try JSON.parse(evaluated.output)
    for metric in ["loss", "accuracy", "macro_f1", "macro_recall"] {
      let (own, other) = (test["test_\(metric)"]?.double, expected[metric]?.double)
      #expect(own != nil && abs((own ?? 0) - (other ?? 1)) < 1e-6, "\(metric): \(test.text()), \(evaluated)")
    }
    #expect(test["rows"] == 41 && test["stage"] == "prediction")
    let name = try #require(run.checkpoint("best", stage: "prediction"))
    #expect(test["checkpoint"]?.string?.hasSuffix("/checkpoints/\(name)") == true)
    #expect(run.events("test").count == 1 && run.events.last?["event"] == "run_finished")

    let card = workspace.text("run/best/README.md")
    #expect(card.contains("\n# On test data, by which nothing was chosen:\n  - task:\n"), "\(card)")
    #expect(card.contains("      split: test\n") && card.contains("\n## On test data\n\nOn 41 rows of test_text.txt"))
    #expect(
      !workspace.text("run/last/README.md").contains("On test data")
        || name == run.checkpoint("last", stage: "prediction"))
    #expect(try workspace.run(["verify", "run"]).status == 0)
    let page = try workspace.run(["report", "run", "--output", "run.html"])
    #expect(page.status == 0 && workspace.text("run.html").contains("<h2>Test data</h2>"), "\(page)")
    #expect(try workspace.run(["compare", "run", "without"]).output.contains("test accuracy"))
  }

  @Test func isTheSameOnRanksAndAgainWhereTheEndIsMissing() throws {
    let workspace = try Self.workspace()
    let set = Self.test + ["training.microBatches=8"]
    let alone = try workspace.train(.mixStep, set: set + ["run.directory=alone"])
    let run = try workspace.train(.mixStep, set: set, ranks: 2)
    func metrics(_ summary: JSON) -> [JSON?] {
      ["test_loss", "test_accuracy", "test_macro_f1"].map { summary["test"]?[$0] }
    }
    #expect(metrics(run.summary) == metrics(alone.summary) && !metrics(run.summary).contains(nil))
    let models = try workspace.contents(of: "run/stages")

    // As if the process had been killed before it wrote the summary.
    try workspace.remove("run/summary.json")
    let resumed = try workspace.runOnRanks(
      2, ["--config", "configuration.yaml", "--threads", "1"] + set.flatMap { ["--set", $0] } + ["--resume", "auto"])
    #expect(resumed.status == 0 && resumed.output.contains("resuming from"), "\(resumed)")
    let again = try RunRecord("run", in: workspace)
    #expect(metrics(again.summary) == metrics(run.summary) && again.events("test").count == 1)
    #expect(try workspace.contents(of: "run/stages") == models)
  }

  @Test func needsLabelsAndSomethingToMeasure() throws {
    let workspace = try Self.workspace()
    let unlabelled = try workspace.attempt(.mixStep, set: ["data.test.text=test_text.txt"])
    #expect(unlabelled.status == 1 && unlabelled.errors.contains("data.test: a test needs labels"), "\(unlabelled)")
    try workspace.write("0\n1\n", to: "test_labels.txt")
    let short = try workspace.attempt(.mixStep, set: Self.test)
    #expect(short.status == 1 && short.errors.contains("test_labels.txt: expected 41 labels"), "\(short)")
    let checked = try workspace.run(
      ["validate", "--config", "configuration.yaml"] + Self.test.flatMap { ["--set", $0] })
    #expect(
      checked.status == 1 && (checked.output + checked.errors).contains("test_labels.txt: expected 41"), "\(checked)")
  }
}
