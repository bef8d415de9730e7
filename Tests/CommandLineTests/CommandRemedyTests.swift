import Testing

/// What errors of configurations, and of the commands beside training, tell the user to do helps.
@Suite("remedies of configurations and commands")
struct CommandRemedyTests {
  struct Mistake: Sendable {
    let set: String
    let message: String
    let remedy: String

    init(_ set: String, _ message: String, _ remedy: String) {
      (self.set, self.message, self.remedy) = (set, message, remedy)
    }
  }

  private static let shape =
    "num_hidden_layers: 2, hidden_size: 18, num_attention_heads: 3, intermediate_size: 26, vocab_size: 31, "
    + "max_position_embeddings: 16"

  /// Found together: what the keys say, and then what they lead to.
  static let mistakes = [
    [
      Mistake(
        "stages.0.checkpoint.monitor=val_acuracy", "did you mean val_accuracy?",
        "stages.0.checkpoint.monitor=val_accuracy")
    ],
    [
      Mistake(
        "data.mix={labelled: 0.5}", "there is no text without labels to mix with; give unlabelled, or mix: concatenate",
        "data.mix=concatenate")
    ],
    [
      Mistake(
        "training={epochs: 2, maxSteps: 2}", "training.maxSteps: epochs and maxSteps are alternatives; keep one",
        "training={epochs: 2}"),
      Mistake(
        "stages.0.optimizer={kind: sgd, betas: [0.9, 0.99]}", "sgd has no such option; remove it",
        "stages.0.optimizer={kind: sgd}"),
      Mistake(
        "student={config: {\(shape)}}", "a new model needs a tokenizer; give student.tokenizer the directory of one",
        "student={config: {\(shape)}, tokenizer: teacher}"),
      Mistake("teacher=null", "", "teacher=null"),
      Mistake("task.labels=[a, b, c]", "", "task.labels=[a, b, c]"),
    ],
    [
      Mistake(
        "stages=[{name: a, adaptors: [AttnMiniLM], labelWeight: 0, update: head}]",
        "nothing trains the head: AttnMiniLM learns inside the encoder; use update: encoder or all",
        "stages=[{name: a, adaptors: [AttnMiniLM], labelWeight: 0, update: encoder}]"),
      Mistake("teacher=null", "adaptors need a teacher to learn from; give teacher.model", "teacher.model=teacher"),
    ],
    [
      Mistake(
        "stages=[{name: a, labelWeight: 0}]",
        "the stage has nothing to learn from; give it adaptors with a weight above 0, or a labelWeight above 0",
        "stages=[{name: a, labelWeight: 1}]"),
      Mistake(
        "data.validation=null", "there is nothing to validate on; give data.validation",
        "data.validation={text: val_text.txt, labels: val_labels.txt}"),
      Mistake("training.validateEverySteps=2", "", "training.validateEverySteps=2"),
    ],
    [
      Mistake(
        "data.train={text: train_text.txt}",
        "stage finetune learns from labels, and there are none; give labels or labelColumn",
        "data.train={text: train_text.txt, labels: train_labels.txt}")
    ],
    [
      Mistake(
        "run.directory=val_text.txt", "expected a directory, found a file at val_text.txt; choose another path",
        "run.directory=other"),
      Mistake(
        "training={batchSize: 64, dropLast: true}", "lower training.batchSize or set dropLast: false",
        "training={batchSize: 64, dropLast: false}"),
    ],
    [
      Mistake(
        "student.model=teacher/config.json", "found a file; name its directory", "student.model=teacher"),
      Mistake(
        "data.train.text=train_txt.txt", "train_txt.txt: cannot be opened: No such file",
        "data.train.text=train_text.txt"
      ),
    ],
    [
      Mistake(
        "stages=[{name: a, adaptors: [ValMiniLM]}]",
        "expected as many attention heads in the student as in the teacher, found 2 and 3; choose a student with 3 heads",
        "stages=[{name: a, adaptors: [ValMiniLM]}]"),
      Mistake(
        "student={config: {\(shape)}, tokenizer: teacher}".replacing("heads: 3", with: "heads: 2"), "",
        "student={config: {\(shape)}, tokenizer: teacher}"),
      Mistake("task.labels=[negative, neutral, positive]", "", "task.labels=[negative, neutral, positive]"),
    ],
  ]

  @Test("of a configuration", arguments: mistakes.indices)
  func configurations(index: Int) throws {
    let workspace = try TinyWorkspace(trainRows: 20, validationRows: 8)
    try workspace.write(Configuration.finetune.yaml, to: "c.yaml")
    func validate(_ set: [String]) throws -> ProgramRun {
      try workspace.run(["validate", "--config", "c.yaml"] + set.flatMap { ["--set", $0] })
    }
    let mistakes = Self.mistakes[index]
    let wrong = try validate(mistakes.map(\.set))
    #expect(wrong.status == 1)
    for mistake in mistakes { #expect(mistake.message.isEmpty || wrong.errors.contains(mistake.message), "\(wrong)") }
    let right = try validate(mistakes.map(\.remedy))
    #expect(right.status == 0, "\(right)")
  }

  /// A command in a shell, which has the program as `$0`.
  static let commands = [
    (
      "$0 predict --model teacher/config.json --input rows.csv", "name its directory",
      "$0 predict --model teacher --input rows.csv"
    ),
    (
      "$0 predict --model . --input rows.csv", "did you mean ./narrow or ./student or ./teacher?",
      "$0 predict --model ./teacher --input rows.csv"
    ),
    (
      "$0 predict --model teacher --input rows.csv --output new/p.jsonl", "its directory does not exist; create it",
      "mkdir new && $0 predict --model teacher --input rows.csv --output new/p.jsonl"
    ),
    (
      "$0 predict --model teacher --input rows.csv --output p.csv.gz",
      "results are not compressed; leave out .gz, or write to - and pipe it into gzip",
      "$0 predict --model teacher --input rows.csv --output - | gzip > p.jsonl.gz && gzip -t p.jsonl.gz"
    ),
    (
      "$0 predict --model teacher --input rows.csv --text 0",
      "say whether the first line is a row (--no-header) or names the columns (--header)",
      "$0 predict --model teacher --input rows.csv --text 0 --header"
    ),
    (
      "$0 predict --model teacher --input train_text.txt --text text", "lines, which have no columns; give --format",
      "$0 predict --model teacher --input rows.csv --text text --format csv"
    ),
    (
      "$0 predict --model teacher --input rows.csv --max-length 99", "--max-length: expected at most 16",
      "$0 predict --model teacher --input rows.csv --max-length 16"
    ),
    (
      "cp rows.csv plain.csv.gz; $0 predict --model teacher --input plain.csv.gz",
      "drop .gz from its name if it is plain text",
      "mv plain.csv.gz plain.csv && $0 predict --model teacher --input plain.csv"
    ),
    (
      "echo '[{\"text\": \"good\"}]' > a.jsonl; $0 predict --model teacher --input a.jsonl",
      "write one object a line, without the list",
      "echo '{\"text\": \"good\"}' > a.jsonl; $0 predict --model teacher --input a.jsonl"
    ),
    (
      "echo '{\"body\": \"good\"}' > a.jsonl; $0 predict --model teacher --input a.jsonl", "the row has body",
      "$0 predict --model teacher --input a.jsonl --text body"
    ),
    (
      "printf 'text\\n\"a \"good\" one\"\\n' > q.csv; $0 predict --model teacher --input q.csv",
      "double the quotes within it",
      "printf 'text\\n\"a \"\"good\"\" one\"\\n' > q.csv; $0 predict --model teacher --input q.csv"
    ),
    (
      "$0 evaluate --model teacher --data train_text.txt", "give the labels' file too",
      "$0 evaluate --model teacher --data train_text.txt train_labels.txt"
    ),
    (
      "printf '1\\n2\\n3\\n' > l; head -n 3 train_text.txt > t; $0 evaluate --model teacher --data t l",
      "subtract 1 if the file counts from 1", "printf '0\\n1\\n2\\n' > l; $0 evaluate --model teacher --data t l"
    ),
    (
      "printf 'good,1\\nbad,-1\\n' > u.csv; $0 evaluate --model teacher --data u.csv --text 0 --label 1 --no-header",
      "leave them out",
      "printf 'good,1\\n' > u.csv; $0 evaluate --model teacher --data u.csv --text 0 --label 1 --no-header"
    ),
    (
      "$0 tokenize --model teacher --input rows.csv --pairs", "name the second text with --text-pair",
      "$0 tokenize --model teacher --input rows.csv --text-pair text"
    ),
    (
      "printf 'good,1\\nbad,9\\n' > u.csv; $0 evaluate --model unnamed --data u.csv --text 0 --label 1 --no-header",
      "name the classes in",
      "printf 'good,1\\n' > u.csv; $0 evaluate --model unnamed --data u.csv --text 0 --label 1 --no-header"
    ),
    (
      "cp rows.csv semicolons.csv; sed -i 's/,/;/' semicolons.csv; $0 evaluate --model teacher --data semicolons.csv",
      "(of a command, --separator ';')", "$0 evaluate --model teacher --data semicolons.csv --separator ';'"
    ),
    (
      "$0 validate --config - < rows.csv", "expected",
      "$0 validate --config - < c.yaml && $0 plan --config - --gflops 10 < c.yaml"
    ),
    (
      "$0 validate --config c.yaml --set training.label_smoothing_factor=0.1 --set data.train_file=t",
      "write task.labelSmoothing",
      "$0 validate --config c.yaml --set task.labelSmoothing=0.1 --set task.labels='[negative, neutral, positive]'"
    ),
    (
      "$0 validate --config c.yaml --set data.train_file=t", "write data.train", "$0 validate --config c.yaml"
    ),
    (
      "$0 verify student", "expected a directory with a manifest.json, or a run with such checkpoints",
      "$0 --config c.yaml --set training.maxSteps=1 --quiet && $0 verify run"
    ),
  ]

  @Test("of a command", arguments: commands.indices)
  func commandLines(index: Int) throws {
    let (mistake, message, remedy) = Self.commands[index]
    let workspace = try TinyWorkspace(trainRows: 20, validationRows: 8)
    try workspace.write("text,label\ngood,2\nbad,0\n", to: "rows.csv")
    try workspace.write(Configuration.finetune.yaml, to: "c.yaml")
    try workspace.makeModel("unnamed")
    try workspace.permuteClasses(of: "unnamed", as: [0, 1, 2], names: ["LABEL_0", "LABEL_1", "LABEL_2"])
    let wrong = try workspace.runInShell(mistake, [])
    #expect(wrong.status != 0 && wrong.errors.contains(message), "\(wrong)")
    let right = try workspace.runInShell(remedy, [])
    #expect(right.status == 0, "\(right)")
  }
}
