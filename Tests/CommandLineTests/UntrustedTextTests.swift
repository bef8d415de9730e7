import Checkpoints
import Glibc
import JSON
import Testing

/// Names and texts in files that others made do not steer the terminal, and what is no file is not waited for.
@Suite("untrusted text")
struct UntrustedTextTests {
  private let workspace: TinyWorkspace
  /// Clears a screen, sets a title, and is the same as the first to some terminals.
  private static let hostile = "\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}2J\u{7f}"
  private static let hostileJSON = "\\u001b[2J\\u001b]0;x\\u0007\\u009b2J\\u007f"

  init() throws { workspace = try TinyWorkspace(trainRows: 3, validationRows: 1) }

  private func checkOutput(_ arguments: [String], input: String = "", succeeds: Bool, shows: String) throws {
    let run = try workspace.run(arguments, input: Array(input.utf8))
    #expect((run.status == 0) == succeeds, "\(run)")
    let shown = run.output + run.errors
    let controls = shown.unicodeScalars.filter { $0.properties.generalCategory == .control && $0 != "\n" && $0 != "\t" }
    #expect(controls.isEmpty, "\(controls.map(\.value))")
    #expect(shown.contains(shows), "\(run)")
  }

  @Test("tokens in tokenize")
  func tokens() throws {
    try workspace.replace("warm\n", by: "w\u{9b}2J\n", in: "student/vocab.txt")
    try workspace.write(
      #"{"added_tokens_decoder":{"31":{"content":"\#(Self.hostileJSON)"}}}"#, to: "student/tokenizer_config.json")
    try checkOutput(
      ["tokenize", "--model", "student"], input: "good \(Self.hostile)\n", succeeds: true, shows: "\\u009b2J")
  }

  @Test("labels in predict, evaluate and inspect")
  func labels() throws {
    try workspace.replace(#""negative""#, by: "\"\(Self.hostileJSON)\"", in: "student/config.json")
    try workspace.write("good\nbad\n", to: "texts.txt")
    try checkOutput(
      ["predict", "--model", "student", "--input", "texts.txt"], succeeds: true, shows: #"{"label":"#)
    try checkOutput(["inspect", "student"], succeeds: true, shows: "\\u001b[2J")
    try checkOutput(["inspect", "student", "--json"], succeeds: true, shows: "\\u001b[2J")
    try checkOutput(
      ["evaluate", "--model", "student", "--data", "train_text.txt", "train_labels.txt"], succeeds: true,
      shows: #"\u{1b}[2J"#)
    try workspace.write("none\n", to: "labels.txt")
    try workspace.write("good\n", to: "text.txt")
    try checkOutput(
      ["evaluate", "--model", "student", "--data", "text.txt", "labels.txt"], succeeds: false, shows: #"\u{1b}[2J"#)
  }

  @Test("names of tensors and metadata in inspect")
  func tensors() throws {
    let header =
      #"{"__metadata__":{"\#(Self.hostileJSON)":"\#(Self.hostileJSON)"},"#
      + #""\#(Self.hostileJSON)":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#
    let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
    try workspace.write(length + Array(header.utf8) + [0], to: "x.safetensors")
    try checkOutput(["inspect", "x.safetensors"], succeeds: true, shows: #"\u{1b}[2J"#)
    try checkOutput(["inspect", "x.safetensors", "--json"], succeeds: true, shows: "\\u009b2J")
  }

  @Test("paths, wherever they are named")
  func paths() throws {
    let name = "m\(Self.hostile)"
    try workspace.makeModel(name, from: "student")
    try checkOutput(["inspect", name], succeeds: true, shows: "m\\u{1b}[2J")
    try checkOutput(["predict", "--model", name + "/none", "--input", "x"], succeeds: false, shows: "m\\u{1b}[2J")
    try checkOutput(
      ["evaluate", "--model", "student", "--data", name], succeeds: false, shows: "m\\u{1b}[2J")
    try workspace.replace(#""model_type": "bert","#, by: "", in: "\(name)/config.json")
    try workspace.write("good\n", to: "texts.txt")
    try checkOutput(
      ["predict", "--model", name, "--input", "texts.txt"], succeeds: true, shows: "Note: m\\u{1b}[2J")
    try checkOutput(["--config", name], succeeds: false, shows: "m\\u{1b}[2J")
  }

  @Test("a configuration that lies about its model gets no memory for it")
  func sizes() throws {
    try workspace.replace(#""num_hidden_layers": 2"#, by: #""num_hidden_layers": 256"#, in: "student/config.json")
    try workspace.replace(#""hidden_size": 18"#, by: #""hidden_size": 513"#, in: "student/config.json")
    try workspace.replace(#""intermediate_size": 22"#, by: #""intermediate_size": 50000"#, in: "student/config.json")
    try workspace.write("good\n", to: "texts.txt")
    try checkOutput(
      ["predict", "--model", "student", "--input", "texts.txt"], succeeds: false,
      shows: "bert.embeddings.word_embeddings.weight: expected [31, 513], found [31, 18]; does config.json belong")
  }

  @Test(
    "what would wait for a writer, or has no end, is refused",
    arguments: ["config.json", "model.safetensors", "vocab.txt", "tokenizer_config.json"])
  func noFiles(_ name: String) throws {
    try workspace.write("good\n", to: "texts.txt")
    for make in [{ mkfifo($0, 0o600) }, { symlink("/dev/zero", $0) }, { mkdir($0, 0o700) }] as [(String) -> Int32] {
      try workspace.makeModel("odd", from: "student")
      let path = "\(workspace.path)/odd/\(name)"
      unlink(path)
      #expect(make(path) == 0)
      try checkOutput(
        ["predict", "--model", "odd", "--input", "texts.txt"], succeeds: false, shows: "expected a regular file")
      try removeTree("\(workspace.path)/odd")
    }
  }
}
