import JSON
import Testing

/// What is saved tells other libraries how long a text may be, whatever its teacher said.
@Suite("lengths of saved models")
struct ExportedLengthTests {
  /// Of the tokenizer that a student was made with, and what is written: the model has 16 positions.
  static let lengths: [(said: String?, written: Int)] = [(nil, 16), ("1e30", 16), ("512", 16), ("8", 8), ("null", 16)]

  @Test("a model's own limit is written where its tokenizer says more, or nothing")
  func modelMaxLength() throws {
    let workspace = try TinyWorkspace(trainRows: 12, validationRows: 4)
    for (said, written) in Self.lengths {
      try workspace.write(
        #"{"tokenizer_class": "BertTokenizer", "auto_map": {"AutoTokenizer": ["code.Tokenizer", null]}"#
          + (said.map { #", "model_max_length": \#($0)"# } ?? "") + "}", to: "teacher/tokenizer_config.json")
      _ = try workspace.train(.finetune, set: ["training.maxSteps=1", "run.overwrite=true"])
      let saved = try JSON.parse(Array(workspace.text("run/best/tokenizer_config.json").utf8))
      #expect(saved["model_max_length"] == .integer(written), "\(said ?? "nothing")")
      #expect(saved["auto_map"] == nil)
    }
  }

  @Test("so are the lengths in tokenizer.json, and nothing else of it is changed")
  func truncation() throws {
    let workspace = try TinyWorkspace(trainRows: 12, validationRows: 4)
    _ = try workspace.train(.finetune, set: ["training.maxSteps=1"])
    let plain = workspace.text("run/best/tokenizer.json")
    func tokenizer(_ length: Int) -> String {
      plain.replacing(
        #""truncation": null"#,
        with:
          #""truncation": {"direction": "Right", "max_length": \#(length), "strategy": "LongestFirst", "stride": 0}"#
      ).replacing(
        #""padding": null"#,
        with: #""padding": {"strategy": {"Fixed": \#(length)}, "direction": "Right", "pad_to_multiple_of": null, "#
          + #""pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}"#)
    }
    for (length, written) in [(512, 16), (8, 8)] {
      try workspace.write(tokenizer(length), to: "teacher/tokenizer.json")
      _ = try workspace.train(.finetune, set: ["training.maxSteps=1", "run.overwrite=true"])
      let saved = try JSON.parse(Array(workspace.text("run/best/tokenizer.json").utf8))
      #expect(try saved == JSON.parse(Array(tokenizer(written).utf8)), "\(length)")
    }
  }
}
