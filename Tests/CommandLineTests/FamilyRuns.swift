import JSON
import Testing

/// A model of each family is trained, saved, taken layers from and learned from, to the same bytes on any ranks.
@Suite struct FamilyRuns {
  /// `student.config` of a model for `TinyWorkspace`'s vocabulary.
  static let shapes = [
    "roberta": """
    hidden_size: 12, num_hidden_layers: 2, num_attention_heads: 3, intermediate_size: 14, pad_token_id: 0,
    max_position_embeddings: 17
    """,
    "distilbert": "dim: 12, n_layers: 2, n_heads: 3, hidden_dim: 14, max_position_embeddings: 16",
    "electra": """
    embedding_size: 7, hidden_size: 12, num_hidden_layers: 2, num_attention_heads: 3, intermediate_size: 14,
    max_position_embeddings: 16
    """,
    "mpnet": """
    hidden_size: 12, num_hidden_layers: 2, num_attention_heads: 3, intermediate_size: 14,
    max_position_embeddings: 18
    """,
    "deberta-v2": """
    hidden_size: 12, num_hidden_layers: 2, num_attention_heads: 3, intermediate_size: 14, embedding_size: 7,
    max_position_embeddings: 16, relative_attention: true, pos_att_type: [p2c, c2p], position_buckets: 6,
    share_att_key: true, norm_rel_ebd: layer_norm, position_biased_input: false
    """,
    "modernbert": """
    hidden_size: 12, num_hidden_layers: 2, num_attention_heads: 3, intermediate_size: 14, pad_token_id: 0,
    max_position_embeddings: 16, local_attention: 4, global_attn_every_n_layers: 2, classifier_pooling: mean
    """,
  ]

  @Test("pinned, dropout on, on one to four ranks", arguments: shapes.keys.sorted())
  func sameBytesOnAnyRanks(family: String) throws {
    let workspace = try TinyWorkspace()
    let training = "training={batchSize: 10, maxSteps: 4, learningRate: 5.0e-3, microBatches: 3}"
    let shape = try #require(Self.shapes[family])
    let first = try workspace.train(
      .finetune,
      set: [
        "run.directory=first", training, "task={labels: [bad, neutral, good]}",
        "student={tokenizer: teacher, config: {model_type: \(family), vocab_size: 31, \(shape)}}",
      ])
    #expect(first.losses.count == 4)
    let runs = try (1...4).map { ranks in
      try workspace.train(
        .everyLayer,
        set: [
          "run.directory=ranks-\(ranks)", training, "teacher.model=first/best",
          "student={fromTeacher: {layers: [2]}, dropout: {hidden: 0.1, attention: 0.1, classifier: 0.1}}",
        ], ranks: ranks)
    }
    for run in runs.dropFirst() {
      #expect(run.weightBytes("last") == runs[0].weightBytes("last"), "\(run.directory)")
      #expect(run.comparableEvents == runs[0].comparableEvents, "\(run.directory)")
    }
    // What was saved is read again, with its head and the tokenizer's limit.
    let result = try workspace.run(["predict", "--model", "ranks-1/best", "--input", "val_text.txt"])
    #expect(result.status == 0 && result.output.split(separator: "\n").count == 37, "\(result)")
    let inspected = try workspace.run(["inspect", "ranks-1/best", "--json"])
    #expect(inspected.output.contains(family), "\(inspected)")
  }

  @Test("a student of fewer hidden dimensions than its teacher", arguments: ["bert"] + shapes.keys.sorted())
  func narrowerStudents(family: String) throws {
    let workspace = try TinyWorkspace()
    let training = "training={batchSize: 10, maxSteps: 3, learningRate: 5.0e-3, microBatches: 3}"
    if let shape = Self.shapes[family] {
      _ = try workspace.train(
        .finetune,
        set: [
          "run.directory=first", training, "task={labels: [bad, neutral, good]}",
          "student={tokenizer: teacher, config: {model_type: \(family), vocab_size: 31, \(shape)}}",
        ])
    }
    // Heads of four dimensions, of `TinyWorkspace`'s teacher of six.
    let runs = try [1, 3].map { ranks in
      try workspace.train(
        .mixStep,
        set: [
          "run.directory=ranks-\(ranks)", training, "teacher.model=\(family == "bert" ? "teacher" : "first/best")",
          "student={fromTeacher: {layers: [1, 2], hidden: \(family == "bert" ? 12 : 8)}}",
          "stages.mix.adaptors=[HidnTinyBERT, {RelationMiniLM: {heads: 2}}, LogitMSE]",
        ], ranks: ranks)
    }
    #expect(runs[0].weightBytes("last") == runs[1].weightBytes("last"))
    let result = try workspace.run(["predict", "--model", "ranks-1/best", "--input", "val_text.txt"])
    #expect(result.status == 0 && result.output.split(separator: "\n").count == 37, "\(result)")
    let plan = try workspace.run(["plan", "--config", "\(runs[0].directory)/config.yaml"])
    #expect(plan.status == 0, "\(plan)")
    guard family == "roberta" else { return }
    let mistake = try workspace.attempt(
      .mixStep,
      set: [
        "run.directory=wrong", "teacher.model=first/best", "student={fromTeacher: {layers: [1], hidden: 6}}",
      ])
    #expect(
      mistake.errors.contains(
        "student.fromTeacher.hidden: expected a multiple of 4, the size of a head, below 12, which first/best has, found 6; "
          + "4 keeps half of its 3 heads"), "\(mistake)")
  }

  @Test("pairs are refused where a model has one segment, and texts longer than its positions")
  func refusesWhatATableHasNoRowFor() throws {
    let workspace = try TinyWorkspace()
    let shape = try #require(Self.shapes["roberta"])
    let student =
      "student={tokenizer: teacher, config: {model_type: roberta, type_vocab_size: 1, vocab_size: 31, \(shape)}}"
    let settings = ["task={labels: [bad, neutral, good]}", student, "training={batchSize: 10, maxSteps: 1}"]
    _ = try workspace.train(.finetune, set: settings)
    try workspace.write(#"{"text": "good", "text_pair": "bad"}"# + "\n", to: "pairs.jsonl")
    let pairs = try workspace.run(["predict", "--model", "run/best", "--input", "pairs.jsonl"])
    #expect(pairs.status == 1)
    #expect(
      pairs.errors.contains(
        "run/best: the data has segment 1, but the model's type_vocab_size is 1, which allows 0 to 0; use texts without a"
      ), "\(pairs)")
    let long = try workspace.attempt(.finetune, set: settings + ["data.maxLength=17", "run.directory=long"])
    #expect(
      long.errors.contains(
        "data.maxLength: expected at most 16, the model's max_position_embeddings less the 1 that RoBERTa does not use"),
      "\(long)")
  }
}
