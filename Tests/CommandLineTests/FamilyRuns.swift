import Checkpoints
import JSON
import Testing

/// A model of each family is trained, saved, taken layers from and learned from, to the same bytes on any ranks.
@Suite struct FamilyRuns {
  /// The golden model of a family that has the most layers.
  struct Family: Sendable, CustomTestStringConvertible {
    let modelType: String
    let directory: String
    let layers: Int
    let hiddenSize: Int
    let heads: Int
    let vocabularySize: Int

    var testDescription: String { modelType }

    init?(directory: String) {
      guard let json = try? JSON(contentsOf: "\(directory)/config.json") else { return nil }
      func number(_ keys: String...) -> Int? { keys.compactMap { json[$0]?.int }.first }
      guard let modelType = json["model_type"]?.string, let layers = number("num_hidden_layers", "n_layers"),
        let hiddenSize = number("hidden_size", "dim"), let heads = number("num_attention_heads", "n_heads"),
        let words = number("vocab_size")
      else { return nil }
      (self.modelType, self.directory, self.layers) = (modelType, directory, layers)
      (self.hiddenSize, self.heads, vocabularySize) = (hiddenSize, heads, words)
    }

    /// Puts it into a workspace, with a tokenizer of as many words as it has.
    func copy(to name: String, in workspace: TinyWorkspace) throws {
      try createDirectories("\(workspace.path)/\(name)")
      for file in ["config.json", "model.safetensors"] {
        try workspace.write(try #require(bytes(of: "\(directory)/\(file)")), to: "\(name)/\(file)")
      }
      let words = TinyWorkspace.vocabulary.prefix(vocabularySize)
      try workspace.write(words.map { $0 + "\n" }.joined(), to: "\(name)/vocab.txt")
    }
  }

  /// Of every family that has golden models, BERT aside, with which everything else is tested.
  static let families: [Family] = {
    let folders = ["families", "positions"].map { "\(BinaryUnderTest.fixtures)/\($0)" }
    let models = folders.flatMap { folder in
      ((try? entries(of: folder)) ?? []).sorted().compactMap { Family(directory: "\(folder)/\($0)") }
    }
    return Dictionary(grouping: models, by: \.modelType).values
      .compactMap { own in own.max { $0.layers < $1.layers } }.sorted { $0.modelType < $1.modelType }
  }()

  /// Those from which a head can be taken.
  static let narrowed = families.filter { $0.heads > 1 }

  @Test("every family has a golden model")
  func hasModels() { #expect(Self.families.count >= 8) }

  /// As long as all of them take.
  private static let settings = [
    "training={batchSize: 10, maxSteps: 4, learningRate: 5.0e-3, microBatches: 3}", "data.maxLength=12",
    "teacher.model=first",
  ]

  @Test("pinned, dropout on, on one to four ranks", arguments: families)
  func sameBytesOnAnyRanks(family: Family) throws {
    let workspace = try TinyWorkspace()
    try family.copy(to: "first", in: workspace)
    let runs = try (1...4).map { ranks in
      try workspace.train(
        .everyLayer,
        set: Self.settings + [
          "run.directory=ranks-\(ranks)",
          "student={fromTeacher: {layers: [\(family.layers)]}, dropout: {hidden: 0.1, attention: 0.1, classifier: 0.1}}",
        ], ranks: ranks)
    }
    for run in runs.dropFirst() {
      #expect(run.weightBytes("last") == runs[0].weightBytes("last"), "\(run.directory)")
      #expect(run.comparableEvents == runs[0].comparableEvents, "\(run.directory)")
    }
    #expect(runs[0].losses.count == 4)
    // What was saved is read again, with its head and the tokenizer's limit.
    let result = try workspace.run(["predict", "--model", "ranks-1/best", "--input", "val_text.txt"])
    #expect(result.status == 0 && result.output.split(separator: "\n").count == 37, "\(result)")
    let inspected = try workspace.run(["inspect", "ranks-1/best", "--json"])
    #expect(inspected.output.contains(family.modelType), "\(inspected)")
  }

  @Test("a student of fewer hidden dimensions than its teacher", arguments: narrowed)
  func narrowerStudents(family: Family) throws {
    let workspace = try TinyWorkspace()
    try family.copy(to: "first", in: workspace)
    let headSize = family.hiddenSize / family.heads
    let hidden = family.hiddenSize - headSize
    let runs = try [1, 3].map { ranks in
      try workspace.train(
        .mixStep,
        set: Self.settings + [
          "run.directory=ranks-\(ranks)", "student={fromTeacher: {layers: [1, 2], hidden: \(hidden)}}",
          "stages.mix.adaptors=[HidnTinyBERT, {RelationMiniLM: {heads: \(headSize)}}, LogitMSE]",
        ], ranks: ranks)
    }
    #expect(runs[0].weightBytes("last") == runs[1].weightBytes("last"))
    let result = try workspace.run(["predict", "--model", "ranks-1/best", "--input", "val_text.txt"])
    #expect(result.status == 0 && result.output.split(separator: "\n").count == 37, "\(result)")
    let plan = try workspace.run(["plan", "--config", "\(runs[0].directory)/config.yaml"])
    #expect(plan.status == 0, "\(plan)")
  }

  @Test("a student of TinyWorkspace's BERT, of fewer hidden dimensions too")
  func narrowerBERT() throws {
    let workspace = try TinyWorkspace()
    let runs = try [1, 3].map { ranks in
      try workspace.train(
        .mixStep,
        set: [
          "run.directory=ranks-\(ranks)", Self.settings[0], "student={fromTeacher: {layers: [1, 2], hidden: 12}}",
          "stages.mix.adaptors=[HidnTinyBERT, {RelationMiniLM: {heads: 2}}, LogitMSE]",
        ], ranks: ranks)
    }
    #expect(runs[0].weightBytes("last") == runs[1].weightBytes("last"))
    let mistake = try workspace.attempt(
      .mixStep, set: ["run.directory=wrong", "student={fromTeacher: {layers: [1], hidden: 8}}"])
    #expect(
      mistake.errors.contains(
        "student.fromTeacher.hidden: expected a multiple of 6, the size of a head, below 18, which teacher has, found 8; "
          + "6 keeps half of its 3 heads"), "\(mistake)")
  }

  @Test("pairs are refused where a model has one segment, and texts longer than its positions")
  func refusesWhatATableHasNoRowFor() throws {
    let workspace = try TinyWorkspace()
    let student = """
      student={tokenizer: teacher, config: {model_type: roberta, type_vocab_size: 1, vocab_size: 31, hidden_size: 12,
      num_hidden_layers: 2, num_attention_heads: 3, intermediate_size: 14, pad_token_id: 0,
      max_position_embeddings: 17}}
      """
    let settings = ["task={labels: [bad, neutral, good]}", student, "training={batchSize: 10, maxSteps: 1}"]
    _ = try workspace.train(.finetune, set: settings)
    try workspace.write(#"{"text": "good", "text_pair": "bad"}"# + "\n", to: "pairs.jsonl")
    let pairs = try workspace.run(["predict", "--model", "run/best", "--input", "pairs.jsonl"])
    #expect(pairs.status == 1)
    #expect(
      pairs.errors.contains(
        "run/best: the data has segment 1, but the model's type_vocab_size is 1, which allows 0 to 0; use single texts and"
      ), "\(pairs)")
    let long = try workspace.attempt(.finetune, set: settings + ["data.maxLength=17", "run.directory=long"])
    #expect(
      long.errors.contains(
        "data.maxLength: expected at most 16, the model's max_position_embeddings less the 1 that RoBERTa does not use"),
      "\(long)")
  }
}
