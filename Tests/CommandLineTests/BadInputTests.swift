import Testing

/// Something wrong with what a run reads, and what its user sees of it.
struct BadInput: Sendable, CustomTestStringConvertible {
  let name: String
  /// Makes it: damages `bad`, a copy of the teacher, or writes a file.
  let make: @Sendable (TinyWorkspace) throws -> Void
  /// What points the run at it.
  let overrides: [String]
  /// Parts of the message: the place, what was expected, what was found, the remedy.
  let message: [String]

  init(
    _ name: String, set overrides: String..., message: String...,
    make: @escaping @Sendable (TinyWorkspace) throws -> Void = { _ in }
  ) {
    self.name = name
    self.overrides = overrides
    self.message = message
    self.make = make
  }

  var testDescription: String { name }

  /// Runs with it: it must be refused in one message, before anything is written.
  func check(_ configuration: Configuration = .mixStep) throws {
    let workspace = try TinyWorkspace()
    try workspace.makeModel("bad")
    try make(workspace)
    try workspace.write(configuration.yaml, to: "configuration.yaml")
    let before = try workspace.contents(of: ".")
    let result = try workspace.attempt(configuration, set: overrides)
    #expect(result.status == 1 && result.output.isEmpty, "\(result)")
    #expect(result.errors.hasPrefix("Error: ") && result.errors.occurrences(of: "Error") == 1, "\(result)")
    for part in message { #expect(result.errors.contains(part), "expected \(part), found \(result.errors)") }
    #expect(try workspace.contents(of: ".") == before)
  }
}

@Suite struct BadConfigurations {
  @Test(arguments: [
    BadInput(
      "unknown key", set: "training.batch_size=3",
      message: "--set training.batch_size=3: training.batch_size: unknown key; did you mean batchSize?"),
    BadInput(
      "wrong type", set: "training.batchSize=many",
      message: "training.batchSize: expected an integer from 1 to 1000000, found \"many\""),
    BadInput("override without value", set: "training", message: "--set training: expected key.path=value, found no ="),
    BadInput("no stage", set: "stages=[]", message: "stages: expected at least one stage, found none"),
    BadInput(
      "adaptors without teacher", set: "teacher=null", "student={model: student}",
      message: "stages.0.adaptors: adaptors need a teacher", "give teacher.model"),
    BadInput(
      "unknown monitor", set: "stages.0.checkpoint.monitor=val_f1",
      message: "stages.0.checkpoint.monitor: expected val_loss, val_accuracy", "found \"val_f1\""),
    BadInput(
      "nothing to learn from", set: "stages.0.labelWeight=0", "stages.0.adaptors=[]",
      message: "stages.0.labelWeight: the stage has nothing to learn from; give it adaptors"),
    BadInput(
      "too long for the model", set: "data.maxLength=17",
      message: "data.maxLength: expected at most 16, the model's max_position_embeddings, found 17"),
    BadInput(
      "layers the teacher lacks", set: "student.fromTeacher.layers=[2, 9]",
      message: "student.fromTeacher.layers: expected layers 1…4, which teacher has, found [2, 9]"),
    BadInput(
      "adaptor's layers the student lacks", set: "stages.0.adaptors=[{AttnMiniLM: {layers: [[3, 4]]}}]",
      message: "AttnMiniLM", "layer", "3"),
    BadInput(
      "second stage's layers the student lacks",
      set: "stages=[{name: one}, {name: two, adaptors: [{HidnPKD: {layers: [[3, 4]]}}]}]",
      message: "HidnPKD", "layer", "3"),
    BadInput(
      "no whole batch", set: "stages=[{name: one}, {name: two, batchSize: 104, dropLast: true}]",
      message: "training.dropLast: expected at least one whole batch of 104, found 103 rows; lower"),
    BadInput(
      "labels of other names", set: "task.labels=[neutral, negative, good]",
      message: "id2label: expected the task's labels [\"neutral\"", "found [\"negative\"", "student.head: new"),
  ])
  func refuses(_ mistake: BadInput) throws { try mistake.check() }

  @Test func fileThatSaysNothingOrIsNotYAMLIsRefused() throws {
    let workspace = try TinyWorkspace()
    for (text, message) in [
      ("", "configuration.yaml"), ("run: [", "configuration.yaml:"), ("run: {directory: run}\n", "data"),
      ("run: {directory: \u{1B}[31m", "configuration.yaml:"),
    ] {
      try workspace.write(text, to: "configuration.yaml")
      let result = try workspace.run(["--config", "configuration.yaml"])
      #expect(result.status == 1 && result.errors.contains(message) && !result.errors.contains("\u{1B}"), "\(result)")
    }
    let missing = try workspace.run(["--config", "nowhere.yaml"])
    #expect(missing.status == 1 && missing.errors.contains("nowhere.yaml: cannot be read: No such file"), "\(missing)")
  }

  /// What cannot even be understood as a command shows how it is used.
  @Test(arguments: [
    ([], "Missing expected argument '--config <config>'"),
    (["--config", "c.yaml", "--threads", "0"], "--threads: expected 1 or more, found 0"),
    (["--config", "c.yaml", "--threads", "many"], "many"),
  ])
  func misusedCommandShowsItsUsage(arguments: [String], message: String) throws {
    let result = try TinyWorkspace().run(arguments)
    #expect(result.status == 64 && result.errors.contains(message), "\(result)")
    #expect(result.errors.uppercased().contains("USAGE"), "\(result)")
  }
}

@Suite struct BadCheckpoints {
  @Test(arguments: [
    BadInput(
      "no directory", set: "student={model: nowhere}",
      message: "nowhere: does not exist here as a directory, and the cache"),
    BadInput("no teacher", set: "teacher.model=nowhere", message: "nowhere: does not exist"),
    BadInput("a file", set: "student={model: bad/vocab.txt}", message: "bad/vocab.txt: expected a directory") { _ in },
    BadInput("no config.json", set: "student={model: bad}", message: "bad: expected config.json in this directory") {
      try $0.remove("bad/config.json")
    },
    BadInput("cut config.json", set: "student={model: bad}", message: "bad/config.json: line 2, column 1: expected") {
      try $0.write("{\n", to: "bad/config.json")
    },
    BadInput("no weights", set: "student={model: bad}", message: "bad: expected model.safetensors or") {
      try $0.remove("bad/model.safetensors")
    },
    BadInput(
      "another family", set: "student={model: bad}",
      message: "bad/config.json: model_type: expected \"bert\", ", "found string \"gpt2\"; use a model of one of these"
    ) { try $0.replace(#""bert""#, by: #""gpt2""#, in: "bad/config.json") },
    BadInput(
      "weights of another family", set: "student={model: bad}",
      message: "bad/model.safetensors: 6 problems", "classifier.dense.weight: missing; ",
      "classifier.weight: unexpected; does config.json belong to this file?"
    ) { try $0.replace(#""bert""#, by: #""roberta""#, in: "bad/config.json") },
    BadInput(
      "a regression", set: "student={model: bad}",
      message: "bad: problem_type: expected \"single_label_classification\", found \"regression\", which is another"
    ) {
      try $0.replace(#""vocab_size""#, by: #""problem_type": "regression", "vocab_size""#, in: "bad/config.json")
    },
    BadInput(
      "several labels a row", set: "student={model: bad}",
      message: "found \"multi_label_classification\", which is another task's; use a model of task.kind"
    ) {
      try $0.replace(
        #""vocab_size""#, by: #""problem_type": "multi_label_classification", "vocab_size""#, in: "bad/config.json")
    },
    BadInput(
      "a head for tokens", set: "student={model: bad}",
      message: "bad: architectures: expected \"BertForSequenceClassification\", found \"BertForTokenClassification\""
    ) { try $0.replace("BertForSequenceClassification", by: "BertForTokenClassification", in: "bad/config.json") },
    BadInput(
      "unknown activation", set: "student={model: bad}",
      message: "bad/config.json: hidden_act: expected gelu, gelu_new or relu, found string \"swish\"; use a model with"
    ) { try $0.replace(#""gelu""#, by: #""swish""#, in: "bad/config.json") },
    BadInput(
      "cut weights", set: "student={model: bad}",
      message: "bad/model.safetensors: expected 51732 bytes by its header, found 51632; the file is incomplete"
    ) { try $0.cut("bad/model.safetensors", to: 51632) },
    BadInput(
      "cut header", set: "student={model: bad}",
      message: "bad/model.safetensors: header: 7736 bytes long, but the file has 100"
    ) { try $0.cut("bad/model.safetensors", to: 100) },
    BadInput("empty weights", set: "student={model: bad}", message: "bad/model.safetensors: expected a safetensors") {
      try $0.cut("bad/model.safetensors", to: 0)
    },
    BadInput(
      "missing tensors", set: "student={model: bad}",
      message: "bad/model.safetensors: 16 problems", "bert.encoder.layer.4.attention.self.query.weight: missing",
      "bert.encoder.layer.4.output.LayerNorm.bias: missing"
    ) { try $0.replace(#""num_hidden_layers": 4"#, by: #""num_hidden_layers": 5"#, in: "bad/config.json") },
    BadInput(
      "extra tensors", set: "student={model: bad}",
      message: "bad/model.safetensors: 16 problems", "bert.encoder.layer.3.output.dense.weight: unexpected"
    ) { try $0.replace(#""num_hidden_layers": 4"#, by: #""num_hidden_layers": 3"#, in: "bad/config.json") },
    BadInput(
      "misshapen tensors", set: "student={model: bad}",
      message: "bert.encoder.layer.0.intermediate.dense.weight: expected [27, 18], found [26, 18]; does config.json"
    ) { try $0.replace(#""intermediate_size": 26"#, by: #""intermediate_size": 27"#, in: "bad/config.json") },
    BadInput(
      "misshapen head", set: "student={model: bad}", "task.labels=[bad, good]", "stages.0.adaptors=[AttnMiniLM]",
      message: "classifier.weight: expected [2, 18], found [3, 18]; name the model's classes in task.labels",
      "student.head: new"),
    BadInput(
      "NaN", set: "student={model: bad}",
      message: "bad/model.safetensors: bert.encoder.layer.1.output.dense.weight: expected finite numbers, found NaN"
    ) { try $0.spoil("bad", "bert.encoder.layer.1.output.dense.weight", with: .nan) },
    BadInput(
      "infinity in the teacher", set: "teacher.model=bad", "student={model: student}",
      message: "bad/model.safetensors: classifier.bias: expected finite numbers, found NaN or infinity"
    ) { try $0.spoil("bad", "classifier.bias", with: .infinity) },
  ])
  func refuses(_ mistake: BadInput) throws { try mistake.check() }

  @Test("a prefix and tensors beside the model are told, and change no prediction")
  func readsWhatOthersWrapped() throws {
    let workspace = try TinyWorkspace()
    try workspace.makeModel("wrapped")
    try workspace.renameTensors(of: "wrapped", adding: ["loss_fct.weight", "qa_outputs.weight", "qa_outputs.bias"]) {
      "module.\($0)"
    }
    let data = ["--data", "val_text.txt", "val_labels.txt"]
    let plain = try workspace.run(["predict", "--model", "teacher", "--input", "val_text.txt"])
    let wrapped = try workspace.run(["predict", "--model", "wrapped", "--input", "val_text.txt"])
    #expect(wrapped.status == 0 && wrapped.output == plain.output, "\(wrapped)")
    let notes = """
      Note: wrapped: "module." before the names of its tensors is left off
      Note: wrapped: tensors that this model has no use for are not read: loss_fct.* (1), qa_outputs.* (2)

      """
    #expect(wrapped.errors == notes)
    #expect(try workspace.run(["evaluate", "--model", "wrapped"] + data).errors == notes)
  }

  @Test("a teacher's head that nothing reads may be another task's")
  func readsNoHeadWithoutNeed() throws {
    let workspace = try TinyWorkspace()
    try workspace.makeModel("tagger")
    try workspace.renameTensors(of: "tagger") { $0.replacing("classifier.", with: "qa_outputs.") }
    try workspace.replace("BertForSequenceClassification", by: "BertForQuestionAnswering", in: "tagger/config.json")
    let set = ["teacher.model=tagger", "student.model=student", "stages=[{name: one, adaptors: [AttnMiniLM]}]"]
    let run = try workspace.attempt(.finetune, set: set)
    #expect(run.status == 0, "\(run)")
    #expect(run.output.contains("tagger: tensors that this model has no use for are not read: qa_outputs.* (2)"))
  }

  @Test func missingHeadIsNewWithANotice() throws {
    let workspace = try TinyWorkspace()
    try workspace.makeModel("headless")
    try workspace.removeTensors(from: "headless") { $0.hasPrefix("classifier.") }
    let result = try workspace.attempt(.finetune, set: ["student.model=headless", "training.epochs=1"])
    #expect(result.status == 0)
    #expect(result.output.contains("Note: headless: the classification head is new (3 outputs) and will be trained"))
    let required = try workspace.attempt(
      .finetune, set: ["student={model: headless, head: required}", "run.directory=required"])
    #expect(required.status == 1 && required.errors.contains("classifier.weight: missing; fine-tune the model first"))
    let noise = try workspace.attempt(
      .mixStep, set: ["teacher.model=headless", "student={model: student}", "run.directory=noise"])
    #expect(noise.status == 1 && noise.errors.contains("headless/model.safetensors"), "\(noise)")
  }
}

@Suite struct BadTokenizers {
  @Test(arguments: [
    BadInput(
      "no vocabulary", set: "student={model: bad}", message: "bad: expected tokenizer.json, vocab.txt or vocab.json"
    ) {
      try $0.remove("bad/vocab.txt")
    },
    BadInput(
      "more words than the model", set: "student={model: bad}",
      message: "bad: the tokenizer has 32 tokens, but the model's vocab_size is 31; use the tokenizer that belongs to"
    ) { try $0.write($0.text("bad/vocab.txt") + "extra\n", to: "bad/vocab.txt") },
    BadInput(
      "another vocabulary than the teacher's", set: "student={model: bad}",
      message: "the student's tokenizer (bad) and the teacher's (teacher) differ at token 5", "\"lovely\"", "\"awful\"",
      "use a student with the teacher's vocabulary"
    ) { try $0.replace("awful", by: "lovely", in: "bad/vocab.txt") },
    BadInput("no [SEP]", set: "student={model: bad}", message: "bad/vocab.txt: lacks \"[SEP]\"") {
      try $0.replace("[SEP]", by: "sep", in: "bad/vocab.txt")
    },
    BadInput(
      "wrong setting", set: "student={model: bad}",
      message: "bad/tokenizer_config.json: do_lower_case: expected true or false, found string \"yes\""
    ) { try $0.write(#"{"do_lower_case": "yes"}"#, to: "bad/tokenizer_config.json") },
    BadInput("cut settings", set: "student={model: bad}", message: "bad/tokenizer_config.json: line 1, column 2: ") {
      try $0.write("{", to: "bad/tokenizer_config.json")
    },
    BadInput(
      "contradiction", set: "student={model: bad}",
      message: "bad/tokenizer.json: contradicts vocab.txt beside it: id 5 is \"awful\" in tokenizer.json",
      "\"lovely\" in vocab.txt"
    ) {
      try $0.writeTokenizerJSON(to: "bad")
      try $0.replace("awful", by: "lovely", in: "bad/vocab.txt")
    },
    BadInput("vocabulary that is not text", set: "student={model: bad}", message: "bad/vocab.txt: expected UTF-8") {
      try $0.write([0x61, 0xFF, 0x0A], to: "bad/vocab.txt")
    },
  ])
  func refuses(_ mistake: BadInput) throws { try mistake.check() }
}

@Suite struct BadData {
  private static let expected = "label: expected 0…2 or one of negative, neutral, positive, found"

  @Test(arguments: [
    BadInput(
      "no file", set: "data.train.text=nowhere.txt", message: "nowhere.txt: cannot be opened: No such file or directory"
    ),
    BadInput("a directory", set: "data.train.text=teacher", message: "teacher: "),
    BadInput("label out of range", set: "data.train.labels=bad.txt", message: "bad.txt:2: \(expected) \"3\"") {
      try $0.write("0\n3\n", to: "bad.txt")
    },
    BadInput("negative label", set: "data.train.labels=bad.txt", message: "bad.txt:1: \(expected) \"-1\"") {
      try $0.write("-1\n", to: "bad.txt")
    },
    BadInput("unknown name", set: "data.train.labels=bad.txt", message: "bad.txt:1: \(expected) \"nice\\u{1b}[1m\"") {
      try $0.write("nice\u{1B}[1m\n", to: "bad.txt")
    },
    BadInput(
      "fewer labels", set: "data.train.labels=val_labels.txt",
      message: "val_labels.txt: expected 103 labels, one for each line of train_text.txt, found 37"),
    BadInput(
      "more labels", set: "data.validation.labels=train_labels.txt",
      message: "train_labels.txt: expected 37 labels, one for each line of val_text.txt, found 103"),
    BadInput(
      "not UTF-8", set: "data.train.text=bad.txt",
      message: "bad.txt:2: expected UTF-8, found byte 0xE9 at offset 3 of the line, 8 of the file"
    ) { try $0.write(Array("good\ncaf".utf8) + [0xE9, 0x0A], to: "bad.txt") },
    BadInput(
      "empty files", set: "data.train={text: empty.txt, labels: empty.txt}",
      message: "empty.txt: expected at least one row, found none"
    ) { try $0.write("", to: "empty.txt") },
    BadInput("header only", set: "data.train={csv: bad.csv}", message: "bad.csv: expected at least one row") {
      try $0.write("text,label\n", to: "bad.csv")
    },
    BadInput("empty CSV", set: "data.train={csv: bad.csv}", message: "bad.csv: expected a header, found an empty file")
    {
      try $0.write("", to: "bad.csv")
    },
    BadInput(
      "no such column", set: "data.train={csv: bad.csv}",
      message: "bad.csv:1: column \"text\": expected once in the header, found \"sentence\", \"label\""
    ) { try $0.write("sentence,label\ngood,1\n", to: "bad.csv") },
    BadInput("one field too many", set: "data.train={csv: bad.csv}", message: "bad.csv:3: expected 2 fields, found 3") {
      try $0.write("text,label\ngood,1\nbad,0,3\n", to: "bad.csv")
    },
    BadInput("open quote", set: "data.train={csv: bad.csv}", message: "bad.csv:3: a quoted field is never closed") {
      try $0.write("text,label\ngood,1\n\"bad,0\n", to: "bad.csv")
    },
    BadInput("stray quote", set: "data.train={csv: bad.csv}", message: "bad.csv:2: a field with a quote in it must be")
    {
      try $0.write("text,label\nso \"good\",1\n", to: "bad.csv")
    },
    BadInput("short TSV row", set: "data.train={tsv: bad.tsv}", message: "bad.tsv:3: expected 2 fields, found 1") {
      try $0.write("text\tlabel\ngood\t1\nbad\n", to: "bad.tsv")
    },
    BadInput("JSONL without label", set: "data.train={jsonl: bad.jsonl}", message: "bad.jsonl:2: \(expected) nothing") {
      try $0.write(#"{"text": "good", "label": 1}"# + "\n" + #"{"text": "bad"}"# + "\n", to: "bad.jsonl")
    },
    BadInput(
      "JSONL with a number for text", set: "data.train={jsonl: bad.jsonl}",
      message: "bad.jsonl:1: text: expected a string, found integer 3"
    ) { try $0.write(#"{"text": 3, "label": 1}"# + "\n", to: "bad.jsonl") },
    BadInput("not JSON", set: "data.train={jsonl: bad.jsonl}", message: "bad.jsonl:1: column 1: expected a value") {
      try $0.write("good 1\n", to: "bad.jsonl")
    },
    BadInput(
      "row too long", set: "data.train.text=bad.txt",
      message: "bad.txt:1: expected a row of at most 1048576 bytes, found"
    ) { try $0.write([UInt8](repeating: 0x61, count: 1_048_577) + [0x0A], to: "bad.txt") },
  ])
  func refuses(_ mistake: BadInput) throws { try mistake.check() }

  @Test func emptyTextIsARowLikeAnyOther() throws {
    let workspace = try TinyWorkspace()
    try workspace.write("text,label\n,0\ngood,2\n\"\",1\n", to: "some.csv")
    let run = try workspace.train(
      .finetune, set: ["data.train={csv: some.csv}", "data.validation={csv: some.csv}", "training.epochs=1"])
    #expect(run.events("step")[0]["sentences"]?.int == 3)
  }
}
