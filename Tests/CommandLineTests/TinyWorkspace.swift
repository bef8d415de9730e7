import Checkpoints
import Glibc
import JSON

/// A temporary directory with small models and data, in which the program runs.
///
/// `teacher`, `student` and `narrow` are models of one vocabulary; `train_text.txt`, `train_labels.txt`, `val_text.txt`
/// and `val_labels.txt` are sentences of 1 to 20 words with a label that follows from the words.
final class TinyWorkspace {
  let path: String

  /// The words of `Fixtures/tokenizer`, by id.
  static let vocabulary = String(
    decoding: bytes(of: "\(BinaryUnderTest.fixtures)/tokenizer/vocab.txt") ?? [], as: UTF8.self
  )
  .split(separator: "\n").map(String.init)

  init(trainRows: Int = 103, validationRows: Int = 37) throws {
    var template = Array("/tmp/distill-ddp-tests-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw ProgramFailure(description: "no temporary directory can be made") }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    for (name, fixture) in [("teacher", "teacher"), ("student", "student"), ("narrow", "student-narrow")] {
      try makeModel(name, from: fixture)
    }
    for (name, rows, seed) in [("train", trainRows, 1), ("val", validationRows, 2)] {
      let sentences = Self.sentences(rows, seed: UInt64(seed))
      try write(sentences.map { $0.text + "\n" }.joined(), to: "\(name)_text.txt")
      try write(sentences.map { "\($0.label)\n" }.joined(), to: "\(name)_labels.txt")
    }
  }

  deinit { try? removeTree(path) }

  // MARK: Files

  func write(_ text: String, to name: String) throws { try write(Array(text.utf8), to: name) }
  func write(_ bytes: [UInt8], to name: String) throws { try writeAtomically(bytes, to: "\(path)/\(name)") }
  func text(_ name: String) -> String { String(decoding: bytes(of: "\(path)/\(name)") ?? [], as: UTF8.self) }
  func exists(_ name: String) -> Bool { access("\(path)/\(name)", F_OK) == 0 }

  /// Replaces one piece of a text file by another.
  func replace(_ old: String, by new: String, in name: String) throws {
    let parts = text(name).split(separator: old, omittingEmptySubsequences: false)
    guard parts.count > 1 else { throw ProgramFailure(description: "\(name) has no \(old)") }
    try write(parts.joined(separator: new), to: name)
  }

  /// Every file below a folder with its contents, to see whether anything changed.
  func contents(of folder: String) throws -> [String: [UInt8]] {
    let listing = try ProgramRun.of("/usr/bin/find", [folder, "-not", "-type", "d"], in: path)
    return Dictionary(
      uniqueKeysWithValues: listing.output.split(separator: "\n").map { ("\($0)", bytes(of: "\(path)/\($0)") ?? []) })
  }

  // MARK: Models and data

  func makeModel(_ name: String, from fixture: String = "teacher") throws {
    try createDirectories("\(path)/\(name)")
    let files = [
      "config.json": "encoder/\(fixture)", "model.safetensors": "encoder/\(fixture)", "vocab.txt": "tokenizer",
      "tokenizer_config.json": "tokenizer",
    ]
    for (file, folder) in files {
      guard let contents = bytes(of: "\(BinaryUnderTest.fixtures)/\(folder)/\(file)") else {
        throw ProgramFailure(description: "the fixture \(folder)/\(file) cannot be read")
      }
      try write(contents, to: "\(name)/\(file)")
    }
  }

  /// Sentences of uneven lengths, some longer than the model takes; class 0 has more words from the first third of the
  /// vocabulary than from the last, class 2 fewer, class 1 as many.
  static func sentences(_ count: Int, seed: UInt64) -> [(text: String, label: Int)] {
    // Knuth's MMIX generator; its high bits are the random ones.
    var state = seed
    func random(below bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    let words = Array(vocabulary.dropFirst(5))
    return (0..<count).map { _ in
      let chosen = (0..<1 + random(below: random(below: 4) == 0 ? 20 : 8)).map { _ in random(below: words.count) }
      let balance = chosen.prefix(14).reduce(0) { $0 + ($1 < 8 ? -1 : $1 >= 18 ? 1 : 0) }
      return (chosen.map { words[$0] }.joined(separator: " "), balance.signum() + 1)
    }
  }

  // MARK: Running

  /// Runs `distill-ddp` alone.
  func run(_ arguments: [String], variables: [String: String?] = [:]) throws -> ProgramRun {
    try ProgramRun.of(BinaryUnderTest.path, arguments, in: path, variables: Self.withoutLauncher(variables))
  }

  /// Starts a command of a shell, which has the program as `$0`.
  func startInShell(_ command: String, _ arguments: [String]) throws -> StartedProgram {
    try StartedProgram(
      "/bin/sh", ["-c", command, BinaryUnderTest.path] + arguments, in: path, variables: Self.withoutLauncher([:]))
  }

  func runInShell(_ command: String, _ arguments: [String]) throws -> ProgramRun {
    try startInShell(command, arguments).wait()
  }

  /// Runs `distill-ddp`, or another program, on several ranks.
  func runOnRanks(
    _ ranks: Int, _ arguments: [String], program: String = BinaryUnderTest.path, variables: [String: String?] = [:]
  ) throws -> ProgramRun {
    try startOnRanks(ranks, arguments, program: program, variables: variables).wait()
  }

  /// - Parameter options: of mpirun.
  func startOnRanks(
    _ ranks: Int, _ arguments: [String], program: String = BinaryUnderTest.path,
    options: [String] = ["--bind-to", "none"], variables: [String: String?] = [:], terminal: String? = nil
  ) throws -> StartedProgram {
    try StartedProgram(
      BinaryUnderTest.mpirun, ["--oversubscribe"] + options + ["-np", "\(ranks)", program] + arguments, in: path,
      variables: Self.withoutLauncher(
        ["OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "TERM": "xterm"]
          .merging(variables) { $1 }), terminal: terminal)
  }

  /// Runs `distill-ddp`, or with ranks mpirun, on a terminal.
  func runOnTerminal(
    _ terminal: Pseudoterminal, _ arguments: [String], ranks: Int? = nil, options: [String] = [],
    variables: [String: String?] = ["TERM": "xterm"], meanwhile: (StartedProgram) -> Void = { _ in }
  ) throws -> ProgramRun {
    let program =
      try ranks.map {
        try startOnRanks($0, arguments, options: ["--bind-to", "none"] + options, terminal: terminal.path)
      }
      ?? StartedProgram(
        BinaryUnderTest.path, arguments, in: path, variables: Self.withoutLauncher(variables), terminal: terminal.path)
    return try program.wait {
      terminal.read()
      meanwhile(program)
    }
  }

  /// Runs a configuration alone or, with `ranks`, under mpirun, and reads what it left behind.
  func train(
    _ configuration: Configuration, set overrides: [String] = [], ranks: Int = 1, threads: Int = 1
  ) throws -> RunRecord {
    let result = try attempt(configuration, set: overrides, ranks: ranks, threads: threads)
    guard result.status == 0 else { throw ProgramFailure(description: "a run that should succeed: \(result)") }
    let directory = overrides.last { $0.hasPrefix("run.directory=") }.map { String($0.dropFirst(14)) } ?? "run"
    return try RunRecord(directory, in: self)
  }

  /// The same for a run that may fail.
  func attempt(
    _ configuration: Configuration, set overrides: [String] = [], _ options: [String] = [], ranks: Int = 1,
    threads: Int = 1
  ) throws -> ProgramRun {
    try write(configuration.yaml, to: "configuration.yaml")
    let arguments =
      ["--config", "configuration.yaml", "--threads", "\(threads)"] + overrides.flatMap { ["--set", $0] } + options
    return ranks == 1 ? try run(arguments) : try runOnRanks(ranks, arguments)
  }

  /// Without what a launcher around the tests themselves would have set.
  static func withoutLauncher(_ variables: [String: String?]) -> [String: String?] {
    let names = [
      "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "PMI_SIZE", "SLURM_STEP_NUM_TASKS",
    ]
    // Nor asks a program that is tested anybody but the tests' own hub.
    let offline: [String: String?] = ["HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": "/nonexistent", "HF_TOKEN": nil]
    return Dictionary(uniqueKeysWithValues: names.map { ($0, String?.none) }).merging(offline) { $1 }
      .merging(variables) { $1 }
  }
}
