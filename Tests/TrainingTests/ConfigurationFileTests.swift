import Foundation
import Testing

@testable import Training

@Suite struct ConfigurationYAML {
  private static let noAliases = "anchors and aliases are not read; write the value out, or put it in quotes"
  private static let badToken =
    "not YAML: found character that cannot start any token while scanning for the next token"

  @Test(arguments: [
    Mistake("run: {a: 1}\nrun: 2\n", #"x.yaml:1:1: each key may be written once, found "run" again; remove one"#),
    Mistake("{1: a, \"1\": b}", #"x.yaml:1:2: each key may be written once, found "1" again; remove one"#),
    Mistake("run: &a {directory: x}\ntask: *a\n", "x.yaml:1:6: \(noAliases)"),
    Mistake("run: *a\n", "x.yaml:1:6: \(noAliases)"),
    Mistake("run: @a\n", "x.yaml:1:6: \(badToken)"),
    Mistake("run: @a # &\n", "x.yaml:1:6: \(badToken)"),
    Mistake("run:\n\tx: 1\n", "x.yaml:2:1: \(badToken)"),
    Mistake(
      "run: !!python/object:os.system [x]\n",
      #"x.yaml:1:6: tags such as "tag:yaml.org,2002:python/object:os.system" are not read; "#
        + "write the value without one"),
    Mistake("run: !mine 5\n", #"x.yaml:1:6: tags such as "!mine" are not read; write the value without one"#),
    Mistake("!mine run: 5\n", "x.yaml:1:1: expected a key without a tag"),
    Mistake("run: 1\n---\nrun: 2\n", "x.yaml:2:1: expected one document, found a second; remove what follows `---`"),
    Mistake(
      "run: [1, 2\n", "x.yaml:2:1: not YAML: did not find expected ',' or ']' while parsing a flow sequence"),
    Mistake("[a, b]: 1\n", "x.yaml:1:1: expected a key of one word"),
    Mistake("- a\n", "x.yaml:1:1: expected a mapping of keys, found a list"),
    Mistake("plain\n", #"x.yaml:1:1: expected a mapping of keys, found "plain""#),
    Mistake(
      "run: \"a\u{1}b\"\n", "x.yaml: not YAML: control characters are not allowed; remove control characters"),
  ])
  func onlyPlainDocumentsAreRead(mistake: Mistake) {
    #expect(complaint(mistake.yaml) == mistake.message)
  }

  /// 9¹² values once expanded; worse as a key, which is hashed.
  @Test(.timeLimit(.minutes(1)), arguments: [false, true])
  func aliasBombsAreRefusedUnexpanded(asKey: Bool) {
    var yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    for level in 1...12 {
      yaml += "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ",") + "]\n"
    }
    if asKey { yaml += "? *a12\n: 1\n" }
    #expect(complaint(yaml) == "x.yaml:1:5: \(Self.noAliases)")
  }

  @Test func sizesAreCapped() {
    let wide = complaint("a: [" + String(repeating: "x,", count: 20_000) + "]")
    #expect(wide?.hasSuffix("expected at most 10000 values, found more") == true)
    let long = complaint((0..<90_000).map { "k\($0): 1\n" }.joined())
    #expect(long?.hasSuffix("expected at most 10000 values, found more") == true)
    #expect(
      complaint(String(repeating: "# comment\n", count: 200_000))
        == "x.yaml: expected at most 1048576 bytes, found 2000000")
    for opening in ["[", "{a: ", "- "] {
      let deep = complaint(String(repeating: opening, count: 100_000))
      #expect(deep?.contains("aximum nesting level reached") == true, "\(deep?.prefix(200) ?? "read")")
    }
  }

  @Test func problemsAreCapped() {
    let keys = (0..<9_000).map { "unknownKey\($0): 1" }.joined(separator: "\n")
    let lines = complaint(keys)?.split(separator: "\n") ?? []
    #expect(lines.count == 101 && lines.last == "x.yaml:1:1: further problems are not shown")
  }

  @Test func controlCharactersDoNotReachTheTerminal() {
    let found = complaint("\"a\\e[31m\": 1\nrun: {directory: \"x\\e[0m\"}") ?? ""
    #expect(found.contains("\\u{1b}[31m") && found.contains("\\u{1b}[0m"))
    #expect(!found.unicodeScalars.contains("\u{1b}"))
  }

  /// A configuration cut short or with one byte changed is read or refused, never a trap.
  @Test func damagedConfigurationsAreReadOrRefused() {
    let bytes = Array(distilling.utf8)
    var refused = 0
    for index in bytes.indices {
      for replacement in ["&", "*", "[", "{", "\"", "!", "\n", ":", "\0", "\u{7f}"] {
        let damaged = bytes[..<index] + Array(replacement.utf8) + bytes[(index + 1)...]
        if complaint(String(decoding: damaged, as: UTF8.self)) != nil { refused += 1 }
      }
      if complaint(String(decoding: bytes[..<index], as: UTF8.self)) != nil { refused += 1 }
    }
    #expect(refused > bytes.count)
  }
}

@Suite final class ConfigurationFiles {
  private let directory = FileManager.default.temporaryDirectory.appending(path: "configuration-\(UUID().uuidString)")

  init() throws { try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true) }

  deinit { try? FileManager.default.removeItem(at: directory) }

  /// What reading a file of these bytes says after its path; `nil` where it is right.
  private func complaint(_ name: String, _ bytes: [UInt8]? = nil) throws -> String? {
    let file = directory.appending(path: name)
    if let bytes { try Data(bytes).write(to: file) }
    do {
      _ = try RunConfiguration(path: file.path)
      return nil
    } catch {
      return "\(error)".replacing(file.path + ": ", with: "")
    }
  }

  @Test func whatIsNoFileIsNamed() throws {
    #expect(try complaint("none.yaml") == "cannot be read: No such file or directory")
    #expect(try complaint(".") == "expected a file; give a configuration such as configs/finetune.yaml")
    #expect(mkfifo(directory.appending(path: "pipe").path, 0o600) == 0)
    #expect(try complaint("pipe") == "expected a configuration, found an empty pipe")
  }

  @Test func bytesThatAreNoUTF8AreRefused() throws {
    #expect(
      try complaint("latin1.yaml", Array("run: caf".utf8) + [0xE9])
        == "expected UTF-8, found other bytes; convert it, for example with iconv -f WINDOWS-1252 -t UTF-8")
  }

  @Test func largeFilesAreRefused() throws {
    #expect(
      try complaint("large.yaml", Array(repeating: 35, count: 3 << 20))
        == "expected at most 1048576 bytes, found more; is this a configuration?")
  }

  @Test func byteOrderMarksAndCarriageReturnsAreRead() throws {
    let text = "\u{FEFF}" + minimal.replacing("\n", with: "\r\n") + "\r\n"
    #expect(try complaint("windows.yaml", Array(text.utf8)) == nil)
  }
}
