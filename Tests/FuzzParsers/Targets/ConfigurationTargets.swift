import JSON
import Training

extension FuzzTarget {
  /// A run's YAML. What is accepted says the same when written with its defaults and read again.
  static var runConfiguration: FuzzTarget {
    FuzzTarget(
      "yaml", seeds: Repository.files(in: "configs", suffix: ".yaml") + ofFamilies, words: yamlWords,
      bombs: [
        { .repeating("[", 1 << 20) }, { .repeating("{", 1 << 20) }, { .repeating("- ", 1 << 19) },
        { .repeating("? ", 1 << 19) }, { .repeating("{a: ", 1 << 18) }, { .repeating("[],", 1 << 18, before: "a: [") },
        { .repeating("[],", 1 << 18, before: "a: [", after: "]") }, { .repeating("- a\n", 1 << 18) },
        { .counting(100_000) { "k\($0): 1\n" } }, { .repeating("a: 1\n", 200_000) }, { .repeating("#", 1 << 20) },
        { .repeating("\n", 1 << 20) }, { .repeating("a", 1 << 20) }, { .repeating("a ", 1 << 19, before: "k: \"") },
        { .repeating("'", 1 << 20) }, { .repeating("\"", 1 << 20) }, { .repeating("!", 1 << 20) },
        { .repeating("!a ", 1 << 18) }, { .repeating("%TAG ! !\n", 100_000) }, { .repeating("---\n", 1 << 18) },
        { .repeating(" ", 1 << 20, before: "a:\n", after: "b") }, { .repeating("|\n", 1 << 18) },
        { .repeating("?", 1 << 20) }, { .repeating(":", 1 << 20) }, { .repeating("a:", 1 << 19) },
        { .repeating("[a: ", 1 << 18) }, { .repeating("&a ", 1 << 18) }, { .repeating("*a ", 1 << 18) },
        { .repeating("\u{301}", 1 << 19) }, { .repeating("&\u{301}", 1 << 18) },
        {
          .counting(40, before: "a0: &a0 [1,1]\n", after: "run: *a40\n") {
            "a\($0 + 1): &a\($0 + 1) [*a\($0),*a\($0)]\n"
          }
        },
        { .counting(900) { String(repeating: " ", count: $0) + "a:\n" } },
        { .counting(9_000, before: "task: {labels: [", after: "z]}") { "c\($0)," } },
        {
          .counting(3_000, before: "stages: [{name: a, adaptors: [{HidnPKD: {layers: [", after: "[0,0]]}}]}]") {
            "[\($0 % 256),\($0 / 256)],"
          }
        },
        { .counting(9_000, before: "stages: [", after: "a]") { "{name: s\($0)}," } },
        { .counting(4_900, before: "sweep: {grid: {", after: "z: [1]}}") { "k\($0): [1]," } },
        { .counting(990, before: "sweep: {grid: {a: [", after: "z]}}") { "\($0)," } },
        { .counting(4_000, before: "sweep: {variants: {a: {", after: "z: 1}}}") { "k\($0): 1," } },
      ]
    ) { bytes in
      guard let text = String(validating: bytes, as: UTF8.self) else { throw NotText() }
      _ = try Sweep(yaml: text, file: "x.yaml")
      let configuration = try RunConfiguration(yaml: text, file: "x.yaml")
      promise(try RunConfiguration(yaml: configuration.resolvedYAML(), file: "x.yaml") == configuration)
    }
  }

  /// `--set key=value` on top of a valid file.
  static var overrides: FuzzTarget {
    FuzzTarget(
      "override",
      seeds: [
        "training.batchSize=64", "stages.0.adaptors=[LogitMSE, {HidnPKD: {layers: [[1, 2]]}}]", "run.seed=5",
        "stages.0.epochs=2", "data.train={csv: a.csv, labelColumn: 2}", "student.model=\"m\"", "teacher=null",
      ].map { Array($0.utf8) },
      words: yamlWords + ["=", ".", "stages.0.", "stages.", "training.", "run."],
      bombs: [
        { .repeating("a.", 1 << 16, after: "a=1") }, { .repeating("[", 1 << 16, before: "a=") },
        { .repeating("=", 1 << 16, before: "a") },
      ]
    ) { bytes in
      guard let text = String(validating: bytes, as: UTF8.self) else { throw NotText() }
      _ = try RunConfiguration(yaml: minimal, file: "x.yaml", overrides: [text])
    }
  }

  /// A student of each family, made of its members.
  private static var ofFamilies: [[UInt8]] {
    families.map { members in
      let student: JSON = ["tokenizer": "t", "config": members]
      return Array(minimal.replacing("student: {model: m}", with: "student: \(student.text())").utf8)
    }
  }

  private static let minimal = """
    run: {directory: runs/x}
    data: {train: {text: t.txt, labels: l.txt}}
    student: {model: m}
    stages: [{name: a}]
    """

  private static let yamlWords = [
    "[", "]", "{", "}", ": ", ", ", "- ", "? ", "&a ", "*a", "!!str ", "!x ", "|\n", ">-\n", "---\n", "...\n", "# ",
    "'", "\"", "\\x1b", "\\u0000", "~", "null", "true", "<<: ", "%YAML 1.2\n", "\t", "\n  ", "run:", "data:",
    "stages:", "student:", "teacher:", "training:", "adaptors:", "name:", "LogitMSE", "HidnPKD", "layers:", "config:",
    "fromTeacher:", "weight:", "labels:", "hidden_size:", "auto", "epochs:", "maxSteps:", "cache:", "sweep:",
    "grid:", "variants:", "seeds:", "run.seed:",
  ]

  /// The file's reader refuses what is no UTF-8 before the parser sees it.
  struct NotText: Error {}
}
