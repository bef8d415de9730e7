extension TaskSettings {
  init(_ section: ConfigurationSection) {
    self.init()
    section.read("kind", .task, into: &kind, "what is predicted; see [tasks](tasks.md)")
    let name = Expected.text("a class name", form: .label("text"))
    section.describe(
      "labels", .orNull(.list(of: name.form, count: 1...Int.max)), default: .value(.null),
      "the classes in order of their id; null takes those of the dataset that `data.format` names, else those of the "
        + "student's model")
    readLabels(section, name)
    readOptions(section)
  }

  private mutating func readLabels(_ section: ConfigurationSection, _ name: Expected<String>) {
    guard let node = section.value("labels"), !node.isNull,
      let elements = section.elements("labels", of: "class names")
    else { return }
    let names = elements.compactMap { section.reader.read($0.node, name, path: $0.path) }
    guard names.count == elements.count else { return }
    if !kind.problem.hasHead {
      section.report("does not go with kind: \(kind.name), whose outputs have no names", at: "labels")
    }
    if names.count < kind.leastOutputs {
      let least = kind.leastOutputs == 1 ? "one name" : "two classes"
      section.report("expected at least \(least), found \(names.count)", at: "labels")
    }
    if names.count > kind.mostOutputs {
      section.report("expected one name, that of the score, found \(names.count)", at: "labels")
    }
    for (index, name) in names.enumerated() where names[..<index].contains(name) {
      section.reader.report(
        "expected each class once, found \(quoted(name)) again", at: elements[index].node, path: elements[index].path)
    }
    labels = names
  }

  private mutating func readOptions(_ section: ConfigurationSection) {
    section.read(
      "loss", .choice, into: &loss,
      "with `pairs`: `bce`, binary cross-entropy with labels from 0 to 1, or `mse`, squared error to any scores")
    section.read(
      "cutoff", .integer(1...1_000_000), into: &cutoff,
      "with `pairs`: how many rows of a group `mrr` and `ndcg` look at")
    let weight = Expected<Double>.number(above: 0, atMost: 1_000_000)
    let weights = ValueForm.list(of: weight.form, count: 1...Int.max)
    section.describe(
      "classWeights", .either([.words(["balanced"]), weights]), default: .words("1 for each class"),
      "with `classification`: how much a row of each class counts in the loss on labels; `balanced` counts every class as "
        + "much as all others")
    if let node = section.value("classWeights") {
      if case .scalar("balanced", _) = node.content {
        classWeights = .balanced
      } else if case .scalar = node.content {
        section.report("expected balanced, or a list of numbers, found \(node.summary)", at: "classWeights")
      } else {
        classWeights = readWeights(section, "classWeights", weight).map(ClassWeights.list)
      }
    }
    section.read(
      "labelSmoothing", .number(from: 0, below: 1), into: &labelSmoothing,
      "with `classification`: the share of each label that all classes get in equal parts")
    section.describe(
      "positiveWeights", weights, default: .words("1 for each class"),
      "with `multilabel` and `pairs`: how much each class counts in the loss where a row has it")
    if section.value("positiveWeights") != nil {
      positiveWeights = readWeights(section, "positiveWeights", weight) ?? []
    }
    section.read(
      "threshold", .number(above: 0, below: 1), into: &threshold,
      "with `multilabel`: the least probability of a class that is predicted; with `pairs`: the least score of a match, for `accuracy`"
    )
    section.read(
      "pooling", .orNull(.choice), into: &pooling,
      "with `embedding`: how the last layer's output becomes a vector; null as the student's directory says, else `mean`"
    )
    section.read(
      "normalize", .orNull(.boolean), into: &normalize,
      "with `embedding`: whether vectors are divided by their length; null as the student's directory says, else false")
    section.read(
      "projection", .orNull(.projection), into: &projection,
      "with `embedding`: the numbers of a vector, by a [map](tasks.md#projections) of what is pooled that is part of the "
        + "student; null as the student's directory says, else none")
    section.read(
      "largestScore", .number(above: 0, atMost: 1e6), into: &largestScore,
      "with `embedding`: the score of two texts that mean the same, where a stage learns from scores: they are divided by it"
    )
    if kind == .pairs, loss == .mse, !positiveWeights.isEmpty {
      section.report("does not go with loss: mse, which has no positives", at: "positiveWeights")
    }
    for key in [
      "loss", "cutoff", "classWeights", "labelSmoothing", "positiveWeights", "threshold", "pooling", "normalize",
      "projection", "largestScore",
    ]
    where section.value(key) != nil && !kind.options.contains(key) {
      section.report("does not go with kind: \(kind.name)", at: key)
    }
  }

  /// A number for each label.
  private func readWeights(
    _ section: ConfigurationSection, _ key: String, _ weight: Expected<Double>
  ) -> [Double]? {
    guard let elements = section.elements(key, of: "numbers") else { return nil }
    let weights = elements.compactMap { section.reader.read($0.node, weight, path: $0.path) }
    if weights.count == elements.count, let labels, weights.count != labels.count {
      section.report("expected \(labels.count) numbers, one for each label, found \(weights.count)", at: key)
    }
    return weights
  }

  /// What only the student's outputs can tell.
  func check(outputs: Int) throws {
    for (key, weights) in [("classWeights", classWeights?.numbers ?? []), ("positiveWeights", positiveWeights)]
    where !weights.isEmpty && weights.count != outputs {
      throw ModelError(
        "task.\(key): expected \(outputs) numbers, one for each class of the student, found \(weights.count)")
    }
  }
}

extension Expected where Value == TaskKind {
  static var task: Expected {
    let names = TaskKind.all.map(\.name)
    return Expected(
      description: listed(names), form: .words(names),
      read: { node in
        guard case .scalar(let text, _) = node.content else { return nil }
        return TaskKind.named(text)
      },
      json: { .string($0.name) },
      remedy: { node in
        guard case .scalar(let text, _) = node.content else { return nil }
        return nearest(to: text, among: names).map { "did you mean \($0)?" }
      })
  }
}
