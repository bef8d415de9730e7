import JSON
import Testing

struct JSONObjectTests {
  @Test(arguments: [3, 8, 9, 40])
  func keepsOrderThroughSettingAndRemoving(count: Int) {
    var members = JSONObject()
    let keys = (0..<count).map { "key\($0 * 7 % count)" + ($0 < 3 ? "x" : "y\($0)") }
    for (index, key) in keys.enumerated() { members[key] = .integer(index) }
    #expect(members.keys == keys)
    members[keys[1]] = "new"
    #expect(members.keys == keys)
    #expect(members[keys[1]] == "new")
    members[keys[0]] = nil
    #expect(members.keys == Array(keys.dropFirst()))
    #expect(members[keys[0]] == nil)
    for (index, key) in keys.enumerated().dropFirst(2) { #expect(members[key] == .integer(index)) }
    let again = members.insert(keys[1], 0)
    let first = members.insert(keys[0], 0)
    #expect(!again && first)
    #expect(members.keys.last == keys[0])
  }

  @Test func tellsComposedFromDecomposedKeys() throws {
    let value = try JSON.parse("{\"\u{e9}\": 1, \"e\u{301}\": 2}")
    #expect(value["\u{e9}"] == 1)
    #expect(value["e\u{301}"] == 2)
    #expect(JSON.string("\u{e9}") != JSON.string("e\u{301}"))
  }

  @Test func parsesAVocabularyInLinearTime() throws {
    let words = (0..<30_522).map { "\"[unused\($0)]é\":\($0)" }
    let text = Array("{\(words.joined(separator: ","))}".utf8)
    var value = JSON.null
    let elapsed = try ContinuousClock().measure { value = try JSON.parse(text) }
    #expect(value["[unused30521]é"] == 30_521)
    #expect(elapsed < .seconds(10))
  }

  @Test func accessorsAnswerOnlyTheirKind() throws {
    let value = try JSON.parse(#"{"i": 3, "d": 3.0, "h": 0.5, "s": "x", "b": true, "n": null, "a": [1], "big": 1e300}"#)
    #expect(value["i"]?.int == 3 && value["d"]?.int == 3 && value["h"]?.int == nil && value["big"]?.int == nil)
    #expect(value["i"]?.double == 3 && value["h"]?.double == 0.5 && value["s"]?.double == nil && value["b"]?.int == nil)
    #expect(value["s"]?.string == "x" && value["i"]?.string == nil)
    #expect(value["b"]?.bool == true && value["i"]?.bool == nil)
    #expect(value["n"]?.isNull == true && value["none"] == nil)
    #expect(value["a"]?.array == [1] && value["a"]?["x"] == nil && value["s"]?.summary == "string \"x\"")
  }
}
