import FoundationEssentials
import JSON
import Testing

@testable import Text

/// Thousands of rows and every code point, too large to ship: `DISTILL_TOKENIZER_GOLDENS` names a directory with
/// `single.jsonl`, `pairs.jsonl` and `codepoints_{cased,uncased}.tsv`, `DISTILL_TOKENIZER_MODEL` the model directory
/// whose vocabulary they were made with.
@Suite(.enabled(if: ReferenceData.directory != nil && ReferenceData.model != nil))
struct ReferenceDataTests {
  let directory = ReferenceData.directory ?? ""
  let tokenizer: Tokenizer

  init() throws { tokenizer = try Tokenizer(directory: ReferenceData.model ?? "") }

  static let variants: [String: BertNormalizer] = [
    "uncased": BertNormalizer(),
    "cased": BertNormalizer(lowercase: false),
    "uncased_keep_accents": BertNormalizer(stripAccents: false),
    "cased_strip_accents": BertNormalizer(stripAccents: true, lowercase: false),
    "uncased_nocjk": BertNormalizer(handleChineseChars: false),
    "uncased_noclean": BertNormalizer(cleanText: false),
  ]

  @Test func everySingleRow() throws {
    var tokenizers: [String: Tokenizer] = [:]
    for (name, normalizer) in Self.variants {
      var definition = tokenizer.definition
      definition.normalizer = .bert(normalizer)
      tokenizers[name] = try Tokenizer(definition, originals: [])
    }
    var exact = 0
    let rows = try rows("single.jsonl")
    for row in rows {
      let tokenizer = try #require(tokenizers[row["variant"]?.string ?? ""])
      let text = row["text"]?.string ?? ""
      let encoding = try tokenizer.encode(text)
      #expect(encoding.ids.map(Int.init) == row["ids"]?.array?.compactMap(\.int), "\(row["variant"]!) \(text.quoted)")
      if let tokens = row["tokens"]?.array {
        #expect(encoding.ids.map { tokenizer.token(of: $0) } == tokens.map(\.string))
      }
      exact += encoding.ids.map(Int.init) == row["ids"]?.array?.compactMap(\.int) ? 1 : 0
    }
    print("single.jsonl: \(exact) of \(rows.count) rows exact")
  }

  @Test func everyPairRow() throws {
    var exact = 0
    let rows = try rows("pairs.jsonl")
    for row in rows {
      var encoding = try tokenizer.encode(
        row["a"]?.string ?? "", pair: row["b"]?.string, maxLength: row["max_length"]?.int,
        truncation: Truncation(rawValue: row["strategy"]?.string ?? "") ?? .longestFirst)
      var mask = encoding.ids.map { _ in 1 }
      if let length = row["pad_to"]?.int {
        let padding = max(0, length - encoding.ids.count)
        encoding.ids += repeatElement(tokenizer.padId ?? -1, count: padding)
        encoding.typeIds += repeatElement(0, count: padding)
        mask += repeatElement(0, count: padding)
      }
      let same =
        encoding.ids.map(Int.init) == row["ids"]?.array?.compactMap(\.int)
        && encoding.typeIds.map(Int.init) == row["type_ids"]?.array?.compactMap(\.int)
        && mask == row["attention_mask"]?.array?.compactMap(\.int)
      #expect(same, "\(row)")
      exact += same ? 1 : 0
    }
    print("pairs.jsonl: \(exact) of \(rows.count) rows exact")
  }

  @Test(arguments: ["cased", "uncased"])
  func everyCodePoint(_ name: String) throws {
    let normalizer = try #require(Self.variants[name])
    let bytes = try RegularFile.contents("\(directory)/codepoints_\(name).tsv")
    var checked = 0
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where !line.hasPrefix("#") {
      let fields = line.split(separator: "\t").map(String.init)
      guard fields.count == 3, let first = UInt32(fields[0], radix: 16), let last = UInt32(fields[1], radix: 16) else {
        continue
      }
      for value in first...last {
        guard let scalar = Unicode.Scalar(value) else { continue }
        var output: [UInt8] = []
        normalizer.normalize(Array("a\(String(Character(scalar)))b".utf8)[...], into: &output)
        #expect(kind(of: output, from: scalar) == fields[2], "U+\(String(value, radix: 16))")
        checked += 1
      }
    }
    print("codepoints_\(name).tsv: \(checked) code points checked")
  }

  /// The classes of `codepoints_*.tsv`.
  private func kind(of output: [UInt8], from scalar: Unicode.Scalar) -> String {
    let middle = Array(String(decoding: output, as: UTF8.self).unicodeScalars.dropFirst().dropLast())
    let properties = middle.map { CharacterClasses.shared[$0.value] }
    let isSplit = properties.contains { !$0.isDisjoint(with: [.whitespace, .punctuation]) }
    if middle == [" "] { return "space" }
    if middle == [" ", scalar, " "] { return "cjk" }
    if middle == [scalar] { return isSplit ? "punct" : "keep" }
    return middle.isEmpty ? "removed" : "map:\(hexadecimal(middle))\(isSplit ? " pieces=3" : "")"
  }

  private func hexadecimal(_ scalars: [Unicode.Scalar]) -> String {
    scalars.map { scalar in
      let digits = String(scalar.value, radix: 16, uppercase: true)
      return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }.joined(separator: " ")
  }

  private func rows(_ name: String) throws -> [JSON] {
    try RegularFile.contents("\(directory)/\(name)").split(separator: UInt8(ascii: "\n")).map {
      try JSON.parse(Array($0))
    }
  }
}

enum ReferenceData {
  static let directory = ProcessInfo.processInfo.environment["DISTILL_TOKENIZER_GOLDENS"]
  static let model = ProcessInfo.processInfo.environment["DISTILL_TOKENIZER_MODEL"]
}
