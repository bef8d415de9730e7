import Checkpoints
import Glibc
import JSON
import Testing

/// Runs that map what a directory keeps of their data are the runs that hold it in memory.
@Suite struct TokenCacheRuns {
  /// The runs of more than two ranks of a test that compares runs on any ranks keep their data as tokens.
  static func setting(ranks: Int) -> [String] { ranks > 2 ? ["data.cache=tokens"] : [] }

  /// The tables in a directory, with something that tells whether one was made anew.
  private func tables(_ workspace: TinyWorkspace, _ directory: String = "tokens") throws -> [String: UInt] {
    let listing = try ProgramRun.of("/bin/ls", ["-A", directory], in: workspace.path)
    let names = listing.output.split(separator: "\n").map(String.init).filter { $0.contains(".tokens") }
    return Dictionary(
      uniqueKeysWithValues: names.map { name in
        var status = stat()
        stat("\(workspace.path)/\(directory)/\(name)", &status)
        return (name, UInt(status.st_ino))
      })
  }

  @Test("made once by whoever comes first, and used again by ranks and runs")
  func madeOnce() throws {
    let workspace = try TinyWorkspace()
    let plain = try workspace.train(.mixStep, set: ["training.microBatches=4"])
    func run(_ name: String, ranks: Int) throws -> RunRecord {
      try workspace.train(
        .mixStep, set: ["training.microBatches=4", "run.directory=\(name)", "data.cache=tokens"], ranks: ranks)
    }
    let first = try run("first", ranks: 3)
    let made = try tables(workspace)
    #expect(made.count == 2)
    let second = try run("second", ranks: 1)
    #expect(try tables(workspace) == made)
    for run in [first, second] {
      #expect(run.weightBytes("last") == plain.weightBytes("last"), "\(run.directory)")
      #expect(run.comparableEvents == plain.comparableEvents, "\(run.directory)")
    }

    // What was killed while it was made is removed, and what is damaged is made again.
    let name = try #require(made.keys.sorted().first)
    #expect(mkdir("\(workspace.path)/tokens/.\(name).tmp-1-x", 0o777) == 0)
    #expect(truncate("\(workspace.path)/tokens/\(name)/tokens", 1) == 0)
    let third = try workspace.attempt(
      .mixStep, set: ["training.microBatches=4", "run.directory=third", "data.cache=tokens"], ranks: 2)
    #expect(third.status == 0 && third.output.contains("\(name): files were missing or damaged"), "\(third)")
    #expect(try RunRecord("third", in: workspace).weightBytes("last") == plain.weightBytes("last"))
    let repaired = try tables(workspace)
    #expect(repaired.keys == made.keys && repaired[name] != made[name])

    // Another text is another table.
    try workspace.write(workspace.text("train_text.txt").replacing("a", with: "b"), to: "train_text.txt")
    _ = try run("other", ranks: 1)
    #expect(try tables(workspace).count == 3)
  }

  @Test("listed, verified, planned and deleted")
  func commands() throws {
    let workspace = try TinyWorkspace()
    _ = try workspace.train(.mixStep, set: ["data.cache=tokens", "training.maxSteps=1"])
    let listing = try workspace.output(["cache", "ls", "tokens"])
    #expect(listing.contains("train_text.txt") && listing.contains("103") && listing.contains("val_text.txt"))
    #expect(try workspace.output(["cache", "verify", "tokens"]).contains("140 sentences are sound"))
    let plan = try workspace.output(["plan", "--config", "run/config.yaml", "--json"])
    #expect(try JSON.parse(Array(plan.utf8))["disk"]?["tokens"]?.int ?? 0 > 103 * 16)

    let name = try #require(try tables(workspace).keys.sorted().first)
    var damaged = try #require(bytes(of: "\(workspace.path)/tokens/\(name)/tokens"))
    damaged[4] ^= 1
    try workspace.write(damaged, to: "tokens/\(name)/tokens")
    let verified = try workspace.run(["cache", "verify", "tokens"])
    #expect(verified.status == 1 && verified.output.contains("row 1 is damaged"), "\(verified)")
    // A run finds it out where it reads the row, before a model does.
    for ranks in [1, 2] {
      let run = try workspace.attempt(
        .mixStep, set: ["run.directory=other-\(ranks)", "data.cache=tokens"], ranks: ranks)
      #expect(
        run.status != 0 && run.errors.contains("tokens/\(name): row 1 is damaged; delete the directory"), "\(run)")
    }
    try workspace.write("mine", to: "tokens/other.txt")
    _ = try workspace.output(["cache", "clear", "tokens"])
    #expect(try tables(workspace).isEmpty && workspace.exists("tokens/other.txt"))
  }

  @Test("any file is the same run on one and three ranks, in memory and mapped")
  func files() throws {
    let workspace = try TinyWorkspace()
    let parquet =
      "/\(#filePath.split(separator: "/").dropLast(2).joined(separator: "/"))/ColumnarTests/Fixtures/classes.parquet"
    let lines = TinyWorkspace.sentences(60, seed: 5).map { "{\"text\": \"\($0.text)\", \"label\": \($0.label)}\n" }
    try workspace.write(lines[..<20].joined(), to: "parts-1.jsonl")
    try workspace.write(lines[20...].joined(), to: "parts-2.jsonl")
    for (name, train) in [("parquet", "{parquet: \(parquet)}"), ("parts", "{jsonl: 'parts-*.jsonl'}")] {
      let settings = [
        "task.labels=[sad, so so, happy]", "data.train=\(train)", "data.validation=\(train)", "student.head=new",
        "data.unlabelled=[{text: val_text.txt}]", "training.microBatches=3", "stages.mix.adaptors=[HidnTinyBERT]",
      ]
      let plain = try workspace.train(.mixStep, set: settings + ["run.directory=\(name)"])
      for ranks in [1, 3] {
        let mapped = try workspace.train(
          .mixStep, set: settings + ["run.directory=\(name)-\(ranks)", "data.cache=tokens"], ranks: ranks)
        #expect(mapped.weightBytes("last") == plain.weightBytes("last"), "\(mapped.directory)")
        #expect(mapped.comparableEvents == plain.comparableEvents, "\(mapped.directory)")
      }
    }
  }

  @Test("a run that began in memory goes on with what is mapped, and the other way round")
  func resumed() throws {
    let workspace = try Resuming.workspace()
    try workspace.write(workspace.text("val_text.txt"), to: "texts.txt")
    let settings = Resuming.long + ["training.microBatches=4", "data.unlabelled=[{text: texts.txt}]"]
    let whole = try workspace.train(.twoStep, set: settings + ["run.directory=whole"])
    for (first, second) in [([], ["data.cache=tokens"]), (["data.cache=tokens"], [])] {
      let stopped = try Resuming.stop(
        workspace, ranks: 1, after: 50, arguments: workspace.arguments(set: settings + first))
      try #require(stopped.status == 75, "\(stopped)")
      let resumed = try workspace.runOnRanks(2, workspace.arguments(set: settings + second) + ["--resume", "auto"])
      #expect(resumed.status == 0, "\(resumed)")
      #expect(try RunRecord("run", in: workspace).weightBytes("last") == whole.weightBytes("last"))
      try workspace.remove("run")
    }
  }

  /// Older builds told the rows of several sources by one hash of all, which is that of a file that has them all.
  @Test("a run of an older build with texts without labels is resumed")
  func olderIdentity() throws {
    let workspace = try TinyWorkspace()
    try workspace.write(workspace.text("val_text.txt"), to: "texts.txt")
    func lines(_ name: String) -> [Substring] { workspace.text(name).split(separator: "\n") }
    let labelled = zip(lines("train_text.txt"), lines("train_labels.txt")).map {
      "{\"text\": \"\($0)\", \"label\": \($1)}\n"
    }
    let others = lines("texts.txt").map { "{\"text\": \"\($0)\", \"label\": null}\n" }
    try workspace.write((labelled + others).joined(), to: "all.jsonl")
    func identity(_ name: String, _ data: String) throws -> (path: String, state: JSON, digest: String) {
      _ = try workspace.train(.mixStep, set: ["run.directory=\(name)", "training.maxSteps=1", data])
      let states = try ProgramRun.of("/bin/ls", ["\(name)/state"], in: workspace.path).output.split(separator: "\n")
      let path = "\(name)/state/\(try #require(states.first))"
      let state = try JSON.parse(Array(workspace.text("\(path)/state.json").utf8))
      return (path, state, try #require(state["identity"]?["the training data"]?.string))
    }
    let one = try identity("one", "data.train={jsonl: all.jsonl, missingLabels: unlabelled}")
    let several = try identity("several", "data.unlabelled=[{text: texts.txt}]")
    #expect(one.digest.utf8.count == 64 && several.digest.hasPrefix("sources "))
    for (name, digest) in [("told", one.digest), ("differs", String(one.digest.reversed()))] {
      let copied = try ProgramRun.of("/bin/cp", ["-r", "several", name], in: workspace.path)
      try #require(copied.status == 0, "\(copied)")
      let path = several.path.replacing("several/", with: "\(name)/")
      try workspace.write(several.state.text().replacing(several.digest, with: digest), to: "\(path)/state.json")
      try CheckpointManifest.write(into: "\(workspace.path)/\(path)")
      // What else has changed is told together with the data.
      let resumed = try workspace.attempt(
        .mixStep,
        set: [
          "run.directory=\(name)", "training.maxSteps=2", "data.unlabelled=[{text: texts.txt}]", "data.cache=tokens",
        ], ["--resume", "auto", "--allow-changes"])
      #expect(resumed.status == 0 && resumed.output.contains("maxSteps: was 1, is 2"), "\(resumed)")
      #expect(resumed.output.contains("the training data") == (name == "differs"), "\(resumed)")
    }
  }

  @Test("a disk that is full is told with the file, and leaves nothing")
  func fullDisk() throws {
    let workspace = try TinyWorkspace(trainRows: 10_000)
    try workspace.write(Configuration.mixStep.yaml, to: "configuration.yaml")
    let arguments = ["--config", "configuration.yaml", "--set", "data.cache=tokens", "--set", "training.maxSteps=1"]
    // A limit on the size of files fails a write as a full disk does.
    let limited = try workspace.runInShell("trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\"", arguments)
    #expect(limited.status == 1 && limited.errors.contains(": cannot be written: File too large; free some"))
    #expect(try tables(workspace).isEmpty)
    let free = try workspace.run(arguments)
    #expect(free.status == 0, "\(free)")
    #expect(try tables(workspace).count == 2)
  }

  @Test("whoever makes a table, others wait for it, and of a killed process nothing is used")
  func waiting() throws {
    let workspace = try TinyWorkspace()
    func settings(_ name: String) -> [String] {
      ["training.microBatches=4", "run.directory=\(name)", "data.cache=tokens"]
    }
    let first = try workspace.train(.mixStep, set: settings("first"))
    let made = try tables(workspace)
    // As they are before the first is complete: a lock that is held, and a directory under a name of its own.
    var locks: [FileLock] = []
    for name in made.keys {
      let key = name.dropLast(".tokens".count)
      locks.append(try #require(try FileLock.attempt("\(workspace.path)/tokens/.\(key).lock")))
      #expect(rename("\(workspace.path)/tokens/\(name)", "\(workspace.path)/tokens/.\(name).tmp-1-x") == 0)
    }
    let jobs = try ["second", "third"].map { name in
      try createDirectories("\(workspace.path)/\(name)")
      return try workspace.startInShell(
        "exec \"$0\" \"$@\"", ["--config", "configuration.yaml"] + settings(name).flatMap { ["--set", $0] })
    }
    // Each begins by claiming its directory.
    try workspace.wait { workspace.exists("second/.lock") && workspace.exists("third/.lock") }
    #expect(try tables(workspace).keys.allSatisfy { $0.hasPrefix(".") })
    for name in made.keys {
      #expect(rename("\(workspace.path)/tokens/.\(name).tmp-1-x", "\(workspace.path)/tokens/\(name)") == 0)
    }
    locks = []
    for (job, name) in zip(jobs, ["second", "third"]) {
      let result = try job.wait()
      #expect(result.status == 0, "\(result)")
      #expect(try RunRecord(name, in: workspace).weightBytes("last") == first.weightBytes("last"))
    }
    #expect(try tables(workspace) == made)

    // Of a process that was killed, all files may be there, but not under the name.
    let name = try #require(made.keys.sorted().first)
    try workspace.write("", to: "tokens/\(name)/mark")
    #expect(rename("\(workspace.path)/tokens/\(name)", "\(workspace.path)/tokens/.\(name).tmp-1-x") == 0)
    _ = try workspace.train(.mixStep, set: settings("fourth"))
    let again = try tables(workspace)
    #expect(again.keys == made.keys && !workspace.exists("tokens/\(name)/mark"))
  }

  @Test("a directory that cannot be made is told with its key")
  func unwritable() throws {
    let workspace = try TinyWorkspace()
    let result = try workspace.attempt(.mixStep, set: ["data.cache=train_text.txt/tokens"])
    #expect(result.status == 1 && result.errors.contains("data.cache: "), "\(result)")
  }
}
