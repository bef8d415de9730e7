import JSON

/// Reads members of a `config.json` one by one and remembers what is wrong with them.
final class JSONMembers: ConfigurationMembers {
  private let json: JSON
  var problems: [String] = []
  private(set) var notices: [String] = []

  init(_ json: JSON) {
    self.json = json
    if json.object == nil { problems.append("expected an object, found \(json.summary)") }
  }

  /// A member that is there and not null.
  private func member(_ keys: String...) -> JSON? { member(keys) }

  private func member(_ keys: [String]) -> JSON? {
    keys.reduce(json) { $0?[$1].flatMap { $0.isNull ? nil : $0 } }
  }

  // MARK: Any family

  func family() -> EncoderFamily {
    guard let type = member("model_type") else {
      if json.object != nil { notices.append("has no model_type; it is read as BERT's") }
      return .bert
    }
    if let family = type.string.flatMap(EncoderFamily.init) { return family }
    let known = EncoderFamily.all.map { "\"\($0.modelType)\"" }
    problems.append(
      "model_type: expected \(known.dropLast().joined(separator: ", "))\(known.count > 1 ? " or " : "")"
        + "\(known[known.count - 1]), found \(type.summary); use a model of one of these families")
    return .bert
  }

  func readWhatAnyFamilyHas() {
    if let pruned = member("pruned_heads"), pruned != [:] {
      problems.append("pruned_heads: expected none, found \(pruned.text().quoted); use a model with all its heads")
    }
    if member("auto_map") != nil { notices.append("auto_map: the code it names is not run") }
    if let type = member("problem_type"), Problem.stated(in: json) == nil {
      notices.append("problem_type: \(type.summary) is not known, and is not used")
    }
  }

  func pairScore() -> PairScore {
    if let score = PairScore(of: json) { return score }
    let name = PairScore.name(in: json) ?? .null
    let known = PairScore.allCases.map(\.rawValue.quoted).joined(separator: " or ")
    problems.append(
      "\(PairScore.member).activation_fn: expected \(known), found \(name.summary); use a model with one of these")
    return .sigmoid
  }

  // MARK: One by one

  func integer(_ key: String, _ value: inout Int, in range: ClosedRange<Int>, _ meaning: String) {
    guard let member = member(key) else { return }
    guard let integer = member.int, range.contains(integer) else {
      problems.append(
        "\(key): expected an integer from \(range.lowerBound) to \(range.upperBound), found \(member.summary)")
      return
    }
    value = integer
  }

  func probability(_ key: String, _ value: inout Float, _ meaning: String) {
    float(key, &value, "from 0 to below 1") { 0 <= $0 && $0 < 1 }
  }

  func probabilityOrNull(_ key: String, _ value: inout Float?, _ meaning: String) {
    guard member(key) != nil else { return }
    var number: Float = 0
    probability(key, &number, meaning)
    value = number
  }

  func fraction(_ key: String, _ value: inout Float, _ meaning: String) {
    float(key, &value, "above 0, at most 1") { Float.leastNormalMagnitude <= $0 && $0 <= 1 }
  }

  func number(_ keys: [String], _ value: inout Float, _ meaning: String) {
    float(keys, &value, "above 0, at most 1000000000") { 0 < $0 && $0 <= 1e9 }
  }

  private func float(_ key: String, _ value: inout Float, _ range: String, accepts: (Float) -> Bool) {
    float([key], &value, range, accepts: accepts)
  }

  private func float(_ keys: [String], _ value: inout Float, _ range: String, accepts: (Float) -> Bool) {
    guard let member = member(keys) else { return }
    guard let float = member.double.map({ Float($0) }), accepts(float) else {
      problems.append("\(keys.joined(separator: ".")): expected a number \(range), found \(member.summary)")
      return
    }
    value = float
  }

  func words<Value: RawRepresentable & CaseIterable & Sendable>(
    _ key: String, _ values: inout [Value], _ meaning: String
  ) where Value.RawValue == String {
    guard let member = member(key) else { return }
    let words =
      member.string.map { $0.lowercased().split(separator: "|").map { JSON.string($0.filter { $0 != " " }) } }
      ?? member.array
    var read: [Value] = []
    for word in words ?? [member] {
      guard let value = word.string.flatMap(Value.init) else {
        let known = Value.allCases.map(\.rawValue).joined(separator: " and ")
        problems.append("\(key): expected a list of \(known), found \(word.summary); use a model with these")
        return
      }
      read.append(value)
    }
    values = read
  }

  func flag(_ key: String, _ value: inout Bool, _ meaning: String) {
    guard let member = member(key) else { return }
    guard let flag = member.bool else {
      problems.append("\(key): expected true or false, found \(member.summary)")
      return
    }
    value = flag
  }

  func choice<Value: RawRepresentable & CaseIterable & Sendable>(
    _ key: String, _ value: inout Value, _ meaning: String
  ) where Value.RawValue == String {
    guard let member = member(key) else { return }
    guard let choice = member.string.flatMap(Value.init) else {
      let words = Value.allCases.map(\.rawValue)
      problems.append(
        "\(key): expected \(words.dropLast().joined(separator: ", ")) or \(words[words.count - 1]), "
          + "found \(member.summary); use a model with one of these")
      return
    }
    value = choice
  }

  func only(_ keys: [String], _ value: JSON, remedy: String) {
    guard let member = member(keys), member != value else { return }
    problems.append("\(keys.joined(separator: ".")): expected \(value.text()), found \(member.summary); \(remedy)")
  }

  // MARK: Labels

  /// The classes by `id2label`, or by `label2id`, or as many as `num_labels` without names.
  func labels(default: [String]) -> [String] {
    let count = member("num_labels").map { _ in
      var count = 2
      integer("num_labels", &count, in: 1...65_536, "classes")
      return count
    }
    let classes = ClassNames(
      idToLabel: member("id2label"), labelToId: member("label2id"), count: count, default: `default`)
    problems += classes.problems
    notices += classes.notices
    return classes.names
  }
}
