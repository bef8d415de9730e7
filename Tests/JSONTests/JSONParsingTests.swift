import Glibc
import JSON
import Testing

struct JSONParsingTests {
  private static let valid: [(String, JSON)] = [
    ("null", JSON.null), (" true ", true), ("false", false), ("0", 0), ("-12", -12),
    ("9223372036854775807", .integer(.max)),
    ("9223372036854775808", .number(9_223_372_036_854_775_808)), ("1.5e3", .number(1500)), ("1E+2", .number(100)),
    ("1e-12", .number(1e-12)), ("1e-400", .number(0)), ("\"\"", ""), ("[]", []), ("{}", [:]),
    ("[1, [2], {\"a\": null}]", [1, [2], ["a": .null]]), ("\t{\"a\" :1 ,\"b\":[ ]}\r\n", ["a": 1, "b": []]),
    (#""\"\\\/\b\f\n\r\t\u0041\u00e9""#, "\"\\/\u{8}\u{c}\n\r\tAé"), (#""\ud83d\uDE00!""#, "😀!"), (#""\u0000""#, "\0"),
    ("\"é😀\u{7f}\"", "é😀\u{7f}"),
  ]

  @Test(arguments: valid)
  func parsesWhatIsJSON(text: String, expected: JSON) throws {
    #expect(try JSON.parse(text) == expected)
  }

  private static let invalid: [(String, Int, Int, String)] = [
    ("", 1, 1, "expected a value, found the end of the text"),
    ("[1,\n 2,]", 2, 4, "expected a value, found ']'"),
    ("{\"é\": 1 \"b\"}", 1, 9, "expected ',' or '}' after the member, found '\"'"),
    ("{a: 1}", 1, 2, "expected a key in quotes, found 'a'"),
    ("{\"a\" 1}", 1, 6, "expected ':' after the key, found '1'"),
    ("{\"a\": 1,}", 1, 9, "expected a key in quotes, found '}'"),
    ("{\"a\":1,\n\"\\u0061\":2}", 2, 1, "key \"a\" appears twice in its object"),
    ("1 2", 1, 3, "expected the end after the value, found '2'"), ("nul", 1, 1, "expected a value, found 'n'"),
    ("NaN", 1, 1, "expected a value, found 'N'"), ("-Infinity", 1, 2, "expected a digit, found 'I'"),
    ("+1", 1, 1, "expected a value, found '+'"), ("01", 1, 1, "a number must not start with 0 followed by digits"),
    ("1.", 1, 3, "expected a digit, found the end of the text"), ("1.e3", 1, 3, "expected a digit, found 'e'"),
    (".5", 1, 1, "expected a value, found '.'"), ("1e", 1, 3, "expected a digit, found the end of the text"),
    ("1e999", 1, 1, "number \"1e999\" is out of the range of a double"),
    ("\"abc", 1, 5, "expected '\"' at the end of the string, found the end of the text"),
    ("\"a\nb\"", 1, 3, "control character 0xa in a string must be escaped"),
    (#""\x""#, 1, 3, "expected one of \"\\/bfnrtu after a backslash, found 'x'"),
    (#""\ud800""#, 1, 2, "escape of half a surrogate pair"),
    (#""\udc00\ud800""#, 1, 2, "escape of half a surrogate pair"),
    (#""\ud800\u0041""#, 1, 2, "escape of half a surrogate pair"),
    (#""\u12g4""#, 1, 6, "expected four hexadecimal digits after \\u, found 'g'"),
    ("\u{feff}{}", 1, 1, "expected a value, found byte 0xef"),
    ("[1] // x", 1, 5, "expected the end after the value, found '/'"),
    ("'a'", 1, 1, "expected a value, found '''"), ("[", 1, 2, "expected a value, found the end of the text"),
  ]

  @Test(arguments: invalid)
  func refusesWhatIsNot(text: String, line: Int, column: Int, reason: String) {
    let error = #expect(throws: JSONError.self) { try JSON.parse(text) }
    #expect(error?.description == "line \(line), column \(column): \(reason)")
  }

  @Test(
    arguments: [
      [0x22, 0xff, 0x22], [0x22, 0xc0, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22], [0x22, 0xe2, 0x82, 0x22],
      [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22], [0x22, 0x5c, 0x6e, 0x80, 0x22],
    ] as [[UInt8]])
  func refusesInvalidUTF8(bytes: [UInt8]) {
    let error = #expect(throws: JSONError.self) { try JSON.parse(bytes) }
    #expect(error?.reason == "a string that is not valid UTF-8")
  }

  @Test func limitsDepthSizeAndValues() throws {
    let deep = { (depth: Int) in String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
    _ = try JSON.parse(deep(64))
    #expect(throws: JSONError.self) { try JSON.parse(deep(65)) }
    #expect(throws: JSONError.self) { try JSON.parse(String(repeating: "[", count: 1_000_000)) }
    #expect(throws: JSONError.self) { try JSON.parse("[1,2]", limits: .init(bytes: 4)) }
    #expect(throws: JSONError.self) { try JSON.parse("[1,2]", limits: .init(values: 2)) }
  }

  /// Each took hundreds of megabytes: three bytes of text made an object.
  @Test(arguments: ["{},", "[0],", "{\"\":{}},", "\"\","])
  func limitsWhatAFewBytesCanTake(_ element: String) {
    let text = "[" + String(repeating: element, count: 1_000_000) + "0]"
    let error = #expect(throws: JSONError.self) { try JSON.parse(text) }
    #expect(error?.reason == "more than 1000000 values")
  }

  @Test(arguments: [#"\n"#, #"\u00e9x"#, #"\ud83d\ude00"#])
  func readsManyEscapesInLinearTime(_ escape: String) throws {
    let text = Array("\"\(String(repeating: escape, count: 1_000_000))\"".utf8)
    var value = JSON.null
    let elapsed = try ContinuousClock().measure { value = try JSON.parse(text) }
    let once = try #require(try JSON.parse("\"\(escape)\"").string)
    #expect(value.string == String(repeating: once, count: 1_000_000))
    // Half a second without optimization; with time that grows as the square, minutes.
    #expect(elapsed < .seconds(10))
  }

  @Test func everyPrefixAndEveryChangedByteEndsInAValueOrAnError() throws {
    let text = Array(#"{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00é"],"b":{"c":null,"d":true}}"#.utf8)
    for end in 0..<text.count { #expect(throws: JSONError.self) { try JSON.parse(Array(text[..<end])) } }
    for place in text.indices {
      for byte in UInt8.min...UInt8.max {
        var changed = text
        changed[place] = byte
        guard let value = try? JSON.parse(changed) else { continue }
        #expect(try JSON.parse(value.bytes()) == value)
      }
    }
  }

  @Test("a byte order mark in front of a file is none of its values")
  func dropsAByteOrderMark() throws {
    let path = "/tmp/json-mark-\(getpid()).json"
    let file = try #require(fopen(path, "w"))
    fputs("\u{FEFF}{\"a\": 1}", file)
    fclose(file)
    defer { unlink(path) }
    #expect(try JSON(contentsOf: path) == ["a": 1])
  }

  @Test func namesTheFileAndRefusesWhatIsNone() throws {
    let path = "/tmp/json-parsing-\(getpid())\n.json"
    let file = try #require(fopen(path, "w"))
    fputs("{\n 1}", file)
    fclose(file)
    defer { unlink(path) }
    let error = #expect(throws: JSONError.self) { try JSON(contentsOf: path) }
    let shown = path.replacing("\n", with: "\\n")
    #expect(error?.description == "\(shown): line 2, column 2: expected a key in quotes, found '1'")
    let directory = #expect(throws: JSONError.self) { try JSON(contentsOf: "/tmp") }
    #expect(directory?.description == "/tmp: expected a regular file")
    let absent = #expect(throws: JSONError.self) { try JSON(contentsOf: "/tmp/none") }
    #expect(absent?.description == "/tmp/none: No such file or directory")
  }
}
