import Distillation
import Encoders
import Text

extension RunConfiguration {
  /// The whole configuration with every default filled in, in a fixed order, as YAML that reads back as an equal value.
  ///
  /// - Throws: `ConfigurationError` where the value is one that no file could hold, such as two stages of one name.
  package func resolvedYAML() throws(ConfigurationError) -> String {
    var writer = YAMLWriter()
    writer.section("run") { writer in
      writer.write("directory", run.directory)
      writer.write("seed", number: run.seed)
      writer.write("overwrite", flag: run.overwrite)
      writer.write("threads", number: run.threads)
      writer.write("logEverySeconds", number: run.logEverySeconds)
      writer.write("resume", run.resume.text)
      writer.write("saveStateEverySteps", number: run.saveStateEverySteps)
      writer.write("saveStateEveryMinutes", number: run.saveStateEveryMinutes)
      writer.write("keepStates", number: run.keepStates)
      writer.write("keepFinalState", flag: run.keepFinalState)
      writer.write("onFailedSave", run.onFailedSave.rawValue)
      writer.write("maxFailedSaves", number: run.maxFailedSaves)
      writer.section("stuckRank") { writer in
        writer.write("warnAfter", number: run.stuckRank.warnAfter)
        writer.write("abortAfter", number: run.stuckRank.abortAfter)
        writer.write("startWithin", number: run.stuckRank.startWithin)
      }
      writer.write("tensorboard", flag: run.tensorboard)
      writer.write("csv", flag: run.csv)
    }
    writer.section("task") { writer in
      writer.write("kind", task.kind.name)
      writer.write("labels", flow: task.labels.map { YAMLWriter.list($0.map(YAMLWriter.scalar)) } ?? "null")
      switch task.classWeights {
      case .balanced: writer.write("classWeights", "balanced")
      case .list(let weights): writer.write("classWeights", flow: YAMLWriter.list(weights.map(YAMLWriter.number)))
      case nil: break
      }
      if task.labelSmoothing > 0 { writer.write("labelSmoothing", number: task.labelSmoothing) }
      if !task.positiveWeights.isEmpty {
        writer.write("positiveWeights", flow: YAMLWriter.list(task.positiveWeights.map(YAMLWriter.number)))
      }
      if task.kind == .pairs {
        writer.write("loss", task.loss.rawValue)
        writer.write("cutoff", number: task.cutoff)
      }
      if task.kind.options.contains("threshold") { writer.write("threshold", number: task.threshold) }
      if let pooling = task.pooling { writer.write("pooling", pooling.rawValue) }
      if let normalize = task.normalize { writer.write("normalize", flag: normalize) }
      if let projection = task.projection { writer.write("projection", flow: projection.flow) }
      if task.kind == .embedding, task.largestScore != 1 { writer.write("largestScore", number: task.largestScore) }
    }
    writer.section("data") { writer in
      data.train.write(as: "train", to: &writer)
      for (key, source) in [("validation", data.validation), ("test", data.test)] {
        if let source { source.write(as: key, to: &writer) } else { writer.write(key, flow: "null") }
      }
      writer.write("maxLength", number: data.maxLength)
      if let cache = data.cache { writer.write("cache", cache) } else { writer.write("cache", flow: "null") }
      data.unlabelled.write(to: &writer)
    }
    if teachers.count > 1 || teachers.contains(where: { $0.weight != 1 }) {
      writer.list("teachers", teachers) { teacher, writer in
        teacher.write(to: &writer)
        writer.write("weight", number: teacher.weight)
      }
    } else if let teacher {
      writer.section("teacher") { teacher.write(to: &$0) }
    } else {
      writer.write("teacher", flow: "null")
    }
    writer.write("average", average.rawValue)
    writer.section("student") { student.write(to: &$0) }
    writer.section("training") { training.write(to: &$0) }
    writer.list("stages", stages) { stage, writer in stage.write(to: &writer) }

    var written = self
    written.overridesWithoutEffect = []
    guard try RunConfiguration(yaml: writer.text, file: "the resolved configuration") == written else {
      throw ConfigurationError(problems: [
        .init(location: "the resolved configuration", path: "", message: "expected a value that a file can hold")
      ])
    }
    return writer.text
  }
}

extension DatasetSource {
  fileprivate func write(as key: String, to writer: inout YAMLWriter) {
    writer.section(key) { writer in
      writeKeys(to: &writer)
      writer.write("missingLabels", missingLabels.rawValue)
    }
  }

  func writeKeys(to writer: inout YAMLWriter) {
    func writePaths(_ key: String, _ paths: [String]) {
      writer.write(
        key, flow: paths.count == 1 ? YAMLWriter.scalar(paths[0]) : YAMLWriter.list(paths.map(YAMLWriter.scalar)))
    }
    let paths = [path] + morePaths
    switch format {
    case .lines(let labelsPath):
      writePaths("text", paths)
      if let labelsPath {
        writePaths("labels", [labelsPath] + moreLabelsPaths)
      } else {
        writer.write("labels", flow: "null")
      }
      return
    case .csv:
      writePaths("csv", paths)
      writer.write("header", flag: csvHasHeader)
      writer.write("separator", separator == UInt8(ascii: "\t") ? "tab" : String(decoding: [separator], as: UTF8.self))
    case .tsv(let header):
      writePaths("tsv", paths)
      writer.write("header", flag: header)
    case .jsonl:
      writePaths("jsonl", paths)
    case .columns(let format):
      writePaths(format == .parquet ? "parquet" : "arrow", paths)
    case .hub(let config, let split):
      writer.write("hub", path)
      writer.write("config", flow: config.map(YAMLWriter.scalar) ?? "null")
      writer.write("split", split)
    case .conll:
      writePaths("conll", paths)
      if case .index(let column) = textColumn { writer.write("textColumn", number: column) }
      switch labelColumn {
      case .index(let column): writer.write("labelColumn", number: column)
      case .name: break
      case nil: writer.write("labelColumn", flow: "null")
      }
      return
    case .layout(let layout, let split):
      writer.write("format", layout.name)
      writer.write("path", path)
      writer.write("split", split.rawValue)
      return
    }
    writer.write("textColumn", flow: textColumn.flow)
    if !findsPair || pairColumn != nil { writer.write("pairColumn", flow: pairColumn?.flow ?? "null") }
    writer.write("labelColumn", flow: labelColumn?.flow ?? "null")
    if let groupColumn { writer.write("groupColumn", flow: groupColumn.flow) }
  }
}

extension DatasetSource.Column {
  fileprivate var flow: String {
    switch self {
    case .name(let name): YAMLWriter.scalar(name)
    case .index(let index): "\(index)"
    }
  }
}

extension StudentSettings {
  fileprivate func write(to writer: inout YAMLWriter) {
    switch source {
    case .model(let directory):
      writer.write("model", directory)
      writer.write("layers", flow: layers.map { YAMLWriter.list($0.map(String.init)) } ?? "null")
    case .teacherLayers(let layers):
      writer.section("fromTeacher") { writer in
        writer.write("layers", flow: YAMLWriter.list(layers.map(String.init)))
        if let hidden = hidden { writer.write("hidden", number: hidden) }
      }
    case .fresh(let shape):
      writer.section("config") { shape.write(to: &$0) }
    }
    writer.write("tokenizer", flow: tokenizer.map(YAMLWriter.scalar) ?? "null")
    if let vocabulary {
      writer.section("vocabulary") { writer in
        writer.write("keep", number: vocabulary.keep)
        writer.list("from", vocabulary.from) { source, writer in source.writeKeys(to: &writer) }
      }
    } else {
      writer.write("vocabulary", flow: "null")
    }
    writer.write("head", head.rawValue)
    writer.section("dropout") { writer in
      writer.write("hidden", number: dropout.hidden)
      writer.write("attention", number: dropout.attention)
      writer.write("classifier", number: dropout.classifier)
    }
  }
}

extension TrainingSettings {
  fileprivate func write(to writer: inout YAMLWriter) {
    writer.write("batchSize", number: batchSize)
    switch duration {
    case .epochs(let epochs): writer.write("epochs", number: epochs)
    case .steps(let steps): writer.write("maxSteps", number: steps)
    }
    writer.section("optimizer") { writer in
      writer.write("kind", optimizer.kind.rawValue)
      if case .adamW(let settings) = optimizer {
        writer.write("weightDecay", number: settings.weightDecay)
        writer.write("eps", number: settings.eps)
        writer.write("betas", flow: YAMLWriter.list([settings.beta1, settings.beta2].map(YAMLWriter.number)))
      }
    }
    writer.write("learningRate", number: learningRate)
    writer.write("layerDecay", number: layerDecay)
    writer.section("schedule") { writer in
      writer.write("kind", schedule.kind.rawValue)
      switch schedule.warmup {
      case .fraction(let fraction): writer.write("warmup", number: fraction)
      case .steps(let steps): writer.write("warmup", number: steps)
      }
    }
    writer.write("maxGradientNorm", number: maxGradientNorm)
    writer.write("shuffle", flag: shuffle)
    if let keepGroups { writer.write("keepGroups", flag: keepGroups) }
    switch microBatches {
    case .auto: writer.write("microBatches", flow: "auto")
    case .count(let count): writer.write("microBatches", number: count)
    }
    writer.write("dropLast", flag: dropLast)
    writer.write("validateEverySteps", number: validateEverySteps)
    writer.write("precision", precision.rawValue)
    writer.write("wirePrecision", wirePrecision.rawValue)
    writer.write("gradientSum", gradientSum.rawValue)
    writer.section("earlyStopping") { writer in
      writer.write("patience", number: earlyStopping.patience)
      writer.write("minDelta", number: earlyStopping.minDelta)
    }
    writer.write("nonFinite", nonFinite.rawValue)
    writer.write("maxSkippedSteps", number: maxSkippedSteps)
  }
}

extension StageSettings {
  fileprivate func write(to writer: inout YAMLWriter) {
    writer.write("name", name)
    writer.list("adaptors", adaptors) { adaptor, writer in
      writer.section(adaptor.kind.name) { adaptor.write(to: &$0) }
    }
    writer.write("labelWeight", flow: NumberOrSchedule(labelWeight, labelWeightSchedule).flow)
    writer.section("data") { unlabelled.write(to: &$0) }
    writer.write(
      "update",
      flow: unfreezeEvery.map { "{unfreeze: top-down, every: \($0)}" } ?? frozenLayers.map { "{freeze: \($0)}" }
        ?? update.rawValue)
    writer.write("initialize", initialize.rawValue)
    training.write(to: &writer)
    writer.section("checkpoint") { writer in
      writer.write("monitor", flow: checkpoint.monitor.map(YAMLWriter.scalar) ?? "null")
      writer.write("mode", checkpoint.mode.rawValue)
      writer.write("saveTopK", number: checkpoint.saveTopK)
      writer.write("saveLast", flag: checkpoint.saveLast)
    }
  }
}
