import FoundationEssentials
import JSON

@testable import Text

/// What `Tests/Goldens/make_tokenizer_fixtures.py` wrote, here or, with more rows, in `DISTILL_TOKENIZER_FIXTURES`.
enum Fixtures {
  static let directory =
    ProcessInfo.processInfo.environment["DISTILL_TOKENIZER_FIXTURES"]
    ?? String(#filePath.prefix(upTo: #filePath.lastIndex(of: "/") ?? #filePath.endIndex)) + "/Fixtures"

  static func rows(_ name: String, in directory: String = Fixtures.directory) throws -> [JSON] {
    try RegularFile.contents("\(directory)/\(name)").split(separator: UInt8(ascii: "\n")).map {
      try JSON.parse(Array($0))
    }
  }

  static let normalizers: [String: BertNormalizer] = [
    "uncased": BertNormalizer(),
    "cased": BertNormalizer(lowercase: false),
    "uncased_keep_accents": BertNormalizer(stripAccents: false),
    "cased_strip_accents": BertNormalizer(stripAccents: true, lowercase: false),
    "uncased_no_ideographs": BertNormalizer(handleChineseChars: false),
    "uncased_no_cleaning": BertNormalizer(cleanText: false),
  ]
}

extension JSON {
  var ids: [Int32]? { array?.compactMap { $0.int.flatMap(Int32.init(exactly:)) } }
}

/// A directory that lasts as long as this object.
final class TemporaryDirectory {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.path + "/text-tests-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and returns its path.
  @discardableResult
  func write(_ name: String, _ contents: String) throws -> String {
    try write(name, Array(contents.utf8))
  }

  @discardableResult
  func write(_ name: String, _ contents: [UInt8]) throws -> String {
    try Data(contents).write(to: URL(filePath: "\(path)/\(name)"))
    return "\(path)/\(name)"
  }

  func copy(_ fixture: String, _ names: String...) throws {
    for name in names { try write(name, RegularFile.contents("\(Fixtures.directory)/\(fixture)/\(name)")) }
  }
}
