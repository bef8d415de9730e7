import ArgumentParser
import Collectives
import Hub
import JSON
import Text
import Training

/// `distill-ddp features`: what a stage could tap in a model, for each text.
struct FeaturesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "features",
    abstract: "Write hidden states, attention, values and logits of each text.",
    discussion: """
      Texts lie end to end: text i, from 0, has the n tokens from starts[i] to starts[i + 1]. A model of L layers gives:

        hidden.0 … hidden.L                (tokens, width); 0 is the embeddings' output
        queries, keys, values.1 … .L       (tokens, heads, head size)
        attention.1 … attention.L          flat: from attention_starts[i] on the (heads, n, n) probabilities of text i,
                                           rows are queries
        pooled (texts, width), logits (texts, classes), if the model has a head for them

      starts and attention_starts are 64-bit integers, all else 32-bit floats. More than the tensors of a file may hold is
      written to several, F-00001-of-00003.safetensors and so on, each with first_row, the text that its first row is.

        distill-ddp features --model DIR --input tweets.txt --output F.safetensors
        distill-ddp features --model DIR --input - --output - < tweets.txt | python use.py
      """)

  @Option(help: "A Hugging Face model directory, or a name on the hub.", completion: .directory)
  var model: String

  @OptionGroup var input: TextInputOptions

  @Option(
    help: "The .safetensors file to write; - is standard output, to which it goes when it is complete.",
    completion: .file(extensions: ["safetensors"]))
  var output: String

  @Option(help: "Write a file for each so many texts (default: one, or as many as tensors need).")
  var rowsPerFile: Int?

  @OptionGroup var limits: InferenceOptions

  func validate() throws {
    if let rowsPerFile, rowsPerFile < 1 {
      throw ValidationError("--rows-per-file: expected 1 or more, found \(rowsPerFile)")
    }
  }

  func run() throws {
    try onFirstRank(threads: limits.threads) { pool in
      let destination = ResultDestination(output)
      if destination.isTerminal {
        throw CommandError(
          "--output: features are bytes, which a terminal cannot show; give a file, or a pipe behind -")
      }
      let claim = try destination.claim(allowsStreams: true)
      defer { withExtendedLifetime(claim) {} }
      let directory = try Hub.ofEnvironment().locate(model, effort: .download).path
      let classifier = try ClassifierModel(directory: directory, head: .newIfMissing, role: .alone)
      if !classifier.hasTrainedHead {
        printError("Note: \(model.escapedForDisplay): has no classification head, so there will be no logits")
      } else {
        for notice in classifier.notices { printError("Note: \(notice)") }
      }
      for notice in limits.notices { printError("Note: \(notice)") }
      let examples = try input.read(RowInput(input.input, ranks: SingleProcess()))
      let tokenizer = try classifier.tokenizer()
      // A tensor's place in the file is known when those before it are complete.
      try destination.withFile(named: "features.safetensors") { path, isStream in
        let files = try classifier.writeFeatures(
          rows: examples.count,
          tokenize: { rows in
            try limits.tokenize(examples, rows: rows, by: tokenizer, for: classifier, threads: pool.workers)
          }, to: path, rowsPerFile: rowsPerFile, allowsSeveral: !isStream, pool: pool, precision: limits.precision)
        if files.count > 1 {
          printError("Note: written to \(files.count) files, \(files[0].escapedForDisplay) and those that follow")
        }
      }
    }
  }
}
