/// The tab-separated files of a GLUE task (gluebenchmark.com). Columns go by name: splits have different numbers of them.
struct GLUEFiles: Sendable, Equatable {
  let text: String
  let pair: String?
  let label: String
  /// CoLA, whose rows are source, label, an author's mark and text; its test file has a header all the same.
  var hasHeader = true
  /// MNLI has two genres of validation and test sets, matched and mismatched with the training set's.
  var suffix = ""
  /// QQP, some of whose rows lack fields; the reference readers leave them out as well.
  var skipsShortRows = false

  /// The source of a split, its path a name only. The labels of the test sets are not published.
  func source(_ split: DatasetLayout.Split) -> DatasetSource {
    let name =
      switch split {
      case .train: "train"
      case .validation: "dev" + suffix
      case .test: "test" + suffix
      }
    let isTest = split == .test
    var source = DatasetSource(format: .tsv(header: hasHeader || isTest), path: name + ".tsv")
    source.textColumn = hasHeader || isTest ? .name(text) : .index(3)
    source.pairColumn = pair.map { .name($0) }
    source.labelColumn = isTest ? nil : hasHeader ? .name(label) : .index(1)
    source.skipsShortRows = skipsShortRows
    return source
  }
}

extension DatasetLayout {
  static let glue: [DatasetLayout] = [
    glue("sst2", in: "SST-2", ["negative", "positive"], .init(text: "sentence", pair: nil, label: "label")),
    glue(
      "cola", in: "CoLA", ["unacceptable", "acceptable"],
      .init(text: "sentence", pair: nil, label: "label", hasHeader: false)),
    glue(
      "mrpc", in: "MRPC", ["not_equivalent", "equivalent"],
      .init(text: "#1 String", pair: "#2 String", label: "Quality")),
    glue(
      "qqp", in: "QQP", ["not_duplicate", "duplicate"],
      .init(text: "question1", pair: "question2", label: "is_duplicate", skipsShortRows: true)),
    glue(
      "mnli", in: "MNLI", ["entailment", "neutral", "contradiction"],
      .init(text: "sentence1", pair: "sentence2", label: "gold_label", suffix: "_matched")),
    glue(
      "mnli_mismatched", in: "MNLI", ["entailment", "neutral", "contradiction"],
      .init(text: "sentence1", pair: "sentence2", label: "gold_label", suffix: "_mismatched")),
    glue(
      "qnli", in: "QNLI", ["entailment", "not_entailment"], .init(text: "question", pair: "sentence", label: "label")),
    glue(
      "rte", in: "RTE", ["entailment", "not_entailment"], .init(text: "sentence1", pair: "sentence2", label: "label")),
  ]

  private static func glue(_ task: String, in folder: String, _ labels: [String], _ files: GLUEFiles) -> DatasetLayout {
    DatasetLayout(name: "glue/\(task)", labels: labels, folder: folder, files: .glue(files))
  }
}
