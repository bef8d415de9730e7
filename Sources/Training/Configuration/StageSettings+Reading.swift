import Distillation
import JSON

extension TrainingSettings {
  /// Reads the keys that `training` and each stage share, starting from what is inherited.
  init(_ section: ConfigurationSection, inheriting inherited: TrainingSettings) {
    self = inherited
    section.read(
      "batchSize", .integer(1...1_000_000), into: &batchSize, "sentences per optimizer step, over all ranks")
    readDuration(section)
    section.section("optimizer", "how parameters are updated") { section in
      optimizer = OptimizerSettings(section, inheriting: optimizer)
    }
    section.read("learningRate", .number(above: 0, atMost: 1000), into: &learningRate, "the schedule's peak")
    section.read(
      "layerDecay", .number(above: 0, atMost: 1), into: &layerDecay,
      "each layer's learning rate is this times the layer's above, the top layer's this times the head's, and the "
        + "embeddings' this times the first layer's; 1 updates all alike")
    section.section("schedule", "how the learning rate rises and falls") { section in
      section.read("kind", .choice, into: &schedule.kind, "after warm-up; the first two end at 0")
      section.read(
        "warmup", .warmup, into: &schedule.warmup,
        "linear rise from 0: a share of the stage's steps, or a number of steps")
    }
    section.read(
      "maxGradientNorm", .orNull(.number(above: 0, atMost: 1e9)), into: &maxGradientNorm,
      "gradients are scaled down to this global norm; null leaves them")
    section.read("shuffle", .boolean, into: &shuffle, "a new random order of the rows in every epoch")
    section.read(
      "keepGroups", .orNull(.boolean), into: &keepGroups,
      "with `pairs`: whether the rows of a group are in one batch, where it has room for them; null where `MarginMSE` "
        + "compares them")
    section.read(
      "microBatches", .microBatches, into: &microBatches,
      "into how many a batch is cut; auto: one for each worker thread of all ranks, or more where they would grow "
        + "long. With a number, gradients are summed in one tree over micro-batches, and any number of ranks and threads "
        + "gives the same bits")
    section.read(
      "precision", .choice, into: &precision,
      "the [precision](precision.md) of the student's matrix products, forward and backward; weights, moments, "
        + "norms, losses and sums are 32-bit floats in any case")
    section.read(
      "wirePrecision", .choice, into: &wirePrecision,
      "how gradients travel between ranks; `bfloat16` halves the bytes: what a rank sends is rounded to 8 bits, in each of "
        + "log₂(ranks) rounds, and the sum once more; not with a number of `microBatches`")
    section.read(
      "gradientSum", .choice, into: &gradientSum,
      "who adds up gradients over ranks: this program in a [tree](scaling.md#who-adds), whose bits do not depend on the "
        + "number of ranks, or `mpi`, its MPI_Iallreduce, whose bits do; not with `wirePrecision: bfloat16`")
    section.read("dropLast", .boolean, into: &dropLast, "skip an epoch's short last batch")
    section.read(
      "validateEverySteps", .orNull(.integer(1...1_000_000_000)), into: &validateEverySteps,
      "steps between validations; null validates after each epoch")
    section.section("earlyStopping", "ends a stage whose `monitor` no longer gets better") { section in
      section.read(
        "patience", .orNull(.integer(1...1_000_000)), into: &earlyStopping.patience,
        "validations in a row without a better value; null trains to the end")
      section.read(
        "minDelta", .number(from: 0, to: 1e9), into: &earlyStopping.minDelta, "by how much a value is better")
    }
    section.read(
      "nonFinite", .choice, into: &nonFinite,
      "what to do at a step whose loss or gradient is not finite; `skip` leaves weights and moments as they are")
    section.read(
      "maxSkippedSteps", .integer(0...1_000_000_000), into: &maxSkippedSteps,
      "with `skip`: how many steps of a stage may be skipped before it stops")
  }

  private mutating func readDuration(_ section: ConfigurationSection) {
    let inherited: Int? = if case .epochs(let epochs) = duration { epochs } else { nil }
    let epochs = section.read(
      "epochs", .integer(1...1_000_000), default: inherited.map { .value(.integer($0)) } ?? .none,
      "passes over the training data")
    let steps =
      section.read(
        "maxSteps", .orNull(.integer(1...1_000_000_000)), default: .value(.null),
        "optimizer steps, in place of `epochs`") ?? nil
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
    var kind = inherited.kind
    section.read(
      "kind", .choice, into: &kind, "`sgd` is the gradient times the learning rate and has no other keys")
    guard kind == .adamw else {
      for option in ["weightDecay", "eps", "betas"] {
        section.refuse(
          option, "sgd has no such option; remove it, or replace the whole with --set '\(section.path)={kind: sgd}'")
      }
      self = .sgd
      return
    }
    var settings = AdamWSettings()
    if case .adamW(let values) = inherited { settings = values }
    section.read(
      "weightDecay", .number(from: 0, to: 1000), into: &settings.weightDecay,
      "decoupled weight decay; biases and LayerNorm have none")
    section.read("eps", .number(above: 0, atMost: 1), into: &settings.eps, "added to Adam's denominator")
    var betas = (settings.beta1, settings.beta2)
    section.read("betas", .betas, into: &betas, "decay rates of the gradient's mean and of its square")
    (settings.beta1, settings.beta2) = betas
    self = .adamW(settings)
  }
}

extension Expected where Value == (Double, Double) {
  fileprivate static var betas: Expected {
    let beta = Expected<Double>.number(from: 0, below: 1)
    return Expected(
      description: "two numbers from 0, below 1, such as [0.9, 0.999]", form: .list(of: beta.form, count: 2...2),
      read: { node in
        guard case .sequence(let values) = node.content, values.count == 2, let first = beta.read(values[0]),
          let second = beta.read(values[1])
        else { return nil }
        return (first, second)
      },
      json: { .array([beta.json($0), beta.json($1)]) })
  }
}

extension Expected where Value == ScheduleSettings.Warmup {
  fileprivate static var warmup: Expected {
    let (steps, fraction) = (Expected<Int>.integer(1...1_000_000_000), Expected<Double>.number(from: 0, below: 1))
    return Expected(
      description: "a share of the steps from 0, below 1, or a whole number of steps",
      form: .either([fraction.form, steps.form]),
      read: { node in steps.read(node).map { .steps($0) } ?? fraction.read(node).map { .fraction($0) } },
      json: { warmup in
        switch warmup {
        case .steps(let count): steps.json(count)
        case .fraction(let share): fraction.json(share)
        }
      })
  }
}

extension Expected where Value == TrainingSettings.MicroBatches {
  fileprivate static var microBatches: Expected {
    let count = Expected<Int>.integer(1...1_000_000)
    return Expected(
      description: "auto or \(count.description)", form: .either([.words(["auto"]), count.form]),
      read: { node in
        if case .scalar("auto", _) = node.content { return .auto }
        return count.read(node).map { .count($0) }
      },
      json: { microBatches in
        switch microBatches {
        case .auto: "auto"
        case .count(let number): count.json(number)
        }
      })
  }
}

extension StageSettings {
  /// Reads `stages`.
  ///
  /// - Parameter monitors: Whether there is validation data, so that a metric can pick the best checkpoint.
  static func readAll(
    _ section: ConfigurationSection, inheriting training: TrainingSettings, unlabelled: UnlabelledSettings,
    task: TaskKind, monitors: Bool
  ) -> [StageSettings] {
    section.describe(
      "stages", .list(of: .mapping, count: 1...Int.max), default: .required,
      "The stages, run in order; besides its own keys each may have those of `training`")
    guard let elements = section.elements("stages", of: "stages") else {
      if section.value("stages") == nil { section.reportMissing("stages", "a list with at least one stage") }
      return []
    }
    if elements.isEmpty { section.report("expected at least one stage, found none", at: "stages") }
    let reader = section.reader
    var names: Set<String> = []
    return elements.map { node, path in
      let stage = reader.section(node, path: path, pattern: "stages.N", under: node, reportsMissing: true) { section in
        StageSettings(section, inheriting: training, unlabelled: unlabelled, task: task, monitors: monitors)
      }
      if !stage.name.isEmpty, !names.insert(stage.name).inserted {
        reader.report(
          "expected a name of its own for each stage, found \(stage.name) again", at: node["name"] ?? node,
          path: "\(path).name")
      }
      return stage
    }
  }

  private init(
    _ section: ConfigurationSection, inheriting inherited: TrainingSettings,
    unlabelled inheritedTexts: UnlabelledSettings,
    task: TaskKind, monitors: Bool
  ) {
    self.init(name: section.require("name", .stageName, "unique; names the stage's directory") ?? "")
    adaptors = Self.readAdaptors(section)
    if !task.hasLoss { labelWeight = 0 }
    var weight = NumberOrSchedule(labelWeight)
    section.read(
      "labelWeight", .scheduled(.number(from: 0, to: 1e6)), into: &weight,
      "weight of the hard-label loss, or its [schedule](#schedules)")
    (labelWeight, labelWeightSchedule) = (weight.number, weight.schedule)
    unlabelled = section.section("data", "the stage's own texts without labels, in place of the run's") { section in
      UnlabelledSettings(section, inheriting: inheritedTexts)
    }
    var updates = UpdateOrUnfreezing(update: update)
    section.read(
      "update", .update, into: &updates,
      "which parameters are updated; `{unfreeze: top-down, every: N}`: first the head, and every N steps a layer more, at "
        + "last the embeddings; `{freeze: N}`: all but the embeddings and the first N layers")
    (update, unfreezeEvery, frozenLayers) = (updates.update, updates.unfreezeEvery, updates.frozenLayers)
    section.read(
      "initialize", .choice, into: &initialize,
      "which checkpoint of the previous stage this one starts from")
    training = TrainingSettings(section, inheriting: inherited)
    section.section("checkpoint", "which checkpoints are kept") { section in
      checkpoint.monitor =
        monitors ? (labelWeight > 0 && task.scoresPairsOfRows ? TaskMetric.loss.key : task.usualMonitor) : nil
      section.read(
        "monitor", .orNull(.text("a metric, such as val_loss", form: .text("metric"))), into: &checkpoint.monitor,
        "picks the best checkpoint; null without validation data")
      if let monitor = checkpoint.monitor { checkpoint.mode = .usual(for: monitor) }
      let mode = section.read(
        "mode", Expected<CheckpointSettings.Mode>.choice, default: .words("by metric"),
        "`max` for what is better large, as accuracy, F1 and correlations are, else `min`")
      if let mode { checkpoint.mode = mode }
      section.read("saveTopK", .integer(1...10_000), into: &checkpoint.saveTopK, "best checkpoints kept")
      section.read("saveLast", .boolean, into: &checkpoint.saveLast, "keep the last one too")
    }
  }

  private static func readAdaptors(_ section: ConfigurationSection) -> [AdaptorSettings] {
    section.describe(
      "adaptors", .list(of: .named, count: 0...Int.max), default: .value([]), "what is learned from the teacher")
    guard let elements = section.elements("adaptors", of: "adaptors") else { return [] }
    return elements.compactMap { node, path in
      AdaptorSettings.read(node, path: path, pattern: "stages.N.adaptors.N", in: section.reader)
    }
  }
}

extension Expected where Value == String {
  /// A name that is also a directory's.
  static var stageName: Expected {
    let text = Expected.text("", form: .text("letters, digits, `_`, `-`"))
    return Expected(
      description: "a name of at most 64 letters, digits, _ and -, not digits alone", form: text.form,
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
      },
      json: text.json)
  }
}
