import FoundationEssentials
import JSON
import Testing

@testable import Text

/// Sources of several files, and of files of columns.
@Suite struct DatasetFilesTests {
  private static let classes = Targets.classes(["negative", "positive"])
  private static let columns =
    #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
    + "/ColumnarTests/Fixtures"

  private func texts(_ examples: Examples) -> [String] { (0..<examples.count).map { examples[$0].text } }

  private func failure(_ source: DatasetSource, _ targets: Targets? = classes) -> String? {
    do throws(DatasetError) {
      _ = try source.read(targets, labelsKey: "task.labels")
      return nil
    } catch {
      return "\(error)"
    }
  }

  // MARK: Several files

  @Test(arguments: [
    (DatasetSource.Format.jsonl, "jsonl", ""), (.csv, "csv", "text,label\n"),
    (.tsv(header: true), "tsv", "label\ttext\n"),
  ])
  func rowsFollowEachOther(format: DatasetSource.Format, suffix: String, header: String) throws {
    func row(_ text: String, _ label: Int) -> String {
      switch suffix {
      case "jsonl": "{\"text\": \"\(text)\", \"label\": \(label)}\n"
      case "csv": "\(text),\(label)\n"
      default: "\(label)\t\(text)\n"
      }
    }
    let directory = try TemporaryDirectory()
    for (name, text, label) in [("part-10", "c", 0), ("part-02", "b", 1), ("other", "a", 1)] {
      try directory.write("\(name).\(suffix)", header + row(text, label))
    }
    try directory.write("part-03.\(suffix)", header)
    var source = DatasetSource(format: format, path: "\(directory.path)/part-*.\(suffix)")
    source.morePaths = ["\(directory.path)/other.\(suffix)"]
    let examples = try source.read(Self.classes)
    #expect(texts(examples) == ["b", "c", "a"] && examples.labels == [1, 0, 1])
    #expect(try texts(source.read(nil)) == ["b", "c", "a"])
    source.path = "\(directory.path)/nothing-*"
    #expect(failure(source)?.hasPrefix("\(source.path): there is no file of this pattern; ") == true)
    // A name may have such characters in it.
    try directory.write("[a].\(suffix)", header + row("d", 0))
    #expect(try texts(DatasetSource(format: format, path: "\(directory.path)/[a].\(suffix)").read(nil)) == ["d"])
    try directory.write("part-99.\(suffix)", header + row("e", 7))
    #expect(
      failure(DatasetSource(format: format, path: "\(directory.path)/part-*.\(suffix)"))?.contains("part-99") == true)
  }

  @Test func linesHaveTheirLabelsInAsManyFiles() throws {
    let directory = try TemporaryDirectory()
    for (name, text) in [("1_text", "a\nb\n"), ("2_text", "c\n"), ("1_labels", "0\n1\n"), ("2_labels", "1\n")] {
      try directory.write("\(name).txt", text)
    }
    var source = DatasetSource(
      format: .lines(labelsPath: "\(directory.path)/*_labels.txt"), path: "\(directory.path)/*_text.txt")
    let examples = try source.read(Self.classes)
    #expect(texts(examples) == ["a", "b", "c"] && examples.labels == [0, 1, 1])
    source.format = .lines(labelsPath: "\(directory.path)/1_labels.txt")
    #expect(failure(source)?.contains("expected a file of labels for each of 2 files of texts, found 1") == true)
    source.moreLabelsPaths = ["\(directory.path)/1_labels.txt"]
    #expect(failure(source)?.contains("1_labels.txt: expected 1 labels") == true)
  }

  @Test func filesAreOfOneKind() throws {
    let directory = try TemporaryDirectory()
    try directory.write("1.jsonl", "{\"text\": \"a\", \"label\": 0}\n")
    try directory.write("2.jsonl", "{\"text\": \"a\", \"text_pair\": \"b\", \"label\": 0}\n")
    #expect(
      failure(DatasetSource(format: .jsonl, path: "\(directory.path)/*.jsonl"))?.contains(
        "2.jsonl: expected single texts, as \(directory.path)/1.jsonl has") == true)
    try directory.write("1.conll", "a\tO\n\nb\tX\n")
    try directory.write("2.conll", "c\tX\n")
    let words = try DatasetSource(format: .conll, path: "\(directory.path)/*.conll").read(.tags(["O", "X"]))
    #expect(words.count == 3 && (0..<3).map { words.tags($0).map(Int.init) } == [[0], [1], [1]])
    #expect((0..<3).map { words.wordsWithPlaces($0)[0].word } == ["a", "b", "c"])
  }

  // MARK: Columns

  @Test(arguments: [
    (DatasetSource.Format.columns(.parquet), "delta.parquet"), (.columns(.parquet), "zstd-v2.parquet"),
    (.columns(.arrow), "stream.arrow"), (.columns(.arrow), "polars.arrow"),
  ])
  func columnsAreReadAsJSONLinesAre(format: DatasetSource.Format, name: String) throws {
    var source = DatasetSource(format: format, path: "\(Self.columns)/\(name)")
    var lines = DatasetSource(format: .jsonl, path: "\(Self.columns)/rows.jsonl")
    for label in ["label", "score"] {
      func edit(_ source: inout DatasetSource) {
        (source.pairColumn, source.findsPair, source.missingLabels) = (nil, false, .unlabelled)
        source.keptColumns = ["small", "flag", "tags"]
        source.labelColumn = .name(label)
      }
      edit(&source)
      edit(&lines)
      let targets: Targets = label == "score" ? .numbers(["score"]) : .classes(["a", "b", "c"])
      let own = try source.read(targets)
      let expected = try lines.read(targets)
      #expect(texts(own) == texts(expected) && own.labels == expected.labels && own.kept == expected.kept)
      func contents(_ examples: Examples) -> [UInt8] {
        var bytes: [UInt8] = []
        examples.forEachBuffer { bytes += $0 }
        return bytes
      }
      #expect(contents(own) == contents(expected))
    }
    (source.labelColumn, source.keptColumns) = (.name("label"), [])
    // Row 1 has no second text.
    source.findsPair = true
    #expect(
      failure(source, .classes(["a", "b", "c"])) == "\(source.path): row 1: text_pair: expected a string, found null")
    source.textColumn = .name("title")
    #expect(failure(source)?.contains("column \"title\": expected once among the columns, found \"text\", ") == true)
    source.textColumn = .name("label")
    source.findsPair = false
    #expect(failure(source, nil)?.contains("row 1: label: expected a string, found integer 0") == true)
  }

  @Test(arguments: [(DatasetSource.Format.columns(.parquet), "parquet"), (.columns(.arrow), "arrow")])
  func classesAreThoseThatTheFileNames(format: DatasetSource.Format, suffix: String) throws {
    var source = DatasetSource(format: format, path: "\(Self.columns)/classes.\(suffix)")
    #expect(source.ownClasses() == ["sad", "so so", "happy"])
    #expect(try source.read(.classes(["sad", "so so", "happy"])).labels == [2, 0, 1])
    #expect(try source.read(.classes(["Happy", "so_so", "sad"])).labels == [0, 2, 1])
    #expect(try source.read(.classes(["LABEL_0", "LABEL_1", "LABEL_2"])).labels == [2, 0, 1])
    let mismatch = try #require(failure(source))
    #expect(
      mismatch.contains(
        "label: expected the classes [\"negative\", \"positive\"], found [\"sad\", \"so so\", \"happy\"]; use data of the "
          + "same classes, or name these in task.labels"), "\(mismatch)")
    source.labelColumn = .name("tags")
    let tags = try source.read(.tags(["I-X", "O", "B-X"]))
    #expect((0..<3).map { tags.tags($0).map(Int.init) } == [[1, 2], [1], [2, 0, 0]])
    #expect(tags.wordsWithPlaces(2).map(\.word) == ["d", "e", "f"])
  }

  @Test func directoriesThatDatasetsSavedAreReadInTheirOrder() throws {
    let directory = try TemporaryDirectory()
    for name in ["data-00001-of-00002", "data-00000-of-00002", "cache-1"] {
      try directory.write(
        "\(name).arrow", RegularFile.contents("\(Self.columns)/\(name.contains("00001") ? "classes" : "stream").arrow"))
    }
    var source = DatasetSource(format: .columns(.arrow), path: directory.path)
    source.findsPair = false
    #expect(failure(source, nil)?.contains("expected what save_to_disk of datasets writes, with state.json") == true)
    let files =
      #"{"_data_files": [{"filename": "data-00000-of-00002.arrow"}, {"filename": "data-00001-of-00002.arrow"}]}"#
    try directory.write("state.json", files)
    let examples = try source.read(nil)
    #expect(examples.count == 43 && texts(examples).last == "d e f")
    try directory.write("dataset_dict.json", #"{"splits": ["train", "test"]}"#)
    #expect(failure(source, nil)?.contains("name one of them: \(directory.path)/train, \(directory.path)/test") == true)
  }
}
