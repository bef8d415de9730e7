import Glibc
import Testing

/// Ranks that would train different runs do not begin.
@Suite struct RankAgreements {
  @Test(arguments: [
    ("--set training.learningRate=0.003", "stages.intermediate.learningRate"), ("--set run.seed=8", "run.seed"),
    ("--set data.train.text=other.txt", "the training data"),
    ("--set data.validation.labels=other_labels.txt", "the validation data"),
    ("--set teacher.model=other", "the teacher's weights"),
    ("--set student.fromTeacher.layers=[1,3]", "student.fromTeacher.layers.0"),
  ])
  func differingRankIsNamed(arguments: String, difference: String) throws {
    let workspace = try TinyWorkspace()
    try workspace.write(Configuration.twoStep.yaml, to: "configuration.yaml")
    try workspace.write(workspace.text("train_text.txt").replacing("good", with: "glad"), to: "other.txt")
    try workspace.write(
      workspace.text("val_labels.txt").split(separator: "\n").reversed().map { $0 + "\n" }.joined(),
      to: "other_labels.txt")
    try workspace.makeModel("other")
    try workspace.spoil("other", "bert.encoder.layer.3.output.dense.bias", with: 0.25)
    try workspace.write(
      """
      #!/bin/sh
      test "$OMPI_COMM_WORLD_RANK" = 1 && set -- "$@" \(arguments)
      exec \(BinaryUnderTest.path) "$@"

      """, to: "wrapper.sh")
    chmod("\(workspace.path)/wrapper.sh", 0o755)
    let result = try workspace.runOnRanks(
      3, ["--config", "configuration.yaml", "--threads", "1"], program: "\(workspace.path)/wrapper.sh")
    #expect(result.status == 1, "\(result)")
    #expect(result.occurrences(of: "\n  \(difference): rank 1 differs") == 1, "\(result)")
    #expect(!workspace.exists("run"))
  }

  @Test func anotherProgramIsNamed() throws {
    let workspace = try TinyWorkspace()
    try workspace.write(Configuration.finetune.yaml, to: "configuration.yaml")
    // Bytes behind the last section change nothing but the hash.
    try workspace.write((bytes(of: BinaryUnderTest.path) ?? []) + [0], to: "other-build")
    chmod("\(workspace.path)/other-build", 0o755)
    try workspace.write(
      """
      #!/bin/sh
      test "$OMPI_COMM_WORLD_RANK" = 1 && exec \(workspace.path)/other-build "$@"
      exec \(BinaryUnderTest.path) "$@"

      """, to: "wrapper.sh")
    chmod("\(workspace.path)/wrapper.sh", 0o755)
    let result = try workspace.runOnRanks(
      2, ["--config", "configuration.yaml", "--threads", "1"], program: "\(workspace.path)/wrapper.sh")
    #expect(result.status == 1 && result.occurrences(of: "the program: rank 1 differs") == 1, "\(result)")
  }

  /// Each rank with a file of its own, as one would start processes that share nothing.
  @Test(arguments: [
    (["predict", "--input", "part$OMPI_COMM_WORLD_RANK.txt"], "the data"),
    (["predict", "--input", "part0.txt", "--output", "out$OMPI_COMM_WORLD_RANK"], "--output"),
    (["predict", "--input", "part0.txt", "--max-length", "1$OMPI_COMM_WORLD_RANK"], "--max-length"),
    (["evaluate", "--data", "part$OMPI_COMM_WORLD_RANK.txt", "val_labels.txt"], "the data"),
    (["evaluate", "--data", "part0.txt", "labels$OMPI_COMM_WORLD_RANK.txt"], "the data"),
    (["$(test $OMPI_COMM_WORLD_RANK = 0 && echo predict --input || echo evaluate --data) part0.txt"], "the command"),
    (
      ["evaluate", "--data", "part0.txt", "val_labels.txt", "--model", "model$OMPI_COMM_WORLD_RANK"],
      "the model's weights"
    ),
  ])
  func commandsDoOneJob(arguments: [String], difference: String) throws {
    let workspace = try TinyWorkspace(trainRows: 1, validationRows: 5)
    try workspace.write(workspace.text("val_text.txt"), to: "part0.txt")
    try workspace.write(
      workspace.text("val_text.txt").split(separator: "\n").reversed().map { $0 + "\n" }.joined(), to: "part1.txt")
    try workspace.write(workspace.text("val_labels.txt"), to: "labels0.txt")
    try workspace.write("0\n0\n0\n0\n0\n", to: "labels1.txt")
    try workspace.makeModel("model0")
    try workspace.makeModel("model1")
    try workspace.spoil("model1", "classifier.bias", with: 0.25)
    let model = arguments.contains("--model") ? "" : " --model teacher"
    let result = try workspace.runOnRanks(
      2, ["-c", "exec \(BinaryUnderTest.path) \(arguments.joined(separator: " "))\(model) --threads 1"],
      program: "/bin/sh")
    #expect(result.status == 1, "\(result)")
    #expect(result.occurrences(of: "\n  \(difference): rank 1 differs") == 1, "\(result)")
    #expect(result.output == "" && !workspace.exists("out0"), "\(result)")
  }

  @Test(arguments: [
    ["tokenize", "--model", "teacher"], ["inspect", "teacher"], ["verify", "run"], ["compare", "run"],
    ["features", "--model", "teacher", "--input", "val_text.txt", "--output", "f.safetensors"],
  ])
  func commandsOfOneRankSaySo(arguments: [String]) throws {
    let workspace = try TinyWorkspace(trainRows: 1, validationRows: 5)
    let result = try workspace.runOnRanks(2, arguments)
    #expect(
      result.occurrences(
        of: "Note: this command works on rank 0 alone, by its own options; the other ranks do nothing\n") == 1,
      "\(result)")
  }
}
