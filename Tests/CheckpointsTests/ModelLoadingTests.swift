import Checkpoints
import JSON
import Kernels
import Testing

struct ModelLoadingTests {
  @Test(arguments: ["classifier", "sharded"])
  func readsEveryParameterThatTransformersWrote(name: String) throws {
    let parameters = ParameterBuffer(classifierLayout())
    let report = try ModelDirectory("\(fixtures)/\(name)/").weights().load(into: parameters, head: .required)
    #expect(Set(report.loaded) == Set(parameters.layout.entries.map(\.key)))
    #expect(report.new.isEmpty && report.ignored.isEmpty)
    let sums = try #require(try JSON(contentsOf: fixtures + "/classifier-sums.json").object)
    #expect(sums.count == parameters.layout.entries.count)
    for (key, sum) in sums {
      let floats = try #require(parameters.floats(key))
      #expect(abs(floats.reduce(0) { $0 + Double($1) } - sum.double!) < 1e-9, "\(key)")
    }
  }

  @Test(arguments: [HeadPolicy.newIfMissing, .new])
  func anEncoderAloneGetsANewClassifier(head: HeadPolicy) throws {
    let parameters = ParameterBuffer(classifierLayout(labels: 5))
    parameters.number()
    let numbered = parameters.floats("classifier.weight")
    let weights = try ModelDirectory(fixtures + "/encoder").weights()
    let report = try weights.load(into: parameters, head: head)
    #expect(report.new == ["classifier.weight", "classifier.bias"])
    #expect(parameters.floats("classifier.weight") == numbered)
    let pooler = try #require(weights.tensors.first { $0.description.name == "pooler.dense.weight" })
    #expect(try parameters.floats("bert.pooler.dense.weight") == pooler.file.floats(pooler.description))
    let error = #expect(throws: CheckpointError.self) { try weights.load(into: parameters, head: .required) }
    #expect(
      error?.problems
        == ["classifier.weight", "classifier.bias"].map { "\($0): missing; does config.json belong to this file?" })
  }

  @Test func aHeadOfAnotherShapeIsReplacedOnlyOnRequest() throws {
    let parameters = ParameterBuffer(classifierLayout(labels: 2))
    let weights = try ModelDirectory(fixtures + "/classifier").weights()
    let remedies = HeadRemedies(missing: "train one", otherShape: "name the classes")
    for head in [HeadPolicy.required, .newIfMissing] {
      let error = #expect(throws: CheckpointError.self) {
        try weights.load(into: parameters, head: head, remedies: remedies)
      }
      #expect(
        error?.problems == [
          "classifier.weight: expected [2, 8], found [3, 8]; name the classes",
          "classifier.bias: expected [2], found [3]; name the classes",
        ])
      #expect(parameters.values.allSatisfy { $0 == 0 }, "nothing is read when something does not fit")
    }
    let report = try weights.load(into: parameters, head: .new)
    #expect(report.new == ["classifier.weight", "classifier.bias"])
    #expect(report.ignored == ["classifier.bias", "classifier.weight"])
  }

  @Test func aStudentTakesTheLayersItPicks() throws {
    let teacher = ParameterBuffer(classifierLayout())
    let student = ParameterBuffer(classifierLayout(layers: 1))
    let weights = try ModelDirectory(fixtures + "/classifier").weights()
    _ = try weights.load(into: teacher, head: .required)
    let report = try weights.load(into: student, head: .required, layers: [1])
    #expect(report.ignored.count == 16 && report.ignored.allSatisfy { $0.hasPrefix("bert.encoder.layer.0.") })
    for entry in student.layout.entries {
      let source = entry.key.replacing("layer.0.", with: "layer.1.")
      #expect(student.floats(entry.key) == teacher.floats(source))
    }
    _ = try weights.load(into: teacher, head: .required, layers: [1, 1])
    #expect(
      teacher.floats("bert.encoder.layer.0.output.dense.bias")
        == student.floats("bert.encoder.layer.0.output.dense.bias"))
    let absent = #expect(throws: CheckpointError.self) { try weights.load(into: student, head: .required, layers: [2]) }
    #expect(absent?.problems.count == 16)
    #expect(
      absent?.problems.first
        == "bert.encoder.layer.2.attention.self.query.weight: missing; does config.json belong to this file?")
    let short = #expect(throws: CheckpointError.self) { try weights.load(into: teacher, head: .required, layers: [1]) }
    #expect(short?.problems.count == 16)
    let all = #expect(throws: CheckpointError.self) { try weights.load(into: student, head: .required) }
    #expect(all?.problems.count == 16 && all?.problems.allSatisfy { $0.contains("unexpected") } == true)
  }

  @Test func understandsOldNamesAndIgnoresPreTraining() throws {
    let parameters = ParameterBuffer(classifierLayout())
    var extended = classifierLayout()
    _ = extended.add("projections.hidden.0.weight", [4, 4], role: .projection, decays: true)
    parameters.number()
    let rename = { (key: String) -> String in
      guard key.contains("LayerNorm") else { return String(key.dropFirst(key.hasPrefix("bert.") ? 5 : 0)) }
      return key.replacing("LayerNorm.weight", with: "LayerNorm.gamma").replacing(
        "LayerNorm.bias", with: "LayerNorm.beta")
    }
    let extra = [
      "cls.predictions.bias", "cls.seq_relationship.weight", "fit_denses.0.weight", "embeddings.position_ids",
    ]
    try withFile(parameters, rename: rename, extra: extra) { weights in
      let loaded = ParameterBuffer(extended)
      let report = try weights.load(into: loaded, head: .required)
      #expect(report.ignored == extra.sorted())
      #expect(report.outside == extra.dropLast().sorted() && report.prefix == nil)
      #expect(report.new == ["projections.hidden.0.weight"])
      for entry in parameters.layout.entries { #expect(loaded.floats(entry.key) == parameters.floats(entry.key)) }
    }
  }

  /// Each with the names that wrap a whole classifier, and those of a wrapped encoder beside a head of its own.
  @Test(
    arguments: [
      ("module.", "module.bert.", "module."), ("_orig_mod.", "_orig_mod.bert.", "_orig_mod."),
      ("module._orig_mod.", "module._orig_mod.bert.", "module._orig_mod."), ("model.", "model.bert.", "model."),
      ("model.", "model.bert.", ""), ("encoder.", "encoder.", ""), ("0.auto_model.", "0.auto_model.", ""),
      ("student.model.", "student.model.", "student.model."),
    ])
  func recognisesAPrefix(prefix: String, encoder: String, head: String) throws {
    let parameters = ParameterBuffer(classifierLayout())
    parameters.number()
    let rename = { (key: String) -> String in
      key.hasPrefix("bert.") ? encoder + key.dropFirst(5) : head + key
    }
    let extra = [
      head + "qa_outputs.weight", head + "loss_fct.weight", "fit_dense.weight", encoder + "embeddings.token_type_ids",
    ]
    try withFile(parameters, rename: rename, extra: extra) { weights in
      let loaded = ParameterBuffer(classifierLayout())
      let report = try weights.load(into: loaded, head: .required)
      #expect(report.prefix == prefix)
      #expect(report.outside == extra.dropLast().sorted())
      for entry in parameters.layout.entries { #expect(loaded.floats(entry.key) == parameters.floats(entry.key)) }
    }
  }

  @Test(arguments: ["", "bert."])
  func skipsWhatLiesBesideTheModel(encoder: String) throws {
    let parameters = ParameterBuffer(classifierLayout())
    let extra = [
      "qa_outputs.weight", "loss_fct.weight", "fit_dense.bias", "lm_head.decoder.weight", "generator_lm_head.bias",
      "mlm.predictions.bias", "ema.bert.pooler.dense.bias",
    ]
    let bare = { (key: String) in key.replacing("bert.", with: encoder) }
    let constants = [encoder + "embeddings.token_type_ids", encoder + "embeddings.position_ids"]
    try withFile(parameters, rename: bare, extra: extra + constants) { weights in
      for head in HeadPolicy.allCases {
        let report = try weights.load(into: ParameterBuffer(classifierLayout()), head: head)
        #expect(report.outside == extra.sorted() && report.prefix == nil, "\(head)")
      }
    }
    // Inside, an unknown tensor is part of another computation.
    for inside in ["encoder.relative.weight", "encoder.layer.0.adapter.weight", "encoder.layer.2.output.dense.bias"] {
      try withFile(parameters, rename: bare, extra: [encoder + inside]) { weights in
        let error = #expect(throws: CheckpointError.self) { try weights.load(into: parameters, head: .new) }
        #expect(
          error?.problems == ["\(encoder)\(inside): unexpected; does config.json belong to this file?"])
      }
    }
  }

  @Test func aHeadThatNothingReadsMayBeAnyOrNone() throws {
    let fileOf3 = ParameterBuffer(classifierLayout(labels: 3))
    fileOf3.number()
    for (labels, rename) in [(3, { $0 }), (5, { $0 }), (3, { $0.replacing("classifier", with: "classifier.dense") })]
      as [(Int, (String) -> String)]
    {
      try withFile(fileOf3, rename: rename, extra: ["classifier.scale"]) { weights in
        let loaded = ParameterBuffer(classifierLayout(labels: labels))
        let report = try weights.load(into: loaded, head: .unread)
        let fits = labels == 3 && rename("classifier") == "classifier"
        #expect(report.new == (fits ? [] : loaded.layout.entries.suffix(4).map(\.key)))
        #expect(loaded.floats("bert.embeddings.LayerNorm.bias") == fileOf3.floats("bert.embeddings.LayerNorm.bias"))
        #expect((loaded.floats("bert.pooler.dense.bias") == fileOf3.floats("bert.pooler.dense.bias")) == fits)
      }
    }
  }

  @Test func namesWhatAFileOfOtherNamesHolds() throws {
    let parameters = ParameterBuffer(classifierLayout())
    let other = { (key: String) in "h." + key.replacing(".", with: "/") }
    try withFile(parameters, rename: other, extra: []) { weights in
      let error = #expect(throws: CheckpointError.self) { try weights.load(into: parameters, head: .required) }
      #expect(
        error?.problems == [
          "expected tensors such as bert.embeddings.word_embeddings.weight, found \(weights.tensors.count) of other names "
            + "(\(weights.tensors.prefix(3).map(\.description.name).joined(separator: ", ")), …); is it a model of "
            + "another kind, or no model?"
        ])
    }
    let two = ParameterBuffer(poolers(["student.pooler.", "teacher.pooler."]))
    let same = { (key: String) in key }
    try withFile(two, rename: same, extra: []) { weights in
      let error = #expect(throws: CheckpointError.self) { try weights.load(into: parameters, head: .required) }
      #expect(
        error?.problems == [
          #"found a model at each of "student." and "teacher."; write the one that is meant to a file of its own"#
        ])
    }
  }

  private func poolers(_ prefixes: [String]) -> ParameterLayout {
    var layout = ParameterLayout()
    for prefix in prefixes {
      _ = layout.add(prefix + "dense.weight", [8, 8], decays: true)
      _ = layout.add(prefix + "dense.bias", [8], decays: false)
    }
    return layout
  }

  @Test func listsAllThatDoesNotFit() throws {
    let parameters = ParameterBuffer(classifierLayout())
    let rename = { (key: String) -> String in
      switch key {
      case "bert.embeddings.LayerNorm.bias": "bert.embeddings.LayerNorm.beta.bias"
      case "bert.pooler.dense.bias": "bert.pooler.bias"
      case "bert.encoder.layer.0.output.dense.weight": "bert.encoder.layer.0.output.gamma"
      default: key
      }
    }
    try withFile(parameters, rename: rename, extra: ["embeddings.word_embeddings.weight", "bert.cls.x"]) { weights in
      let error = #expect(throws: CheckpointError.self) { try weights.load(into: parameters, head: .newIfMissing) }
      let twice = "bert.embeddings.word_embeddings.weight: found twice, as "
      #expect(error?.problems.contains { $0.hasPrefix(twice) } == true)
      for key in [
        "bert.embeddings.LayerNorm.bias", "bert.pooler.dense.bias", "bert.encoder.layer.0.output.dense.weight",
      ] {
        #expect(error?.problems.contains { $0.hasPrefix("\(key): missing; ") } == true)
        #expect(error?.problems.contains { $0.hasPrefix("\(rename(key)): unexpected") } == true)
      }
      #expect(error?.problems.contains { $0.hasPrefix("bert.cls.x: unexpected") } == true)
    }
  }

  @Test func refusesIntegersForWeights() throws {
    try withTemporaryDirectory { directory in
      var layout = ParameterLayout()
      _ = layout.add("bert.pooler.dense.bias", [1], decays: false)
      let path = directory + "/model.safetensors"
      let writer = try SafetensorsWriter(replacing: path, tensors: [.init("bert.pooler.dense.bias", .int64, [1])])
      try [1].withUnsafeBytes { try writer.write("bert.pooler.dense.bias", .int64, $0) }
      try writer.finish()
      let error = #expect(throws: CheckpointError.self) {
        try ModelWeights(file: path).load(into: ParameterBuffer(layout), head: .required)
      }
      #expect(error?.problems == ["bert.pooler.dense.bias: expected F32, F16, BF16 or F64, found I64"])
    }
  }

  /// Writes the parameters under other names, with extra tensors of one float, and opens the file.
  private func withFile(
    _ parameters: ParameterBuffer, rename: (String) -> String, extra: [String], _ body: (ModelWeights) throws -> Void
  ) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/model.safetensors"
      let entries = parameters.layout.entries
      let writer = try SafetensorsWriter(
        replacing: path,
        tensors: entries.map { .init(rename($0.key), .float32, $0.shape) } + extra.map { .init($0, .float32, [1]) })
      for entry in entries {
        try parameters.floats(entry.key)!.withUnsafeBufferPointer { try writer.write(rename(entry.key), $0) }
      }
      for name in extra { try [Float(1)].withUnsafeBufferPointer { try writer.write(name, $0) } }
      try writer.finish()
      try body(try ModelWeights(file: path))
    }
  }
}
