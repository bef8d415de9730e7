import JSON
import Testing

@Suite("tokenize")
struct TokenizeTests {
  private let workspace: TinyWorkspace

  init() throws { workspace = try TinyWorkspace(trainRows: 1, validationRows: 1) }

  private func tokenize(_ input: String, _ options: [String] = []) throws -> [JSON] {
    let run = try workspace.run(["tokenize", "--model", "student"] + options, input: Array(input.utf8))
    #expect(run.status == 0, "\(run)")
    return try jsonLines(run.output)
  }

  @Test("each line gives its ids, type ids and tokens, special tokens included")
  func printsTokens() throws {
    let lines = try tokenize("Good and Zebra\n\nwarm")
    #expect(
      lines.map { $0.text() } == [
        #"{"ids":[2,28,22,1,3],"type_ids":[0,0,0,0,0],"tokens":["[CLS]","good","and","[UNK]","[SEP]"]}"#,
        #"{"ids":[2,3],"type_ids":[0,0],"tokens":["[CLS]","[SEP]"]}"#,
        #"{"ids":[2,30,3],"type_ids":[0,0,0],"tokens":["[CLS]","warm","[SEP]"]}"#,
      ])
  }

  @Test("files are read in every form")
  func readsFiles() throws {
    try workspace.write("id,text,text_pair\n1,good,bad\n", to: "rows.csv")
    try workspace.write("good\n", to: "lines.txt")
    let pair = try jsonLines(try workspace.output(["tokenize", "--model", "student", "--input", "rows.csv"]))
    #expect(pair.map { $0["tokens"]?.strings } == [["[CLS]", "good", "[SEP]", "bad", "[SEP]"]])
    let line = try jsonLines(try workspace.output(["tokenize", "--model", "student", "--input", "lines.txt"]))
    #expect(line.map { $0["tokens"]?.strings } == [["[CLS]", "good", "[SEP]"]])
  }

  @Test("only \\n ends a line")
  func splitsOnLineFeedsOnly() throws {
    let lines = try tokenize("bad\rcold\u{2028}dull\u{2029}good fine\r\nwarm\n")
    #expect(
      lines.map { $0["tokens"]?.strings } == [
        ["[CLS]", "bad", "cold", "dull", "good", "fine", "[SEP]"], ["[CLS]", "warm", "[SEP]"],
      ])
    #expect(try tokenize("").isEmpty)
  }

  @Test("nothing is truncated unless asked: even beyond the model's positions")
  func truncatesWhenAsked() throws {
    let text = [String](repeating: "calm", count: 40).joined(separator: " ")
    #expect(try tokenize(text)[0]["ids"]?.array?.count == 42)
    #expect(try tokenize(text, ["--max-length", "5"])[0]["ids"]?.numbers == [2, 24, 24, 24, 3])
  }

  @Test("pairs have two segments, of which the named one is truncated")
  func encodesPairs() throws {
    let pair = "good good good\twarm warm"
    let whole = try tokenize(pair, ["--pairs"])[0]
    #expect(whole["ids"]?.numbers == [2, 28, 28, 28, 3, 30, 30, 3])
    #expect(whole["type_ids"]?.numbers == [0, 0, 0, 0, 0, 1, 1, 1])
    #expect(try tokenize(pair, ["--pairs", "--max-length", "6"])[0]["ids"]?.numbers == [2, 28, 28, 3, 30, 3])
    #expect(
      try tokenize(pair, ["--pairs", "--max-length", "6", "--truncation", "only_first"])[0]["ids"]?.numbers
        == [2, 28, 3, 30, 30, 3])
  }

  @Test("lines longer than what is read at once, and many of them, come out whole")
  func readsInPieces() throws {
    let long = [String](repeating: "calm", count: 500_000).joined(separator: " ")
    let input = "good\n" + String(repeating: "warm fine\n", count: 150_000) + long + "\nbad"
    let run = try workspace.run(["tokenize", "--model", "student"], input: Array(input.utf8))
    let lines = run.output.utf8.split(separator: UInt8(ascii: "\n"))
    #expect(lines.count == 150_003)
    #expect(Set(lines[1...150_000].map { String($0) }).count == 1)
    #expect(try JSON.parse(Array(lines[150_001]), limits: .init(values: 2_000_000))["ids"]?.array?.count == 500_002)
    #expect(String(lines[150_002]) == #"{"ids":[2,6,3],"type_ids":[0,0,0],"tokens":["[CLS]","bad","[SEP]"]}"#)
  }

  @Test(
    "bad input is told with its line",
    arguments: [
      (Array("ok\nb".utf8) + [0xFF, 0x0A], [], "standard input:2: expected UTF-8, found byte 0xFF at offset 1"),
      (Array("ok".utf8) + [0xE2, 0x82], [], "standard input:1: expected UTF-8, found byte 0xE2 at offset 2"),
      (Array("one".utf8), ["--pairs"], "standard input:1: expected two texts"),
      (Array("one".utf8), ["--max-length", "1"], "standard input:1: maxLength: expected at least 2"),
    ] as [([UInt8], [String], String)])
  func reportsInput(input: [UInt8], options: [String], message: String) throws {
    let run = try workspace.run(["tokenize", "--model", "student"] + options, input: input)
    #expect(run.status == 1)
    #expect(run.errors.hasPrefix("Error: \(message)"), "\(run)")
  }

  @Test("a directory without a tokenizer is an error")
  func reportsModel() throws {
    let run = try workspace.run(["tokenize", "--model", "."], input: [])
    #expect(run.status == 1)
    #expect(run.errors.hasPrefix("Error: .: expected tokenizer.json, vocab.txt or vocab.json"), "\(run)")
  }
}
