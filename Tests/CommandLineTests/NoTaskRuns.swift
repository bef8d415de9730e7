import JSON
import Testing

/// Encoders learn another's layers from plain text, and a task afterwards.
@Suite struct NoTaskRuns {
  private static let settings = [
    "task={kind: none}", "data={train: {text: train_text.txt}, validation: {text: val_text.txt}, maxLength: 16}",
    "training={batchSize: 10, maxSteps: 6, learningRate: 5.0e-3, microBatches: 3}",
    "stages.all.adaptors=[AttnMiniLM, HidnTinyBERT]", "stages.all.checkpoint={monitor: val_HidnTinyBERT}",
  ]

  @Test("learned on ranks, and fine-tuned afterwards")
  func wholeWay() throws {
    let workspace = try TinyWorkspace()
    let runs = try [1, 3].map { ranks in
      try workspace.train(
        .everyLayer, set: Self.settings + ["run.directory=ranks-\(ranks)"] + TokenCacheRuns.setting(ranks: ranks),
        ranks: ranks)
    }
    #expect(runs[1].weightBytes("last") == runs[0].weightBytes("last"))
    #expect(runs[1].comparableEvents == runs[0].comparableEvents)
    let validation = try #require(runs[0].events("validation").last)
    #expect(validation["val_HidnTinyBERT"]?.double ?? 0 > 0 && validation["val_loss"] == nil)
    #expect(workspace.text("ranks-1/best/config.json").contains("BertModel"))
    #expect(try runs[0].weights().keys.allSatisfy { $0.hasPrefix("bert.e") })
    #expect(workspace.text("ranks-1/best/README.md").contains("AutoModel.from_pretrained"))
    _ = try workspace.output(
      ["features", "--model", "ranks-1/best", "--input", "val_text.txt", "--output", "f.safetensors"])
    for command in [["report", "ranks-1"], ["compare", "ranks-1"], ["plan", "--config", "ranks-1/config.yaml"]] {
      let result = try workspace.run(command)
      #expect(result.status == 0, "\(result)")
    }
    let tuned = try workspace.train(
      .finetune,
      set: [
        "run.directory=tuned", "training={batchSize: 10, maxSteps: 2}",
        "student={model: ranks-1/best, head: new}", "task={labels: [a, b, c]}",
      ])
    #expect(tuned.losses.count == 2)
    let start = try workspace.attempt(
      .everyLayer, set: Self.settings + ["stages.all.adaptors=[LogitMSE]", "stages.all.checkpoint={}"])
    #expect(
      start.status == 1 && start.errors.contains("LogitMSE: compares logits, and the task is none"), "\(start)")
    let labels = try workspace.attempt(.everyLayer, set: Self.settings + ["stages.all.labelWeight=1"])
    #expect(labels.status == 1 && labels.errors.contains("none learns from a teacher alone"), "\(labels)")
  }
}
