import Checkpoints
import JSON
import Testing

/// Students that keep a part of their teacher's tokens, and teachers that read tokens of their own.
@Suite struct SmallerVocabularies {
  private static let settings = [
    "stages.0.adaptors=[LogitMSE, {LogitCE: {temperature: 2}}]", "training.microBatches=4",
    "student.vocabulary={keep: 20}", "data.unlabelled=[{text: texts.txt}]",
  ]

  private func workspace() throws -> TinyWorkspace {
    let workspace = try TinyWorkspace()
    let sentences = TinyWorkspace.sentences(41, seed: 3)
    // Fewer rows than there are words, so that some are used more than others.
    try workspace.write(sentences.map { $0.text + "\n" }.joined(), to: "texts.txt")
    return workspace
  }

  @Test("a student keeps the words that are used most, and everything that reads models reads it")
  func wordsThatAreUsedMost() throws {
    let workspace = try workspace()
    let run = try workspace.train(.mixStep, set: Self.settings)
    var uses: [String: Int] = [:]
    for name in ["train_text.txt", "texts.txt"] {
      // Of a text of more tokens than `maxLength`, those that are read.
      for line in workspace.text(name).split(separator: "\n") {
        for word in line.split(separator: " ").prefix(14) { uses[String(word), default: 0] += 1 }
      }
    }
    let words = TinyWorkspace.vocabulary
    // A single character stays, however rarely it is used.
    let needed = Set(words.prefix(5) + ["a"])
    let ranked = words.enumerated().filter { !needed.contains($0.element) }.sorted {
      (uses[$1.element] ?? 0, $0.offset) < (uses[$0.element] ?? 0, $1.offset)
    }
    let kept = needed.union(ranked.prefix(14).map(\.element))
    let expected = words.filter(kept.contains)
    let saved = workspace.text("run/best/vocab.txt").split(separator: "\n").map(String.init)
    #expect(saved == expected)
    let configuration = try JSON(contentsOf: "\(workspace.path)/run/best/config.json")
    #expect(configuration["vocab_size"] == 20)
    let notice = try #require(
      run.events("notice").compactMap { $0["text"]?.string }.first { $0.contains("student.vocabulary") })
    #expect(notice.contains("student.vocabulary: 20 of \(words.count) tokens are kept"), "\(notice)")
    #expect(notice.contains("words more are unknown"), "\(notice)")

    // Its embeddings are the teacher's of the same words.
    let untrained = try workspace.train(
      .mixStep, set: Self.settings + ["run.directory=untrained", "training.learningRate=1.0e-12"])
    let table = "embeddings.word_embeddings.weight"
    let (teacher, own) = (
      try workspace.tensor(table, of: "teacher"), try untrained.tensor(table, of: "last", workspace)
    )
    let width = own.count / 20
    for (row, word) in expected.enumerated() {
      let id = try #require(words.firstIndex(of: word))
      #expect(own[row * width..<(row + 1) * width] == teacher[id * width..<(id + 1) * width], "\(word)")
    }

    let evaluation = try JSON.parse(
      Array(
        try workspace.output([
          "evaluate", "--json", "--model", "run/best", "--data", "val_text.txt", "val_labels.txt",
        ]).utf8))
    let best = run.summary["stages"]?.array?.last?["best"]
    #expect(evaluation["accuracy"] == best?["val_accuracy"])
    let report = try workspace.run(["report", "run"])
    #expect(report.status == 0, "\(report)")
    #expect(workspace.text("run/report.html").contains("its tokens are not the student"))
    let plan = try workspace.run(
      ["plan", "--config", "configuration.yaml"] + Self.settings.flatMap { ["--set", $0] })
    #expect(plan.status == 0, "\(plan)")
  }

  @Test("a teacher that reads its own tokens is what it predicts, to the last bit, on any ranks")
  func teacherOfItsOwn() throws {
    let workspace = try workspace()
    for name in ["train_text", "texts", "val_text"] {
      _ = try workspace.output(["predict", "--model", "teacher", "--input", "\(name).txt", "--output", "\(name).jsonl"])
    }
    let live = try workspace.train(.mixStep, set: Self.settings)
    let weights = try #require(live.weightBytes("last"))
    let predicted = try workspace.train(
      .mixStep,
      set: Self.settings + [
        "teacher.predictions=[train_text.jsonl, val_text.jsonl, texts.jsonl]", "run.directory=predicted",
      ])
    #expect(predicted.weightBytes("last") == weights)
    #expect(predicted.losses == live.losses)
    let ranks = try workspace.train(
      .mixStep, set: Self.settings + ["run.directory=ranks", "data.cache=tokens"], ranks: 2)
    #expect(ranks.weightBytes("last") == weights)
    let cached = try workspace.train(
      .mixStep,
      set: Self.settings + ["run.directory=cached", "teacher.cache={path: cache, precision: fp32}"])
    #expect(cached.weightBytes("last") == weights)
    let other = try workspace.train(
      .mixStep,
      set: Self.settings + ["run.directory=other", "student.vocabulary={keep: 24, from: [{text: texts.txt}]}"])
    #expect(other.weightBytes("last") != weights)
  }

  @Test("words that both have in common are compared, on any ranks and from a cache")
  func comparesWords() throws {
    let workspace = try workspace()
    let adaptors =
      "stages.0.adaptors=[LogitMSE, {AttnMiniLM: {align: words}}, {HidnTinyBERT: {align: words}}, "
      + "{ValMiniLM: {align: words}}]"
    let settings = Self.settings + [adaptors, "training.microBatches=3"]
    let run = try workspace.train(.mixStep, set: settings)
    let weights = try #require(run.weightBytes("last"))
    for (name, more, ranks) in [
      ("ranks", ["data.cache=tokens"], 2), ("cached", ["teacher.cache={path: cache, precision: fp32}"], 1),
    ] {
      let other = try workspace.train(.mixStep, set: settings + ["run.directory=\(name)"] + more, ranks: ranks)
      #expect(other.weightBytes("last") == weights, "\(name)")
    }
    let tokens = try workspace.train(.mixStep, set: Self.settings + ["run.directory=logits-alone"])
    #expect(tokens.weightBytes("last") != weights)
  }

  @Test("a run of two stages is stopped and goes on to the same bytes")
  func resumed() throws {
    let workspace = try Resuming.workspace()
    let settings =
      Resuming.long + [
        "stages.intermediate.adaptors=[LogitMSE]", "stages.intermediate.update=all", "student.vocabulary={keep: 20}",
      ]
    _ = try workspace.train(.twoStep, set: settings)
    let expected = try workspace.resultOfRun()
    try workspace.remove("run")
    let arguments = workspace.arguments(set: settings)
    let stopped = try Resuming.stop(workspace, ranks: 1, after: 60, arguments: arguments)
    #expect(stopped.status == 75, "\(stopped)")
    let resumed = try workspace.run(arguments + ["--resume", "auto"])
    #expect(resumed.status == 0, "\(resumed)")
    #expect(try workspace.resultOfRun().difference(from: expected).isEmpty)
  }

  @Test(
    "what compares token by token is refused, and numbers that cannot be",
    arguments: [
      (["stages.0.adaptors=[LogitMSE, AttnMiniLM]"], "AttnMiniLM compares token by token"),
      (["student.vocabulary={keep: 4}"], "student.vocabulary.keep: expected at least 6"),
      (["student.vocabulary={keep: 4000}"], "student.vocabulary.keep: expected fewer than the"),
    ])
  func refusals(_ settings: [String], _ message: String) throws {
    let workspace = try workspace()
    for command in [[], ["validate"]] as [[String]] {
      try workspace.write(Configuration.mixStep.yaml, to: "run.yaml")
      let run = try workspace.run(
        command + ["--config", "run.yaml"] + (Self.settings + settings).flatMap { ["--set", $0] })
      #expect(run.status != 0)
      #expect((run.errors + run.output).contains(message), "\(run)")
    }
  }
}

extension TinyWorkspace {
  /// The values of a tensor whose name ends so.
  fileprivate func tensor(_ name: String, of model: String) throws -> [Float] {
    let file = try SafetensorsFile("\(path)/\(model)/model.safetensors")
    guard let tensor = file.tensors.first(where: { $0.name.hasSuffix(name) }) else {
      throw ProgramFailure(description: "\(model) has no \(name)")
    }
    var values = [Float](repeating: 0, count: tensor.count)
    try values.withUnsafeMutableBufferPointer { try file.read(tensor, into: $0) }
    return values
  }
}

extension RunRecord {
  fileprivate func tensor(_ name: String, of link: String, _ workspace: TinyWorkspace) throws -> [Float] {
    try workspace.tensor(name, of: "\(directory.split(separator: "/").last ?? "")/\(link)")
  }
}
