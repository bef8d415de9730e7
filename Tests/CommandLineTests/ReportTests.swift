import JSON
import Testing

@Suite("report") struct ReportTests {
  private let workspace: TinyWorkspace

  init() throws { workspace = try TinyWorkspace() }

  @Test("a distillation's report has its curves, its models and its attention")
  func isComplete() throws {
    _ = try workspace.train(.twoStep)
    _ = try workspace.train(.finetune, set: ["run.directory=baseline", "training.epochs=1"])
    #expect(try workspace.output(["report", "run", "--baseline", "baseline"]) == "run/report.html\n")
    let page = workspace.text("run/report.html")
    expectSelfContained(page)
    for text in [
      "<h2>Stage intermediate</h2>", "<h2>Stage prediction</h2>", "Loss of AttnMiniLM", "Loss of LogitMSE",
      "Learning rate", "Throughput", "Share of the gradient", "What the student predicts", "teacher, layer 4",
      "student, layer 2, overlap 0.",
      "head 3", "<td>baseline</td>", "Each class", "Wrong predictions", "; teacher 0.",
      "distilled into a 2-layer student",
      "Rows are queries, columns are keys", "scale shared by both models", "logits at temperature",
      "1 rank, 1 thread;", " UTC on ", "by distill-ddp 0.1.0", "class=\"raw c0\"", "than the teacher",
      "prefers-color-scheme: dark", "width=device-width", "monitor: val_distillation",
    ] {
      #expect(page.contains(text), "\(text)")
    }
    // The student's accuracy is that of its best checkpoint.
    let run = try RunRecord("run", in: workspace)
    let accuracy = try #require(run.summary["stages"]?.array?.last?["best"]?["val_accuracy"]?.double)
    let evaluated = try JSON.parse(
      try workspace.output([
        "evaluate", "--model", "run/best", "--data", "val_text.txt", "val_labels.txt", "--max-length", "16", "--json",
      ]))
    #expect(evaluated["accuracy"]?.double == accuracy)
    #expect(page.contains("<td>\(fourDigits(accuracy))</td>"))
    #expect(page.occurrences(of: "<article") == 3)
  }

  @Test("sentences and names from outside cannot become markup or control characters")
  func escapes() throws {
    let hostile = "good <script src='x'></script> \u{1b}[2J \u{202e} & \" bad"
    try workspace.write("\(hostile)\nwarm and kind\n", to: "sentences.txt")
    _ = try workspace.train(
      .finetune, set: ["task.labels=['<b>a', 'b\"&', 'c']", "student.head=new", "training.epochs=1"])
    _ = try workspace.output(["report", "run", "--sentences", "sentences.txt", "--output", "r.html"])
    let page = workspace.text("r.html")
    expectSelfContained(page)
    #expect(page.contains("good &lt;script src=&#39;x&#39;&gt;&lt;/script&gt; \\u{1b}[2J \\u{202e} &amp; &quot; bad"))
    #expect(page.contains("<th>&lt;b&gt;a</th>") && page.occurrences(of: "<article") == 2)
  }

  @Test("no path of this machine is in a page, and wrong predictions are those that evaluate counts")
  func isPortable() throws {
    let root = workspace.path
    let absolute = [
      "run.directory=\(root)/run", "teacher.model=\(root)/teacher", "student={model: \(root)/student}",
      "data.train={text: \(root)/train_text.txt, labels: \(root)/train_labels.txt}",
      "data.validation={text: \(root)/val_text.txt, labels: \(root)/val_labels.txt}",
    ]
    try workspace.write(Configuration.mixStep.yaml, to: "c.yaml")
    let trained = try workspace.run(["--config", "c.yaml", "--threads", "1"] + absolute.flatMap { ["--set", $0] })
    #expect(trained.status == 0, "\(trained)")
    _ = try workspace.output(["report", "\(root)/run"])
    let page = workspace.text("run/report.html")
    #expect(!page.contains(root) && page.contains("train_text.txt"), "\(page)")
    let card = workspace.text("run/best/README.md")
    #expect(!card.contains(root) && card.contains("val_text.txt"), "\(card)")
    try workspace.remove("val_text.txt")
    _ = try workspace.output(["report", "\(root)/run", "--output", "without.html"])
    #expect(!workspace.text("without.html").contains(root))
  }

  @Test("wrong predictions are as many as evaluate counts, the surest first")
  func mistakes() throws {
    _ = try workspace.train(.mixStep, set: ["training.epochs=1"])
    _ = try workspace.output(["report", "run"])
    let page = workspace.text("run/report.html")
    let evaluated = try JSON.parse(
      try workspace.output([
        "evaluate", "--model", "run/best", "--data", "val_text.txt", "val_labels.txt", "--max-length", "16", "--json",
      ]))
    let confusion = try #require(evaluated["confusion"]?.array).map { $0.array?.compactMap(\.int) ?? [] }
    let wrong = confusion.indices.reduce(0) { $0 + confusion[$1].reduce(0, +) - confusion[$1][$1] }
    #expect(page.contains("<p class=\"lead\">\(wrong) of 37 validation rows"), "\(wrong)")
    let shown = page.components(between: "<td data-name=\"predicted\">", and: " %</small>")
    let shares = shown.compactMap { $0.split(separator: ">").last.flatMap { Int($0) } }
    #expect(shares.count == min(20, wrong) && shares == shares.sorted(by: >), "\(shown)")
  }

  @Test("rows are chosen by number, and one that is not there is named")
  func choosesRows() throws {
    _ = try workspace.train(.mixStep, set: ["training.epochs=1"])
    let page = try workspace.output(["report", "run", "--rows", "2,37", "--output", "-"])
    let texts = workspace.text("val_text.txt").split(separator: "\n", omittingEmptySubsequences: false)
    #expect(page.occurrences(of: "<article") == 2)
    #expect(page.contains("<blockquote>\(texts[1])</blockquote>") && page.contains("<blockquote>\(texts[36])<"))
    let refused = try workspace.run(["report", "run", "--rows", "38"])
    #expect(refused.status == 1 && refused.errors.contains("--rows: expected numbers from 1 to 37"), "\(refused)")
    #expect(try workspace.run(["report", "run", "--rows", "x"]).status == 64)
  }

  @Test("what was not found is noted and left out")
  func doesWithoutModels() throws {
    _ = try workspace.train(.mixStep, set: ["training.epochs=1"])
    for file in ["teacher", "val_text.txt", "run/summary.json"] { try workspace.remove(file) }
    let run = try workspace.run(["report", "run"])
    #expect(run.status == 0 && run.errors.occurrences(of: "Note: ") == 2, "\(run)")
    let page = workspace.text("run/report.html")
    expectSelfContained(page)
    #expect(
      page.contains("The teacher&#39;s model was not found: ") && page.contains("The validation data was not found: "))
    #expect(page.contains("This run has not ended: unfinished: mix, step"))
    #expect(page.contains("Loss of AttnMiniLM") && !page.contains("<article"))
    let none = try workspace.output(["report", "run", "--no-models", "--output", "-"])
    #expect(none.contains("Best checkpoint") && !none.contains("<th>s/1,000 rows</th>"))
  }

  @Test("fine-tuning without a teacher and a run before its first step have a page, too")
  func smallRuns() throws {
    _ = try workspace.train(.finetune, set: ["training.epochs=1"])
    let page = try workspace.output(["report", "run", "--output", "-"])
    expectSelfContained(page)
    #expect(
      page.contains("trained on labels without a teacher") && page.contains("model, layer 4")
        && !page.contains("student,") && !page.contains("overlap 0"))
    try workspace.write("", to: "run/metrics.jsonl")
    expectSelfContained(try workspace.output(["report", "run", "--output", "-"]))
  }

  /// Tags close in the order in which they were opened, nothing is loaded, and no character is a control character.
  private func expectSelfContained(_ page: String) {
    #expect(page.hasPrefix("<!DOCTYPE html>\n"))
    var open: [Substring] = []
    for tag in page.dropFirst(15).split(separator: "<").dropFirst() {
      let name = tag.prefix { $0.isLetter || $0.isNumber || $0 == "/" || $0 == "-" }
      guard let end = tag.firstIndex(of: ">") else {
        Issue.record("a tag without its end: <\(tag)")
        return
      }
      if name.hasPrefix("/") {
        #expect(open.popLast() == name.dropFirst())
      } else if tag[..<end].last != "/" {
        open.append(name)
      }
    }
    #expect(open.isEmpty)
    #expect(!page.contains("<script") && !page.contains("javascript:") && !page.contains("url("))
    #expect(page.occurrences(of: "http") == page.occurrences(of: "http-equiv"))
    for attribute in ["src=\"", "href=\""] {
      #expect(page.occurrences(of: attribute) == page.occurrences(of: attribute + "data:image/png;base64,"))
    }
    #expect(page.unicodeScalars.allSatisfy { $0 == "\n" || $0 == "\t" || $0.properties.generalCategory != .control })
    #expect(!page.contains("nan") && !page.contains("inf\""))
  }

  private func fourDigits(_ value: Double) -> String {
    let digits = String(Int((value * 10_000).rounded()))
    return "0." + String(repeating: "0", count: 4 - digits.count) + digits
  }
}

extension String {
  /// What stands between each pair of marks.
  fileprivate func components(between start: String, and end: String) -> [String] {
    ranges(of: start).compactMap { range in
      self[range.upperBound...].firstRange(of: end).map { String(self[range.upperBound..<$0.lowerBound]) }
    }
  }
}
