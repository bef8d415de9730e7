import JSON
import Testing

struct JSONWritingTests {
  @Test func writesCompactAndPretty() throws {
    let value: JSON = ["b": [1, -2.5, .null, true], "a": ["x": [:], "y": []], "e\"\\\n\u{1}\u{7f}é": "\t"]
    #expect(value.text() == #"{"b":[1,-2.5,null,true],"a":{"x":{},"y":[]},"e\"\\\n\u0001\u007fé":"\t"}"#)
    // python3 -c 'import json; print(json.dumps({"b": [1, -2.5, None, True], "a": {"x": {}, "y": []}}, indent=2))'
    let python = """
      {
        "b": [
          1,
          -2.5,
          null,
          true
        ],
        "a": {
          "x": {},
          "y": []
        }
      }
      """
    #expect(JSON.object(JSONObject(["b": value["b"]!, "a": value["a"]!])).text(.pretty) == python)
    #expect(try JSON.parse(value.text(.pretty)) == value)
  }

  @Test(arguments: [
    0.1, 1.0 / 3, .leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude, -0.0, 1e16, 1e22,
    123_456_789.123, 1e-12,
    2e-5,
  ])
  func doublesSurvive(value: Double) throws {
    let back = try #require(try JSON.parse(JSON.number(value).text()).double)
    #expect(back.bitPattern == value.bitPattern)
  }

  /// Some terminals take U+009B for an escape and its bracket.
  @Test func escapesEveryControlCharacter() throws {
    let controls = (0...0x9f).compactMap { Unicode.Scalar($0) }.filter { $0.properties.generalCategory == .control }
    let value = JSON.string(controls.map { "\($0)é\u{a0}" }.joined())
    #expect(!value.text().unicodeScalars.contains { $0.properties.generalCategory == .control })
    #expect(try JSON.parse(value.text()) == value)
    #expect(JSON.string("\u{9b}2J\u{85}").text() == #""\u009b2J\u0085""#)
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity])
  func whatJSONLacksIsNull(value: Double) {
    #expect(JSON.number(value).text() == "null")
  }

  @Test func quotesUntrustedTextForMessages() {
    #expect("a\u{1b}[2Jb\u{202e}c\n".quoted == #""a\u{1b}[2Jb\u{202e}c\n""#)
    #expect("naïve 漢字 😀".quoted == "\"naïve 漢字 😀\"")
    #expect(String(repeating: "x", count: 300).quoted.count == 203)
  }
}
