import Distillation
import Testing

@testable import Training

/// Something wrong, and the message a user sees of it.
struct Mistake: Sendable {
  /// A document, or an override of `minimal` or `distilling`.
  let yaml: String
  let message: String

  init(_ yaml: String, _ message: String) {
    self.yaml = yaml
    self.message = message
  }
}

/// What reading a document says; `nil` where it is right.
func complaint(_ yaml: String) -> String? {
  do {
    _ = try configuration(yaml)
    return nil
  } catch {
    return error.description
  }
}

let everyAdaptor = {
  let names = AdaptorKind.all.map(\.name)
  return names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
}()

private let datasets =
  "glue/sst2, glue/cola, glue/mrpc, glue/qqp, glue/mnli, glue/mnli_mismatched, glue/qnli, glue/rte, tweeteval/emoji, "
  + "tweeteval/emotion, tweeteval/hate, tweeteval/irony, tweeteval/offensive, tweeteval/sentiment, "
  + "tweeteval/stance_abortion, tweeteval/stance_atheism, tweeteval/stance_climate, tweeteval/stance_feminist or "
  + "tweeteval/stance_hillary"

private func layerMap(from first: Int) -> String {
  "last, uniform, skip, top or distinct pairs [[student, teacher], …] of layers from \(first)"
}

@Suite struct ConfigurationErrors {
  @Test(arguments: [
    Mistake("batchSize=0", #"batchSize: expected an integer from 1 to 1000000, found "0""#),
    Mistake("batchSize=-4", #"batchSize: expected an integer from 1 to 1000000, found "-4""#),
    Mistake("batchSize=32.0", #"batchSize: expected an integer from 1 to 1000000, found "32.0""#),
    Mistake("batchSize=010", #"batchSize: expected an integer from 1 to 1000000, found "010""#),
    Mistake(
      "batchSize=\"32\"", #"batchSize: expected an integer from 1 to 1000000, found the text "32"; remove the quotes"#),
    Mistake("batchSize=null", "batchSize: expected an integer from 1 to 1000000, found null"),
    Mistake("batchSize=[32]", "batchSize: expected an integer from 1 to 1000000, found a list"),
    Mistake(
      "batchSize=99999999999999999999",
      #"batchSize: expected an integer from 1 to 1000000, found "99999999999999999999""#),
    Mistake("epochs=0", #"epochs: expected an integer from 1 to 1000000, found "0""#),
    Mistake("maxSteps=0", #"maxSteps: expected an integer from 1 to 1000000000, or null, found "0""#),
    Mistake("learningRate=0", #"learningRate: expected a number above 0, at most 1000, found "0""#),
    Mistake("learningRate=nan", #"learningRate: expected a number above 0, at most 1000, found "nan""#),
    Mistake("learningRate=.inf", #"learningRate: expected a number above 0, at most 1000, found ".inf""#),
    Mistake("learningRate=1e999", #"learningRate: expected a number above 0, at most 1000, found "1e999""#),
    Mistake("learningRate=0x1p3", #"learningRate: expected a number above 0, at most 1000, found "0x1p3""#),
    Mistake("learningRate=1e", #"learningRate: expected a number above 0, at most 1000, found "1e""#),
    Mistake(
      "schedule.warmup=1.5",
      #"schedule.warmup: expected a share of the steps from 0, below 1, or a whole number of steps, found "1.5""#),
    Mistake(
      "schedule.warmup=-1",
      #"schedule.warmup: expected a share of the steps from 0, below 1, or a whole number of steps, found "-1""#),
    Mistake(
      "schedule.kind=liner",
      #"schedule.kind: expected linear, cosine or constant, found "liner"; did you mean linear?"#),
    Mistake(
      "maxGradientNorm=0", #"maxGradientNorm: expected a number above 0, at most 1000000000, or null, found "0""#),
    Mistake("shuffle=yes", #"shuffle: expected true or false, found "yes"; write true"#),
    Mistake("shuffle=\"false\"", #"shuffle: expected true or false, found the text "false"; write false"#),
    Mistake("shuffle=maybe", #"shuffle: expected true or false, found "maybe""#),
    Mistake("precision=int8", #"precision: expected float32 or bfloat16, found "int8""#),
    Mistake("wirePrecision=fp16", #"wirePrecision: expected float32 or bfloat16, found "fp16""#),
    Mistake("gradientSum=mpj", #"gradientSum: expected tree or mpi, found "mpj"; did you mean mpi?"#),
    Mistake("microBatches=0", #"microBatches: expected auto or an integer from 1 to 1000000, found "0""#),
    Mistake(
      "validateEverySteps=0", #"validateEverySteps: expected an integer from 1 to 1000000000, or null, found "0""#),
    Mistake(
      "optimizer.betas=[0.9]",
      "optimizer.betas: expected two numbers from 0, below 1, such as [0.9, 0.999], found a list"),
    Mistake(
      "optimizer={kind: sgd, eps: 1e-8}",
      "optimizer.eps: sgd has no such option; remove it, or replace the whole with "
        + "--set 'training.optimizer={kind: sgd}'"),
  ])
  func trainingIsChecked(mistake: Mistake) {
    let error = #expect(throws: ConfigurationError.self) { try configuration(minimal, "training.\(mistake.yaml)") }
    #expect(error?.description == "--set training.\(mistake.yaml): training.\(mistake.message)")
  }

  @Test(arguments: [
    Mistake("training={epochs: 1, maxSteps: 2}", "training.maxSteps: epochs and maxSteps are alternatives; keep one"),
    Mistake("training=5", #"training: expected a mapping of keys, found "5""#),
    Mistake("run.seed=-1", #"run.seed: expected an integer from 0 to 9223372036854775807, found "-1""#),
    Mistake(
      "run.directory=null",
      "run.directory: expected the directory to write the run to, found null; put it in quotes if it is meant as text"),
    Mistake("run.directory=\"\"", #"run.directory: expected the directory to write the run to, found the text """#),
    Mistake(
      #"run.directory="a\eb""#,
      #"run.directory: expected the directory to write the run to, found the text "a\u{1b}b"; remove control characters"#
    ),
    Mistake(
      "run.directory={a: b}",
      "run.directory: expected the directory to write the run to, found a mapping; put text that holds `: ` in quotes"),
    Mistake("run.threads=0", #"run.threads: expected an integer from 1 to 1024, or null, found "0""#),
    Mistake("data.maxLength=2", #"data.maxLength: expected an integer from 3 to 65536, found "2""#),
    Mistake(
      "task.kind=ranking",
      #"task.kind: expected classification, regression, multilabel, tokens, pairs, embedding or none, found "ranking""#),
    Mistake("task={kind: regression, labels: []}", "task.labels: expected at least one name, found 0"),
    Mistake("task.labels=[a]", "task.labels: expected at least two classes, found 1"),
    Mistake("task.labels=[a, b, a]", #"task.labels.2: expected each class once, found "a" again"#),
    Mistake("task.labels=abc", #"task.labels: expected a list of class names, found "abc"; put it in [ ]"#),
    Mistake(
      "task.labels=[a, null]",
      "task.labels.1: expected a class name, found null; put it in quotes if it is meant as text"),
    Mistake("teacher={}", "teacher.model: missing; give a Hugging Face model directory"),
    Mistake("teachers=[{weight: 2}]", "teachers.0.model: missing; give a Hugging Face model directory"),
    Mistake("teacher={predictions: [1, {}]}", "teacher.predictions: expected a file or a list of files, found a list"),
    Mistake("average=median", #"average: expected logits or probabilities, found "median""#),
    Mistake(
      "teacher={model: t, cache: {}}",
      "teacher.cache.path: missing; give the directory to keep the teacher's features in"),
    Mistake(
      "teacher={model: t, cache: {path: c, precision: fp8}}",
      #"teacher.cache.precision: expected fp16 or fp32, found "fp8""#),
    Mistake(
      "teacher={model: t, cache: {path: c, maxBytes: -1}}",
      #"teacher.cache.maxBytes: expected an integer from 0 to 1125899906842624, found "-1""#),
    Mistake("teacher=d", #"teacher: expected a mapping of keys, found "d""#),
  ])
  func runTaskAndTeacherAreChecked(mistake: Mistake) { check(mistake) }

  @Test(arguments: [
    Mistake(
      "data.train={}",
      "data.train.text: missing; give a file as one of text, csv, tsv, jsonl, parquet, arrow, conll or hub, or a dataset as format and path"
    ),
    Mistake(
      "data.train={labels: f}",
      "data.train.text: missing; give a file as one of text, csv, tsv, jsonl, parquet, arrow, conll or hub, or a dataset as format and path"
    ),
    Mistake(
      "data.train={format: glue/sst, path: d}",
      "data.train.format: expected \(datasets), found \"glue/sst\"; did you mean glue/sst2?"),
    Mistake(
      "data.train={format: glue/stsb, path: d}",
      "data.train.format: expected \(datasets), found \"glue/stsb\"; it has scores, and only classes can be predicted"),
    Mistake(
      "data.train={format: glue/sst2}", "data.train.path: missing; give the directory that the dataset's files are in"),
    Mistake(
      "data.train={format: glue/sst2, path: d, split: dev}",
      #"data.train.split: expected train, validation or test, found "dev""#),
    Mistake(
      "data.train={format: glue/sst2, path: d, labelColumn: 1}",
      "data.train.labelColumn: does not go with format, which has path, split, missingLabels"),
    Mistake(
      "data.train={format: glue/sst2, path: d, split: test}",
      "data.train: stage only learns from labels, and there are none; give labels or labelColumn, or labelWeight 0"),
    Mistake(
      "data={format: tweeteval/sentiments, path: d}",
      "data.format: expected \(datasets), found \"tweeteval/sentiments\"; did you mean tweeteval/sentiment?"),
    Mistake(
      "data={format: glue/sst2}", "data.path: missing; give the directory that the dataset's files are in"),
    Mistake(
      "data={path: d, train: {csv: f}}", "data.path: needs format, the name of the dataset that is there"),
    Mistake(
      "data={format: glue/sst2, path: d, train: {csv: f}}",
      "data.format: train and format are alternatives; keep one, or replace the whole with "
        + "--set 'data={format: NAME, path: DIR}'"),
    Mistake("data.train=null", "data.train: missing; give the training data, such as {text: FILE, labels: FILE}"),
    Mistake(
      "data.train={text: a, labels: b, textColumn: c}",
      "data.train.textColumn: does not go with text, which has labels, missingLabels"),
    Mistake(
      "data.train={jsonl: a, header: false}",
      "data.train.header: does not go with jsonl, which has textColumn, pairColumn, labelColumn, groupColumn, missingLabels"
    ),
    Mistake(
      "data.train={csv: a, textColumn: 0, labelColumn: 1}",
      "data.train.header: missing; give true or false: with columns by number, whether the first line names the columns "
        + "or is a row"),
    Mistake(
      "data.train={csv: a, separator: ab}",
      #"data.train.separator: expected one character such as ";", or tab, found "ab""#),
    Mistake(
      "data.train={tsv: a, header: false, labelColumn: 1}",
      "data.train.textColumn: missing; give the column's number from 0, as there is no header"),
    Mistake(
      "data.train={tsv: a, header: false, textColumn: text, labelColumn: 1}",
      #"data.train.textColumn: expected an integer from 0 to 10000, found "text""#),
    Mistake(
      "data.train={csv: a, textColumn: -1}",
      #"data.train.textColumn: expected a column's name in the header, or its number from 0, found "-1""#),
    Mistake(
      "data.train={text: a}",
      "data.train: stage only learns from labels, and there are none; give labels or labelColumn, or labelWeight 0"),
    Mistake("data.test={text: a}", "data.test: a test needs labels; give labels or labelColumn"),
    Mistake("data.validation={text: a}", "data.validation: validation needs labels; give labels or labelColumn"),
    Mistake("data.unlabelled={text: a}", "data.unlabelled: expected a list of sources, found a mapping; put it in [ ]"),
    Mistake(
      "data.unlabelled=[{text: a}]",
      "data.unlabelled: text without labels teaches the stage only nothing, as it has no adaptors; remove it, or give the "
        + "stage data: {unlabelled: []}"),
    Mistake(
      "data.mix={labelled: 0.5}",
      "data.mix: there is no text without labels to mix with; give unlabelled, or mix: concatenate"),
    Mistake(
      "data.mix={labelled: 1}",
      "data.mix: expected concatenate or {labelled: a number above 0, below 1}, found a mapping"),
    Mistake(
      "stages.0.data={mix: {labelled: 0.5}}",
      "stages.0.data.mix: there is no text without labels to mix with; give unlabelled, or mix: concatenate"),
    Mistake(
      "data.train.missingLabels=maybe", #"data.train.missingLabels: expected error or unlabelled, found "maybe""#),
  ])
  func dataAreChecked(mistake: Mistake) { check(mistake) }

  @Test(arguments: [
    Mistake("student={}", "student.model: missing; give a model directory, or fromTeacher or config in its place"),
    Mistake(
      "student={fromTeacher: {layers: [2]}}",
      "student.fromTeacher: needs a teacher to take layers from; give teacher.model"),
    Mistake("student={fromTeacher: null}", "student.fromTeacher: missing; give its keys in { }"),
    Mistake(
      "student={config: {}}",
      "student.config: a new model needs a tokenizer; give student.tokenizer the directory of one"),
    Mistake(
      "student={tokenizer: d, config: {hidden_size: 100}}",
      "student.config.num_attention_heads: expected a divisor of hidden_size 100, found 12; give both"),
    Mistake(
      "student={tokenizer: d, config: {hidden_size: 32768, num_attention_heads: 64}}",
      "student.config.num_hidden_layers: expected a model of at most 17179869184 parameters, found 54972448768"),
    Mistake(
      "student={tokenizer: d, config: {vocab_size: 8, pad_token_id: 8}}",
      "student.config.pad_token_id: expected less than vocab_size 8, found 8"),
    Mistake(
      "student={tokenizer: d, config: {hidden_act: swish}}",
      #"student.config.hidden_act: expected gelu, gelu_new or relu, found "swish""#),
    Mistake(
      "student={model: m, layers: [3, 1]}",
      "student.layers.1: expected layers in ascending order, found 1 after 3"),
    Mistake(
      "student={model: m, layers: []}", "student.layers: expected at least one of the model's layers, found none"),
    Mistake(
      "student={config: {}, tokenizer: d, layers: [2]}",
      "student.layers: are those of `model`, which config stands in the place of; leave one of them out"),
    Mistake("student.head=old", #"student.head: expected required, newIfMissing or new, found "old""#),
    Mistake(
      "student.dropout.hidden=1", #"student.dropout.hidden: expected a number from 0, below 1, or null, found "1""#),
  ])
  func studentIsChecked(mistake: Mistake) { check(mistake) }

  @Test(arguments: [
    ("{}", "layers: missing; give the teacher's layers, such as [2, 4, 6]"),
    ("{layers: []}", "layers: expected at least one of the teacher's layers, found none"),
    ("{layers: [4, 2]}", "layers.1: expected layers in ascending order, found 2 after 4"),
    ("{layers: [2, 2]}", "layers.1: expected layers in ascending order, found 2 after 2"),
    ("{layers: [0, 2]}", #"layers.0: expected an integer from 1 to 256, found "0""#),
    ("{layers: 2}", #"layers: expected a list of the teacher's layers, such as [2, 4, 6], found "2"; put it in [ ]"#),
  ])
  func teacherLayersAreChecked(yaml: String, message: String) {
    let error = #expect(throws: ConfigurationError.self) {
      try configuration(distilling, "student.fromTeacher=\(yaml)")
    }
    #expect(error?.description == "--set student.fromTeacher=\(yaml): student.fromTeacher.\(message)")
  }

  @Test(arguments: [
    Mistake("stages=[]", "stages: expected at least one stage, found none"),
    Mistake("stages=5", #"stages: expected a list of stages, found "5"; put it in [ ]"#),
    Mistake("stages=[5]", #"stages.0: expected a mapping of keys, found "5""#),
    Mistake(
      "stages=[{}]", "stages.0.name: missing; give a name of at most 64 letters, digits, _ and -, not digits alone"),
    Mistake(
      "stages=[{name: ../x}]",
      #"stages.0.name: expected a name of at most 64 letters, digits, _ and -, not digits alone, found "../x""#),
    Mistake(
      "stages=[{name: 7}]",
      #"stages.0.name: expected a name of at most 64 letters, digits, _ and -, not digits alone, found "7""#),
    Mistake("stages=[{name: a}, {name: a}]", "stages.1.name: expected a name of its own for each stage, found a again"),
    Mistake(
      "stages.0.update=heads",
      #"stages.0.update: expected all, encoder or head, or {unfreeze: top-down, every: steps}, or {freeze: layers}, found "heads"; did you mean head?"#
    ),
    Mistake("stages.0.initialize=worst", #"stages.0.initialize: expected best or last, found "worst""#),
    Mistake(
      "stages.0.labelWeight=0",
      "stages.0.labelWeight: the stage has nothing to learn from; give it adaptors with a weight above 0, "
        + "or a labelWeight above 0"),
    Mistake(
      "stages=[{name: a, microBatches: 8, wirePrecision: bfloat16}]",
      "stages.0.wirePrecision: each rank's sum is rounded, so that results depend on the number of ranks, which a number "
        + "of microBatches is to prevent; use float32, or microBatches: auto"),
    Mistake(
      "stages=[{name: a, gradientSum: mpi, wirePrecision: bfloat16}]",
      "stages.0.gradientSum: MPI adds 32-bit floats; use tree, or wirePrecision: float32"),
    Mistake(
      "stages.0.adaptors=[LogitMSE]", "stages.0.adaptors: adaptors need a teacher to learn from; give teacher.model"),
    Mistake(
      "stages.0.checkpoint.monitor=val_distillation",
      "stages.0.checkpoint.monitor: expected val_loss, val_accuracy, val_macro_f1, val_macro_recall, val_matthews or val_auroc, "
        + #"found "val_distillation"; the stage has no adaptors"#),
    Mistake(
      "stages.0.checkpoint.monitor=val_acuracy",
      "stages.0.checkpoint.monitor: expected val_loss, val_accuracy, val_macro_f1, val_macro_recall, val_matthews or val_auroc, "
        + #"found "val_acuracy"; did you mean val_accuracy?"#),
    Mistake("stages.0.checkpoint.mode=most", #"stages.0.checkpoint.mode: expected min or max, found "most""#),
    Mistake(
      "stages.0.checkpoint.saveTopK=0",
      #"stages.0.checkpoint.saveTopK: expected an integer from 1 to 10000, found "0""#),
  ])
  func stagesAreChecked(mistake: Mistake) { check(mistake) }

  private func check(_ mistake: Mistake) {
    let error = #expect(throws: ConfigurationError.self) { try configuration(minimal, mistake.yaml) }
    #expect(error?.description == "--set \(mistake.yaml): \(mistake.message)")
  }

  @Test(arguments: [
    Mistake("LogitMES", #": expected \#(everyAdaptor), found "LogitMES"; did you mean LogitMSE?"#),
    Mistake("{LogitMES: {weight: 1}}", #": expected \#(everyAdaptor), found "LogitMES"; did you mean LogitMSE?"#),
    Mistake(
      "{AttnMiniLM: {temperature: 2}}",
      ".AttnMiniLM.temperature: AttnMiniLM has no such option; it has weight, layers, align"),
    Mistake(
      "{EmbdTinyBERT: {layers: last}}",
      ".EmbdTinyBERT.layers: EmbdTinyBERT has no such option; it has weight, projection, projectionLearningRate, "
        + "align"),
    Mistake(
      "{LogitCE: {on: logits}}",
      ".LogitCE.on: LogitCE has no such option; it has weight, temperature, temperatureScaling, temperatureBy, "
        + "beta, gamma, probabilityShift"),
    Mistake(
      "{RelationMiniLM: {relations: [values, values]}}",
      ".RelationMiniLM.relations: expected a list of queries, keys or values, each once, found a list"),
    Mistake("{LogitCE: {temprature: 2}}", ".LogitCE.temprature: unknown key; did you mean temperature?"),
    Mistake("{LogitMSE: {on: scores}}", #".LogitMSE.on: expected logits, probabilities or argmax, found "scores""#),
    Mistake(
      "{LogitMSE: {temperature: 0}}",
      #".LogitMSE.temperature: expected a number above 0, at most 1000, or {from: number, to: number, over: share or steps, kind: linear}, found "0""#
    ),
    Mistake(
      "{LogitMSE: {weight: -1}}",
      #".LogitMSE.weight: expected a number from 0 to 1000000, or {from: number, to: number, over: share or steps, kind: linear}, found "-1""#
    ),
    Mistake(
      "{LogitMSE: null, weight: 1}",
      ": expected one adaptor, found a mapping of several keys; write its options as {Name: {weight: 1}}"),
    Mistake("[LogitMSE]", ": expected an adaptor, found a list; write its name"),
    Mistake("{LogitMSE: 3}", #".LogitMSE: expected a mapping of keys, found "3""#),
    Mistake(
      "{AttnMiniLM: {layers: unifrom}}",
      #".AttnMiniLM.layers: expected \#(layerMap(from: 1)), found "unifrom"; did you mean uniform?"#),
    Mistake("{AttnMiniLM: {layers: first}}", #".AttnMiniLM.layers: expected \#(layerMap(from: 1)), found "first""#),
    Mistake(
      "{AttnMiniLM: {layers: [[0, 1]]}}",
      ".AttnMiniLM.layers: expected \(layerMap(from: 1)), found a list; "
        + "look for a pair that is not two such numbers, or comes twice"),
    Mistake(
      "{HidnPKD: {layers: [[1, 2], [1, 2]]}}",
      ".HidnPKD.layers: expected \(layerMap(from: 0)), found a list; "
        + "look for a pair that is not two such numbers, or comes twice"),
    Mistake(
      "{HidnPKD: {layers: []}}",
      ".HidnPKD.layers: expected \(layerMap(from: 0)), found a list; name at least one pair"),
  ])
  func adaptorsAreChecked(mistake: Mistake) {
    let override = "stages.first.adaptors=[\(mistake.yaml)]"
    let error = #expect(throws: ConfigurationError.self) { try configuration(distilling, override) }
    #expect(error?.description == "--set \(override): stages.0.adaptors.0\(mistake.message)")
  }
}
