import Glibc
import JSON
import Testing

@Suite("progress")
struct ProgressTests {
  private let workspace: TinyWorkspace
  private static let arguments = ["--config", "c.yaml", "--threads", "1", "--set", "run.logEverySeconds=0.1"]

  init() throws {
    workspace = try TinyWorkspace()
    try workspace.write(Configuration.twoStep.yaml, to: "c.yaml")
  }

  @Test("a terminal shows one line that is drawn over, and what stays is what was printed", arguments: [40, 80, 200])
  func terminal(columns: Int) throws {
    let terminal = try Pseudoterminal(columns: columns)
    let plain = ["TERM": "xterm", "NO_COLOR": "1"]
    let run = try workspace.runOnTerminal(terminal, Self.arguments, variables: plain)
    #expect(run.status == 0, "\(terminal.read())")
    let text = terminal.read()
    // Drawn over and over, within the width, without a command that a notebook would not know.
    let drawn = text.split(separator: "\r").filter { $0.contains("step ") && !$0.contains("\n") }
    #expect(!drawn.isEmpty, "\(text)")
    #expect(drawn.allSatisfy { $0.count < columns }, "\(drawn)")
    #expect(!text.contains("\u{1B}"))
    let lines = screen(text, columns: 10_000)
    #expect(!lines.contains { $0.contains("[=") || $0.contains("validating") }, "\(lines)")
    #expect(lines.count { $0.contains("epoch 3/3  step 11/11") } == 2, "\(lines)")
    #expect(lines.contains { $0.hasPrefix("epoch 3 validation: ") } && lines.contains("Best model: run/best"))
  }

  @Test("a terminal has colours, and those of messages end where the word does")
  func colours() throws {
    let terminal = try Pseudoterminal(columns: 80)
    let run = try workspace.runOnTerminal(
      terminal, Self.arguments + ["--resume", "auto"], variables: ["TERM": "xterm", "NO_COLOR": nil])
    #expect(run.status == 0, "\(terminal.read())")
    let text = terminal.read()
    #expect(text.contains("\u{1B}[33mNote\u{1B}[0m: ") && text.contains("\u{1B}[32m  best\u{1B}[0m"), "\(text)")
    #expect(text.contains("\u{1B}[1mBest model:\u{1B}[0m run/best"), "\(text)")
  }

  @Test("validation lines fit the terminal, whatever is measured", arguments: [80, 140])
  func validationLines(columns: Int) throws {
    let terminal = try Pseudoterminal(columns: columns)
    try workspace.write(Configuration.everyAdaptor.yaml, to: "c.yaml")
    let run = try workspace.runOnTerminal(
      terminal, Self.arguments, variables: ["TERM": "xterm", "NO_COLOR": "1"])
    #expect(run.status == 0, "\(terminal.read())")
    let lines = screen(terminal.read(), columns: 10_000)
    let first = try #require(lines.firstIndex { $0.hasPrefix("epoch 1 validation: loss ") }, "\(lines)")
    // What does not fit goes on in the next line.
    let shown = [lines[first]] + lines[(first + 1)...].prefix { $0.hasPrefix("    ") }
    #expect(shown.count > 1 && shown.allSatisfy { $0.count < columns }, "\(shown)")
    for name in ["acc ", "F1 ", "recall ", "distil ", "AttnMiniLM ", "LogitCE "] {
      #expect(shown.contains { $0.contains("  \(name)") }, "\(name): \(shown)")
    }
  }

  @Test("the line that ends an epoch has the epoch's mean loss")
  func meanLoss() throws {
    let run = try workspace.run(Self.arguments)
    #expect(run.status == 0, "\(run)")
    let record = try RunRecord("run", in: workspace)
    let printed = run.output.split(separator: "\n").filter { $0.contains("mean loss ") }
    #expect(printed.count == 6, "\(run.output)")
    var expected: [String] = []
    for stage in ["intermediate", "prediction"] {
      for epoch in 1...3 {
        let steps = record.events("step", stage: stage).filter { $0["epoch"]?.int == epoch }
        let sentences = steps.reduce(0) { $0 + $1.number("sentences") }
        let mean = steps.reduce(0) { $0 + $1.number("loss") * $1.number("sentences") } / sentences
        expected.append("mean loss \(Double(Int((mean * 1e4).rounded())) / 1e4)")
      }
    }
    for (line, loss) in zip(printed, expected) { #expect(line.contains(loss), "\(loss): \(line)") }
  }

  @Test("a terminal that is made narrower keeps no remains of the line")
  func resized() throws {
    let terminal = try Pseudoterminal(columns: 200)
    var (before, isStopped) = (0, false)
    func drawnAfter() -> [Substring] {
      // The first was begun before, and another may have been on its way.
      terminal.read().dropFirst(before).split(separator: "\r").dropFirst(2)
        .filter { $0.contains("step ") && !$0.contains("\n") }
    }
    let run = try workspace.runOnTerminal(terminal, Self.arguments + ["--set", "training.epochs=100000"]) { program in
      if before == 0, terminal.read().contains("[") {
        terminal.resize(columns: 50)
        before = terminal.read().count
      } else if before > 0, !isStopped, drawnAfter().count > 3 {
        program.signal(SIGTERM)
        isStopped = true
      }
    }
    #expect(run.status == 75, "\(terminal.read())")
    // The last of them may have been ended by what a signal says.
    #expect(drawnAfter().count >= 3 && drawnAfter().allSatisfy { $0.count < 50 }, "\(drawnAfter())")
  }

  @Test("a terminal that knows no movements gets lines")
  func dumbTerminal() throws {
    let terminal = try Pseudoterminal(columns: 80)
    let run = try workspace.runOnTerminal(terminal, Self.arguments, variables: ["TERM": "dumb"])
    #expect(run.status == 0)
    #expect(!terminal.read().contains("\r"))
  }

  @Test("a file or a pipe gets whole lines with everything in them, on one process or several", arguments: [1, 2])
  func pipe(ranks: Int) throws {
    let run = try ranks == 1 ? workspace.run(Self.arguments) : workspace.runOnRanks(ranks, Self.arguments)
    #expect(run.status == 0, "\(run)")
    #expect(!run.output.contains("\r") && !run.output.contains("\u{1B}"))
    let lines = run.output.split(separator: "\n").filter { $0.contains("step 11/11") }
    #expect(lines.count == 6, "\(run.output)")
    for line in lines {
      for part in ["mean loss ", "lr ", " sentences/s", " tokens/s", "MB", " left"] {
        #expect(line.contains(part), "\(part): \(line)")
      }
      #expect(
        line.contains(" slowest, imbalance ") == (ranks > 1) && line.contains("waiting for sums ") == (ranks > 1),
        "\(line)")
    }
    #expect(lines[0].contains("stage intermediate") && lines[0].contains("left, run "), "\(lines[0])")
    #expect(!lines[5].contains("left, run "), "\(lines[5])")
  }

  @Test(
    "under mpirun on a terminal a line is drawn over, and where each line is marked there are only lines",
    arguments: [[], ["--tag-output"], ["--timestamp-output"]])
  func mpirun(options: [String]) throws {
    let terminal = try Pseudoterminal(columns: 100)
    let run = try workspace.runOnTerminal(terminal, Self.arguments, ranks: 2, options: options)
    #expect(run.status == 0, "\(terminal.read())")
    let text = terminal.read()
    #expect(text.contains("\r") == options.isEmpty, "\(text)")
    if options == ["--tag-output"] {
      #expect(
        text.split(separator: "\n").filter { $0.contains("step 11/11") }
          .allSatisfy { $0.hasPrefix("[1,0]<stdout>:") }, "\(text)")
    }
  }

  @Test("--json prints the log's events, and nothing else")
  func json() throws {
    let run = try workspace.runOnRanks(2, Self.arguments + ["--json"])
    #expect(run.status == 0, "\(run)")
    func withoutTimes(_ events: [JSON]) -> [JSON] {
      events.map { event in
        var members = event.object ?? JSONObject()
        #expect(members["time"]?.double != nil)
        members["time"] = nil
        return .object(members)
      }
    }
    let printed = try jsonLines(run.output)
    let logged = try RunRecord("run", in: workspace).events
    #expect(withoutTimes(printed) == withoutTimes(logged))
    let ranks = printed.filter { $0["event"] == "ranks" }
    #expect(ranks.count == 6)
    for report in ranks {
      #expect(report.number("memory") > 1e6 && report.number("tokens_per_second") > 0)
      #expect((0...1).contains(report.number("slowest_rank_cost")) && [0, 1].contains(report["slowest_rank"]?.int))
    }
  }

  @Test("reports do not change what a run computes")
  func sameNumbers() throws {
    let frequent = try workspace.train(.twoStep, set: ["run.logEverySeconds=0.1", "run.directory=a"], ranks: 2)
    let rare = try workspace.train(.twoStep, set: ["run.logEverySeconds=600", "run.directory=b"], ranks: 2)
    #expect(frequent.losses == rare.losses && frequent.weightBytes() == rare.weightBytes())
  }

  @Test("--quiet prints warnings and what came of it")
  func quiet() throws {
    let run = try workspace.run(Self.arguments + ["--quiet", "--resume", "auto"])
    #expect(run.status == 0 && run.errors.isEmpty, "\(run)")
    let lines = run.output.split(separator: "\n")
    #expect(lines.count == 5 && lines[0].hasPrefix("Note: ") && lines[4] == "Best model: run/best", "\(run.output)")
  }
}
