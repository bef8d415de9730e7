import Glibc
import Testing

/// Ranks that would train different runs do not begin.
@Suite struct RankAgreements {
  @Test(arguments: [
    ("--set training.learningRate=0.003", "stages.intermediate.learningRate"), ("--set run.seed=8", "run.seed"),
    ("--set data.train.text=other.txt", "the training data"),
    ("--set data.validation.labels=other_labels.txt", "the validation data"),
    ("--set teacher.model=other", "the teacher's weights"),
    ("--set student.fromTeacher.layers=[1,3]", "the student's initial weights"),
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
}
