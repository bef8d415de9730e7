import Testing

@Suite("help")
struct HelpTests {
  static let commands = [
    "train", "evaluate", "predict", "tokenize", "features", "inspect", "validate", "verify", "compare", "config",
    "report",
  ]

  @Test("every command explains itself", arguments: commands)
  func explains(command: String) throws {
    let workspace = try TinyWorkspace(trainRows: 1, validationRows: 1)
    let run = try workspace.run([command, "--help"])
    #expect(run.status == 0)
    #expect(run.errors == "")
    #expect(run.output.contains("USAGE: distill-ddp \(command) ") || command == "train", "\(run)")
    #expect(try workspace.output(["--help"]).contains("\n  \(command) "))
  }

  @Test("an unknown option is a usage error", arguments: commands)
  func refuses(command: String) throws {
    let run = try TinyWorkspace(trainRows: 1, validationRows: 1).run([command, "--nonsense"])
    #expect(run.status == 64)
    #expect(run.errors.contains("Usage: distill-ddp"), "\(run)")
  }

  @Test(
    "a word that is no command is told, with the one it may be",
    arguments: [
      ("evaluat", "did you mean evaluate?"), ("version", "did you mean --version?"),
      ("Predict", "did you mean predict?"),
      ("configs/finetune.yaml", "distill-ddp --help lists them"),
    ])
  func unknown(word: String, remedy: String) throws {
    let run = try TinyWorkspace(trainRows: 1, validationRows: 1).run([word])
    #expect(run.status == 64 && run.output == "")
    #expect(run.errors.hasPrefix("Error: \"\(word)\": no such command; \(remedy)\n"), "\(run)")
  }
}
