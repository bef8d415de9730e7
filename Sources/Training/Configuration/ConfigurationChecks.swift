import Distillation

extension RunConfiguration {
  /// Reports what each key alone cannot show: stages that have nothing to learn from, metrics nobody computes.
  ///
  /// A section with problems of its own is left out, as its values are not those meant.
  func check(_ reader: ConfigurationReader) {
    let teacherIsSound = reader.isSound("teacher") && reader.isSound("teachers")
    if case .teacherLayers = student.source, teacher?.model == nil, teacherIsSound {
      reader.report(
        "needs a teacher to take layers from; give teacher.model", at: reader.node("student.fromTeacher"),
        path: "student.fromTeacher")
    }
    if case .fresh = student.source, teacher?.model == nil, student.tokenizer == nil, teacherIsSound,
      reader.isSound("student")
    {
      reader.report(
        "a new model needs a tokenizer; give student.tokenizer the directory of one", at: reader.node("student.config"),
        path: "student.config")
    }
    checkLabels(reader)
    checkTest(reader)
    if task.kind != .pairs, reader.isSound("task") {
      for (key, source) in [("train", Optional(data.train)), ("validation", data.validation), ("test", data.test)]
      where source?.groupColumn != nil && reader.hasNode("data.\(key).groupColumn") {
        let path = "data.\(key).groupColumn"
        reader.report(
          "groups are ranked by task.kind: pairs alone; remove it, or set that", at: reader.node(path), path: path)
      }
    }
    if task.kind == .tokens || task.kind == .embedding,
      let index = teachers.firstIndex(where: { !$0.predictions.isEmpty })
    {
      let path = teachers.count == 1 ? "teacher.predictions" : "teachers.\(index).predictions"
      let what = task.kind == .tokens ? "none for each token" : "no sentence vectors"
      reader.report("files of predictions have \(what); give teacher.model", at: reader.node(path), path: path)
    }
    if task.kind == .embedding, teachers.count > 1 {
      reader.report(
        "vectors of several teachers are not averaged; give one teacher.model", at: reader.node("teachers"),
        path: "teachers")
    }
    if task.kind != .classification, average == .probabilities, reader.isSound("task") {
      reader.report(
        "the outputs of \(task.kind.name) are no probabilities of one class; use average: logits",
        at: reader.node("average"), path: "average")
    }
    for (index, stage) in stages.enumerated() {
      let path = "stages.\(index)"
      guard reader.isSound(path), reader.isSound("training"), reader.isSound("data") else { continue }
      if !stage.adaptors.isEmpty, teacher == nil, teacherIsSound {
        reader.report(
          "adaptors need a teacher to learn from; give teacher.model", at: reader.node("\(path).adaptors"),
          path: "\(path).adaptors")
      }
      if teachers.count > 1 || teacher.map({ !$0.predictions.isEmpty }) ?? false,
        let adaptor = stage.adaptors.first(where: { !$0.kind.trainsHead })
      {
        let what = teachers.count > 1 ? "several teachers" : "predictions"
        reader.report(
          "\(adaptor.kind.name) reads inside a teacher, and \(what) have logits alone; use LogitMSE or LogitCE, or one "
            + "teacher.model without predictions", at: reader.node("\(path).adaptors"), path: "\(path).adaptors")
      }
      if stage.training.wirePrecision != .float32, stage.training.microBatches != .auto {
        let key = "\(path).wirePrecision"
        reader.report(
          "each rank's sum is rounded, so that results depend on the number of ranks, which a number of microBatches is "
            + "to prevent; use float32, or microBatches: auto", at: reader.node(key), path: key)
      }
      if stage.training.wirePrecision != .float32, stage.training.gradientSum == .mpi {
        let key = "\(path).gradientSum"
        reader.report(
          "MPI adds 32-bit floats; use tree, or wirePrecision: float32", at: reader.node(key), path: key)
      }
      if stage.training.microBatches == .auto,
        let index = stage.adaptors.firstIndex(where: { $0.kind.comparesSentences($0) })
      {
        let key = "\(path).adaptors.\(index)"
        reader.report(
          "\(stage.adaptors[index].kind.name) compares the sentences of a micro-batch, and microBatches: auto cuts as "
            + "many as there are ranks and threads; give microBatches a number, or use temperatureBy: constant",
          at: reader.node(key), path: key)
      }
      checkGroups(of: stage, path, reader)
      checkGradients(of: stage, path, reader)
      checkTexts(of: stage, path, reader)
      checkMonitor(of: stage, path, reader)
    }
  }

  private func checkLabels(_ reader: ConfigurationReader) {
    guard task.kind.hardLoss != nil else { return }
    if reader.isSound("data.train"), reader.isSound("stages"), !data.train.hasLabels,
      let stage = stages.first(where: { $0.labelWeight > 0 })
    {
      reader.report(
        "stage \(stage.name) learns from labels, and there are none; give labels or labelColumn, or labelWeight 0",
        at: reader.node("data.train"), path: "data.train")
    }
    if task.kind == .embedding, reader.isSound("data.train"), data.train.hasLabels, data.train.pairColumn == nil,
      let stage = stages.first(where: { $0.labelWeight > 0 })
    {
      reader.report(
        "stage \(stage.name) learns from scores, which are of two texts each; give pairColumn, or labelWeight 0",
        at: reader.node("data.train"), path: "data.train")
    }
    if task.kind.hasLoss, reader.isSound("data.validation"), let validation = data.validation, !validation.hasLabels {
      reader.report(
        "validation needs labels; give labels or labelColumn", at: reader.node("data.validation"),
        path: "data.validation")
    }
  }

  private func checkTest(_ reader: ConfigurationReader) {
    guard reader.isSound("data.test"), let test = data.test else { return }
    let problem =
      task.kind.metricKeys.isEmpty
      ? "nothing is measured in the task \(task.kind.name); remove data.test"
      : test.hasLabels ? nil : "a test needs labels; give labels or labelColumn"
    if let problem { reader.report(problem, at: reader.node("data.test"), path: "data.test") }
  }

  private func checkTexts(of stage: StageSettings, _ path: String, _ reader: ConfigurationReader) {
    let texts = stage.unlabelled
    let own = "\(path).data"
    let key = reader.hasNode(own) ? own : "data"
    if !texts.sources.isEmpty, stage.adaptors.isEmpty {
      reader.report(
        "text without labels teaches the stage \(stage.name) nothing, as it has no adaptors; remove it, or give the stage "
          + "data: {unlabelled: []}", at: reader.node("\(key).unlabelled"), path: "\(key).unlabelled")
    }
    if case .labelled = texts.mix, texts.sources.isEmpty, data.train.missingLabels == .error {
      reader.report(
        "there is no text without labels to mix with; give unlabelled, or mix: concatenate",
        at: reader.node("\(key).mix"), path: "\(key).mix")
    }
  }

  /// Groups that are kept together, or compared.
  private func checkGroups(of stage: StageSettings, _ path: String, _ reader: ConfigurationReader) {
    let own = "\(path).keepGroups"
    let key = reader.hasNode(own) ? own : "training.keepGroups"
    guard task.kind == .pairs else {
      if stage.training.keepGroups == true {
        reader.report(
          "groups are of task.kind: pairs alone; remove it, or set that", at: reader.node(key), path: key)
      }
      return
    }
    if let index = stage.adaptors.firstIndex(where: \.kind.comparesGroups), !data.train.hasLabels {
      let adaptor = "\(path).adaptors.\(index)"
      reader.report(
        "\(stage.adaptors[index].kind.name) compares texts whose labels differ, and there are none; give "
          + "data.train.labelColumn, or use LogitMSE", at: reader.node(adaptor), path: adaptor)
    }
    if stage.keepsGroups, case .labelled = stage.unlabelled.mix {
      reader.report(
        "a share of rows with labels keeps no groups together; give data.mix: concatenate, or keepGroups: false",
        at: reader.node(key), path: key)
    }
  }

  private func checkGradients(of stage: StageSettings, _ path: String, _ reader: ConfigurationReader) {
    let counted = stage.adaptors.filter { $0.weight > 0 }
    if task.kind.scoresPairsOfRows, stage.labelWeight > 0, !stage.training.batchSize.isMultiple(of: 2) {
      let key = reader.hasNode("\(path).batchSize") ? "\(path).batchSize" : "training.batchSize"
      reader.report(
        "the two texts of a pair are rows of the same batch; expected an even number, found "
          + "\(stage.training.batchSize)",
        at: reader.node(key), path: key)
    }
    if task.kind.hardLoss == nil, stage.labelWeight > 0 {
      reader.report(
        "\(task.kind.name) learns from a teacher alone; give labelWeight 0 and adaptors",
        at: reader.node("\(path).labelWeight"), path: "\(path).labelWeight")
      return
    }
    if !task.kind.problem.hasHead, task.projection == nil, stage.update == .head || stage.unfreezeEvery != nil {
      let condition = task.kind.options.contains("projection") ? " without task.projection" : ""
      reader.report(
        "the model of \(task.kind.name) has no head\(condition); use update: all, encoder or {freeze: N}",
        at: reader.node("\(path).update"), path: "\(path).update")
      return
    }
    if stage.labelWeight == 0, counted.isEmpty {
      reader.report(
        "the stage has nothing to learn from; give it adaptors with a weight above 0, or a labelWeight above 0",
        at: reader.node("\(path).labelWeight"), path: "\(path).labelWeight")
    } else if stage.update == .head || stage.unfreezeEvery != nil, stage.labelWeight == 0,
      counted.allSatisfy({ !$0.kind.trainsHead })
    {
      let names = counted.map(\.kind.name).joined(separator: ", ")
      reader.report(
        "nothing trains the head: \(names) \(counted.count == 1 ? "learns" : "learn") inside the encoder; use update: encoder or "
          + "all, add LogitMSE or LogitCE, or give a labelWeight above 0", at: reader.node("\(path).update"),
        path: "\(path).update")
    }
  }

  private func checkMonitor(of stage: StageSettings, _ path: String, _ reader: ConfigurationReader) {
    guard reader.isSound("data") else { return }
    let monitorPath = "\(path).checkpoint.monitor"
    if data.validation == nil {
      if let monitor = stage.checkpoint.monitor {
        reader.report(
          "nothing computes \(quoted(monitor)) without validation data; give data.validation, or remove monitor",
          at: reader.node(monitorPath), path: monitorPath)
      }
      if stage.training.validateEverySteps != nil {
        let key = "\(path).validateEverySteps"
        reader.report("there is nothing to validate on; give data.validation", at: reader.node(key), path: key)
      }
      if stage.training.earlyStopping.patience != nil {
        let key = "\(path).earlyStopping"
        reader.report("there is nothing to validate on; give data.validation", at: reader.node(key), path: key)
      }
      return
    }
    let monitors = stage.monitors(of: task.kind)
    guard let monitor = stage.checkpoint.monitor else {
      reader.report(
        "expected \(listed(monitors)), found null; remove monitor for val_loss", at: reader.node(monitorPath),
        path: monitorPath)
      return
    }
    guard !monitors.contains(monitor) else { return }
    let remedy = nearest(to: monitor, among: monitors).map { "; did you mean \($0)?" } ?? ""
    let reason = stage.adaptors.isEmpty && monitor == "val_distillation" ? "; the stage has no adaptors" : remedy
    reader.report(
      "expected \(listed(monitors)), found \(quoted(monitor))\(reason)", at: reader.node(monitorPath),
      path: monitorPath)
  }
}

extension ConfigurationReader {
  /// Whether there is a node at a path itself.
  fileprivate func hasNode(_ path: String) -> Bool {
    var node = root
    for key in path.split(separator: ".") {
      if case .sequence(let elements) = node.content, let index = Int(key), elements.indices.contains(index) {
        node = elements[index]
      } else if let child = node[String(key)] {
        node = child
      } else {
        return false
      }
    }
    return true
  }

  /// The node at a path, or the nearest one above it.
  fileprivate func node(_ path: String) -> ConfigurationNode {
    var node = root
    for key in path.split(separator: ".") {
      if case .sequence(let elements) = node.content, let index = Int(key), elements.indices.contains(index) {
        node = elements[index]
      } else if let child = node[String(key)] {
        node = child
      } else {
        break
      }
    }
    return node
  }
}
