import Testing

@testable import Text

/// What spreadsheets, editors and other systems make of text files.
struct DatasetFormsTests {
  static let labels = ["negative", "neutral", "positive"]
  private static let rows = [
    Example(text: "good", label: 2), Example(text: "é", label: 0), Example(text: "so so", label: 1),
  ]

  private func read(
    _ format: DatasetSource.Format, _ bytes: [UInt8], _ edit: (inout DatasetSource) -> Void = { _ in }
  ) throws -> [Example] {
    let directory = try TemporaryDirectory()
    var source = DatasetSource(format: format, path: try directory.write("data", bytes))
    edit(&source)
    let examples = try source.read(labels: Self.labels, labelsKey: "task.labels")
    return (0..<examples.count).map { examples[$0] }
  }

  static let sameRows: [(DatasetSource.Format, String)] = [
    (.csv, "\u{FEFF}text,label\n\ngood,2\n  \né,negative\r\n\r\nso so,1\n\n\n"),
    (.csv, "sep=,\r\ntext,label\r\ngood,Positive\r\né,NEGATIVE\r\nso so,1"),
    (.csv, "sep=;\ntext;label\ngood;2\né;0\n\"so so\";1"), (.csv, "sep=\t\ntext\tlabel\ngood\t2\né\t0\nso so\t1\n"),
    (.tsv(header: true), "\u{FEFF}text\tlabel\ngood\t2\n\né\t0\nso so\t1\n\r\n"),
    (
      .jsonl,
      "\u{FEFF}" + #"{"text": "good", "label": 2}"# + "\n\n" + #"{"text": "é", "label": "negative"}"# + "\r\n  \t\n"
        + #"{"text": "so so", "label": "1"}"# + "\n\n"
    ),
  ]

  @Test(arguments: sameRows)
  func blankLinesAndAByteOrderMarkAreNoRows(format: DatasetSource.Format, contents: String) throws {
    #expect(try read(format, Array(contents.utf8)) == Self.rows)
  }

  @Test func aBlankLineIsAnEmptyTextWhereThereIsOneColumn() throws {
    #expect(
      try read(.csv, Array("text\na\n\nb\n".utf8)) { $0.labelColumn = nil }.map(\.text) == ["a", "", "b"])
    #expect(try read(.lines(labelsPath: nil), Array("\u{FEFF}a\n\nb\n".utf8)).map(\.text) == ["a", "", "b"])
  }

  @Test func labelFilesMayHaveAMarkAndEndInBlankLines() throws {
    let directory = try TemporaryDirectory()
    let labels = try directory.write("labels", "\u{FEFF}2\nnegative\r\n1\n\n \r\n")
    #expect(try read(.lines(labelsPath: labels), Array("good\né\nso so\n".utf8)) == Self.rows)
    // Between others it would shift the labels of all that follow.
    try directory.write("labels", "2\n\n1\n")
    let error = #expect(throws: DatasetError.self) {
      try read(.lines(labelsPath: labels), Array("good\né\nso so\n".utf8))
    }
    #expect(error?.line == 2 && error?.reason.hasSuffix("give the row a label, or leave it out") == true)
    try directory.write("labels", "2\n0\n1\n")
    let longer = #expect(throws: DatasetError.self) {
      try read(.lines(labelsPath: labels), Array("good\né\nso so\n\n".utf8))
    }
    #expect(longer?.reason.hasSuffix("found 3; remove blank lines at the end of the texts") == true)
  }

  @Test func otherSeparatorsAreReadWhereTheyAreNamed() throws {
    for (byte, name) in [(";", "';'"), ("\t", "tab"), ("|", "'|'")] {
      let bytes = Array(["text,label", "good,2", "é,0", "so so,1", ""].joined(separator: "\n").utf8).map {
        $0 == UInt8(ascii: ",") ? byte.utf8.first! : $0
      }
      #expect(try read(.csv, bytes) { $0.separator = byte.utf8.first! } == Self.rows)
      let error = #expect(throws: DatasetError.self) { try read(.csv, bytes) }
      #expect(
        error?.reason.hasSuffix(
          "its fields seem to have \(name) between them; give separator: \(name) (of a command, --separator \(name))")
          == true)
    }
    let error = #expect(throws: DatasetError.self) { try read(.tsv(header: true), Array("text,label\na,1\n".utf8)) }
    #expect(error?.reason.hasSuffix("its fields seem to have commas between them; read it as CSV") == true)
  }

  @Test func aCSVWithoutHeaderHasNumberedColumns() throws {
    let found = try read(.csv, Array("good,2\né,0\nso so,1\n".utf8)) {
      $0.csvHasHeader = false
      ($0.textColumn, $0.labelColumn) = (.index(0), .index(1))
    }
    #expect(found == Self.rows)
  }

  /// The bytes that Python's encoders write.
  static let encodings: [([UInt8], String)] = [
    ([0xFF, 0xFE] + utf16("text,label\n"), "found UTF-16; convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW"),
    (utf16("text,label\n"), "found UTF-16; convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW"),
    ([0xFF, 0xFE, 0, 0, 0x74, 0, 0, 0], "found UTF-32; convert it: iconv -f UTF-32 -t UTF-8 FILE > NEW"),
    (
      Array("text,label\ncaf".utf8) + [0xE9] + Array(",1\n".utf8),
      "found byte 0xE9 at offset 3 of the line, 14 of the file; if it is Windows-1252, convert it: "
        + "iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW"
    ),
    (
      Array("text,label\ra,1\rb,0\r".utf8),
      #"found 2 carriage returns (\r) alone; convert it: tr '\r' '\n' < FILE > NEW"#
    ),
  ]

  private static func utf16(_ text: String) -> [UInt8] {
    text.utf16.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
  }

  @Test(arguments: encodings)
  func otherEncodingsAreNamedWithTheirRemedy(bytes: [UInt8], message: String) throws {
    for format in [DatasetSource.Format.csv, .tsv(header: true), .jsonl] {
      let error = #expect(throws: DatasetError.self) { try read(format, bytes) }
      #expect(error?.reason.hasSuffix(message) == true, "\(error.map { "\($0)" } ?? "")")
    }
  }

  @Test(
    arguments: [
      ("1.0", "write 1, as a whole number (in pandas: .astype(int))"), ("NaN", "give the row a label, or leave it out"),
      ("", "give the row a label, or leave it out"), ("3", "labels count from 0; subtract 1 if the file counts from 1"),
      ("0.73", "scores are not classes; give the rows whole numbers or names"), ("True", "write 1"),
      ("-1", "-1 marks rows whose label is not published; leave them out, or take another split"),
      ("great", "correct the label, or name the classes in task.labels"),
    ])
  func labelsThatAreNoClassesHaveARemedy(label: String, remedy: String) throws {
    let error = #expect(throws: DatasetError.self) { try read(.csv, Array("text,label\na,\(label)\n".utf8)) }
    #expect(error?.reason.hasSuffix("; \(remedy)") == true, "\(error.map { "\($0)" } ?? "")")
    #expect(error?.isOfLabel == true)
  }

  @Test func classesWithoutNamesPointToTheKeyThatNamesThem() throws {
    let directory = try TemporaryDirectory()
    let source = DatasetSource(format: .csv, path: try directory.write("data", "text,label\na,good\n"))
    let error = #expect(throws: DatasetError.self) {
      try source.read(labels: ["LABEL_0", "LABEL_1"], labelsKey: "task.labels")
    }
    #expect(error?.reason.hasSuffix(#"found "good"; name the classes in task.labels"#) == true)
  }

  @Test func aColumnTextPairIsTheSecondText() throws {
    let pair = [Example(text: "a", pair: "b", label: 1)]
    for (format, contents) in [
      (DatasetSource.Format.csv, "label,text_pair,text\n1,b,a\n"),
      (.tsv(header: true), "text\ttext_pair\tlabel\na\tb\t1\n"),
      (.jsonl, #"{"text": "a", "text_pair": "b", "label": 1}"#),
    ] {
      #expect(try read(format, Array(contents.utf8)) == pair)
      #expect(try read(format, Array(contents.utf8)) { $0.findsPair = false } == [Example(text: "a", label: 1)])
    }
  }

  @Test func columnsAreCarriedAlong() throws {
    let directory = try TemporaryDirectory()
    for (format, contents) in [
      (DatasetSource.Format.csv, "id,text\n7,\"a,b\"\n8,c\n"), (.tsv(header: true), "text\tid\na,b\t7\nc\t8\n"),
    ] {
      var source = DatasetSource(format: format, path: try directory.write("data", contents))
      source.keptColumns = ["id", "text"]
      #expect(try source.read(labels: nil).kept == [["7", "a,b"], ["8", "c"]])
    }
    var source = DatasetSource(
      format: .jsonl, path: try directory.write("data", #"{"text": "a,b", "id": [7]}"# + "\n" + #"{"text": "c"}"#))
    source.keptColumns = ["id"]
    let error = #expect(throws: DatasetError.self) { try source.read(labels: nil) }
    #expect(error?.line == 2 && error?.reason == "id: there is no such column to keep")
  }
}

/// Two lists of classes.
struct ClassMatchTests {
  @Test(
    arguments: [
      (["a", "b"], ["a", "b"], [0, 1]), (["a", "b"], ["b", "a"], [1, 0]), (["A", "b"], ["B", "a"], [1, 0]),
      (["not_equivalent", "equivalent"], ["Equivalent", "Not Equivalent"], [1, 0]), (["b"], ["a", "b", "c"], [1]),
      (["negative", "positive"], ["negative", "neutral", "positive"], [0, 2]),
      (["LABEL_0", "LABEL_1"], ["x", "y"], [0, 1]), (["x", "y"], ["label_0", "label_1"], [0, 1]),
      (["0", "1"], ["x", "y"], [0, 1]), (["1", "0"], ["0", "1"], [0, 1]),
      (["a", "A"], ["A", "a"], [1, 0]),
    ] as [([String], [String], [Int])])
  func matchesByName(names: [String], others: [String], places: [Int]) {
    #expect(ClassMatch(names, in: others)?.places == places)
  }

  @Test(
    arguments: [
      (["a", "b"], ["a", "c"]), (["a", "b"], ["a"]), (["a", "A"], ["a", "b"]),
      (["LABEL_0", "LABEL_1"], ["x", "y", "z"]),
      (["negative", "positive"], ["not_equivalent", "equivalent"]), (["aa"], ["a_a", "a-a"]),
    ])
  func refusesWhatHasNoMatch(names: [String], others: [String]) {
    #expect(ClassMatch(names, in: others) == nil)
  }
}
