import Glibc
import Testing

@testable import Text

/// Rows read a few bytes at a time are the rows read at once, and tokens in files are the tokens in memory.
struct TokenTableTests {
  struct Form: Sendable, CustomTestStringConvertible {
    let name: String
    let text: String
    let format: DatasetSource.Format
    var labels: String?
    var testDescription: String { name }
  }

  static let forms = [
    Form(name: "lines", text: "good film\n\nbad\r\nno end of line", format: .lines(labelsPath: nil)),
    Form(
      name: "lines with labels", text: "good film\nso so\nbad\n", format: .lines(labelsPath: ""), labels: "2\n1\n0\n"),
    Form(
      name: "csv", text: "text,label\n\"good,\n\"\"film\"\"\",positive\nbad,negative\r\n\"so\n\nso\",neutral\n",
      format: .csv),
    Form(name: "csv with its separator", text: "sep=;\ntext;label\ngood film;2\nbad;0\n", format: .csv),
    Form(name: "tsv", text: "label\ttext\n2\tgood film\n\n0\tbad\n1\tso so\n", format: .tsv(header: true)),
    Form(
      name: "jsonl",
      text:
        "{\"text\": \"good\", \"text_pair\": \"film\", \"label\": 2}\n\n{\"text\": \"a\", \"text_pair\": \"b\", \"label\": 0}\n",
      format: .jsonl),
  ]

  private func directory() throws -> String {
    var template = Array("/tmp/distill-ddp-tokens-XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  private func source(_ form: Form, in directory: String, text: String? = nil) throws -> DatasetSource {
    func write(_ text: String, _ name: String) throws -> String {
      let path = "\(directory)/\(name)"
      let file = try #require(fopen(path, "w"))
      fputs(text, file)
      fclose(file)
      return path
    }
    let path = try write(text ?? form.text, "data")
    guard let labels = form.labels else { return DatasetSource(format: form.format, path: path) }
    return DatasetSource(format: .lines(labelsPath: try write(labels, "labels")), path: path)
  }

  @Test("pieces of any size", arguments: forms)
  func pieces(form: Form) throws {
    let directory = try directory()
    defer { remove(directory) }
    let source = try source(form, in: directory)
    let targets = form.name == "lines" ? nil : Targets.classes(DatasetTests.labels)
    let whole = try source.read(targets)
    #expect(whole.count > 1)
    // The line that names the separator, and the one behind it, are in the first piece of any real file.
    for size in (form.name == "csv with its separator" ? 24 : 1)...40 {
      var rows: [Example] = []
      var pieces = 0
      try source.forEachBlock(targets, blockBytes: size) { block in
        pieces += 1
        rows += (0..<block.count).map { block[$0] }
      }
      #expect(rows == (0..<whole.count).map { whole[$0] }, "\(size) bytes")
      #expect(size > 1 || pieces > 1)
    }
  }

  @Test("errors name the line of the file, and the byte")
  func errors() throws {
    let directory = try directory()
    defer { remove(directory) }
    for (form, text) in [
      (Self.forms[1], "good\nfilm\n"), (Self.forms[4], "label\ttext\n2\tgood\n2\ta\tb\n"),
      (Self.forms[2], "text,label\ngood,2\nbad,7\n"),
    ] {
      let source = try source(form, in: directory, text: text)
      let targets = Targets.classes(DatasetTests.labels)
      let whole = #expect(throws: DatasetError.self) { try source.read(targets) }
      let pieces = #expect(throws: DatasetError.self) { try source.forEachBlock(targets, blockBytes: 4) { _ in } }
      #expect(whole == pieces, "\(form.name)")
    }
    let path = "\(directory)/bytes"
    let file = try #require(fopen(path, "w"))
    fwrite(Array("one\ntwo\nx".utf8) + [0xFF, 0x0A], 1, 11, file)
    fclose(file)
    let source = DatasetSource(format: .lines(labelsPath: nil), path: path)
    let whole = #expect(throws: DatasetError.self) { try source.read(nil) }
    let pieces = #expect(throws: DatasetError.self) { try source.forEachBlock(nil, blockBytes: 4) { _ in } }
    #expect(whole == pieces && whole?.line == 3)
  }

  @Test("tables in files, whose rows came a few at a time", arguments: [false, true])
  func files(isPair: Bool) throws {
    var directory = try directory()
    let place = directory
    defer { remove(place) }
    var examples = Examples(hasPairs: isPair, targets: .numbers(["score"]))
    for row in 0..<1500 {
      let text = Array(String(repeating: "play ", count: row % 7).utf8)
      let score = row % 3 == 0 ? Target.none : .values([Float(row)])
      examples.append(text, pair: isPair ? Array("good film \(row)".utf8) : nil, target: score)
    }
    let tokenizer = try TokenizerTests.tokenizer("uncased")
    let options = TokenTableOptions(maxLength: 9, keepsOffsets: true, keepsHashes: true)
    func table(_ parts: [Range<Int>], in directory: String?) throws -> TokenTable {
      let builder = try TokenTableBuilder(tokenizer, options, in: directory, threads: 2)
      for part in parts { try builder.append(examples, rows: part) }
      return try builder.finish()
    }
    let memory = try table([0..<1500], in: nil)
    let files = try table([0..<1, 1..<700, 700..<1500], in: directory)
    #expect(files.directory == directory && memory.directory == nil && files.summary == memory.summary)
    let json = files.summary.json
    let summary = try #require(TokenTableSummary(json: json))
    #expect(summary == files.summary && summary.json == json)
    let (one, other) = (TokenizedDataset([memory]), TokenizedDataset([files]))
    let rows = [0, 1499, 699, 700, 3]
    let (left, right) = (one.batch(rows), other.batch(rows))
    #expect(left.tokens == right.tokens && left.types == right.types && left.starts == right.starts)
    #expect(left.labels == right.labels && left.values == right.values)
    #expect(one.digest() == other.digest() && one.hashes == other.hashes && one.hashes.count == 1500)
    #expect(one.labels == other.labels && one.labels == examples.labels)
    #expect(one.occurringTokens == other.occurringTokens && files.firstDamagedRow == nil)
    #expect(one.aligned(with: other).batch(rows).words?.own == other.aligned(with: one).batch(rows).words?.own)
    let duplicates = try #require(one.duplicates(of: 1490..<1500, in: TokenizedDataset([files])))
    #expect(duplicates == (10, 1490))

    // A file that is cut off is no table.
    directory += "/tokens"
    #expect(truncate(directory, 3) == 0)
    #expect(TokenTable(mapping: place, summary) == nil)
  }

  private func remove(_ directory: String) {
    for name in TokenColumnKind.allCases.map(\.rawValue) + ["data", "labels", "bytes"] {
      unlink("\(directory)/\(name)")
    }
    rmdir(directory)
  }
}
