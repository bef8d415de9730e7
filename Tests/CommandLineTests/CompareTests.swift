import JSON
import Testing

@Suite("compare") struct CompareTests {
  private let workspace: TinyWorkspace

  init() throws { workspace = try TinyWorkspace() }

  @Test("seeds become one row with mean and deviation, other runs rows of their own")
  func groupsSeeds() throws {
    let seeds = try [1, 2, 3].map {
      try workspace.train(.mixStep, set: ["run.seed=\($0)", "run.directory=runs/mix-\($0)"])
    }
    _ = try workspace.train(.finetune, set: ["run.directory=runs/teacher"])
    let runs = ["runs/mix-1", "runs/mix-2", "runs/mix-3", "runs/teacher"]

    let table = try JSON.parse(try workspace.output(["compare"] + runs + ["--format", "json"]))
    let rows = try #require(table.array)
    #expect(rows.count == 2)
    #expect(rows[0]["n"]?.int == 3 && rows[0]["seeds"] == [1, 2, 3] && rows[0]["finished"] == true)
    let accuracies = try seeds.map { run in
      try #require(run.summary["stages"]?.array?.last?["best"]?["val_accuracy"]?.double)
    }
    let mean = accuracies.reduce(0, +) / 3
    let deviation = (accuracies.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 2).squareRoot()
    let found = rows[0]["metrics"]?["val_accuracy"]
    #expect(abs(try #require(found?["mean"]?.double) - mean) < 1e-12)
    #expect(abs(try #require(found?["deviation"]?.double) - deviation) < 1e-12)
    #expect(rows[1]["runs"] == ["runs/teacher"] && rows[1]["teacher"]?.isNull == true)
    #expect(rows[0]["student_parameters"]?.int == seeds[0].summary["student_parameters"]?.int)

    let markdown = try workspace.output(["compare"] + runs).split(separator: "\n")
    #expect(markdown.count == 4)
    #expect(markdown[2].hasPrefix("| runs/mix-{1,2,3} |   3 |") && markdown[2].contains(" ± "))
    #expect(markdown[3].hasPrefix("| runs/teacher     |   1 |") && !markdown[3].contains("±"))
    #expect(Set(markdown.map(\.count)).count == 1)

    let csv = try workspace.output(["compare"] + runs + ["--format", "csv"]).split(separator: "\r\n")
    #expect(csv.count == 3 && csv[1].hasPrefix("\"runs/mix-{1,2,3}\",3,1 2 3,true,finished,teacher,"))
  }

  @Test("an unfinished run says so, and joins no other")
  func namesTheUnfinished() throws {
    _ = try workspace.train(.finetune, set: ["run.directory=a"])
    let whole = try workspace.train(.finetune, set: ["run.directory=b", "run.seed=8"])
    let lines = workspace.text("b/metrics.jsonl").split(separator: "\n")
    let twentieth = try #require(lines.firstIndex { $0.contains(#""step":20,"#) })
    // As a killed process leaves it: half a line at the end.
    try workspace.write(lines[...twentieth].joined(separator: "\n") + "\n" + #"{"event":"st"#, to: "b/metrics.jsonl")
    try workspace.remove("b/summary.json")
    let rows = try #require(
      JSON.parse(try workspace.output(["compare", "a", "b", "--format", "json"])).array)
    #expect(rows.map { $0["finished"]?.bool } == [true, false])
    #expect(rows[1]["status"]?.string == "unfinished: finetune, step 20 of \(whole.losses.count)")
    #expect(try workspace.output(["compare", "a", "b"]).contains("| unfinished: finetune, step 20 of"))
  }

  @Test("folders that hold no run are skipped with a note, unless all of them do")
  func skipsOthers() throws {
    _ = try workspace.train(.finetune, set: ["run.directory=runs/a", "training.epochs=1"])
    let run = try workspace.run(["compare", "runs/a", "teacher"])
    #expect(run.status == 0 && run.output.contains("runs/a") && !run.output.contains("teacher "), "\(run)")
    #expect(run.errors == "Note: teacher holds no run and is skipped\n", "\(run)")
    let report = try workspace.run(["report", "runs/a", "teacher", "--no-models"])
    #expect(report.status == 0 && report.output == "runs/a/report.html\n", "\(report)")
    #expect(report.errors.contains("Note: teacher holds no run and is skipped\n"), "\(report)")
    let verify = try workspace.run(["verify", "runs/a", "teacher"])
    #expect(
      verify.status == 0 && verify.errors == "Note: teacher holds nothing to verify and is skipped\n", "\(verify)")
    let none = try workspace.run(["compare", "student", "teacher"])
    #expect(none.status == 1 && none.errors.contains("found none among 2"), "\(none)")
    // A damaged run is not skipped.
    try workspace.write("{", to: "runs/a/config.yaml")
    #expect(try workspace.run(["compare", "runs/a", "teacher"]).status == 1)
  }

  @Test("what is no run is named")
  func refusesOthers() throws {
    let run = try workspace.run(["compare", "teacher"])
    #expect(run.status == 1 && run.errors.hasPrefix("Error: teacher: expected a run's directory"), "\(run)")
    #expect(try workspace.run(["compare"]).status == 64)
  }
}
