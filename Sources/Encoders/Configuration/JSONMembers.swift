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
  private func member(_ key: String) -> JSON? {
    json[key].flatMap { $0.isNull ? nil : $0 }
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
    if let type = member("problem_type"), type != "single_label_classification" {
      notices.append("problem_type: \(type.summary) is read as single_label_classification")
    }
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

  private func float(_ key: String, _ value: inout Float, _ range: String, accepts: (Float) -> Bool) {
    guard let member = member(key) else { return }
    guard let float = member.double.map({ Float($0) }), accepts(float) else {
      problems.append("\(key): expected a number \(range), found \(member.summary)")
      return
    }
    value = float
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

  func only(_ key: String, _ value: JSON, remedy: String) {
    guard let member = member(key), member != value else { return }
    problems.append("\(key): expected \(value.text()), found \(member.summary); \(remedy)")
  }

  // MARK: Labels

  /// The classes by `id2label`, or by `label2id`, or as many as `num_labels` without names.
  func labels(default: [String]) -> [String] {
    let count = member("num_labels").map { _ in
      var count = 2
      integer("num_labels", &count, in: 1...65_536, "classes")
      return count
    }
    let idToLabel = member("id2label").map { labels(byId: $0) }
    let labelToId = member("label2id").map { labels(byLabel: $0) }
    guard let labels = idToLabel ?? labelToId else {
      return count.map { (0..<$0).map { "LABEL_\($0)" } } ?? `default`
    }
    if let other = labelToId, other != labels { notices.append("label2id contradicts id2label, which is used") }
    if let count, count != labels.count {
      notices.append("num_labels is \(count), but \(labels.count) labels are named, which are used")
    }
    return labels
  }

  private func labels(byId value: JSON) -> [String] {
    let pairs = value.object?.compactMap { key, value in
      Int(key).flatMap { id in value.string.map { (id, $0) } }
    }
    return labels(pairs ?? [], of: value, "id2label")
  }

  private func labels(byLabel value: JSON) -> [String] {
    let pairs = value.object?.compactMap { key, value in value.int.map { ($0, key) } }
    return labels(pairs ?? [], of: value, "label2id")
  }

  private func labels(_ pairs: [(Int, String)], of value: JSON, _ key: String) -> [String] {
    let sorted = pairs.sorted { $0.0 < $1.0 }
    let labels = sorted.map(\.1)
    if labels.isEmpty || sorted.map(\.0) != Array(0..<sorted.count) || sorted.count != value.object?.count
      || Set(labels).count != labels.count
    {
      problems.append("\(key): expected ids from 0 on with a different label each, found \(value.text().quoted)")
      return ["LABEL_0", "LABEL_1"]
    }
    return labels
  }
}
