import JSON

/// What Split and Replace look for.
enum TextPattern: Sendable {
  case string(String)
  case expression(RegularExpression)

  /// Where the pattern is, from left to right, never empty.
  func matches(in bytes: ArraySlice<UInt8>) -> [Range<Int>] {
    switch self {
    case .expression(let expression): return expression.matches(in: bytes)
    case .string(let string):
      let content = Array(string.utf8)
      var matches: [Range<Int>] = []
      var index = bytes.startIndex
      while bytes.endIndex - index >= content.count {
        if bytes[index] == content[0], bytes[index...].starts(with: content) {
          matches.append(index..<index + content.count)
          index += content.count
        } else {
          index += 1
        }
      }
      return matches
    }
  }

  init(_ field: JSONField) throws(TokenizerError) {
    let (string, expression) = (field["String"], field["Regex"])
    if !string.isAbsent {
      self = .string(try string.content())
    } else if !expression.isAbsent {
      do {
        self = .expression(try RegularExpression(try expression.content()))
      } catch let error as RegularExpression.Refusal {
        throw TokenizerError(field.file, "\(expression.path): \(error.reason)")
      } catch let error as TokenizerError {
        throw error
      } catch {
        throw TokenizerError(field.file, "\(expression.path): \(error)")
      }
    } else {
      throw field.error(expected: "an object with String or Regex")
    }
  }

  var json: JSON {
    switch self {
    case .string(let string): ["String": .string(string)]
    case .expression(let expression): ["Regex": .string(expression.source)]
    }
  }
}
