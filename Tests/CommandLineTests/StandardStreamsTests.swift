import Testing

/// Programs that were started without standard input, output or error.
@Suite("standard streams that are closed")
struct StandardStreamsTests {
  @Test("a run's log gets no line of the console's", arguments: [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
  func training(closed: String) throws {
    let workspace = try TinyWorkspace()
    try workspace.write(Configuration.mixStep.yaml, to: "c.yaml")
    let run = try workspace.runInShell(#""$0" "$@" \#(closed)"#, ["--config", "c.yaml"])
    #expect(run.status == 0, "\(run)")
    let record = try RunRecord("run", in: workspace)
    #expect(record.losses.count > 0 && record.events("run_finished").count == 1)
    #expect(try workspace.run(["report", "run", "--no-models"]).status == 0)
  }

  @Test("a result that nobody can get is an error", arguments: [["predict", "--input", "val_text.txt"], ["tokenize"]])
  func results(arguments: [String]) throws {
    let workspace = try TinyWorkspace(trainRows: 1)
    let run = try workspace.runInShell(
      #"echo good | "$0" "$@" >&-"#, [arguments[0], "--model", "teacher"] + arguments.dropFirst())
    #expect(run.status == 1, "\(run)")
    #expect(run.errors.contains("standard output: cannot be written: Bad file descriptor"), "\(run)")
  }
}
