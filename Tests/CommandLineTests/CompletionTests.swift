import Testing

@Suite("completion")
struct CompletionTests {
  private let workspace: TinyWorkspace

  init() throws {
    workspace = try TinyWorkspace()
    try workspace.write(Configuration.twoStep.yaml, to: "c.yaml")
    try workspace.write(try workspace.output(["--generate-completion-script", "bash"]), to: "completion.bash")
  }

  /// What bash offers behind these words, the last of which is begun.
  private func offered(_ words: [String]) throws -> [String] {
    let line = (["distill-ddp"] + words).joined(separator: " ")
    try workspace.write(
      """
      export PATH="$PWD:$PATH"
      ln -sf "\(BinaryUnderTest.path)" distill-ddp
      source completion.bash
      compopt() { echo "compopt $*"; }
      COMP_WORDS=(distill-ddp \(words.map { "'\($0)'" }.joined(separator: " ")))
      COMP_CWORD=\(words.count)
      COMP_LINE='\(line)'
      COMP_POINT=${#COMP_LINE}
      _distill-ddp_line distill-ddp '\(words.last ?? "")' '\(words.dropLast().last ?? "distill-ddp")'
      printf '%s\\n' "${COMPREPLY[@]}"

      """, to: "complete.bash")
    let run = try StartedProgram("/bin/bash", ["complete.bash"], in: workspace.path, variables: [:]).wait()
    #expect(run.status == 0 && run.errors.isEmpty, "\(run)")
    return run.output.split(separator: "\n").map(String.init)
  }

  @Test("train may be left out, as documents do")
  func withoutTrain() throws {
    #expect(try offered(["--conf"]) == ["--config"])
    #expect(try offered(["--config", "c.yaml", "--res"]) == ["--resume"])
    #expect(try offered(["train", "--conf"]) == ["--config"])
    #expect(try offered(["val"]) == ["validate"] && offered(["--ver"]).contains("--version"))
  }

  @Test("keys end in = without a blank behind it, and stages go by their names")
  func keys() throws {
    #expect(
      try offered(["--config", "c.yaml", "--set", "training.batchS"])
        == ["compopt -o nospace +o filenames", "training.batchSize="])
    let stages = try offered(["--config", "c.yaml", "--set", "stages."])
    #expect(stages.contains("stages.intermediate.epochs=") && stages.contains("stages.prediction.checkpoint.monitor="))
    #expect(!stages.contains { $0.contains(".N.") })
    // Without a file nobody knows the stages.
    #expect(try offered(["--set", "stages."]).isEmpty)
    // What is offered is accepted.
    #expect(
      try workspace.run(["validate", "--config", "c.yaml", "--set", "stages.prediction.epochs=1"]).status == 0)
  }

  @Test("values that are one of a list are offered")
  func values() throws {
    #expect(try offered(["predict", "--format", "js"]) == ["jsonl"])
    #expect(try offered(["evaluate", "--format", "glue/mr"]) == ["glue/mrpc"])
    #expect(try offered(["compare", "--format", ""]) == ["markdown", "csv", "json"])
    #expect(try offered(["--resume", "a"]) == ["auto"])
  }
}
