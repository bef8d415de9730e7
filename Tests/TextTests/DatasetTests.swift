import Glibc
import Testing

@testable import Text

struct DatasetTests {
  static let labels = ["negative", "neutral", "positive"]

  private func examples(_ source: DatasetSource, labels: [String]? = DatasetTests.labels) throws -> [Example] {
    let examples = try source.read(labels: labels)
    return (0..<examples.count).map { examples[$0] }
  }

  // MARK: What is read

  @Test(arguments: ["one\ntwo \r\n\n\u{2028}four", "one\ntwo \r\n\n\u{2028}four\n"])
  func linesEndAtLineFeedsOnly(_ contents: String) throws {
    let directory = try TemporaryDirectory()
    var source = DatasetSource(format: .lines(labelsPath: nil), path: try directory.write("text.txt", contents))
    #expect(try examples(source).map(\.text) == ["one", "two \r", "", "\u{2028}four"])
    source.format = .lines(labelsPath: try directory.write("labels.txt", "0\r\n2\npositive\n1"))
    #expect(try examples(source).map(\.label) == [0, 2, 2, 1])
    #expect(try examples(source, labels: nil).map(\.label) == [nil, nil, nil, nil])
  }

  @Test func missingLabelsAreNoneWhereAllowed() throws {
    let directory = try TemporaryDirectory()
    let text = try directory.write("text.txt", "a\nb\nc\n")
    var lines = DatasetSource(
      format: .lines(labelsPath: try directory.write("labels.txt", "2\n\n-1\n")), path: text)
    var csv = DatasetSource(format: .csv, path: try directory.write("data.csv", "text,label\na,2\nb,\nc,-1\n"))
    var json = DatasetSource(
      format: .jsonl,
      path: try directory.write(
        "data.jsonl",
        #"{"text": "a", "label": "positive"}"# + "\n" + #"{"text": "b", "label": null}"# + "\n"
          + #"{"text": "c"}"# + "\n"))
    for source in [lines, csv, json] { #expect(throws: DatasetError.self) { try source.read(labels: Self.labels) } }
    (lines.missingLabels, csv.missingLabels, json.missingLabels) = (.unlabelled, .unlabelled, .unlabelled)
    for source in [lines, csv, json] { #expect(try examples(source).map(\.label) == [2, nil, nil]) }
    // Anything else is still a mistake, and a class may be called -1.
    let error = #expect(throws: DatasetError.self) { try csv.read(labels: ["a", "b"]) }
    #expect("\(error!)".contains("found \"2\"") && "\(error!)".contains("or for none an empty label, -1 or null"))
    #expect(try examples(lines, labels: ["-1", "0", "1"]).map(\.label) == [2, nil, 0])
  }

  @Test func linesOfStandardInput() throws {
    #expect(try Examples(lines: Array("a\n\nb".utf8), name: "standard input").count == 3)
    let error = #expect(throws: DatasetError.self) { try Examples(lines: [97, 10, 98, 0xE9], name: "standard input") }
    #expect(
      "\(error!)"
        == "standard input:2: expected UTF-8, found byte 0xE9 at offset 1 of the line, 3 of the file; "
        + "if it is Windows-1252, convert it: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW")
  }

  @Test func csvHasQuotesLineEndsAndAByteOrderMark() throws {
    let directory = try TemporaryDirectory()
    let contents = "\u{FEFF}id,text,label\r\n1,plain,neutral\r\n2,\"a \"\"b\"\", c\r\nd\",2\r\n3,,0"
    var source = DatasetSource(format: .csv, path: try directory.write("data.csv", contents))
    #expect(
      try examples(source) == [
        Example(text: "plain", label: 1), Example(text: "a \"b\", c\r\nd", label: 2), Example(text: "", label: 0),
      ])
    source.pairColumn = .index(0)
    source.labelColumn = nil
    #expect(try examples(source).first == Example(text: "plain", pair: "1"))
  }

  @Test func boundsTheFieldsOfALine() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("data.csv", "text,label\na,1\n" + String(repeating: ",", count: 65_536) + "\n")
    let error = #expect(throws: DatasetError.self) { try examples(DatasetSource(format: .csv, path: path)) }
    #expect(
      error?.description
        == "\(path):3: expected at most 65536 fields, found more; is the separator the right one?")
  }

  @Test func tsvIsNotQuoted() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("data.tsv", "label\ta\tb\n1\t\"open\tx\r\n0\t\ty\n")
    var source = DatasetSource(format: .tsv(header: true), path: path)
    source.textColumn = .name("a")
    source.pairColumn = .index(2)
    #expect(
      try examples(source) == [Example(text: "\"open", pair: "x", label: 1), Example(text: "", pair: "y", label: 0)])
    source.format = .tsv(header: false)
    (source.textColumn, source.labelColumn) = (.index(1), nil)
    #expect(try examples(source).count == 3)
  }

  @Test func jsonLinesHoldLabelsAsNumbersOrNames() throws {
    let directory = try TemporaryDirectory()
    let contents = #"{"text": "a\nb", "label": 2}"# + "\n" + #"{"label": "neutral", "text": "é", "other": []}"#
    let source = DatasetSource(format: .jsonl, path: try directory.write("data.jsonl", contents))
    #expect(try examples(source) == [Example(text: "a\nb", label: 2), Example(text: "é", label: 1)])
  }

  @Test func aNameOfAClassCountsBeforeANumber() throws {
    let directory = try TemporaryDirectory()
    let source = DatasetSource(format: .csv, path: try directory.write("data.csv", "text,label\na,1\nb,0\n"))
    #expect(try examples(source, labels: ["1", "0"]).map(\.label) == [0, 1])
  }

  @Test func compressedFilesReadLikePlainOnes() throws {
    let directory = try TemporaryDirectory()
    // "text,label\na,1\n" by Python's gzip.compress(…, mtime=0).
    let csv: [UInt8] = [
      0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x2b, 0x49, 0xad, 0x28, 0xd1, 0xc9, 0x49, 0x4c, 0x4a,
      0xcd, 0xe1, 0x4a, 0xd4, 0x31, 0xe4, 0x02, 0x00, 0x4d, 0xf6, 0xf0, 0x72, 0x0f, 0x00, 0x00, 0x00,
    ]
    for name in ["data.csv.gz", "blob"] {
      #expect(
        try examples(DatasetSource(format: .csv, path: try directory.write(name, csv))) == [
          Example(text: "a", label: 1)
        ])
    }
    var source = DatasetSource(format: .csv, path: try directory.write("cut.csv.gz", Array(csv.dropLast())))
    var error = #expect(throws: DatasetError.self) { try source.read(labels: Self.labels) }
    let cut = "the compressed data ends too early; copy or download the file again"
    #expect("\(error!)" == "\(source.path): \(cut)")
    source.path = try directory.write("plain.csv.gz", "text,label\na,1\n")
    error = #expect(throws: DatasetError.self) { try source.read(labels: Self.labels) }
    let plain = "expected gzip data, found something else; drop .gz from its name if it is plain text"
    #expect("\(error!)" == "\(source.path): \(plain)")
    source.format = .lines(labelsPath: try directory.write("labels.gz", csv))
    source.path = try directory.write("lines.gz", csv)
    error = #expect(throws: DatasetError.self) { try source.read(labels: ["text,label"]) }
    #expect("\(error!)".hasPrefix("\(directory.path)/labels.gz:2: label: expected 0"))
  }

  @Test func anEmptyFileHasNoRows() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("empty", "")
    for format in [DatasetSource.Format.lines(labelsPath: nil), .tsv(header: true), .jsonl] {
      #expect(try examples(DatasetSource(format: format, path: path)).isEmpty)
    }
  }

  // MARK: What is wrong

  struct Fault: CustomTestStringConvertible, Sendable {
    let format: DatasetSource.Format
    let contents: String
    var text = DatasetSource.Column.name("text")
    let message: String
    var testDescription: String { message }
  }

  private static let quoted = "; fields that hold a separator or a line end must be quoted, which only CSV can"

  static let faults = [
    Fault(
      format: .csv, contents: "text,label\n\"a\nb\",1\nc,7\n",
      message:
        #":4: label: expected 0…2 or one of negative, neutral, positive, found "7"; is a class missing in task.labels?"#
    ),
    Fault(
      format: .csv, contents: "text,label\na,-1\n",
      message:
        #":2: label: expected 0…2 or one of negative, neutral, positive, found "-1"; -1 marks rows whose label is not published; leave them out, or take another split"#
    ),
    Fault(
      format: .csv, contents: "text,label\na,99999999999999999999\n",
      message:
        #":2: label: expected 0…2 or one of negative, neutral, positive, found "99999999999999999999"; labels are whole numbers from 0"#
    ),
    Fault(
      format: .csv, contents: "text,label\na,\u{1B}[31m\n",
      message:
        #":2: label: expected 0…2 or one of negative, neutral, positive, found "\u{1b}[31m"; correct the label, or name the classes in task.labels"#
    ),
    Fault(format: .csv, contents: "", message: ": expected a header, found an empty file"),
    Fault(
      format: .csv, contents: "sentence,label\na,0\n",
      message: #":1: column "text": expected once in the header, found "sentence", "label""#),
    Fault(
      format: .csv, contents: "text,text,label\na,b,0\n",
      message: #":1: column "text": expected once in the header, found "text", "text", "label""#),
    Fault(
      format: .csv, contents: "text,label\n", text: .index(2), message: ": column 2: expected a number from 0 to 1"),
    Fault(format: .csv, contents: "text,label\na,0\nb,c,0\n", message: ":3: expected 2 fields, found 3\(quoted)"),
    Fault(
      format: .csv, contents: "text,label\n\"a,0\n\n",
      message: ":2: a quoted field is never closed; double the quotes within fields"),
    Fault(
      format: .csv, contents: "text,label\n\"a\"b,0\n",
      message: ":2: expected a separator or the end of the line after a quoted field; double the quotes within it"),
    Fault(
      format: .csv, contents: "text,label\na \"b\",0\n",
      message: ":2: a field with a quote in it must be quoted, and the quote doubled"),
    Fault(
      format: .tsv(header: true), contents: "text\tlabel\na\t0\nb\n", message: ":3: expected 2 fields, found 1\(quoted)"
    ),
    Fault(
      format: .tsv(header: false), contents: "a\t0\n",
      message: #": column "text": a file without header has numbered columns only; give a number from 0"#),
    Fault(
      format: .jsonl, contents: "{\"text\": \"a\", \"label\": 0}\n{\"text\": 1, \"label\": 0}\n",
      message: ":2: text: expected a string, found integer 1"),
    Fault(
      format: .jsonl, contents: "{\"text\": \"a\"}\n",
      message:
        ":1: label: expected 0…2 or one of negative, neutral, positive, found nothing; give the row a label, or leave it out"
    ),
    Fault(
      format: .jsonl, contents: "[]\n",
      message: ":1: expected an object, found an array; write one object a line, without the list"),
    Fault(
      format: .jsonl, contents: "{}", text: .index(0),
      message: ": column 0: columns of JSON lines have names, not numbers; give a key of the rows"),
    Fault(
      format: .lines(labelsPath: nil), contents: String(repeating: "a", count: 1 << 20 + 1),
      message: ":1: expected a row of at most 1048576 bytes, found 1048577"),
  ]

  @Test(arguments: faults)
  func namesFileLineAndReason(_ fault: Fault) throws {
    let directory = try TemporaryDirectory()
    var source = DatasetSource(format: fault.format, path: try directory.write("data", fault.contents))
    source.textColumn = fault.text
    let error = #expect(throws: DatasetError.self) { try source.read(labels: Self.labels, labelsKey: "task.labels") }
    #expect("\(error!)" == source.path + fault.message)
  }

  @Test(arguments: [("0\n", "found 1"), ("0\n1\n0\n", "found 3")])
  func countsOfTextsAndLabelsMustMatch(_ labels: String, _ found: String) throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("text", "a\nb\n")
    let labelsPath = try directory.write("labels", labels)
    let source = DatasetSource(format: .lines(labelsPath: labelsPath), path: path)
    let error = #expect(throws: DatasetError.self) { try source.read(labels: Self.labels) }
    #expect("\(error!)" == "\(labelsPath): expected 2 labels, one for each line of \(path), \(found)")
  }

  @Test func labelFilesNameTheLine() throws {
    let directory = try TemporaryDirectory()
    let labelsPath = try directory.write("labels", "0\nmixed\n")
    let source = DatasetSource(
      format: .lines(labelsPath: labelsPath), path: try directory.write("text", "a\nb\n"))
    let error = #expect(throws: DatasetError.self) { try source.read(labels: Self.labels) }
    #expect(
      "\(error!)" == "\(labelsPath):2: label: expected 0…2 or one of negative, neutral, positive, found \"mixed\"")
  }

  @Test func onlyRegularFilesAreRead() throws {
    let directory = try TemporaryDirectory()
    let pipe = "\(directory.path)/pipe"
    #expect(mkfifo(pipe, 0o600) == 0)
    for (path, reason) in [
      (directory.path, "expected a regular file, found a directory"), (pipe, "expected a regular file, found a FIFO"),
      (directory.path + "/none", "cannot be opened: No such file or directory"),
    ] {
      let error = #expect(throws: DatasetError.self) {
        try DatasetSource(format: .csv, path: path).read(labels: nil)
      }
      #expect("\(error!)" == "\(path): \(reason)")
    }
  }
}

/// Files that cost more than they should: a few bytes that ask for much.
struct DatasetBombTests {
  @Test(arguments: [DatasetSource.Format.csv, .tsv(header: true)])
  func errorsDoNotListEveryColumn(_ format: DatasetSource.Format) throws {
    let directory = try TemporaryDirectory()
    let header = String(repeating: format == .csv ? "a," : "a\t", count: 60_000)
    let source = DatasetSource(format: format, path: try directory.write("data", header + "b\n"))
    let error = #expect(throws: DatasetError.self) { try source.read(labels: nil) }
    #expect(error?.reason.hasSuffix("and 59981 more") == true)
    #expect((error?.reason.utf8.count ?? .max) < 1_000)
  }

  @Test func errorsDoNotListEveryClass() throws {
    let directory = try TemporaryDirectory()
    let source = DatasetSource(format: .csv, path: try directory.write("data", "text,label\na,none\n"))
    let error = #expect(throws: DatasetError.self) { try source.read(labels: (0..<60_000).map { "class \($0)" }) }
    #expect(error?.reason.hasPrefix("label: expected 0…59999 or one of class 0, class 1, ") == true)
    #expect((error?.reason.utf8.count ?? .max) < 1_000)
  }

  /// Rows times classes, once.
  @Test(.timeLimit(.minutes(1))) func classesAreFoundInConstantTime() throws {
    let directory = try TemporaryDirectory()
    let rows = (0..<100_000).map { "a,class \(59_999 - $0 % 100)\n" }.joined()
    let source = DatasetSource(format: .csv, path: try directory.write("data", "text,label\n" + rows))
    let classes = (0..<60_000).map { "class \($0)" }
    #expect(try source.read(labels: classes).count == 100_000)
  }

  /// Forty kilobytes that say they are forty megabytes, and would be two gigabytes at fifty times the size.
  @Test func compressedFilesOfAThousandTimesTheirSizeAreRefused() throws {
    let directory = try TemporaryDirectory()
    let zeros = try RegularFile.contents("\(Fixtures.directory)/../../ArchivesTests/Fixtures/zeros.gz")
    let bomb = Array(repeatElement(zeros, count: 40).joined())
    let source = DatasetSource(format: .lines(labelsPath: nil), path: try directory.write("data.gz", bomb))
    let error = #expect(throws: DatasetError.self) { try source.read(labels: nil) }
    #expect(error?.reason.contains("bytes when decompressed, found more") == true, "\(error?.reason ?? "")")
  }

  /// A file with holes takes no disk, and memory of its size ended the process.
  @Test func filesLargerThanMemoryAreRefused() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("data", "a\n")
    #expect(truncate(path, 1 << 43) == 0)
    let error = #expect(throws: DatasetError.self) {
      try DatasetSource(format: .lines(labelsPath: nil), path: path).read(labels: nil)
    }
    #expect(error?.reason.hasPrefix("out of memory: reading it: 8796093022208 bytes are needed, and ") == true)
  }
}

struct UTF8TextTests {
  /// Well-formed and ill-formed sequences of table 3-7 of the Unicode standard.
  @Test(
    arguments: [
      ([0x61, 0xC3, 0xA9], nil), ([0xC0, 0x80], 0), ([0xC1, 0xBF], 0), ([0xE0, 0x9F, 0xBF], 0),
      ([0xE0, 0xA0, 0x80], nil),
      ([0xED, 0x9F, 0xBF], nil), ([0xED, 0xA0, 0x80], 0), ([0xEF, 0xBF, 0xBF], nil), ([0xF0, 0x8F, 0xBF, 0xBF], 0),
      ([0xF0, 0x90, 0x80, 0x80], nil), ([0xF4, 0x8F, 0xBF, 0xBF], nil), ([0xF4, 0x90, 0x80, 0x80], 0),
      ([0xF5, 0x80], 0),
      ([0x61, 0x80], 1), ([0x61, 0xE2, 0x82], 1), ([0xE2, 0x82, 0x41], 0), ([0xF0, 0x9F, 0x98, 0x41], 0), ([0xFF], 0),
    ] as [([UInt8], Int?)])
  func findsWhereItStopsBeingValid(_ bytes: [UInt8], _ invalid: Int?) {
    #expect(UTF8Text.firstInvalid(bytes[...]) == invalid)
    #expect((String(validating: bytes, as: UTF8.self) == nil) == (invalid != nil))
  }
}
