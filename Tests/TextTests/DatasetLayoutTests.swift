import FoundationEssentials
import Testing

@testable import Text

struct DatasetLayoutTests {
  private func read(_ name: String, _ split: DatasetLayout.Split, _ path: String) throws -> [Example] {
    let layout = try #require(DatasetLayout.named(name))
    let source = DatasetSource(format: .layout(layout, split), path: path)
    let examples = try source.read(labels: layout.hasLabels(split) ? layout.labels(in: path) : nil)
    return (0..<examples.count).map { examples[$0] }
  }

  /// The first lines of each file have the columns of the published ones; the sentences are made up.
  struct Task: Sendable, CustomTestStringConvertible {
    let name: String
    let file: String
    var split = DatasetLayout.Split.train
    let contents: String
    let expected: [Example]
    var testDescription: String { "\(name) \(split)" }
  }

  static let tasks = [
    Task(
      name: "glue/sst2", file: "train.tsv", contents: "sentence\tlabel\na \"b \t1\nc\t0\n",
      expected: [Example(text: "a \"b ", label: 1), Example(text: "c", label: 0)]),
    Task(
      name: "glue/sst2", file: "test.tsv", split: .test, contents: "index\tsentence\n0\ta\n",
      expected: [Example(text: "a")]),
    Task(
      name: "glue/cola", file: "dev.tsv", split: .validation, contents: "gj04\t1\t\ta b.\ngj04\t0\t*\tb a.\n",
      expected: [Example(text: "a b.", label: 1), Example(text: "b a.", label: 0)]),
    Task(
      name: "glue/cola", file: "test.tsv", split: .test, contents: "index\tsentence\n0\ta\n",
      expected: [Example(text: "a")]),
    Task(
      name: "glue/mrpc", file: "train.tsv",
      contents: "\u{FEFF}Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n1\t7\t8\ta \"x\tb\r\n0\t9\t10\tc\td\r\n",
      expected: [Example(text: "a \"x", pair: "b", label: 1), Example(text: "c", pair: "d", label: 0)]),
    Task(
      name: "glue/qqp", file: "train.tsv",
      contents:
        "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\ta?\tb?\t0\n2\t4\t5\tcut\n3\t6\t7\tc?\td?\t1\n",
      expected: [Example(text: "a?", pair: "b?", label: 0), Example(text: "c?", pair: "d?", label: 1)]),
    Task(
      name: "glue/qqp", file: "test.tsv", split: .test, contents: "id\tquestion1\tquestion2\n0\ta?\tb?\n",
      expected: [Example(text: "a?", pair: "b?")]),
    Task(
      name: "glue/mnli", file: "train.tsv",
      contents: "index\tsentence1\tsentence2\tlabel1\tgold_label\n0\ta\tb\tneutral\tneutral\n",
      expected: [Example(text: "a", pair: "b", label: 1)]),
    Task(
      name: "glue/mnli", file: "dev_matched.tsv", split: .validation,
      contents: "sentence1\tsentence2\tlabel1\tlabel2\tgold_label\na\tb\tneutral\tentailment\tcontradiction\n",
      expected: [Example(text: "a", pair: "b", label: 2)]),
    Task(
      name: "glue/mnli_mismatched", file: "dev_mismatched.tsv", split: .validation,
      contents: "sentence1\tsentence2\tgold_label\na\tb\tentailment\n",
      expected: [Example(text: "a", pair: "b", label: 0)]),
    Task(
      name: "glue/mnli_mismatched", file: "test_mismatched.tsv", split: .test, contents: "sentence1\tsentence2\na\tb\n",
      expected: [Example(text: "a", pair: "b")]),
    Task(
      name: "glue/qnli", file: "dev.tsv", split: .validation,
      contents: "index\tquestion\tsentence\tlabel\n0\ta?\tb.\tnot_entailment\n",
      expected: [Example(text: "a?", pair: "b.", label: 1)]),
    Task(
      name: "glue/rte", file: "train.tsv", contents: "index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentailment\n",
      expected: [Example(text: "a", pair: "b", label: 0)]),
  ]

  @Test func classesAreFoundByNameWhateverTheirOrder() throws {
    let directory = try TemporaryDirectory()
    try directory.write("dev.tsv", "sentence\tlabel\ngood\t1\nbad\t0\n")
    let source = DatasetSource(format: .layout(try #require(.named("glue/sst2")), .validation), path: directory.path)
    #expect(try source.read(labels: ["Positive", "Negative"]).labels == [0, 1])
    #expect(try source.read(labels: ["LABEL_0", "LABEL_1"]).labels == [1, 0])
    let three = try source.read(labels: ["negative", "neutral", "positive"])
    #expect(three.labels == [2, 0])
    #expect(three.notices == [#"\#(directory.path): glue/sst2 has no rows of ["neutral"]"#])
    let error = #expect(throws: DatasetError.self) {
      try source.read(labels: ["not_equivalent", "equivalent"], labelsKey: "task.labels")
    }
    #expect(
      error?.reason
        == #"expected data of the classes ["not_equivalent", "equivalent"], found glue/sst2, whose classes are "#
        + #"["negative", "positive"]; use data of the same classes, or name these in task.labels"#)
  }

  /// With a layout's name, and with the files' names.
  @Test func aMappingSaysWhatNumbersMean() throws {
    let directory = try TemporaryDirectory()
    try directory.write("mapping.txt", "0\tpositive\n1\tneutral\n2\tnegative\n")
    let texts = try directory.write("val_text.txt", "good\nbad\n")
    let labels = try directory.write("val_labels.txt", "0\n2\n")
    let layout = DatasetSource(
      format: .layout(try #require(.named("tweeteval/sentiment")), .validation), path: directory.path)
    let files = DatasetSource(format: .lines(labelsPath: labels), path: texts)
    for source in [layout, files] {
      #expect(try source.read(labels: ["negative", "neutral", "positive"]).labels == [2, 0])
      let error = #expect(throws: DatasetError.self) { try source.read(labels: ["bad", "good", "so so"]) }
      #expect(error?.reason.contains(#"["positive", "neutral", "negative"]"#) == true)
    }
  }

  @Test(arguments: tasks)
  func readsGLUE(_ task: Task) throws {
    let directory = try TemporaryDirectory()
    try directory.write(task.file, task.contents)
    #expect(try read(task.name, task.split, directory.path) == task.expected)
  }

  @Test(arguments: [("train", DatasetLayout.Split.train), ("val", .validation), ("test", .test)])
  func readsTweetEval(prefix: String, split: DatasetLayout.Split) throws {
    let directory = try TemporaryDirectory()
    try directory.write("\(prefix)_text.txt", "a\nb")
    let layout = try #require(DatasetLayout.named("tweeteval/sentiment"))
    let unlabelled = try DatasetSource(format: .layout(layout, split), path: directory.path).read(labels: nil)
    #expect(unlabelled.count == 2)
    try directory.write("\(prefix)_labels.txt", "2\n0\n")
    #expect(try read("tweeteval/sentiment", split, directory.path).map(\.label) == [2, 0])
  }

  @Test func theCollectionsDirectoryWillDo() throws {
    let directory = try TemporaryDirectory()
    for folder in ["SST-2", "stance/abortion"] {
      try FileManager.default.createDirectory(
        atPath: "\(directory.path)/\(folder)", withIntermediateDirectories: true)
    }
    try directory.write("SST-2/dev.tsv", "sentence\tlabel\na\t1\n")
    try directory.write("stance/abortion/val_text.txt", "a\n")
    try directory.write("stance/abortion/val_labels.txt", "2\n")
    try directory.write("stance/mapping.txt", "0\tno\n1\tcon\n2\tpro\n")
    #expect(try read("glue/sst2", .validation, directory.path).count == 1)
    let stance = try #require(DatasetLayout.named("tweeteval/stance_abortion"))
    for path in [directory.path, "\(directory.path)/stance/abortion"] {
      #expect(try read("tweeteval/stance_abortion", .validation, path).map(\.label) == [2])
      #expect(try stance.labels(in: path) == ["no", "con", "pro"])
    }
    let layout = try #require(DatasetLayout.named("glue/sst2"))
    let error = #expect(throws: DatasetError.self) {
      try DatasetSource(format: .layout(layout, .train), path: directory.path).read(labels: nil)
    }
    #expect("\(error!)" == "\(directory.path): expected train.tsv of glue/sst2 here or in SST-2/, found neither")
  }

  @Test func classesAreNamedByTheDatasetItself() throws {
    let directory = try TemporaryDirectory()
    let emoji = try #require(DatasetLayout.named("tweeteval/emoji"))
    #expect(try emoji.labels(in: directory.path).count == 20)
    let offensive = try #require(DatasetLayout.named("tweeteval/offensive"))
    #expect(try offensive.labels(in: directory.path) == ["non-offensive", "offensive"])
    let path = try directory.write("mapping.txt", "0\tnot-offensive\t_x_\t\r\n1\toffensive")
    #expect(try offensive.labels(in: directory.path) == ["not-offensive", "offensive"])
    for (mapping, message) in [
      ("1\ta\n0\tb\n", #":1: expected 0, a tab and the name of a class, found "1\ta""#),
      ("0\ta\n1\n", #":2: expected 1, a tab and the name of a class, found "1""#),
      ("0\ta\n1\ta\n", #":2: expected 1, a tab and the name of a class, found "1\ta""#),
      ("0\ta\n", ": expected the 2 classes of tweeteval/offensive, found 1"),
    ] {
      try directory.write("mapping.txt", mapping)
      let error = #expect(throws: DatasetError.self) { try offensive.labels(in: directory.path) }
      #expect("\(error!)" == path + message)
    }
  }

  @Test func namesAreUnique() {
    #expect(Set(DatasetLayout.all.map(\.name)).count == DatasetLayout.all.count)
    #expect(DatasetLayout.all.allSatisfy { Set($0.labels).count == $0.labels.count })
  }
}
