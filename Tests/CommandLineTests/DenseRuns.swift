import Checkpoints
import JSON
import Testing

/// Sentence vectors through a Dense: learned from a teacher's to the same bytes on any ranks, and saved, kept and refused
/// as sentence-transformers has it.
@Suite struct DenseRuns {
  private static let configuration = Configuration.vectors
  private static let width = 5

  /// A teacher of sentence-transformers with a Dense that gives five numbers.
  private static func workspace() throws -> TinyWorkspace {
    let workspace = try TinyWorkspace()
    try workspace.write(
      """
      [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
       {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
       {"idx": 2, "name": "2", "path": "map", "type": "sentence_transformers.models.Dense"},
       {"idx": 3, "name": "3", "path": "3_Normalize", "type": "sentence_transformers.models.Normalize"}]
      """, to: "teacher/modules.json")
    for folder in ["1_Pooling", "map"] { try createDirectories("\(workspace.path)/teacher/\(folder)") }
    try workspace.write(#"{"pooling_mode": "mean"}"#, to: "teacher/1_Pooling/config.json")
    try workspace.write(
      """
      {"in_features": 18, "out_features": \(width), "bias": true,
       "activation_function": "torch.nn.modules.activation.Tanh"}
      """, to: "teacher/map/config.json")
    let weights = (0..<width * 18).map { Float(($0 * 37) % 23) / 23 - 0.5 }
    let writer = try SafetensorsWriter(
      replacing: "\(workspace.path)/teacher/map/model.safetensors",
      tensors: [.init("linear.weight", .float32, [width, 18]), .init("linear.bias", .float32, [width])])
    try weights.withUnsafeBufferPointer { try writer.write("linear.weight", $0) }
    try weights.prefix(width).withUnsafeBufferPointer { try writer.write("linear.bias", $0) }
    try writer.finish()
    let rows = TinyWorkspace.sentences(40, seed: 3)
    try workspace.write(
      "a\tb\tscore\n"
        + (0..<20).map { "\(rows[2 * $0].text)\t\(rows[2 * $0 + 1].text)\t\(Double($0 % 6))\n" }.joined(),
      to: "pairs.tsv")
    return workspace
  }

  /// The vectors are of one width, so that none is mapped for the comparison.
  private static let projected = [
    "task={kind: embedding, projection: {width: 5, activation: tanh}, normalize: true}",
    "stages.vectors.adaptors=[{EmbeddingMSE: {projection: never}}, SimilarityMSE]",
  ]

  private static func dense(_ run: RunRecord, _ model: String = "last") throws -> [UInt8] {
    try #require(bytes(of: "\(run.directory)/\(model)/2_Dense/model.safetensors"))
  }

  @Test("distilled on one to four ranks, evaluated and predicted with")
  func wholeWay() throws {
    let workspace = try Self.workspace()
    let runs = try (1...4).map { ranks in
      try workspace.train(
        Self.configuration,
        set: Self.projected + ["run.directory=ranks-\(ranks)"] + TokenCacheRuns.setting(ranks: ranks), ranks: ranks)
    }
    for run in runs.dropFirst() {
      #expect(run.weightBytes("last") == runs[0].weightBytes("last"), "\(run.directory)")
      #expect(try Self.dense(run) == Self.dense(runs[0]), "\(run.directory)")
      #expect(run.comparableEvents == runs[0].comparableEvents, "\(run.directory)")
    }
    let losses = runs[0].losses
    #expect(losses.count == 6 && (losses.last ?? 1) < (losses.first ?? 0))

    let modules = try JSON.parse(Array(workspace.text("ranks-1/best/modules.json").utf8))
    #expect(modules.array?.compactMap { $0["path"]?.string } == ["", "1_Pooling", "2_Dense", "3_Normalize"])
    let saved = try JSON.parse(Array(workspace.text("ranks-1/best/2_Dense/config.json").utf8))
    #expect(
      saved == [
        "in_features": 9, "out_features": 5, "bias": true,
        "activation_function": "torch.nn.modules.activation.Tanh",
      ])
    #expect(workspace.text("ranks-1/best/1_Pooling/config.json").contains(#""word_embedding_dimension": 9"#))
    #expect(
      workspace.text("ranks-1/best/README.md").contains(
        "5 numbers: mean of the last hidden states, mapped (Dense, tanh)"))
    #expect(try runs[0].weights().keys.allSatisfy { $0.hasPrefix("bert.") })
    _ = try workspace.output(["verify", "ranks-1/best"])
    for model in ["ranks-1/best", "teacher"] {
      let inspected = try workspace.output(["inspect", model])
      #expect(inspected.contains(model == "teacher" ? "map.linear.weight" : "2_Dense.linear.weight"), "\(inspected)")
    }

    let validation = try #require(runs[0].events("validation").last)
    let pairs = ["--data", "pairs.tsv", "--text", "a", "--text-pair", "b", "--label", "score", "--max-length", "16"]
    let evaluated = try JSON.parse(
      Array(try workspace.output(["evaluate", "--model", "ranks-1/last"] + pairs + ["--json"]).utf8))
    #expect(evaluated["spearman"]?.double == validation["val_spearman"]?.double, "\(evaluated)")
    for model in ["ranks-1/best", "teacher"] {
      for precision in ["float32", "int8"] {
        let rows = try jsonLines(
          try workspace.output(["predict", "--model", model, "--input", "val_text.txt", "--precision", precision]))
        for row in rows {
          let vector = (row["vector"]?.array ?? []).compactMap(\.double)
          #expect(vector.count == Self.width && abs(vector.reduce(0) { $0 + $1 * $1 } - 1) < 1e-5)
        }
      }
    }
    for command in [
      ["report", "ranks-2"], ["plan", "--config", "ranks-2/config.yaml"], ["compare", "ranks-2"],
      ["features", "--model", "ranks-1/best", "--input", "val_text.txt", "--output", "features.safetensors"],
      ["export", "ranks-1/best", "exported"],
    ] {
      let result = try workspace.run(command)
      #expect(result.status == 0, "\(result)")
    }
    #expect(try SafetensorsFile("\(workspace.path)/features.safetensors")["logits"]?.shape == [37, 5])
    let exported = bytes(of: "\(workspace.path)/exported/2_Dense/model.safetensors")
    #expect(try exported == Self.dense(runs[0], "best"))
    #expect(workspace.exists("exported/onnx/model.onnx") && workspace.exists("exported/2_Dense/config.json"))
    // What was saved starts another run, which says nothing of the Dense, and trains it alone where it says so.
    _ = try workspace.train(
      Self.configuration, set: ["run.directory=next", "student={model: ranks-1/best}", "task={kind: embedding}"])
    #expect(workspace.text("next/best/2_Dense/config.json").contains("Tanh"))
    let head = try workspace.train(
      Self.configuration,
      set: Self.projected + [
        "run.directory=head", "student={model: ranks-1/last, dropout: {hidden: 0, attention: 0}}",
        "stages.vectors.update=head",
      ])
    #expect(head.weightBytes("last") == runs[0].weightBytes("last"))
    #expect(try Self.dense(head) != Self.dense(runs[0]))
  }

  @Test("a teacher's Dense goes to its student, a narrower one too, and its cached vectors are its own")
  func ofTeacher() throws {
    let workspace = try Self.workspace()
    for student in ["{fromTeacher: {layers: [2, 4]}}", "{fromTeacher: {layers: [2, 4], hidden: 12}}"] {
      let runs = try [1, 2].map { ranks in
        try workspace.train(
          Self.configuration,
          set: [
            "task={kind: embedding}", "student=\(student)",
            "stages.vectors.adaptors=[{EmbeddingMSE: {projection: never}}]",
            "run.directory=run-\(ranks)", "run.overwrite=true", "teacher.cache={path: cache}",
          ], ranks: ranks)
      }
      #expect(try Self.dense(runs[0]) == Self.dense(runs[1]))
      let text = workspace.text("run-1/best/2_Dense/config.json")
      #expect(text.contains(#""out_features": 5"#) && text.contains("Tanh"))
      #expect(text.contains(#""in_features": \#(student.contains("hidden") ? 12 : 18)"#))
    }
  }

  private struct Mistake {
    let set: [String]
    let message: String
  }

  @Test("what is refused is named")
  func refuses() throws {
    let workspace = try Self.workspace()
    let mistakes = [
      Mistake(
        set: ["student={model: teacher}", "task={kind: embedding, projection: 7}"],
        message:
          "task.projection: expected 5 with activation tanh, as the Dense of teacher has, found 7; leave out "
          + "task.projection, or start a new Dense with student.head: new"),
      Mistake(
        set: ["task={kind: embedding, projection: {width: 5, activation: relu}}"],
        message:
          "task.projection: expected an integer from 1 to 65536, or {width: number, activation: identity or tanh}"),
      Mistake(set: ["task={kind: embedding, projection: 0}"], message: "task.projection: expected an integer from 1"),
      Mistake(
        set: ["task={kind: classification, projection: 5}"],
        message: "task.projection: does not go with kind: classification"),
      Mistake(
        set: ["stages.vectors.update=head"], message: "the model of embedding has no head without task.projection"),
      Mistake(
        set: [
          "task={kind: embedding, projection: 6}", "stages.vectors.adaptors=[{EmbeddingMSE: {projection: never}}]",
        ],
        message: "projection: never needs equal widths, found a student of 6 and a teacher of 5"),
    ]
    for mistake in mistakes {
      let result = try workspace.attempt(Self.configuration, set: mistake.set)
      #expect(result.status == 1 && result.errors.contains(mistake.message), "\(mistake.set): \(result)")
    }
    // Otherwise an adaptor's own map carries the student's vectors to the teacher's width, as ever.
    let other = try workspace.train(
      Self.configuration, set: ["task={kind: embedding, projection: 6}", "stages.vectors.adaptors=[EmbeddingMSE]"])
    #expect(other.losses.count == 6)
    try workspace.replace("modules.activation.Tanh", by: "modules.activation.ReLU", in: "teacher/map/config.json")
    let activation = try workspace.run(["predict", "--model", "teacher", "--input", "val_text.txt"])
    #expect(
      activation.status == 1 && activation.errors.contains("teacher/map/config.json: activation_function: expected"),
      "\(activation)")
  }
}
