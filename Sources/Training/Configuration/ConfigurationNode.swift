import Yams

/// A YAML document as data with positions: scalars uninterpreted, keys unique, no anchors, aliases or tags.
struct ConfigurationNode {
  enum Content {
    /// `isPlain` tells `5` from `"5"`.
    case scalar(String, isPlain: Bool)
    case sequence([ConfigurationNode])
    /// In the order written.
    case mapping([Entry])
  }

  struct Entry {
    let key: String
    var value: ConfigurationNode
  }

  struct Place {
    /// `file:line:column`, or the override that set it.
    let location: String
    /// Line and column, (0, 0) outside the file: what problems are sorted by.
    let position: (line: Int, column: Int)
  }

  /// Where the value stands.
  var place: Place
  /// Where its key stands, which is where an unknown key and a missing one below it are shown.
  var keyPlace: Place
  var content: Content

  init(_ content: Content, at place: Place) {
    (self.place, keyPlace) = (place, place)
    self.content = content
  }

  /// A value from an override.
  init(_ content: Content, from origin: String) { self.init(content, at: Place(location: origin, position: (0, 0))) }

  /// Whether this is a plain `null`, `~` or nothing at all.
  var isNull: Bool {
    guard case .scalar(let text, isPlain: true) = content else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(text)
  }

  private var isEmpty: Bool {
    if case .scalar("", isPlain: true) = content { true } else { false }
  }

  /// What a message calls this value.
  var summary: String {
    switch content {
    case .scalar where isNull: "null"
    case .scalar(let text, isPlain: true): quoted(text)
    case .scalar(let text, isPlain: false): "the text \(quoted(text))"
    case .sequence: "a list"
    case .mapping: "a mapping"
    }
  }

  /// The value under `key` of a mapping.
  subscript(key: String) -> ConfigurationNode? {
    guard case .mapping(let entries) = content else { return nil }
    return entries.first { $0.key == key }?.value
  }
}

// MARK: From YAML

extension ConfigurationNode {
  /// Configurations are small; anything larger is a mistake or an attack.
  static let maxBytes = 1 << 20
  private static let maxNodes = 10_000

  /// Parses one document.
  ///
  /// - Parameters:
  ///   - origin: What messages call the text: its file, or `--set key=value`.
  ///   - isFile: Whether positions inside the text mean something to a reader.
  init(yaml: String, origin: String, isFile: Bool) throws(ConfigurationError) {
    let reader = NodeReader(origin: origin, isFile: isFile)
    guard yaml.utf8.count <= Self.maxBytes else {
      throw reader.error("expected at most \(Self.maxBytes) bytes, found \(yaml.utf8.count)", nil)
    }
    // Yams expands aliases before anyone can count them. `@` may stand wherever `&` may, except at the start of a
    // token, where it is an error: so a text that parses with the two exchanged defines no anchor, and an alias needs one.
    if yaml.utf8.contains(UInt8(ascii: "&")) {
      let exchanged = yaml.utf8.map { $0 == UInt8(ascii: "&") ? UInt8(ascii: "@") : $0 }
      _ = try reader.compose(String(decoding: exchanged, as: UTF8.self), writtenAs: yaml)
    }
    guard let root = try reader.compose(yaml, writtenAs: yaml) else {
      self.init(.scalar("", isPlain: true), at: reader.place(nil))
      return
    }
    var remaining = Self.maxNodes
    self = try reader.node(root, &remaining)
  }

  private struct NodeReader {
    let origin: String
    let isFile: Bool

    func location(_ mark: Mark?) -> String {
      guard isFile, let mark else { return origin }
      return "\(origin):\(mark.line):\(mark.column)"
    }

    func place(_ mark: Mark?) -> Place {
      Place(location: location(mark), position: isFile ? (mark?.line ?? 0, mark?.column ?? 0) : (0, 0))
    }

    func error(_ message: String, _ mark: Mark?) -> ConfigurationError {
      ConfigurationError(problems: [.init(location: location(mark), path: "", message: message)])
    }

    /// The document's root, or `nil` where there is none.
    ///
    /// - Parameter original: The text before `&` was exchanged, for telling an anchor from a stray `@`.
    func compose(_ yaml: String, writtenAs original: String) throws(ConfigurationError) -> Node? {
      let hint = isFile ? "" : "; put the value in quotes"
      do {
        // Without the resolver's rules every scalar is text, so `on` is a key like any other and `1` equals `"1"`.
        return try Yams.Parser(yaml: yaml, resolver: .basic, encoding: .utf8).singleRoot()
      } catch let failure as YamlError {
        switch failure {
        case .duplicatedKeysInMapping(let keys, let context):
          let names = keys.map { quoted($0) }.joined(separator: ", ")
          throw error("each key may be written once, found \(names) again; remove one", context.mark)
        case .scanner(_, "found character that cannot start any token", let mark, _)
        where character(of: original, at: mark) == "&":
          throw error("anchors and aliases are not read; write the value out, or put it in quotes", mark)
        case .composer(_, "found undefined alias", let mark, _):
          throw error("anchors and aliases are not read; write the value out, or put it in quotes", mark)
        case .composer(_, _, let mark, _):
          throw error("expected one document, found a second; remove what follows `---`", mark)
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _):
          let whole = context.map { "\(problem) \($0.text)" } ?? problem
          throw error("not YAML: \(whole)\(hint)", mark)
        case .reader(let problem, _, _, _):
          throw error("not YAML: \(problem); remove control characters", nil)
        default:
          throw error("not YAML: \(quoted("\(failure)"))", nil)
        }
      } catch {
        throw self.error("not YAML: \(quoted("\(error)"))", nil)
      }
    }

    private func character(of yaml: String, at mark: Mark) -> Unicode.Scalar? {
      yaml.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).dropFirst(mark.line - 1).first?
        .dropFirst(mark.column - 1).first
    }

    func node(_ node: Node, _ remaining: inout Int) throws(ConfigurationError) -> ConfigurationNode {
      remaining -= 1
      // Ahead of making the first of too many.
      guard remaining >= (node.mapping?.count ?? node.sequence?.count ?? 0) else {
        throw error("expected at most \(ConfigurationNode.maxNodes) values, found more", node.mark)
      }
      let (tag, content): (Tag, Content)
      switch node {
      case .scalar(let scalar):
        tag = scalar.tag
        content = .scalar(scalar.string, isPlain: scalar.tag.rawValue.isEmpty)
      case .sequence(let sequence):
        tag = sequence.tag
        var values: [ConfigurationNode] = []
        for element in sequence { values.append(try self.node(element, &remaining)) }
        content = .sequence(values)
      case .mapping(let mapping):
        tag = mapping.tag
        var entries: [ConfigurationNode.Entry] = []
        for (key, value) in mapping {
          guard case .scalar(let name) = key else { throw error("expected a key of one word", key.mark) }
          guard Self.isUntagged(name.tag) else { throw error("expected a key without a tag", key.mark) }
          var child = try self.node(value, &remaining)
          if let mark = key.mark {
            child.keyPlace = place(mark)
            // A value that starts on a later line, or is nothing at all, is found by its key.
            if child.place.position.line != mark.line || child.isEmpty { child.place = child.keyPlace }
          }
          entries.append(Entry(key: name.string, value: child))
        }
        content = .mapping(entries)
      case .alias(let alias):
        throw error("anchors and aliases are not read; write the value out", alias.mark)
      }
      guard Self.isUntagged(tag) else {
        throw error("tags such as \(quoted(tag.rawValue)) are not read; write the value without one", node.mark)
      }
      return ConfigurationNode(content, at: place(node.mark))
    }

    /// Yams gives quoted scalars the tag of text without their having one.
    private static func isUntagged(_ tag: Tag) -> Bool {
      tag.rawValue.isEmpty || tag.rawValue == Tag.Name.str.rawValue
    }
  }
}
