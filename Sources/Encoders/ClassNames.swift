import JSON

/// The classes that a `config.json` names, in the order of the head's outputs.
struct ClassNames {
  private(set) var names: [String] = []
  /// What the user should know although it is no error.
  private(set) var notices: [String] = []
  private(set) var problems: [String] = []

  /// - Parameters:
  ///   - idToLabel: `id2label`, which counts where it is there.
  ///   - labelToId: `label2id`.
  ///   - count: `num_labels`, for classes without names.
  ///   - standard: where nothing says anything.
  init(idToLabel: JSON?, labelToId: JSON?, count: Int?, default standard: [String]) {
    let byId = idToLabel.map { value in
      names(of: value, "id2label") { (Int($0), $1.className) }
    }
    // Where id2label is there, this is a copy of it at best.
    let byLabel = labelToId.map { value in
      names(of: value, "label2id", isUsed: byId == nil) { ($1.int ?? $1.string.flatMap { Int($0) }, $0) }
    }
    guard let named = byId ?? byLabel else {
      names = count.map { (0..<$0).map { "LABEL_\($0)" } } ?? standard
      return
    }
    names = named
    if byId != nil, let byLabel, byLabel != named { notices.append("label2id contradicts id2label, which is used") }
    if let count, count != named.count {
      notices.append("num_labels is \(count), but \(named.count) labels are named, which are used")
    }
  }

  /// As many as `num_labels` may say.
  private static let most = 65_536

  /// Names by their ids. transformers takes any whole numbers for ids, and any values for names; the head has as many
  /// outputs as there are.
  private mutating func names(
    of value: JSON, _ key: String, isUsed: Bool = true, _ pair: (String, JSON) -> (id: Int?, name: String?)
  ) -> [String] {
    let count = value.object?.count ?? 0
    guard count <= Self.most else {
      if isUsed { problems.append("\(key): expected at most \(Self.most) classes, found \(count)") }
      return ["LABEL_0", "LABEL_1"]
    }
    let pairs = value.object?.map { pair($0, $1) }
    let named = pairs?.compactMap { pair in pair.id.flatMap { id in pair.name.map { (id: id, name: $0) } } } ?? []
    guard !named.isEmpty, named.count == pairs?.count, Set(named.map(\.id)).count == named.count else {
      if isUsed { problems.append("\(key): expected whole numbers, each with one name, found \(value.text().quoted)") }
      return ["LABEL_0", "LABEL_1"]
    }
    let sorted = named.sorted { $0.id < $1.id }
    var names = sorted.map(\.name)
    guard isUsed else { return names }
    if sorted.map(\.id) != Array(0..<sorted.count) {
      let found = sorted.prefix(5).map { String($0.id) }.joined(separator: ", ")
      notices.append(
        "\(key): the ids \(found)\(sorted.count > 5 ? ", …" : "") are read as the outputs 0 to \(sorted.count - 1), in "
          + "this order")
    }
    var seen: Set<String> = []
    for index in names.indices where !seen.insert(names[index]).inserted {
      let name = names[index]
      while !seen.insert(names[index]).inserted { names[index] += "_\(index)" }
      notices.append("\(key): \(name.quoted) names two classes; output \(index) is called \(names[index].quoted)")
    }
    return names
  }
}

extension JSON {
  /// As text, whatever it is written as.
  fileprivate var className: String? {
    switch self {
    case .string(let text): text
    case .integer, .number, .bool: text()
    default: nil
    }
  }
}
