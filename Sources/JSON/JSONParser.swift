/// A recursive-descent parser of RFC 8259 over bytes that outlive it.
struct JSONParser {
  /// What is wrong, and at which byte.
  struct Failure: Error {
    var position: Int
    var reason: String
  }

  private let bytes: UnsafeRawBufferPointer
  private let limits: JSON.Limits
  private var position = 0
  private var values = 0

  init(_ bytes: UnsafeRawBufferPointer, limits: JSON.Limits) {
    self.bytes = bytes
    self.limits = limits
  }

  mutating func parseText() throws(Failure) -> JSON {
    let value = try parseValue(depth: 0)
    skipWhitespace()
    guard position == bytes.count else { throw unexpected("the end after the value") }
    return value
  }

  // MARK: Bytes

  /// The byte at the position, or `nil` at the end.
  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func skipWhitespace() {
    while let byte = next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
  }

  /// Steps over `byte` if it comes next.
  private mutating func take(_ byte: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: byte) else { return false }
    position += 1
    return true
  }

  private func unexpected(_ expected: String) -> Failure {
    let found =
      switch next {
      case nil: "the end of the text"
      case let byte? where byte > 0x20 && byte < 0x7f: "'\(Character(Unicode.Scalar(byte)))'"
      case let byte?: "byte 0x\(String(byte, radix: 16))"
      }
    return Failure(position: position, reason: "expected \(expected), found \(found)")
  }

  // MARK: Values

  private mutating func parseValue(depth: Int) throws(Failure) -> JSON {
    skipWhitespace()
    switch next {
    case UInt8(ascii: "{"): values += 4
    case UInt8(ascii: "["): values += 2
    default: values += 1
    }
    guard values <= limits.values else {
      throw Failure(position: position, reason: "more than \(limits.values) values")
    }
    switch next {
    case UInt8(ascii: "{"): return try parseObject(depth: depth + 1)
    case UInt8(ascii: "["): return try parseArray(depth: depth + 1)
    case UInt8(ascii: "\""): return .string(try parseString())
    case let byte? where byte == UInt8(ascii: "-") || isDigit(byte): return try parseNumber()
    case UInt8(ascii: "t") where takeWord("true"): return .bool(true)
    case UInt8(ascii: "f") where takeWord("false"): return .bool(false)
    case UInt8(ascii: "n") where takeWord("null"): return .null
    default: throw unexpected("a value")
    }
  }

  private mutating func takeWord(_ word: StaticString) -> Bool {
    let length = word.utf8CodeUnitCount
    guard bytes.count - position >= length,
      bytes[position..<position + length].elementsEqual(UnsafeRawBufferPointer(start: word.utf8Start, count: length))
    else { return false }
    position += length
    return true
  }

  private mutating func parseObject(depth: Int) throws(Failure) -> JSON {
    try check(depth)
    position += 1
    var members = JSONObject()
    skipWhitespace()
    if take("}") { return .object(members) }
    while true {
      skipWhitespace()
      guard next == UInt8(ascii: "\"") else { throw unexpected("a key in quotes") }
      let start = position
      let key = try parseString()
      skipWhitespace()
      guard take(":") else { throw unexpected("':' after the key") }
      let value = try parseValue(depth: depth)
      guard members.insert(key, value) else {
        throw Failure(position: start, reason: "key \(key.quoted) appears twice in its object")
      }
      skipWhitespace()
      if take("}") { return .object(members) }
      guard take(",") else { throw unexpected("',' or '}' after the member") }
    }
  }

  private mutating func parseArray(depth: Int) throws(Failure) -> JSON {
    try check(depth)
    position += 1
    var elements: [JSON] = []
    skipWhitespace()
    if take("]") { return .array(elements) }
    while true {
      elements.append(try parseValue(depth: depth))
      skipWhitespace()
      if take("]") { return .array(elements) }
      guard take(",") else { throw unexpected("',' or ']' after the element") }
    }
  }

  private func check(_ depth: Int) throws(Failure) {
    guard depth <= limits.depth else {
      throw Failure(position: position, reason: "more than \(limits.depth) arrays and objects within each other")
    }
  }

  // MARK: Numbers

  private mutating func parseNumber() throws(Failure) -> JSON {
    let start = position
    let negative = take("-")
    guard let first = next, isDigit(first) else { throw unexpected("a digit") }
    if first == UInt8(ascii: "0") {
      position += 1
      if let byte = next, isDigit(byte) {
        throw Failure(position: start, reason: "a number must not start with 0 followed by digits")
      }
    } else {
      skipDigits()
    }
    var integral = true
    if take(".") {
      integral = false
      try parseDigits()
    }
    if take("e") || take("E") {
      integral = false
      if !take("+") { _ = take("-") }
      try parseDigits()
    }
    let text = String(decoding: bytes[start..<position], as: UTF8.self)
    // −0 has no integer; a double keeps its sign.
    if integral, let value = Int(text), !(negative && value == 0) { return .integer(value) }
    guard let value = Double(text), value.isFinite else {
      throw Failure(position: start, reason: "number \(text.quoted) is out of the range of a double")
    }
    return .number(value)
  }

  private mutating func parseDigits() throws(Failure) {
    guard let byte = next, isDigit(byte) else { throw unexpected("a digit") }
    skipDigits()
  }

  private mutating func skipDigits() {
    while let byte = next, isDigit(byte) { position += 1 }
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

  // MARK: Strings

  private mutating func parseString() throws(Failure) -> String {
    position += 1
    let start = position
    try skipPlainCharacters()
    // Most strings have no escapes and are taken in one piece.
    if take("\"") { return try decode(bytes[start..<position - 1], from: start) }
    var out = Array(bytes[start..<position])
    while !take("\"") {
      position += 1
      out += UTF8.encode(try parseEscape()) ?? UTF8.encodedReplacementCharacter
      let plain = position
      try skipPlainCharacters()
      out += bytes[plain..<position]
    }
    return try decode(out, from: start)
  }

  /// Stops at a quote or a backslash.
  private mutating func skipPlainCharacters() throws(Failure) {
    while let byte = next {
      if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return }
      guard byte >= 0x20 else {
        throw Failure(
          position: position, reason: "control character 0x\(String(byte, radix: 16)) in a string must be escaped")
      }
      position += 1
    }
    throw unexpected("'\"' at the end of the string")
  }

  private func decode(_ text: some Sequence<UInt8>, from start: Int) throws(Failure) -> String {
    if let text = String(validating: text, as: UTF8.self) { return text }
    throw Failure(position: start, reason: "a string that is not valid UTF-8")
  }

  /// The character of an escape whose backslash is behind us.
  private mutating func parseEscape() throws(Failure) -> Unicode.Scalar {
    let start = position - 1
    guard let byte = next else { throw unexpected("an escape") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{c}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): break
    default:
      position -= 1
      throw unexpected("one of \"\\/bfnrtu after a backslash")
    }
    let unit = try parseHexadecimal()
    if let scalar = Unicode.Scalar(unit) { return scalar }
    if unit < 0xdc00, take("\\"), take("u") {
      let low = try parseHexadecimal()
      if low >= 0xdc00 && low < 0xe000, let scalar = Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00)) {
        return scalar
      }
    }
    throw Failure(position: start, reason: "escape of half a surrogate pair")
  }

  private mutating func parseHexadecimal() throws(Failure) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = hexadecimalDigit(byte) else {
        throw unexpected("four hexadecimal digits after \\u")
      }
      value = value << 4 | digit
      position += 1
    }
    return value
  }

  private func hexadecimalDigit(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
  }
}
