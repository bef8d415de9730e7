import JSON
import Testing

/// The `README.md` of saved models tells what a reader and the hub want to know.
@Suite struct ModelCards {
  @Test(arguments: ["best", "last"])
  func tellWhatTheModelIs(model: String) throws {
    let workspace = try TinyWorkspace()
    let run = try workspace.train(.mixStep, set: ["training.epochs=3"])
    let card = workspace.text("run/\(model)/README.md")
    let name = try #require(run.checkpoint(model, stage: "mix"))
    let validation = try #require(
      run.events("validation").first { name.hasPrefix("step=\(padded($0["step"]?.int ?? 0))-") })
    let accuracy = try #require(validation["val_accuracy"]?.double)
    for text in [
      "---\nlibrary_name: transformers\npipeline_tag: text-classification\n", "- knowledge-distillation\n",
      "- name: \"run\"\n", "      name: \"val_text.txt\"\n      type: \"text\"\n",
      "    - type: accuracy\n      name: Accuracy\n      value: \(digits(accuracy))\n",
      "| teacher | teacher: 4 layers of 18, ", "| labels | negative, neutral, positive |", "| adaptors | ",
      "| val_accuracy | \(digits(accuracy)) |", "after step \(validation["step"]?.int ?? 0) of stage mix, ",
      "| its teacher | ", "smaller than teacher, from which it was distilled",
      "AutoModelForSequenceClassification.from_pretrained",
    ] {
      #expect(card.contains(text), "\(text) in \(card)")
    }
    #expect(card.contains("the best val_loss so far") == (validation["best"]?.bool == true))
  }

  @Test func textsFromOutsideStayInTheirPlace() throws {
    let workspace = try TinyWorkspace()
    let directory = "a\"b: [|] - c"
    _ = try workspace.attempt(
      .finetune, set: ["run.directory='\(directory)'", "training.maxSteps=2"])
    let card = workspace.text("\(directory)/best/README.md")
    #expect(card.contains("- name: \"a\\\"b: [|] - c\"\n"), "\(card)")
    #expect(card.contains("\n# a\"b: [ ] - c\n"))
    // Nothing was distilled.
    #expect(!card.contains("knowledge-distillation") && !card.contains("its teacher"))
  }

  /// Four digits behind the point.
  private func digits(_ value: Double) -> String {
    let digits = String(Int((value * 10_000).rounded()))
    return "0." + String(repeating: "0", count: 4 - digits.count) + digits
  }

  /// As in a checkpoint's name.
  private func padded(_ step: Int) -> String {
    let digits = String(step)
    return String(repeating: "0", count: max(0, 6 - digits.count)) + digits
  }
}
