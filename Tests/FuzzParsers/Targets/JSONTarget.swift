import JSON

extension FuzzTarget {
  /// JSON of any shape: what is accepted says the same when written and read again.
  static var json: FuzzTarget {
    FuzzTarget(
      "json",
      seeds: [
        #"{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00é"],"b":{"c":null,"d":true},"e":"\n\t\"\\\/\b\f"}"#,
        #"[0, -0.0, 9223372036854775807, 1e308, 1E-5, {"": {"": [[], {}, ""]}}]"#,
        "\"text\"", "  true  ", "{\n  \"k\" : [ 1 ,\r\n 2 ]\t}\n",
        "{" + (0..<40).map { "\"key\($0)\":\($0)" }.joined(separator: ",") + "}",
      ].map { Array($0.utf8) },
      words: words,
      bombs: [
        { .repeating("[", 1 << 20) }, { .repeating("{\"a\":", 1 << 20) },
        { .repeating("0,", 4 << 20, before: "[", after: "0]") },
        { .repeating("[],", 4 << 20, before: "[", after: "0]") },
        { .repeating("{},", 4 << 20, before: "[", after: "0]") },
        { .repeating("\"\",", 4 << 20, before: "[", after: "0]") },
        { .repeating("9", 8 << 20) }, { .repeating("9", 8 << 20, before: "0.") },
        { .repeating("9", 1 << 20, before: "1e") }, { .repeating("\\n", 4 << 20, before: "\"", after: "\"") },
        { .repeating(" ", 32 << 20) }, { .repeating("a", 32 << 20, before: "\"", after: "\"") },
        { .counting(1 << 20, before: "{", after: "\"\":0}") { "\"\(String($0, radix: 36))\":0," } },
        { .counting(1 << 18, before: "[", after: "0]") { "{\"\($0)\":{\"a\":{}}}," } },
      ]
    ) { bytes in
      let value = try JSON.parse(bytes)
      promise(try JSON.parse(value.bytes()) == value)
      promise(try JSON.parse(value.bytes(.pretty)) == value)
      _ = value.summary
    }
  }

  static let words = [
    "{", "}", "[", "]", ":", ",", "\"", "\\", "null", "true", "false", "{}", "[]", "\"\"", "\\u0000", "\\ud800",
    "\\udc00", "\\ud83d\\ude00", "\\u001b", "\"\":", "-", "e", ".",
  ]
}
