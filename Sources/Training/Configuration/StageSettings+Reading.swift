import Distillation

extension TrainingSettings {
  /// Reads the keys that `training` and each stage share, starting from what is inherited.
  init(_ section: ConfigurationSection, inheriting inherited: TrainingSettings) {
    self = inherited
    section.read("batchSize", .integer(1...1_000_000), into: &batchSize)
    readDuration(section)
    section.section("optimizer") { optimizer = OptimizerSettings($0, inheriting: optimizer) }
    section.read("learningRate", .number(above: 0, atMost: 1000), into: &learningRate)
    section.section("schedule") { section in
      section.read("kind", .choice, into: &schedule.kind)
      section.read("warmup", .warmup, into: &schedule.warmup)
    }
    section.read("maxGradientNorm", .orNull(.number(above: 0, atMost: 1e9)), into: &maxGradientNorm)
    section.read("shuffle", .boolean, into: &shuffle)
    section.read("microBatches", .microBatches, into: &microBatches)
    section.read("wirePrecision", .choice, into: &wirePrecision)
    section.read("dropLast", .boolean, into: &dropLast)
    section.read("validateEverySteps", .orNull(.integer(1...1_000_000_000)), into: &validateEverySteps)
    section.read("nonFinite", .choice, into: &nonFinite)
    section.read("maxSkippedSteps", .integer(0...1_000_000_000), into: &maxSkippedSteps)
  }

  private mutating func readDuration(_ section: ConfigurationSection) {
    let epochs = section.read("epochs", .integer(1...1_000_000))
    let steps = section.read("maxSteps", .orNull(.integer(1...1_000_000_000))) ?? nil
    if let epochs { duration = .epochs(epochs) }
    guard let steps else { return }
    if epochs != nil {
      section.report("epochs and maxSteps are alternatives; keep one", at: "maxSteps")
    }
    duration = .steps(steps)
  }
}

extension OptimizerSettings {
  fileprivate init(_ section: ConfigurationSection, inheriting inherited: OptimizerSettings) {
    let options = ["weightDecay", "eps", "betas"]
    let kind = section.read("kind", Expected<Kind>.choice) ?? inherited.kind
    guard kind == .adamw else {
      for option in options where section.value(option) != nil {
        section.report(
          "sgd has no such option; remove it, or replace the whole with --set '\(section.path)={kind: sgd}'", at: option
        )
      }
      self = .sgd
      return
    }
    var settings = AdamWSettings()
    if case .adamW(let values) = inherited { settings = values }
    section.read("weightDecay", .number(from: 0, to: 1000), into: &settings.weightDecay)
    section.read("eps", .number(above: 0, atMost: 1), into: &settings.eps)
    if let betas = section.read("betas", .betas) { (settings.beta1, settings.beta2) = betas }
    self = .adamW(settings)
  }
}

extension Expected where Value == (Double, Double) {
  fileprivate static var betas: Expected {
    let beta = Expected<Double>.number(from: 0, below: 1)
    return Expected(
      description: "two numbers from 0, below 1, such as [0.9, 0.999]",
      read: { node in
        guard case .sequence(let values) = node.content, values.count == 2, let first = beta.read(values[0]),
          let second = beta.read(values[1])
        else { return nil }
        return (first, second)
      })
  }
}

extension Expected where Value == ScheduleSettings.Warmup {
  fileprivate static var warmup: Expected {
    let (steps, fraction) = (Expected<Int>.integer(1...1_000_000_000), Expected<Double>.number(from: 0, below: 1))
    return Expected(
      description: "a share of the steps from 0, below 1, or a whole number of steps",
      read: { node in steps.read(node).map { .steps($0) } ?? fraction.read(node).map { .fraction($0) } })
  }
}

extension Expected where Value == TrainingSettings.MicroBatches {
  fileprivate static var microBatches: Expected {
    let count = Expected<Int>.integer(1...1_000_000)
    return Expected(
      description: "auto or \(count.description)",
      read: { node in
        if case .scalar("auto", _) = node.content { return .auto }
        return count.read(node).map { .count($0) }
      })
  }
}

extension StageSettings {
  /// Reads `stages`.
  ///
  /// - Parameter monitors: Whether there is validation data, so that a metric can pick the best checkpoint.
  static func readAll(
    _ section: ConfigurationSection, inheriting training: TrainingSettings, monitors: Bool
  ) -> [StageSettings] {
    guard let elements = section.elements("stages", of: "stages") else {
      if section.value("stages") == nil { section.reportMissing("stages", "a list with at least one stage") }
      return []
    }
    if elements.isEmpty { section.report("expected at least one stage, found none", at: "stages") }
    let reader = section.reader
    var names: Set<String> = []
    return elements.map { node, path in
      let stage = reader.section(node, path: path, pattern: "stages.N", under: node, reportsMissing: true) { section in
        StageSettings(section, inheriting: training, monitors: monitors)
      }
      if !stage.name.isEmpty, !names.insert(stage.name).inserted {
        reader.report(
          "expected a name of its own for each stage, found \(stage.name) again", at: node["name"] ?? node,
          path: "\(path).name")
      }
      return stage
    }
  }

  private init(_ section: ConfigurationSection, inheriting inherited: TrainingSettings, monitors: Bool) {
    self.init(name: section.require("name", .stageName) ?? "")
    adaptors = Self.readAdaptors(section)
    section.read("labelWeight", .number(from: 0, to: 1e6), into: &labelWeight)
    section.read("update", .choice, into: &update)
    section.read("initialize", .choice, into: &initialize)
    training = TrainingSettings(section, inheriting: inherited)
    section.section("checkpoint") { section in
      checkpoint.monitor = monitors ? "val_loss" : nil
      section.read("monitor", .orNull(.text("a metric, such as val_loss")), into: &checkpoint.monitor)
      if let monitor = checkpoint.monitor { checkpoint.mode = .usual(for: monitor) }
      section.read("mode", .choice, into: &checkpoint.mode)
      section.read("saveTopK", .integer(1...10_000), into: &checkpoint.saveTopK)
      section.read("saveLast", .boolean, into: &checkpoint.saveLast)
    }
  }

  private static func readAdaptors(_ section: ConfigurationSection) -> [AdaptorSettings] {
    guard let elements = section.elements("adaptors", of: "adaptors") else { return [] }
    return elements.compactMap { node, path in
      AdaptorSettings.read(node, path: path, pattern: "stages.N.adaptors.N", in: section.reader)
    }
  }
}

extension Expected where Value == String {
  /// A name that is also a directory's.
  fileprivate static var stageName: Expected {
    let text = Expected.text("")
    return Expected(
      description: "a name of at most 64 letters, digits, _ and -, not digits alone",
      read: { node in
        guard let name = text.read(node), name.utf8.count <= 64, !name.utf8.allSatisfy({ (48...57).contains($0) }),
          name.utf8.allSatisfy({ byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
              UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"), UInt8(ascii: "-"):
              true
            default: false
            }
          })
        else { return nil }
        return name
      })
  }
}
