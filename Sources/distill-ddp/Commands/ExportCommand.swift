import ArgumentParser
import Encoders
import Hub
import Training

/// `distill-ddp export`: a model for other programs.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write a model as ONNX, for ONNX Runtime, Optimum or Transformers.js.",
    discussion: """
      Writes config.json, the tokenizer and onnx/model.onnx (model_fp16.onnx, model_int8.onnx) into a directory. Inputs are
      input_ids, attention_mask and, where the model tells segments apart, token_type_ids, of any batch and length; the
      output is logits, or with --features last_hidden_state.

        distill-ddp export runs/distil/best exported
        distill-ddp export runs/distil/best exported --precision float32,int8
      """)

  @Argument(help: "A Hugging Face model directory, or a name on the hub.", completion: .directory)
  var model: String

  @Argument(help: "The directory to write, or an earlier export to replace.", completion: .directory)
  var output: String

  @Option(help: "What to write.")
  var format = Format.onnx

  @Option(
    help: ArgumentHelp(
      "What weights are kept in, and computed with: float32, float16 or int8, or several with commas between them.",
      valueName: "precisions"))
  var precision = Precisions(list: [.float32])

  @Flag(help: "Give the last hidden state in place of logits, as for embeddings.")
  var features = false

  enum Format: String, ExpressibleByArgument, CaseIterable {
    case onnx
  }

  /// One or several, each once.
  struct Precisions: ExpressibleByArgument {
    let list: [GraphPrecision]

    init(list: [GraphPrecision]) { self.list = list }

    init?(argument: String) {
      let words = argument.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      let list = words.compactMap(GraphPrecision.init)
      guard list.count == words.count, Set(list).count == list.count else { return nil }
      self.list = list
    }

    var defaultValueDescription: String { list.map(\.rawValue).joined(separator: ",") }
    static var allValueStrings: [String] { GraphPrecision.allCases.map(\.rawValue) }
  }

  func run() throws {
    try onFirstRank {
      let directory = try Hub.ofEnvironment().locate(model, effort: .download).path
      let model = try ClassifierModel(directory: directory, head: .newIfMissing, role: .alone)
      let featuresOnly = features || !model.hasTrainedHead
      if featuresOnly, !features {
        printError(
          "Note: \(self.model.escapedForDisplay): has no classification head, so the output is last_hidden_state")
      }
      let files = try ONNXExport(model, precisions: precision.list, featuresOnly: featuresOnly).save(to: output)
      for file in files { printLine("\(output.escapedForDisplay)/\(file.name): \(byteText(file.bytes))") }
    }
  }

}
