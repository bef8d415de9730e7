import ArgumentParser
import Collectives
import Glibc
import Hub
import JSON
import Text

/// `distill-ddp tokenize`: the tokens of each text.
struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Print the tokens of each text.",
    discussion: """
      Reads lines of standard input, split on \\n only, or what --input names. Writes one JSON object per line: ids,
      type_ids and tokens, special tokens included; with --offsets also which characters of its text each token covers.

        distill-ddp tokenize --model runs/teacher/best < tweets.txt
        distill-ddp tokenize --model runs/teacher/best --input dev.tsv --text sentence
      """)

  @Option(
    help: "A Hugging Face model directory, or a name on the hub, of which only the tokenizer is read.",
    completion: .directory)
  var model: String

  @Option(
    help: "Texts: a .jsonl, .csv or .tsv file, or any other with one a line; each may be .gz; - is standard input.",
    completion: .file())
  var input = "-"

  @OptionGroup var rows: RowOptions

  @Option(help: "Truncate to this many tokens, special ones included (default: no limit).")
  var maxLength: Int?

  @Flag(help: "Each line of standard input is a pair: two texts with a tab between them.")
  var pairs = false

  @Option(help: "Which text of a pair is truncated.")
  var truncation = Truncation.longestFirst

  @Flag(help: "Write the first character of each token and the one behind it, too.")
  var offsets = false

  func run() throws {
    try onFirstRank {
      let tokenizer = try Tokenizer(directory: Hub.ofEnvironment().locate(model, effort: .download).path)
      var writer = EncodingWriter(tokenizer)
      guard input == "-", rows.format == nil || rows.isLines else { return try tokenizeRows(tokenizer, &writer) }
      var lines = StandardInputLines()
      var work = Tokenizer.Workspace()
      try lines.forEach { number, line in
        let (text, pair) = try texts(line, number)
        do {
          writer.append(
            try tokenizer.encode(
              text, pair: pair, maxLength: maxLength, truncation: truncation, offsets: offsets, &work))
        } catch {
          throw CommandError("\(StandardInputLines.name):\(number): \(error)")
        }
      } whenWaiting: {
        try writer.flush()
      }
      try writer.flush()
    }
  }

  private func tokenizeRows(_ tokenizer: Tokenizer, _ writer: inout EncodingWriter) throws {
    guard !pairs else {
      throw ValidationError("--pairs: goes with lines of standard input; name the second text with --text-pair")
    }
    let source = try rows.source(input, split: .test, RowInput(input, ranks: SingleProcess()))
    let examples = try source.read(labels: nil)
    var work = Tokenizer.Workspace()
    for row in 0..<examples.count {
      let example = examples[row]
      do {
        writer.append(
          try tokenizer.encode(
            example.text, pair: example.pair, maxLength: maxLength, truncation: truncation, offsets: offsets, &work))
      } catch {
        throw CommandError("\(input.escapedForDisplay): row \(row + 1): \(error)")
      }
      try writer.flushIfLarge()
    }
    try writer.flush()
  }

  private func texts(_ line: UnsafeBufferPointer<UInt8>, _ number: Int) throws(CommandError) -> (String, String?) {
    guard let text = String(validating: line, as: UTF8.self) else {
      throw CommandError(
        "\(StandardInputLines.name):\(number): expected UTF-8, found byte 0x\(invalidByte(in: line)) of the line; "
          + "convert the input to UTF-8, for example with iconv")
    }
    guard pairs else { return (text, nil) }
    let parts = text.split(separator: "\t", omittingEmptySubsequences: false)
    guard parts.count == 2 else {
      throw CommandError(
        "\(StandardInputLines.name):\(number): expected two texts with a tab between them, found \(parts.count)")
    }
    return (String(parts[0]), String(parts[1]))
  }

  /// `FF at offset 3`
  private func invalidByte(in line: UnsafeBufferPointer<UInt8>) -> String {
    var parser = Unicode.UTF8.ForwardParser()
    var iterator = line.makeIterator()
    var offset = 0
    while case .valid(let scalar) = parser.parseScalar(from: &iterator) { offset += scalar.count }
    let byte = offset < line.count ? String(line[offset], radix: 16, uppercase: true) : "?"
    return "\(byte) at offset \(offset)"
  }
}

extension Truncation: ExpressibleByArgument {}

/// Encodings as lines of JSON on standard output.
private struct EncodingWriter {
  private let tokenizer: Tokenizer
  /// The tokens as JSON strings, by id, once they have occurred.
  private var names: [[UInt8]?]
  private var out: [UInt8] = []

  private static let flushedBytes = 1 << 20

  init(_ tokenizer: Tokenizer) {
    self.tokenizer = tokenizer
    names = [[UInt8]?](repeating: nil, count: tokenizer.vocabularySize)
  }

  mutating func append(_ encoding: Encoding) {
    out += "{\"ids\":[".utf8
    appendNumbers(encoding.ids)
    out += "],\"type_ids\":[".utf8
    appendNumbers(encoding.typeIds)
    out += "],\"tokens\":[".utf8
    for (place, id) in encoding.ids.enumerated() {
      if place > 0 { out.append(UInt8(ascii: ",")) }
      out += name(of: id)
    }
    if !encoding.offsets.isEmpty {
      out += "],\"offsets\":[".utf8
      for (place, span) in encoding.offsets.enumerated() {
        out += "\(place > 0 ? "," : "")[\(span.lowerBound),\(span.upperBound)]".utf8
      }
    }
    out += "]}\n".utf8
  }

  mutating func flushIfLarge() throws(CommandError) {
    if out.count >= Self.flushedBytes { try flush() }
  }

  mutating func flush() throws(CommandError) {
    try writeResult(out)
    out.removeAll(keepingCapacity: true)
  }

  private mutating func appendNumbers(_ numbers: [Int32]) {
    for (place, number) in numbers.enumerated() {
      if place > 0 { out.append(UInt8(ascii: ",")) }
      out += String(number).utf8
    }
  }

  private mutating func name(of id: Int32) -> [UInt8] {
    if let name = names[Int(id)] { return name }
    let name = JSON.string(tokenizer.token(of: id) ?? "").bytes()
    names[Int(id)] = name
    return name
  }
}

/// The lines of standard input, read in large pieces and never held all at once.
private struct StandardInputLines {
  static let name = "standard input"
  private static let longestLine = 64 << 20

  /// Calls `body` with each line, from 1, and `whenWaiting` before each wait for more. Lines end at `\n` and nothing
  /// else; the last may lack it.
  mutating func forEach(
    _ body: (_ number: Int, UnsafeBufferPointer<UInt8>) throws -> Void, whenWaiting: () throws -> Void
  ) throws {
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    var number = 0
    /// What is left of the last read: the start of a line.
    var kept = 0
    while true {
      try whenWaiting()
      let received = buffer.withUnsafeMutableBytes { read(0, $0.baseAddress.map { $0 + kept }, $0.count - kept) }
      if received < 0 && errno == EINTR { continue }
      guard received >= 0 else {
        throw CommandError("\(Self.name): cannot be read: \(String(cString: strerror(errno)))")
      }
      let filled = kept + received
      let consumed = try buffer.withUnsafeBufferPointer { bytes in
        var start = 0
        var searched = kept
        while let end = bytes[searched..<filled].firstIndex(of: UInt8(ascii: "\n")) {
          number += 1
          try body(number, UnsafeBufferPointer(rebasing: bytes[start..<end]))
          start = end + 1
          searched = start
        }
        if received == 0 && start < filled {
          number += 1
          try body(number, UnsafeBufferPointer(rebasing: bytes[start..<filled]))
        }
        return start
      }
      guard received > 0 else { return }
      buffer.withUnsafeMutableBytes { bytes in
        bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[consumed..<filled]))
      }
      kept = filled - consumed
      if kept == buffer.count {
        guard buffer.count < Self.longestLine else {
          throw CommandError(
            "\(Self.name):\(number + 1): expected a line of at most \(Self.longestLine) bytes, found more; split it")
        }
        buffer += [UInt8](repeating: 0, count: buffer.count)
      }
    }
  }
}
