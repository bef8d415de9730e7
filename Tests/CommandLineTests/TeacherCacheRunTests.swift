import Glibc
import JSON
import Testing

/// Runs that keep the teacher's features are the runs that compute them.
@Suite struct TeacherCacheRuns {
  private static let dropout = "student.dropout={hidden: 0.1, attention: 0.1}"
  private static func cache(_ precision: String, more: String = "") -> String {
    "teacher.cache={path: cache, precision: \(precision)\(more)}"
  }

  private func hitRates(_ run: RunRecord) -> [Double] {
    run.events("teacher_cache").compactMap { $0["hit_rate"]?.double }
  }

  @Test func fullPrecisionChangesNoBit() throws {
    let workspace = try TinyWorkspace()
    // In the file's order micro-batches hold the same rows in every epoch, and so the same products.
    let overrides = [Self.dropout, "training.shuffle=false"]
    let live = try workspace.train(.mixStep, set: overrides)
    let cached = try workspace.train(.mixStep, set: overrides + ["run.directory=cached", Self.cache("fp32")])
    #expect(cached.losses == live.losses && cached.comparableEvents == live.comparableEvents)
    #expect(cached.weightBytes("last") == live.weightBytes("last"))
    let rates = hitRates(cached)
    #expect(rates.count == 3 && rates[0] < 1 && rates[1...] == [1, 1])

    // Filled by another run, from the first step on.
    let again = try workspace.train(.mixStep, set: overrides + ["run.directory=again", Self.cache("fp32")])
    #expect(again.losses == live.losses && hitRates(again) == [1, 1, 1])
  }

  @Test(arguments: [("fp32", 1e-5), ("fp16", 1e-3)])
  func shuffledLossesAgree(precision: String, tolerance: Double) throws {
    let workspace = try TinyWorkspace()
    let live = try workspace.train(.everyAdaptor)
    let cached = try workspace.train(.everyAdaptor, set: ["run.directory=cached", Self.cache(precision)])
    #expect(cached.losses.count == live.losses.count)
    for (a, b) in zip(cached.losses, live.losses) { #expect(abs(a - b) <= tolerance * max(1, abs(b))) }
    #expect(hitRates(cached).dropFirst() == [1, 1])
  }

  @Test func ranksShareWhatAnyOfThemStored() throws {
    let workspace = try TinyWorkspace()
    let two = try workspace.train(.mixStep, set: [Self.cache("fp16")], ranks: 2)
    #expect(hitRates(two).dropFirst() == [1, 1])
    for ranks in [3, 1] {
      let run = try workspace.train(
        .mixStep, set: ["run.directory=run-\(ranks)", Self.cache("fp16")], ranks: ranks)
      let written = run.events("teacher_cache").compactMap { $0["bytes_written"]?.int }
      #expect(hitRates(run) == [1, 1, 1] && written == [0, 0, 0], "\(ranks) ranks")
      for (a, b) in zip(run.losses, two.losses) { #expect(abs(a - b) <= 1e-3 * max(1, abs(b))) }
    }
  }

  @Test func aFullDiskOrBudgetIsANoticeOnly() throws {
    let workspace = try TinyWorkspace()
    let live = try workspace.train(.mixStep, set: [Self.dropout])
    let small = try workspace.train(
      .mixStep, set: [Self.dropout, "run.directory=small", Self.cache("fp32", more: ", maxBytes: 20000")])
    #expect(small.events("notice").contains { $0["text"]?.string?.contains("full") == true })
    #expect(small.events("teacher_cache").allSatisfy { ($0["bytes_in_use"]?.int ?? .max) <= 20_000 })

    // A limit on the size of files fails a write as a full disk does; checkpoints stay below it.
    let arguments = [
      "--config", "configuration.yaml", "--threads", "1", "--set", Self.dropout, "--set", "run.directory=limited",
      "--set", "teacher.cache={path: limited-cache, precision: fp32}",
    ]
    let limited = try ProgramRun.of(
      "/bin/bash", ["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\"", BinaryUnderTest.path] + arguments,
      in: workspace.path)
    try #require(limited.status == 0, "\(limited)")
    let record = try RunRecord("limited", in: workspace)
    #expect(record.events("notice").contains { $0["text"]?.string?.contains("cannot be written") == true })
    for run in [small, record] {
      #expect(run.losses.count == live.losses.count && hitRates(run).allSatisfy { $0 < 1 })
      for (a, b) in zip(run.losses, live.losses) { #expect(abs(a - b) <= 1e-5 * max(1, abs(b))) }
    }
    #expect(try workspace.run(["cache", "verify", "limited-cache"]).status == 0)
  }

  @Test func theCommandShowsChecksAndClears() throws {
    let workspace = try TinyWorkspace()
    let run = try workspace.train(.twoStep, set: [Self.cache("fp16")])
    let list = try JSON.parse(Array(try workspace.run(["cache", "ls", "cache", "--json"]).output.utf8)).array ?? []
    #expect(list.count == 2 && list.allSatisfy { $0["identity"]?["precision"]?.string == "fp16" })
    #expect(try workspace.run(["cache", "ls", "cache"]).output.contains("logits"))
    #expect(try workspace.run(["cache", "verify", "cache"]).status == 0)

    let name = try #require(list.first?["files"]?.array?.first?["name"]?.string)
    var damaged = try #require(bytes(of: "\(workspace.path)/cache/\(name)"))
    damaged[damaged.count / 2] ^= 4
    try workspace.write(damaged, to: "cache/\(name)")
    let verified = try workspace.run(["cache", "verify", "cache"])
    #expect(verified.status == 1 && verified.output.contains(name))
    let again = try workspace.train(.twoStep, set: ["run.directory=again", Self.cache("fp16")])
    #expect(again.losses == run.losses)
    #expect(again.events("notice").contains { $0["text"]?.string?.contains("damaged") == true })

    #expect(try workspace.run(["cache", "clear", "cache"]).status == 0)
    #expect(try workspace.run(["cache", "ls", "cache"]).output == "The cache is empty.\n")
    let missing = try workspace.run(["cache", "ls", "nowhere"])
    #expect(missing.status != 0 && missing.errors.contains("nowhere"))
  }
}
